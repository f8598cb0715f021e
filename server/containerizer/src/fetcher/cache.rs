//! Files that several tasks fetch, kept once.
//!
//! *Invariant:* the files of the cache, those that are still coming included, are never larger than its capacity together: every byte has
//! its room before it is written, and gives it back after its file is gone. A file that a task is being given is not removed.
//! Every fetch writes a file of its own name, so the removal of an old one never meets a new one.
//! A file is fetched once, however many tasks ask for it at the same time. The cache is empty at the start: what lies in the folder then
//! may be half of a file. As in the original a file is never asked about again: whether its source has changed does not matter.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::budget::{Budget, Meter};
use super::download::{self, failed};
use super::source::Source;
use super::unfinished::{self, Unfinished};
use super::{FetchError, Owner};

/// The cache's folder and what lies in it.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    capacity: u64,
    /// Bytes that have room: of files, and of those that are coming.
    used: Arc<AtomicU64>,
    contents: Mutex<Contents>,
}

/// A file of the cache that is not removed as long as this exists.
#[derive(Debug)]
pub(super) struct Cached(Arc<PathBuf>);

impl Cached {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

/// What is fetched, for whom: a digest of the source and the owner.
type Name = String;

#[derive(Debug, Default)]
struct Contents {
    files: BTreeMap<Name, Kept>,
    /// Counts the uses, so that the oldest one is known.
    uses: u64,
    /// Counts the fetches, so that each has a file of its own.
    fetches: u64,
    /// Who asks for a file while somebody fetches it waits for that.
    turns: BTreeMap<Name, Arc<tokio::sync::Mutex<()>>>,
}

#[derive(Debug)]
struct Kept {
    path: Arc<PathBuf>,
    room: Room,
    last_use: u64,
}

/// Bytes of the cache that are spoken for as long as this exists.
#[derive(Debug)]
struct Room {
    used: Arc<AtomicU64>,
    bytes: u64,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Cache {
    /// Takes the folder and removes what lies in it.
    pub(super) fn empty(folder: PathBuf, capacity: u64) -> io::Result<Self> {
        match std::fs::remove_dir_all(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, capacity, used: Arc::default(), contents: Mutex::default() })
    }

    /// The file of `source`, fetched if it is not there; `None` when it does not fit into the cache.
    pub(super) async fn get(
        &self,
        source: &Source,
        owner: Option<Owner>,
        limit: u64,
        client: &reqwest::Client,
    ) -> Result<Option<Cached>, FetchError> {
        let name = name(source, owner);
        let turn = self.contents().turn(&name);
        let _mine = turn.lock().await;
        if let Some(kept) = self.contents().take(&name) {
            return Ok(Some(kept));
        }
        let coming = self.fetch(&name, source, limit, client).await?;
        Ok(coming.and_then(Unfinished::finish).map(|(path, room)| {
            // Whoever waited for its turn finds it.
            self.contents().keep(name, path, room)
        }))
    }

    /// Fetches into the folder; `None` when there is no room for the file.
    async fn fetch(
        &self,
        name: &str,
        source: &Source,
        limit: u64,
        client: &reqwest::Client,
    ) -> Result<Option<Unfinished<Room>>, FetchError> {
        let path = self.folder.join(self.contents().file_name(name));
        let (made, room) = (path.clone(), Room { used: Arc::clone(&self.used), bytes: 0 });
        let made = tokio::task::spawn_blocking(move || Unfinished::make(made, room));
        let made = made.await.map_err(io::Error::other).flatten();
        let (file, coming) = made.map_err(failed("make", &path, source))?;
        let mut file = tokio::fs::File::from_std(file);
        let mut coming = Coming {
            cache: self,
            file: coming,
            written: 0,
            budget: Budget::of(limit),
            is_short: false,
        };
        match download::write_to(&mut file, &path, source, client, &mut coming).await {
            Ok(size) => {
                coming.settle(size);
                Ok(Some(coming.file))
            }
            Err(error) => {
                coming.file.remove().await;
                if coming.is_short { Ok(None) } else { Err(error) }
            }
        }
    }

