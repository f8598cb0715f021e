//! A small file system of one's own, to be filled up.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// A file system in memory, mounted on a folder; unmounted when it is dropped. Mounting takes root.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts an empty one of so many MiB on `folder`, which is made.
    pub fn mount(folder: &Path, mib: u32) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let size = format!("size={mib}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "ekiden-test"]).arg(folder);
        let output = mount.output().context("could not start `mount`")?;
        let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        ensure!(output.status.success(), "a small disk takes root and `mount`: {errors}");
        Ok(Self { folder: folder.to_owned() })
    }

    /// Takes all the room that is left, to the last byte.
    pub fn fill(&self) -> Result<()> {
        let mut file = File::options().create(true).append(true).open(self.filler())?;
        // The large pieces first, so that the last page is not left to chance.
        for bytes in [1 << 20, 1 << 12, 1] {
            let piece = vec![7; bytes];
            loop {
                match file.write(&piece) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error).context("could not fill the disk"),
                }
            }
        }
        Ok(())
    }

    /// Gives the room back that [`Self::fill`] took.
    pub fn free(&self) -> Result<()> {
        fs::remove_file(self.filler()).context("the disk was not filled")
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that a failed test has not waited for may still have files open.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).output();
    }
}
