//! The handle through which the platform's components coordinate.

use std::sync::Arc;

use bytes::Bytes;
use model::{Epoch, RecordWrite};
use tokio::runtime::Handle;
use tokio::sync::watch;
use zookeeper_core::{
    CreateMode, ErrorCode, Fence, Operation, OperationResult, Refusal, SessionId, StateMachine,
    Zxid,
};

use crate::election::{Election, Leader};
use crate::proposer::{Changes, PendingWrite, Proposer, WriteError};
use crate::raft::Published;

/// Why a campaign ended without leadership.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The candidate's node could not be made.
    #[error("cannot stand for election")]
    Campaign(#[source] WriteError),
    /// The node session was closed: another incarnation of this node has started.
    #[error("the node session was closed")]
    Closed,
    /// This process holds no lease: it does not lead raft, or it stopped.
    #[error("this node holds no lease")]
    NoLease,
}

/// The node session of this process. Clones share it; it ends with [`crate::Node::shutdown`].
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) id: SessionId,
    pub(crate) proposer: Proposer,
    pub(crate) published: Arc<Published>,
    /// Whether this node holds the lease that its session needs.
    pub(crate) lease: watch::Receiver<bool>,
    /// Where raft runs.
    pub(crate) runtime: Handle,
}

impl Session {
    /// Stands for election and returns once this process leads it.
    ///
    /// `content` is what the election node shows: the `MasterInfo` as JSON, or Marathon's host and port.
    /// Dropping the future, or the [`Leadership`], withdraws the candidacy.
    ///
    /// # Errors
    /// When the session is closed or has no lease, or when the log refuses the candidate's node.
    pub async fn campaign(
        &self,
        election: Election,
        content: Bytes,
    ) -> Result<Leadership, SessionError> {
        // On a task of its own: were it dropped while the node is being made, the node would stay and lead.
        // A task that nobody waits for any more ends by dropping the candidacy, which deletes the node.
        let session = self.clone();
        let standing = self.runtime.spawn(async move { session.stand(election, content).await });
        let candidacy = standing.await.map_err(|_| SessionError::NoLease)??;
        let mut leader = self.published.board(election).leader.subscribe();
        let mut lease = self.lease.clone();
        loop {
            let (node, epoch) = match &*leader.borrow_and_update() {
                Some(leader) => (Some(Arc::clone(&leader.node)), leader.epoch),
                None => (None, Epoch::default()),
            };
            if node.is_some_and(|node| node == candidacy.node) {
                let fence = Fence { session: self.id, node: Arc::clone(&candidacy.node), epoch };
                return Ok(Leadership { epoch, fence, leader, lease, candidacy });
            }
            if self.published.state().client().get(&candidacy.node).is_none() {
                return Err(SessionError::Closed);
            }
            tokio::select! {
                changed = leader.changed() => changed.map_err(|_| SessionError::NoLease)?,
                () = without_lease(&mut lease) => return Err(SessionError::NoLease),
            }
        }
    }

    /// Makes the candidate's node, and its folders where they are missing.
    async fn stand(&self, election: Election, content: Bytes) -> Result<Candidacy, SessionError> {
        let candidate: Arc<str> = election.candidate(rand::random()).into();
        loop {
            let state = self.published.state();
            let missing =
                election.folders().iter().filter(|path| state.client().get(path).is_none());
            let create = |path: Arc<str>, data, mode| Operation::Create { path, data, mode };
            let mut operations: Vec<_> = missing
                .map(|path| create((*path).into(), Bytes::new(), CreateMode::Persistent))
                .collect();
            let mode = CreateMode::EphemeralSequential;
            operations.push(create(Arc::clone(&candidate), content.clone(), mode));
            let changes = Changes { operations, ..Changes::default() };
            match self.proposer.write(changes).await {
                Ok(mut done) => {
                    let Some(OperationResult::Created { path, .. }) = done.results.pop() else {
                        return Err(SessionError::Closed);
                    };
                    return Ok(Candidacy { node: path, proposer: self.proposer.clone() });
                }
                // Another candidate made the folders meanwhile.
                Err(WriteError::Refused(Refusal::Failed {
                    code: ErrorCode::NodeExists, ..
                })) => {}
                Err(WriteError::Refused(Refusal::SessionClosed { .. })) => {
                    return Err(SessionError::Closed);
                }
                Err(error) => return Err(SessionError::Campaign(error)),
            }
        }
    }

