//! One node of the tree and the stat that clients read of it.

use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdSet;
use model::Timestamp;

use crate::{SessionId, Zxid};

/// A node: its data, its counters and the names of its children.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Znode {
    /// What the node holds.
    pub data: Bytes,
    /// The entry that created the node.
    pub czxid: Zxid,
    /// The entry that last set the data.
    pub mzxid: Zxid,
    /// The entry that last created or deleted a child.
    pub pzxid: Zxid,
    /// When the node was created.
    pub ctime: Timestamp,
    /// When the data was last set.
    pub mtime: Timestamp,
    /// How often the data was set.
    pub version: i32,
    /// How many children were created; names the next sequential child.
    pub creates: i32,
    /// The session whose end deletes the node; `None` for a persistent node.
    pub ephemeral_owner: Option<SessionId>,
    /// Names of the children, in order.
    pub children: OrdSet<Arc<str>>,
}

/// ZooKeeper's stat of a node, without the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stat {
    /// The entry that created the node.
    pub czxid: Zxid,
    /// The entry that last set the data.
    pub mzxid: Zxid,
    /// The entry that last created or deleted a child.
    pub pzxid: Zxid,
    /// When the node was created.
    pub ctime: Timestamp,
    /// When the data was last set.
    pub mtime: Timestamp,
    /// How often the data was set.
    pub version: i32,
    /// How many children were created or deleted.
    pub cversion: i32,
    /// The owning session, when the node is ephemeral.
    pub ephemeral_owner: Option<SessionId>,
    /// Bytes of data.
    pub data_length: u32,
    /// Number of children.
    pub num_children: u32,
}

impl Znode {
    /// The stat as clients read it.
    pub fn stat(&self) -> Stat {
        let num_children = u32::try_from(self.children.len()).unwrap_or(u32::MAX);
        Stat {
            czxid: self.czxid,
            mzxid: self.mzxid,
            pzxid: self.pzxid,
            ctime: self.ctime,
            mtime: self.mtime,
            version: self.version,
            // Creates plus deletes: every child ever created is either still there or was deleted.
            cversion: self.creates.wrapping_mul(2).wrapping_sub_unsigned(num_children),
            ephemeral_owner: self.ephemeral_owner,
            data_length: u32::try_from(self.data.len()).unwrap_or(u32::MAX),
            num_children,
        }
    }
}
