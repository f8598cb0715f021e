//! Golden bodies of mesos.md §12.3 and §12.4: one agent, one framework, a running and a finished task.

use bytes::Bytes;
use model::{Instant, TaskState};
use serde_json::Value;
use wire::link::{self, AgentDescription, agent_frame};
use wire::mesos::v0::Version;
use wire::mesos::v1::scheduler::{Call, call};
use wire::mesos::v1::{self as pb, TaskInfo, agent_info, framework_info};

use super::*;
use crate::fixture::{Cluster, cluster, config, resources, task, uuid};
use crate::{LinkId, Snapshot};

const MASTER: &str = "4b0c8e5e-6c0f-4d55-9c3a-2f0d1f5a7c10";

fn description() -> AgentDescription {
    let total = "cpus:4;mem:6800;disk:35000;ports:[31000-32000]";
    let text = pb::value::Text { value: "r1".into() };
    let rack = pb::Attribute {
        name: "rack".into(),
        r#type: pb::value::Type::Text.into(),
        text: Some(text),
        ..pb::Attribute::default()
    };
    let capability = |name: &&str| agent_info::Capability {
        r#type: agent_info::capability::Type::from_str_name(name).map(Into::into),
    };
    AgentDescription {
        info: pb::AgentInfo {
            hostname: "node1".into(),
            port: Some(5051),
            resources: model::v1::resources_to_v1(&resources(total), None),
            attributes: vec![rack],
            ..pb::AgentInfo::default()
        },
        address: pb::Address {
            hostname: Some("node1".into()),
            ip: Some("10.0.0.21".into()),
            port: 5051,
        },
        version: "1.11.0".into(),
        capabilities: AGENT_CAPABILITIES.iter().map(capability).collect(),
        ..AgentDescription::default()
    }
}

fn marathon() -> pb::FrameworkInfo {
    let capability = |r#type: framework_info::capability::Type| framework_info::Capability {
        r#type: Some(r#type.into()),
    };
    pb::FrameworkInfo {
        user: "root".into(),
        name: "marathon".into(),
        failover_timeout: Some(604_800.0),
        checkpoint: Some(true),
        hostname: Some("master1".into()),
        webui_url: Some("http://master1:8080".into()),
        capabilities: vec![
            capability(framework_info::capability::Type::TaskKillingState),
            capability(framework_info::capability::Type::PartitionAware),
        ],
        ..pb::FrameworkInfo::default()
    }
}

fn batch() -> TaskInfo {
    let docker = pb::container_info::DockerInfo {
        image: "busybox:1.36".into(),
        network: Some(pb::container_info::docker_info::Network::Host.into()),
        privileged: Some(false),
        force_pull_image: Some(true),
        ..Default::default()
    };
    let container = pb::ContainerInfo {
        r#type: pb::container_info::Type::Docker.into(),
        docker: Some(docker),
        ..pb::ContainerInfo::default()
    };
    let id = format!("batch.21c9d3f4-83a9-11ee-b962-0242ac110002@{MASTER}-S0");
    TaskInfo { name: "batch".into(), container: Some(container), ..task(&id, "cpus:0.1;mem:32") }
}

fn at(cluster: &mut Cluster, millis: u64) {
    cluster.now = Instant::from_millis(millis);
}

fn framework_id() -> String {
    format!("{MASTER}-0000")
}

fn by_marathon(cluster: &mut Cluster, call: Call) {
    let framework = cluster.master.frameworks.get(&framework_id().into()).unwrap();
    let stream = framework.stream().cloned();
    cluster.call_by(stream, &framework_id(), call);
}

