//! Whether the log can take more, as the rest of the process asks it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::session::Session;

/// What is left in the segment of the log that is being written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Left {
    bytes: Arc<AtomicU64>,
    /// Kept for elections and for raft itself.
    reserve: u64,
}

impl Left {
    /// `bytes` are left, of which `reserve` are not for changes.
    pub(crate) fn new(bytes: u64, reserve: u64) -> Self {
        Self { bytes: Arc::new(AtomicU64::new(bytes)), reserve }
    }

    /// Notes what is left now.
    pub(crate) fn set(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Release);
    }

    /// Bytes that are left, the reserve included.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Bytes that are kept.
    pub(crate) fn reserve(&self) -> u64 {
        self.reserve
    }

    /// Whether changes of so many bytes fit in front of the reserve, with as many of somebody else who asks at
    /// the same moment, and with what their frames take.
    fn has_room(&self, bytes: usize) -> bool {
        const FRAMES: u64 = 64 << 10;
        let wanted = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(4);
        self.bytes().saturating_sub(self.reserve) >= wanted.saturating_add(FRAMES)
    }
}

/// Says whether there is room for the log. Clones look at the same log.
///
/// A full disk is one on which no other segment can be made. From then on whoever takes writes from outside
/// refuses them with [`crate::WriteError::DiskFull`] before anything depends on them. What must be written
/// without anybody's asking (a task that ended, an agent that is gone) goes into the rest of the current
/// segment, down to a reserve, and waits there for room. What is proposed all the same is refused.
#[derive(Debug, Clone, Default)]
pub struct Storage {
    is_full: Option<watch::Receiver<bool>>,
    /// Nothing when the disk is full, unless it is known.
    left: Option<Left>,
}

impl Storage {
    /// Follows what says whether the disk is full. Then nothing is written until there is room.
    pub fn new(is_full: watch::Receiver<bool>) -> Self {
        Self { is_full: Some(is_full), left: None }
    }

    /// The same for a log of which `left` is the segment that is being written.
    pub(crate) fn of_log(is_full: watch::Receiver<bool>, left: Left) -> Self {
        Self { is_full: Some(is_full), left: Some(left) }
    }

    /// A storage that always has room.
    pub fn endless() -> Self {
        Self { is_full: None, left: None }
    }

    /// Whether there is no room for another segment of the log.
    pub fn is_full(&self) -> bool {
        self.is_full.as_ref().is_some_and(|is_full| *is_full.borrow())
    }

    /// Waits until that is different from what it was at the last call; for ever when it never will be.
    pub async fn changed(&mut self) {
        let is_over = match &mut self.is_full {
            Some(is_full) => is_full.changed().await.is_err(),
            None => true,
        };
        if is_over {
            std::future::pending().await
        }
    }

    /// Waits until there is room for another segment, and not at all when there is.
    pub async fn room(&self) {
        if let Some(is_full) = &self.is_full {
            // When the log has ended every write fails by itself.
            let _ = is_full.clone().wait_for(|is_full| !is_full).await;
        }
    }

    /// Waits until changes of so many bytes may be proposed that nobody from outside asked for. On a full disk
    /// that is at once as long as they fit into what is left of the current segment.
    pub async fn room_for(&self, bytes: usize) {
        if self.left.as_ref().is_none_or(|left| !left.has_room(bytes)) {
            self.room().await;
        }
    }
}

impl Session {
    /// Whether the log has room for more.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESERVE: u64 = 1 << 20;

    async fn is_ready(waiting: impl Future<Output = ()>) -> bool {
        futures_util::poll!(std::pin::pin!(waiting)).is_ready()
    }

    #[tokio::test]
    async fn on_a_full_disk_small_changes_go_into_what_is_left_and_large_ones_wait() {
        let (full, is_full) = watch::channel(true);
        let left = Left::new(2 * RESERVE, RESERVE);
        let storage = Storage::of_log(is_full, left.clone());
        assert!(is_ready(storage.room_for(1_000)).await);
        assert!(!is_ready(storage.room_for(300_000)).await, "two of them may be too many");
        assert!(!is_ready(storage.room()).await);
        left.set(RESERVE + 10_000);
        assert!(!is_ready(storage.room_for(1_000)).await, "it would take of the reserve");
        full.send_replace(false);
        assert!(is_ready(storage.room_for(300_000)).await && is_ready(storage.room()).await);
    }
}
