//! Every option of a Docker task, read back from the engine.
#![expect(clippy::unwrap_used, reason = "an engine that does not answer ends its test")]

use std::collections::BTreeSet;

use agent_core::container::ContainerSpec;
use agent_core::docker_task::{self, Surroundings};
use containerizer::Containerizer;
use serde_json::{Value, json};
use wire::mesos::v1::TaskInfo;

use crate::engine::{Bench, LABEL, docker};

/// The container that a task with this `container` and `command` becomes.
fn spec(bench: &Bench, name: &str, container: Value, command: &Value) -> ContainerSpec {
    let mut container = container;
    container["docker"]["image"] = json!(bench.image);
    container["type"] = json!("DOCKER");
    let task: TaskInfo = serde_json::from_value(json!({
        "name": name, "task_id": {"value": name}, "agent_id": {"value": "S0"},
        "command": command, "container": container,
        "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 64.0}},
            {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31900, "end": 31999}]}},
        ],
    }))
    .unwrap();
    let labels = [(LABEL, bench.id.as_str())];
    let name = format!("mesos-{}.{name}", bench.id);
    let sandbox = bench.sandbox.path().display().to_string();
    let around = Surroundings {
        container_name: &name,
        address: "127.0.0.77",
        sandbox: &sandbox,
        sandbox_mount: "/mnt/mesos/sandbox",
        labels: &labels,
        bounds_cpu: true,
        dns: &[],
    };
    docker_task::container_spec(&task, around).unwrap()
}

/// What the engine says of the container that was made.
async fn made(bench: &Bench, spec: &ContainerSpec) -> Value {
    bench.docker.create(spec).await.unwrap();
    inspected(spec)
}

fn inspected(spec: &ContainerSpec) -> Value {
    let all: Value = serde_json::from_str(&docker(&["inspect", &spec.name])).unwrap();
    all[0].clone()
}

