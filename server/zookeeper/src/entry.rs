//! What the log carries, and what comes of it.

use model::{RecordWrite, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{ErrorCode, Fence, NodeId, Operation, OperationResult, RecordError, SessionId, Zxid};

/// One entry of the log: a command and the wall clock of the node that proposed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The proposer's wall clock; applied times never go back, whatever the clocks say.
    pub time: Timestamp,
    /// What to do.
    pub command: Command,
}

/// What an entry does. New variants go to the end: older entries must stay readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Opens the session of a node's new incarnation and closes those of its older ones.
    OpenSession {
        /// A number that was never used before.
        session: SessionId,
        /// The node.
        node: NodeId,
    },
    /// Closes a session; its ephemeral nodes vanish.
    CloseSession {
        /// The session; closing one that is not open changes nothing.
        session: SessionId,
    },
    /// Changes the client tree and the platform's records, as a whole or not at all.
    Write(Write),
}

/// A write of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// The session that writes.
    pub session: SessionId,
    /// Number of the write within the session: a repeat has the same and is answered from memory.
    pub sequence: u64,
    /// The writer has the answers of all writes below this number; their outcomes are forgotten.
    pub answered: u64,
    /// What must hold for a leader's write.
    pub fence: Option<Fence>,
    /// Operations on the client tree, in order.
    pub operations: Vec<Operation>,
    /// Puts and deletes of platform records, in order.
    pub records: Vec<RecordWrite>,
}

/// What came of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was applied.
    Applied {
        /// The number of the change.
        zxid: Zxid,
        /// One result per operation.
        results: Vec<OperationResult>,
    },
    /// Nothing was changed.
    Refused(Refusal),
}

/// Why an entry changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The session is not open.
    #[error("session {session} is closed")]
    SessionClosed {
        /// The session.
        session: SessionId,
    },
    /// The election node is gone or belongs to somebody else.
    #[error("`{node}` is not the election node of session {session} any more")]
    Deposed {
        /// The fence's session.
        session: SessionId,
        /// The fence's node.
        node: String,
    },
    /// An operation failed.
    #[error("operation {index} of the write failed: {code}")]
    Failed {
        /// Position of the operation, from 0.
        index: u32,
        /// Why.
        code: ErrorCode,
    },
    /// A record has a malformed path or is too large.
    #[error(transparent)]
    Record(RecordError),
    /// The write claims to be answered, so its outcome is not known any more.
    #[error("write {sequence} was answered before")]
    Forgotten {
        /// The write's number.
        sequence: u64,
    },
}
