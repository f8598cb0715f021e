//! History in SQL: tasks that ended, versions of apps, deployments (design D8).
//!
//! One [`Writer`] owns the file and takes records from a bounded queue; [`History`] is the handle of everybody
//! else: it records without ever waiting and reads through connections of its own, which cannot write.
//!
//! Invariants: whoever records is never held up, whatever the file or the disk do: what cannot be stored is
//! skipped, counted and told in [`Status`]. The same record twice is one row. Losing the file loses no running
//! work, so a damaged one is set aside and a new one begun.
#![forbid(unsafe_code)]

mod file;
mod insert;
mod prune;
mod read;
mod record;
mod writer;

pub use read::{DeploymentFilter, Page, PageQuery, ReadError, TaskFilter, VersionFilter};
pub use record::{Caller, DeploymentRecord, Outcome, Record, TaskRecord, VersionRecord};
pub use writer::{History, Settings, Status, Writer, open};

#[cfg(test)]
mod tests;
