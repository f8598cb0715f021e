//! The Mesos agent as a pure state machine: tasks, containers, status update streams, recovery.
//!
//! [`Agent::apply`] takes one [`Command`] and the time and returns [`Effect`]s; a driver carries them out and reports back by commands.
//! [`container`] is what the agent asks of a containerizer; [`docker_task`] and [`process_task`] decide what a `TaskInfo` means for one; [`Record`]s are what a
//! journal must keep so that a new process goes on where the old one stopped.
//!
//! Nothing here reads a clock, a file or a socket, and nothing here knows bollard, HTTP or the layout of a journal file.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

mod agent;
pub mod check;
mod command;
pub mod container;
pub mod docker_task;
mod effect;
pub mod engine_options;
pub mod fetch;
#[cfg(test)]
mod fixtures;
mod network_dns;
pub mod process_task;
mod record;
mod settings;
mod snapshot;
mod task;
mod update_stream;
mod uuids;

pub use crate::agent::Agent;
pub use crate::command::{Command, ConnectionId, LaunchFailure, Timer};
pub use crate::effect::{Effect, Launch, Watched};
pub use crate::network_dns::{DnsNetwork, NetworkDns};
pub use crate::record::{Entry, Proto, Record, UnreadableRecord};
pub use crate::settings::Settings;
pub use crate::snapshot::Snapshot;
pub use crate::task::{Phase, Task, TaskKey};
pub use crate::update_stream::UpdateStream;
