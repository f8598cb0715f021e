//! Reads the segments at start, and decides what a damaged place means.
//!
//! A group that is not whole may be cut only when it is the last thing in the log and something of it never
//! reached the disk: its end mark, or a whole sector, reads as the zeros that the segment was filled with.
//! Every other damage hits bytes that were acknowledged, and the node refuses to start. So it does when the
//! log ends before a group that is known to have been acknowledged, or when entries are missing before its
//! beginning.

use std::collections::VecDeque;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use openraft::entry::RaftEntry as _;

use super::acknowledged::Acknowledged;
use super::format::{self, ALIGNMENT, END, FORMAT, HEADER, Header, Item, Seed};
use super::index::{Location, LogIndex};
use super::segment::Segment;
use super::{Disk, LogError};

/// What a disk writes as a whole or not at all.
const SECTOR: usize = 512;
/// Bytes that are compared at once.
const BLOCK: usize = 4096;

/// The log as it was found.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) index: LogIndex,
    /// Where the next group goes.
    pub(crate) current: Segment,
    pub(crate) position: u64,
    /// The sequence of the next group.
    pub(crate) sequence: u64,
    /// Segments that were prepared and not used yet.
    pub(crate) spares: VecDeque<Segment>,
    /// Segments of which every entry is purged, to be deleted.
    pub(crate) unused: Vec<u64>,
}

/// Reads all segments; `None` when there are none.
pub(crate) fn recover(
    disk: &mut impl Disk,
    cluster: u64,
    segments: Vec<Segment>,
    acknowledged: Option<Acknowledged>,
) -> Result<Option<Recovered>, LogError> {
    let Some(first) = segments.first().map(|segment| segment.number) else { return Ok(None) };
    check_sizes(&segments, acknowledged)?;
    let mut recovered: Option<Recovered> = None;
    let mut may_follow = true;
    for segment in segments {
        if let Some(before) = &recovered {
            let last = before.spares.back().unwrap_or(&before.current);
            if segment.number != last.number + 1 {
                let what = format!("segment {} is missing before it", last.number + 1);
                return Err(damaged(&segment, 0, what));
            }
        }
        let mut scan = Scan::read(cluster, segment, acknowledged)?;
        let state = recovered.get_or_insert_with(|| Recovered {
            index: LogIndex::default(),
            current: scan.segment.clone(),
            position: 0,
            sequence: 1,
            spares: VecDeque::new(),
            unused: Vec::new(),
        });
        state.index.add_segment(scan.segment.number, Arc::clone(&scan.segment.file));
        if scan.is_blank() {
            if scan.segment.number != state.current.number {
                state.spares.push_back(scan.segment);
            }
            continue;
        }
        if !may_follow {
            let what = "it follows a segment whose end is damaged".to_owned();
            return Err(damaged(&scan.segment, 0, what));
        }
        let cut = scan.groups(state)?;
        if scan.position == 0 && scan.segment.number != state.current.number {
            // Its only group was cut; the segment before stays the current one.
            state.spares.push_back(scan.segment.clone());
        } else {
            state.spares.clear();
            state.current = scan.segment.clone();
            state.position = scan.position as u64;
        }
        if cut {
            may_follow = false;
            scan.erase_tail(disk)?;
        }
    }
    let Some(mut recovered) = recovered else { return Ok(None) };
    check_end(&recovered, acknowledged)?;
    // What a killed process had written and not synced is read here, and told from now on.
    if recovered.position > 0 {
        let current = &recovered.current;
        disk.sync(&current.file).map_err(LogError::sync(&current.path))?;
    }
    drop_purged(&mut recovered, first)?;
    Ok(Some(recovered))
}

/// Whether every segment has the size that the log's segments have.
fn check_sizes(segments: &[Segment], acknowledged: Option<Acknowledged>) -> Result<(), LogError> {
    let mut expected = acknowledged.map(|acknowledged| acknowledged.segment_bytes);
    for segment in segments {
        let length = segment.file.metadata().map_err(LogError::io("read", &segment.path))?.len();
        let expected = *expected.get_or_insert(length);
        if length != expected {
            let what = format!("the file has {length} bytes, the segments of this log {expected}");
            let (path, offset) = (segment.path.clone(), length.min(expected));
            return Err(LogError::Damaged { path, offset, what });
        }
    }
    Ok(())
}

