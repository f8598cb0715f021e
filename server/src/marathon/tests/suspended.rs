//! Marathon without a lease, and after its session was closed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;

/// A boot-time clock that can be made to race: then a second passes between two looks, and no lease lasts.
#[derive(Debug, Default)]
struct RacingClock {
    millis: AtomicU64,
    races: AtomicBool,
}

impl RacingClock {
    fn read(&self) -> Instant {
        let step = if self.races.load(Ordering::SeqCst) { 1_000 } else { 0 };
        Instant::from_millis(self.millis.fetch_add(step, Ordering::SeqCst) + step)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_marathon_answers_and_sends_nothing_and_goes_on_with_its_core() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(RacingClock::default());
    let shown = Arc::clone(&clock);
    let mut cluster = Cluster::start_with(folder.path(), Arc::new(move || shown.read())).await;
    cluster.subscribed().await;
    cluster.until("registered", |snapshot| snapshot.framework.is_some()).await;
    clock.races.store(true, Ordering::SeqCst);
    let handle = cluster.service.handle.clone();
    assert!(handle.snapshot().is_none() && handle.leader().is_none());
    // A change that comes now waits; it is refused unless the lease comes back soon.
    let waiting = tokio::spawn(async move {
        let changes = vec![AppChange::Create(nginx())];
        let command = |request| {
            Command::ChangeApps(ChangeApps { request, changes, force: false, caller: None })
        };
        handle.ask(command).await
    });
    let refused = waiting.await.unwrap().unwrap_err();
    assert_eq!(refused, AskError::NotLeading);
    while let Ok((_, call)) = cluster.calls.try_recv() {
        assert_ne!(call.r#type(), CallType::Revive);
    }
    clock.races.store(false, Ordering::SeqCst);
    // The same core: it is still subscribed and needs no SUBSCRIBE to go on.
    cluster.until("resumed", |snapshot| snapshot.master.is_some()).await;
    cluster.ask(AppChange::Create(nginx())).await;
    loop {
        let next = tokio::time::timeout(PATIENCE, cluster.calls.recv()).await.unwrap();
        match next.unwrap().1.r#type() {
            CallType::Revive => break,
            other => assert_ne!(other, CallType::Subscribe),
        }
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_session_was_closed_marathon_stands_again_in_the_same_process() {
    let folder = tempfile::tempdir().unwrap();
    let nginx_id = AppId::parse("/nginx").unwrap();
    let mut cluster = Cluster::start(folder.path()).await;
    cluster.subscribed().await;
    cluster.until("registered", |snapshot| snapshot.framework.is_some()).await;
    cluster.ask(AppChange::Create(nginx())).await;
    let info = cluster.node.session().leader(Election::Mesos).borrow().clone().unwrap();
    let before = cluster.node.session().id();
    cluster.node.close_session().await.unwrap();
    // The test's own master stands again as well, so that there is one to subscribe to.
    let session = cluster.node.session();
    cluster._master_leads = session.campaign(Election::Mesos, info).await.unwrap();
    assert_ne!(session.id(), before);
    let again = cluster.subscribed().await;
    assert_eq!(again.framework_id.unwrap().value, "M-0000", "the same framework again");
    let found = |snapshot: &Snapshot| snapshot.master.is_some();
    let snapshot = cluster.until("standing again", found).await;
    assert!(snapshot.apps.contains_key(&nginx_id), "what was acknowledged is there");
    assert_eq!(snapshot.deployments.len(), 1);
    cluster.stop().await;
}
