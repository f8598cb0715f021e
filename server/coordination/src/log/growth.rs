//! By how much the log has grown, for whoever keeps it short.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Bytes of groups written beyond the snapshot that the process started from.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    bytes: AtomicU64,
    /// The size at which somebody wants to be woken.
    wake_at: AtomicU64,
    wake: Notify,
}

impl Growth {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    pub(crate) fn add(&self, bytes: u64) {
        let total = self.bytes.fetch_add(bytes, Ordering::AcqRel) + bytes;
        if total >= self.wake_at.load(Ordering::Acquire) {
            self.wake.notify_one();
        }
    }

    /// Waits until the log has this size. One waits at a time.
    pub(crate) async fn reaches(&self, bytes: u64) {
        self.wake_at.store(bytes, Ordering::Release);
        while self.bytes() < bytes {
            self.wake.notified().await;
        }
    }
}
