//! What a cut or a flipped byte does to the start.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use openraft::LogState;
use proptest::prelude::*;

use super::*;

/// Makes a log of a few entries, closes it, and gives the first segment's bytes and where the last group begins.
///
/// The last group is as a crash leaves it: durable, and not acknowledged yet.
async fn log_of(folder: &Path, sizes: &[usize]) -> (Vec<u8>, usize) {
    let (whole, last, before) = acknowledged_log_of(folder, sizes).await;
    fs::write(acknowledged(folder), before).unwrap();
    (whole, last)
}

/// The same with every group acknowledged; gives also what the file of the acknowledged held before the last.
async fn acknowledged_log_of(folder: &Path, sizes: &[usize]) -> (Vec<u8>, usize, Vec<u8>) {
    let mut log = open(folder).unwrap();
    vote(&mut log, 1).await;
    let (mut last_begins, mut before) = (0, Vec::new());
    for (index, bytes) in (1..).zip(sizes) {
        last_begins = used(&fs::read(segment(folder)).unwrap()).next_multiple_of(8);
        before = fs::read(acknowledged(folder)).unwrap();
        append(&mut log, vec![entry(index, *bytes)]).await;
    }
    log.close().await;
    (fs::read(segment(folder)).unwrap(), last_begins, before)
}

fn acknowledged(folder: &Path) -> PathBuf {
    folder.join("acknowledged")
}

fn segment(folder: &Path) -> PathBuf {
    folder.join("0000000001.segment")
}

fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

async fn indexes_after(folder: &Path) -> Result<Vec<u64>, LogError> {
    let log = open(folder)?;
    let found = indexes(&log).await;
    log.close().await;
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_write_cut_anywhere_is_dropped_and_everything_before_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, last) = log_of(folder.path(), &[40, 60, 1_500]).await;
    for cut in last..used(&whole) {
        let mut bytes = whole.clone();
        bytes[cut..].fill(0);
        fs::write(segment(folder.path()), &bytes).unwrap();
        assert_eq!(indexes_after(folder.path()).await.unwrap(), [1, 2], "cut at byte {cut}");
        let after = fs::read(segment(folder.path())).unwrap();
        assert!(
            after[last..].iter().all(|byte| *byte == 0),
            "the rest is erased, cut at byte {cut}"
        );
    }
    fs::write(segment(folder.path()), &whole).unwrap();
    assert_eq!(indexes_after(folder.path()).await.unwrap(), [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_write_of_which_any_sector_is_missing_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, last) = log_of(folder.path(), &[40, 5_000]).await;
    let mut sector = last.next_multiple_of(512);
    while sector < used(&whole) {
        let mut bytes = whole.clone();
        bytes[sector..sector + 512].fill(0);
        fs::write(segment(folder.path()), &bytes).unwrap();
        assert_eq!(indexes_after(folder.path()).await.unwrap(), [1], "sector at byte {sector}");
        sector += 512;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_cut_takes_new_entries() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bytes, last) = log_of(folder.path(), &[40, 60, 70]).await;
    bytes[last + 30..].fill(0);
    fs::write(segment(folder.path()), &bytes).unwrap();
    let mut log = open(folder.path()).unwrap();
    append(&mut log, vec![entry(3, 9), entry(4, 9)]).await;
    log.close().await;
    assert_eq!(indexes_after(folder.path()).await.unwrap(), [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_anywhere_is_refused_with_file_and_offset() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, _) = log_of(folder.path(), &[40, 60, 120]).await;
    let padding = |at: usize| whole[at..].iter().take_while(|byte| **byte == 0).count() > 0;
    for at in 0..used(&whole) {
        if whole[at] == 0 && padding(at) && whole[at.saturating_sub(1)] == super::super::format::END
        {
            continue; // Padding between groups carries nothing.
        }
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(segment(folder.path()), &bytes).unwrap();
        match indexes_after(folder.path()).await {
            Err(LogError::Damaged { path, offset, .. }) => {
                assert_eq!(path, segment(folder.path()));
                assert!(offset <= at as u64, "byte {at}, reported {offset}");
            }
            Ok(found) => assert_eq!(found, [1, 2, 3], "a flip of byte {at} lost something"),
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_group_before_a_valid_one_is_refused_also_when_it_looks_torn() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, last) = log_of(folder.path(), &[40, 900, 60]).await;
    let mut bytes = whole.clone();
    bytes[last - 600..last].fill(0);
    fs::write(segment(folder.path()), &bytes).unwrap();
    let error = indexes_after(folder.path()).await.unwrap_err().to_string();
    assert!(error.contains(&format!("a valid group follows at byte {last}")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_segment_and_another_clusters_segment_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path()).unwrap();
    vote(&mut log, 1).await;
    for index in 1..=40 {
        append(&mut log, vec![entry(index, 5_000)]).await;
    }
    log.close().await;
    let error =
        LogStore::open(FileDisk::default(), folder.path(), CLUSTER + 1, SEGMENT, ()).unwrap_err();
    assert!(matches!(error, LogError::Damaged { offset: 0, .. }), "{error}");
    fs::remove_file(folder.path().join("0000000002.segment")).unwrap();
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("segment 2 is missing"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_newest_vote_leaves_the_one_before_and_two_bad_slots_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path()).unwrap();
    append(&mut log, vec![entry(1, 10)]).await;
    vote(&mut log, 1).await;
    let before = fs::read(acknowledged(folder.path())).unwrap();
    vote(&mut log, 2).await;
    log.close().await;
    let path = folder.path().join("vote");
    let whole = fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    bytes[4096 + 9] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("vote 2 was acknowledged"), "{error}");
    // A crash while the second one was written: nobody was told.
    fs::write(acknowledged(folder.path()), before).unwrap();
    let mut log = open(folder.path()).unwrap();
    let vote = log.get_log_reader().await.read_vote().await.unwrap();
    assert_eq!(vote, Some(VoteOf::<TypeConfig>::new_committed(1, 1)));
    log.close().await;
    bytes[9] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(open(folder.path()), Err(LogError::Damaged { .. })));
    fs::write(&path, vec![0; whole.len()]).unwrap();
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("there is no vote"), "{error}");
}

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Harm {
    /// The file ends here.
    Cut,
    /// One bit is another.
    Flip(u8),
    /// This many bytes are zero.
    Zero(usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        Just(Harm::Cut),
        (0..8_u8).prop_map(Harm::Flip),
        prop_oneof![Just(1), Just(512), Just(4_096), Just(1 << 20)].prop_map(Harm::Zero),
    ]
}

