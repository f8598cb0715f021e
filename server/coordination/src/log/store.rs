//! The log as openraft sees it.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::type_config::alias::{EntryOf, LogIdOf, VoteOf};
use openraft::{LogState, OptionalSend, RaftLogReader};
use tokio::sync::oneshot;

use super::acknowledged::{Acknowledged, AcknowledgedFile};
use super::growth::Growth;
use super::index::{Found, LogIndex};
use super::preparer::Preparer;
use super::recovery::{Recovered, recover};
use super::segment::{create, list, sync_folder};
use super::vote_file::VoteFile;
use super::writer::{Group, Orders, Request, Writer, lock, read_entries};
use super::{Disk, LogError};
use crate::raft::TypeConfig;
use crate::storage::{NoRoom, Room, Storage};

/// The log of one node. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct LogStore {
    reader: LogReader,
    requests: Arc<Orders>,
    growth: Arc<Growth>,
    room: Room,
    end: (PathBuf, u64),
}

/// What a write is for, as far as the last room of a full disk is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Purpose {
    /// A change of the platform's state.
    #[default]
    Change,
    /// A candidate comes or goes. It takes a few hundred bytes, and without a leader nothing can be read either.
    Election,
}

/// Where the log begins and ends, as it was opened.
#[derive(Debug, Clone)]
pub(crate) struct LogBounds {
    /// Everything up to this entry is gone.
    pub(crate) purged: Option<LogIdOf<TypeConfig>>,
    /// The last entry.
    pub(crate) last: Option<LogIdOf<TypeConfig>>,
    /// The file in which the log ends.
    pub(crate) end_path: PathBuf,
    /// Where it ends there.
    pub(crate) end_offset: u64,
}

/// Reads entries and the vote, also while they are being written.
#[derive(Debug, Clone)]
pub(crate) struct LogReader {
    index: Arc<Mutex<LogIndex>>,
    cluster: u64,
    folder: Arc<Path>,
}

impl LogStore {
    /// Opens the log in `folder`, or begins one there. Blocks on the disk.
    ///
    /// `guard` is held until the last byte is written; it locks the folder.
    pub(crate) fn open(
        mut disk: impl Disk,
        folder: &Path,
        cluster: u64,
        segment_bytes: u64,
        guard: impl Send + 'static,
    ) -> Result<Self, LogError> {
        if !folder.exists() {
            std::fs::create_dir_all(folder).map_err(LogError::io("create", folder))?;
            if let Some(parent) = folder.parent() {
                sync_folder(parent)?;
            }
        }
        let opened = read(&mut disk, folder, cluster, segment_bytes)?;
        Self::start(disk, folder, cluster, opened, guard)
    }

    /// Starts the threads of a log that was read.
    fn start(
        disk: impl Disk,
        folder: &Path,
        cluster: u64,
        opened: Opened,
        guard: impl Send + 'static,
    ) -> Result<Self, LogError> {
        let Opened { recovered, acknowledged, vote_file, vote } = opened;
        let Recovered { mut index, current, position, sequence, spares, unused } = recovered;
        index.vote = vote;
        let segment_bytes =
            current.file.metadata().map_err(LogError::io("read", &current.path))?.len();
        let vote = vote_file.sequence();
        acknowledged.note(Acknowledged { sequence: sequence - 1, segment_bytes, vote })?;
        let index = Arc::new(Mutex::new(index));
        let growth = Arc::<Growth>::default();
        let room = Room::new(segment_bytes, segment_bytes - position, spares.len() as u64);
        let ordered = current.number + spares.len() as u64;
        let end = (current.path.clone(), position);
        let threads = || -> io::Result<Orders> {
            let (folder, next) = (folder.to_owned(), ordered + 1);
            let preparer =
                Preparer::start(disk.clone(), folder, segment_bytes, next, room.clone())?;
            preparer.remove(unused);
            let (requests, incoming) = channel();
            let writer = Writer {
                disk,
                cluster,
                segment: current,
                segment_bytes,
                position,
                sequence,
                spares,
                ordered,
                preparer,
                vote_file,
                acknowledged,
                growth: Arc::clone(&growth),
                room: room.clone(),
                index: Arc::clone(&index),
                group: Group::default(),
            };
            std::thread::Builder::new().name("log-writer".into()).spawn(move || {
                let closed = writer.run(&incoming);
                drop(guard);
                if let Some(closed) = closed {
                    let _ = closed.send(());
                }
            })?;
            Ok(Orders(requests))
        };
        let requests = threads().map_err(LogError::io("start the threads of", folder))?.into();
        let reader = LogReader { index, cluster, folder: PathBuf::from(folder).into() };
        Ok(Self { reader, requests, growth, room, end })
    }

    /// Where the log began and ended when it was opened.
    pub(crate) fn bounds(&self) -> LogBounds {
        let LogState { last_purged_log_id, last_log_id } = lock(&self.reader.index).state();
        let (end_path, end_offset) = self.end.clone();
        LogBounds { purged: last_purged_log_id, last: last_log_id, end_path, end_offset }
    }

    /// Counts what the opened log holds after this entry as growth.
    pub(crate) fn grown_since(&self, entry: Option<u64>) {
        let index = lock(&self.reader.index);
        let from = match entry {
            Some(entry) => index.located_after(entry),
            None => index.first_located(),
        };
        if let Some(from) = from {
            self.growth.add(index.bytes_from(from, self.end.1));
        }
    }

    /// Bytes by which the log has grown.
    pub(crate) fn growth(&self) -> u64 {
        self.growth.bytes()
    }

    /// Waits until the log has grown to this many bytes. One waits at a time.
    pub(crate) async fn grown_to(&self, bytes: u64) {
        self.growth.reaches(bytes).await;
    }

