//! The raft log: segments of groups on disk, a memory of the newest entries, a file for the vote.
//!
//! One writer thread does everything that changes the disk, in the order in which it was asked. Whatever
//! waits when the thread is free becomes one *group*: one write, one `fdatasync`, then the answers.
//!
//! Invariants: an append is acknowledged after the `fdatasync` that covers it and after everything asked
//! before it; what is on disk is readable or refused with file and offset; only the last group may be cut
//! at start, and only when part of it is missing and nothing valid follows it.
//!
//! Segments whose entries are all purged are deleted once the purge itself is on disk.

mod acknowledged;
mod disk;
mod format;
mod growth;
mod index;
mod preparer;
mod recovery;
mod segment;
mod store;
mod vote_file;
mod writer;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;

pub(crate) use disk::{Disk, FileDisk};
pub(crate) use format::Seed;
pub(crate) use segment::sync_folder;
pub(crate) use store::{LogBounds, LogStore, Purpose};
pub(crate) use writer::Orders;
#[cfg(test)]
pub(crate) use writer::Request;

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A file operation failed.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// What was written may not be on the disk.
    #[error("cannot sync `{path}`")]
    Sync {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Bytes that were acknowledged are not what was written.
    #[error("`{path}` is damaged at byte {offset}: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What was found.
        what: String,
    },
    /// A newer program wrote the file.
    #[error(
        "`{path}` has format {found} at byte {offset}, this program knows formats up to {known}"
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// The format found.
        found: u32,
        /// The highest format known.
        known: u32,
    },
}

impl LogError {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn sync(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Sync { path, source }
    }

    /// Whether there was no room.
    pub(crate) fn is_disk_full(&self) -> bool {
        match self {
            Self::Io { source, .. } | Self::Sync { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Damaged { .. } | Self::NewerFormat { .. } => false,
        }
    }

    /// The error with the system's answer, for those who see one line of it.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Io { source, .. } | Self::Sync { source, .. } => format!("{self}: {source}"),
            Self::Damaged { .. } | Self::NewerFormat { .. } => self.to_string(),
        }
    }
}
