//! The handle through which the platform's components coordinate.

use std::sync::Arc;

use bytes::Bytes;
use model::{Epoch, RecordWrite};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zookeeper_core::{
    CreateMode, ErrorCode, Fence, Namespace, Operation, OperationResult, Refusal, SessionId,
    StateMachine, Znode, Zxid,
};

use crate::candidacy::Candidacy;
use crate::election::{Election, Leader};
use crate::log::Purpose;
use crate::proposer::{Changes, PendingWrite, Proposer, WriteError};
use crate::raft::Published;
use crate::standing::{Lease, Standing};
use crate::storage::Storage;
use crate::subscription::Subscription;

/// Why a campaign ended without leadership.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The candidate's node could not be made.
    #[error("cannot stand for election")]
    Campaign(#[source] WriteError),
    /// Another process of this node has started; this one stands no more.
    #[error("another process of this node has started")]
    Superseded,
    /// The coordination node was shut down, or raft stopped.
    #[error("the coordination node has stopped")]
    Stopped,
}

/// The node session of this process. Clones share it; it ends with [`crate::Node::shutdown`].
///
/// When the session is closed while the process lives, another takes its place: leaderships of the closed one
/// are lost, and campaigns go on with the new one.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) standing: Arc<Standing>,
    pub(crate) proposer: Proposer,
    pub(crate) published: Arc<Published>,
    pub(crate) storage: Storage,
    /// Where raft runs.
    pub(crate) runtime: Handle,
}

impl Session {
    /// Stands for election and returns once this process leads it and holds its lease.
    ///
    /// `content` is what the election node shows: the `MasterInfo` as JSON, or Marathon's host and port.
    /// Dropping the future, or the [`Leadership`], withdraws the candidacy.
    ///
    /// # Errors
    /// When this process cannot stand any more, or when the log refuses the candidate's node.
    pub async fn campaign(
        &self,
        election: Election,
        content: Bytes,
    ) -> Result<Leadership, SessionError> {
        loop {
            self.open_session().await?;
            // On a task of its own: were it dropped while the node is being made, the node would stay and
            // lead. A task that nobody waits for any more ends by dropping the candidacy, which deletes it.
            let (session, content) = (self.clone(), content.clone());
            let standing =
                self.runtime.spawn(async move { session.stand(election, content).await });
            let candidacy = standing.await.map_err(|_| SessionError::Stopped)??;
            if let Some(candidacy) = candidacy
                && let Some(leadership) = self.until_elected(election, candidacy).await?
            {
                return Ok(leadership);
            }
        }
    }

    /// Waits until this process has an open session.
    pub(crate) async fn open_session(&self) -> Result<(), SessionError> {
        let mut identity = self.standing.identity();
        loop {
            let now = *identity.borrow_and_update();
            if self.standing.ended().is_cancelled() {
                return Err(SessionError::Stopped);
            }
            if now.is_superseded {
                return Err(SessionError::Superseded);
            }
            if self.published.state().session(now.session).is_some() {
                return Ok(());
            }
            tokio::select! {
                _ = identity.changed() => {}
                () = self.standing.ended().cancelled() => return Err(SessionError::Stopped),
            }
        }
    }

    /// Waits until the candidate leads; `None` when its node is gone, with its session.
    async fn until_elected(
        &self,
        election: Election,
        candidacy: Candidacy,
    ) -> Result<Option<Leadership>, SessionError> {
        let mut leader = self.published.board(election).leader.subscribe();
        let mut identity = self.standing.identity();
        let ended = self.standing.ended();
        loop {
            let is_own = |leader: &&Leader| leader.node == candidacy.node;
            let own = leader.borrow_and_update().as_ref().filter(is_own).map(|leader| {
                let session = leader.session.unwrap_or(candidacy.session);
                (
                    leader.epoch,
                    Fence { session, node: Arc::clone(&leader.node), epoch: leader.epoch },
                )
            });
            if let Some((epoch, fence)) = own {
                let lease = Lease::new(Arc::clone(&self.standing), fence.clone());
                tokio::select! {
                    () = lease.held() => {
                        let ended = ended.clone();
                        return Ok(Some(Leadership { epoch, fence, leader, lease, ended, candidacy }));
                    }
                    _ = leader.changed() => continue,
                    () = ended.cancelled() => return Err(SessionError::Stopped),
                }
            }
            if self.published.state().client().get(&candidacy.node).is_none() {
                return Ok(None);
            }
            tokio::select! {
                _ = leader.changed() => {}
                _ = identity.changed() => {}
                () = ended.cancelled() => return Err(SessionError::Stopped),
            }
        }
    }

