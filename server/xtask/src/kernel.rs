//! A Linux kernel for tests that need other cgroups than this machine has. It is unpacked into the target folder and never installed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Failure, Result, Workspace,
    command::{capture, run},
    packages,
};

/// Depends on the newest kernel of its kind.
const NEWEST: &str = "linux-image-cloud-amd64";

/// The kernel's file, and the machine emulator that boots it.
pub(crate) fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    packages::ensure(&["qemu-system-x86"], "testing")?;
    let folder = workspace.target().join("kernel");
    let file = folder.join("vmlinuz");
    if file.exists() {
        return Ok(file);
    }
    println!("testing needs a Linux kernel: unpacking Debian's into {}", folder.display());
    let failed = |error: io::Error| Failure::new(format!("{}: {error}", folder.display()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(failed)?;
    let package = newest()?;
    run(Command::new("apt-get").current_dir(&folder).args(["download", "--quiet", &package]))?;
    let archive = file_of(&folder, &format!("{package}_"))?;
    run(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(folder.join("unpacked")))?;
    let unpacked = file_of(&folder.join("unpacked/boot"), "vmlinuz-")?;
    fs::copy(unpacked, &file).map_err(failed)?;
    // The modules are many, and none of them is used.
    fs::remove_dir_all(folder.join("unpacked")).map_err(failed)?;
    fs::remove_file(archive).map_err(failed)?;
    Ok(file)
}

fn newest() -> Result<String> {
    let depends = || capture(Command::new("apt-cache").args(["depends", NEWEST]));
    let mut said = depends().unwrap_or_default();
    if !said.contains("Depends:") {
        // On a machine that was just made the lists are empty.
        run(Command::new("apt-get").args(["update", "--quiet", "--quiet"]))?;
        said = depends()?;
    }
    let mut names = said.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names
        .find(|name| name.starts_with("linux-image-"))
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("Debian's packages have no `{NEWEST}`")))
}

/// The file of the folder whose name begins like this.
fn file_of(folder: &Path, beginning: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .find(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning))
        })
        .ok_or_else(|| Failure::new(format!("{} has no `{beginning}…`", folder.display())))
}
