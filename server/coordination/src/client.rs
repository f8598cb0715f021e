//! Changes of the client tree by the platform: one operation, or several as a whole.

use std::sync::Arc;

use bytes::Bytes;
use zookeeper_core::{CreateMode, Fence, Operation, OperationResult, Stat, Znode};

use crate::proposer::{Changes, WriteError};
use crate::session::Session;

/// Operations that apply together or not at all, each seeing what the ones before it did.
///
/// A version of `None` matches every version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Multi {
    operations: Vec<Operation>,
}

impl Multi {
    /// No operations yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a node under an existing parent; with a sequential mode `path` is the name's beginning.
    #[must_use]
    pub fn create(self, path: &str, data: impl Into<Bytes>, mode: CreateMode) -> Self {
        self.and(Operation::Create { path: path.into(), data: data.into(), mode })
    }

    /// Replaces a node's data.
    #[must_use]
    pub fn set(self, path: &str, data: impl Into<Bytes>, version: Option<i32>) -> Self {
        self.and(Operation::SetData { path: path.into(), data: data.into(), version })
    }

    /// Deletes a node without children.
    #[must_use]
    pub fn delete(self, path: &str, version: Option<i32>) -> Self {
        self.and(Operation::Delete { path: path.into(), version })
    }

    /// Demands that a node exists in a version.
    #[must_use]
    pub fn check(self, path: &str, version: Option<i32>) -> Self {
        self.and(Operation::Check { path: path.into(), version })
    }

    fn and(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }
}

impl Session {
    /// Changes the client tree; ephemeral nodes are owned by this session. With a fence the change applies
    /// only while that leadership lasts.
    ///
    /// Gives one result per operation, in their order.
    ///
    /// # Errors
    /// Then nothing was changed; a refusal names the operation that failed and why.
    pub async fn multi(
        &self,
        fence: Option<&Fence>,
        multi: Multi,
    ) -> Result<Vec<OperationResult>, WriteError> {
        let (fence, operations) = (fence.cloned(), multi.operations);
        let changes = Changes { fence, operations, ..Changes::default() };
        Ok(self.proposer.write(changes).await?.results)
    }

    /// Creates one node; its path, with the number when the mode is sequential, and its stat.
    ///
    /// # Errors
    /// As [`Self::multi`].
    pub async fn create(
        &self,
        path: &str,
        data: impl Into<Bytes>,
        mode: CreateMode,
    ) -> Result<(Arc<str>, Stat), WriteError> {
        let results = self.multi(None, Multi::new().create(path, data, mode)).await?;
        match results.into_iter().next() {
            Some(OperationResult::Created { path, stat }) => Ok((path, stat)),
            _ => Err(WriteError::Stopped),
        }
    }

    /// The node at `path` of the client tree, as it is now.
    pub fn node(&self, path: &str) -> Option<Znode> {
        self.published.state().client().get(path).cloned()
    }
}
