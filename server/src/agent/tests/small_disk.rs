//! A disk of a few mebibytes, for tests that fill it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A file system in memory; taken away when dropped.
pub(in crate::agent) struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one of so many mebibytes.
    pub(in crate::agent) fn of_mebibytes(size: u32) -> Self {
        let is_root = rustix::process::geteuid().is_root();
        assert!(is_root, "this test mounts a small disk, which only root may: run it as root");
        let folder = TempDir::new().unwrap();
        let options = format!("size={size}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
        Self { folder }
    }

    pub(in crate::agent) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes until nothing fits any more.
    pub(in crate::agent) fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.filling()).unwrap();
        for piece in [64 << 10, 1 << 10, 1] {
            while file.write_all(&vec![1; piece]).is_ok() {}
        }
    }

    /// Takes away what `fill` wrote.
    pub(in crate::agent) fn free(&self) {
        fs::remove_file(self.filling()).unwrap();
    }

    fn filling(&self) -> PathBuf {
        self.path().join("filling")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: nothing of a failed test may keep it.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
