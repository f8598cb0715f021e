//! What a node must know to start.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use model::{Instant, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use zookeeper_core::NodeId;

/// Bytes of one segment of the raft log.
pub const SEGMENT_BYTES: u64 = 64 << 20;
/// Bytes by which the log grows from one snapshot to the next, at least.
pub const SNAPSHOT_LOG_BYTES: u64 = 64 << 20;

/// How a node runs.
#[derive(Clone)]
pub struct Config {
    /// The node's number in its cluster, from 1 (ZooKeeper's `myid`).
    pub node: NodeId,
    /// The folder for everything the node keeps; made when it is not there.
    pub data_dir: PathBuf,
    /// Reads the wall clock; only for times that people and clients read.
    pub wall_clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Reads the boot-time clock, which goes on while the machine sleeps; leases are timed on it alone.
    pub boot_clock: Arc<dyn Fn() -> Instant + Send + Sync>,
    /// Bytes of a new log's segments, [`SEGMENT_BYTES`] by default.
    pub segment_bytes: u64,
    /// Bytes by which the log grows before a snapshot is written, [`SNAPSHOT_LOG_BYTES`] by default; the size
    /// of the last snapshot when that is more.
    ///
    /// The folder then stays below three times this, the three snapshots themselves and one that is being
    /// written, and three segments: the first, the last and the spare one. What is written to the log while a
    /// snapshot is being written comes on top, and for a change of many megabytes the spare ones that it needs.
    pub snapshot_log_bytes: u64,
    /// Ends the process with status 86 right after this many batches of the log were made durable and before
    /// anybody is told. Only for tests of what a crash leaves behind.
    pub exit_after_durable_write: Option<u64>,
    /// Makes nothing durable while this file is there. Only for tests of a disk that is slow.
    pub stall_durable_writes_for: Option<PathBuf>,
}

impl Config {
    /// A node in `data_dir` with default settings.
    pub fn new(
        node: NodeId,
        data_dir: impl Into<PathBuf>,
        wall_clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self {
            node,
            data_dir: data_dir.into(),
            wall_clock: Arc::new(wall_clock),
            boot_clock: Arc::new(boot_time),
            segment_bytes: SEGMENT_BYTES,
            snapshot_log_bytes: SNAPSHOT_LOG_BYTES,
            exit_after_durable_write: None,
            stall_durable_writes_for: None,
        }
    }
}

/// The machine's boot-time clock.
fn boot_time() -> Instant {
    let time = clock_gettime(ClockId::Boottime);
    let secs = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    Instant::from_nanos(secs.saturating_mul(1_000_000_000).saturating_add(nanos))
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("node", &self.node)
            .field("data_dir", &self.data_dir)
            .field("segment_bytes", &self.segment_bytes)
            .finish_non_exhaustive()
    }
}