    /// The records at and below `prefix`, all at one zxid. Costs O(1); iterating is on the caller.
    pub fn load(&self, prefix: &str) -> Loaded {
        Loaded { state: self.published.state(), prefix: prefix.to_owned() }
    }

    /// Writes records as one entry, which applies only while `fence` holds.
    ///
    /// Returns once the entry is durable and applied: a [`Self::load`] after it sees the records.
    ///
    /// # Errors
    /// Then nothing was changed. A refusal by the fence means that the leadership is over.
    pub async fn write(&self, fence: &Fence, writes: Vec<RecordWrite>) -> Result<Zxid, WriteError> {
        self.propose(fence, writes).await.await
    }

    /// Like [`Self::write`], but returns as soon as the place in the order is taken; waits only while too
    /// many writes are queued. Writes proposed one after the other apply in that order.
    pub async fn propose(&self, fence: &Fence, writes: Vec<RecordWrite>) -> PendingWrite {
        let fence = Some(fence.clone());
        self.proposer.propose(Changes { fence, operations: Vec::new(), records: writes }).await
    }

    /// The content of the leading election node; `None` while there is no leader.
    pub fn leader(&self, election: Election) -> watch::Receiver<Option<Bytes>> {
        self.published.board(election).content.subscribe()
    }

    /// The session's number, as `ephemeralOwner` shows it.
    pub fn id(&self) -> SessionId {
        self.id
    }
}

/// Resolves once the lease is gone.
async fn without_lease(lease: &mut watch::Receiver<bool>) {
    // An error means that the node is gone, and the lease with it.
    let _ = lease.wait_for(|holds| !holds).await;
}

/// An election node of this process; deleted when this is dropped.
#[derive(Debug)]
struct Candidacy {
    node: Arc<str>,
    proposer: Proposer,
}

impl Drop for Candidacy {
    fn drop(&mut self) {
        let delete = Operation::Delete { path: Arc::clone(&self.node), version: None };
        self.proposer.try_propose(Changes { operations: vec![delete], ..Changes::default() });
    }
}

/// This process leads an election, until [`Leadership::lost`] returns or this is dropped.
#[derive(Debug)]
pub struct Leadership {
    /// Higher than the epoch of every earlier leader.
    pub epoch: Epoch,
    /// What every write of this leader carries.
    pub fence: Fence,
    leader: watch::Receiver<Option<Leader>>,
    lease: watch::Receiver<bool>,
    candidacy: Candidacy,
}

impl Leadership {
    /// Resolves once this process leads no more: its election node is gone or its lease has ended.
    pub async fn lost(&self) {
        let (mut leader, mut lease) = (self.leader.clone(), self.lease.clone());
        let node = &self.candidacy.node;
        let is_other =
            |leader: &Option<Leader>| leader.as_ref().is_none_or(|leader| leader.node != *node);
        tokio::select! {
            _ = leader.wait_for(is_other) => {}
            () = without_lease(&mut lease) => {}
        }
    }

    /// Gives the leadership up and returns once another candidate may lead.
    pub async fn resign(self) {
        let delete = Operation::Delete { path: Arc::clone(&self.candidacy.node), version: None };
        let changes = Changes { operations: vec![delete], ..Changes::default() };
        let _ = self.candidacy.proposer.write(changes).await;
    }
}

/// Records at one zxid, unchanged by later writes.
#[derive(Debug, Clone)]
pub struct Loaded {
    state: Arc<StateMachine>,
    prefix: String,
}

impl Loaded {
    /// Paths and values, in order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.state.platform().under(&self.prefix).map(|(path, record)| (path, &record.value))
    }

    /// The last change that these records include.
    pub fn zxid(&self) -> Zxid {
        self.state.zxid()
    }
}