/// Option, value, where the engine shows it, and what it shows; a text has to be in a list that is shown.
fn options() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    vec![
        ("add-host", "db:10.0.0.9", "/HostConfig/ExtraHosts", json!(["db:10.0.0.9"])),
        ("cap-add", "NET_ADMIN", "/HostConfig/CapAdd", json!(["NET_ADMIN"])),
        ("cap-drop", "ALL", "/HostConfig/CapDrop", json!(["ALL"])),
        ("cpu-shares", "77", "/HostConfig/CpuShares", json!(77)),
        ("cpu-period", "50000", "/HostConfig/CpuPeriod", json!(50_000)),
        ("cpu-quota", "25000", "/HostConfig/CpuQuota", json!(25_000)),
        ("cpus", "1.5", "/HostConfig/NanoCpus", json!(1_500_000_000)),
        ("cpuset-cpus", "0", "/HostConfig/CpusetCpus", json!("0")),
        ("cpuset-mems", "0", "/HostConfig/CpusetMems", json!("0")),
        (
            "device",
            "/dev/null:/dev/nothing:r",
            "/HostConfig/Devices",
            json!([
            {"PathOnHost": "/dev/null", "PathInContainer": "/dev/nothing", "CgroupPermissions": "r"}]),
        ),
        ("device-cgroup-rule", "c 1:3 r", "/HostConfig/DeviceCgroupRules", json!(["c 1:3 r"])),
        ("dns", "10.0.0.53", "/HostConfig/Dns", json!(["10.0.0.53"])),
        ("dns-opt", "ndots:2", "/HostConfig/DnsOptions", json!(["ndots:2"])),
        ("dns-option", "ndots:3", "/HostConfig/DnsOptions", json!(["ndots:3"])),
        ("dns-search", "example.org", "/HostConfig/DnsSearch", json!(["example.org"])),
        ("domainname", "example.org", "/Config/Domainname", json!("example.org")),
        ("env", "A=by parameter", "/Config/Env", json!("A=by parameter")),
        ("entrypoint", "/bin/cat", "/Config/Entrypoint", json!(["/bin/cat"])),
        ("expose", "53/udp", "/Config/ExposedPorts", json!({"53/udp": {}})),
        ("gpus", "2", "/HostConfig/DeviceRequests/0/Count", json!(2)),
        ("gpus", "all", "/HostConfig/DeviceRequests/0/Capabilities", json!([["gpu"]])),
        ("group-add", "audio", "/HostConfig/GroupAdd", json!(["audio"])),
        ("hostname", "web", "/Config/Hostname", json!("web")),
        ("init", "true", "/HostConfig/Init", json!(true)),
        ("ipc", "host", "/HostConfig/IpcMode", json!("host")),
        ("label", "team=blue", "/Config/Labels/team", json!("blue")),
        ("log-driver", "local", "/HostConfig/LogConfig/Type", json!("local")),
        ("log-opt", "labels=team", "/HostConfig/LogConfig/Config/labels", json!("team")),
        ("memory", "48m", "/HostConfig/Memory", json!(48 << 20)),
        ("memory-reservation", "40m", "/HostConfig/MemoryReservation", json!(40 << 20)),
        ("memory-swap", "96m", "/HostConfig/MemorySwap", json!(96 << 20)),
        ("memory-swappiness", "10", "/HostConfig/MemorySwappiness", json!(10)),
        ("net", "none", "/HostConfig/NetworkMode", json!("none")),
        ("network", "bridge", "/HostConfig/NetworkMode", json!("bridge")),
        ("oom-kill-disable", "true", "/HostConfig/OomKillDisable", json!(true)),
        ("oom-score-adj", "100", "/HostConfig/OomScoreAdj", json!(100)),
        ("pid", "host", "/HostConfig/PidMode", json!("host")),
        ("pids-limit", "50", "/HostConfig/PidsLimit", json!(50)),
        ("privileged", "true", "/HostConfig/Privileged", json!(true)),
        ("read-only", "true", "/HostConfig/ReadonlyRootfs", json!(true)),
        ("runtime", "runc", "/HostConfig/Runtime", json!("runc")),
        (
            "security-opt",
            "no-new-privileges",
            "/HostConfig/SecurityOpt",
            json!(["no-new-privileges"]),
        ),
        ("shm-size", "16m", "/HostConfig/ShmSize", json!(16 << 20)),
        ("stop-signal", "SIGQUIT", "/Config/StopSignal", json!("SIGQUIT")),
        (
            "sysctl",
            "net.core.somaxconn=99",
            "/HostConfig/Sysctls",
            json!({"net.core.somaxconn": "99"}),
        ),
        ("tmpfs", "/run:size=1m", "/HostConfig/Tmpfs", json!({"/run": "size=1m"})),
        (
            "ulimit",
            "nofile=100:200",
            "/HostConfig/Ulimits",
            json!([{"Name": "nofile", "Soft": 100, "Hard": 200}]),
        ),
        ("user", "65534:65534", "/Config/User", json!("65534:65534")),
        ("userns", "host", "/HostConfig/UsernsMode", json!("host")),
        ("uts", "host", "/HostConfig/UTSMode", json!("host")),
        ("volume", "/etc:/host:ro", "/HostConfig/Binds", json!(["/etc:/host:ro"])),
        ("volume", "/scratch", "/Config/Volumes", json!({"/scratch": {}})),
        ("volume-driver", "local", "/HostConfig/VolumeDriver", json!("local")),
        ("workdir", "/tmp", "/Config/WorkingDir", json!("/tmp")),
    ]
}

/// Options of a named network, by which a container joins it.
const OF_NETWORK: [(&str, &str); 4] = [
    ("net-alias", "shop"),
    ("network-alias", "web"),
    ("ip", "10.213.77.7"),
    ("ip6", "fd00:e:77::7"),
];

/// Options that name another container.
const OF_OTHERS: [&str; 2] = ["link", "volumes-from"];

/// Options that not every kernel and storage driver has.
const OF_MACHINE: [(&str, &str, &str); 2] = [
    ("blkio-weight", "300", "/HostConfig/BlkioWeight"),
    ("storage-opt", "size=1G", "/HostConfig/StorageOpt"),
];

#[test]
fn no_option_that_is_carried_out_is_missing_here() {
    let mut shown: BTreeSet<&str> = options().into_iter().map(|(key, ..)| key).collect();
    shown.extend(OF_NETWORK.map(|(key, _)| key));
    shown.extend(OF_OTHERS);
    shown.extend(OF_MACHINE.map(|(key, ..)| key));
    let carried_out: BTreeSet<&str> = docker_task::PARAMETERS.iter().copied().collect();
    assert_eq!(shown, carried_out);
}

