//! Every file of a small log, harmed at every offset in every way, through the reading at start alone.
//!
//! The rule (design D13): a last write that was cut off and that nobody was told of is dropped, everything else is
//! refused with file and offset, and nothing that was acknowledged is ever lost in silence.

use std::fs;
use std::path::PathBuf;

use openraft::LogState;

use super::super::acknowledged::AcknowledgedFile;
use super::super::store::{Opened, read};
use super::super::vote_file::VoteFile;
use super::*;

const SMALL: u64 = 1 << 10;

/// Syncs nothing: what is read back was never meant to survive.
#[derive(Debug, Clone)]
struct QuickDisk;

impl Disk for QuickDisk {
    fn fill(&mut self, file: &mut File, bytes: u64) -> io::Result<()> {
        FileDisk::default().fill(file, bytes)
    }

    fn sync(&mut self, _: &File) -> io::Result<()> {
        Ok(())
    }

    fn halt(&mut self, sentence: &str) {
        panic!("{sentence}");
    }
}

/// What a start finds.
#[derive(Debug, Clone, PartialEq)]
struct Found {
    entries: Vec<EntryOf<TypeConfig>>,
    state: LogState<TypeConfig>,
    vote: Option<VoteOf<TypeConfig>>,
}

fn start(folder: &Path) -> Result<Found, LogError> {
    let Opened { recovered, vote, .. } = read(&mut QuickDisk, folder, CLUSTER, SMALL)?;
    let found = recovered.index.find(1..u64::MAX);
    assert!(found.disk_range.is_empty(), "a log so small is in memory");
    Ok(Found { entries: found.in_memory, state: recovered.index.state(), vote })
}

/// The same when only the file of the vote may be another.
fn start_with(folder: &Path, whole: &Found, acknowledged: u64) -> Result<Found, LogError> {
    let (_, vote) = VoteFile::open(folder, CLUSTER, false, acknowledged)?;
    Ok(Found { vote, ..whole.clone() })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    /// The file ends here.
    Cut,
    /// One bit is another.
    Flip,
    /// So many bytes are zero.
    Zero(usize),
    /// Everything from here on is zero, as if it had never been written.
    Tear,
}

const HARMS: [Harm; 5] = [Harm::Cut, Harm::Flip, Harm::Zero(1), Harm::Zero(512), Harm::Tear];

impl Harm {
    fn done_to(self, whole: &[u8], at: usize) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        match self {
            Self::Cut => bytes.truncate(at),
            Self::Flip => bytes[at] ^= 1 << (at % 8),
            Self::Zero(count) => {
                let end = bytes.len().min(at + count);
                bytes[at..end].fill(0);
            }
            Self::Tear => bytes[at..].fill(0),
        }
        bytes
    }
}

/// A log whose last group nobody was told of, if `last` says where it is.
struct SmallLog {
    folder: tempfile::TempDir,
    whole: Found,
    last: Option<Last>,
}

/// The last group.
struct Last {
    file: PathBuf,
    begin: usize,
    /// The end of its content; what follows is padding.
    end: usize,
    /// What there is without it.
    before: Found,
}

fn folder() -> tempfile::TempDir {
    // In memory where that can be had.
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// The segments in use, the newest last, with the end of what is written.
fn segments(folder: &Path) -> Vec<(PathBuf, usize)> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut segments: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "segment"))
        .map(|path| (path.clone(), used(&fs::read(path).unwrap())))
        .filter(|(_, used)| *used > 0)
        .collect();
    segments.sort_unstable();
    segments
}

async fn open_small(folder: &Path) -> LogStore {
    let mut log = LogStore::open(FileDisk::default(), folder, CLUSTER, SMALL, ()).unwrap();
    vote(&mut log, 1).await;
    log
}

/// Three segments of which the first is purged, two votes, and everything was acknowledged.
async fn acknowledged_log() -> SmallLog {
    let folder = folder();
    let mut log = open_small(folder.path()).await;
    for (index, bytes) in (1..).zip([400, 300, 40, 600, 60, 30]) {
        append(&mut log, vec![entry(index, bytes)]).await;
    }
    log.purge(id(1, 3)).await.unwrap();
    vote(&mut log, 2).await;
    append(&mut log, vec![entry(7, 30), entry(8, 30)]).await;
    append(&mut log, vec![entry(9, 500)]).await;
    log.close().await;
    let whole = start(folder.path()).unwrap();
    assert_eq!(whole.entries.len(), 6);
    SmallLog { folder, whole, last: None }
}

