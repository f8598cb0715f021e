//! Disk space that the journal holds behind its end, so that it can be continued on a full disk.
//!
//! The blocks belong to the file without being part of its length. A file system that has no such thing leaves the journal without a
//! reserve; what cannot be written then waits.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

/// So much is held: several thousand ends of tasks with their acknowledgements.
const WHOLE: u64 = 4 << 20;

/// Below so much it is filled up again.
const LOW: u64 = WHOLE / 2;

/// With less than this left on the disk no sandbox is begun.
const FREE: u64 = 1 << 20;

/// The reserve of one file.
#[derive(Debug)]
pub(super) struct Reserve {
    /// Where the space that is held ends.
    end: u64,
    /// The file system cannot hold space for a file.
    is_unknown: bool,
}

impl Reserve {
    /// Takes space behind the end of a file of `length` bytes, as far as there is any.
    pub(super) fn behind(file: &File, length: u64) -> Self {
        let mut reserve = Self { end: length, is_unknown: false };
        reserve.extend(file, length);
        reserve
    }

    /// Fills the reserve up when it is low; false where that failed for want of space.
    pub(super) fn extend(&mut self, file: &File, length: u64) -> bool {
        if self.is_unknown || self.end >= length + LOW {
            return true;
        }
        match fallocate(file, FallocateFlags::KEEP_SIZE, length, WHOLE) {
            Ok(()) => {
                self.end = length + WHOLE;
                true
            }
            Err(Errno::NOSPC | Errno::DQUOT) => false,
            Err(error) => {
                tracing::warn!("the journal can hold no disk space in reserve here: {error}");
                self.is_unknown = true;
                true
            }
        }
    }
}

/// Whether the disk on which `path` lies has space and inodes for a sandbox; true where that cannot be told.
pub(super) fn is_free(path: &Path) -> bool {
    let Ok(space) = statvfs(path) else { return true };
    let has_inodes = space.f_files == 0 || space.f_ffree > 16;
    has_inodes && space.f_bfree.saturating_mul(space.f_frsize) >= FREE
}
