//! The whole service against a master of the test's own, over HTTP, with records on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use coordination::{Config, Election, Leadership, Node, NodeId};
use futures_util::StreamExt as _;
use marathon_core::command::{AppChange, ChangeApps};
use marathon_core::effect::Reply;
use marathon_core::instance::Condition;
use marathon_core::run_spec::RunSpec;
use marathon_core::{Command, Marathon, Snapshot, Start, records};
use model::{AppId, Instant};
use prost::Message as _;
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::mesos::v1::scheduler::call::Type as CallType;
use wire::mesos::v1::scheduler::{Call, Event};
use wire::recordio;

use super::*;

mod suspended;

/// Longest wait for anything in these tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the test's master shares with its handler.
struct Master {
    calls: mpsc::UnboundedSender<(String, Call)>,
    /// The sending side of the newest event stream.
    stream: Mutex<Option<mpsc::UnboundedSender<Event>>>,
    /// So many calls are refused before one is taken.
    is_busy_for: AtomicUsize,
}

struct Cluster {
    master: Arc<Master>,
    calls: mpsc::UnboundedReceiver<(String, Call)>,
    node: Node,
    _master_leads: Leadership,
    service: Service,
    stop: CancellationToken,
    tracker: TaskTracker,
}

async fn scheduler_api(
    State(master): State<Arc<Master>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-protobuf");
    let call = Call::decode(body).unwrap();
    let stream_id = headers.get("mesos-stream-id").map(|id| id.to_str().unwrap().to_owned());
    if call.r#type() != CallType::Subscribe {
        let left = master
            .is_busy_for
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_ok() {
            return (StatusCode::SERVICE_UNAVAILABLE, "Too many calls are waiting").into_response();
        }
        master.calls.send((stream_id.unwrap(), call)).unwrap();
        return StatusCode::ACCEPTED.into_response();
    }
    assert_eq!(stream_id, None);
    let (sender, events) = mpsc::unbounded_channel::<Event>();
    *master.stream.lock().await = Some(sender);
    master.calls.send((String::new(), call)).unwrap();
    let frames = UnboundedReceiverStream::new(events)
        .map(|event| Ok::<_, std::io::Error>(recordio::encode(&event.encode_to_vec())));
    let head = [
        (header::CONTENT_TYPE.as_str(), "application/x-protobuf"),
        ("mesos-stream-id", "stream-1"),
    ];
    (head, Body::from_stream(frames)).into_response()
}

impl Cluster {
    async fn start(folder: &std::path::Path) -> Self {
        Self::start_with(folder, Arc::new(|| Clock.now())).await
    }

    async fn start_with(
        folder: &std::path::Path,
        boot_clock: Arc<dyn Fn() -> Instant + Send + Sync>,
    ) -> Self {
        let (calls, received) = mpsc::unbounded_channel();
        let master =
            Arc::new(Master { calls, stream: Mutex::new(None), is_busy_for: AtomicUsize::new(0) });
        let router = Router::new()
            .route("/api/v1/scheduler", post(scheduler_api))
            .with_state(master.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let serving =
            axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        tracker.spawn(async move { serving.await.unwrap() });

        let mut config = Config::new(NodeId(1), folder, || Clock.wall());
        config.segment_bytes = 1 << 20;
        config.boot_clock = boot_clock;
        let node = Node::start(config).await.unwrap();
        let session = node.session();
        let info = json!({"address": {"ip": "127.0.0.1", "port": port}});
        let leads = session.campaign(Election::Mesos, info.to_string().into()).await.unwrap();
        let config = MarathonConfig::new("127.0.0.1", 8080);
        let service = start(session, config, Clock, &tracker, stop.clone(), Router::new());
        Self { master, calls: received, node, _master_leads: leads, service, stop, tracker }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        *self.master.stream.lock().await = None;
        drop(self._master_leads);
        self.node.shutdown().await;
    }

    async fn event(&self, event: Value) {
        let event: Event = serde_json::from_value(event).unwrap();
        self.master.stream.lock().await.as_ref().unwrap().send(event).unwrap();
    }

    /// The next call of this type; others are passed over.
    async fn call(&mut self, wanted: CallType) -> Call {
        let next = async {
            loop {
                let (stream_id, call) = self.calls.recv().await.unwrap();
                assert_eq!(stream_id == "stream-1", call.r#type() != CallType::Subscribe);
                if call.r#type() == wanted {
                    return call;
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.unwrap_or_else(|_| panic!("no {wanted:?}"))
    }

    async fn subscribed(&mut self) -> Call {
        let call = self.call(CallType::Subscribe).await;
        self.event(json!({"type": "SUBSCRIBED", "subscribed":
            {"framework_id": {"value": "M-0000"}, "heartbeat_interval_seconds": 15.0}}))
            .await;
        call
    }

    async fn ask(&self, change: AppChange) -> Reply {
        let changes = vec![change];
        let command = |request| {
            Command::ChangeApps(ChangeApps { request, changes, force: false, caller: None })
        };
        self.service.handle.ask(command).await.unwrap()
    }

    /// Waits until the stored state is as wanted.
    async fn until(&self, what: &str, is_so: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        found(what, || self.service.handle.snapshot().filter(|s| is_so(s))).await
    }

    /// The state as soon as it is shown, which it is not at moments without a lease.
    async fn snapshot(&self) -> Arc<Snapshot> {
        self.until("shown", |_| true).await
    }

    /// What a process that begins to lead now would find.
    fn stored(&self) -> Snapshot {
        let settings = MarathonConfig::new("127.0.0.1", 8080).core;
        let start = Start { settings, seed: 0, now: Clock.now(), wall: Clock.wall() };
        let stored = self.node.session().load(records::PREFIX);
        Marathon::recover(start, stored.iter()).unwrap().snapshot()
    }
}

/// Looks again and again until there is something.
async fn found<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("never: {what}"))
}

fn nginx() -> RunSpec {
    let posted = json!({"id": "nginx", "cpus": 0.2, "mem": 32,
        "constraints": [["hostname", "UNIQUE", ""]],
        "container": {"type": "DOCKER", "docker": {"image": "docker.io/nginx", "network": "BRIDGE",
            "portMappings": [{"containerPort": 80, "hostPort": 0}]}}});
    RunSpec::parse(serde_json::from_value(posted).unwrap()).unwrap()
}

fn offer(id: &str) -> Value {
    json!({"type": "OFFERS", "offers": {"offers": [{"id": {"value": id},
        "framework_id": {"value": "M-0000"}, "agent_id": {"value": "M-S0"}, "hostname": "127.0.0.11",
        "allocation_info": {"role": "*"}, "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 4.0}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 1024.0}},
            {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 32000}]}}]}]}})
}

