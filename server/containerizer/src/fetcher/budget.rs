//! How many bytes a task may still fetch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::FetchError;
use super::source::Source;

/// Bytes left, shared by everything that one task fetches and unpacks.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    limit: u64,
    left: Arc<AtomicU64>,
}

impl Budget {
    pub(super) fn of(limit: u64) -> Self {
        Self { limit, left: Arc::new(AtomicU64::new(limit)) }
    }

    /// Takes everything that is left, which ends whatever still writes.
    pub(super) fn void(&self) {
        self.left.store(0, Ordering::Relaxed);
    }

    /// Takes `bytes`, or says that there are not so many left.
    pub(super) fn take(&self, bytes: u64, source: &Source) -> Result<(), FetchError> {
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        match taken {
            Ok(_) => Ok(()),
            Err(_) => Err(FetchError::TooLarge { uri: source.shown(), limit: self.limit }),
        }
    }
}
