//! What the log knows without the disk: its bounds, its newest entries, and where the older ones lie.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use openraft::LogState;
use openraft::entry::RaftEntry as _;
use openraft::type_config::alias::{EntryOf, LogIdOf, VoteOf};

use crate::raft::TypeConfig;

/// Entries are kept in memory up to about this many bytes; what is not on disk yet is always kept.
///
/// Little in tests, so that they read from disk as well.
const MEMORY_BYTES: usize = if cfg!(test) { 16 << 10 } else { 4 << 20 };

/// Where some entries lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

/// The log's state in memory; changed at once by the store, and by the writer after it wrote.
#[derive(Debug, Default)]
pub(crate) struct LogIndex {
    pub(crate) vote: Option<VoteOf<TypeConfig>>,
    pub(crate) committed: Option<LogIdOf<TypeConfig>>,
    purged: Option<LogIdOf<TypeConfig>>,
    last: Option<LogIdOf<TypeConfig>>,
    /// The newest entries, without a gap, up to `last`.
    newest: VecDeque<EntryOf<TypeConfig>>,
    newest_bytes: usize,
    /// Entries up to this index are on disk, so memory may drop them.
    written: Option<u64>,
    locations: VecDeque<Location>,
    segments: BTreeMap<u64, Arc<File>>,
}

/// What a read of a range finds.
pub(crate) struct Found {
    /// Groups to be read for the entries that memory has dropped, with the wanted indexes.
    pub(crate) on_disk: Vec<(Location, Arc<File>)>,
    /// The wanted indexes that are only on disk.
    pub(crate) disk_range: Range<u64>,
    /// The wanted entries that memory holds; they follow those on disk.
    pub(crate) in_memory: Vec<EntryOf<TypeConfig>>,
}

impl LogIndex {
    pub(crate) fn state(&self) -> LogState<TypeConfig> {
        LogState { last_purged_log_id: self.purged, last_log_id: self.last }
    }

    /// Appends entries; they are readable at once.
    pub(crate) fn append(&mut self, entries: &[EntryOf<TypeConfig>]) {
        for entry in entries {
            self.last = Some(entry.log_id());
            self.newest_bytes += weight(entry);
            self.newest.push_back(entry.clone());
        }
    }

    /// Drops the entries after `after`; with `None` all.
    pub(crate) fn truncate(&mut self, after: Option<LogIdOf<TypeConfig>>) {
        let keep_below = after.map_or(0, |id| id.index() + 1);
        while self.newest.back().is_some_and(|entry| entry.index() >= keep_below) {
            self.newest_bytes -= self.newest.pop_back().as_ref().map_or(0, weight);
        }
        self.last = self.last.min(after).max(self.purged);
    }

    /// Forgets the entries up to `upto`; their bytes stay until that is on disk.
    pub(crate) fn purge(&mut self, upto: LogIdOf<TypeConfig>) {
        self.purged = self.purged.max(Some(upto));
        self.last = self.last.max(Some(upto));
        while self.newest.front().is_some_and(|entry| entry.index() <= upto.index()) {
            self.newest_bytes -= self.newest.pop_front().as_ref().map_or(0, weight);
        }
    }

    /// Notes that a purge is on disk; the segments before `current` that hold nothing any more are forgotten.
    pub(crate) fn purge_locations(&mut self, upto: u64, current: u64) -> Vec<u64> {
        while self.locations.front().is_some_and(|location| location.last <= upto) {
            self.locations.pop_front();
        }
        let needed = self.locations.front().map_or(current, |location| location.segment);
        let kept = self.segments.split_off(&needed.min(current));
        let unused = std::mem::replace(&mut self.segments, kept);
        unused.into_keys().collect()
    }

    /// The first entry that is on disk.
    pub(crate) fn first_located(&self) -> Option<Location> {
        self.locations.front().copied()
    }

    /// Bytes of the log from a place on, when its last segment is filled up to `end`.
    pub(crate) fn bytes_from(&self, from: Location, end: u64) -> u64 {
        let Some((last, file)) = self.segments.last_key_value() else { return 0 };
        let segment_bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let segments = self.locations.back().map_or(*last, |back| back.segment) - from.segment;
        (segments * segment_bytes + end).saturating_sub(from.offset)
    }

    /// Where the first entry after `index` is on disk.
    pub(crate) fn located_after(&self, index: u64) -> Option<Location> {
        let position = self.locations.partition_point(|location| location.last <= index);
        self.locations.get(position).copied()
    }

    pub(crate) fn add_segment(&mut self, number: u64, file: Arc<File>) {
        self.segments.insert(number, file);
    }

    /// Notes where entries were written.
    pub(crate) fn located(&mut self, location: Location) {
        self.locations.push_back(location);
    }

    /// Follows a truncation in what is known of the disk; called in the order of the writes.
    pub(crate) fn truncate_locations(&mut self, after: Option<LogIdOf<TypeConfig>>) {
        let keep_below = after.map_or(0, |id| id.index() + 1);
        while self.locations.back().is_some_and(|location| location.first >= keep_below) {
            self.locations.pop_back();
        }
        if let Some(location) = self.locations.back_mut() {
            location.last = location.last.min(keep_below.saturating_sub(1));
        }
        self.written = self.written.map(|written| written.min(keep_below.saturating_sub(1)));
    }

    /// Notes that entries up to `index` are on disk and lets memory shrink.
    pub(crate) fn written_through(&mut self, index: u64) {
        self.written = self.written.max(Some(index));
        while self.newest_bytes > MEMORY_BYTES
            && self.newest.front().is_some_and(|entry| Some(entry.index()) <= self.written)
        {
            self.newest_bytes -= self.newest.pop_front().as_ref().map_or(0, weight);
        }
    }

    /// The entries of `wanted` that the log has.
    pub(crate) fn find(&self, wanted: Range<u64>) -> Found {
        let begin = wanted.start.max(self.purged.map_or(0, |id| id.index() + 1));
        let end = wanted.end.min(self.last.map_or(0, |id| id.index() + 1));
        let memory_begin = self.newest.front().map_or(end, |entry| entry.index());
        let disk_range = begin..end.min(memory_begin);
        let on_disk = self.locations_of(&disk_range);
        let skip = usize::try_from(begin.saturating_sub(memory_begin)).unwrap_or(usize::MAX);
        let in_memory = self
            .newest
            .iter()
            .skip(skip)
            .take_while(|entry| entry.index() < end)
            .cloned()
            .collect();
        Found { on_disk, disk_range, in_memory }
    }

    fn locations_of(&self, range: &Range<u64>) -> Vec<(Location, Arc<File>)> {
        if range.is_empty() {
            return Vec::new();
        }
        let from = self.locations.partition_point(|location| location.last < range.start);
        self.locations
            .iter()
            .skip(from)
            .take_while(|location| location.first < range.end)
            .filter_map(|location| {
                Some((*location, Arc::clone(self.segments.get(&location.segment)?)))
            })
            .collect()
    }
}

pub(crate) fn weight(entry: &EntryOf<TypeConfig>) -> usize {
    let body = match &entry.payload {
        openraft::EntryPayload::Normal(proposal) => proposal.body.len(),
        openraft::EntryPayload::Blank | openraft::EntryPayload::Membership(_) => 0,
    };
    body + size_of::<EntryOf<TypeConfig>>()
}
