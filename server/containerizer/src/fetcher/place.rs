//! Where one fetched file lies in the sandbox.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use agent_core::fetch::FetchItem;
use tokio::fs;

use super::archive::Archive;
use super::budget::Budget;
use super::download::{self, failed};
use super::source::Source;
use super::{FetchError, Owner, archive, confined};

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
        let mut partial = self.path.clone().into_os_string();
        partial.push(".fetching");
        let partial = PathBuf::from(partial);
        let written = self.write_partial(&partial, from, client, budget, is_executable).await;
        if written.is_err() {
            // The first error is the one to tell; a file that is not there needs no removal.
            let _ = fs::remove_file(&partial).await;
        }
        written
    }

    async fn write_partial(
        &self,
        partial: &Path,
        from: &Source,
        client: &reqwest::Client,
        budget: &Budget,
        is_executable: bool,
    ) -> Result<(), FetchError> {
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(partial)
            .await
            .map_err(failed("make", partial, self.source))?;
        download::write_to(file, partial, from, client, budget).await?;
        let mode = match (is_executable, self.source) {
            (true, _) => 0o755,
            (false, Source::Web(_)) => 0o644,
            (false, Source::File(original)) => {
                let kind = fs::metadata(original).await;
                kind.map_err(failed("find", original, self.source))?.permissions().mode() & 0o777
            }
        };
        fs::set_permissions(partial, Permissions::from_mode(mode)).await.map_err(failed(
            "change the mode of",
            partial,
            self.source,
        ))?;
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

    /// Gives everything in the sandbox to `owner`; links are given, not what they point to.
    pub(super) async fn give_to(&self, owner: Option<Owner>) -> Result<(), FetchError> {
        let Some(owner) = owner else { return Ok(()) };
        let sandbox = self.sandbox.clone();
        blocking(move || give(&sandbox, owner)).await.map_err(failed(
            "change the owner in",
            &self.sandbox,
            self.source,
        ))
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

fn give(folder: &Path, owner: Owner) -> std::io::Result<()> {
    std::os::unix::fs::lchown(folder, Some(owner.uid), Some(owner.gid))?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            give(&entry.path(), owner)?;
        } else {
            std::os::unix::fs::lchown(entry.path(), Some(owner.uid), Some(owner.gid))?;
        }
    }
    Ok(())
}
