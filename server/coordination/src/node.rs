//! One coordination node: its folder, its log, its raft and its session.
//!
//! Raft runs on a runtime of its own, so that rendering or a busy core never delays a heartbeat.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::Fatal;
use openraft::{BasicNode, ServerState};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;
use zookeeper_core::{Command, Entry, SessionId};

use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError};
use crate::log::{FileDisk, LogError, LogStore};
use crate::proposer::{Proposals, Proposer};
use crate::raft::{self, Image, NoPeers, Proposal, Published, Raft, StateStore};
use crate::session::Session;
use crate::snapshot::{self, Snapshots};
use crate::storage::Storage;

/// How long a start waits for this node to lead.
const ELECTED_WITHIN: Duration = Duration::from_secs(30);
/// How long a stop waits for the session to close.
const CLOSED_WITHIN: Duration = Duration::from_secs(2);

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
        f.debug_struct("Node").field("session", &self.session.id).finish_non_exhaustive()
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

    /// Whether the log has room for more.
    pub fn storage(&self) -> Storage {
        Storage::new(self.log.watch_disk_full())
    }

    /// The session of this process.
    pub fn session(&self) -> Session {
        self.session.clone()
    }

    /// Resolves when raft has ended by itself or by [`Self::shutdown`]; the log says why. Nothing can be
    /// written any more then, so the process should stop.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut lease = self.session.lease.clone();
        async move { while lease.changed().await.is_ok() {} }
    }

    /// Closes the session, so that its elections settle at once, and stops raft and the log.
    pub async fn shutdown(self) {
        let Self { raft, log, session, wall_clock, snapshots, runtime } = self;
        let stop = async move {
            let command = Command::CloseSession { session: session.id };
            let close = propose(&raft, &wall_clock, command);
            match tokio::time::timeout(CLOSED_WITHIN, close).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!("the node session was not closed: {error}"),
                Err(_) => tracing::warn!("the node session was not closed in time"),
            }
            if let Err(error) = raft.shutdown().await {
                tracing::warn!(%error, "raft did not stop cleanly: {error}");
            }
            snapshots.close().await;
            log.close().await;
        };
        if let Some(inner) = &runtime.0 {
            let _ = inner.handle().spawn(stop).await;
        }
    }
}

type WallClock = Arc<dyn Fn() -> model::Timestamp + Send + Sync>;

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
    let disk = FileDisk::exiting_after(config.exit_after_durable_write);
    let snapshots = Snapshots::open(&data_dir.snapshots(), cluster, Arc::clone(&data_dir))?;
    let log = LogStore::open(disk, &folder, cluster, config.segment_bytes, data_dir)?;
    let image = snapshots.restore(&log.bounds())?;
    log.grown_since(image.as_ref().and_then(Image::index));
    Ok(Opened { log, snapshots, image, cluster })
}

async fn start(config: Config) -> Result<Started, StartError> {
    let (node, wall_clock) = (config.node, Arc::clone(&config.wall_clock));
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

    // Clients read the id as a signed number; zero means no owner there.
    let id = SessionId(rand::random::<u64>() >> 1 | 1);
    propose(&raft, &wall_clock, Command::OpenSession { session: id, node })
        .await
        .map_err(StartError::Raft)?;
    let (proposer, inbox) = Proposer::channel();
    let proposals = Proposals {
        raft: raft.clone(),
        log: log.clone(),
        session: id,
        wall_clock: Arc::clone(&wall_clock),
    };
    tokio::spawn(proposals.run(inbox));
    let (holds, lease) = watch::channel(true);
    tokio::spawn(watch_lease(raft.clone(), holds));
    tracing::info!(node.id = %node, session.id = %id, "node {node} leads with session {id}");
    let session = Session { id, proposer, published, lease, runtime: Handle::current() };
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

/// Proposes a command that is no write of a session, and waits until it is applied.
async fn propose(raft: &Raft, wall_clock: &WallClock, command: Command) -> Result<(), String> {
    let entry = Entry { time: wall_clock(), command };
    let proposal = Proposal::new(&entry).map_err(|error| error.to_string())?;
    raft.client_write(proposal).await.map(|_| ()).map_err(|error| error.to_string())
}

/// Says whether this node may act as a leader of anything.
///
/// The only voter acknowledges itself, so its lease lasts as long as it leads raft. With peers the deadline
/// of the last quorum acknowledgement will count here as well.
async fn watch_lease(raft: Raft, holds: watch::Sender<bool>) {
    let mut metrics = raft.server_metrics();
    loop {
        let leads = metrics.borrow_and_update().state == ServerState::Leader;
        holds.send_if_modified(|held| std::mem::replace(held, leads) != leads);
        if metrics.changed().await.is_err() {
            break;
        }
    }
    holds.send_replace(false);
    if let Err(reason) = &raft.metrics().borrow_watched().running_state
        && !matches!(reason, Fatal::Stopped)
    {
        tracing::error!("raft has stopped: {reason}");
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use zookeeper_core::NodeId;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn an_entry_of_a_newer_format_stops_the_node_and_every_start_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let wall_clock = || model::Timestamp::from_millis(0);
        let config = || Config {
            segment_bytes: 1 << 20,
            ..Config::new(NodeId(1), folder.path(), wall_clock)
        };
        let node = Node::start(config()).await.unwrap();
        let newer = Proposal { format: raft::ENTRY_FORMAT + 1, body: Bytes::from_static(b"?") };
        assert!(node.raft.client_write(newer).await.is_err());
        node.stopped().await;
        node.shutdown().await;
        let error = Node::start(config()).await.unwrap_err().to_string();
        assert!(error.contains("start the newer program that wrote it"), "{error}");
    }
}