#[tokio::test]
async fn options_that_name_another_container_reach_the_engine() {
    let bench = Bench::new();
    let other = bench.shell("other", "sleep 1");
    bench.docker.create(&other).await.unwrap();
    let link = format!("{}:db", other.name);
    let values =
        OF_OTHERS.map(|key| if key == "link" { link.as_str() } else { other.name.as_str() });
    let parameters: Vec<Value> = OF_OTHERS
        .iter()
        .zip(values)
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    let container = json!({"docker": {"network": "BRIDGE", "parameters": parameters}});
    let spec = spec(&bench, "linked", container, &json!({"value": "true"}));
    let shown = made(&bench, &spec).await;
    let linked = format!("/{}:/{}/db", other.name, spec.name);
    assert_eq!(shown["HostConfig"]["Links"], json!([linked]));
    assert_eq!(shown["HostConfig"]["VolumesFrom"], json!([other.name]));
}

#[tokio::test]
async fn options_that_the_machine_may_lack_do_what_they_do_for_the_engines_own_client() {
    let bench = Bench::new();
    for (key, value, pointer) in OF_MACHINE {
        let option = format!("--{key}={value}");
        let label = format!("{LABEL}={}", bench.id);
        let name = format!("mesos-{}.client-{key}", bench.id);
        docker(&["create", "--name", &name, "--label", &label, &option, &bench.image, "/bin/sh"]);
        let by_client: Value = serde_json::from_str(&docker(&["inspect", &name])).unwrap();
        let parameters = json!([{"key": key, "value": value}]);
        let container = json!({"docker": {"network": "HOST", "parameters": parameters}});
        let spec = spec(&bench, key, container, &json!({"value": "true"}));
        match (by_client.pointer(&format!("/0{pointer}")), bench.docker.create(&spec).await) {
            (Some(by_client), Ok(_)) => {
                assert_eq!(inspected(&spec).pointer(pointer), Some(by_client), "{option}");
            }
            (None, Err(error)) => assert!(error.to_string().contains(key), "{option}: {error}"),
            (by_client, ours) => panic!("{option}: {by_client:?}, and ours is {ours:?}"),
        }
    }
}