fn launch(cluster: &mut Cluster, info: TaskInfo) {
    let offer = cluster.offer_on(&format!("{MASTER}-S0"));
    let operation = pb::offer::Operation {
        r#type: Some(pb::offer::operation::Type::Launch.into()),
        launch: Some(pb::offer::operation::Launch { task_infos: vec![info] }),
        ..Default::default()
    };
    let accept = Some(call::Accept {
        offer_ids: vec![pb::OfferId { value: offer.to_string() }],
        operations: vec![operation],
        filters: Some(pb::Filters { refuse_seconds: Some(0.0) }),
    });
    let r#type = Some(call::Type::Accept.into());
    by_marathon(cluster, Call { r#type, accept, ..Call::default() });
}

fn report(
    cluster: &mut Cluster,
    millis: u64,
    id: &str,
    state: TaskState,
    container: &str,
    ip: &str,
) {
    at(cluster, millis);
    let address = pb::network_info::IpAddress {
        protocol: Some(pb::network_info::Protocol::IPv4.into()),
        ip_address: Some(ip.into()),
    };
    let network = pb::NetworkInfo { ip_addresses: vec![address], ..pb::NetworkInfo::default() };
    let status = pb::TaskStatus {
        task_id: pb::TaskId { value: id.into() },
        state: state.number(),
        timestamp: Some(cluster_seconds(millis)),
        uuid: Some(uuid(1)),
        data: Some(Bytes::from_static(b"[]")),
        container_status: Some(pb::ContainerStatus {
            container_id: Some(pb::ContainerId { value: container.into(), parent: None }),
            network_infos: vec![network],
            ..pb::ContainerStatus::default()
        }),
        ..pb::TaskStatus::default()
    };
    let update = link::UpdateStatus {
        framework_id: pb::FrameworkId { value: framework_id() },
        status,
        latest_state: state.number(),
    };
    cluster.frame(LinkId(0), agent_frame::Body::UpdateStatus(update));
}

fn cluster_seconds(millis: u64) -> f64 {
    Timestamp::from_millis(1_700_000_000_000 + i64::try_from(millis).unwrap()).as_secs_f64()
}

fn example() -> Snapshot {
    let mut config = config(MASTER);
    config.master.pid = Some("master@10.0.0.11:5050".into());
    config.master.hostname = Some("master1".into());
    let mut cluster = cluster();
    cluster.restart(config, 3_000);
    at(&mut cluster, 100_250);
    let link = cluster.open_link();
    let register = link::Register { agent: description(), nonce: "n".into() };
    cluster.first_frame(link, agent_frame::Body::Register(register));
    at(&mut cluster, 120_500);
    cluster.subscribe(marathon());
    launch(&mut cluster, batch());
    let batch = "batch.21c9d3f4-83a9-11ee-b962-0242ac110002";
    let container = "0d8a3c55-7b6e-4c0e-8f1d-93a5f0c1e2b4";
    for (millis, state) in [
        (150_000, TaskState::Starting),
        (151_750, TaskState::Running),
        (157_000, TaskState::Finished),
    ] {
        report(&mut cluster, millis, batch, state, container, "10.0.0.21");
    }
    let acknowledge = Some(call::Acknowledge {
        agent_id: pb::AgentId { value: format!("{MASTER}-S0") },
        task_id: pb::TaskId { value: batch.into() },
        uuid: uuid(1),
    });
    let r#type = Some(call::Type::Acknowledge.into());
    by_marathon(&mut cluster, Call { r#type, acknowledge, ..Call::default() });
    at(&mut cluster, 200_000);
    let offers: Vec<_> = cluster.master.offers.keys().cloned().collect();
    for offer in offers {
        cluster.master.drop_offer(&offer);
    }
    cluster.master.minted.offers = 12;
    let revive = Call { r#type: Some(call::Type::Revive.into()), ..Call::default() };
    by_marathon(&mut cluster, revive);
    launch(&mut cluster, serde_json::from_str(include_str!("golden/web-task.json")).unwrap());
    let web = "web.6b1f2a90-83aa-11ee-b962-0242ac110002";
    let container = "f1a121be-2e79-4856-bd5c-576db3497fba";
    report(&mut cluster, 201_250, web, TaskState::Starting, container, "10.0.0.21");
    report(&mut cluster, 203_500, web, TaskState::Running, container, "172.17.0.2");
    cluster.master.snapshot()
}

fn facts() -> Facts {
    let flags: Value =
        serde_json::from_str::<Value>(include_str!("golden/state.json")).unwrap()["flags"].clone();
    Facts {
        version: Version {
            version: "1.11.0".into(),
            git_tag: Some("1.11.0".into()),
            build_date: "2023-11-14 00:00:00".into(),
            build_time: 1_699_920_000.0,
            build_user: "builder".into(),
            ..Version::default()
        },
        started_at: Timestamp::from_millis(1_700_000_000_500),
        cluster: Some("demo".into()),
        flags: serde_json::from_value(flags).unwrap(),
    }
}

/// Lists of resources stand in no particular order.
fn sorted(mut value: Value) -> Value {
    match &mut value {
        Value::Array(items) => {
            let mut sorted_items: Vec<_> = std::mem::take(items).into_iter().map(sorted).collect();
            if sorted_items.iter().all(|item| item.get("scalar").or(item.get("ranges")).is_some()) {
                sorted_items.sort_by_key(|item| item["name"].to_string());
            }
            *items = sorted_items;
        }
        Value::Object(fields) => {
            for field in fields.values_mut() {
                *field = sorted(field.take());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

fn assert_golden(ours: impl serde::Serialize, golden: &Value, at: &str) {
    compare(&sorted(serde_json::to_value(ours).unwrap()), &sorted(golden.clone()), at);
}

/// Names the place of the first difference; whole documents side by side help nobody.
fn compare(ours: &Value, golden: &Value, at: &str) {
    match (ours, golden) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = |map: &serde_json::Map<String, Value>| {
                let mut keys: Vec<_> = map.keys().cloned().collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(a), keys(b), "keys of {at}");
            for (key, value) in a {
                compare(value, &b[key], &format!("{at}.{key}"));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                compare(a, b, &format!("{at}[{n}]"));
            }
        }
        (a, b) => assert_eq!(a, b, "{at}"),
    }
}

fn golden(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_state_is_the_originals() {
    let golden = golden(include_str!("golden/state.json"));
    assert_golden(state(&example(), &facts()), &golden, "state");
}

#[test]
fn the_agents_are_the_originals() {
    let golden = golden(include_str!("golden/slaves.json"));
    assert_golden(slaves(&example(), None), &golden, "slaves");
    assert!(slaves(&example(), Some("x")).slaves.is_empty());
}

#[test]
fn the_frameworks_are_those_of_the_state() {
    let golden = golden(include_str!("golden/state.json"));
    let ours = serde_json::to_value(frameworks(&example(), None)).unwrap();
    compare(&ours["frameworks"], &golden["frameworks"], "frameworks");
    assert_eq!(ours["unregistered_frameworks"], serde_json::json!([]));
}

#[test]
fn tasks_are_sorted_by_their_first_status() {
    let snapshot = example();
    let names = |query: &TaskQuery| {
        let tasks = tasks(&snapshot, query).tasks;
        tasks.into_iter().map(|task| task.name).collect::<Vec<_>>()
    };
    let query = TaskQuery::default();
    assert_eq!(names(&query), ["web", "batch"]);
    let ascending = TaskQuery { is_ascending: true, ..query.clone() };
    assert_eq!(names(&ascending), ["batch", "web"]);
    assert_eq!(names(&TaskQuery { limit: Some(1), ..query.clone() }), ["web"]);
    assert_eq!(names(&TaskQuery { offset: 1, ..query.clone() }), ["batch"]);
    let id = Some("web.6b1f2a90-83aa-11ee-b962-0242ac110002".to_owned());
    assert_eq!(names(&TaskQuery { task: id, ..query.clone() }), ["web"]);
    assert!(names(&TaskQuery { framework: Some("x".to_owned()), ..query }).is_empty());
}

#[test]
fn roles_and_summaries_add_up() {
    let snapshot = example();
    let roles = roles(&snapshot);
    assert_eq!(roles["roles"][0]["name"], "*");
    assert_eq!(roles["roles"][0]["allocated"]["cpus"], 0.5);
    assert_eq!(roles["roles"][0]["frameworks"][0], framework_id());
    let summary = serde_json::to_value(state_summary(&snapshot, &facts())).unwrap();
    assert_eq!(summary["slaves"][0]["TASK_RUNNING"], 1);
    assert_eq!(summary["frameworks"][0]["TASK_FINISHED"], 1);
}

#[test]
fn metrics_have_true_values_and_exist_without_a_leadership() {
    let metrics_of = |snapshot: Option<&Snapshot>, name: &str| {
        let value = metrics(snapshot)[name];
        format!("{value}")
    };
    let snapshot = example();
    for (name, value) in [
        ("master/elected", "1"),
        ("master/slaves_active", "1"),
        ("master/frameworks_connected", "1"),
        ("master/tasks_running", "1"),
        ("master/tasks_finished", "1"),
        ("master/cpus_total", "4"),
        ("master/cpus_used", "0.5"),
        ("master/cpus_percent", "0.125"),
        ("master/outstanding_offers", "1"),
        ("master/messages_register_slave", "1"),
        ("allocator/mesos/resources/cpus/offered_or_allocated", "4"),
    ] {
        assert_eq!(metrics_of(Some(&snapshot), name), value, "{name}");
        assert_eq!(metrics_of(None, name), "0", "{name}");
    }
}
