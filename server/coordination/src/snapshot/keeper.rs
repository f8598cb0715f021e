//! Decides when a snapshot is due, has it written, and lets the log go up to the oldest one.

use std::time::Duration;

use openraft::RaftMetrics;
use openraft::metrics::WaitError;
use tracing::{error, info, warn};

use super::Snapshots;
use crate::log::LogStore;
use crate::raft::{Image, Raft, StateStore, TypeConfig};

/// How long to wait before a snapshot that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// How long raft may take to hear of a snapshot that exists already.
const NOTICED_WITHIN: Duration = Duration::from_secs(10);

/// Raft has ended, so nothing more is to be kept.
struct Ended;

/// Keeps the log short. Runs on raft's runtime; everything slow happens on other threads.
pub(crate) struct Keeper {
    pub(crate) raft: Raft,
    pub(crate) log: LogStore,
    pub(crate) snapshots: Snapshots,
    /// Bytes by which the log grows before the next snapshot; the size of the last one when that is more.
    pub(crate) log_bytes: u64,
}

impl Keeper {
    /// Runs until raft has ended or the node stops.
    pub(crate) async fn run(self) {
        // A node that is dropped without a stop ends this task; a snapshot under way ends with it.
        let _stop = self.snapshots.stop_when_dropped();
        tokio::select! {
            () = self.snapshots.closed() => {}
            ended = self.keep() => {
                if ended.is_err() {
                    tracing::debug!("raft has ended, and the keeper of the snapshots with it");
                }
            }
        }
    }

    async fn keep(&self) -> Result<(), Ended> {
        // A process that ended between a snapshot and its purge left the log longer than it need be.
        self.purge().await?;
        // The log says how much it holds beyond the snapshot that this process started from.
        let mut written_at = 0;
        loop {
            let due = self.log_bytes.max(self.snapshots.newest_bytes());
            self.log.grown_to(written_at + due).await;
            let position = self.log.growth();
            let image = self.raft.with_state_machine(|state: &mut StateStore| {
                let image = state.image();
                Box::pin(async move { image })
            });
            let image = image.await.map_err(|_| Ended)?;
            match self.snapshots.save(image.clone()).await {
                Ok(()) => {
                    written_at = position;
                    self.tell_raft(image).await?;
                }
                Err(error) => {
                    error!(
                        error = &error as &dyn std::error::Error,
                        "no snapshot was written, the log stays as long as it is: {error}"
                    );
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Tells raft of a snapshot that is durable, and purges.
    async fn tell_raft(&self, image: Image) -> Result<(), Ended> {
        let applied = image.applied;
        let set = self.raft.with_state_machine(|state: &mut StateStore| {
            state.set_snapshot(image);
            Box::pin(async {})
        });
        set.await.map_err(|_| Ended)?;
        self.raft.trigger().snapshot().await.map_err(|_| Ended)?;
        let wait = self.raft.wait(Some(NOTICED_WITHIN));
        let noticed = |metrics: &RaftMetrics<TypeConfig>| metrics.snapshot >= applied;
        match wait.metrics(noticed, "raft knows the snapshot").await {
            Ok(_) => {}
            Err(WaitError::Timeout(..)) => {
                // The process may have been stopped for a while. The snapshot is there; the next one purges.
                warn!(
                    "raft has not taken note of a snapshot in time; the log is purged after the next one"
                );
                return Ok(());
            }
            Err(WaitError::ShuttingDown) => return Err(Ended),
        }
        let (index, bytes) = (applied.map(|id| id.index()), self.snapshots.newest_bytes());
        info!(log.index = index, snapshot.bytes = bytes, "wrote a snapshot of {bytes} bytes");
        self.purge().await
    }

    async fn purge(&self) -> Result<(), Ended> {
        match self.snapshots.oldest() {
            Some(oldest) => self.raft.trigger().purge_log(oldest).await.map_err(|_| Ended),
            None => Ok(()),
        }
    }
}
