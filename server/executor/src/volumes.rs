//! What of the host the task sees in other places: bind mounts in a mount namespace of the task's own, which goes with the task.
//!
//! Only who may mount can do it. In the sandbox no link is followed: what was fetched there may hold links to anywhere.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};

use executor::{Identity, Spec, Volume, file};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, StatVfsMountFlags, chownat, fstat, fstatvfs, mkdirat, open,
    openat,
};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, mount_bind, mount_bind_recursive, mount_change,
    mount_remount,
};
use rustix::process::{Gid, Uid};
use rustix::thread::{
    LinkNameSpaceType, UnshareFlags, move_into_link_name_space, set_no_new_privs,
};

use crate::account::Account;

/// Makes the volumes for this process and those that it becomes.
pub(crate) fn mount(spec: &Spec, account: Option<&Account>) -> Result<(), String> {
    if spec.volumes.is_empty() {
        return Ok(());
    }
    begin().map_err(|error| {
        format!("the volumes of a command need an agent that may mount (as root): {error}")
    })?;
    // Programs that give rights trust files such as /etc/passwd, which a volume may hide.
    set_no_new_privs(true).map_err(|error| format!("could not give up new rights: {error}"))?;
    for volume in &spec.volumes {
        let Volume { source, target, is_writable } = volume;
        mount_one(&spec.sandbox, source, target, *is_writable, account).map_err(|error| {
            format!("could not make volume {} of {}: {error}", target.display(), source.display())
        })?;
    }
    Ok(())
}

/// Sees what the task sees, in a process beside it.
pub(crate) fn join(spec: &Spec) -> Result<(), String> {
    if spec.volumes.is_empty() {
        return Ok(());
    }
    let join = || {
        let task = Identity::from_bytes(&fs::read(file::TASK)?).map_err(io::Error::other)?;
        let namespace = File::open(format!("/proc/{}/ns/mnt", task.pid))?;
        // Only now is it certain whose namespace it is.
        if !task.is_alive() {
            return Err(io::Error::other("the first process of the task has ended"));
        }
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Mount))?;
        set_no_new_privs(true)?;
        Ok::<(), io::Error>(())
    };
    join().map_err(|error| format!("could not see the volumes of the task: {error}"))
}

/// A mount namespace of its own, out of which no mount reaches the host.
fn begin() -> io::Result<()> {
    #[expect(
        deprecated,
        reason = "what is unsafe about it are shared tables of open files, and this leaves them alone"
    )]
    rustix::thread::unshare(UnshareFlags::NEWNS)?;
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    Ok(())
}

fn mount_one(
    sandbox: &Path,
    source: &Path,
    target: &Path,
    is_writable: bool,
    account: Option<&Account>,
) -> io::Result<()> {
    let source = if source.is_absolute() {
        open(source, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?
    } else {
        within(sandbox, source, true, account)?
    };
    let is_folder = FileType::from_raw_mode(fstat(&source)?.st_mode) == FileType::Directory;
    let target = if target.is_absolute() {
        // Compat: it has to be there, since the command shares the host's files.
        open(target, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?
    } else {
        within(sandbox, target, is_folder, account)?
    };
    if is_writable {
        return Ok(mount_bind_recursive(by_number(&source), by_number(&target))?);
    }
    // Without the mounts below it, which would stay writable.
    mount_bind(by_number(&source), by_number(&target))?;
    // What the source does not allow is not allowed here either; the bits are the same.
    let kept = StatVfsMountFlags::NOSUID | StatVfsMountFlags::NODEV | StatVfsMountFlags::NOEXEC;
    let kept = u32::try_from((fstatvfs(&source)?.f_flag & kept).bits()).unwrap_or_default();
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::from_bits_retain(kept);
    // The handle means what lies below the mount; its path leads to the mount itself.
    let path = fs::read_link(by_number(&target))?;
    mount_remount(&path, flags, c"")?;
    Ok(())
}

fn by_number(handle: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()))
}

/// What `path` names in the sandbox; made where it is missing, and given to the task's user.
fn within(
    sandbox: &Path,
    path: &Path,
    is_folder: bool,
    account: Option<&Account>,
) -> io::Result<OwnedFd> {
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = open(sandbox, folder, Mode::empty())?;
    let mut parts = path.components().filter(|part| *part != Component::CurDir).peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else {
            return Err(io::Error::other("it leads out of the sandbox"));
        };
        let is_last = parts.peek().is_none();
        let made = if is_folder || !is_last {
            mkdirat(&at, name, Mode::from_raw_mode(0o755))
        } else {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            openat(&at, name, flags, Mode::from_raw_mode(0o644)).map(drop)
        };
        match made {
            Ok(()) => give(&at, name, account)?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = if is_folder || !is_last {
            folder
        } else {
            OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC
        };
        at = openat(&at, name, flags, Mode::empty())?;
        if FileType::from_raw_mode(fstat(&at)?.st_mode) == FileType::Symlink {
            return Err(io::Error::other("there is a link in the sandbox"));
        }
    }
    Ok(at)
}

fn give(folder: &OwnedFd, name: &std::ffi::OsStr, account: Option<&Account>) -> io::Result<()> {
    let Some(account) = account else { return Ok(()) };
    let (user, group) = (Uid::from_raw(account.user), Gid::from_raw(account.group));
    chownat(folder, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn places_in_the_sandbox_are_made_and_links_are_not_followed() {
        let (sandbox, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        within(sandbox.path(), Path::new("a/b"), true, None).unwrap();
        within(sandbox.path(), Path::new("a/file"), false, None).unwrap();
        assert!(sandbox.path().join("a/b").is_dir());
        assert!(sandbox.path().join("a/file").is_file());
        symlink(other.path(), sandbox.path().join("out")).unwrap();
        for path in ["out", "out/x", "../x", "/x"] {
            assert!(within(sandbox.path(), Path::new(path), true, None).is_err(), "{path}");
        }
        symlink("a/file", sandbox.path().join("link")).unwrap();
        assert!(within(sandbox.path(), Path::new("link"), false, None).is_err());
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
    }
}
