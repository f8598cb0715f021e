use std::sync::Arc;

use model::{AgentId, Attributes, InstanceId, Role, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::identity;
use crate::instance::{Condition, Goal, Instance};
use crate::run_spec::VersionedRunSpec;

fn launch(posted: Value, ports: &[u16]) -> Launch {
    let spec = RunSpec::parse(serde_json::from_value(posted).unwrap()).unwrap();
    let id = InstanceId::new("web_nginx.instance-c0caec0a-863a-11e9-915b-c610fee06dff");
    let version = Timestamp::parse("2023-11-27T08:15:02.417Z").unwrap();
    let task = Task {
        id: identity::task_of(&id, 1),
        agent: AgentId::new("M-S0"),
        host: Arc::from("10.0.0.11"),
        attributes: Arc::new(Attributes::default()),
        role: Role::any(),
        state: None,
        staged_at: version,
        started_at: None,
        ports: ports.to_vec(),
        addresses: Vec::new(),
    };
    let instance = Instance {
        id,
        app: spec.id().clone(),
        version,
        goal: Goal::Running,
        condition: Condition::Provisioned,
        since: version,
        incarnation: 1,
        task: Some(task),
        healthy: None,
    };
    Launch {
        instance: Arc::new(instance),
        definition: Arc::new(VersionedRunSpec::new(spec, version)),
    }
}

fn nginx() -> Value {
    json!({"id": "/web/nginx", "cpus": 0.2, "mem": 32.0,
        "labels": {"HAPROXY_GROUP": "external", "a.b--c": "d"},
        "env": {"HOST": "mine"}, "taskKillGracePeriodSeconds": 3,
        "container": {"type": "DOCKER", "docker": {"image": "docker.io/nginx", "network": "BRIDGE",
            "portMappings": [{"containerPort": 80, "hostPort": 31030, "servicePort": 33180,
                "protocol": "tcp", "name": "http"},
                {"containerPort": 0, "protocol": "udp,tcp"}]}}})
}

#[test]
fn a_bridge_task_is_described_as_mesos_wants_it() {
    let info = task_info(&launch(nginx(), &[31_030, 31_500])).unwrap();
    assert_eq!(info.name, "nginx.web");
    let json = serde_json::to_value(&info).unwrap();
    assert_eq!(json["container"]["docker"]["network"], "BRIDGE");
    assert_eq!(
        json["container"]["docker"]["port_mappings"],
        json!([{"host_port": 31030, "container_port": 80, "protocol": "tcp"},
            {"host_port": 31500, "container_port": 31500, "protocol": "udp"},
            {"host_port": 31500, "container_port": 31500, "protocol": "tcp"}])
    );
    let parameter = &json["container"]["docker"]["parameters"][0];
    assert_eq!(parameter["key"], "label");
    assert_eq!(parameter["value"], format!("MESOS_TASK_ID={}", info.task_id.value));
    assert_eq!(json["kill_policy"]["grace_period"]["nanoseconds"], 3_000_000_000_i64);
    assert_eq!(json["command"]["shell"], false);
    assert_eq!(json["discovery"]["name"], "nginx.web");
    assert_eq!(json["discovery"]["ports"]["ports"][0]["number"], 31_030);
    assert_eq!(json["discovery"]["ports"]["ports"][0]["name"], "http");
    let names: Vec<_> = info.resources.iter().map(|resource| resource.name.as_str()).collect();
    assert_eq!(names, ["cpus", "mem", "ports"]);
    assert!(info.executor.is_none());
}

#[test]
fn a_command_without_a_container_names_its_program() {
    let info = task_info(&launch(json!({"id": "/a", "cmd": "sleep 1"}), &[31_000])).unwrap();
    let command = info.command.unwrap();
    assert_eq!((command.shell, command.value.as_deref()), (Some(true), Some("sleep 1")));
    assert_eq!(info.container, None);
    let arguments = json!({"id": "/a", "args": ["sleep", "1"]});
    let launch = launch(arguments, &[31_000]);
    let command = task_info(&launch).unwrap().command.unwrap();
    assert_eq!((command.shell, command.value.as_deref()), (Some(false), Some("sleep")));
    assert_eq!(command.arguments, ["sleep", "1"]);
    let variables = environment::variables(&launch, launch.instance.task.as_ref().unwrap());
    assert_eq!(variables.get("MARATHON_APP_DOCKER_IMAGE"), None);
    assert_eq!(variables.get("PORT_DEFAULT").map(String::as_str), Some("31000"));
}

#[test]
fn the_environment_names_the_app_its_ports_and_its_labels() {
    let launch = launch(nginx(), &[31_030, 31_500]);
    let variables = environment::variables(&launch, launch.instance.task.as_ref().unwrap());
    let expected = [
        ("MARATHON_APP_ID", "/web/nginx"),
        ("MARATHON_APP_VERSION", "2023-11-27T08:15:02.417Z"),
        ("MARATHON_APP_DOCKER_IMAGE", "docker.io/nginx"),
        ("MARATHON_APP_RESOURCE_CPUS", "0.2"),
        ("MARATHON_APP_RESOURCE_MEM", "32.0"),
        ("MARATHON_APP_RESOURCE_DISK", "0.0"),
        ("MARATHON_APP_RESOURCE_GPUS", "0"),
        ("MARATHON_APP_LABELS", "HAPROXY_GROUP A_B_C"),
        ("MARATHON_APP_LABEL_A_B_C", "d"),
        ("PORT0", "31030"),
        ("PORT1", "31500"),
        ("PORT", "31030"),
        ("PORTS", "31030,31500"),
        ("PORT_80", "31030"),
        ("PORT_31500", "31500"),
        ("PORT_HTTP", "31030"),
        ("HOST", "mine"),
    ];
    for (name, value) in expected {
        assert_eq!(variables.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[test]
fn host_networking_names_ports_by_their_definition() {
    let posted = json!({"id": "/a", "cmd": "sleep 1", "container": {"docker": {"image": "busybox"}},
        "networks": [{"mode": "host"}],
        "portDefinitions": [{"port": 10000, "name": "default", "protocol": "tcp"}]});
    let launch = launch(posted, &[31_007]);
    let variables = environment::variables(&launch, launch.instance.task.as_ref().unwrap());
    for name in ["PORT", "PORT0", "PORTS", "PORT_10000", "PORT_DEFAULT"] {
        assert_eq!(variables.get(name).map(String::as_str), Some("31007"), "{name}");
    }
    let json = serde_json::to_value(task_info(&launch).unwrap()).unwrap();
    assert_eq!(json["container"]["docker"]["network"], "HOST");
    assert_eq!(json["command"]["value"], "sleep 1");
    assert_eq!(json["command"]["shell"], true);
}

#[test]
fn a_task_without_ports_gets_no_port_variables() {
    let posted = json!({"id": "/a", "args": ["-x"], "networks": [{"mode": "container/bridge"}],
        "container": {"docker": {"image": "busybox"}, "portMappings": []}});
    let launch = launch(posted, &[]);
    let variables = environment::variables(&launch, launch.instance.task.as_ref().unwrap());
    assert!(!variables.keys().any(|name| name.starts_with("PORT")));
    let json = serde_json::to_value(task_info(&launch).unwrap()).unwrap();
    assert_eq!(json["command"]["arguments"], json!(["-x"]));
}
