//! Sessions: whose ephemeral nodes these are, whose writes are fenced, which writes were applied already.

use std::fmt;
use std::sync::Arc;

use imbl::OrdMap;
use model::Epoch;
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::staged::Staged;

/// Names a session; never used again after the session was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Names a master node of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a leader's write carries: it applies only while this session lives and owns this election node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// The leader's session.
    pub session: SessionId,
    /// Path of its election node in the client tree.
    pub node: Arc<str>,
    /// The czxid of that node.
    pub epoch: Epoch,
}

/// Who holds a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionKind {
    /// One incarnation of a master node: it writes for the platform.
    Node,
    /// A client of the tree; what belongs to the platform it may only read.
    Client {
        /// How long it may be silent, in milliseconds.
        timeout_ms: u32,
    },
}

/// An open session.
///
/// The serialised form is the whole of it: a stored machine keeps it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The node whose process holds the session, or that a client opened it through.
    pub node: NodeId,
    /// Who holds it.
    pub kind: SessionKind,
    /// Outcomes of writes that were applied and whose answer the writer may not have seen yet.
    pub(crate) outcomes: OrdMap<u64, Outcome>,
    /// Every write below this number has been answered.
    pub(crate) answered: u64,
    /// Parts of writes that are not complete yet, by the number of the write.
    pub(crate) staged: OrdMap<u64, Staged>,
}

impl Session {
    pub(crate) fn new(node: NodeId, kind: SessionKind) -> Self {
        Self { node, kind, outcomes: OrdMap::new(), answered: 0, staged: OrdMap::new() }
    }

    /// Whether it is a master node's, which may touch everything.
    pub const fn is_platform(&self) -> bool {
        matches!(self.kind, SessionKind::Node)
    }

    /// Bytes of all that is staged in the session.
    pub fn staged_bytes(&self) -> u64 {
        self.staged.values().map(Staged::bytes).sum()
    }

    /// Drops the outcomes that nobody will ask for again, and chunks whose write will never come.
    pub(crate) fn forget_below(&mut self, answered: u64) {
        while self.outcomes.get_min().is_some_and(|(sequence, _)| *sequence < answered) {
            self.outcomes = self.outcomes.without_min().1;
        }
        while self.staged.get_min().is_some_and(|(sequence, _)| *sequence < answered) {
            self.staged = self.staged.without_min().1;
        }
        self.answered = self.answered.max(answered);
    }
}
