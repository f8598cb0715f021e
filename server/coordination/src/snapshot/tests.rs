//! Snapshots on a real folder: what is restored is what was saved, and damage is seen.

use std::collections::BTreeSet;

use bytes::Bytes;
use openraft::type_config::alias::LogIdOf;
use zookeeper_core::{Command, Entry, NodeId, SessionId, StateMachine, Write};

use std::error::Error as _;

use super::*;
use crate::raft::TypeConfig;

const CLUSTER: u64 = 0x5eed;

fn id(index: u64) -> LogIdOf<TypeConfig> {
    LogIdOf::<TypeConfig>::new(
        openraft::impls::leader_id_adv::LeaderId { term: 1, node_id: 1 },
        index,
    )
}

/// A state with a session and some records, as of the entry with this index.
fn image(index: u64, records: usize) -> Image {
    let mut state = StateMachine::default();
    let session = SessionId(1);
    let mut apply = |command| {
        let time = model::Timestamp::from_millis(1);
        state.apply(1, &Entry { time, command });
    };
    apply(Command::OpenSession { session, node: NodeId(1) });
    for sequence in 0..records as u64 {
        let path = format!("/records/{sequence:04}");
        let records = vec![model::RecordWrite::put(path, vec![7; 100])];
        let (fence, operations) = (None, Vec::new());
        let answered = sequence;
        apply(Command::Write(Write { session, sequence, answered, fence, operations, records }));
    }
    Image { state, applied: Some(id(index)), ..Image::default() }
}

fn bounds(purged: Option<u64>, last: u64) -> LogBounds {
    let (end_path, end_offset) = (PathBuf::from("/log/1.segment"), 77);
    LogBounds { purged: purged.map(id), last: Some(id(last)), end_path, end_offset }
}

fn open(folder: &Path) -> Snapshots {
    Snapshots::open(folder, CLUSTER, ()).unwrap()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

fn path(folder: &Path, index: u64) -> PathBuf {
    folder.join(format!("{index:020}.snapshot"))
}

fn same(one: &Image, other: &Image) -> bool {
    one.applied == other.applied
        && one.membership == other.membership
        && one.state.pieces().eq(other.state.pieces())
}

#[tokio::test]
async fn a_saved_state_is_restored_and_the_newest_three_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = open(folder.path());
    assert!(snapshots.restore(&bounds(None, 5)).unwrap().is_none());
    for index in [10, 20, 30, 40] {
        // Several frames.
        snapshots.save(image(index, 4_000)).await.unwrap();
    }
    assert_eq!(snapshots.oldest(), Some(20));
    let kept = [20, 30, 40].map(|index| format!("{index:020}.snapshot"));
    assert_eq!(names(folder.path()), BTreeSet::from(kept));
    let restored = open(folder.path()).restore(&bounds(Some(20), 44)).unwrap().unwrap();
    assert!(same(&restored, &image(40, 4_000)));
}

#[tokio::test]
async fn a_snapshot_counts_also_when_an_old_one_cannot_be_deleted_which_goes_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = open(folder.path());
    for index in [10, 20, 30] {
        snapshots.save(image(index, 10)).await.unwrap();
    }
    // What has the name of the oldest one cannot be removed as a file.
    let stuck = path(folder.path(), 10);
    fs::remove_file(&stuck).unwrap();
    fs::create_dir(&stuck).unwrap();
    snapshots.save(image(40, 10)).await.unwrap();
    assert_eq!(snapshots.oldest(), Some(20), "the log is purged up to there");
    assert!(snapshots.newest_bytes() > 0 && stuck.exists());
    fs::remove_dir(&stuck).unwrap();
    fs::write(&stuck, b"old").unwrap();
    snapshots.save(image(50, 10)).await.unwrap();
    let kept = [30, 40, 50].map(|index| format!("{index:020}.snapshot"));
    assert_eq!(names(folder.path()), BTreeSet::from(kept));
    // One that somebody else removed is no reason to warn for ever.
    fs::remove_file(path(folder.path(), 30)).unwrap();
    snapshots.save(image(60, 10)).await.unwrap();
    assert!(snapshots.files().surplus.is_empty());
}