    /// Makes the candidate's node, and its folders where they are missing; `None` when the session is closed.
    async fn stand(
        &self,
        election: Election,
        content: Bytes,
    ) -> Result<Option<Candidacy>, SessionError> {
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
            let purpose = Purpose::Election;
            let changes = Changes { operations, purpose, ..Changes::default() };
            match self.proposer.write(changes).await {
                Ok(mut done) => {
                    let Some(OperationResult::Created { path, stat }) = done.results.pop() else {
                        return Err(SessionError::Stopped);
                    };
                    return Ok(Some(Candidacy::new(
                        path,
                        stat.ephemeral_owner.unwrap_or(self.id()),
                        self.proposer.clone(),
                        self.storage.clone(),
                        self.runtime.clone(),
                    )));
                }
                // Another candidate made the folders meanwhile, or somebody removed one.
                Err(WriteError::Refused(Refusal::Failed {
                    code: ErrorCode::NodeExists | ErrorCode::NoNode,
                    ..
                })) => {}
                Err(WriteError::Refused(Refusal::SessionClosed { .. })) => return Ok(None),
                Err(WriteError::Stopped) => return Err(SessionError::Stopped),
                Err(error) => return Err(SessionError::Campaign(error)),
            }
        }
    }

    /// The records at and below `prefix`, all at one zxid. Costs O(1); iterating is on the caller.
    pub fn load(&self, prefix: &str) -> Loaded {
        Loaded::new(self.published.state(), prefix)
    }

    /// Follows the changes at and below `prefix`, beginning with a resync.
    ///
    /// A reader that falls behind by more than [`crate::EVENT_QUEUE`] changes is made to read everything
    /// again; it never delays anybody.
    pub fn subscribe(&self, namespace: Namespace, prefix: &str) -> Subscription {
        let ended = self.standing.ended().clone();
        Subscription::new(Arc::clone(&self.published), ended, namespace, prefix)
    }

    /// Writes records as one change, which applies only while `fence` holds, and as a whole or not at all.
    ///
    /// At most [`crate::MAX_CHANGE_BYTES`] in total; a change that does not fit into one entry goes in several, of
    /// which nothing is visible before the last.
    ///
    /// Returns once it is durable and applied: a [`Self::load`] after it sees the records.
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
        self.proposer.propose(Changes { fence, records: writes, ..Changes::default() }).await
    }

    /// The content of the leading election node; `None` while there is no leader.
    pub fn leader(&self, election: Election) -> watch::Receiver<Option<Bytes>> {
        self.published.board(election).content.subscribe()
    }

    /// The session's number, as `ephemeralOwner` shows it; another one after the session was closed.
    pub fn id(&self) -> SessionId {
        self.standing.session()
    }
}

/// This process leads an election, until [`Leadership::lost`] returns or this is dropped.
///
/// While it leads it may be suspended at times, as [`Leadership::lease`] says.
#[derive(Debug)]
pub struct Leadership {
    /// Higher than the epoch of every earlier leader.
    pub epoch: Epoch,
    /// What every write of this leader carries.
    pub fence: Fence,
    leader: watch::Receiver<Option<Leader>>,
    lease: Lease,
    ended: CancellationToken,
    candidacy: Candidacy,
}

impl Leadership {
    /// Whether this leader may act at the moment.
    pub fn lease(&self) -> Lease {
        self.lease.clone()
    }

    /// Resolves once this process leads no more: its election node is gone, or the coordination node has
    /// stopped. A lease that has lapsed is no loss: it may come back.
    pub async fn lost(&self) {
        let mut leader = self.leader.clone();
        let node = &self.candidacy.node;
        let is_other =
            |leader: &Option<Leader>| leader.as_ref().is_none_or(|leader| leader.node != *node);
        tokio::select! {
            _ = leader.wait_for(is_other) => {}
            () = self.ended.cancelled() => {}
        }
    }

    /// Gives the leadership up and returns once another candidate may lead.
    ///
    /// On a full disk that takes until there is room. It happens also when the future is dropped.
    pub async fn resign(mut self) {
        if let Some(withdrawal) = self.candidacy.withdraw() {
            let _ = withdrawal.await;
        }
    }
}

/// Both namespaces at one zxid, as far as they are under a prefix; unchanged by later writes.
#[derive(Debug, Clone)]
pub struct Loaded {
    state: Arc<StateMachine>,
    prefix: String,
}

impl Loaded {
    pub(crate) fn new(state: Arc<StateMachine>, prefix: &str) -> Self {
        Self { state, prefix: prefix.to_owned() }
    }

    /// Paths and nodes of the client tree, in order of the paths.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Znode)> {
        self.state.client().under(&self.prefix)
    }

    /// Paths and values of the platform's records, in order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.state.platform().under(&self.prefix).map(|(path, record)| (path, &record.value))
    }

    /// The last change that these records include.
    pub fn zxid(&self) -> Zxid {
        self.state.zxid()
    }
}