    /// Says whether the next segment cannot be made, and what is left then.
    pub(crate) fn storage(&self) -> Storage {
        Storage::of_log(self.room.clone(), Arc::downgrade(&self.requests))
    }

    /// The account of what is left.
    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    /// Waits until a write of so many bytes fits, or until it is known that it does not.
    ///
    /// Changes leave the reserve of every segment alone; what would take of it is refused when no other segment
    /// can be made. Elections may use half of it, and never wait.
    pub(crate) async fn room_for(&self, bytes: u64, purpose: Purpose) -> Result<(), NoRoom> {
        match purpose {
            Purpose::Change => self.room.make_for(bytes, &self.requests).await,
            Purpose::Election => self.room.is_exhausted().map_or(Ok(()), Err),
        }
    }

    /// Writes what is left; afterwards the log takes nothing more.
    pub(crate) async fn close(&self) {
        let (closed, done) = oneshot::channel();
        if self.requests.0.send(Request::Close(closed)).is_ok() {
            let _ = done.await;
        }
    }

    fn ask(&self, request: Request) -> Result<(), io::Error> {
        self.requests.0.send(request).map_err(|_| io::Error::other("the raft log is closed"))
    }
}

/// What the files of a log hold.
pub(super) struct Opened {
    pub(super) recovered: Recovered,
    acknowledged: AcknowledgedFile,
    vote_file: VoteFile,
    pub(super) vote: Option<VoteOf<TypeConfig>>,
}

/// Reads the log in `folder`, or begins one there.
pub(super) fn read(
    disk: &mut impl Disk,
    folder: &Path,
    cluster: u64,
    segment_bytes: u64,
) -> Result<Opened, LogError> {
    let (acknowledged, bound) = AcknowledgedFile::open(folder, cluster)?;
    let recovered = match recover(disk, cluster, list(folder)?, bound)? {
        Some(recovered) => recovered,
        None if bound.is_some_and(|bound| bound.sequence > 0) => {
            let what = "there is no segment, but groups were acknowledged".to_owned();
            return Err(LogError::Damaged { path: folder.to_owned(), offset: 0, what });
        }
        None => begin(disk, folder, segment_bytes)?,
    };
    // The entry that makes a cluster is written before anybody votes; every other one stands on a vote.
    let stands_on_vote = |id: LogIdOf<TypeConfig>| id.leader_id.term > 0;
    let may_lack_vote = !recovered.index.state().last_log_id.is_some_and(stands_on_vote);
    let (vote_file, vote) =
        VoteFile::open(folder, cluster, may_lack_vote, bound.map_or(0, |bound| bound.vote))?;
    Ok(Opened { recovered, acknowledged, vote_file, vote })
}

fn begin(disk: &mut impl Disk, folder: &Path, segment_bytes: u64) -> Result<Recovered, LogError> {
    let current = create(disk, folder, 1, segment_bytes)?;
    let mut index = LogIndex::default();
    index.add_segment(1, Arc::clone(&current.file));
    let (spares, unused) = ([].into(), Vec::new());
    Ok(Recovered { index, current, position: 0, sequence: 1, spares, unused })
}

impl RaftLogReader<TypeConfig> for LogReader {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<EntryOf<TypeConfig>>, io::Error> {
        let begin = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(index) => index.saturating_add(1),
            Bound::Excluded(index) => *index,
            Bound::Unbounded => u64::MAX,
        };
        let Found { on_disk, disk_range, in_memory } = lock(&self.index).find(begin..end);
        if disk_range.is_empty() {
            return Ok(in_memory);
        }
        let (cluster, folder) = (self.cluster, Arc::clone(&self.folder));
        let read = tokio::task::spawn_blocking(move || {
            read_entries(cluster, &folder, &on_disk, &disk_range)
        });
        let mut entries = read.await.map_err(io::Error::other)?.map_err(io::Error::other)?;
        entries.extend(in_memory);
        Ok(entries)
    }

    async fn read_vote(&mut self) -> Result<Option<VoteOf<TypeConfig>>, io::Error> {
        Ok(lock(&self.index).vote)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        Ok(lock(&self.reader.index).state())
    }

    async fn get_log_reader(&mut self) -> LogReader {
        self.reader.clone()
    }

    async fn save_vote(&mut self, vote: &VoteOf<TypeConfig>) -> Result<(), io::Error> {
        let (saved, done) = oneshot::channel();
        self.ask(Request::Vote(*vote, saved))?;
        done.await.map_err(|_| io::Error::other("the raft log is closed"))?;
        lock(&self.reader.index).vote = Some(*vote);
        Ok(())
    }

    async fn save_committed(
        &mut self,
        committed: Option<LogIdOf<TypeConfig>>,
    ) -> Result<(), io::Error> {
        lock(&self.reader.index).committed = committed;
        self.ask(Request::Committed(committed))
    }

    async fn read_committed(&mut self) -> Result<Option<LogIdOf<TypeConfig>>, io::Error> {
        Ok(lock(&self.reader.index).committed)
    }

    async fn append<I>(
        &mut self,
        entries: I,
        callback: IOFlushed<TypeConfig>,
    ) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = EntryOf<TypeConfig>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<_> = entries.into_iter().collect();
        lock(&self.reader.index).append(&entries);
        self.ask(Request::Append(entries, callback))
    }

    async fn truncate_after(&mut self, last: Option<LogIdOf<TypeConfig>>) -> Result<(), io::Error> {
        lock(&self.reader.index).truncate(last);
        self.ask(Request::Truncate(last))
    }

    async fn purge(&mut self, upto: LogIdOf<TypeConfig>) -> Result<(), io::Error> {
        lock(&self.reader.index).purge(upto);
        self.ask(Request::Purge(upto))
    }
}