#[tokio::test]
async fn what_was_being_written_is_removed_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("00000000000000000009.new"), b"half").unwrap();
    let snapshots = open(folder.path());
    assert!(names(folder.path()).is_empty());
    snapshots.close().await;
    let error = snapshots.save(image(10, 10_000)).await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("the node stops"), "{error}");
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn a_damaged_newest_one_is_passed_over_where_the_log_reaches_back() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = open(folder.path());
    for index in [10, 20] {
        snapshots.save(image(index, 10)).await.unwrap();
    }
    let mut bytes = fs::read(path(folder.path(), 20)).unwrap();
    bytes[60] ^= 1;
    fs::write(path(folder.path(), 20), &bytes).unwrap();
    let snapshots = open(folder.path());
    let restored = snapshots.restore(&bounds(Some(10), 25)).unwrap().unwrap();
    assert!(same(&restored, &image(10, 10)));
    // The next one replaces it.
    snapshots.save(image(30, 10)).await.unwrap();
    let kept = [10, 30].map(|index| format!("{index:020}.snapshot"));
    assert_eq!(names(folder.path()), BTreeSet::from(kept));

    fs::write(path(folder.path(), 30), &bytes).unwrap();
    let error = open(folder.path()).restore(&bounds(Some(15), 35)).unwrap_err();
    let LogError::Damaged { path: damaged, .. } = &error else { panic!("{error}") };
    assert_eq!(*damaged, path(folder.path(), 30), "the log begins after the older one");
    fs::write(path(folder.path(), 10), &bytes).unwrap();
    assert!(open(folder.path()).restore(&bounds(Some(5), 35)).is_err());
    // A log that was never purged holds everything.
    assert!(open(folder.path()).restore(&bounds(None, 35)).unwrap().is_none());
}

#[tokio::test]
async fn a_gap_between_snapshot_and_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(folder.path()).restore(&bounds(Some(5), 35)).unwrap_err().to_string();
    assert!(error.contains("no snapshot holds the entries up to 5"), "{error}");
    open(folder.path()).save(image(10, 1)).await.unwrap();
    let error = open(folder.path()).restore(&bounds(Some(15), 35)).unwrap_err().to_string();
    assert!(error.contains("entries 11 to 15 are missing"), "{error}");
    let error = open(folder.path()).restore(&bounds(None, 7)).unwrap_err();
    let LogError::Damaged { path, offset: 77, what } = &error else { panic!("{error}") };
    assert_eq!(path, Path::new("/log/1.segment"));
    assert!(what.contains("the log ends with 7"), "{what}");
}

#[tokio::test]
async fn a_byte_that_is_flipped_zeroed_or_cut_anywhere_is_refused_with_file_and_offset() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).save(image(10, 3)).await.unwrap();
    let file = path(folder.path(), 10);
    let whole = fs::read(&file).unwrap();
    let refused = |bytes: &[u8], at: usize| {
        fs::write(&file, bytes).unwrap();
        let error = open(folder.path()).restore(&bounds(Some(5), 35)).unwrap_err();
        match error {
            LogError::Damaged { path, offset, .. } => {
                assert_eq!(path, file);
                assert!(offset <= at as u64, "byte {at}, reported {offset}");
            }
            other => panic!("byte {at}: {other}"),
        }
    };
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        refused(&bytes, at);
        if whole[at] != 0 {
            bytes[at] = 0;
            refused(&bytes, at);
        }
        refused(&whole[..at], at);
    }
    let longer = [&whole[..], b"x"].concat();
    refused(&longer, whole.len());
    fs::write(&file, &whole).unwrap();
    assert!(open(folder.path()).restore(&bounds(Some(5), 35)).unwrap().is_some());
    let error = Snapshots::open(folder.path(), 1, ()).unwrap().restore(&bounds(Some(5), 35));
    assert!(error.unwrap_err().to_string().contains("another cluster"));
}

#[test]
fn a_newer_format_is_named() {
    let mut bytes = Vec::new();
    format::write(&image(1, 0), CLUSTER, &mut bytes, || Ok(())).unwrap();
    bytes[8] = 9;
    let crc = crate::log::Seed { cluster: 0, segment: 0 }.checksum(&[&bytes[..20]]);
    bytes[20..24].copy_from_slice(&crc.to_le_bytes());
    let error = format::read(Path::new("s"), CLUSTER, Bytes::from(bytes).as_ref()).unwrap_err();
    assert!(matches!(error, LogError::NewerFormat { found: 9, known: 1, .. }), "{error}");
}
