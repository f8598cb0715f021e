//! The log on a real folder: acknowledged means durable, and damage is judged exactly.

mod crash;
mod damage;
mod every_byte;
mod full;
mod model;
mod purge;
mod suite;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use openraft::entry::RaftEntry as _;
use openraft::impls::leader_id_adv::LeaderId;
use openraft::storage::{IOFlushed, RaftLogStorage as _};
use openraft::type_config::TypeConfigExt as _;
use openraft::type_config::alias::{EntryOf, LogIdOf, VoteOf};
use openraft::{EntryPayload, LogId, RaftLogReader as _};

use super::{Disk, FileDisk, LogError, LogStore};
use crate::raft::{ENTRY_FORMAT, Proposal, TypeConfig};

pub(crate) const CLUSTER: u64 = 0x5eed;
pub(crate) const SEGMENT: u64 = 64 << 10;

pub(crate) fn id(term: u64, index: u64) -> LogIdOf<TypeConfig> {
    LogId::new(LeaderId { term, node_id: 1 }, index)
}

pub(crate) fn entry(index: u64, bytes: usize) -> EntryOf<TypeConfig> {
    let body = Bytes::from(vec![u8::try_from(index % 251).unwrap() + 1; bytes]);
    EntryOf::<TypeConfig>::new(
        id(1, index),
        EntryPayload::Normal(Proposal { format: ENTRY_FORMAT, body }),
    )
}

pub(crate) fn open(folder: &Path) -> Result<LogStore, LogError> {
    LogStore::open(FileDisk::default(), folder, CLUSTER, SEGMENT, ())
}

/// Appends and waits for the acknowledgement.
pub(crate) async fn append(log: &mut LogStore, entries: Vec<EntryOf<TypeConfig>>) {
    let (acknowledge, acknowledged) = TypeConfig::oneshot();
    log.append(entries, IOFlushed::signal(acknowledge)).await.unwrap();
    acknowledged.await.unwrap().unwrap();
}

pub(crate) async fn vote(log: &mut LogStore, term: u64) {
    log.save_vote(&VoteOf::<TypeConfig>::new_committed(term, 1)).await.unwrap();
}

pub(crate) async fn indexes(log: &LogStore) -> Vec<u64> {
    let entries = log.clone().get_log_reader().await.try_get_log_entries(..).await.unwrap();
    entries.iter().map(|entry| entry.index()).collect()
}

/// A disk that notes its syncs and can be broken.
#[derive(Debug, Clone, Default)]
struct WatchedDisk {
    notes: Arc<Mutex<Vec<String>>>,
    is_broken: Arc<AtomicBool>,
    /// Why no file can be filled.
    refuses: Arc<Mutex<Option<io::ErrorKind>>>,
    /// Syncs of new files fail so.
    breaks_new: Arc<Mutex<Option<io::ErrorKind>>>,
    /// Syncs wait while it hangs.
    hangs: Arc<AtomicBool>,
}

impl Disk for WatchedDisk {
    fn fill(&mut self, file: &mut File, bytes: u64) -> io::Result<()> {
        if let Some(kind) = *self.refuses.lock().unwrap() {
            return Err(kind.into());
        }
        FileDisk::default().fill(file, bytes)
    }

