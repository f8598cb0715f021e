//! Snapshots on disk: the whole state at one position of the log, so that the log before it may go.
//!
//! A snapshot is written from an immutable root by a thread of low priority, to a temporary name; it gets its
//! name once it is complete and durable. The newest three are kept, and the log from the oldest of them on.
//!
//! Invariants: raft never waits for a snapshot and never hears of one that failed; a file with a snapshot's
//! name was once complete, so what is wrong with it later is damage. A damaged newest one is passed over
//! only where the log still reaches back to an older one.

mod format;
mod keeper;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::log::{LogBounds, LogError, sync_folder};
use crate::raft::Image;

pub(crate) use keeper::Keeper;

/// How many snapshots are kept.
pub(crate) const KEPT: usize = 3;
/// What is written between two syncs, so that the log's own syncs never wait for a whole snapshot.
const SYNC_BYTES: usize = 4 << 20;
/// The lowest priority of a thread.
const NICE: i32 = 19;

/// The snapshots of one node. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Snapshots(Arc<Shared>);

struct Shared {
    folder: PathBuf,
    cluster: u64,
    files: Mutex<Files>,
    /// Ends the writing of a snapshot that nobody waits for any more.
    stop: CancellationToken,
    /// The task that decides when a snapshot is due.
    keeper: Mutex<Option<JoinHandle<()>>>,
    /// Locks the folder while a thread may still write to it.
    _guard: Box<dyn Any + Send + Sync>,
}

#[derive(Debug, Default)]
struct Files {
    /// Those that count, the oldest first.
    kept: Vec<Kept>,
    /// Those that do not count any more and are to be deleted with the next snapshot: damaged ones that were
    /// passed over at start, and what could not be deleted so far.
    surplus: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    index: u64,
    bytes: u64,
    path: PathBuf,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshots").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Snapshots {
    /// Opens the folder, or makes it. What was being written when the process ended is removed.
    ///
    /// `guard` is held until the last byte is written; it locks the folder.
    pub(crate) fn open(
        folder: &Path,
        cluster: u64,
        guard: impl Send + Sync + 'static,
    ) -> Result<Self, LogError> {
        let kept = match make(folder) {
            // Then there is none to read, and the first one that can be written makes the folder.
            Err(error) if error.is_disk_full() => Vec::new(),
            made => made.and_then(|()| list(folder))?,
        };
        let files = Files { kept, surplus: Vec::new() };
        Ok(Self(Arc::new(Shared {
            folder: folder.to_owned(),
            cluster,
            files: Mutex::new(files),
            stop: CancellationToken::new(),
            keeper: Mutex::default(),
            _guard: Box::new(guard),
        })))
    }

