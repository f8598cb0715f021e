//! Files that several tasks fetch, kept once.
//!
//! *Invariant:* the files of the cache are never larger than its capacity together; a file that a task is being given is not removed.
//! A file is fetched once, however many tasks ask for it at the same time. The cache is empty at the start: what lies in the folder then
//! may be half of a file. As in the original a file is never asked about again: whether its source has changed does not matter.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use tokio::fs;

use super::budget::Budget;
use super::download::{self, failed};
use super::source::Source;
use super::{FetchError, Owner};

/// The cache's folder and what lies in it.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    capacity: u64,
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

/// Name of a file in the cache: a digest of its source and its owner.
type Name = String;

#[derive(Debug, Default)]
struct Contents {
    files: BTreeMap<Name, Kept>,
    used: u64,
    /// Counts the uses, so that the oldest one is known.
    uses: u64,
    /// Who asks for a file while somebody fetches it waits for that.
    turns: BTreeMap<Name, Arc<tokio::sync::Mutex<()>>>,
}

#[derive(Debug)]
struct Kept {
    path: Arc<PathBuf>,
    size: u64,
    last_use: u64,
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
        Ok(Self { folder, capacity, contents: Mutex::default() })
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
        let path = self.folder.join(&name);
        match self.fetch(&path, source, limit, client).await? {
            Some(size) => Ok(self.keep(&name, path, size).await),
            None => Ok(None),
        }
    }

    /// Fetches into the folder; `None` when the file is larger than the whole cache.
    async fn fetch(
        &self,
        path: &Path,
        source: &Source,
        limit: u64,
        client: &reqwest::Client,
    ) -> Result<Option<u64>, FetchError> {
        let file = fs::File::create(path).await.map_err(failed("make", path, source))?;
        let budget = Budget::of(limit.min(self.capacity));
        match download::write_to(file, path, source, client, &budget).await {
            Ok(size) => Ok(Some(size)),
            Err(error) => {
                // The next one who asks for it truncates what could not be removed.
                let _ = fs::remove_file(path).await;
                match error {
                    FetchError::TooLarge { .. } if self.capacity < limit => Ok(None),
                    error => Err(error),
                }
            }
        }
    }

    async fn keep(&self, name: &str, path: PathBuf, size: u64) -> Option<Cached> {
        let (kept, superseded) = self.contents().make_room(name, &path, size, self.capacity);
        for old in superseded {
            if let Err(error) = fs::remove_file(&*old).await {
                tracing::warn!("cached file `{}` could not be removed: {error}", old.display());
            }
        }
        kept
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn turn(&mut self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        self.turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(self.turns.entry(name.to_owned()).or_default())
    }

    fn take(&mut self, name: &str) -> Option<Cached> {
        self.uses += 1;
        let kept = self.files.get_mut(name)?;
        kept.last_use = self.uses;
        Some(Cached(Arc::clone(&kept.path)))
    }

    /// Enters a new file, and names those that must go for it; the file itself when there is no room for it.
    fn make_room(
        &mut self,
        name: &str,
        path: &Path,
        size: u64,
        capacity: u64,
    ) -> (Option<Cached>, Vec<Arc<PathBuf>>) {
        let mut removed = Vec::new();
        while self.used + size > capacity {
            let oldest = self
                .files
                .iter()
                .filter(|(_, kept)| Arc::strong_count(&kept.path) == 1)
                .min_by_key(|(_, kept)| kept.last_use)
                .map(|(name, _)| name.clone());
            let Some(gone) = oldest.and_then(|name| self.files.remove(&name)) else {
                removed.push(Arc::new(path.to_owned()));
                return (None, removed);
            };
            self.used -= gone.size;
            removed.push(gone.path);
        }
        self.uses += 1;
        self.used += size;
        let path = Arc::new(path.to_owned());
        let kept = Kept { path: Arc::clone(&path), size, last_use: self.uses };
        self.files.insert(name.to_owned(), kept);
        (Some(Cached(path)), removed)
    }
}

fn name(source: &Source, owner: Option<Owner>) -> Name {
    let owner = owner.map_or_else(String::new, |owner| format!("{}:{}", owner.uid, owner.gid));
    let digest = Sha256::digest(format!("{owner} {}", source.key()));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
