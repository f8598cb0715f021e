//! The journal file: records one after another, read back as far as they are whole.
//!
//! A record is its length and its checksum, 4 bytes each (little endian), and its bytes. A file that ends within a record, as a killed
//! process leaves it, is read up to there and cut; damage that valid records follow cannot come from a cut and is an error.
//! Records are written through the page cache without syncing, except those that say who the agent is.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};

use agent_core::Record;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

/// Length and checksum.
const HEAD: usize = 8;

/// The longest record; a longer one is damage.
const MAX_RECORD: usize = 32 << 20;

/// Beyond this many bytes, and twice what it was when last made short, the journal is worth being made short again.
const LONG: u64 = 16 << 20;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not {operation} the journal `{path}`: {source}")]
    Io { operation: &'static str, path: String, source: std::io::Error },
    #[error(
        "the journal `{path}` is damaged at byte {offset}, before its end; a copy that is whole, or an empty work directory, is the cure"
    )]
    Damaged { path: String, offset: usize },
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
    /// Opens or makes the journal and reads its records.
    pub(crate) async fn open(path: &Path) -> Result<(Self, Vec<Record>), Error> {
        let file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).await;
        let mut file = file.map_err(failed("open", path))?;
        let bytes = fs::read(path).await.map_err(failed("read", path))?;
        let (records, whole) = decode(&bytes).map_err(|offset| damaged(path, offset))?;
        if whole < bytes.len() {
            tracing::warn!(
                "the journal `{}` ends within a record, at byte {whole}; the rest is cut off",
                path.display()
            );
            file.set_len(whole as u64).await.map_err(failed("cut", path))?;
        }
        let length = whole as u64;
        file.seek(SeekFrom::Start(length)).await.map_err(failed("open", path))?;
        Ok((Self { path: path.to_owned(), file, length, base: length }, records))
    }

    /// Where the journal is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds records; when this returns they outlive the process.
    pub(crate) async fn append(&mut self, records: &[Record]) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let bytes = encode(records);
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
        let new = self.path.with_extension("new");
        let bytes = encode(records);
        let mut file = File::create(&new).await.map_err(failed("make", &new))?;
        file.write_all(&bytes).await.map_err(failed("write", &new))?;
        file.flush().await.map_err(failed("write", &new))?;
        file.sync_data().await.map_err(failed("sync", &new))?;
        fs::rename(&new, &self.path).await.map_err(failed("rename", &new))?;
        self.file = file;
        self.length = bytes.len() as u64;
        self.base = self.length;
        Ok(())
    }
}

fn encode(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        let body = record.to_bytes();
        let length = u32::try_from(body.len()).expect("a record is far below 4 GiB");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
    }
    bytes
}

/// The records and where the last whole one ends, or where damage stands that no cut explains.
fn decode(bytes: &[u8]) -> Result<(Vec<Record>, usize), usize> {
    let mut records = Vec::new();
    let mut at = 0;
    while let Some((record, end)) = record_at(bytes, at) {
        records.push(record);
        at = end;
    }
    // A cut leaves a beginning of a record and nothing behind it.
    match announced_end(bytes, at) {
        Some(end) if end < bytes.len() && record_at(bytes, end).is_some() => Err(at),
        Some(_) | None => Ok((records, at)),
    }
}

fn announced_end(bytes: &[u8], at: usize) -> Option<usize> {
    let length: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
    (length <= MAX_RECORD).then(|| at + HEAD + length)
}

fn record_at(bytes: &[u8], at: usize) -> Option<(Record, usize)> {
    let end = announced_end(bytes, at)?;
    let body = bytes.get(at + HEAD..end)?;
    let checksum: [u8; 4] = bytes.get(at + 4..at + HEAD)?.try_into().ok()?;
    if body.is_empty() || crc32fast::hash(body) != u32::from_le_bytes(checksum) {
        return None;
    }
    Record::from_bytes(body).ok().map(|record| (record, end))
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Io { operation, path, source }
}

fn damaged(path: &Path, offset: usize) -> Error {
    Error::Damaged { path: path.display().to_string(), offset }
}

#[cfg(test)]
mod tests {
    use agent_core::Entry;
    use tempfile::TempDir;

    use super::*;

    fn some_records() -> Vec<Record> {
        let acknowledged = |task: &str, uuid: u8| Entry::Acknowledged {
            framework: "F".into(),
            task: task.into(),
            uuid: vec![uuid; 16],
        };
        [
            Entry::Admitted { agent: "S0".into() },
            acknowledged("a", 1),
            acknowledged("b", 2),
            Entry::Left,
        ]
        .into_iter()
        .map(Record::V1)
        .collect()
    }

    #[test]
    fn a_journal_cut_anywhere_gives_a_prefix_of_its_records() {
        let records = some_records();
        let bytes = encode(&records);
        for cut in 0..=bytes.len() {
            let (read, whole) = decode(&bytes[..cut]).unwrap();
            assert_eq!(read, records[..read.len()], "cut at {cut}");
            assert_eq!(whole, encode(&read).len(), "cut at {cut}");
        }
        assert_eq!(decode(&bytes).unwrap(), (records, bytes.len()));
    }

    #[test]
    fn damage_before_the_end_is_not_taken_for_a_cut() {
        let records = some_records();
        let mut bytes = encode(&records);
        let first = encode(&records[..1]).len();
        bytes[first + HEAD] ^= 0xff;
        assert_eq!(decode(&bytes), Err(first));
    }

    #[tokio::test]
    async fn records_are_there_after_opening_again() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("journal");
        let records = some_records();
        let (mut journal, none) = Journal::open(&path).await.unwrap();
        assert!(none.is_empty());
        journal.append(&records[..2]).await.unwrap();
        drop(journal);
        // A process killed while it wrote.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(&encode(&records[2..3])[..11]);
        std::fs::write(&path, &bytes).unwrap();

        let (mut journal, read) = Journal::open(&path).await.unwrap();
        assert_eq!(read, records[..2]);
        journal.append(&records[2..]).await.unwrap();
        let (mut journal, read) = Journal::open(&path).await.unwrap();
        assert_eq!(read, records);
        journal.rewrite(&records[3..]).await.unwrap();
        journal.append(&records[..1]).await.unwrap();
        let (_, read) = Journal::open(&path).await.unwrap();
        assert_eq!(read, [records[3].clone(), records[0].clone()]);
    }
}
