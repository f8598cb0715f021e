//! Coordination: the replicated state of the platform, sessions, elections and fenced writes.
//!
//! [`Node`] runs raft for this process; [`Session`] is the handle through which the Mesos master and
//! Marathon stand for election, load their records and write them. An answer to a write means: its entry is
//! in the log, synced to disk, applied, and visible to every later [`Session::load`] of this process.
//!
//! All raft types stay inside this crate. There is one voter so far: several masters, their transport and
//! the renewal of node sessions come with the cluster; the session then lives as long as it is renewed,
//! today as long as this process leads raft.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod config;
mod data_dir;
mod election;
mod log;
mod node;
mod proposer;
mod raft;
mod session;
mod snapshot;
mod storage;

pub use config::{Config, SEGMENT_BYTES, SNAPSHOT_LOG_BYTES};
pub use data_dir::DataDirError;
pub use election::Election;
pub use log::LogError;
pub use node::{Node, StartError};
pub use proposer::{MAX_ENTRY_BYTES, PendingWrite, WriteError};
pub use session::{Leadership, Loaded, Session, SessionError};
pub use storage::Storage;
pub use zookeeper_core::{Fence, MAX_RECORD_BYTES, NodeId, RecordError, Refusal, Zxid};
