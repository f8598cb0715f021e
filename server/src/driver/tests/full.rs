//! The driver while the disk is full.

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

fn full_disk(cluster: &Cluster) -> (OnFullDisk, watch::Sender<bool>) {
    let (full, is_full) = watch::channel(true);
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
    full.send_replace(false);
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
