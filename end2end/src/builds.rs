//! Two builds of the program at one path, as a package manager leaves them there one after the other.
//!
//! The earlier build is the program itself with a few letters changed, both in itself and in the executor that it carries, whose file
//! then has another name. So it works as the later one does, and whatever the two exchange passes between files that differ.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::cluster;

/// The name that the earlier build gives to its executor's file.
pub const EARLIER_EXECUTOR: &str = "ekiden-executor-0000000000000000";

/// Changes the executor's name and text in place: every offset in the program stays what it is.
const CHANGES: &str = r"s/ekiden-executor-[0-9a-f]{16}/ekiden-executor-0000000000000000/g
s/usage: ekiden-executor run/usage; ekiden-executor run/g";

/// The program where it was installed.
#[derive(Debug)]
pub struct Installed {
    later: PathBuf,
    folder: TempDir,
}

impl Installed {
    /// Installs the earlier build.
    pub fn earlier() -> Result<Self> {
        let installed =
            Self { later: cluster::program()?, folder: TempDir::with_prefix("ekiden-program-")? };
        let path = installed.path();
        // With the file's mode.
        fs::copy(&installed.later, &path).context("could not copy the program")?;
        let mut sed = Command::new("sed");
        sed.env("LC_ALL", "C").args(["--regexp-extended", "--in-place", CHANGES]).arg(&path);
        ensure!(sed.status().context("could not start `sed`")?.success(), "`sed` failed");
        let length = |path: &Path| fs::metadata(path).map(|found| found.len());
        ensure!(length(&path)? == length(&installed.later)?, "the earlier build is broken");
        Ok(installed)
    }

    /// The path that people start.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("ekiden")
    }

    /// Replaces the file with the later build: written beside it, then given its name.
    pub fn upgrade(&self) -> Result<()> {
        let new = self.folder.path().join("ekiden.new");
        fs::copy(&self.later, &new)?;
        Ok(fs::rename(&new, self.path())?)
    }
}
