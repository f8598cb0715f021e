//! Marathon's pure core: definitions, groups, instances, deployments, offer matching.
//!
//! Synchronous and deterministic: no I/O, no clock, no randomness; time and ids come in as parameters.
#![forbid(unsafe_code)]
#![warn(clippy::wildcard_enum_match_arm)]

mod backoff;
pub mod command;
pub mod deployment;
pub mod effect;
mod endpoint;
mod entropy;
mod environment;
pub mod events;
pub mod health;
pub mod identity;
pub mod instance;
mod marathon;
mod matching;
pub mod offer;
mod plan;
pub mod queue;
pub mod records;
pub mod render;
pub mod rollout;
pub mod run_spec;
pub mod scheduler_api;
mod settings;
pub mod snapshot;
pub mod task_info;
mod timers;
mod tree;
mod wall_clock;

pub use command::Command;
pub use effect::Effect;
pub use entropy::Entropy;
pub use identity::DeploymentId;
pub use marathon::{Marathon, Start};
pub use settings::Settings;
pub use snapshot::Snapshot;
pub use wall_clock::WallClock;
