//! Who gets the next offer: hierarchical dominant resource fairness, offer filters, suppression.
//!
//! [`Allocator`] keeps what is free on which agent, who holds what, and who does not want what.
//! [`Allocator::allocate`] turns that into a small [`Problem`] of indices and numbers, lets
//! [`solve`] decide, and books the answer. The solver knows no ids, no filters and no time.
//!
//! **Invariant:** for every agent, what all frameworks hold plus what is free equals its total, unless
//! the agent itself reported more tasks than it has resources; then nothing of it is free.
//!
//! The allocator does not know offers: an offer is resources that a framework holds. It does not know
//! quota yet; it would be a stage before [`solve`] and a limit inside it.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

mod allocator;
mod filters;
mod ledger;
mod minimum;
mod problem;
mod solver;
mod weights;

pub use allocator::{Allocator, Grant, Settings};
pub use filters::{DEFAULT_REFUSAL, LONGEST_REFUSAL, refusal};
pub use ledger::Share;
pub use minimum::{MalformedMinimum, MinimumAllocatable};
pub use problem::{Branch, Candidate, KINDS, Problem, Quantities};
pub use solver::{Solution, solve};
pub use weights::{InvalidWeight, Weight};
