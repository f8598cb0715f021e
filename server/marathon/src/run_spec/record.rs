//! The durable form of a definition: its canonical JSON.
//!
//! New members get their defaults when an older record is read. Whatever holds the bytes is versioned.

use super::{Refusal, RunSpec, read};
use crate::render;

impl RunSpec {
    /// The durable form.
    pub fn to_record(&self) -> Vec<u8> {
        serde_json::to_vec(&render::definition(self))
            .expect("a definition has text keys and finite numbers only")
    }

    /// Reads the durable form.
    ///
    /// # Errors
    /// When the bytes hold no valid definition.
    pub fn restore(record: &[u8]) -> Result<Self, Refusal> {
        // Reading for good messages takes ten times as long, and a start reads every record.
        match serde_json::from_slice(record) {
            Ok(posted) => Self::parse(posted),
            Err(_) => Self::parse(read(record)?),
        }
    }
}