/// A log that ends with a group that nobody was told of: entries of these sizes, the last one in that group.
async fn torn_log(sizes: &[usize]) -> SmallLog {
    let folder = folder();
    let path = folder.path().join("acknowledged");
    let mut log = open_small(folder.path()).await;
    let mut acknowledged = Vec::new();
    for (index, bytes) in (1..).zip(sizes) {
        acknowledged = fs::read(&path).unwrap();
        append(&mut log, vec![entry(index, *bytes)]).await;
    }
    log.close().await;
    fs::write(path, acknowledged).unwrap();
    let whole = start(folder.path()).unwrap();
    assert_eq!(whole.entries.len(), sizes.len());
    let (file, end) = segments(folder.path()).pop().unwrap();
    // The last group begins where the log would end without it.
    let bytes = fs::read(&file).unwrap();
    let begin = (0..end)
        .step_by(8)
        .rev()
        .find(|begin| {
            let (cluster, segment) = (CLUSTER, segments_number(&file));
            let seed = super::super::format::Seed { cluster, segment };
            super::super::format::header(seed, &bytes[*begin..]).is_some()
        })
        .unwrap();
    fs::write(&file, Harm::Tear.done_to(&bytes, begin)).unwrap();
    let before = start(folder.path()).unwrap();
    assert_eq!(before.entries, whole.entries[..sizes.len() - 1]);
    fs::write(&file, bytes).unwrap();
    SmallLog { folder, whole, last: Some(Last { file, begin, end, before }) }
}

/// The first byte that is another; `None` when all are the same.
fn first_change(whole: &[u8], harmed: &[u8]) -> Option<usize> {
    let differs = whole.iter().zip(harmed).position(|(one, other)| one != other);
    differs.or((harmed.len() < whole.len()).then_some(harmed.len()))
}

fn segments_number(path: &Path) -> u64 {
    path.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

impl SmallLog {
    /// Harms every file at every offset in every way; how often a start was refused, and how often it dropped the last group.
    fn harm_everything(&self) -> (usize, usize) {
        let (mut refused, mut dropped) = (0, 0);
        let files: Vec<_> = fs::read_dir(self.folder.path()).unwrap().collect();
        let (_, bound) = AcknowledgedFile::open(self.folder.path(), CLUSTER).unwrap();
        let votes = bound.unwrap().vote;
        for file in files {
            let path = file.unwrap().path();
            let start = |folder: &Path| match path.ends_with("vote") {
                true => start_with(folder, &self.whole, votes),
                false => start(folder),
            };
            let whole = fs::read(&path).unwrap();
            for (at, harm) in (0..whole.len()).flat_map(|at| HARMS.map(|harm| (at, harm))) {
                let bytes = harm.done_to(&whole, at);
                let Some(changed) = first_change(&whole, &bytes) else { continue };
                fs::write(&path, &bytes).unwrap();
                let case = || format!("{harm:?} at byte {at} of `{}`", path.display());
                match start(self.folder.path()) {
                    Ok(found) if found == self.whole => {}
                    Ok(found) => {
                        let last = self.last.as_ref().unwrap_or_else(|| panic!("{}", case()));
                        assert_eq!(found, last.before, "{}", case());
                        assert!(last.may_go(&path, &whole, &bytes, harm), "{}", case());
                        dropped += 1;
                    }
                    Err(LogError::Damaged { path: named, offset, .. }) => {
                        // What is missing in one file may show in the next.
                        assert_eq!(named.parent(), path.parent(), "{}", case());
                        assert!(named != path || offset <= changed as u64, "{}: {offset}", case());
                        let must_start = self.last.as_ref().is_some_and(|last| {
                            harm == Harm::Tear && last.may_go(&path, &whole, &bytes, harm)
                        });
                        assert!(!must_start, "{}: a torn tail was refused", case());
                        refused += 1;
                    }
                    Err(other) => panic!("{}: {other}", case()),
                }
            }
            fs::write(&path, &whole).unwrap();
        }
        (refused, dropped)
    }
}

impl Last {
    /// Whether the harm may have dropped this group: it hit nothing else, and looks like a write that was cut off.
    fn may_go(&self, path: &Path, whole: &[u8], harmed: &[u8], harm: Harm) -> bool {
        let is_alone = path == self.file
            && whole.len() == harmed.len()
            && whole[..self.begin] == harmed[..self.begin];
        let is_hit = whole[self.begin..self.end] != harmed[self.begin..self.end];
        is_alone && is_hit && harm != Harm::Flip
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_harmed_in_an_acknowledged_log_is_found_whole_or_refused() {
    let log = acknowledged_log().await;
    let (refused, dropped) = log.harm_everything();
    assert!(refused > 5_000, "{refused}");
    assert_eq!(dropped, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_group_that_nobody_was_told_of_goes_alone_and_only_when_it_is_torn() {
    let log = torn_log(&[40, 100, 600]).await;
    let (refused, dropped) = log.harm_everything();
    assert!(refused > 2_000 && dropped > 600, "{refused}, {dropped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_goes_from_the_beginning_of_a_segment() {
    let log = torn_log(&[400, 300, 300]).await;
    let last = log.last.as_ref().unwrap();
    assert!(last.begin == 0 && segments_number(&last.file) == 2);
    let (refused, dropped) = log.harm_everything();
    assert!(refused > 2_000 && dropped > 200, "{refused}, {dropped}");
}
