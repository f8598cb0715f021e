//! The HTTP API without sockets: a master over a journal that always commits, requests by `oneshot`.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, header, request};
use http_body_util::BodyExt as _;
use master_core::{Recovery, Snapshot};
use model::{Epoch, MasterId, RecordWrite, TaskState};
use prost::Message as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use wire::link::{self, AgentFrame, MasterFrame, agent_frame, master_frame};
use wire::mesos::v1::scheduler::{Call, Event, call};
use wire::mesos::v1::{self as pb};
use wire::recordio::Decoder;

use super::*;
use crate::build_info::Build;
use crate::clock::Clock;
use crate::driver::Journal;
use crate::master::{MasterConfig, election, links};

mod full;
mod many_tasks;
mod suspended;

/// Longest wait for anything; ten thousand tasks take their time.
const PATIENCE: Duration = Duration::from_secs(60);
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// A journal that commits at once.
struct Immediately;

impl Journal for Immediately {
    type Pending = std::future::Ready<Result<coordination::Zxid, coordination::WriteError>>;

    async fn propose(&self, _: Vec<RecordWrite>) -> Self::Pending {
        std::future::ready(Ok(coordination::Zxid::default()))
    }
}

struct Cluster {
    shared: Arc<Shared>,
    router: Router,
    leader: watch::Sender<Option<Bytes>>,
    snapshot: watch::Receiver<Option<Arc<Snapshot>>>,
    stop: CancellationToken,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A process with a master that does not lead.
fn follower() -> Cluster {
    follower_on(coordination::Storage::endless())
}

fn follower_on(storage: coordination::Storage) -> Cluster {
    let build = Build {
        at: model::Timestamp::from_millis(1_699_920_000_000),
        by: Some("builder".to_owned()),
        git_sha: None,
    };
    let mut config =
        MasterConfig::new("10.0.0.11".parse().unwrap(), 5050, "master1".to_owned(), build);
    config.flags.insert("port".to_owned(), "5050".to_owned());
    let (leader, seen) = watch::channel(None);
    let (_, snapshot) = watch::channel(None);
    let stop = CancellationToken::new();
    let shared = Arc::new(Shared {
        storage,
        config,
        clock: Clock,
        tracker: TaskTracker::new(),
        stop: stop.clone(),
        started_at: Clock.wall(),
        leader: seen,
        leading: arc_swap::ArcSwapOption::empty(),
    });
    Cluster { router: router(Arc::clone(&shared), Router::new()), shared, leader, snapshot, stop }
}

/// A process whose master leads.
async fn cluster() -> Cluster {
    cluster_on(Immediately).await
}

/// A process whose master leads and writes to `journal`.
async fn cluster_on(journal: impl Journal) -> Cluster {
    let mut cluster = follower_on(journal.storage());
    let core = cluster.shared.config.core(&MasterId::new("m"), Epoch(7));
    let (now, wall) = (Clock.now(), Clock.wall());
    let recovery: Recovery = master_core::Master::recover(core, now, wall, []).unwrap();
    let (publish, snapshot) = watch::channel(None);
    cluster.snapshot = snapshot;
    let shared = Arc::clone(&cluster.shared);
    cluster.shared.tracker.spawn(async move {
        election::serve(recovery, journal, &shared, &publish).await;
    });
    cluster.until(|_| true).await;
    cluster
}

impl Cluster {
    async fn send(&self, request: request::Builder, body: impl Into<Body>) -> Response {
        let request = request.header(header::HOST, "master1:5050").body(body.into()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Request::builder().uri(path), Body::empty()).await
    }

    async fn get_json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        serde_json::from_slice(&body(response).await).unwrap()
    }

    fn call(stream: Option<&str>) -> request::Builder {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/api/v1/scheduler")
            .header(header::CONTENT_TYPE, JSON);
        match stream {
            Some(stream) => request.header(STREAM, stream),
            None => request,
        }
    }

