//! How many bytes a task may still fetch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::FetchError;
use super::source::Source;

/// Counts the bytes of a file before they are written.
pub(super) trait Meter: Send {
    /// Is told how many bytes there will be, where the source says so.
    fn expect(
        &mut self,
        bytes: u64,
        source: &Source,
    ) -> impl Future<Output = Result<(), FetchError>> + Send;

    /// Counts `bytes` more, or says that there is no room for them.
    fn count(
        &mut self,
        bytes: u64,
        source: &Source,
    ) -> impl Future<Output = Result<(), FetchError>> + Send;
}

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
            Err(_) => Err(self.exceeded(source)),
        }
    }

    fn exceeded(&self, source: &Source) -> FetchError {
        FetchError::TooLarge { uri: source.shown(), limit: self.limit }
    }
}

impl Meter for &Budget {
    async fn expect(&mut self, bytes: u64, source: &Source) -> Result<(), FetchError> {
        match bytes <= self.left.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(self.exceeded(source)),
        }
    }

    async fn count(&mut self, bytes: u64, source: &Source) -> Result<(), FetchError> {
        self.take(bytes, source)
    }
}
