//! Operations on the client tree; several of them form a multi, which applies as a whole or not at all.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Stat;

/// What kind of node a create makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CreateMode {
    /// Stays until it is deleted.
    Persistent,
    /// Stays until it is deleted; ten digits of the parent's counter are appended to its name.
    PersistentSequential,
    /// Vanishes with the session that created it.
    Ephemeral,
    /// Vanishes with its session and carries the parent's counter in its name.
    EphemeralSequential,
}

impl CreateMode {
    /// Whether the node vanishes with its session.
    pub const fn is_ephemeral(self) -> bool {
        matches!(self, Self::Ephemeral | Self::EphemeralSequential)
    }

    /// Whether the parent's counter is appended to the name.
    pub const fn is_sequential(self) -> bool {
        matches!(self, Self::PersistentSequential | Self::EphemeralSequential)
    }
}

/// One operation on the client tree. A version of `None` matches every version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Creates a node under an existing parent.
    Create {
        /// The path, or its beginning when the mode is sequential.
        path: Arc<str>,
        /// The node's data.
        data: Bytes,
        /// What kind of node.
        mode: CreateMode,
    },
    /// Deletes a node without children.
    Delete {
        /// The node.
        path: Arc<str>,
        /// The version it must have.
        version: Option<i32>,
    },
    /// Replaces a node's data.
    SetData {
        /// The node.
        path: Arc<str>,
        /// The new data.
        data: Bytes,
        /// The version it must have.
        version: Option<i32>,
    },
    /// Demands that a node exists in a version.
    Check {
        /// The node.
        path: Arc<str>,
        /// The version it must have.
        version: Option<i32>,
    },
}

/// What an operation of a multi that succeeded gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationResult {
    /// The node was created at this path.
    Created {
        /// The path with its sequence number, when it has one.
        path: Arc<str>,
        /// The node's stat.
        stat: Stat,
    },
    /// The node was deleted.
    Deleted,
    /// The data was replaced.
    Set {
        /// The node's stat.
        stat: Stat,
    },
    /// The node exists in the version.
    Checked,
}
