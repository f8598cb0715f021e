//! Suspended without a lease, going on with it, and standing again after the session was closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use coordination::{Config, Election, Node, Refusal, WriteError};
use model::{Instant, RecordWrite};

use crate::{config, standing_node};

/// A boot-time clock that can be made to race: then a second passes between any two looks at it, as for a
/// process that is stopped again and again.
#[derive(Debug, Default)]
struct TestClock {
    millis: AtomicU64,
    races: AtomicBool,
}

impl TestClock {
    fn read(&self) -> Instant {
        let step = if self.races.load(Ordering::SeqCst) { 1_000 } else { 0 };
        Instant::from_millis(self.millis.fetch_add(step, Ordering::SeqCst) + step)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_without_a_lease_is_suspended_and_goes_on_when_the_lease_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::default());
    let shown = Arc::clone(&clock);
    let config = Config { boot_clock: Arc::new(move || shown.read()), ..config(folder.path()) };
    let node = Node::start(config).await.unwrap();
    let session = node.session();
    let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
    let lease = leadership.lease();
    assert!(lease.is_held());
    clock.races.store(true, Ordering::SeqCst);
    assert!(!lease.is_held(), "known from the clock alone, before anybody has told");
    lease.lapsed().await;
    let mut held = Box::pin(lease.held());
    assert!(futures_util::poll!(&mut held).is_pending());
    assert!(futures_util::poll!(&mut Box::pin(leadership.lost())).is_pending());
    clock.races.store(false, Ordering::SeqCst);
    held.await;
    let write = vec![RecordWrite::put("/master/a", "x")];
    session.write(&leadership.fence, write).await.unwrap();
    assert!(lease.is_held());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_session_was_closed_a_process_stands_again_with_another_one() {
    let (_folder, node) = standing_node().await;
    let session = node.session();
    let first = session.campaign(Election::Mesos, Bytes::from_static(b"1")).await.unwrap();
    // Another candidate of the same process waits behind it: its node goes with the session as well.
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { session.campaign(Election::Marathon, Bytes::from_static(b"2")).await }
    });
    let (id, epoch, fence, lease) = (session.id(), first.epoch, first.fence.clone(), first.lease());
    let mut marathon = session.leader(Election::Marathon);
    marathon.wait_for(Option::is_some).await.unwrap();
    let marathon = waiting.await.unwrap().unwrap();
    let behind = tokio::spawn({
        let session = session.clone();
        async move { session.campaign(Election::Marathon, Bytes::from_static(b"3")).await }
    });

    node.close_session().await.unwrap();
    first.lost().await;
    marathon.lost().await;
    assert!(!lease.is_held(), "the lease ends with the session, whatever its deadline was");
    let second = session.campaign(Election::Mesos, Bytes::from_static(b"4")).await.unwrap();
    assert_ne!(session.id(), id);
    assert!(second.epoch > epoch && !lease.is_held());
    let held = tokio::time::timeout(Duration::from_secs(30), second.lease().held()).await;
    held.expect("the new session has a lease");
    let record = || vec![RecordWrite::put("/master/a", "x")];
    let refused = session.write(&fence, record()).await.unwrap_err();
    assert_eq!(refused, WriteError::Refused(Refusal::SessionClosed { session: id }));
    session.write(&second.fence, record()).await.unwrap();
    let behind = behind.await.unwrap().unwrap();
    assert!(behind.epoch > marathon.epoch);
    assert_eq!(*session.leader(Election::Marathon).borrow(), Some(Bytes::from_static(b"3")));
}
