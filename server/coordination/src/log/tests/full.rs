//! A disk without room, and a slow one.

use super::super::Purpose;
use super::*;
use crate::storage::NoRoom;

async fn full_log(folder: &Path, why: io::ErrorKind) -> (LogStore, WatchedDisk) {
    let disk = WatchedDisk::default();
    let mut log = LogStore::open(disk.clone(), folder, CLUSTER, SEGMENT, ()).unwrap();
    vote(&mut log, 1).await;
    assert!(!log.storage().is_full());
    *disk.refuses.lock().unwrap() = Some(why);
    (log, disk)
}

async fn wait_for_full(log: &LogStore, is_full: bool) {
    let mut storage = log.storage();
    while storage.is_full() != is_full {
        storage.changed().await;
    }
}

/// Entries that fill half of the segment.
async fn fill_half(log: &mut LogStore) {
    for index in 1..=8 {
        append(log, vec![entry(index, 5_000)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_for_the_next_segment_the_log_says_so_and_goes_on_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, disk) = full_log(folder.path(), io::ErrorKind::StorageFull).await;
    fill_half(&mut log).await;
    wait_for_full(&log, true).await;
    // The segment in use still takes what is under way, and what raft itself must write.
    assert_eq!(log.room_for(5_000, Purpose::Change).await, Ok(()));
    assert_eq!(log.room_for(10_000, Purpose::Change).await, Err(NoRoom::DiskFull));
    vote(&mut log, 2).await;
    append(&mut log, vec![entry(9, 5_000)]).await;
    append(&mut log, vec![entry(10, 5_000)]).await;
    // Only the reserve is left, of which elections may use one half.
    assert_eq!(log.room_for(1, Purpose::Change).await, Err(NoRoom::DiskFull));
    assert_eq!(log.room_for(1, Purpose::Election).await, Ok(()));
    append(&mut log, vec![entry(11, 5_000)]).await;
    append(&mut log, vec![entry(12, 5_000)]).await;
    assert_eq!(log.room_for(1, Purpose::Election).await, Err(NoRoom::DiskFull));
    assert_eq!(indexes(&log).await, (1..=12).collect::<Vec<_>>());
    *disk.refuses.lock().unwrap() = None;
    wait_for_full(&log, false).await;
    assert_eq!(log.room_for(10_000, Purpose::Change).await, Ok(()));
    for index in 13..=30 {
        append(&mut log, vec![entry(index, 5_000)]).await;
    }
    assert_eq!(indexes(&log).await.len(), 30);
    log.close().await;
    assert_eq!(indexes(&open(folder.path()).unwrap()).await.len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_disk_without_space_or_quota_is_said_to_be_full() {
    use io::ErrorKind as Kind;
    for (kind, is_full) in [
        (Kind::StorageFull, true),
        (Kind::QuotaExceeded, true),
        (Kind::PermissionDenied, false),
        (Kind::Other, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, disk) = full_log(folder.path(), kind).await;
        fill_half(&mut log).await;
        wait_for_full(&log, true).await;
        match log.storage().no_room() {
            Some(NoRoom::DiskFull) => assert!(is_full, "{kind}"),
            Some(NoRoom::Failed(why)) => {
                assert!(!is_full, "{kind}");
                assert!(why.contains("cannot fill `") && why.ends_with(&kind.to_string()), "{why}");
            }
            None => panic!("{kind}"),
        }
        // It is tried again, and another reason takes the place of the one before.
        *disk.refuses.lock().unwrap() = Some(Kind::StorageFull);
        let mut storage = log.storage();
        while storage.no_room() != Some(NoRoom::DiskFull) {
            storage.changed().await;
        }
        *disk.refuses.lock().unwrap() = None;
        wait_for_full(&log, false).await;
        log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_segment_that_cannot_be_synced_ends_the_process_unless_the_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let disk = WatchedDisk::default();
    let mut log = LogStore::open(disk.clone(), folder.path(), CLUSTER, SEGMENT, ()).unwrap();
    vote(&mut log, 1).await;
    *disk.breaks_new.lock().unwrap() = Some(io::ErrorKind::StorageFull);
    fill_half(&mut log).await;
    wait_for_full(&log, true).await;
    assert_eq!(log.storage().no_room(), Some(NoRoom::DiskFull));
    let halts = || {
        let notes = disk.notes.lock().unwrap();
        notes.iter().filter(|note| note.starts_with("halted")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(halts(), [""; 0]);
    *disk.breaks_new.lock().unwrap() = Some(io::ErrorKind::Other);
    while halts().is_empty() {
        tokio::task::yield_now().await;
    }
    let halts = halts();
    let [sentence] = &halts[..] else { panic!("{halts:?}") };
    assert!(sentence.contains("the raft log cannot sync `"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_larger_than_what_is_left_waits_for_the_segments_it_needs_or_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, disk) = full_log(folder.path(), io::ErrorKind::StorageFull).await;
    // Less than half is used, so nothing was ordered, and nobody knows yet that there is no room.
    append(&mut log, vec![entry(1, 25_000)]).await;
    assert!(!log.storage().is_full());
    assert_eq!(log.room_for(20_000, Purpose::Change).await, Ok(()));
    assert_eq!(log.room_for(40_000, Purpose::Change).await, Err(NoRoom::DiskFull));
    assert!(log.storage().is_full());
    *disk.refuses.lock().unwrap() = None;
    wait_for_full(&log, false).await;
    assert_eq!(log.room_for(40_000, Purpose::Change).await, Ok(()));
    // More than one segment.
    assert_eq!(log.room_for(4 * SEGMENT, Purpose::Change).await, Ok(()));
    for index in 2..=10 {
        append(&mut log, vec![entry(index, 25_000)]).await;
    }
    log.close().await;
    assert_eq!(indexes(&open(folder.path()).unwrap()).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_closed_while_the_disk_was_full_opens_and_is_full_still() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, disk) = full_log(folder.path(), io::ErrorKind::StorageFull).await;
    fill_half(&mut log).await;
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
