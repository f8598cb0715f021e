//! A disk without room, and a slow one.

use super::super::Purpose;
use super::*;

async fn full_log(folder: &Path) -> (LogStore, WatchedDisk) {
    let disk = WatchedDisk::default();
    let mut log = LogStore::open(disk.clone(), folder, CLUSTER, SEGMENT, ()).unwrap();
    vote(&mut log, 1).await;
    assert!(!log.storage().is_full());
    disk.is_full.store(true, Ordering::SeqCst);
    (log, disk)
}

async fn wait_for_full(log: &LogStore, is_full: bool) {
    let mut storage = log.storage();
    while storage.is_full() != is_full {
        storage.changed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_for_the_next_segment_the_log_says_so_and_goes_on_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, disk) = full_log(folder.path()).await;
    // Half of the segment.
    for index in 1..=8 {
        append(&mut log, vec![entry(index, 5_000)]).await;
    }
    wait_for_full(&log, true).await;
    // The segment in use still takes what is under way, and what raft itself must write.
    assert!(!log.is_disk_full(Purpose::Change));
    vote(&mut log, 2).await;
    append(&mut log, vec![entry(9, 5_000)]).await;
    append(&mut log, vec![entry(10, 5_000)]).await;
    assert!(log.is_disk_full(Purpose::Change), "only the reserve is left");
    assert!(!log.is_disk_full(Purpose::Election), "of which elections may use one half");
    append(&mut log, vec![entry(11, 100)]).await;
    assert_eq!(indexes(&log).await, (1..=11).collect::<Vec<_>>());
    disk.is_full.store(false, Ordering::SeqCst);
    wait_for_full(&log, false).await;
    assert!(!log.is_disk_full(Purpose::Change));
    for index in 12..=30 {
        append(&mut log, vec![entry(index, 5_000)]).await;
    }
    assert_eq!(indexes(&log).await.len(), 30);
    log.close().await;
    assert_eq!(indexes(&open(folder.path()).unwrap()).await.len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_closed_while_the_disk_was_full_opens_and_is_full_still() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, disk) = full_log(folder.path()).await;
    for index in 1..=8 {
        append(&mut log, vec![entry(index, 5_000)]).await;
    }
    wait_for_full(&log, true).await;
    log.close().await;
    let log = LogStore::open(disk, folder.path(), CLUSTER, SEGMENT, ()).unwrap();
    wait_for_full(&log, true).await;
    assert_eq!(indexes(&log).await.len(), 8);
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_slow_disk_appends_are_readable_at_once_and_acknowledged_later() {
    let folder = tempfile::tempdir().unwrap();
    let disk = WatchedDisk::default();
    let mut log = LogStore::open(disk.clone(), folder.path(), CLUSTER, SEGMENT, ()).unwrap();
    disk.hangs.store(true, Ordering::SeqCst);
    let mut waiting = Vec::new();
    for index in 1..=20 {
        let (acknowledge, acknowledged) = TypeConfig::oneshot();
        log.append([entry(index, 10)], IOFlushed::signal(acknowledge)).await.unwrap();
        waiting.push(Box::pin(acknowledged));
    }
    assert_eq!(indexes(&log).await.len(), 20);
    for acknowledged in &mut waiting {
        assert!(futures_util::poll!(acknowledged).is_pending());
    }
    disk.hangs.store(false, Ordering::SeqCst);
    for acknowledged in waiting {
        acknowledged.await.unwrap().unwrap();
    }
}
