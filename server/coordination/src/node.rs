//! One coordination node: its folder, its log, its raft and its session.
//!
//! Raft runs on a runtime of its own, so that rendering or a busy core never delays a heartbeat.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use openraft::BasicNode;
use tokio::runtime::{Builder, Handle, Runtime};
use zookeeper_core::Command;

use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError};
use crate::features;
use crate::keeper::{self, Keeper, propose};
use crate::log::{FileDisk, LogError, LogStore};
use crate::proposer::{Proposals, Proposer, WriteError};
use crate::raft::{self, Image, NoPeers, Published, Raft, StateStore};
use crate::session::Session;
use crate::snapshot::{self, Snapshots};
use crate::standing::Standing;

/// How long a start waits for this node to lead.
const ELECTED_WITHIN: Duration = Duration::from_secs(30);
/// How long a stop waits for the session to close.
const CLOSED_WITHIN: Duration = Duration::from_secs(2);
/// How long a stop waits for raft and the log after that.
const LOG_CLOSED_WITHIN: Duration = Duration::from_secs(10);

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error("cannot use the data folder")]
    DataDir(#[from] DataDirError),
    /// The raft log cannot be opened.
    #[error("cannot open the raft log")]
    Log(#[from] LogError),
    /// The runtime of raft did not start.
    #[error("cannot start the runtime of raft")]
    Runtime(#[source] std::io::Error),
    /// The data is of a newer program.
    #[error("{0}")]
    Newer(String),
    /// Raft refused to start, or stopped at once.
    #[error("raft did not start: {0}")]
    Raft(String),
}

/// A running node.
pub struct Node {
    raft: Raft,
    log: LogStore,
    session: Session,
    wall_clock: WallClock,
    snapshots: Snapshots,
    runtime: RaftRuntime,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("session", &self.session.id()).finish_non_exhaustive()
    }
}

/// Ends its threads without waiting when it is dropped; a plain runtime must not be dropped by async code.
#[derive(Debug)]
struct RaftRuntime(Option<Runtime>);

impl Drop for RaftRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Node {
    /// Starts the node and returns once it leads and its new session is open.
    ///
    /// Everything that was acknowledged before is applied then, and the sessions of this node's earlier
    /// processes are closed.
    ///
    /// # Errors
    /// When the folder is in use or belongs to another node, when the log is damaged, or when raft stops.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("raft")
            .enable_all()
            .build()
            .map_err(StartError::Runtime)?;
        let handle = runtime.handle().clone();
        let runtime = RaftRuntime(Some(runtime));
        let started = handle.spawn(start(config)).await;
        let started = started.map_err(|error| StartError::Raft(error.to_string()))??;
        let Started { raft, log, session, wall_clock, snapshots } = started;
        Ok(Self { raft, log, session, wall_clock, snapshots, runtime })
    }

    /// The session of this process.
    pub fn session(&self) -> Session {
        self.session.clone()
    }

    /// Resolves when raft has ended by itself or by [`Self::shutdown`]; the log says why. Nothing can be
    /// written any more then, so the process should stop.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        self.session.standing.ended().clone().cancelled_owned()
    }

    /// Closes the session of this process, as its end would: elections settle at once. A new session is
    /// opened soon after, and whoever led stands again.
    ///
    /// # Errors
    /// When raft does not commit it; the session may be closed later then.
    pub async fn close_session(&self) -> Result<(), WriteError> {
        let session = self.session.id();
        let close = propose(&self.raft, &self.wall_clock, Command::CloseSession { session });
        close.await.map_err(|_| WriteError::NotLeading)
    }

    /// Closes the session, so that its elections settle at once, and stops raft and the log.
    pub async fn shutdown(self) {
        let Self { raft, log, session, wall_clock, snapshots, runtime } = self;
        session.standing.closing();
        let stop = async move {
            let command = Command::CloseSession { session: session.id() };
            let close = propose(&raft, &wall_clock, command);
            match tokio::time::timeout(CLOSED_WITHIN, close).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!("the node session was not closed: {error}"),
                Err(_) => tracing::warn!("the node session was not closed in time"),
            }
            let close = async {
                if let Err(error) = raft.shutdown().await {
                    tracing::warn!(%error, "raft did not stop cleanly: {error}");
                }
                snapshots.close().await;
                log.close().await;
            };
            // What was acknowledged is durable. A writer that waits for room on a full disk is not waited for.
            if tokio::time::timeout(LOG_CLOSED_WITHIN, close).await.is_err() {
                tracing::warn!(
                    "the log was not closed in time; what nobody was told of may be missing"
                );
            }
        };
        if let Some(inner) = &runtime.0 {
            let _ = inner.handle().spawn(stop).await;
        }
    }
}

