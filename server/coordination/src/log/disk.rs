//! The two things the log asks of a disk that tests and the simulation must see or break.

use std::fs::File;
use std::io;

/// Makes bytes durable, and ends the process when that cannot be done.
pub(crate) trait Disk: Send + 'static {
    /// Returns once everything written to `file` survives a loss of power.
    fn sync(&mut self, file: &File) -> io::Result<()>;

    /// Ends the process with one sentence: after a failed write or `fdatasync` nobody knows what is on the
    /// disk, so nothing may be acknowledged any more.
    fn halt(&mut self, sentence: &str);
}

/// The machine's file system.
#[derive(Debug, Default)]
pub(crate) struct FileDisk;

impl Disk for FileDisk {
    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn halt(&mut self, sentence: &str) {
        tracing::error!("{sentence}");
        std::process::exit(1);
    }
}
