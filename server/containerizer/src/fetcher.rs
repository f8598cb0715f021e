//! The fetcher: brings a task's files into its sandbox before it starts.
//!
//! *Invariant:* nothing is written outside of the sandbox and the cache folder, and one task's files, unpacked or not, never need more
//! than [`FetcherConfig::limit`] bytes; a server that sends without end, or nothing at all, ends the fetch with a sentence that says so.
//! What a failed fetch has written stays in the sandbox, where people look for the reason, and goes with it; a fetch begins in a sandbox
//! that holds nothing but `stdout` and `stderr`.
//!
//! `ftp` and what the original gives to `hadoop` are refused by name.
//!
//! Source: apache/mesos: src/launcher/fetcher.cpp, src/slave/containerizer/fetcher.cpp; mesos.md §5.6.

mod archive;
mod budget;
mod cache;
mod confined;
mod download;
mod leftovers;
mod place;
mod source;
mod unfinished;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_core::fetch::FetchItem;

use self::archive::Archive;
use self::budget::Budget;
use self::cache::Cache;
use self::place::Place;
use self::source::Source;

/// Whose files are written; the agent's own when absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
}

/// Where the fetcher looks, what it may use and how patient it is.
#[derive(Debug, Clone)]
pub struct FetcherConfig {
    /// Folder of the cache, this agent's alone; emptied at the start.
    pub cache_dir: PathBuf,
    /// Bytes that the cache may hold.
    pub cache_size: u64,
    /// A download without a byte for this long has failed.
    pub stall_timeout: Duration,
    /// What relative paths are relative to; without it they are refused.
    pub frameworks_home: Option<PathBuf>,
    /// Bytes that one task may fetch, what is unpacked counted too.
    pub limit: u64,
}

/// Why a file could not be fetched; the text is meant for the task's owner.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URI is of a kind that is not fetched here.
    #[error("Failed to fetch `{uri}`: {why}")]
    Unsupported {
        /// The URI.
        uri: String,
        /// What is wrong with it.
        why: String,
    },
    /// The server could not be reached or answered with an error.
    #[error("Failed to fetch `{uri}`: {why}")]
    Server {
        /// The URI, without password.
        uri: String,
        /// What the server or the connection said.
        why: String,
    },
    /// The files of the task need more than they may.
    #[error(
        "Failed to fetch `{uri}`: the task's files need more than {limit} bytes (--fetcher_size_limit)"
    )]
    TooLarge {
        /// The URI, without password.
        uri: String,
        /// The limit.
        limit: u64,
    },
    /// A file could not be read or written.
    #[error("Failed to fetch `{uri}`: could not {operation} `{path}`: {source}")]
    File {
        /// The URI, without password.
        uri: String,
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The archive could not be unpacked.
    #[error("Failed to fetch `{uri}`: could not unpack it: {why}")]
    Archive {
        /// The URI, without password.
        uri: String,
        /// What is wrong with the archive.
        why: String,
    },
}

/// Fetches files; one for each agent.
#[derive(Debug)]
pub struct Fetcher {
    config: FetcherConfig,
    cache: Cache,
    client: reqwest::Client,
}

impl Fetcher {
    /// Makes the fetcher and empties its cache folder.
    ///
    /// # Errors
    /// When the cache folder cannot be made or emptied.
    pub fn new(config: FetcherConfig) -> io::Result<Self> {
        // Whoever has installed a provider before has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = download::client(config.stall_timeout).map_err(io::Error::other)?;
        let cache = Cache::empty(config.cache_dir.clone(), config.cache_size)?;
        Ok(Self { config, cache, client })
    }

    /// Fetches `items` into `sandbox`, in their order, and gives what was written to `owner`.
    ///
    /// What else lies in the sandbox, output files apart, is taken for the rest of an earlier attempt and removed first, so the task must not
    /// have been started.
    ///
    /// # Errors
    /// With the first item that fails; dropping the future ends the fetch.
    pub async fn fetch(
        &self,
        items: &[FetchItem],
        sandbox: &Path,
        owner: Option<Owner>,
    ) -> Result<(), FetchError> {
        let budget = Budget::of(self.config.limit);
        let mut last = None;
        for item in items {
            let source = Source::read(&item.uri, self.config.frameworks_home.as_deref())?;
            if last.is_none() {
                place::clear(sandbox, &source).await?;
            }
            let place = Place::prepare(item, &source, sandbox).await?;
            self.fetch_one(item, &source, owner, &place, &budget).await?;
            last = Some(source);
        }
        // Not before: nobody else must be able to change what is still written.
        match (owner, last) {
            (Some(owner), Some(source)) => place::give(sandbox, owner, &source).await,
            _ => Ok(()),
        }
    }

    async fn fetch_one(
        &self,
        item: &FetchItem,
        source: &Source,
        owner: Option<Owner>,
        place: &Place<'_>,
        budget: &Budget,
    ) -> Result<(), FetchError> {
        let is_unpacked = item.extract && !item.executable;
        let archive = is_unpacked.then(|| Archive::by_name(place.name())).flatten();
        let cached = match item.cache {
            true => self.cache.get(source, owner, self.config.limit, &self.client).await?,
            false => None,
        };
        match (&cached, archive) {
            // An archive in the cache is unpacked from there and does not lie in the sandbox.
            (Some(cached), Some(archive)) => place.unpack(archive, cached.path(), budget).await,
            (Some(cached), None) => {
                let copy = Source::File(cached.path().to_owned());
                place.write(&copy, &self.client, budget, item.executable).await
            }
            (None, archive) => {
                place.write(source, &self.client, budget, item.executable).await?;
                match archive {
                    Some(archive) => place.unpack(archive, place.path(), budget).await,
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
