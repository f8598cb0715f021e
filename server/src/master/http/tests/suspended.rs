//! A master whose lease has lapsed: it says nothing from its state, and goes on when the lease is back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use coordination::{Config, Election, Lease, Node, NodeId};

use super::*;

/// Commits at once and holds the lease of a real election.
struct Leased(Lease);

impl Journal for Leased {
    type Pending = std::future::Ready<Result<coordination::Zxid, coordination::WriteError>>;

    async fn propose(&self, _: Vec<RecordWrite>) -> Self::Pending {
        std::future::ready(Ok(coordination::Zxid::default()))
    }

    fn lease(&self) -> Lease {
        self.0.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_master_answers_as_if_nobody_led_and_goes_on_with_its_state() {
    let folder = tempfile::tempdir().unwrap();
    let races = Arc::new(AtomicBool::new(false));
    let (millis, racing) = (AtomicU64::new(0), Arc::clone(&races));
    // While it races, a second passes between any two looks at the clock, and no lease lasts.
    let boot_clock = Arc::new(move || {
        let step = if racing.load(Ordering::SeqCst) { 1_000 } else { 0 };
        model::Instant::from_millis(millis.fetch_add(step, Ordering::SeqCst) + step)
    });
    let config = Config::new(NodeId(1), folder.path(), || Clock.wall());
    let config = Config { segment_bytes: 1 << 20, boot_clock, ..config };
    let node = Node::start(config).await.unwrap();
    let leadership = node.session().campaign(Election::Mesos, Bytes::new()).await.unwrap();
    let cluster = cluster_on(Leased(leadership.lease())).await;
    let info = cluster.shared.config.info(&MasterId::new("m"));
    cluster.leader.send_replace(Some(serde_json::to_vec(&info).unwrap().into()));
    let (stream, mut events) = cluster.subscribe(JSON).await;
    let subscribed = events.next().await.subscribed.unwrap();
    let framework = subscribed.framework_id.value;
    cluster.until(|snapshot| !snapshot.frameworks.is_empty()).await;

    races.store(true, Ordering::SeqCst);
    let no_leader = (503, "No leader elected".to_owned());
    for path in ["/state", "/redirect", "/frameworks"] {
        assert_eq!(said(cluster.get(path).await).await, no_leader, "{path}");
    }
    assert_eq!(cluster.get_json("/metrics/snapshot").await["master/elected"], 0.0);
    assert_eq!(cluster.get("/health").await.status(), StatusCode::OK);
    let revive = json!({"type": "REVIVE", "framework_id": {"value": framework}});
    assert_eq!(cluster.post(Some(&stream), &revive).await, no_leader);
    // Readers inside the process are told as well.
    let mut snapshot = cluster.snapshot.clone();
    snapshot.wait_for(Option::is_none).await.unwrap();

    races.store(false, Ordering::SeqCst);
    cluster.until(|snapshot| !snapshot.frameworks.is_empty()).await;
    assert_eq!(cluster.post(Some(&stream), &revive).await.0, 202, "the stream is still the same");
    assert_eq!(cluster.get_json("/state").await["frameworks"][0]["id"], framework);
    drop(cluster);
    node.shutdown().await;
}