    /// Status and text of a call in JSON.
    async fn post(&self, stream: Option<&str>, call: &Value) -> (u16, String) {
        said(self.send(Self::call(stream), call.to_string()).await).await
    }

    /// Waits until the published state is as wanted.
    async fn until(&self, is_wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let mut snapshot = self.snapshot.clone();
        let wait = snapshot.wait_for(|state| state.as_deref().is_some_and(&is_wanted));
        let state = tokio::time::timeout(PATIENCE, wait).await;
        state.expect("the state comes in time").unwrap().clone().unwrap()
    }

    /// Subscribes; gives the stream's id and its events.
    async fn subscribe(&self, media: &'static str) -> (String, Events) {
        let framework_info = pb::FrameworkInfo {
            user: "root".to_owned(),
            name: "test".to_owned(),
            failover_timeout: Some(60.0),
            ..pb::FrameworkInfo::default()
        };
        let call = Call {
            r#type: Some(call::Type::Subscribe.into()),
            subscribe: Some(call::Subscribe { framework_info, ..Default::default() }),
            ..Call::default()
        };
        let body =
            if media == JSON { serde_json::to_vec(&call).unwrap() } else { call.encode_to_vec() };
        let request = Request::builder()
            .method(Method::POST)
            .uri("/master/api/v1/scheduler")
            .header(header::CONTENT_TYPE, media)
            .header(header::ACCEPT, media);
        let response = self.send(request, body).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], media);
        let id = response.headers()[STREAM].to_str().unwrap().to_owned();
        let decoder = Decoder::new(1 << 20);
        (id, Events { body: response.into_body(), decoder, is_json: media == JSON })
    }

    /// Opens a link, as an agent would after the upgrade.
    fn connect(&self) -> Agent {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let leading = self.shared.leading().unwrap();
        self.shared.tracker.spawn(links::serve(leading, theirs));
        Agent { connection: ours, decoder: Decoder::new(1 << 20), epoch: 0, link: 0 }
    }

    /// An agent with four cpus that has registered.
    async fn agent(&self) -> Agent {
        let mut agent = self.connect();
        let total = model::Resources::parse("cpus:4;mem:1000;ports:[31000-31009]").unwrap();
        let description = link::AgentDescription {
            info: pb::AgentInfo {
                hostname: "node1".to_owned(),
                resources: model::v1::resources_to_v1(&total, None),
                ..pb::AgentInfo::default()
            },
            address: pb::Address { ip: Some("10.0.0.21".to_owned()), port: 5051, hostname: None },
            version: "1.11.0".to_owned(),
            ..link::AgentDescription::default()
        };
        let register = link::Register { agent: description, nonce: Bytes::from_static(b"n") };
        agent.send(agent_frame::Body::Register(register)).await;
        let frame = agent.next().await;
        (agent.epoch, agent.link) = (frame.epoch, frame.link);
        assert!(matches!(frame.body, Some(master_frame::Body::Registered(_))));
        agent
    }
}

const STREAM: &str = "Mesos-Stream-Id";

async fn body(response: Response) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn said(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    (status, String::from_utf8(body(response).await.to_vec()).unwrap())
}

struct Events {
    body: Body,
    decoder: Decoder,
    is_json: bool,
}

impl Events {
    async fn next(&mut self) -> Event {
        loop {
            if let Some(record) = self.decoder.next_frame().unwrap() {
                return if self.is_json {
                    serde_json::from_slice(&record).unwrap()
                } else {
                    Event::decode(record).unwrap()
                };
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await;
            let frame = frame.expect("an event comes").expect("the stream is open").unwrap();
            self.decoder.feed(&frame.into_data().unwrap());
        }
    }

    async fn ends(&mut self) -> bool {
        let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await;
        frame.expect("the stream ends").is_none()
    }
}

struct Agent {
    connection: DuplexStream,
    decoder: Decoder,
    epoch: u64,
    link: u64,
}

impl Agent {
    async fn send(&mut self, body: agent_frame::Body) {
        let frame = AgentFrame { epoch: self.epoch, link: self.link, body: Some(body) };
        let record = wire::recordio::encode(&frame.encode_to_vec());
        self.connection.write_all(&record).await.unwrap();
    }

