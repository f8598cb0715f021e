//! The journal file: what the agent must know again after its process has ended.
//!
//! `format` says what lies in it and what is done with a torn or damaged one. Records are written through the page cache without syncing
//! (a loss of power ends the tasks too), except those that say who the agent is. When the agent starts, and when the journal has grown
//! long, it is written anew in its shortest form, as a whole and synced.
//!
//! Behind its end the file holds a reserve of disk space: on a full disk what is already here can still be written about. Whether the
//! reserve is whole says whether new tasks may be taken ([`Journal::has_room`]).

mod format;
mod reserve;

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_core::Record;
use tokio::task::spawn_blocking;

use self::format::{Content, Refusal};
use self::reserve::Reserve;

/// Beyond this many bytes, and twice what it was when last made short, the journal is worth being made short again.
const LONG: u64 = 16 << 20;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not {operation} the journal `{path}`: {source}")]
    Io { operation: &'static str, path: String, source: std::io::Error },
    #[error(
        "the journal `{path}` is damaged at byte {offset}: it no longer says which containers belong to this agent; \
         put back a copy that is whole, or empty the work directory to begin as a new agent"
    )]
    Damaged { path: String, offset: usize },
    #[error(
        "the journal `{path}` has a record at byte {offset} that this version does not know ({reason}): \
         a newer version wrote it, so start that one"
    )]
    Unknown { path: String, offset: usize, reason: String },
}

impl Error {
    /// Whether there is only no space at the moment.
    pub(crate) fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_disk_full(source))
    }
}

/// Whether an operation failed only for want of space.
pub(crate) fn is_disk_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// The journal, open for more.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Arc<File>,
    length: u64,
    /// Length when it was last made short.
    base: u64,
    reserve: Reserve,
}

impl Journal {
    /// The records of a journal; none where there is no file. Changes nothing.
    pub(crate) async fn read(path: &Path) -> Result<Vec<Record>, Error> {
        let bytes = match tokio::fs::read(path).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            other => other.map_err(failed("read", path))?,
        };
        let Content { records, whole } =
            format::decode(&bytes).map_err(|refusal| refused(path, refusal))?;
        if whole < bytes.len() {
            tracing::warn!(
                "the journal `{}` ends within a record, at byte {whole} of {}; that record counts as never written",
                path.display(),
                bytes.len()
            );
        }
        Ok(records)
    }

    /// A journal of these records alone, in place of the one that may be there.
    ///
    /// On a full disk the old one stays, and nothing half-written beside it.
    pub(crate) async fn begin(path: &Path, records: &[Record]) -> Result<Self, Error> {
        let (place, bytes) = (path.to_owned(), format::encode_file(records));
        let length = bytes.len() as u64;
        let file = blocking(path, "write", move || write_anew(&place, &bytes)).await?;
        let reserve = Reserve::behind(&file, length);
        Ok(Self { path: path.to_owned(), file, length, base: length, reserve })
    }

    /// The journal that is there, to be continued: where no space is left for another one.
    ///
    /// None where there is none that this form can be added to.
    pub(crate) async fn resume(path: &Path) -> Result<Option<Self>, Error> {
        let place = path.to_owned();
        let resumed = blocking(path, "open", move || {
            let bytes = match std::fs::read(&place) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                read => read.map_err(failed("read", &place))?,
            };
            if !format::is_of_this_form(&bytes) {
                return Ok(None);
            }
            let content = format::decode(&bytes).map_err(|refusal| refused(&place, refusal))?;
            let file = File::options().write(true).open(&place).map_err(failed("open", &place))?;
            if content.whole < bytes.len() {
                // Nothing of the torn record may stand behind what is added now.
                file.set_len(content.whole as u64).map_err(failed("cut", &place))?;
            }
            Ok(Some((Arc::new(file), content.whole as u64)))
        });
        Ok(resumed.await?.map(|(file, length)| {
            let reserve = Reserve::behind(&file, length);
            Self { path: path.to_owned(), file, length, base: 0, reserve }
        }))
    }

    /// Adds records; when this returns they outlive the process.
    ///
    /// Where there is no space the same records can be added again later; until then no others may be.
    pub(crate) async fn append(&mut self, records: &[Record]) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let bytes = format::encode(records);
        let added = bytes.len() as u64;
        let is_synced = records.iter().any(Record::is_synced);
        let (file, at, path) = (Arc::clone(&self.file), self.length, self.path.clone());
        blocking(&self.path, "write", move || {
            // At its place and not at the end: an attempt that found no space may have left a part of it.
            file.write_all_at(&bytes, at).map_err(failed("write", &path))?;
            if is_synced {
                file.sync_data().map_err(failed("sync", &path))?;
            }
            Ok(())
        })
        .await?;
        self.length += added;
        Ok(())
    }

    /// Whether there is room for new tasks and all that will have to be written about them; tries to make it.
    pub(crate) fn has_room(&mut self) -> bool {
        self.reserve.extend(&self.file, self.length) && reserve::is_free(&self.path)
    }

    /// Whether so much of the journal is history that it should be made short.
    pub(crate) fn is_long(&self) -> bool {
        self.length > LONG.max(2 * self.base)
    }

    /// Replaces the whole journal by `records`, in one step; on a full disk it stays as it is, and is long again when it has doubled.
    pub(crate) async fn rewrite(&mut self, records: &[Record]) -> Result<(), Error> {
        self.base = self.length;
        *self = Self::begin(&self.path, records).await?;
        Ok(())
    }
}

/// Writes the file beside its place, syncs it and puts it there.
fn write_anew(path: &Path, bytes: &[u8]) -> Result<Arc<File>, Error> {
    let new = path.with_extension("new");
    let file = File::create(&new).map_err(failed("make", &new))?;
    let written = file.write_all_at(bytes, 0).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // It is worth nothing and takes the space that is missing.
        let _not_there = std::fs::remove_file(&new);
        return Err(failed("write", &new)(error));
    }
    std::fs::rename(&new, path).map_err(failed("rename", &new))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let opened = File::open(folder).map_err(failed("sync the folder of", path))?;
    opened.sync_all().map_err(failed("sync the folder of", path))?;
    Ok(Arc::new(file))
}

/// Runs file work where it holds nobody up.
async fn blocking<T: Send + 'static>(
    path: &Path,
    operation: &'static str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let cut_off = |error: tokio::task::JoinError| failed(operation, path)(error.into());
    spawn_blocking(work).await.map_err(cut_off)?
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Io { operation, path, source }
}

fn refused(path: &Path, refusal: Refusal) -> Error {
    let path = path.display().to_string();
    match refusal {
        Refusal::Damaged { offset } => Error::Damaged { path, offset },
        Refusal::Unknown { offset, reason } => Error::Unknown { path, offset, reason },
    }
}

#[cfg(test)]
mod tests;
