//! Who gets the next offer: hierarchical dominant resource fairness, offer filters, suppression.
//!
//! [`Allocator`] keeps what is free on which agent, who holds what, and who does not want what.
//! [`Allocator::allocate`] gives each agent, whole, to the share that stands furthest behind and may have
//! it. Ids are looked up at the edge; inside, agents and shares are numbers, and shares stay sorted while
//! resources come and go.
//!
//! **Invariant:** for every agent, what all frameworks hold plus what is free equals its total, unless
//! the agent itself reported more tasks than it has resources; then nothing of it is free.
//!
//! The allocator does not know offers: an offer is resources that a framework holds. It does not know
//! quota yet; it would be a race before the others and a limit inside them.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

mod accounts;
mod allocator;
mod filters;
mod minimum;
mod quantities;
mod slots;
mod tree;
mod weights;

pub use accounts::Share;
pub use allocator::{Allocator, Grant, Settings};
pub use filters::{DEFAULT_REFUSAL, LONGEST_REFUSAL, refusal};
pub use minimum::{MalformedMinimum, MinimumAllocatable};
pub use weights::{InvalidWeight, Weight};
