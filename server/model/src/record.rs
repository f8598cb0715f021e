//! What a pure core asks to have stored, and the numbers that order and answer its work.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One durable change in the `platform` namespace: a record put, or deleted when `value` is `None`.
///
/// Missing parents are created with it. Several writes of one batch become one log entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordWrite {
    /// Absolute path with `/` between the segments, such as `/master/agents/<agent id>`.
    pub path: String,
    /// The new content, at most 1 MiB; `None` deletes the record (no error when it is absent).
    pub value: Option<Bytes>,
}

impl RecordWrite {
    /// Stores `value` at `path`.
    pub fn put(path: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self { path: path.into(), value: Some(value.into()) }
    }

    /// Removes the record at `path`.
    pub fn delete(path: impl Into<String>) -> Self {
        Self { path: path.into(), value: None }
    }
}

/// Fence of a leader: the czxid of its election node. A later leader has a higher one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// Names one request within a process, so that the effect that answers it finds its way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);
