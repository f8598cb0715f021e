//! The console of a real master core, fed with commands.

use std::time::Duration;

use bytes::Bytes;
use master_core::{Command, Config, LinkId, Master, StreamId};
use model::{Epoch, Instant, Resources, Timestamp};
use wire::console::AgentState;
use wire::link::{self, AgentDescription, AgentFrame, agent_frame};
use wire::mesos::v1::scheduler::call;
use wire::mesos::v1::{self as pb};

use super::*;

const SECOND: u64 = 1_000_000_000;
const WALL: i64 = 1_795_356_131_000;

pub(crate) fn apply(master: &mut Master, command: Command) {
    let _effects = master.apply(Instant::from_nanos(SECOND), Timestamp::from_millis(WALL), command);
}

fn description(host: &str, port: i32) -> AgentDescription {
    let total = Resources::parse("cpus:4;mem:1000;disk:100;ports:[31000-31009]").unwrap();
    AgentDescription {
        info: pb::AgentInfo {
            hostname: host.to_owned(),
            resources: model::v1::resources_to_v1(&total, None),
            attributes: vec![pb::Attribute {
                name: "rack".to_owned(),
                r#type: pb::value::Type::Text.into(),
                text: Some(pb::value::Text { value: "a".to_owned() }),
                ..pb::Attribute::default()
            }],
            ..pb::AgentInfo::default()
        },
        address: pb::Address { hostname: None, ip: Some("10.0.0.21".to_owned()), port },
        version: "1.11.0".to_owned(),
        ..AgentDescription::default()
    }
}

pub(crate) fn frame(master: &mut Master, link: u64, body: agent_frame::Body) {
    let frame = Box::new(AgentFrame { epoch: 0, link: 0, body: Some(body) });
    apply(master, Command::AgentFrame { link: LinkId(link), frame });
}

pub(crate) fn status(state: pb::TaskState, seconds: f64) -> pb::TaskStatus {
    pb::TaskStatus {
        task_id: pb::TaskId { value: "nginx.1".to_owned() },
        state: state.into(),
        timestamp: Some(seconds),
        healthy: Some(true),
        ..pb::TaskStatus::default()
    }
}

/// Two agents, one framework, and nginx on the first agent.
pub(crate) fn master() -> Master {
    master_of(Epoch(7))
}

/// The same in another leadership.
pub(crate) fn master_of(epoch: Epoch) -> Master {
    let info = pb::MasterInfo {
        id: "m".to_owned(),
        port: 5050,
        hostname: Some("master1".to_owned()),
        ..pb::MasterInfo::default()
    };
    let mut master =
        Master::new(Config::new(info, epoch), Instant::ZERO, Timestamp::from_millis(WALL));
    for at in 0..2_i32 {
        let agent = description(&format!("node{at}"), 5051 + at);
        let nonce = Bytes::from(format!("nonce-{at}"));
        let link = u64::try_from(at).unwrap();
        frame(&mut master, link, agent_frame::Body::Register(link::Register { agent, nonce }));
    }
    let framework_info = pb::FrameworkInfo {
        user: "root".to_owned(),
        name: "marathon".to_owned(),
        hostname: Some("master1".to_owned()),
        webui_url: Some("http://master1:8080".to_owned()),
        failover_timeout: Some(60.0),
        ..pb::FrameworkInfo::default()
    };
    let subscribe =
        call::Subscribe { framework_info: framework_info.clone(), ..call::Subscribe::default() };
    apply(
        &mut master,
        Command::Subscribe { stream: StreamId::new("s"), subscribe: Box::new(subscribe) },
    );
    let wanted = Resources::parse("cpus:0.2;mem:32").unwrap();
    let task = pb::Task {
        name: "nginx".to_owned(),
        task_id: pb::TaskId { value: "nginx.1".to_owned() },
        framework_id: pb::FrameworkId { value: "m-0000".to_owned() },
        agent_id: pb::AgentId { value: "m-S0".to_owned() },
        state: pb::TaskState::TaskRunning.into(),
        resources: model::v1::resources_to_v1(&wanted, None),
        statuses: vec![
            status(pb::TaskState::TaskStarting, 1_795_356_000.5),
            status(pb::TaskState::TaskRunning, 1_795_356_001.0),
        ],
        ..pb::Task::default()
    };
    let back = link::Reregister {
        agent_id: pb::AgentId { value: "m-S0".to_owned() },
        agent: description("node0", 5051),
        tasks: vec![link::HeldTask { task, ..link::HeldTask::default() }],
        frameworks: vec![pb::FrameworkInfo {
            id: Some(pb::FrameworkId { value: "m-0000".to_owned() }),
            ..framework_info
        }],
    };
    frame(&mut master, 7, agent_frame::Body::Reregister(back));
    master
}

