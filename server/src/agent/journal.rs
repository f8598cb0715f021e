//! The journal file: what the agent must know again after its process has ended.
//!
//! `format` says what lies in it and what is done with a torn or damaged one. Records are written through the page cache without syncing
//! (a loss of power ends the tasks too), except those that say who the agent is. When the agent starts, and when the journal has grown
//! long, it is written anew in its shortest form, as a whole and synced.

mod format;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use agent_core::Record;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use self::format::{Content, Refusal};

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

/// The journal, open for more.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
    /// Length when it was last made short.
    base: u64,
}

impl Journal {
    /// The records of a journal; none where there is no file. Changes nothing.
    pub(crate) async fn read(path: &Path) -> Result<Vec<Record>, Error> {
        let bytes = match fs::read(path).await {
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
    pub(crate) async fn begin(path: &Path, records: &[Record]) -> Result<Self, Error> {
        let (file, base) = write_anew(path, records).await?;
        Ok(Self { path: path.to_owned(), file, length: base, base })
    }

    /// Adds records; when this returns they outlive the process.
    pub(crate) async fn append(&mut self, records: &[Record]) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let bytes = format::encode(records);
        self.file.write_all(&bytes).await.map_err(failed("write", &self.path))?;
        self.file.flush().await.map_err(failed("write", &self.path))?;
        self.length += bytes.len() as u64;
        if records.iter().any(Record::is_synced) {
            self.file.sync_data().await.map_err(failed("sync", &self.path))?;
        }
        Ok(())
    }

    /// Whether so much of the journal is history that it should be made short.
    pub(crate) fn is_long(&self) -> bool {
        self.length > LONG.max(2 * self.base)
    }

    /// Replaces the whole journal by `records`, in one step.
    pub(crate) async fn rewrite(&mut self, records: &[Record]) -> Result<(), Error> {
        *self = Self::begin(&self.path, records).await?;
        Ok(())
    }
}

/// Writes the file beside its place, syncs it and puts it there; an open file and its length.
async fn write_anew(path: &Path, records: &[Record]) -> Result<(File, u64), Error> {
    let new = path.with_extension("new");
    let bytes = format::encode_file(records);
    let mut file = File::create(&new).await.map_err(failed("make", &new))?;
    file.write_all(&bytes).await.map_err(failed("write", &new))?;
    file.flush().await.map_err(failed("write", &new))?;
    file.sync_all().await.map_err(failed("sync", &new))?;
    fs::rename(&new, path).await.map_err(failed("rename", &new))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let opened = File::open(folder).await.map_err(failed("sync the folder of", path))?;
    opened.sync_all().await.map_err(failed("sync the folder of", path))?;
    Ok((file, bytes.len() as u64))
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
