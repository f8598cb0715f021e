//! Puts stored nodes back, from which children and ephemeral nodes follow.

use std::sync::Arc;

use super::Tree;
use crate::Znode;
use crate::path::{name, parent};

impl Tree {
    /// Puts a node back under its parent; false when that is missing.
    pub(crate) fn put_back(&mut self, path: Arc<str>, node: Znode) -> bool {
        if let Some(parent) = parent(&path) {
            let Some(parent) = self.nodes.get_mut(parent) else { return false };
            Arc::make_mut(parent).children.insert(name(&path).into());
        }
        if let Some(session) = node.ephemeral_owner {
            self.ephemerals.entry(session).or_default().insert(Arc::clone(&path));
        }
        self.nodes.insert(path, Arc::new(node));
        true
    }
}