    async fn next(&mut self) -> MasterFrame {
        loop {
            if let Some(record) = self.decoder.next_frame().unwrap() {
                return MasterFrame::decode(record).unwrap();
            }
            let mut bytes = [0; 4_096];
            let read = self.connection.read(&mut bytes);
            let read = tokio::time::timeout(PATIENCE, read).await;
            let read = read.expect("a frame comes").unwrap();
            assert_ne!(read, 0, "the link is open");
            self.decoder.feed(&bytes[..read]);
        }
    }
}

#[tokio::test]
async fn without_a_leader_the_leaders_endpoints_say_so() {
    let follower = follower();
    for path in ["/state", "/master/slaves", "/tasks", "/redirect", "/ekiden/v1/agent-link"] {
        let answer = said(follower.get(path).await).await;
        assert_eq!(answer, (503, "No leader elected".to_owned()), "{path}");
    }
    let call = follower.post(None, &json!({})).await;
    assert_eq!(call, (503, "No leader elected".to_owned()));
    for path in ["/health", "/version", "/flags", "/metrics/snapshot"] {
        assert_eq!(follower.get(path).await.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_follower_points_at_the_leader_and_keeps_the_query() {
    let follower = follower();
    let mut info = follower.shared.config.info(&MasterId::new("other"));
    (info.pid, info.hostname) = (Some("master@10.0.0.12:5050".into()), Some("master2".into()));
    follower.leader.send_replace(Some(serde_json::to_vec(&info).unwrap().into()));
    let response = follower.get("/master/state?jsonp=f").await;
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(response.headers()[header::LOCATION], "//master2:5050/master/state?jsonp=f");
    let head = Request::builder().method(Method::HEAD).uri("/master/redirect");
    let response = follower.send(head, Body::empty()).await;
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(response.headers()[header::LOCATION], "//master2:5050");
}

#[tokio::test]
async fn a_leader_that_is_still_recovering_says_so() {
    let follower = follower();
    let info = follower.shared.config.info(&MasterId::new("m"));
    follower.leader.send_replace(Some(serde_json::to_vec(&info).unwrap().into()));
    let answer = said(follower.get("/state").await).await;
    assert_eq!(answer, (503, "Master has not finished recovery".to_owned()));
}

#[tokio::test]
async fn calls_are_refused_in_the_originals_words() {
    let cluster = cluster().await;
    let wrong_method = said(cluster.get("/api/v1/scheduler").await).await;
    assert_eq!(wrong_method.0, 405);
    assert!(wrong_method.1.contains("Expecting one of { 'POST' }, but received 'GET'."));
    let untyped = Request::builder().method(Method::POST).uri("/api/v1/scheduler");
    let answer = said(cluster.send(untyped, "{}").await).await;
    assert_eq!(answer, (400, "Expecting 'Content-Type' to be present".to_owned()));
    let form = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/scheduler")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert_eq!(said(cluster.send(form, "a=b").await).await.0, 415);
    assert_eq!(cluster.send(Cluster::call(None), "{").await.status(), StatusCode::BAD_REQUEST);
    for (call, status, text) in [
        (json!({}), 400, "Failed to validate scheduler::Call: Expecting 'type' to be present"),
        (
            json!({"type": "NONSENSE"}),
            400,
            "Failed to validate scheduler::Call: Expecting 'type' to be present",
        ),
        (
            json!({"type": "KILL", "framework_id": {"value": "x"}}),
            400,
            "Failed to validate scheduler::Call: Expecting 'kill' to be present",
        ),
        (
            json!({"type": "REVIVE", "framework_id": {"value": "x"}}),
            400,
            "Framework cannot be found",
        ),
    ] {
        assert_eq!(cluster.post(None, &call).await, (status, text.to_owned()));
    }
}

#[tokio::test]
async fn a_subscription_is_checked_before_a_stream_is_opened() {
    let cluster = cluster().await;
    let subscribe =
        json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "u", "name": "n"}}});
    let with_stream = cluster.post(Some("s"), &subscribe).await;
    let text = "Subscribe calls should not include the 'Mesos-Stream-Id' header";
    assert_eq!(with_stream, (400, text.to_owned()));
    let html = Cluster::call(None).header(header::ACCEPT, "text/html");
    let answer = said(cluster.send(html, subscribe.to_string()).await).await;
    assert_eq!(answer.0, 406);
    assert!(cluster.shared.leading().unwrap().snapshot().frameworks.is_empty());
}

