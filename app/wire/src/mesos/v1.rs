//! The messages of the Mesos v1 APIs, as protobuf and as JSON.
//!
//! Generated from `app/wire/proto`; the serde implementations follow the rules described in the
//! private module `json`. A required field that is missing is refused in JSON; in protobuf it
//! reads as empty, so whoever takes a message from outside validates it.

pub mod executor;
mod messages;
pub mod scheduler;

pub use messages::*;