#[tokio::test]
async fn every_option_reaches_the_engine() {
    let bench = Bench::new();
    let mut wrong = Vec::new();
    for (index, (key, value, pointer, expected)) in options().into_iter().enumerate() {
        let docker = json!({"network": "HOST", "parameters": [{"key": key, "value": value}]});
        let command = json!({"shell": false, "arguments": ["sleep", "1"]});
        let spec = spec(&bench, &format!("option-{index}"), json!({"docker": docker}), &command);
        let shown = made(&bench, &spec).await;
        let found = shown.pointer(pointer).cloned().unwrap_or_default();
        let is_listed = found.as_array().is_some_and(|list| list.contains(&expected));
        if found != expected && !is_listed {
            wrong.push(format!("--{key}={value}: {pointer} is {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_a_task_says_without_parameters_reaches_the_engine() {
    let bench = Bench::new();
    let container = json!({
        "hostname": "web",
        "docker": {
            "network": "BRIDGE", "privileged": true,
            "port_mappings": [
                {"host_port": 31900, "container_port": 80, "protocol": "tcp"},
                {"host_port": 31901, "container_port": 53, "protocol": "UDP"},
                {"host_port": 31901, "container_port": 53, "protocol": "tcp"},
            ],
        },
        "volumes": [
            {"mode": "RO", "host_path": "/etc", "container_path": "/host/etc"},
            {"mode": "RW", "host_path": "made", "container_path": "/made"},
            {"mode": "RW", "host_path": "/tmp", "container_path": "inside"},
        ],
    });
    let command =
        json!({"value": "true", "environment": {"variables": [{"name": "A", "value": "1"}]}});
    let spec = spec(&bench, "plain", container, &command);
    let shown = made(&bench, &spec).await;
    let sandbox = bench.sandbox.path().display().to_string();
    let bound = |port: &str| json!([{"HostIp": "127.0.0.77", "HostPort": port}]);
    for (pointer, expected) in [
        ("/Config/Hostname", json!("web")),
        ("/Config/Entrypoint", json!(["/bin/sh"])),
        ("/Config/Cmd", json!(["-c", "true"])),
        ("/HostConfig/CpuShares", json!(512)),
        ("/HostConfig/CpuQuota", json!(50_000)),
        ("/HostConfig/Memory", json!(64 << 20)),
        ("/HostConfig/Privileged", json!(true)),
        ("/HostConfig/LogConfig/Type", json!("json-file")),
        ("/HostConfig/LogConfig/Config/max-size", json!("1000000t")),
        ("/HostConfig/PortBindings/80~1tcp", bound("31900")),
        ("/HostConfig/PortBindings/53~1udp", bound("31901")),
        ("/HostConfig/PortBindings/53~1tcp", bound("31901")),
        (
            "/HostConfig/Binds",
            json!([
                "/etc:/host/etc:ro",
                format!("{sandbox}/made:/made:rw"),
                "/tmp:/mnt/mesos/sandbox/inside:rw",
            ]),
        ),
        ("/HostConfig/Mounts/0/Source", json!(sandbox)),
        ("/HostConfig/Mounts/0/Target", json!("/mnt/mesos/sandbox")),
    ] {
        assert_eq!(shown.pointer(pointer), Some(&expected), "{pointer}");
    }
    let environment = shown["Config"]["Env"].as_array().unwrap();
    let name = format!("MESOS_CONTAINER_NAME={}", spec.name);
    for variable in ["A=1", "MESOS_SANDBOX=/mnt/mesos/sandbox", "MESOS_ALLOCATION_ROLE=*", &name] {
        assert!(environment.contains(&json!(variable)), "{variable}: {environment:?}");
    }
}

#[tokio::test]
async fn a_container_joins_a_network_by_its_name() {
    let bench = Bench::new();
    let network = format!("net-{}", bench.id);
    let subnets = ["--ipv6", "--subnet", "10.213.77.0/24", "--subnet", "fd00:e:77::/64"];
    docker(&[&["network", "create"][..], &subnets, &[network.as_str()]].concat());
    let parameters = OF_NETWORK.map(|(key, value)| json!({"key": key, "value": value}));
    let container = json!({
        "network_infos": [{"name": network}],
        "docker": {
            "network": "USER",
            "port_mappings": [{"host_port": 31902, "container_port": 80}],
            "parameters": parameters,
        },
    });
    let spec = spec(&bench, "named", container, &json!({"value": "sleep 60"}));
    let shown = made(&bench, &spec).await;
    bench.docker.start(&spec.name).await.unwrap();
    let inspection = bench.docker.inspect(&spec.name).await.unwrap();
    let running = inspected(&spec);
    docker(&["rm", "-f", &spec.name]);
    docker(&["network", "rm", &network]);
    assert_eq!(shown["HostConfig"]["NetworkMode"], json!(network));
    assert_eq!(inspection.addresses, ["10.213.77.7", "fd00:e:77::7"]);
    let endpoint = &running["NetworkSettings"]["Networks"][&network];
    for alias in ["web", "shop"] {
        assert!(endpoint["Aliases"].as_array().unwrap().contains(&json!(alias)), "{endpoint}");
    }
    let bound = &running["NetworkSettings"]["Ports"]["80/tcp"];
    assert_eq!(*bound, json!([{"HostIp": "127.0.0.77", "HostPort": "31902"}]));
}

#[tokio::test]
async fn a_folder_of_the_host_that_is_missing_is_made() {
    let bench = Bench::new();
    let folder = bench.sandbox.path().join("elsewhere/www");
    let container = json!({
        "docker": {"network": "NONE"},
        "volumes": [
            {"mode": "RW", "host_path": folder, "container_path": "/www"},
            {"mode": "RO", "host_path": "conf", "container_path": "/conf"},
        ],
    });
    let script =
        "echo written > /www/page; echo x > /conf/page && exit 1; test -d /mnt/mesos/sandbox/conf";
    let spec = spec(&bench, "folders", container, &json!({"value": script}));
    bench.docker.create(&spec).await.unwrap();
    bench.docker.start(&spec.name).await.unwrap();
    let exit = bench.docker.wait(&spec.name).await;
    assert_eq!(exit, agent_core::container::Exit::Exited { status: 0, out_of_memory: false });
    assert_eq!(std::fs::read_to_string(folder.join("page")).unwrap(), "written\n");
}

#[tokio::test]
async fn a_container_that_needs_too_much_memory_says_so() {
    let bench = Bench::new();
    let mut spec = bench.shell("greedy", "x=0123456789; while true; do x=$x$x; done");
    spec.options.memory_swap_bytes = Some(spec.memory_bytes);
    bench.docker.create(&spec).await.unwrap();
    bench.docker.start(&spec.name).await.unwrap();
    let exit = bench.docker.wait(&spec.name).await;
    assert_eq!(exit, agent_core::container::Exit::Exited { status: 137, out_of_memory: true });
}