fn console(master: Option<&Master>) -> (ClusterConsole, watch::Sender<Option<Arc<Snapshot>>>) {
    let (publish, published) = watch::channel(master.map(|master| Arc::new(master.snapshot())));
    let facts = ProcessFacts { server: "127.0.0.1:5050".to_owned(), ..ProcessFacts::default() };
    (ClusterConsole::new(published, facts), publish)
}

#[tokio::test]
async fn the_home_page_sums_the_cluster_up() {
    let (console, _publish) = console(Some(&master()));
    let home = console
        .home(ListQuery::default(), ListQuery::default(), ListQuery::default())
        .await
        .unwrap();
    let facts = &home.overview;
    assert_eq!((facts.master_id.as_str(), facts.leader.as_deref()), ("m", Some("master1:5050")));
    assert_eq!((facts.agents.activated, facts.tasks.running), (2, 1));
    assert_eq!((facts.resources.total.cpus, facts.resources.allocated.cpus), (8.0, 0.2));
    assert_eq!((home.active.total, home.completed.total), (1, 0));
    let task = &home.active.rows[0];
    assert_eq!(
        (task.id.as_str(), task.host.as_deref(), task.state.as_str()),
        ("nginx.1", Some("node0"), "TASK_RUNNING")
    );
    assert_eq!((task.executor_id.as_str(), task.healthy), ("nginx.1", Some(true)));
    assert_eq!((task.started_ms, task.stopped_ms), (Some(1_795_356_000_500), None));
}

#[tokio::test]
async fn an_agents_page_has_its_own_tasks_only() {
    let (console, _publish) = console(Some(&master()));
    let first = console.agent("m-S0".to_owned()).await.unwrap();
    assert_eq!((first.tasks.len(), first.ports.as_str()), (1, "31000-31009"));
    assert_eq!(
        (first.agent.state, first.agent.attributes.as_slice()),
        (AgentState::Active, ["rack:a".to_owned()].as_slice())
    );
    assert_eq!(first.frameworks[0].name, "marathon");
    let second = console.agent("m-S1".to_owned()).await.unwrap();
    assert_eq!((second.tasks.len(), second.frameworks.len()), (0, 0));
    let unknown = console.agent("m-S9".to_owned()).await;
    assert_eq!(unknown, Err(ConsoleError::NotFound { what: "agent `m-S9`".to_owned() }));
}

#[tokio::test]
async fn frameworks_are_active_while_connected() {
    let mut core = master();
    let (console, publish) = console(Some(&core));
    let connected = console.frameworks(ListQuery::default()).await.unwrap();
    assert_eq!((connected.active.total, connected.inactive.total), (1, 0));
    assert_eq!(connected.active.rows[0].webui_url.as_deref(), Some("http://master1:8080"));
    assert!((connected.active.rows[0].max_share - 0.025).abs() < 1e-9);
    apply(&mut core, Command::StreamClosed { stream: StreamId::new("s") });
    publish.send_replace(Some(Arc::new(core.snapshot())));
    let lost = console.frameworks(ListQuery::default()).await.unwrap();
    assert_eq!((lost.active.total, lost.inactive.total), (0, 1));
}

#[tokio::test]
async fn without_a_leader_there_is_nothing_to_show() {
    let (console, _publish) = console(None);
    assert!(matches!(console.overview().await, Err(ConsoleError::Unavailable { .. })));
}

#[tokio::test]
async fn only_an_admitted_agents_sandbox_is_asked_for() {
    let (console, _publish) = console(Some(&master()));
    let found = console
        .sandbox("m-S0".to_owned(), "m-0000".to_owned(), "nginx.1".to_owned())
        .await
        .unwrap();
    assert_eq!(found.path, "/frameworks/m-0000/executors/nginx.1/runs/latest");
    let stranger = console.browse("evil:80".to_owned(), "/".to_owned()).await;
    assert!(matches!(stranger, Err(ConsoleError::NotFound { .. })), "{stranger:?}");
}

#[tokio::test]
async fn changes_are_marked_by_topic() {
    let mut core = master();
    let (console, publish) = console(Some(&core));
    let (feed, mut changes) = ChangeFeed::new();
    let marking = tokio::spawn(mark_changes(console.published.clone(), feed));
    tokio::task::yield_now().await;
    apply(&mut core, Command::StreamClosed { stream: StreamId::new("s") });
    publish.send_replace(Some(Arc::new(core.snapshot())));
    tokio::time::timeout(Duration::from_secs(5), changes.changed()).await.unwrap().unwrap();
    drop(publish);
    drop(console);
    tokio::time::timeout(Duration::from_secs(5), marking).await.unwrap().unwrap();
}

#[test]
fn what_stayed_the_same_is_not_marked() {
    let core = master();
    let same = core.snapshot();
    assert_eq!(differences(Some(&core.snapshot()), Some(&same)), []);
    assert_eq!(differences(None, Some(&same)).len(), 4);
}
