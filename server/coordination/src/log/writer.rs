//! The thread that writes: takes what waits, makes one group of it, syncs, answers.

use std::collections::VecDeque;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::entry::RaftEntry as _;
use openraft::storage::IOFlushed;
use openraft::type_config::alias::{EntryOf, LogIdOf, VoteOf};
use tokio::sync::oneshot;

use super::acknowledged::{Acknowledged, AcknowledgedFile};
use super::format::{self, HEADER, Item, Seed};
use super::growth::Growth;
use super::index::{Location, LogIndex};
use super::preparer::Preparer;
use super::segment::Segment;
use super::vote_file::VoteFile;
use super::{Disk, LogError};
use crate::raft::TypeConfig;
use crate::storage::Room;

/// A group is closed when its payload has reached this size.
const GROUP_BYTES: usize = 1 << 20;

/// What the writer is asked to do; it does everything in the order of asking.
pub(crate) enum Request {
    /// Writes entries and reports once they are durable.
    Append(Vec<EntryOf<TypeConfig>>, IOFlushed<TypeConfig>),
    /// Records that everything after the entry is gone.
    Truncate(Option<LogIdOf<TypeConfig>>),
    /// Records that everything up to the entry is in a snapshot.
    Purge(LogIdOf<TypeConfig>),
    /// Records what is committed, with the next group; no sync of its own.
    Committed(Option<LogIdOf<TypeConfig>>),
    /// Makes a vote durable.
    Vote(VoteOf<TypeConfig>, oneshot::Sender<()>),
    /// Has so many segments made ahead of the current one.
    Spares(u64),
    /// Writes what is left and ends the thread.
    Close(oneshot::Sender<()>),
}

/// The way to the writer. It writes what is left and ends when nobody has it any more.
#[derive(Debug)]
pub(crate) struct Orders(pub(crate) Sender<Request>);

impl Orders {
    /// Orders segments ahead of the current one, as far as they are not there or ordered.
    pub(crate) fn spares(&self, count: u64) {
        // A log that is closed needs none.
        let _ = self.0.send(Request::Spares(count));
    }
}

/// What a written group changes in the index.
enum Noted {
    Located { first: u64, last: u64 },
    Truncated(Option<LogIdOf<TypeConfig>>),
    Purged(u64),
}

/// The state of the writing thread.
pub(crate) struct Writer<D> {
    pub(crate) disk: D,
    pub(crate) cluster: u64,
    pub(crate) segment: Segment,
    pub(crate) segment_bytes: u64,
    pub(crate) position: u64,
    pub(crate) sequence: u64,
    pub(crate) spares: VecDeque<Segment>,
    /// The last segment that was ordered or is there.
    pub(crate) ordered: u64,
    pub(crate) preparer: Preparer,
    pub(crate) vote_file: VoteFile,
    pub(crate) acknowledged: AcknowledgedFile,
    pub(crate) growth: Arc<Growth>,
    pub(crate) room: Room,
    pub(crate) index: Arc<Mutex<LogIndex>>,
    pub(crate) group: Group,
}

/// The group that is being put together.
#[derive(Default)]
pub(crate) struct Group {
    payload: Vec<u8>,
    noted: Vec<Noted>,
    flushed: Vec<IOFlushed<TypeConfig>>,
    committed: Option<Option<LogIdOf<TypeConfig>>>,
    closed: Option<oneshot::Sender<()>>,
}

/// The writer stops: the disk failed, or the log is closed.
struct Stop;