    /// Makes room for more bytes, for which files that nobody uses may have to go; whether there is any.
    async fn reserve(&self, bytes: u64) -> bool {
        loop {
            let fits = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.capacity);
            if self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok() {
                return true;
            }
            let used = self.used.load(Ordering::Relaxed);
            let missing = used.saturating_add(bytes).saturating_sub(self.capacity);
            let Some(Kept { path, room, .. }) = self.contents().oldest(missing) else {
                return false;
            };
            // It goes on when nobody waits for it any more, and then gives the room back.
            let removal = tokio::task::spawn_blocking(move || unfinished::remove(&path, room));
            if removal.await.is_err() {
                return false;
            }
        }
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that is coming, and the room that it has taken.
struct Coming<'a> {
    cache: &'a Cache,
    file: Unfinished<Room>,
    written: u64,
    /// What its task may fetch at most.
    budget: Budget,
    /// The cache had no room.
    is_short: bool,
}

impl Coming<'_> {
    /// Sees to it that there is room for so many bytes of the file.
    async fn grow(&mut self, size: u64, source: &Source) -> Result<(), FetchError> {
        let has = self.file.held_mut().map_or(0, |room| room.bytes);
        let missing = size.saturating_sub(has);
        if missing > 0 && !self.cache.reserve(missing).await {
            self.is_short = true;
            let limit = self.cache.capacity;
            return Err(FetchError::TooLarge { uri: source.shown(), limit });
        }
        if let Some(room) = self.file.held_mut() {
            room.bytes += missing;
        }
        Ok(())
    }

    /// Gives back what was expected and did not come.
    fn settle(&mut self, size: u64) {
        if let Some(room) = self.file.held_mut() {
            self.cache.used.fetch_sub(room.bytes.saturating_sub(size), Ordering::Relaxed);
            room.bytes = room.bytes.min(size);
        }
    }
}

impl Meter for Coming<'_> {
    async fn expect(&mut self, bytes: u64, source: &Source) -> Result<(), FetchError> {
        (&self.budget).expect(bytes, source).await?;
        self.grow(bytes, source).await
    }

    async fn count(&mut self, bytes: u64, source: &Source) -> Result<(), FetchError> {
        self.budget.take(bytes, source)?;
        self.written += bytes;
        self.grow(self.written, source).await
    }
}

impl Contents {
    fn turn(&mut self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        self.turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(self.turns.entry(name.to_owned()).or_default())
    }

    fn file_name(&mut self, name: &str) -> String {
        self.fetches += 1;
        format!("{name}.{}", self.fetches)
    }

    fn take(&mut self, name: &str) -> Option<Cached> {
        self.uses += 1;
        let kept = self.files.get_mut(name)?;
        kept.last_use = self.uses;
        Some(Cached(Arc::clone(&kept.path)))
    }

    fn keep(&mut self, name: Name, path: PathBuf, room: Room) -> Cached {
        self.uses += 1;
        let path = Arc::new(path);
        let kept = Kept { path: Arc::clone(&path), room, last_use: self.uses };
        self.files.insert(name, kept);
        Cached(path)
    }

    /// Takes out the file that was used longest ago; none when all that nobody uses would not free so many bytes.
    fn oldest(&mut self, missing: u64) -> Option<Kept> {
        let unused = || self.files.iter().filter(|(_, kept)| Arc::strong_count(&kept.path) == 1);
        let free = unused().fold(0, |free: u64, (_, kept)| free.saturating_add(kept.room.bytes));
        if free < missing {
            return None;
        }
        let name = unused().min_by_key(|(_, kept)| kept.last_use).map(|(name, _)| name.clone())?;
        self.files.remove(&name)
    }
}

fn name(source: &Source, owner: Option<Owner>) -> Name {
    let owner = owner.map_or_else(String::new, |owner| format!("{}:{}", owner.uid, owner.gid));
    let digest = Sha256::digest(format!("{owner} {}", source.key()));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
