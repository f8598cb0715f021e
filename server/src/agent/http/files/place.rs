//! Where a path leads, and opening what is there.
//!
//! A sandbox has three names: its run directory, the `runs/latest` beside it, and `/frameworks/<f>/executors/<e>/runs/latest`. A path is
//! followed through all its links first, and must still be inside the sandbox then. It is opened step by step, without following
//! any link, so a task that puts a link in the way meanwhile gains nothing.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use super::{Refusal, refused};

/// No step follows a link.
const UNLINKED: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);

/// Something in a sandbox.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The sandbox's real path.
    pub(super) sandbox: PathBuf,
    /// What is below it on the way, without links.
    pub(super) below: PathBuf,
}

impl Place {
    /// What a path names, if it lies in the sandbox that the path names.
    pub(super) fn find(work_dir: &Path, agent: Option<&str>, path: &str) -> Result<Self, Refusal> {
        let not_found = || Refusal::NotFound(path.to_owned());
        let (sandbox, inside) = sandbox_of(work_dir, agent, path).ok_or_else(not_found)?;
        let sandbox = fs::canonicalize(&sandbox).map_err(|error| refused(path, &error))?;
        if !sandbox.starts_with(work_dir) {
            return Err(not_found());
        }
        let real = fs::canonicalize(sandbox.join(inside)).map_err(|error| refused(path, &error))?;
        let below = real.strip_prefix(&sandbox).map_err(|_| inaccessible(path))?.to_owned();
        Ok(Self { sandbox, below })
    }

    /// What an entry of this folder leads to, if that is in the sandbox.
    pub(super) fn entry(&self, name: &Path) -> Option<Self> {
        let real = fs::canonicalize(self.sandbox.join(&self.below).join(name)).ok()?;
        let below = real.strip_prefix(&self.sandbox).ok()?.to_owned();
        Some(Self { sandbox: self.sandbox.clone(), below })
    }

    /// Opens it to be read. What is no regular file never makes this wait.
    pub(super) fn open(&self, path: &str) -> Result<File, Refusal> {
        self.walk(path, OFlags::RDONLY | OFlags::NONBLOCK)
    }

    /// Opens it to be looked at.
    pub(super) fn look(&self, path: &str) -> Result<File, Refusal> {
        self.walk(path, OFlags::PATH)
    }

    fn walk(&self, path: &str, how: OFlags) -> Result<File, Refusal> {
        let step = OFlags::PATH | OFlags::DIRECTORY;
        let walked = || -> Result<OwnedFd, Errno> {
            let mut names = self.below.components().peekable();
            let first = if names.peek().is_some() { step } else { how };
            let mut here = openat(CWD, &self.sandbox, first | UNLINKED, Mode::empty())?;
            while let Some(name) = names.next() {
                let how = if names.peek().is_some() { step } else { how };
                here = openat(&here, name.as_os_str(), how | UNLINKED, Mode::empty())?;
            }
            Ok(here)
        };
        walked().map(File::from).map_err(|errno| match errno {
            Errno::LOOP => inaccessible(path),
            errno => refused(path, &errno.into()),
        })
    }
}

fn inaccessible(path: &str) -> Refusal {
    Refusal::Invalid(format!("'{path}' is inaccessible"))
}

/// Splits a path into the sandbox that it names and what is below.
fn sandbox_of(work_dir: &Path, agent: Option<&str>, path: &str) -> Option<(PathBuf, PathBuf)> {
    let path = Path::new(path);
    let slaves = work_dir.join("slaves");
    let (owner, rest) = match path.strip_prefix(&slaves) {
        Ok(rest) => {
            let mut parts = rest.components();
            let Component::Normal(owner) = parts.next()? else { return None };
            (owner.to_owned(), parts.as_path().to_owned())
        }
        Err(_) => (agent?.into(), path.strip_prefix("/").ok()?.to_owned()),
    };
    let mut parts = rest.components();
    let mut sandbox = slaves.join(owner);
    for expected in ["frameworks", "executors", "runs"] {
        let (Component::Normal(word), Component::Normal(name)) = (parts.next()?, parts.next()?)
        else {
            return None;
        };
        if word != expected {
            return None;
        }
        sandbox = sandbox.join(word).join(name);
    }
    Some((sandbox, parts.as_path().to_owned()))
}
