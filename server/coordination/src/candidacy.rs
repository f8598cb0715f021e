//! An election node of this process, and how it is withdrawn.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use zookeeper_core::{Operation, SessionId};

use crate::log::Purpose;
use crate::proposer::{Changes, Proposer, WriteError};
use crate::storage::Storage;

/// An election node of this process; deleted when this is dropped.
#[derive(Debug)]
pub(crate) struct Candidacy {
    pub(crate) node: Arc<str>,
    pub(crate) session: SessionId,
    pub(crate) proposer: Proposer,
    pub(crate) storage: Storage,
    /// Where the withdrawal runs.
    pub(crate) runtime: Handle,
    is_withdrawn: bool,
}

impl Candidacy {
    /// The candidacy that stands at `node`.
    pub(crate) fn new(
        node: Arc<str>,
        session: SessionId,
        proposer: Proposer,
        storage: Storage,
        runtime: Handle,
    ) -> Self {
        Self { node, session, proposer, storage, runtime, is_withdrawn: false }
    }

    /// Orders the node's deletion, which happens also when nobody waits for it.
    pub(crate) fn withdraw(&mut self) -> Option<JoinHandle<()>> {
        if std::mem::replace(&mut self.is_withdrawn, true) {
            return None;
        }
        let (proposer, storage) = (self.proposer.clone(), self.storage.clone());
        Some(self.runtime.spawn(withdraw(proposer, storage, Arc::clone(&self.node))))
    }
}

impl Drop for Candidacy {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// Deletes the node, however long the log has no room for that: a node that stayed would go on leading with nobody behind it.
async fn withdraw(proposer: Proposer, storage: Storage, node: Arc<str>) {
    loop {
        let delete = Operation::Delete { path: Arc::clone(&node), version: None };
        let (operations, purpose) = (vec![delete], Purpose::Election);
        let changes = Changes { operations, purpose, ..Changes::default() };
        match proposer.write(changes).await {
            Err(WriteError::NoRoom(_)) => storage.room().await,
            // It is gone, or its session is, or nobody of this process can change anything any more.
            Ok(_)
            | Err(
                WriteError::Refused(_)
                | WriteError::TooLarge { .. }
                | WriteError::AfterFailure
                | WriteError::NotLeading
                | WriteError::Stopped,
            ) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;
    use zookeeper_core::Zxid;

    use super::*;
    use crate::proposer::Done;
    use crate::storage::{NoRoom, Room};

    #[tokio::test]
    async fn a_withdrawal_that_finds_the_disk_full_is_made_once_there_is_room() {
        let (proposer, mut asks) = Proposer::channel(Room::new(1 << 20, 1 << 20, 0));
        let (full, is_full) = watch::channel(Some(NoRoom::DiskFull));
        let (node, storage) = ("/mesos/json.info_0000000001".into(), Storage::new(is_full));
        let mut candidacy =
            Candidacy::new(node, SessionId(1), proposer, storage, Handle::current());
        assert!(candidacy.withdraw().is_some());
        drop(candidacy);
        let done = || Done { zxid: Zxid::default(), results: Vec::new() };
        assert_eq!(asks.answer(Err(NoRoom::DiskFull.into())).await.unwrap().operations.len(), 1);
        full.send_replace(None);
        assert_eq!(asks.answer(Ok(done())).await.unwrap().operations.len(), 1);
        assert!(asks.answer(Ok(done())).await.is_none(), "it withdrew twice");
    }
}
