//! The replicated state machine with ZooKeeper's data model: znodes, sessions and platform records.
//!
//! Every master node applies the same entries in the same order and so holds the same state; time, ids and
//! session numbers come from the entry, never from the replica. The state lives in persistent maps: a clone
//! is a snapshot and costs O(1), and a multi that fails is undone by dropping its copy.
//!
//! There are two namespaces. `client` is the tree that ZooKeeper clients see; elections stand in it, at
//! nodes that clients can read and never change ([`belongs_to_platform`]). `platform` holds the records of the Mesos master and of Marathon and is reached only in process.
//!
//! This crate does not know that raft, disks, sockets or clocks exist.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

mod change;
mod entry;
mod error;
mod machine;
mod operation;
mod ownership;
mod path;
mod records;
mod session;
mod staged;
mod tree;
mod znode;
mod zxid;

pub use change::{Change, ChangeKind, Namespace};
pub use entry::{Chunk, Command, Entry, NEWEST_FORMAT, Outcome, Refusal, Write};
pub use error::ErrorCode;
pub use machine::{Piece, RestoreError, Restoring, StateMachine, Stored, StoredNode};
pub use operation::{CreateMode, Operation, OperationResult};
pub use ownership::belongs_to_platform;
pub use path::{name, parent, validate};
pub use records::{MAX_RECORD_BYTES, Record, RecordError, Records};
pub use session::{Fence, NodeId, Session, SessionId, SessionKind};
pub use staged::{MAX_STAGED_BYTES, Staged};
pub use tree::Tree;
pub use znode::{Stat, Znode};
pub use zxid::Zxid;
