//! Where one fetched file lies in the sandbox.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use agent_core::fetch::FetchItem;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, chownat, fchown, openat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use tokio::fs;

use super::archive::Archive;
use super::budget::Budget;
use super::download::{self, failed};
use super::source::Source;
use super::unfinished::Unfinished;
use super::{FetchError, Owner, archive, confined, leftovers};

/// Numbers the files that are being written, so that none is taken for another.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// How many names are tried for one; an archive may have brought files of such names.
const NAMES: u32 = 100;

/// A file of the sandbox that is being fetched.
#[derive(Debug)]
pub(super) struct Place<'a> {
    source: &'a Source,
    /// The sandbox without links in its path.
    sandbox: PathBuf,
    name: String,
    path: PathBuf,
}

impl<'a> Place<'a> {
    /// Chooses the file's name and makes the folders above it.
    pub(super) async fn prepare(
        item: &FetchItem,
        source: &'a Source,
        sandbox: &Path,
    ) -> Result<Self, FetchError> {
        let name = match &item.output_file {
            Some(name) => name.clone(),
            None => source.file_name()?,
        };
        let sandbox = fs::canonicalize(sandbox).await.map_err(failed("find", sandbox, source))?;
        let (root, relative) = (sandbox.clone(), PathBuf::from(&name));
        let path = blocking(move || confined::path_in(&root, &relative)).await.map_err(failed(
            "make room for",
            Path::new(&name),
            source,
        ))?;
        Ok(Self { source, sandbox, name, path })
    }

    /// The file's name, relative to the sandbox.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The file itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all of `from` into the file, which appears under its name when it is complete.
    pub(super) async fn write(
        &self,
        from: &Source,
        client: &reqwest::Client,
        budget: &Budget,
        is_executable: bool,
    ) -> Result<(), FetchError> {
        let path = self.path.clone();
        let made = blocking(move || make_beside(&path)).await;
        let (file, partial) = made.map_err(failed("make room for", &self.path, self.source))?;
        let mut file = fs::File::from_std(file);
        match self.fill(&mut file, partial.path(), from, client, budget, is_executable).await {
            Ok(()) => {
                partial.finish();
                Ok(())
            }
            Err(error) => {
                partial.remove().await;
                Err(error)
            }
        }
    }

    async fn fill(
        &self,
        file: &mut fs::File,
        partial: &Path,
        from: &Source,
        client: &reqwest::Client,
        mut budget: &Budget,
        is_executable: bool,
    ) -> Result<(), FetchError> {
        download::write_to(file, partial, from, client, &mut budget).await?;
        let mode = match (is_executable, self.source) {
            (true, _) => 0o755,
            (false, Source::Web(_)) => 0o644,
            (false, Source::File(original)) => {
                let kind = fs::metadata(original).await;
                kind.map_err(failed("find", original, self.source))?.permissions().mode() & 0o777
            }
        };
        let changed = file.set_permissions(Permissions::from_mode(mode)).await;
        changed.map_err(failed("change the mode of", partial, self.source))?;
        fs::rename(partial, &self.path).await.map_err(failed("name", &self.path, self.source))
    }

    /// Unpacks `file` into the sandbox.
    ///
    /// Dropping the future makes the unpacking end at the next piece.
    pub(super) async fn unpack(
        &self,
        archive: Archive,
        file: &Path,
        budget: &Budget,
    ) -> Result<(), FetchError> {
        let unpacking = archive::Unpacking {
            file: file.to_owned(),
            name: self.name.clone(),
            sandbox: self.sandbox.clone(),
            source: self.source.clone(),
            budget: budget.clone(),
        };
        let ended = EndsWithUs { budget, is_done: false };
        let unpacked = tokio::task::spawn_blocking(move || archive.unpack(&unpacking)).await;
        ended.disarm();
        unpacked.unwrap_or_else(|panic| {
            Err(FetchError::Archive { uri: self.source.shown(), why: panic.to_string() })
        })
    }
}

/// Empties the sandbox of what an earlier attempt has left.
pub(super) async fn clear(sandbox: &Path, source: &Source) -> Result<(), FetchError> {
    let folder = sandbox.to_owned();
    let cleared = blocking(move || leftovers::clear(&folder)).await;
    cleared.map_err(failed("empty", sandbox, source))
}

/// Gives everything in the sandbox to `owner`; links are given, not what they point to.
pub(super) async fn give(sandbox: &Path, owner: Owner, source: &Source) -> Result<(), FetchError> {
    let folder = sandbox.to_owned();
    let (user, group) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    let given = blocking(move || {
        let how = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = Dir::new(openat(CWD, &folder, how, Mode::empty())?)?;
        Ok(give_folder(folder, user, group)?)
    });
    given.await.map_err(failed("change the owner in", sandbox, source))
}

/// Gives what is in the folder first, since its owner may change it from then on.
fn give_folder(mut folder: Dir, user: Uid, group: Gid) -> Result<(), Errno> {
    while let Some(entry) = folder.next() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let below = match entry.file_type() {
            FileType::Directory | FileType::Unknown => {
                let how = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                openat(folder.fd()?, name, how, Mode::empty()).map(Some)
            }
            _ => Ok(None),
        };
        match below {
            Ok(Some(below)) => give_folder(Dir::new(below)?, user, group)?,
            Ok(None) | Err(Errno::NOTDIR | Errno::LOOP) => {
                chownat(folder.fd()?, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
            }
            Err(error) => return Err(error),
        }
    }
    fchown(folder.fd()?, Some(user), Some(group))
}

/// Makes a file in the folder of `path`, under a name for the time being; blocks.
fn make_beside(path: &Path) -> std::io::Result<(std::fs::File, Unfinished)> {
    let mut tried = 0;
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        tried += 1;
        match Unfinished::make(path.with_file_name(format!(".fetching-{number}")), ()) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && tried < NAMES => {}
            made => return made,
        }
    }
}

/// Voids a budget unless the work that uses it has ended by itself.
struct EndsWithUs<'a> {
    budget: &'a Budget,
    is_done: bool,
}

impl EndsWithUs<'_> {
    fn disarm(mut self) {
        self.is_done = true;
    }
}

impl Drop for EndsWithUs<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.budget.void();
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}
