//! The frames of the agent link, one connection between each agent and the leading master.
//!
//! After `GET /ekiden/v1/agent-link` with `Upgrade: ekiden-agent-link/1` both sides write RecordIO
//! frames of protobuf: the agent [`AgentFrame`], the master [`MasterFrame`]. Everything on a link
//! is in order and dies with it. See `app/wire/proto/ekiden/link/v1/link.proto` for the protocol.

mod messages;
mod parts;

pub use messages::*;
pub use parts::{Disjointed, Joiner, split};

/// The path on the master that is upgraded to a link.
pub const PATH: &str = "/ekiden/v1/agent-link";

/// The name of the protocol in the `Upgrade` header.
pub const PROTOCOL: &str = "ekiden-agent-link/1";

/// Header of a side's random number, in hexadecimal digits: the agent's in the request, the master's in the answer.
///
/// An agent that sends one asks for mutual proof that both know the cluster's secret. The master proves itself in
/// [`PROOF`] of its 101; the agent then sends its own proof, 32 bytes, before its first frame.
pub const NONCE: &str = "ekiden-nonce";

/// Header of the master's proof, in hexadecimal digits.
pub const PROOF: &str = "ekiden-proof";

/// The largest frame that either side reads; a peer that announces a longer one is cut off.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;