/// Whether the log reaches to the last group that was acknowledged.
fn check_end(recovered: &Recovered, acknowledged: Option<Acknowledged>) -> Result<(), LogError> {
    let last = recovered.sequence - 1;
    match acknowledged {
        Some(acknowledged) if acknowledged.sequence > last => {
            let what = format!(
                "the log ends here with group {last}, but group {} was acknowledged",
                acknowledged.sequence
            );
            let (path, offset) = (recovered.current.path.clone(), recovered.position);
            Err(LogError::Damaged { path, offset, what })
        }
        Some(_) | None => Ok(()),
    }
}

/// Forgets what is purged; entries that are missing although they are not purged are a loss.
fn drop_purged(recovered: &mut Recovered, first_segment: u64) -> Result<(), LogError> {
    let index = &mut recovered.index;
    let purged = index.state().last_purged_log_id.map(|id| id.index());
    let unused = match purged {
        Some(purged) => index.purge_locations(purged, recovered.current.number),
        None => Vec::new(),
    };
    let is_joined = match (purged, index.first_located()) {
        (None, _) => first_segment == 1,
        (Some(purged), Some(first)) => first.first <= purged + 1,
        (Some(_), None) => true,
    };
    if !is_joined {
        let missing = match (purged, index.first_located()) {
            (Some(purged), Some(first)) => {
                format!("entries {} to {} are missing", purged + 1, first.first - 1)
            }
            _ => format!("the segments before segment {first_segment} are missing"),
        };
        let (number, offset) =
            index.first_located().map_or((first_segment, 0), |first| (first.segment, first.offset));
        let path = recovered.current.path.with_file_name(super::segment::name_of(number));
        return Err(LogError::Damaged { path, offset, what: missing });
    }
    recovered.unused = unused;
    Ok(())
}

fn damaged(segment: &Segment, offset: usize, what: impl Into<String>) -> LogError {
    LogError::Damaged { path: segment.path.clone(), offset: offset as u64, what: what.into() }
}

impl Recovered {
    /// Whether no group was read yet.
    fn is_untouched(&self) -> bool {
        self.sequence == 1 && self.position == 0
    }
}

/// One segment in memory while it is read.
struct Scan {
    segment: Segment,
    seed: Seed,
    /// The last group that is known to have been acknowledged.
    acknowledged: u64,
    bytes: Vec<u8>,
    position: usize,
    /// The end of what is not zero.
    used: usize,
}

impl Scan {
    fn read(
        cluster: u64,
        segment: Segment,
        acknowledged: Option<Acknowledged>,
    ) -> Result<Self, LogError> {
        let length = segment.file.metadata().map_err(LogError::io("read", &segment.path))?.len();
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        segment.file.read_exact_at(&mut bytes, 0).map_err(LogError::io("read", &segment.path))?;
        let used = end_of_data(&bytes);
        let seed = Seed { cluster, segment: segment.number };
        let acknowledged = acknowledged.map_or(0, |acknowledged| acknowledged.sequence);
        Ok(Self { segment, seed, acknowledged, bytes, position: 0, used })
    }

    fn is_blank(&self) -> bool {
        self.used == 0
    }

    /// Takes up group after group; true when the last one was torn and has to be erased.
    fn groups(&mut self, state: &mut Recovered) -> Result<bool, LogError> {
        while self.position < self.used {
            let rest = &self.bytes[self.position..];
            let header = format::header(self.seed, rest);
            let Some(header) = header else { return self.judge(state.sequence, None) };
            if header.format > FORMAT {
                return Err(LogError::NewerFormat {
                    path: self.segment.path.clone(),
                    offset: self.position as u64,
                    found: header.format,
                    known: FORMAT,
                });
            }
            // Before a first segment nothing is missing, behind one that is blank its groups are.
            let is_first = self.position == 0 && state.current.number == self.segment.number;
            if is_first && state.is_untouched() && self.segment.number > 1 {
                // The segments before this one are deleted; whether they may be is seen at the end.
                state.sequence = header.sequence;
            }
            if state.sequence != header.sequence {
                let what =
                    format!("group {} is expected here, found {}", state.sequence, header.sequence);
                return Err(damaged(&self.segment, self.position, what));
            }
            let Some(payload) = format::payload(self.seed, header, rest) else {
                return self.judge(state.sequence, Some(header));
            };
            let items = format::decode_items(payload)
                .map_err(|what| damaged(&self.segment, self.position, what))?;
            for item in items {
                self.take_up(&mut state.index, item)?;
            }
            state.sequence += 1;
            self.position += header.group_bytes();
        }
        Ok(false)
    }

