//! Why an operation on the tree was refused, with ZooKeeper's numbers.

use serde::{Deserialize, Serialize};

/// ZooKeeper's error codes, as far as operations on the tree answer with them.
///
/// Source: apache/zookeeper: zookeeper-server/src/main/java/org/apache/zookeeper/KeeperException.java
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ErrorCode {
    /// Another operation of the same multi failed.
    #[error("another operation of the same multi failed")]
    RuntimeInconsistency,
    /// The path or an argument is malformed, or names a node that may not be touched.
    #[error("the path or an argument is malformed")]
    BadArguments,
    /// The node, or the parent of the node to create, does not exist.
    #[error("there is no such node")]
    NoNode,
    /// The version given is not the node's.
    #[error("the node has another version")]
    BadVersion,
    /// The parent is ephemeral.
    #[error("an ephemeral node cannot have children")]
    NoChildrenForEphemerals,
    /// A node of that path exists.
    #[error("the node exists already")]
    NodeExists,
    /// The node has children.
    #[error("the node has children")]
    NotEmpty,
    /// The node belongs to the platform.
    #[error("the node belongs to the platform")]
    NoAuth,
}

impl ErrorCode {
    /// The number of the code on the wire.
    pub const fn number(self) -> i32 {
        match self {
            Self::RuntimeInconsistency => -2,
            Self::BadArguments => -8,
            Self::NoNode => -101,
            Self::NoAuth => -102,
            Self::BadVersion => -103,
            Self::NoChildrenForEphemerals => -108,
            Self::NodeExists => -110,
            Self::NotEmpty => -111,
        }
    }
}