/// A log in segments of 4 KiB: everything in it was acknowledged, its first segment is purged away.
async fn small_log(folder: &Path) -> LogStore {
    let mut log = LogStore::open(FileDisk::default(), folder, CLUSTER, 4 << 10, ()).unwrap();
    vote(&mut log, 1).await;
    for index in 1..=12 {
        append(&mut log, vec![entry(index, 700)]).await;
    }
    log.purge(id(1, 6)).await.unwrap();
    vote(&mut log, 2).await;
    append(&mut log, vec![entry(13, 40), entry(14, 40)]).await;
    log
}

type Found = (Vec<u64>, Option<VoteOf<TypeConfig>>, LogState<TypeConfig>);

async fn found(log: &LogStore) -> Found {
    let mut log = log.clone();
    let vote = log.get_log_reader().await.read_vote().await.unwrap();
    (indexes(&log).await, vote, log.get_log_state().await.unwrap())
}

/// Harms one file of a copy; the state that is found then, or the refusal.
async fn harmed(
    folder: &Path,
    name: &str,
    at: usize,
    harm: Harm,
) -> Option<(Result<Found, LogError>, PathBuf)> {
    let copied = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copied.path().join(file.file_name())).unwrap();
    }
    let path = copied.path().join(name);
    let mut bytes = fs::read(&path).unwrap();
    let whole = bytes.clone();
    match harm {
        Harm::Cut => bytes.truncate(at),
        Harm::Flip(bit) => bytes[at] ^= 1 << bit,
        Harm::Zero(length) => {
            let end = bytes.len().min(at.saturating_add(length));
            bytes[at..end].fill(0);
        }
    }
    if bytes == whole {
        return None;
    }
    fs::write(&path, &bytes).unwrap();
    let outcome = match open(copied.path()) {
        Ok(log) => {
            let found = found(&log).await;
            log.close().await;
            Ok(found)
        }
        Err(error) => Err(error),
    };
    Some((outcome, path))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_harms_an_acknowledged_log_nothing_of_it_is_lost_in_silence(
        file in 0..6_usize, place in 0.0..1.0_f64, harm in harm(),
    ) {
        static LOG: OnceLock<(tempfile::TempDir, Vec<String>, Found)> = OnceLock::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (folder, names, whole) = LOG.get_or_init(|| runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let log = small_log(folder.path()).await;
            let whole = found(&log).await;
            log.close().await;
            let mut names: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort_unstable();
            (folder, names, whole)
        }));
        let name = &names[file % names.len()];
        let length = fs::metadata(folder.path().join(name)).unwrap().len();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            reason = "a place in a small file")]
        let at = (length as f64 * place) as usize;
        if let Some((outcome, path)) = runtime.block_on(harmed(folder.path(), name, at, harm)) {
            match outcome {
                Ok(found) => prop_assert_eq!(&found, whole),
                Err(LogError::Damaged { path: named, .. }) => {
                    // What is missing in one file may show in the next.
                    prop_assert_eq!(named.parent(), path.parent());
                }
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }
}
