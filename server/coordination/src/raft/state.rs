//! The state machine as openraft sees it, and what it publishes for readers.
//!
//! Invariant: what an entry changed is published before anybody gets the entry's outcome, so a writer reads
//! its own writes. The state lives in memory and is rebuilt at start from the newest snapshot and the log
//! behind it. Writing a snapshot to disk is `crate::snapshot`'s work; here it is an immutable root in memory,
//! of which raft is told once it is durable.

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use openraft::entry::{RaftEntry as _, RaftPayload as _};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::type_config::alias::{LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use tokio::sync::watch;
use zookeeper_core::StateMachine;

use super::{Applied, TypeConfig};
use crate::election::{Election, Leader};
use crate::subscription::Subscriptions;

/// The state at one log position; a clone costs O(1).
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    pub(crate) state: StateMachine,
    pub(crate) applied: Option<LogIdOf<TypeConfig>>,
    pub(crate) membership: StoredMembershipOf<TypeConfig>,
}

/// What readers see: the newest state, and the leaders that follow from it.
#[derive(Debug)]
pub(crate) struct Published {
    state: ArcSwap<StateMachine>,
    pub(crate) subscriptions: Subscriptions,
    mesos: Board,
    marathon: Board,
}

/// Who leads one election.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) leader: watch::Sender<Option<Leader>>,
    pub(crate) content: watch::Sender<Option<Bytes>>,
}

impl Published {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: ArcSwap::default(),
            subscriptions: Subscriptions::default(),
            mesos: Board::default(),
            marathon: Board::default(),
        })
    }

    /// The newest state.
    pub(crate) fn state(&self) -> Arc<StateMachine> {
        self.state.load_full()
    }

    /// Who leads; changes only when somebody else does.
    pub(crate) fn board(&self, election: Election) -> &Board {
        match election {
            Election::Mesos => &self.mesos,
            Election::Marathon => &self.marathon,
        }
    }

    fn publish(&self, state: &StateMachine) {
        let before = self.state.swap(Arc::new(state.clone()));
        if before.client().is_same(state.client()) {
            return;
        }
        for election in Election::ALL {
            let board = self.board(election);
            let leader = election.leader(state);
            let content = leader.as_ref().map(|leader| leader.content.clone());
            // The content first: whoever learns that it leads finds itself shown as the leader.
            replace_if_other(&board.content, content);
            replace_if_other(&board.leader, leader);
        }
    }
}

fn replace_if_other<T: PartialEq>(sender: &watch::Sender<T>, value: T) {
    sender.send_if_modified(|current| {
        let is_other = *current != value;
        if is_other {
            *current = value;
        }
        is_other
    });
}

/// The state machine of this node.
#[derive(Debug)]
pub(crate) struct StateStore {
    image: Image,
    snapshot: Arc<ArcSwap<Option<Image>>>,
    published: Arc<Published>,
}

impl StateStore {
    pub(crate) fn new(published: Arc<Published>) -> Self {
        Self { image: Image::default(), snapshot: Arc::default(), published }
    }

    /// Begins with the state of a snapshot that is on disk.
    pub(crate) fn restored(published: Arc<Published>, image: Image) -> Self {
        published.publish(&image.state);
        Self {
            image: image.clone(),
            snapshot: Arc::new(ArcSwap::from_pointee(Some(image))),
            published,
        }
    }

    /// The state as it is now.
    pub(crate) fn image(&self) -> Image {
        self.image.clone()
    }

    /// Takes up a snapshot that is on disk: the next one that raft asks for is this.
    pub(crate) fn set_snapshot(&self, image: Image) {
        self.snapshot.store(Arc::new(Some(image)));
    }
}

impl Image {
    /// The last entry that it includes.
    pub(crate) fn index(&self) -> Option<u64> {
        self.applied.as_ref().map(LogIdOf::<TypeConfig>::index)
    }

    fn snapshot(self) -> SnapshotOf<TypeConfig, Self> {
        let meta = SnapshotMetaOf::<TypeConfig> {
            last_log_id: self.applied,
            last_membership: self.membership.clone(),
        };
        SnapshotOf::<TypeConfig, Self> { meta, snapshot: self }
    }
}

impl RaftStateMachine<TypeConfig> for StateStore {
    type SnapshotData = Image;
    type SnapshotBuilder = ImageBuilder;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogIdOf<TypeConfig>>, StoredMembershipOf<TypeConfig>), io::Error> {
        Ok((self.image.applied, self.image.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> Result<(), io::Error>
    where
        Strm: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        let mut answers = Vec::new();
        let mut changed = Vec::new();
        while let Some((entry, responder)) = entries.try_next().await? {
            let id = entry.log_id();
            self.image.applied = Some(id);
            if let Some(membership) = entry.payload.get_membership() {
                self.image.membership = StoredMembershipOf::<TypeConfig>::new(Some(id), membership);
            }
            let outcome = match &entry.payload {
                EntryPayload::Normal(proposal) => {
                    let entry = proposal.entry().map_err(io::Error::other)?;
                    let outcome = self.image.state.apply(id.leader_id.term, &entry);
                    changed.push((self.image.state.zxid(), self.image.state.changes().to_vec()));
                    Some(outcome)
                }
                EntryPayload::Blank | EntryPayload::Membership(_) => None,
            };
            if let Some(responder) = responder {
                answers.push((responder, Applied(outcome)));
            }
        }
        self.published.publish(&self.image.state);
        for (zxid, changes) in changed {
            self.published.subscriptions.changed(zxid, &changes);
        }
        for (responder, applied) in answers {
            responder.send(applied);
        }
        Ok(())
    }

    /// A snapshot that raft must have is of the present; otherwise it is the one that is on disk.
    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<ImageBuilder> {
        if force {
            return Some(self.get_snapshot_builder().await);
        }
        let image = (**self.snapshot.load()).clone()?;
        Some(ImageBuilder { image, snapshot: Arc::clone(&self.snapshot) })
    }

    async fn get_snapshot_builder(&mut self) -> ImageBuilder {
        ImageBuilder { image: self.image.clone(), snapshot: Arc::clone(&self.snapshot) }
    }

    async fn install_snapshot(
        &mut self,
        _meta: &SnapshotMetaOf<TypeConfig>,
        image: Image,
    ) -> Result<(), io::Error> {
        self.image = image.clone();
        self.snapshot.store(Arc::new(Some(image)));
        self.published.publish(&self.image.state);
        self.published.subscriptions.replaced();
        Ok(())
    }

    async fn get_current_snapshot(
        &mut self,
    ) -> Result<Option<SnapshotOf<TypeConfig, Image>>, io::Error> {
        Ok((**self.snapshot.load()).clone().map(Image::snapshot))
    }
}

/// Keeps the image that it was made with.
#[derive(Debug)]
pub(crate) struct ImageBuilder {
    image: Image,
    snapshot: Arc<ArcSwap<Option<Image>>>,
}

impl RaftSnapshotBuilder<TypeConfig> for ImageBuilder {
    type SnapshotData = Image;

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<TypeConfig, Image>, io::Error> {
        self.snapshot.store(Arc::new(Some(self.image.clone())));
        Ok(self.image.clone().snapshot())
    }
}
