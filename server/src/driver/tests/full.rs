//! The driver while the disk is full.

use coordination::NoRoom;

use super::*;

/// The real journal, on a disk that says that it is full.
struct OnFullDisk {
    inner: Fenced,
    storage: Storage,
}

impl Journal for OnFullDisk {
    type Pending = PendingWrite;

    async fn propose(&self, writes: Vec<RecordWrite>) -> PendingWrite {
        assert!(!self.storage.is_full(), "nothing is proposed while the disk is full");
        self.inner.propose(writes).await
    }

    fn storage(&self) -> Storage {
        self.storage.clone()
    }
}

fn full_disk(cluster: &Cluster) -> (OnFullDisk, watch::Sender<Option<NoRoom>>) {
    let (full, is_full) = watch::channel(Some(NoRoom::DiskFull));
    (OnFullDisk { inner: cluster.journal(), storage: Storage::new(is_full) }, full)
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_writes_wait_with_what_stands_on_them_and_go_on_once_there_is_room() {
    let cluster = Cluster::start().await;
    let (journal, full) = full_disk(&cluster);
    let running = run_adder(journal);
    // What needs no write goes on.
    assert_eq!(add(&running.handle, Add::Lightly).await.await.unwrap(), 1);
    let mut waiting = Vec::new();
    for kind in [Add::Durably, Add::Lightly, Add::Durably] {
        waiting.push(add(&running.handle, kind).await);
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(waiting.iter_mut().all(|answer| answer.try_recv().is_err()));
    assert_eq!(*running.handle.snapshot(), 1, "reads go on");
    assert_eq!(cluster.stored_sum(), None);
    full.send_replace(None);
    for (sum, answer) in (2..).zip(waiting) {
        assert_eq!(answer.await.unwrap(), sum);
    }
    assert_eq!(cluster.stored_sum().as_deref(), Some("4"));
    running.stop.cancel();
    assert_eq!(running.ended.await.unwrap(), Ended::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_waits_for_room_can_be_stopped() {
    let cluster = Cluster::start().await;
    let (journal, _full) = full_disk(&cluster);
    let running = run_adder(journal);
    let waiting = add(&running.handle, Add::Durably).await;
    running.stop.cancel();
    assert_eq!(running.ended.await.unwrap(), Ended::Stopped);
    assert!(waiting.await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_what_must_be_written_goes_into_what_is_left_of_the_log() {
    let cluster = Cluster::start().await;
    // The next segment cannot be made: its temporary name is taken.
    let taken = cluster.folder.path().join("log/0000000002.new");
    std::fs::create_dir(&taken).unwrap();
    let running = run_adder(cluster.journal());
    let mut storage = cluster.node.session().storage().clone();
    // Half of the segment.
    let mut sum = 0;
    for _ in 0..4 {
        sum += 1;
        assert_eq!(add(&running.handle, Add::Bulky).await.await.unwrap(), sum);
    }
    while !storage.is_full() {
        storage.changed().await;
    }
    // Nobody from outside asked for these.
    for _ in 0..20 {
        sum += 1;
        assert_eq!(add(&running.handle, Add::Durably).await.await.unwrap(), sum);
    }
    // What would leave too little waits, and nothing fails.
    let mut large = add(&running.handle, Add::Bulky).await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(large.try_recv().is_err());
    assert!(!running.ended.is_finished());
    std::fs::remove_dir(&taken).unwrap();
    assert_eq!(large.await.unwrap(), sum + 1);
    running.stop.cancel();
    assert_eq!(running.ended.await.unwrap(), Ended::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_becomes_full_before_a_large_batch_costs_no_leadership() {
    let cluster = Cluster::start().await;
    let taken = cluster.folder.path().join("log/0000000002.new");
    std::fs::create_dir(&taken).unwrap();
    let running = run_adder(cluster.journal());
    let mut sum = 0;
    for _ in 0..3 {
        sum += 1;
        assert_eq!(add(&running.handle, Add::Bulky).await.await.unwrap(), sum);
    }
    // Less than half of the segment is used, so nobody has noticed yet.
    let storage = cluster.node.session().storage().clone();
    assert!(!storage.is_full());
    let mut waiting = Vec::new();
    for _ in 0..8 {
        waiting.push(add(&running.handle, Add::Bulky).await);
    }
    let mut full = storage.clone();
    while !storage.is_full() {
        full.changed().await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(!running.ended.is_finished());
    std::fs::remove_dir(&taken).unwrap();
    for answer in waiting {
        sum += 1;
        assert_eq!(answer.await.unwrap(), sum);
    }
    running.stop.cancel();
    assert_eq!(running.ended.await.unwrap(), Ended::Stopped);
}
