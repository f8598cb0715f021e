//! Chunks of a change that is larger than one entry, until the write comes that completes it.
//!
//! Staged records are part of the replicated state and of nothing else: no record, no listing and no load
//! shows them. They go when their write is applied or refused, when the session says that the write's number
//! is done with, and with the session.

use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;
use model::RecordWrite;
use serde::{Deserialize, Serialize};

/// Bytes that one session may stage: the bound of one atomic change.
pub const MAX_STAGED_BYTES: u64 = 64 << 20;

/// The chunks of one write.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Staged {
    chunks: OrdMap<u32, Arc<[RecordWrite]>>,
    bytes: u64,
}

impl Staged {
    /// Adds a chunk; one that is there already stays as it is.
    pub(crate) fn add(&mut self, index: u32, records: &[RecordWrite]) {
        if !self.chunks.contains_key(&index) {
            self.chunks.insert(index, records.into());
            self.bytes += bytes_of(records);
        }
    }

    /// Whether exactly the chunks from 0 to `count` are there.
    pub(crate) fn is_complete(&self, count: u32) -> bool {
        self.chunks.keys().copied().eq(0..count)
    }

    /// All records, in the order of the chunks.
    pub(crate) fn records(&self) -> impl Iterator<Item = &RecordWrite> {
        self.chunks.values().flat_map(|chunk| chunk.iter())
    }

    /// Bytes of the paths and values.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Bytes of the paths and values of `records`.
pub(crate) fn bytes_of(records: &[RecordWrite]) -> u64 {
    let bytes = |write: &RecordWrite| write.path.len() + write.value.as_ref().map_or(0, Bytes::len);
    records.iter().map(|write| u64::try_from(bytes(write)).unwrap_or(u64::MAX)).sum()
}
