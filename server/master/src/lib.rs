//! The Mesos master as a state machine: agents, frameworks, offers, tasks.
//!
//! [`Master::apply`] takes a [`Command`] and the time and returns the [`Effect`]s that must follow, in
//! order: a durable write stands before whatever may only happen after it. Nothing here does I/O, reads a
//! clock or makes anything at random.
//!
//! Durable are two kinds of records, one small one per agent and per framework ([`record`]); tasks, offers
//! and executors are rebuilt from what agents report when they come back.
//!
//! **Invariants**, checked after random commands in `books.rs`:
//! * on every agent, offered + used + free = total;
//! * no task is on two agents, and no offer stands for a framework or agent that is not connected;
//! * no framework hears of an unreachable agent before that is durable.
//!
//! **Absent on purpose:** HTTP, JSON, heartbeats (the streams' own business), what is inside a task's
//! command or container (the agent's business).
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

mod agents;
#[cfg(test)]
mod books;
mod calls;
mod command;
mod config;
mod convert;
mod counters;
mod effect;
#[cfg(test)]
mod fixture;
mod frameworks;
mod master;
mod offers;
pub mod record;
mod recover;
mod room;
mod snapshot;
mod tasks;
mod update;
pub mod validation;
pub mod view;

pub use agents::{Agent, UnreachableAgent};
pub use command::{Command, LinkId, StreamId, Timer};
pub use config::Config;
pub use counters::Counters;
pub use effect::{Effect, Refusal, Reply};
pub use frameworks::{Capabilities, Connection, Framework};
pub use master::Master;
pub use offers::Offer;
pub use recover::Recovery;
pub use snapshot::Snapshot;
pub use tasks::Task;
