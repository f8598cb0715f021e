//! Sessions: whose ephemeral nodes these are, whose writes are fenced, which writes were applied already.

use std::fmt;
use std::sync::Arc;

use imbl::OrdMap;
use model::Epoch;
use serde::{Deserialize, Serialize};

use crate::Outcome;

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

/// An open session of one incarnation of a master node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The node whose process holds the session.
    pub node: NodeId,
    /// Outcomes of writes that were applied and whose answer the writer may not have seen yet.
    pub(crate) outcomes: OrdMap<u64, Outcome>,
    /// Every write below this number has been answered.
    pub(crate) answered: u64,
}

impl Session {
    pub(crate) fn new(node: NodeId) -> Self {
        Self { node, outcomes: OrdMap::new(), answered: 0 }
    }

    /// Drops the outcomes that nobody will ask for again.
    pub(crate) fn forget_below(&mut self, answered: u64) {
        while self.outcomes.get_min().is_some_and(|(sequence, _)| *sequence < answered) {
            self.outcomes = self.outcomes.without_min().1;
        }
        self.answered = self.answered.max(answered);
    }
}
