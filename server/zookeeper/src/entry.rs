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

/// The newest format of entries, and the highest feature level of a cluster.
pub const NEWEST_FORMAT: u16 = 2;

/// What an entry does. New variants go to the end, with a new format: older entries must stay readable.
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
    /// Opens the session of a client. It outlives the process of the node that it was opened through.
    OpenClientSession {
        /// A number that was never used before.
        session: SessionId,
        /// The node that the client is connected to.
        node: NodeId,
        /// How long the client may be silent, in milliseconds.
        timeout_ms: u32,
    },
    /// Lays records of a coming [`Command::WriteStaged`] aside, where nobody sees them.
    Stage(Chunk),
    /// A write whose records did not fit into one entry: applies the chunks staged for its number, in
    /// order, and then what it carries itself, as a whole or not at all.
    WriteStaged {
        /// The write; its records come after the staged ones.
        write: Write,
        /// How many chunks belong to it.
        chunks: u32,
    },
}

impl Command {
    /// The oldest format of entries that has this command (design D14).
    ///
    /// A program stops at an entry whose format it does not know, and proposes a command only when every
    /// member of the cluster knows its format.
    pub const fn format(&self) -> u16 {
        match self {
            Self::OpenSession { .. } | Self::CloseSession { .. } | Self::Write(_) => 1,
            Self::OpenClientSession { .. } | Self::Stage(_) | Self::WriteStaged { .. } => 2,
        }
    }
}

/// A part of a change that is larger than one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The session that writes.
    pub session: SessionId,
    /// The number that the completing write has in the session.
    pub sequence: u64,
    /// Position among the chunks of the write, from 0.
    pub index: u32,
    /// Puts and deletes of platform records, in order.
    pub records: Vec<RecordWrite>,
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
    /// A session stages more than [`crate::MAX_STAGED_BYTES`].
    #[error("session {session} stages more than {} bytes", crate::MAX_STAGED_BYTES)]
    TooMuchStaged {
        /// The session.
        session: SessionId,
    },
    /// A chunk of the write is missing.
    #[error("write {sequence} has not all of its {chunks} chunks")]
    Incomplete {
        /// The write's number.
        sequence: u64,
        /// How many it should have.
        chunks: u32,
    },
    /// A client's session may not touch the platform's records.
    #[error("session {session} is a client's and cannot write records of the platform")]
    NotPlatform {
        /// The session.
        session: SessionId,
    },
}