#[tokio::test]
async fn a_stream_begins_with_subscribed_and_a_heartbeat() {
    let cluster = cluster().await;
    let (stream, mut events) = cluster.subscribe(JSON).await;
    let subscribed = events.next().await.subscribed.unwrap();
    assert_eq!(subscribed.framework_id.value, "m-0000");
    assert_eq!(subscribed.master_info.unwrap().pid(), "master@10.0.0.11:5050");
    assert_eq!(events.next().await.r#type(), wire::mesos::v1::scheduler::event::Type::Heartbeat);
    let revive = json!({"type": "REVIVE", "framework_id": {"value": "m-0000"}});
    assert_eq!(cluster.post(Some(&stream), &revive).await, (202, String::new()));
    assert_eq!(cluster.post(None, &revive).await.0, 400);
    let other = cluster.post(Some("other"), &revive).await;
    assert!(other.1.contains("'other' included in this request didn't match"), "{}", other.1);
    drop(events);
    cluster.until(|state| state.frameworks.values().all(|f| !f.is_connected())).await;
    let answer = cluster.post(Some(&stream), &revive).await;
    assert_eq!(answer, (403, "Framework is not subscribed".to_owned()));
}

#[tokio::test]
async fn a_bad_framework_gets_an_error_and_the_end() {
    let cluster = cluster().await;
    let subscribe = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info":
        {"user": "u", "name": "n", "roles": ["a"]}}});
    let response = cluster.send(Cluster::call(None), subscribe.to_string()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let decoder = Decoder::new(1 << 20);
    let mut events = Events { body: response.into_body(), decoder, is_json: true };
    assert!(events.next().await.error.unwrap().message.contains("FrameworkInfo.roles"));
    assert!(events.ends().await);
}

