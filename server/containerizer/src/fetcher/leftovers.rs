//! What an earlier attempt to launch the same task has left in its sandbox.
//!
//! An agent that ends while it fetches begins again when it is back. What lies in the sandbox then is half of something: files under their
//! passing names, links that would be followed, folders where files are wanted. It goes before anything is fetched, whatever it is; the
//! output files stay, where people may have been told something.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::path::Path;

use rustix::process::{getegid, geteuid};

/// What the agent makes before anything is fetched.
const KEPT: [&str; 2] = ["stdout", "stderr"];

/// Empties a sandbox and takes it back from the task's user, so that nobody else writes there as long as the agent does; blocks.
pub(super) fn clear(sandbox: &Path) -> io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    if user.is_root() && fs::symlink_metadata(sandbox)?.uid() != user.as_raw() {
        lchown(sandbox, Some(user.as_raw()), Some(group.as_raw()))?;
    }
    for entry in fs::read_dir(sandbox)? {
        let entry = entry?;
        let is_kept = KEPT.iter().any(|kept| entry.file_name() == *kept);
        if is_kept {
            continue;
        }
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            remove_folder(&path)?;
        } else {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Removes a folder; an archive may have made one that not even its owner may change.
fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            open_up(folder)?;
            fs::remove_dir_all(folder)
        }
        removed => removed,
    }
}

fn open_up(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}