pub(crate) fn lock(index: &Mutex<LogIndex>) -> MutexGuard<'_, LogIndex> {
    index.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<D: Disk> Writer<D> {
    /// Runs until the log is closed or everybody who could ask is gone; gives back who waits for the end.
    pub(crate) fn run(mut self, requests: &Receiver<Request>) -> Option<oneshot::Sender<()>> {
        self.serve(requests);
        self.room.closed();
        self.group.closed.take()
    }

    fn serve(&mut self, requests: &Receiver<Request>) {
        self.order_spare();
        while let Ok(first) = requests.recv() {
            let mut next = Ok(first);
            loop {
                match next {
                    Ok(request) => {
                        if self.take(request).is_err() {
                            return;
                        }
                    }
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        let _ = self.flush();
                        return;
                    }
                }
                next = requests.try_recv();
            }
            if self.flush().is_err() {
                return;
            }
        }
        let _ = self.finish();
    }

    fn take(&mut self, request: Request) -> Result<(), Stop> {
        match request {
            Request::Append(entries, flushed) => {
                self.append(entries)?;
                self.group.flushed.push(flushed);
            }
            Request::Truncate(after) => {
                self.group.noted.push(Noted::Truncated(after));
                self.encode(&Item::Truncate(after))?;
            }
            Request::Purge(upto) => {
                self.group.noted.push(Noted::Purged(upto.index()));
                self.encode(&Item::Purge(upto))?;
            }
            Request::Committed(committed) => self.group.committed = Some(committed),
            Request::Vote(vote, saved) => {
                self.flush()?;
                let result = self.vote_file.save(&mut self.disk, &vote);
                self.or_halt(result)?;
                self.note_acknowledged(self.sequence - 1)?;
                let _ = saved.send(());
            }
            Request::Spares(count) => self.order(self.segment.number.saturating_add(count)),
            Request::Close(closed) => {
                self.finish()?;
                self.group.closed = Some(closed);
                return Err(Stop);
            }
        }
        Ok(())
    }

    /// Puts entries into groups, each below the size of a group or with a single entry.
    fn append(&mut self, entries: Vec<EntryOf<TypeConfig>>) -> Result<(), Stop> {
        let mut entries = entries.into_iter().peekable();
        while entries.peek().is_some() {
            let mut bytes = 0;
            let mut part = Vec::new();
            while bytes < GROUP_BYTES
                && let Some(entry) = entries.next()
            {
                bytes += super::index::weight(&entry);
                part.push(entry);
            }
            if let (Some(first), Some(last)) = (part.first(), part.last()) {
                self.group.noted.push(Noted::Located { first: first.index(), last: last.index() });
            }
            self.encode(&Item::Entries(part))?;
        }
        Ok(())
    }

    fn encode(&mut self, item: &Item) -> Result<(), Stop> {
        let result = format::encode_item(item, &mut self.group.payload);
        if let Err(error) = result {
            self.disk.halt(&format!("the raft log cannot encode an entry: {error}; stopping"));
            return Err(Stop);
        }
        if self.group.payload.len() >= GROUP_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes also a commit that waits for company.
    fn finish(&mut self) -> Result<(), Stop> {
        if let Some(committed) = self.group.committed {
            self.encode(&Item::Committed(committed))?;
            self.group.committed = None;
        }
        self.flush()
    }

    /// Writes the group, makes it durable, and answers everybody who waits for it.
    ///
    /// The answer to an append that was split joins the group after its last piece. When that piece filled
    /// its group, everything is durable already and only the answer is left.
    fn flush(&mut self) -> Result<(), Stop> {
        if self.group.payload.is_empty() {
            self.answer();
            return Ok(());
        }
        if let Some(committed) = self.group.committed.take() {
            let result = format::encode_item(&Item::Committed(committed), &mut self.group.payload);
            debug_assert!(result.is_ok(), "a log id always encodes");
        }
        let payload = std::mem::take(&mut self.group.payload);
        self.make_room(payload.len())?;
        let seed = Seed { cluster: self.cluster, segment: self.segment.number };
        let group = format::frame(seed, self.sequence, &payload);
        let path = &self.segment.path;
        let written = self
            .segment
            .file
            .write_all_at(&group, self.position)
            .map_err(LogError::io("write", path))
            .and_then(|()| self.disk.sync(&self.segment.file).map_err(LogError::sync(path)));
        self.or_halt(written)?;
        self.disk.group_is_durable();
        self.note_acknowledged(self.sequence)?;
        self.note();
        self.sequence += 1;
        self.position += group.len() as u64;
        self.room.left(self.segment_bytes - self.position);
        self.growth.add(group.len() as u64);
        self.answer();
        self.order_spare();
        Ok(())
    }

    /// Notes what is durable, up to this group, before anybody is told.
    fn note_acknowledged(&mut self, sequence: u64) -> Result<(), Stop> {
        let (segment_bytes, vote) = (self.segment_bytes, self.vote_file.sequence());
        let noted = self.acknowledged.note(Acknowledged { sequence, segment_bytes, vote });
        self.or_halt(noted)
    }

    fn answer(&mut self) {
        for flushed in self.group.flushed.drain(..) {
            flushed.io_completed(Ok(()));
        }
    }

    fn note(&mut self) {
        let (segment, offset) = (self.segment.number, self.position);
        let mut unused = Vec::new();
        let mut index = lock(&self.index);
        for noted in self.group.noted.drain(..) {
            match noted {
                Noted::Located { first, last } => {
                    index.located(Location { first, last, segment, offset });
                    index.written_through(last);
                }
                Noted::Truncated(after) => index.truncate_locations(after),
                Noted::Purged(upto) => unused.extend(index.purge_locations(upto, segment)),
            }
        }
        drop(index);
        self.preparer.remove(unused);
    }

    /// Moves on to the next segment when the group does not fit into this one.
    fn make_room(&mut self, payload: usize) -> Result<(), Stop> {
        let needed = (HEADER + payload + 1).next_multiple_of(format::ALIGNMENT) as u64;
        if self.position + needed <= self.segment_bytes {
            return Ok(());
        }
        let number = self.segment.number + 1;
        let next = self.spares.pop_front().or_else(|| {
            self.order(number);
            self.preparer.take()
        });
        let Some(next) = next.filter(|_| needed <= self.segment_bytes) else {
            self.disk.halt("the raft log has no segment to write to; stopping");
            return Err(Stop);
        };
        lock(&self.index).add_segment(next.number, Arc::clone(&next.file));
        self.segment = next;
        self.position = 0;
        self.room.moved_on();
        Ok(())
    }

    /// Orders the next segment once this one is half full.
    fn order_spare(&mut self) {
        if self.position * 2 > self.segment_bytes {
            self.order(self.segment.number + 1);
        }
    }

    /// Orders the segments up to this one, as far as they are not ordered.
    fn order(&mut self, number: u64) {
        if number > self.ordered {
            self.ordered = number;
            self.preparer.order(number);
        }
    }

    fn or_halt(&mut self, result: Result<(), LogError>) -> Result<(), Stop> {
        result.map_err(|error| {
            let sentence = error.sentence();
            self.disk.halt(&format!("the raft log {sentence}; stopping, nothing can be stored"));
            Stop
        })
    }
}