    fn sync_new(&mut self, _: &File) -> io::Result<()> {
        self.breaks_new.lock().unwrap().map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("the cable fell out"));
        }
        while self.hangs.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        file.sync_data()?;
        self.notes.lock().unwrap().push("synced".into());
        Ok(())
    }

    fn halt(&mut self, sentence: &str) {
        self.notes.lock().unwrap().push(format!("halted: {sentence}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledgement_comes_after_a_sync_of_its_own_batch() {
    let folder = tempfile::tempdir().unwrap();
    let disk = WatchedDisk::default();
    let mut log = LogStore::open(disk.clone(), folder.path(), CLUSTER, SEGMENT, ()).unwrap();
    for index in 1..=20 {
        let syncs = disk.notes.lock().unwrap().len();
        append(&mut log, vec![entry(index, 100)]).await;
        assert_eq!(disk.notes.lock().unwrap().len(), syncs + 1);
        // What is committed rides along with the next batch and costs no sync.
        log.save_committed(Some(id(1, index))).await.unwrap();
    }
    vote(&mut log, 1).await;
    assert_eq!(disk.notes.lock().unwrap().len(), 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_that_wait_together_share_one_sync() {
    let folder = tempfile::tempdir().unwrap();
    let disk = WatchedDisk::default();
    let mut log = LogStore::open(disk.clone(), folder.path(), CLUSTER, SEGMENT, ()).unwrap();
    let mut waiting = Vec::new();
    for index in 1..=200 {
        let (acknowledge, acknowledged) = TypeConfig::oneshot();
        log.append([entry(index, 10)], IOFlushed::signal(acknowledge)).await.unwrap();
        waiting.push(acknowledged);
    }
    for acknowledged in waiting {
        acknowledged.await.unwrap().unwrap();
    }
    assert!(disk.notes.lock().unwrap().len() < 200);
    assert_eq!(indexes(&log).await.len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_halts_with_one_sentence_and_acknowledges_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = WatchedDisk::default();
    let mut log = LogStore::open(disk.clone(), folder.path(), CLUSTER, SEGMENT, ()).unwrap();
    disk.is_broken.store(true, Ordering::SeqCst);
    let (acknowledge, acknowledged) = TypeConfig::oneshot();
    log.append([entry(1, 10)], IOFlushed::signal(acknowledge)).await.unwrap();
    assert!(acknowledged.await.is_err());
    let notes = disk.notes.lock().unwrap();
    let [sentence] = &notes[..] else { panic!("{notes:?}") };
    assert!(
        sentence.contains("cannot sync") && sentence.contains("the cable fell out"),
        "{sentence}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reopened_log_has_its_entries_vote_and_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path()).unwrap();
    vote(&mut log, 1).await;
    vote(&mut log, 2).await;
    for index in 1..=10 {
        append(&mut log, vec![entry(index, 50)]).await;
    }
    log.save_committed(Some(id(1, 9))).await.unwrap();
    log.close().await;
    let mut log = open(folder.path()).unwrap();
    assert_eq!(log.get_log_state().await.unwrap().last_log_id, Some(id(1, 10)));
    assert_eq!(log.read_committed().await.unwrap(), Some(id(1, 9)));
    let vote = log.get_log_reader().await.read_vote().await.unwrap();
    assert_eq!(vote, Some(VoteOf::<TypeConfig>::new_committed(2, 1)));
    let entries = log.get_log_reader().await.try_get_log_entries(..).await.unwrap();
    assert_eq!(entries, (1..=10).map(|index| entry(index, 50)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_goes_on_over_many_segments_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut next = 1;
    for _ in 0..4 {
        let mut log = open(folder.path()).unwrap();
        vote(&mut log, 1).await;
        for _ in 0..40 {
            append(&mut log, vec![entry(next, 5_000)]).await;
            next += 1;
        }
        assert_eq!(indexes(&log).await, (1..next).collect::<Vec<_>>());
        log.close().await;
    }
    let segments = std::fs::read_dir(folder.path()).unwrap().count() - 1;
    assert!(segments >= 13, "{segments}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncation_survives_a_restart_and_later_entries_replace_what_it_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path()).unwrap();
    vote(&mut log, 1).await;
    append(&mut log, (1..=10).map(|index| entry(index, 20)).collect()).await;
    log.truncate_after(Some(id(1, 4))).await.unwrap();
    assert_eq!(indexes(&log).await, [1, 2, 3, 4]);
    let replaced = EntryOf::<TypeConfig>::new(id(2, 5), EntryPayload::Blank);
    append(&mut log, vec![replaced.clone()]).await;
    log.close().await;
    let log = open(folder.path()).unwrap();
    let entries = log.clone().get_log_reader().await.try_get_log_entries(3..).await.unwrap();
    assert_eq!(entries, [entry(3, 20), entry(4, 20), replaced]);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_memory_dropped_are_read_from_disk_also_across_a_truncation() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = LogStore::open(FileDisk::default(), folder.path(), CLUSTER, 4 << 20, ()).unwrap();
    vote(&mut log, 1).await;
    for index in 1..=12 {
        append(&mut log, vec![entry(index, 700 << 10)]).await;
    }
    log.truncate_after(Some(id(1, 3))).await.unwrap();
    append(&mut log, (4..=6).map(|index| entry(index, 10)).collect()).await;
    for index in 7..=14 {
        append(&mut log, vec![entry(index, 700 << 10)]).await;
    }
    let entries = log.get_log_reader().await.try_get_log_entries(2..=5).await.unwrap();
    assert_eq!(entries, [entry(2, 700 << 10), entry(3, 700 << 10), entry(4, 10), entry(5, 10)]);
    assert_eq!(indexes(&log).await, (1..=14).collect::<Vec<_>>());
}
