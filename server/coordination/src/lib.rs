//! Coordination: the replicated state of the platform, sessions, elections and fenced writes.
//!
//! [`Node`] runs raft for this process; [`Session`] is the handle through which the Mesos master and
//! Marathon stand for election, load their records and write them. An answer to a write means: its entry is
//! in the log, synced to disk, applied, and visible to every later [`Session::load`] of this process.
//!
//! All raft types stay inside this crate. There is one voter so far: several masters, their transport and
//! the renewal of node sessions over the network come with the cluster. The lease is kept already: a leader
//! that raft has not confirmed for a third of a second is suspended until it is ([`Lease`]).
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod candidacy;
mod client;
mod config;
mod data_dir;
mod election;
mod features;
mod keeper;
pub mod lease;
mod log;
mod node;
mod proposer;
mod raft;
mod session;
mod snapshot;
mod standing;
mod storage;
mod subscription;

pub use client::Multi;
pub use config::{Config, SEGMENT_BYTES, SNAPSHOT_LOG_BYTES};
pub use data_dir::DataDirError;
pub use election::Election;
pub use features::CLUSTER_RECORD;
pub use log::LogError;
pub use node::{Node, StartError};
pub use proposer::{MAX_CHANGE_BYTES, MAX_ENTRY_BYTES, PendingWrite, WriteError};
pub use session::{Leadership, Loaded, Session, SessionError};
pub use standing::Lease;
pub use storage::{NoRoom, Storage};
pub use subscription::{Event, QUEUE as EVENT_QUEUE, Subscription};
pub use zookeeper_core::{
    Change, ChangeKind, CreateMode, ErrorCode, Fence, MAX_RECORD_BYTES, Namespace, NodeId,
    OperationResult, RecordError, Refusal, SessionId, Stat, Znode, Zxid,
};