/// Reads the groups at `locations` and gives the entries of `wanted` among them.
pub(crate) fn read_entries(
    cluster: u64,
    folder: &Path,
    locations: &[(Location, Arc<std::fs::File>)],
    wanted: &std::ops::Range<u64>,
) -> Result<Vec<EntryOf<TypeConfig>>, LogError> {
    let mut entries: Vec<EntryOf<TypeConfig>> = Vec::new();
    let mut read = None;
    for (location, file) in locations {
        let place = (location.segment, location.offset);
        if read != Some(place) {
            read = Some(place);
            let items = read_group(cluster, folder, *location, file)?;
            for entry in items.into_iter().flat_map(entries_of) {
                // An entry that was written anew after a truncation replaces the one before it.
                while entries.last().is_some_and(|before| before.index() >= entry.index()) {
                    entries.pop();
                }
                entries.push(entry);
            }
        }
    }
    entries.retain(|entry| wanted.contains(&entry.index()));
    Ok(entries)
}

fn entries_of(item: Item) -> Vec<EntryOf<TypeConfig>> {
    match item {
        Item::Entries(entries) => entries,
        Item::Truncate(_) | Item::Purge(_) | Item::Committed(_) => Vec::new(),
    }
}

fn read_group(
    cluster: u64,
    folder: &Path,
    location: Location,
    file: &std::fs::File,
) -> Result<Vec<Item>, LogError> {
    let path = super::segment::path_of(folder, location.segment);
    let damaged =
        |what: String| LogError::Damaged { path: path.clone(), offset: location.offset, what };
    let seed = Seed { cluster, segment: location.segment };
    let mut bytes = vec![0; HEADER];
    file.read_exact_at(&mut bytes, location.offset).map_err(LogError::io("read", &path))?;
    let header = format::header(seed, &bytes).ok_or_else(|| damaged("no group is here".into()))?;
    bytes.resize(header.group_bytes(), 0);
    file.read_exact_at(&mut bytes, location.offset).map_err(LogError::io("read", &path))?;
    let payload = format::payload(seed, header, &bytes)
        .ok_or_else(|| damaged("the checksum does not hold".into()))?;
    format::decode_items(payload).map_err(damaged)
}