    /// The state to start from: the newest snapshot from which the log goes on; `None` means the log alone.
    pub(crate) fn restore(&self, log: &LogBounds) -> Result<Option<Image>, LogError> {
        let mut damage = None;
        loop {
            let Some(newest) = self.files().kept.last().cloned() else { break };
            match self.read(&newest) {
                Ok(image) => return self.joined(&newest, image, log, damage).map(Some),
                Err(error @ LogError::Damaged { .. }) => {
                    tracing::error!("snapshot unusable, looking for an older one: {error}");
                    let mut files = self.files();
                    files.kept.pop();
                    files.surplus.push(newest.path);
                    damage.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        match (damage, log.purged) {
            (_, None) => Ok(None),
            (Some(damage), Some(_)) => Err(damage),
            (None, Some(purged)) => {
                let what = format!("no snapshot holds the entries up to {}", purged.index());
                Err(LogError::Damaged { path: self.0.folder.clone(), offset: 0, what })
            }
        }
    }

    /// The image, when no entry is missing between it and the log.
    fn joined(
        &self,
        snapshot: &Kept,
        image: Image,
        log: &LogBounds,
        damage: Option<LogError>,
    ) -> Result<Image, LogError> {
        if let Some(purged) = log.purged.filter(|purged| purged.index() > snapshot.index) {
            let what = format!(
                "entries {} to {} are missing between the snapshot and the log",
                snapshot.index + 1,
                purged.index()
            );
            let gap = LogError::Damaged { path: snapshot.path.clone(), offset: 0, what };
            return Err(damage.unwrap_or(gap));
        }
        if log.last < image.applied {
            let last = log.last.map_or_else(|| "nothing".to_owned(), |id| id.index().to_string());
            let what = format!(
                "the log ends with {last}, the snapshot of entry {} needs the entries up to it",
                snapshot.index
            );
            let (path, offset) = (log.end_path.clone(), log.end_offset);
            return Err(LogError::Damaged { path, offset, what });
        }
        Ok(image)
    }

    fn read(&self, snapshot: &Kept) -> Result<Image, LogError> {
        let path = &snapshot.path;
        let file = File::open(path).map_err(LogError::io("open", path))?;
        let image = format::read(path, self.0.cluster, BufReader::with_capacity(256 << 10, file))?;
        match image.index() {
            Some(index) if index == snapshot.index => Ok(image),
            _ => {
                let what = "it is not of the entry that its name says".to_owned();
                Err(LogError::Damaged { path: path.clone(), offset: 0, what })
            }
        }
    }

    /// Writes a snapshot on a thread of its own and waits for it. One is written at a time.
    pub(crate) async fn save(&self, image: Image) -> Result<(), LogError> {
        let snapshots = self.clone();
        let (finished, done) = oneshot::channel();
        let thread = std::thread::Builder::new().name("snapshot".into()).spawn(move || {
            lower_priority();
            let result = snapshots.write(&image);
            // The guard goes before anybody is told, so that the folder is free by then.
            drop((snapshots, image));
            let _ = finished.send(result);
        });
        thread.map_err(LogError::io("start the thread of", &self.0.folder))?;
        done.await.unwrap_or_else(|_| {
            let ended = io::Error::other("the thread has ended");
            Err(LogError::io("write", &self.0.folder)(ended))
        })
    }

    fn write(&self, image: &Image) -> Result<(), LogError> {
        let Some(index) = image.index() else { return Ok(()) };
        if self.files().kept.last().is_some_and(|newest| newest.index >= index) {
            return Ok(());
        }
        make(&self.0.folder)?;
        let path = self.0.folder.join(format!("{index:020}.snapshot"));
        let temporary = path.with_extension("new");
        let written = self.write_file(image, &temporary).and_then(|bytes| {
            fs::rename(&temporary, &path)?;
            Ok(bytes)
        });
        let bytes = written.map_err(LogError::io("write", &path)).inspect_err(|_| {
            // Give the space back; the next attempt starts anew.
            let _ = fs::remove_file(&temporary);
        })?;
        sync_folder(&self.0.folder).inspect_err(|_| {
            // It has its name and does not count.
            self.files().surplus.push(path.clone());
        })?;
        self.keep(Kept { index, bytes, path });
        Ok(())
    }

    fn write_file(&self, image: &Image, path: &Path) -> io::Result<u64> {
        let mut out = Synced { file: File::create(path)?, unsynced: 0 };
        let go_on = || match self.0.stop.is_cancelled() {
            true => Err(io::Error::other("the node stops")),
            false => Ok(()),
        };
        format::write(image, self.0.cluster, BufWriter::new(&mut out), go_on)?;
        out.file.sync_all()?;
        Ok(out.file.metadata()?.len())
    }

    /// Takes up a durable snapshot and deletes what is one too many.
    ///
    /// The snapshot counts whatever becomes of the others: what cannot be deleted now goes with the next one.
    fn keep(&self, snapshot: Kept) {
        let mut gone = Vec::new();
        {
            let mut files = self.files();
            gone.extend(files.surplus.drain(..).filter(|path| *path != snapshot.path));
            files.kept.push(snapshot);
            let surplus = files.kept.len().saturating_sub(KEPT);
            gone.extend(files.kept.drain(..surplus).map(|kept| kept.path));
        }
        let mut is_any_deleted = false;
        for path in gone {
            match fs::remove_file(&path) {
                Ok(()) => is_any_deleted = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(
                        file.path = %path.display(),
                        "cannot remove the old snapshot `{}`: {error}; it stays until the next one",
                        path.display()
                    );
                    self.files().surplus.push(path);
                }
            }
        }
        if is_any_deleted && let Err(error) = sync_folder(&self.0.folder) {
            tracing::warn!("old snapshots may come back after a loss of power: {error}");
        }
    }

    /// The entry of the oldest kept snapshot: the log up to it may go.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.files().kept.first().map(|kept| kept.index)
    }

    /// Bytes of the newest snapshot, zero without one.
    pub(crate) fn newest_bytes(&self) -> u64 {
        self.files().kept.last().map_or(0, |kept| kept.bytes)
    }

    /// Remembers the task that decides when a snapshot is due, so that [`Self::close`] ends it.
    pub(crate) fn keep_with(&self, keeper: JoinHandle<()>) {
        *self.0.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
    }

    /// Ends the keeper, and the writing of a snapshot; what was written of it is removed.
    pub(crate) async fn close(&self) {
        self.0.stop.cancel();
        let keeper = self.0.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            // It ends by itself; that it may have panicked changes nothing any more.
            let _ = keeper.await;
        }
    }

    /// Ends the writing of a snapshot when the guard is dropped.
    fn stop_when_dropped(&self) -> DropGuard {
        self.0.stop.clone().drop_guard()
    }

    /// Resolves once the node stops.
    pub(crate) async fn closed(&self) {
        self.0.stop.cancelled().await;
    }

    fn files(&self) -> std::sync::MutexGuard<'_, Files> {
        self.0.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the folder when it is not there.
fn make(folder: &Path) -> Result<(), LogError> {
    if folder.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(LogError::io("create", folder))?;
    folder.parent().map_or(Ok(()), sync_folder)
}

/// The snapshots of a folder, the oldest first; leftovers of an interrupted writing are removed.
fn list(folder: &Path) -> Result<Vec<Kept>, LogError> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(folder).map_err(LogError::io("list", folder))? {
        let entry = entry.map_err(LogError::io("list", folder))?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        if name.ends_with(".new") {
            fs::remove_file(&path).map_err(LogError::io("remove", &path))?;
        } else if let Some(index) =
            name.strip_suffix(".snapshot").and_then(|name| name.parse().ok())
        {
            let bytes = entry.metadata().map_err(LogError::io("read", &path))?.len();
            kept.push(Kept { index, bytes, path });
        }
    }
    kept.sort_by_key(|kept| kept.index);
    Ok(kept)
}

/// A file that is synced now and then while it is written.
struct Synced {
    file: File,
    unsynced: usize,
}

impl Write for Synced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.unsynced += written;
        if self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            self.file.sync_data()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Lets everything else of the process go first; without the right to do so it is as well.
fn lower_priority() {
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::debug!("the snapshot thread runs with normal priority: {error}");
    }
}
