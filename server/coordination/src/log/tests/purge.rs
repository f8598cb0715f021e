//! Segments go once their entries are purged, and nothing else goes.

use std::fs;

use super::*;

/// Segment files of a folder, by number.
fn segments(folder: &Path) -> Vec<u64> {
    let mut numbers: Vec<u64> = fs::read_dir(folder)
        .unwrap()
        .filter_map(|file| {
            file.unwrap().file_name().to_str()?.strip_suffix(".segment")?.parse().ok()
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

async fn filled(folder: &Path, last: u64) -> LogStore {
    let mut log = open(folder).unwrap();
    vote(&mut log, 1).await;
    for index in 1..=last {
        append(&mut log, vec![entry(index, 5_000)]).await;
    }
    log
}

/// Waits until the oldest segment is this one.
async fn oldest_becomes(folder: &Path, number: u64) {
    while segments(folder)[0] < number {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_that_are_purged_as_a_whole_are_deleted_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = filled(folder.path(), 60).await;
    assert_eq!(segments(folder.path())[0], 1);
    // Twelve entries fit into a segment; the third one holds entries 25 to 36.
    log.purge(id(1, 30)).await.unwrap();
    append(&mut log, vec![entry(61, 10)]).await;
    oldest_becomes(folder.path(), 3).await;
    assert_eq!(indexes(&log).await, (31..=61).collect::<Vec<_>>());
    log.close().await;
    assert_eq!(segments(folder.path())[0], 3);
    let mut log = open(folder.path()).unwrap();
    assert_eq!(indexes(&log).await, (31..=61).collect::<Vec<_>>());
    assert_eq!(log.get_log_state().await.unwrap().last_purged_log_id, Some(id(1, 30)));
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_is_gone_already_does_not_keep_those_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = filled(folder.path(), 60).await;
    fs::remove_file(folder.path().join("0000000001.segment")).unwrap();
    log.purge(id(1, 30)).await.unwrap();
    append(&mut log, vec![entry(61, 10)]).await;
    log.purge(id(1, 40)).await.unwrap();
    append(&mut log, vec![entry(62, 10)]).await;
    log.close().await;
    assert_eq!(segments(folder.path())[0], 4);
    let log = open(folder.path()).unwrap();
    assert_eq!(indexes(&log).await, (41..=62).collect::<Vec<_>>());
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_after_a_purge_is_deleted_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = filled(folder.path(), 40).await;
    log.purge(id(1, 30)).await.unwrap();
    append(&mut log, vec![entry(41, 10)]).await;
    let first = folder.path().join("0000000001.segment");
    log.close().await;
    // The crash came before the deletion.
    assert_eq!(segments(folder.path())[0], 3);
    let whole = tempfile::tempdir().unwrap();
    let log = filled(whole.path(), 40).await;
    log.close().await;
    for number in [1, 2] {
        let name = format!("{number:010}.segment");
        fs::copy(whole.path().join(&name), folder.path().join(&name)).unwrap();
    }
    let log = open(folder.path()).unwrap();
    assert_eq!(indexes(&log).await, (31..=41).collect::<Vec<_>>());
    oldest_becomes(folder.path(), 3).await;
    assert!(!first.exists());
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_may_be_purged_and_the_log_goes_on_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = filled(folder.path(), 30).await;
    log.purge(id(1, 30)).await.unwrap();
    append(&mut log, vec![entry(31, 10)]).await;
    log.close().await;
    let mut log = open(folder.path()).unwrap();
    assert_eq!(indexes(&log).await, [31]);
    append(&mut log, vec![entry(32, 10)]).await;
    log.close().await;
    assert_eq!(indexes(&open(folder.path()).unwrap()).await, [31, 32]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_is_missing_at_the_beginning_or_at_the_end_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = filled(folder.path(), 60).await;
    log.purge(id(1, 30)).await.unwrap();
    append(&mut log, vec![entry(61, 10)]).await;
    log.close().await;
    let there = segments(folder.path());
    let path = |number: u64| folder.path().join(format!("{number:010}.segment"));
    for number in there {
        let is_blank = fs::read(path(number)).unwrap().iter().all(|byte| *byte == 0);
        let hidden = folder.path().join("hidden");
        fs::rename(path(number), &hidden).unwrap();
        match open(folder.path()) {
            Err(error) => assert!(
                error.to_string().contains("missing") || error.to_string().contains("acknowledged"),
                "{error}"
            ),
            Ok(log) => {
                assert!(is_blank, "segment {number} was missed by nobody");
                log.close().await;
            }
        }
        fs::rename(&hidden, path(number)).unwrap();
    }
    let log = open(folder.path()).unwrap();
    assert_eq!(indexes(&log).await, (31..=61).collect::<Vec<_>>());
    log.close().await;
}