    fn take_up(&self, index: &mut LogIndex, item: Item) -> Result<(), LogError> {
        match item {
            Item::Entries(entries) => {
                let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
                    return Ok(());
                };
                let (first, last) = (first.index(), last.index());
                if let Some(before) = index.state().last_log_id
                    && before.index() + 1 != first
                {
                    let what = format!("entry {first} follows entry {}", before.index());
                    return Err(damaged(&self.segment, self.position, what));
                }
                index.append(&entries);
                let (segment, offset) = (self.segment.number, self.position as u64);
                index.located(Location { first, last, segment, offset });
                index.written_through(last);
            }
            Item::Truncate(after) => {
                index.truncate(after);
                index.truncate_locations(after);
            }
            Item::Purge(upto) => index.purge(upto),
            Item::Committed(committed) => index.committed = committed,
        }
        Ok(())
    }

    /// Whether the group at the position, which is not whole, may be cut.
    fn judge(&self, sequence: u64, header: Option<Header>) -> Result<bool, LogError> {
        if let Some(offset) = self.valid_group_after(self.position) {
            let what = format!("a valid group follows at byte {offset}");
            return Err(damaged(&self.segment, self.position, what));
        }
        if sequence <= self.acknowledged {
            let what = format!("group {sequence} is damaged, and it was acknowledged");
            return Err(damaged(&self.segment, self.position, what));
        }
        let is_torn = match header {
            Some(header) => self.misses_a_part(header),
            None => self.misses_its_header(),
        };
        if !is_torn {
            let what = "the last group is complete but its checksum does not hold";
            return Err(damaged(&self.segment, self.position, what));
        }
        tracing::warn!(
            file.path = %self.segment.path.display(), file.offset = self.position,
            "the last write to `{}` was cut off at byte {}; it was never acknowledged and is dropped",
            self.segment.path.display(), self.position
        );
        Ok(true)
    }

    fn valid_group_after(&self, position: usize) -> Option<usize> {
        (position + ALIGNMENT..self.used).step_by(ALIGNMENT).find(|offset| {
            let rest = &self.bytes[*offset..];
            rest[..4.min(rest.len())].iter().any(|byte| *byte != 0)
                && format::header(self.seed, rest)
                    .is_some_and(|header| format::payload(self.seed, header, rest).is_some())
        })
    }

    /// With a valid header: the end mark or a whole sector of the group is still zero.
    fn misses_a_part(&self, header: Header) -> bool {
        let end = self.position + HEADER + header.payload;
        if self.bytes.get(end) != Some(&END) && self.bytes.get(end).is_none_or(|byte| *byte == 0) {
            return true;
        }
        let first_sector = self.position.next_multiple_of(SECTOR);
        (first_sector..end)
            .step_by(SECTOR)
            .any(|sector| self.bytes.get(sector..sector + SECTOR).is_some_and(is_zero))
    }

    /// Without a valid header: nothing comes after it, or one of the sectors it lies in is still zero.
    fn misses_its_header(&self) -> bool {
        let end = self.position + HEADER;
        let sector = (self.position + 1).next_multiple_of(SECTOR);
        let in_first = &self.bytes[self.position..sector.min(self.bytes.len())];
        let in_second = self.bytes.get(sector..end.max(sector)).unwrap_or_default();
        self.used <= end || is_zero(in_first) || (!in_second.is_empty() && is_zero(in_second))
    }

    /// Fills what was cut with zeros again, so that nothing of it can be read later.
    fn erase_tail(&self, disk: &mut impl Disk) -> Result<(), LogError> {
        let zeros = vec![0; self.used - self.position];
        let path = &self.segment.path;
        self.segment
            .file
            .write_all_at(&zeros, self.position as u64)
            .map_err(LogError::io("write", path))?;
        disk.sync(&self.segment.file).map_err(LogError::sync(path))
    }
}

/// Compares block by block, which is quick also in builds that are not optimised.
fn is_zero(bytes: &[u8]) -> bool {
    static ZEROS: [u8; BLOCK] = [0; BLOCK];
    bytes.chunks(BLOCK).all(|block| *block == ZEROS[..block.len()])
}

/// The position after the last byte that is not zero.
fn end_of_data(bytes: &[u8]) -> usize {
    let blocks = bytes.chunks(BLOCK).rposition(|block| !is_zero(block));
    let Some(block) = blocks else { return 0 };
    let begin = block * BLOCK;
    let in_block = &bytes[begin..bytes.len().min(begin + BLOCK)];
    begin + in_block.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}
