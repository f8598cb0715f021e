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
        news: None,
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
        checks: Default::default(),
    };
    Launch {
        instance: Arc::new(instance),
        definition: Arc::new(VersionedRunSpec::new(spec, version)),
        env_vars_prefix: Arc::from(""),
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
fn the_check_of_mesos_asks_the_container_at_its_own_port() {
    let described = |check: Value, network: Value| {
        let mut posted = nginx();
        posted.as_object_mut().unwrap().extend(network.as_object().unwrap().clone());
        posted["healthChecks"] = json!([{"path": "/marathon"}, check]);
        let info = task_info(&launch(posted, &[31_030, 31_500])).unwrap();
        serde_json::to_value(info.health_check).unwrap()
    };
    let http = described(
        json!({"protocol": "MESOS_HTTPS", "path": "/up", "delaySeconds": 1, "intervalSeconds": 2,
        "timeoutSeconds": 3, "maxConsecutiveFailures": 4, "gracePeriodSeconds": 5}),
        json!({}),
    );
    assert_eq!(
        http,
        json!({"type": "HTTP", "delay_seconds": 1.0, "interval_seconds": 2.0, "timeout_seconds": 3.0,
            "consecutive_failures": 4, "grace_period_seconds": 5.0,
            "http": {"protocol": "IPv4", "scheme": "https", "port": 80, "path": "/up"}})
    );
    let same = described(json!({"protocol": "MESOS_TCP", "portIndex": 1}), json!({}));
    assert_eq!(
        same["tcp"],
        json!({"protocol": "IPv4", "port": 31500}),
        "the container's is the host's"
    );
    let host = json!({"container": {"docker": {"image": "a", "network": "HOST"}},
        "portDefinitions": [{"port": 0}, {"port": 0}]});
    let host = described(json!({"protocol": "MESOS_TCP", "portIndex": 1}), host);
    assert_eq!(host["tcp"]["port"], 31_500);
    let command =
        described(json!({"protocol": "COMMAND", "command": {"value": "true"}}), json!({}));
    assert_eq!(
        (&command["type"], &command["command"]["value"]),
        (&json!("COMMAND"), &json!("true"))
    );
}

#[test]
fn the_plain_check_of_a_command_asks_its_own_port_and_judges_nothing() {
    let described = |check: Value| {
        let posted = json!({"id": "/a", "cmd": "sleep 1", "check": check,
            "portDefinitions": [{"port": 10_000}, {"port": 10_001}]});
        let info = task_info(&launch(posted, &[31_030, 31_500])).unwrap();
        assert_eq!(info.health_check, None);
        serde_json::to_value(info.check).unwrap()
    };
    assert_eq!(
        described(json!({"http": {"portIndex": 1, "path": "/up"}, "delaySeconds": 1,
            "intervalSeconds": 2, "timeoutSeconds": 3})),
        json!({"type": "HTTP", "delay_seconds": 1.0, "interval_seconds": 2.0,
            "timeout_seconds": 3.0, "http": {"port": 31_500, "path": "/up"}})
    );
    let times = json!({"delay_seconds": 15.0, "interval_seconds": 60.0, "timeout_seconds": 20.0});
    for (check, kind, expected) in [
        (json!({"http": {}}), "HTTP", json!({"http": {"port": 31_030}})),
        (json!({"http": {"port": 80}}), "HTTP", json!({"http": {"port": 80}})),
        (json!({"tcp": {}}), "TCP", json!({"tcp": {"port": 31_030}})),
        (
            json!({"exec": {"command": {"shell": "test -e up"}}}),
            "COMMAND",
            json!({"command": {"command": {"shell": true, "value": "test -e up"}}}),
        ),
        // As with tasks, the agent takes the first argument for what the program is called.
        (
            json!({"exec": {"command": {"argv": ["test", "-e", "up"]}}}),
            "COMMAND",
            json!({"command": {"command":
                {"shell": false, "value": "test", "arguments": ["test", "-e", "up"]}}}),
        ),
    ] {
        let mut wanted = times.clone();
        let members = wanted.as_object_mut().unwrap();
        members.insert("type".to_owned(), kind.into());
        members.extend(expected.as_object().unwrap().clone());
        assert_eq!(described(check.clone()), wanted, "{check}");
    }
    assert_eq!(described(Value::Null), Value::Null);
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
fn a_command_of_type_mesos_takes_its_volumes_along_and_nothing_else() {
    let posted = json!({"id": "/a", "args": ["sleep", "1"], "container": {"type": "MESOS", "volumes": [
        {"containerPath": "data", "hostPath": "/srv/data", "mode": "RO"},
        {"containerPath": "/opt/own", "hostPath": "own", "mode": "RW"}]}});
    let launch = launch(posted, &[31_000]);
    let info = task_info(&launch).unwrap();
    let command = info.command.as_ref().unwrap();
    assert_eq!((command.shell, command.value.as_deref()), (Some(false), Some("sleep")));
    assert_eq!(
        serde_json::to_value(&info.container).unwrap(),
        json!({"type": "MESOS", "volumes": [
            {"mode": "RO", "container_path": "data", "host_path": "/srv/data"},
            {"mode": "RW", "container_path": "/opt/own", "host_path": "own"}]})
    );
    let variables = environment::variables(&launch, launch.instance.task.as_ref().unwrap());
    assert_eq!(variables.get("MARATHON_APP_DOCKER_IMAGE"), None);
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
        ("MARATHON_APP_LABELS", "A_B_C HAPROXY_GROUP"),
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
fn a_prefix_stands_before_the_host_and_the_ports_and_nothing_else() {
    let plain = launch(nginx(), &[31_030, 31_500]);
    let prefixed = Launch { env_vars_prefix: Arc::from("EKIDEN_"), ..plain.clone() };
    let variables =
        |launch: &Launch| environment::variables(launch, launch.instance.task.as_ref().unwrap());
    let mut expected = variables(&plain);
    // The app's own variable stays what it is called.
    expected.insert("EKIDEN_HOST".to_owned(), "10.0.0.11".to_owned());
    for name in ["PORT", "PORTS", "PORT0", "PORT1", "PORT_80", "PORT_31500", "PORT_HTTP"] {
        let value = expected.remove(name).unwrap();
        expected.insert(format!("EKIDEN_{name}"), value);
    }
    assert_eq!(expected["HOST"], "mine");
    assert_eq!(variables(&prefixed), expected);
    let sent = task_info(&prefixed).unwrap().command.unwrap().environment.unwrap().variables;
    assert!(sent.iter().any(|variable| variable.name == "EKIDEN_PORT0"));
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
fn a_task_in_a_named_network_is_reached_by_host_ports_and_by_its_own() {
    let posted = json!({"id": "/a", "networks": [{"name": "blue", "labels": {"k": "v"}}],
        "container": {"docker": {"image": "busybox", "privileged": true,
                "parameters": [{"key": "hostname", "value": "web"}]},
            "volumes": [{"containerPath": "/a", "hostPath": "b", "mode": "RO"}],
            "portMappings": [{"containerPort": 80, "name": "http"},
                {"containerPort": 81, "hostPort": 0}, {"containerPort": 0}]}});
    let launch = launch(posted, &[0, 31_500, 0]);
    let variables = environment::variables(&launch, launch.instance.task.as_ref().unwrap());
    let own = variables["PORT2"].parse::<u16>().unwrap();
    assert!(own >= 1_025);
    let own = own.to_string();
    let ports: Vec<(&str, &str)> = variables
        .iter()
        .filter(|(name, _)| name.starts_with("PORT"))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let (all, own_name) = (format!("80,31500,{own}"), format!("PORT_{own}"));
    let mut expected = [
        ("PORT", "80"),
        ("PORT0", "80"),
        ("PORT1", "31500"),
        ("PORT2", own.as_str()),
        ("PORTS", all.as_str()),
        ("PORT_80", "80"),
        ("PORT_81", "31500"),
        ("PORT_HTTP", "80"),
        (own_name.as_str(), own.as_str()),
    ];
    expected.sort_unstable();
    assert_eq!(ports, expected);
    let json = serde_json::to_value(task_info(&launch).unwrap()).unwrap();
    let container = &json["container"];
    assert_eq!(container["docker"]["network"], "USER");
    assert_eq!(container["network_infos"][0]["name"], "blue");
    assert_eq!(container["network_infos"][0]["labels"]["labels"][0]["key"], "k");
    assert_eq!(
        container["docker"]["port_mappings"],
        json!([{"host_port": 31500, "container_port": 81, "protocol": "tcp"}])
    );
    assert_eq!(container["docker"]["privileged"], true);
    assert_eq!(container["docker"]["parameters"][0], json!({"key": "hostname", "value": "web"}));
    assert_eq!(container["volumes"][0]["mode"], "RO");
    assert_eq!(container["volumes"][0]["host_path"], "b");
    let discovered = json["discovery"]["ports"]["ports"].as_array().unwrap().clone();
    let numbers: Vec<_> = discovered.iter().map(|port| port["number"].to_string()).collect();
    assert_eq!(numbers, ["80", "31500", own.as_str()]);
    let scope = |at: usize| {
        let labels = discovered[at]["labels"]["labels"].as_array().unwrap();
        labels.iter().find(|label| label["key"] == "network-scope").unwrap()["value"].clone()
    };
    assert_eq!([scope(0), scope(1)], ["container", "host"]);
    let ranges = json["resources"].as_array().unwrap().iter().find(|one| one["name"] == "ports");
    assert_eq!(ranges.unwrap()["ranges"]["range"], json!([{"begin": 31500, "end": 31500}]));
    assert_eq!(crate::render::task(&launch.instance).unwrap().ports, [31_500]);
}

/// The ports of the task's discovery.
fn discovered(posted: Value, ports: &[u16]) -> Value {
    let info = task_info(&launch(posted, ports)).unwrap();
    serde_json::to_value(info.discovery.unwrap().ports.unwrap()).unwrap()["ports"].clone()
}

/// One port of a task's discovery, with its labels in their order.
fn port(number: u16, name: Option<&str>, protocol: &str, labels: &[(&str, &str)]) -> Value {
    let labels: Vec<Value> =
        labels.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    let mut port = json!({"number": number, "protocol": protocol, "labels": {"labels": labels}});
    if let Some(name) = name {
        port["name"] = name.into();
    }
    port
}

#[test]
fn discovery_tells_each_ports_own_labels_and_where_it_is_reached() {
    let mappings = json!([
        {"containerPort": 80, "name": "http", "labels": {"VIP_0": "/web:80", "zone": "a"}},
        {"containerPort": 53, "hostPort": 0, "protocol": "udp,tcp", "labels": {"a": "b"}},
        {"containerPort": 81},
    ]);
    let app = |network: Value| {
        json!({"id": "/a", "networks": [network],
            "container": {"docker": {"image": "busybox"}, "portMappings": mappings}})
    };
    let host = ("network-scope", "host");
    let [network, scope] = [("network-name", "blue"), ("network-scope", "container")];
    assert_eq!(
        discovered(app(json!({"name": "blue"})), &[0, 31_500, 0]),
        json!([
            port(80, Some("http"), "tcp", &[("VIP_0", "/web:80"), network, scope, ("zone", "a")]),
            port(31_500, None, "udp", &[("a", "b"), host]),
            port(31_500, None, "tcp", &[("a", "b"), host]),
            port(81, None, "tcp", &[network, scope]),
        ])
    );
    assert_eq!(
        discovered(app(json!({"mode": "container/bridge"})), &[31_001, 31_500, 31_002]),
        json!([
            port(31_001, Some("http"), "tcp", &[("VIP_0", "/web:80"), host, ("zone", "a")]),
            port(31_500, None, "udp", &[("a", "b"), host]),
            port(31_500, None, "tcp", &[("a", "b"), host]),
            port(31_002, None, "tcp", &[host]),
        ])
    );
    let definitions = json!({"id": "/a", "cmd": "sleep 1", "portDefinitions": [
        {"port": 0, "name": "x", "protocol": "udp", "labels": {"a": "b"}}, {"port": 0}]});
    assert_eq!(
        discovered(definitions, &[31_001, 31_002]),
        json!([
            port(31_001, Some("x"), "udp", &[("a", "b"), host]),
            port(31_002, None, "tcp", &[host]),
        ])
    );
}

#[test]
fn a_port_of_a_container_mapped_by_transport_is_published_and_told_twice() {
    let posted = json!({"id": "/a", "networks": [{"mode": "container/bridge"}],
        "container": {"docker": {"image": "busybox"}, "portMappings": [
            {"containerPort": 53, "hostPort": 31_053, "protocol": "tcp"},
            {"containerPort": 53, "hostPort": 31_053, "protocol": "udp"}]}});
    let info = task_info(&launch(posted.clone(), &[31_053, 31_053])).unwrap();
    let json = serde_json::to_value(&info).unwrap();
    assert_eq!(
        json["container"]["docker"]["port_mappings"],
        json!([{"host_port": 31053, "container_port": 53, "protocol": "tcp"},
            {"host_port": 31053, "container_port": 53, "protocol": "udp"}])
    );
    let ranges = json["resources"].as_array().unwrap().iter().find(|one| one["name"] == "ports");
    assert_eq!(ranges.unwrap()["ranges"]["range"], json!([{"begin": 31053, "end": 31053}]));
    let host = ("network-scope", "host");
    assert_eq!(
        discovered(posted, &[31_053, 31_053]),
        json!([port(31_053, None, "tcp", &[host]), port(31_053, None, "udp", &[host])])
    );
}

#[test]
fn labels_become_variables_unless_they_are_too_long() {
    let posted = json!({"id": "/a", "container": {"docker": {"image": "busybox"}}, "labels": {
        "a.b": "1", "a-b": "2", "x".repeat(492): "fits", "y".repeat(493): "too long",
        "long": "v".repeat(512), "fits": "v".repeat(511)}});
    let launch = launch(posted, &[31_000]);
    let variables = environment::variables(&launch, launch.instance.task.as_ref().unwrap());
    let names = &variables["MARATHON_APP_LABELS"];
    assert_eq!(*names, format!("A_B FITS {}", "X".repeat(492)));
    assert_eq!(variables["MARATHON_APP_LABEL_A_B"], "1");
    assert!(!variables.contains_key("MARATHON_APP_LABEL_LONG"));
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

#[test]
fn marathons_checks_ask_a_container_with_an_address_of_its_own_where_it_has_no_host_port() {
    let check = |more: Value| {
        let mut check = json!({"protocol": "TCP"});
        check.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        check
    };
    let checks =
        [check(json!({"portIndex": 0})), check(json!({"portIndex": 1})), check(json!({"port": 9}))];
    let posted = json!({"id": "/a", "networks": [{"name": "blue"}], "healthChecks": checks,
        "container": {"docker": {"image": "busybox"},
            "portMappings": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 0}]}});
    let launch = launch(posted, &[0, 31_500]);
    let spec = &launch.definition.spec;
    let mut task = launch.instance.task.clone().unwrap();
    let asked = |task: &Task| -> Vec<Option<(String, u16)>> {
        let checks = spec.health_checks().iter();
        checks.map(|check| crate::endpoint::of_check(spec, task, check)).collect()
    };
    let on_host = Some(("10.0.0.11".to_owned(), 31_500));
    assert_eq!(asked(&task), [None, on_host.clone(), None], "its address is not known yet");
    task.addresses = vec!["172.18.0.2".parse().unwrap()];
    let own = |port| Some(("172.18.0.2".to_owned(), port));
    assert_eq!(asked(&task), [own(80), on_host, own(9)]);
}

#[test]
fn limits_go_to_mesos_and_unlimited_is_infinite() {
    let mut posted = nginx();
    assert!(task_info(&launch(posted.clone(), &[31_030, 31_500])).unwrap().limits.is_empty());
    posted["resourceLimits"] = json!({"cpus": 1.5, "mem": "unlimited"});
    let limits = task_info(&launch(posted, &[31_030, 31_500])).unwrap().limits;
    let numbers: Vec<_> = limits.iter().map(|(name, limit)| (name.as_str(), limit.value)).collect();
    assert_eq!(numbers, [("cpus", 1.5), ("mem", f64::INFINITY)]);
}

#[test]
fn labels_of_a_bridge_stand_in_the_tasks_description() {
    let mut posted = nginx();
    let infos = |posted: &Value| {
        task_info(&launch(posted.clone(), &[31_030, 31_500]))
            .unwrap()
            .container
            .unwrap()
            .network_infos
    };
    assert_eq!(infos(&posted), []);
    let container = posted["container"]["docker"].as_object_mut().unwrap();
    let mappings =
        [container.remove("portMappings").unwrap(), container.remove("network").unwrap()];
    posted["container"]["portMappings"] = mappings[0].clone();
    posted["networks"] = json!([{"mode": "container/bridge", "labels": {"a": "b"}}]);
    let found = infos(&posted);
    assert_eq!((found.len(), &found[0].name), (1, &None));
    assert_eq!(found[0].labels.as_ref().unwrap().labels[0].key, "a");
}