/// The whole way: offer, launch, update, acknowledgement, kill.
#[tokio::test]
async fn a_task_goes_from_offer_to_acknowledgement() {
    let cluster = cluster().await;
    let mut agent = cluster.agent().await;
    let (stream, mut events) = cluster.subscribe(PROTOBUF).await;
    events.next().await.subscribed.unwrap();
    events.next().await;
    let offer = events.next().await.offers.unwrap().offers.remove(0);
    let accept = json!({"type": "ACCEPT", "framework_id": {"value": "m-0000"}, "accept": {
    "offer_ids": [{"value": offer.id.value}],
    "operations": [{"type": "LAUNCH", "launch": {"task_infos": [{
        "name": "t", "task_id": {"value": "t"}, "agent_id": {"value": offer.agent_id.value},
        "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}}],
        "command": {"shell": false},
        "container": {"type": "DOCKER", "docker": {"image": "nginx"}},
    }]}}]}});
    assert_eq!(cluster.post(Some(&stream), &accept).await, (202, String::new()));
    let Some(master_frame::Body::RunTask(run)) = agent.next().await.body else {
        panic!("the task arrives at its agent")
    };
    assert_eq!(run.task.container.unwrap().docker.unwrap().image, "nginx");
    let uuid =
        Bytes::from_static(b"\x8d\x6a\x1f\x0c\x5b\x1e\x4e\x0f\x9a\x35\x7c\x2f\x40\xb1\xd9\xe8");
    let status = pb::TaskStatus {
        task_id: pb::TaskId { value: "t".to_owned() },
        state: TaskState::Running.number(),
        uuid: Some(uuid.clone()),
        ..pb::TaskStatus::default()
    };
    let update = link::UpdateStatus {
        framework_id: pb::FrameworkId { value: "m-0000".to_owned() },
        status,
        latest_state: TaskState::Running.number(),
    };
    agent.send(agent_frame::Body::UpdateStatus(update)).await;
    let status = events.next().await.update.unwrap().status;
    assert_eq!((status.state, status.uuid()), (TaskState::Running.number(), &uuid[..]));
    let tasks = cluster.get_json("/tasks?limit=-1").await;
    assert_eq!(tasks["tasks"][0]["state"], "TASK_RUNNING");
    let acknowledge = json!({"type": "ACKNOWLEDGE", "framework_id": {"value": "m-0000"}, "acknowledge": {
        "agent_id": {"value": offer.agent_id.value}, "task_id": {"value": "t"},
        "uuid": "jWofDFseTg+aNXwvQLHZ6A=="}});
    assert_eq!(cluster.post(Some(&stream), &acknowledge).await.0, 202);
    let Some(master_frame::Body::AcknowledgeUpdate(acknowledged)) = agent.next().await.body else {
        panic!("the acknowledgement arrives at the agent")
    };
    assert_eq!(acknowledged.uuid, uuid);
    drop(agent);
    cluster.until(|state| state.agents.values().all(|agent| !agent.is_connected())).await;
}

#[tokio::test]
async fn reads_show_what_the_master_knows() {
    let cluster = cluster().await;
    let _agent = cluster.agent().await;
    let (_, _events) = cluster.subscribe(JSON).await;
    cluster.until(|state| !state.offers.is_empty()).await;
    for path in ["/state", "/master/state", "/state.json", "/master/state/"] {
        let state = cluster.get_json(path).await;
        assert_eq!(state["slaves"][0]["pid"], "slave(1)@10.0.0.21:5051", "{path}");
        assert_eq!(state["frameworks"][0]["offered_resources"]["ports"], "[31000-31009]");
        assert_eq!(state["leader"], "master@10.0.0.11:5050");
        assert_eq!(state["version"], "1.11.0");
    }
    assert_eq!(cluster.get_json("/slaves?slave_id=m-S0").await["slaves"][0]["hostname"], "node1");
    assert_eq!(cluster.get_json("/slaves?slave_id=x").await["slaves"], json!([]));
    assert_eq!(cluster.get_json("/frameworks").await["frameworks"][0]["name"], "test");
    assert_eq!(cluster.get_json("/state-summary").await["slaves"][0]["TASK_RUNNING"], 0);
    assert_eq!(cluster.get_json("/roles").await["roles"][0]["name"], "*");
    let metrics = cluster.get_json("/metrics/snapshot").await;
    assert_eq!(
        (&metrics["master/elected"], &metrics["master/slaves_active"]),
        (&json!(1.0), &json!(1.0))
    );
    assert_eq!(cluster.get_json("/flags").await, json!({"flags": {"port": "5050"}}));
    assert_eq!(cluster.get_json("/ekiden/v1/version").await["mesos"], "1.11.0");
}

#[tokio::test]
async fn jsonp_calls_a_function_and_nothing_else() {
    let cluster = cluster().await;
    let response = cluster.get("/master/tasks?jsonp=angular.callbacks._0").await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/javascript");
    assert_eq!(body(response).await, "angular.callbacks._0({\"tasks\":[]})");
    assert_eq!(said(cluster.get("/tasks?jsonp=alert(1)").await).await.0, 400);
}