pub(crate) type WallClock = Arc<dyn Fn() -> model::Timestamp + Send + Sync>;

/// What a start gives.
struct Started {
    raft: Raft,
    log: LogStore,
    session: Session,
    wall_clock: WallClock,
    snapshots: Snapshots,
}

/// What the folder holds.
struct Opened {
    log: LogStore,
    snapshots: Snapshots,
    image: Option<Image>,
    cluster: u64,
}

/// Opens the log and the newest snapshot. Blocks on the disk.
fn open(config: &Config) -> Result<Opened, StartError> {
    let data_dir = Arc::new(DataDir::open(&config.data_dir, config.node)?);
    let (folder, cluster) = (data_dir.log(), data_dir.cluster());
    let disk = FileDisk::with_faults(
        config.exit_after_durable_write,
        config.stall_durable_writes_for.clone(),
    );
    let snapshots = Snapshots::open(&data_dir.snapshots(), cluster, Arc::clone(&data_dir))?;
    let log = LogStore::open(disk, &folder, cluster, config.segment_bytes, data_dir)?;
    let image = snapshots.restore(&log.bounds())?;
    log.grown_since(image.as_ref().and_then(Image::index));
    Ok(Opened { log, snapshots, image, cluster })
}

async fn start(config: Config) -> Result<Started, StartError> {
    let (node, wall_clock) = (config.node, Arc::clone(&config.wall_clock));
    let boot_clock = Arc::clone(&config.boot_clock);
    let log_bytes = config.snapshot_log_bytes;
    let opened = tokio::task::spawn_blocking(move || open(&config)).await;
    let Opened { log, snapshots, image, cluster } =
        opened.map_err(|error| StartError::Raft(error.to_string()))??;
    let published = Published::new();
    let state = match image {
        Some(image) => StateStore::restored(Arc::clone(&published), image),
        None => StateStore::new(Arc::clone(&published)),
    };
    let raft = lead(node.0, cluster, log.clone(), state).await?;
    let compaction = snapshot::Keeper {
        raft: raft.clone(),
        log: log.clone(),
        snapshots: snapshots.clone(),
        log_bytes,
    };
    snapshots.keep_with(tokio::spawn(compaction.run()));

    let id = keeper::new_session();
    propose(&raft, &wall_clock, Command::OpenSession { session: id, node })
        .await
        .map_err(StartError::Raft)?;
    // Everything that was stored before is applied now.
    let raised = features::raise(&published.state()).map_err(StartError::Newer)?;
    let standing = Arc::new(Standing::new(id, boot_clock, Arc::clone(&published)));
    let (proposer, inbox) = Proposer::channel(log.room().clone());
    let proposals = Proposals {
        raft: raft.clone(),
        log: log.clone(),
        standing: Arc::clone(&standing),
        published: Arc::clone(&published),
        wall_clock: Arc::clone(&wall_clock),
    };
    tokio::spawn(proposals.run(inbox));
    let keeper = Keeper {
        node,
        raft: raft.clone(),
        wall_clock: Arc::clone(&wall_clock),
        published: Arc::clone(&published),
        standing: Arc::clone(&standing),
    };
    tokio::spawn(keeper.run());
    let storage = log.storage();
    let session = Session { standing, proposer, published, storage, runtime: Handle::current() };
    if let Some(record) = raised {
        let raised = features::write(&session, record).await;
        raised.map_err(|error| StartError::Raft(error.to_string()))?;
    }
    tracing::info!(node.id = %node, session.id = %id, "node {node} leads with session {id}");
    Ok(Started { raft, log, session, wall_clock, snapshots })
}