fn running(task: &str) -> Value {
    json!({"type": "UPDATE", "update": {"status": {"task_id": {"value": task}, "state": "TASK_RUNNING",
        "agent_id": {"value": "M-S0"}, "uuid": "AAECAwQFBgcICQoLDA0ODw=="}}})
}

#[tokio::test]
async fn an_app_runs_through_the_scheduler_api_and_survives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let nginx_id = AppId::parse("/nginx").unwrap();
    let mut cluster = Cluster::start(folder.path()).await;
    let subscribe = cluster.subscribed().await;
    assert_eq!(subscribe.framework_id, None);
    cluster.until("registered", |snapshot| snapshot.framework.is_some()).await;
    let mut events = cluster.service.handle.events();

    let reply = cluster.ask(AppChange::Create(nginx())).await;
    assert!(matches!(reply, Reply::Deploying(_)), "{reply:?}");
    assert_eq!(cluster.snapshot().await.deployments.len(), 1, "own writes");
    cluster.call(CallType::Revive).await;
    cluster.event(offer("M-O1")).await;
    let accept = cluster.call(CallType::Accept).await.accept.unwrap();
    assert_eq!(accept.offer_ids[0].value, "M-O1");
    let task = &accept.operations[0].launch.as_ref().unwrap().task_infos[0];
    assert_eq!(task.name, "nginx");
    let task = task.task_id.value.clone();
    cluster.event(running(&task)).await;
    let acknowledge = cluster.call(CallType::Acknowledge).await.acknowledge.unwrap();
    assert_eq!((acknowledge.task_id.value.as_str(), acknowledge.uuid.len()), (task.as_str(), 16));
    let done = |snapshot: &Snapshot| {
        snapshot.deployments.is_empty() && snapshot.apps[&nginx_id].counts.running == 1
    };
    cluster.until("deployed", done).await;
    let first = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap();
    assert_eq!(first.event_type(), "group_change_success");
    // What is written behind must be on disk before the process ends.
    let is_written = || {
        let stored = cluster.stored();
        stored.instances_of(&nginx_id).any(|instance| instance.condition == Condition::Running)
    };
    found("the running instance is written", || is_written().then_some(())).await;
    cluster.stop().await;

    let mut cluster = Cluster::start(folder.path()).await;
    let subscribe = cluster.subscribed().await;
    assert_eq!(subscribe.framework_id.unwrap().value, "M-0000", "the same framework again");
    let reconcile = cluster.call(CallType::Reconcile).await.reconcile.unwrap();
    assert_eq!(reconcile.tasks[0].task_id.value, task);
    let snapshot = cluster.until("recovered", |snapshot| !snapshot.apps.is_empty()).await;
    assert_eq!(snapshot.apps[&nginx_id].counts.running, 1);
    let instance = snapshot.instances_of(&nginx_id).next().unwrap();
    assert_eq!(instance.condition, Condition::Running);
    cluster.stop().await;
}

#[tokio::test]
async fn a_broken_stream_is_subscribed_to_anew_and_reconciled() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path()).await;
    cluster.subscribed().await;
    cluster.until("registered", |snapshot| snapshot.master.is_some()).await;
    *cluster.master.stream.lock().await = None;
    let subscribe = cluster.subscribed().await;
    assert_eq!(subscribe.framework_id.unwrap().value, "M-0000");
    cluster.call(CallType::Reconcile).await;
    cluster.until("registered again", |snapshot| snapshot.master.is_some()).await;
    let leader = found("a leader", || cluster.service.handle.leader()).await;
    assert_eq!(leader, "127.0.0.1:8080");
    cluster.stop().await;
}

#[tokio::test]
async fn a_master_that_is_too_busy_is_asked_again_and_the_subscription_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path()).await;
    cluster.master.is_busy_for.store(4, Ordering::Relaxed);
    cluster.subscribed().await;
    // The calls come in their order, none is missing, and no SUBSCRIBE is among them.
    let mut calls = Vec::new();
    while calls.last() != Some(&CallType::Reconcile) {
        let call = tokio::time::timeout(PATIENCE, cluster.calls.recv()).await.unwrap().unwrap();
        calls.push(call.1.r#type());
    }
    assert!(!calls.contains(&CallType::Subscribe), "{calls:?}");
    assert_eq!(cluster.master.is_busy_for.load(Ordering::Relaxed), 0);
    assert!(cluster.snapshot().await.master.is_some());
    cluster.stop().await;
}