#[tokio::test]
async fn what_does_not_exist_is_json_and_never_html() {
    let cluster = cluster().await;
    for path in ["/nothing", "/master/nothing", "/api/v1", "/state/../flags", "/redirect/x"] {
        let response = cluster.get(path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], JSON, "{path}");
    }
    let post = Request::builder().method(Method::POST).uri("/state");
    let response = cluster.send(post, Body::empty()).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()[header::ALLOW], "GET");
    assert_eq!(said(cluster.get("/tasks?limit=x").await).await.0, 400);
    assert_eq!(said(cluster.get("/metrics/snapshot?timeout=x").await).await.0, 400);
}

#[tokio::test]
async fn a_foreign_name_or_page_is_kept_out() {
    let cluster = cluster().await;
    let request = Request::builder().uri("/state").header(header::HOST, "evil.example");
    let request = request.body(Body::empty()).unwrap();
    let response = cluster.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let foreign = Cluster::call(None).header(header::ORIGIN, "http://evil.example");
    assert_eq!(cluster.send(foreign, "{}").await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_link_needs_its_protocol() {
    let cluster = cluster().await;
    let response = cluster.get("/ekiden/v1/agent-link").await;
    assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(response.headers()[header::UPGRADE], "ekiden-agent-link/1");
}

#[tokio::test]
async fn large_answers_are_compressed_and_streams_are_not() {
    let cluster = cluster().await;
    let _agent = cluster.agent().await;
    let gzip = Request::builder().uri("/state").header(header::ACCEPT_ENCODING, "gzip");
    let response = cluster.send(gzip, Body::empty()).await;
    assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
    let subscribe =
        json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "u", "name": "n"}}});
    let call = Cluster::call(None).header(header::ACCEPT_ENCODING, "gzip");
    let response = cluster.send(call, subscribe.to_string()).await;
    assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
}

#[tokio::test]
async fn a_leadership_that_ends_closes_streams_and_links() {
    let cluster = cluster().await;
    let mut agent = cluster.agent().await;
    let (_, mut events) = cluster.subscribe(JSON).await;
    events.next().await;
    cluster.stop.cancel();
    while !events.ends().await {}
    let mut rest = Vec::new();
    let closed = agent.connection.read_to_end(&mut rest);
    tokio::time::timeout(PATIENCE, closed).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_operator_ends_a_framework() {
    let cluster = cluster().await;
    let (_, mut events) = cluster.subscribe(JSON).await;
    events.next().await.subscribed.unwrap();
    let teardown = |body: &'static str| {
        let request = Request::builder().method(Method::POST).uri("/master/teardown");
        cluster.send(request, body)
    };
    assert_eq!(said(teardown("").await).await.0, 400);
    let unknown = said(teardown("frameworkId=x").await).await;
    assert_eq!(unknown, (400, "No framework found with specified ID".to_owned()));
    assert_eq!(said(teardown("frameworkId=m-0000").await).await, (200, String::new()));
    events.next().await;
    assert_eq!(events.next().await.error.unwrap().message, "Framework has been removed");
    assert_eq!(cluster.get("/teardown").await.status(), StatusCode::METHOD_NOT_ALLOWED);
    let frameworks = cluster.get_json("/frameworks").await;
    assert_eq!(frameworks["completed_frameworks"][0]["id"], "m-0000");
}

#[tokio::test]
async fn what_is_served_beside_the_master_stands_under_the_same_guard() {
    let follower = follower();
    let ours = Router::new().route("/ekiden/v1/ours", get(|| async { "ours" }));
    let router = router(Arc::clone(&follower.shared), ours);
    for (host, status) in [("master1:5050", 200), ("evil.example", 403)] {
        let request = Request::builder().uri("/ekiden/v1/ours").header(header::HOST, host);
        let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), status, "{host}");
    }
}
