//! The shapes of everything that crosses a process boundary, and nothing that decides.
//!
//! * [`mesos::v0`]: the JSON of the master's and agent's classic endpoints.
//! * `mesos::v1` (feature `v1`): the protobuf messages of the v1 APIs, with their JSON form.
//! * `link` (feature `v1`): the frames between master and agent.
//! * [`marathon`]: the JSON of Marathon's API.
//! * [`console`]: the JSON of the consoles' own API.
//! * [`history`]: the JSON of what has been, our own API on both ports.
//! * [`recordio`]: the framing of the v1 event streams and of the agent link.
//!
//! The browser bundle uses this crate without `v1`. Domain types live elsewhere and never
//! serialize themselves for a public API.
#![forbid(unsafe_code)]

pub mod console;
pub mod history;
#[cfg(feature = "v1")]
mod json;
#[cfg(feature = "v1")]
pub mod link;
pub mod marathon;
pub mod mesos;
pub mod recordio;
