//! What the log asks of a disk and that tests and the simulation must see or break.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

/// The status with which a process ends after the durable write that `--exit_after_durable_write` names.
pub(crate) const EXIT_AFTER_WRITE: i32 = 86;

/// How often a disk that stands still looks whether it may go on.
const STANDING_STILL: Duration = Duration::from_millis(10);

/// Makes files, makes bytes durable, and ends the process when that cannot be done. Clones are one disk.
pub(crate) trait Disk: Clone + Send + 'static {
    /// Fills a new file with zeros; fails when there is no room.
    fn fill(&mut self, file: &mut File, bytes: u64) -> io::Result<()>;

    /// Returns once a new file survives a loss of power, its size included.
    fn sync_new(&mut self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Returns once everything written to `file` survives a loss of power.
    fn sync(&mut self, file: &File) -> io::Result<()>;

    /// Called when another group of the log is durable and nobody has been told yet.
    fn group_is_durable(&mut self) {}

    /// Ends the process with one sentence: after a failed write or `fdatasync` nobody knows what is on the
    /// disk, so nothing may be acknowledged any more.
    fn halt(&mut self, sentence: &str);
}

/// The machine's file system.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileDisk {
    /// Groups until the process ends, for tests of what a crash leaves behind.
    exits_after: Option<u64>,
    /// A file that keeps everything from becoming durable while it is there, for tests of a disk that is slow.
    stands_still_for: Option<PathBuf>,
}

impl FileDisk {
    /// With the faults that the configuration asks for: ends the process with status [`EXIT_AFTER_WRITE`] right after the
    /// group with this number, from 1, is durable; makes nothing durable while this file is there.
    pub(crate) fn with_faults(exits_after: Option<u64>, stands_still_for: Option<PathBuf>) -> Self {
        Self { exits_after, stands_still_for }
    }

    fn stand_still(&self) {
        while self.stands_still_for.as_ref().is_some_and(|file| file.exists()) {
            #[expect(
                clippy::disallowed_methods,
                reason = "a thread of the log that stands still is the fault"
            )]
            std::thread::sleep(STANDING_STILL);
        }
    }
}

impl Disk for FileDisk {
    fn fill(&mut self, file: &mut File, bytes: u64) -> io::Result<()> {
        let zeros = vec![0; 1 << 20];
        let mut left = bytes;
        while left > 0 {
            let chunk = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
            file.write_all(&zeros[..chunk])?;
            left -= chunk as u64;
        }
        Ok(())
    }

    fn sync_new(&mut self, file: &File) -> io::Result<()> {
        self.stand_still();
        file.sync_all()
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        self.stand_still();
        file.sync_data()
    }

    fn group_is_durable(&mut self) {
        if let Some(left) = &mut self.exits_after {
            *left = left.saturating_sub(1);
            if *left == 0 {
                std::process::exit(EXIT_AFTER_WRITE);
            }
        }
    }

    fn halt(&mut self, sentence: &str) {
        tracing::error!("{sentence}");
        std::process::exit(1);
    }
}