/// Starts raft and returns once this node leads.
async fn lead(
    node: u64,
    cluster: u64,
    log: LogStore,
    state: StateStore,
) -> Result<Raft, StartError> {
    let failed = |error: &dyn fmt::Display| StartError::Raft(error.to_string());
    let config =
        raft::config(format!("{cluster:016x}")).validate().map_err(|error| failed(&error))?;
    let raft = Raft::new(node, Arc::new(config), NoPeers, log, state)
        .await
        .map_err(|error| failed(&error))?;
    if !raft.is_initialized().await.map_err(|error| failed(&error))? {
        let members = BTreeMap::from([(node, BasicNode::default())]);
        raft.initialize(members).await.map_err(|error| failed(&error))?;
    }
    raft.wait(Some(ELECTED_WITHIN))
        .current_leader(node, "the only voter leads")
        .await
        .map_err(|error| failed(&error))?;
    Ok(raft)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model::RecordWrite;
    use zookeeper_core::{NEWEST_FORMAT, NodeId, SessionId};

    use super::*;
    use crate::election::Election;
    use crate::proposer::Changes;
    use crate::raft::Proposal;
    use crate::session::SessionError;
    use crate::storage::NoRoom;

    #[tokio::test(flavor = "multi_thread")]
    async fn an_entry_of_a_newer_format_stops_the_node_and_every_start_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let wall_clock = || model::Timestamp::from_millis(0);
        let config = || Config {
            segment_bytes: 1 << 20,
            ..Config::new(NodeId(1), folder.path(), wall_clock)
        };
        let node = Node::start(config()).await.unwrap();
        let newer = Proposal { format: NEWEST_FORMAT + 1, body: Bytes::from_static(b"?") };
        assert!(node.raft.client_write(newer).await.is_err());
        node.stopped().await;
        node.shutdown().await;
        let error = Node::start(config()).await.unwrap_err().to_string();
        assert!(error.contains("start the newer program that wrote it"), "{error}");
    }

    async fn started(folder: &tempfile::TempDir) -> Node {
        let config = Config::new(NodeId(1), folder.path(), || model::Timestamp::from_millis(0));
        Node::start(Config { segment_bytes: 1 << 20, ..config }).await.unwrap()
    }

    async fn apply(node: &Node, command: Command) {
        propose(&node.raft, &node.wall_clock, command).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_node_whose_session_another_process_has_replaced_stands_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let node = started(&folder).await;
        let session = node.session();
        let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
        let other = SessionId(5);
        apply(&node, Command::OpenSession { session: other, node: NodeId(1) }).await;
        leadership.lost().await;
        assert!(!leadership.lease().is_held());
        let refused = session.campaign(Election::Mesos, Bytes::new()).await.unwrap_err();
        assert_eq!(refused, SessionError::Superseded);
        assert!(session.published.state().session(other).is_some(), "it does not fight back");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_node_that_stops_leaves_no_session_behind() {
        let folder = tempfile::tempdir().unwrap();
        let node = started(&folder).await;
        let session = node.session();
        let _leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
        // As in a stop, but slowly: the keeper takes notice of the close before raft is stopped.
        session.standing.closing();
        node.close_session().await.unwrap();
        while session.standing.is_held() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        node.shutdown().await;
        assert_eq!(session.published.state().sessions().count(), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_session_of_a_silent_node_is_closed_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let node = started(&folder).await;
        let session = node.session();
        let (silent, client) = (SessionId(5), SessionId(6));
        apply(&node, Command::OpenSession { session: silent, node: NodeId(2) }).await;
        let (id, timeout_ms) = (NodeId(2), 30_000);
        apply(&node, Command::OpenClientSession { session: client, node: id, timeout_ms }).await;
        while session.published.state().session(silent).is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let state = session.published.state();
        assert!(state.session(client).is_some() && state.session(session.id()).is_some());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cluster_of_a_higher_feature_level_does_not_start_here() {
        let folder = tempfile::tempdir().unwrap();
        let node = started(&folder).await;
        let session = node.session();
        assert_eq!(features::level(&session.published.state()), Ok(NEWEST_FORMAT));
        let record = features::record(NEWEST_FORMAT + 1);
        let changes = Changes { records: vec![record], ..Changes::default() };
        session.proposer.write(changes).await.unwrap();
        node.shutdown().await;
        let config = Config::new(NodeId(1), folder.path(), || model::Timestamp::from_millis(0));
        let error = Node::start(config).await.unwrap_err();
        assert!(matches!(error, StartError::Newer(_)), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn on_a_disk_without_room_for_changes_leaders_are_still_elected_and_withdrawn() {
        let folder = tempfile::tempdir().unwrap();
        let node = started(&folder).await;
        let session = node.session();
        // The next segment cannot be made: its temporary name is taken.
        let taken = folder.path().join("log/0000000002.new");
        std::fs::create_dir(&taken).unwrap();
        let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
        let change = || vec![RecordWrite::put("/blob", vec![0; 20_000])];
        let refused = loop {
            if let Err(error) = session.write(&leadership.fence, change()).await {
                break error;
            }
        };
        let WriteError::NoRoom(NoRoom::Failed(why)) = &refused else { panic!("{refused}") };
        assert!(why.contains("cannot create `") && why.contains("Is a directory"), "{why}");
        leadership.resign().await;
        let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
        let held = tokio::time::timeout(Duration::from_secs(30), leadership.lease().held()).await;
        held.expect("the lease needs no room");
        let refused = session.write(&leadership.fence, change()).await;
        assert!(matches!(refused, Err(WriteError::NoRoom(_))), "{refused:?}");
        leadership.resign().await;
        std::fs::remove_dir(&taken).unwrap();
        session.storage().room().await;
        let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
        session.write(&leadership.fence, change()).await.unwrap();
    }
}
