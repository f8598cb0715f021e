//! What becomes a container, and what is refused.

use wire::mesos::v1::volume::Mode;
use wire::mesos::v1::{Environment, Parameter, Volume, environment::Variable};

use super::*;
use crate::fixtures::{nginx_task, ports, scalar_resource};

pub(super) fn around() -> Surroundings<'static> {
    Surroundings {
        container_name: "mesos-S5.f1a121be",
        address: "127.0.0.11",
        sandbox: "/var/lib/sandbox",
        sandbox_mount: "/mnt/mesos/sandbox",
        labels: &[("ekiden.task", "nginx.1")],
        bounds_cpu: false,
        dns: &[],
    }
}

fn spec(task: &TaskInfo) -> Result<ContainerSpec, Refusal> {
    container_spec(task, around())
}

pub(super) fn docker(task: &mut TaskInfo) -> &mut DockerInfo {
    task.container.as_mut().unwrap().docker.as_mut().unwrap()
}

fn refused(task: &TaskInfo) -> String {
    spec(task).unwrap_err().to_string()
}

#[test]
fn the_guides_nginx_becomes_a_bridge_container() {
    let spec = spec(&nginx_task("nginx.1", 31_782)).unwrap();
    assert_eq!(spec.image, "docker.io/nginx");
    assert_eq!(spec.network, Network::Bridge);
    assert_eq!(
        spec.ports,
        [PublishedPort {
            host_ip: "127.0.0.11".to_owned(),
            host_port: 31_782,
            container_port: 80,
            protocol: Protocol::Tcp,
        }]
    );
    assert_eq!((spec.cpu_shares, spec.memory_bytes), (204, 32 << 20));
    assert_eq!((spec.entrypoint, spec.arguments), (None, Vec::new()));
}

#[test]
fn a_small_task_gets_at_least_32_mebibytes_and_two_shares() {
    let mut task = nginx_task("nginx.1", 31_782);
    task.resources =
        vec![scalar_resource("cpus", 0.001), scalar_resource("mem", 10.0), ports(31_782)];
    let spec = spec(&task).unwrap();
    assert_eq!((spec.cpu_shares, spec.memory_bytes), (2, 32 << 20));
}

#[test]
fn the_sandboxs_variables_override_the_tasks_own() {
    let mut task = nginx_task("nginx.1", 31_782);
    let variable = |name: &str, value: &str| Variable {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..Variable::default()
    };
    task.command = Some(CommandInfo {
        shell: Some(false),
        environment: Some(Environment {
            variables: vec![variable("MESOS_SANDBOX", "x"), variable("A", "1")],
        }),
        ..CommandInfo::default()
    });
    let environment = spec(&task).unwrap().environment;
    let last =
        |name: &str| environment.iter().rev().find(|(key, _)| key == name).unwrap().1.as_str();
    assert_eq!(last("A"), "1");
    assert_eq!(last("MESOS_SANDBOX"), "/mnt/mesos/sandbox");
    assert_eq!(last("MESOS_CONTAINER_NAME"), "mesos-S5.f1a121be");
    assert_eq!(last("MESOS_ALLOCATION_ROLE"), "*");
}

#[test]
fn a_shell_command_replaces_the_entry_point() {
    let mut task = nginx_task("nginx.1", 31_782);
    task.command =
        Some(CommandInfo { value: Some("echo $HOST".to_owned()), ..CommandInfo::default() });
    let spec = spec(&task).unwrap();
    assert_eq!(spec.entrypoint, Some(vec!["/bin/sh".to_owned()]));
    assert_eq!(spec.arguments, ["-c", "echo $HOST"]);
    task.command = Some(CommandInfo { shell: Some(true), ..CommandInfo::default() });
    assert!(refused(&task).ends_with("Shell specified but no command value provided"));
}

#[test]
fn arguments_without_a_shell_keep_the_entry_point() {
    let mut task = nginx_task("nginx.1", 31_782);
    task.command = Some(CommandInfo {
        shell: Some(false),
        value: Some("nginx".to_owned()),
        arguments: vec!["-g".to_owned(), "daemon off;".to_owned()],
        ..CommandInfo::default()
    });
    let spec = spec(&task).unwrap();
    assert_eq!(
        (spec.entrypoint, spec.arguments),
        (None, vec!["nginx".into(), "-g".into(), "daemon off;".into()])
    );
}

#[test]
fn a_port_outside_the_tasks_resources_is_refused_as_the_original_does() {
    let mut task = nginx_task("nginx.1", 31_782);
    docker(&mut task).port_mappings[0].host_port = 8_080;
    assert_eq!(
        refused(&task),
        "Failed to create docker run options: Port [8080] not included in resources"
    );
    task.resources.retain(|resource| resource.name != "ports");
    assert!(refused(&task).ends_with("Port mappings require port resources"));
    docker(&mut task).network = None;
    assert!(
        refused(&task)
            .ends_with("Port mappings are only supported for bridge and user-defined networks")
    );
}

#[test]
fn tasks_that_are_not_docker_containers_are_refused_clearly() {
    let mut task = nginx_task("nginx.1", 31_782);
    task.container.as_mut().unwrap().r#type = ContainerType::Mesos as i32;
    assert!(refused(&task).starts_with("only DOCKER containers are supported yet"));
    task.container = None;
    assert!(refused(&task).starts_with("only DOCKER containers are supported yet"));
}

#[test]
fn an_option_that_is_not_carried_out_is_named() {
    let mut task = nginx_task("nginx.1", 31_782);
    task.check = Some(Default::default());
    assert!(refused(&task).contains("`check` of a Docker task"));
    let mut task = nginx_task("nginx.1", 31_782);
    docker(&mut task).network = Some(DockerNetwork::User as i32);
    assert!(refused(&task).ends_with("No network info found in container info"));
}

#[test]
fn limits_are_bounds_and_requests_are_reservations() {
    let mut task = nginx_task("nginx.1", 31_782);
    let numbers = |task: &TaskInfo| {
        let spec = spec(task).unwrap();
        (spec.cpu_quota, spec.memory_bytes >> 20, spec.memory_reservation_bytes.map(|b| b >> 20))
    };
    assert_eq!(numbers(&task), (None, 32, None));
    let limit = |value: f64| value::Scalar { value };
    task.limits = [("mem".to_owned(), limit(64.0)), ("cpus".to_owned(), limit(1.5))].into();
    assert_eq!(numbers(&task), (Some(150_000), 64, Some(32)));
    let infinite = limit(f64::INFINITY);
    task.limits = [("mem".to_owned(), infinite), ("cpus".to_owned(), infinite)].into();
    assert_eq!(numbers(&task), (None, 0, Some(32)));
    task.limits.clear();
    let bounded = container_spec(&task, Surroundings { bounds_cpu: true, ..around() }).unwrap();
    assert_eq!(bounded.cpu_quota, Some(20_000));
}

#[test]
fn volumes_are_folders_of_the_host_or_of_the_sandbox() {
    let volume = |host: &str, container: &str, mode: Mode| Volume {
        host_path: Some(host.to_owned()),
        container_path: container.to_owned(),
        mode: mode as i32,
        ..Volume::default()
    };
    let mut task = nginx_task("nginx.1", 31_782);
    let container = |task: &mut TaskInfo, volumes: Vec<Volume>| {
        task.container.as_mut().unwrap().volumes = volumes;
    };
    let all = vec![
        volume("/opt/web/www", "/usr/share/nginx/html", Mode::Rw),
        volume("cache", "/var/cache", Mode::Rw),
        volume("/etc/app", "conf", Mode::Ro),
    ];
    container(&mut task, all);
    let bound: Vec<(String, String, bool)> = spec(&task)
        .unwrap()
        .volumes
        .into_iter()
        .map(|volume| (volume.source, volume.target, volume.is_writable))
        .collect();
    let expected = [
        ("/opt/web/www", "/usr/share/nginx/html", true),
        ("/var/lib/sandbox/cache", "/var/cache", true),
        ("/etc/app", "/mnt/mesos/sandbox/conf", false),
    ];
    assert_eq!(bound, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c)));
    container(&mut task, vec![volume("a", "b", Mode::Rw)]);
    assert!(refused(&task).ends_with("of a volume are relative"));
    container(&mut task, vec![Volume { host_path: None, ..volume("", "/b", Mode::Rw) }]);
    assert!(refused(&task).ends_with("Host path or volume source is required"));
}

#[test]
fn of_the_sources_of_volumes_docker_has_its_own_and_the_others_are_skipped() {
    use wire::mesos::v1::volume::{Source, source};
    let volume = |kind: source::Type, docker_volume| Volume {
        source: Some(Box::new(Source {
            r#type: Some(kind as i32),
            docker_volume,
            ..Source::default()
        })),
        container_path: "/data".to_owned(),
        mode: Mode::Rw as i32,
        ..Volume::default()
    };
    let named = source::DockerVolume { name: "data".to_owned(), ..Default::default() };
    let mut task = nginx_task("nginx.1", 31_782);
    task.container.as_mut().unwrap().volumes = vec![
        volume(source::Type::SandboxPath, None),
        volume(source::Type::HostPath, None),
        volume(source::Type::DockerVolume, Some(named)),
    ];
    let sources: Vec<String> =
        spec(&task).unwrap().volumes.into_iter().map(|volume| volume.source).collect();
    assert_eq!(sources, ["data"]);
    task.container.as_mut().unwrap().volumes = vec![volume(source::Type::DockerVolume, None)];
    assert!(refused(&task).contains("`docker_volume`"));
}

#[test]
fn name_servers_of_a_network_come_before_those_of_the_task() {
    use crate::network_dns::{DnsNetwork, NetworkDns};
    let of = |network, server: &str| NetworkDns {
        network,
        servers: vec![server.to_owned()],
        search: vec!["cluster".to_owned()],
        options: vec!["ndots:2".to_owned()],
    };
    let known = [
        of(DnsNetwork::Bridge, "10.0.0.1"),
        of(DnsNetwork::AnyNamed, "10.0.0.2"),
        of(DnsNetwork::Named("blue".to_owned()), "10.0.0.3"),
    ];
    for (network, expected) in [
        (None, &["10.0.0.1", "9.9.9.9"][..]),
        (Some("blue"), &["10.0.0.3", "9.9.9.9"]),
        (Some("green"), &["10.0.0.2", "9.9.9.9"]),
        (Some("container:other"), &["9.9.9.9"]),
        (Some("host"), &["9.9.9.9"]),
        (Some("none"), &["9.9.9.9"]),
    ] {
        let parameter = |key: &str, value: &str| Parameter { key: key.into(), value: value.into() };
        let mut task = nginx_task("nginx.1", 31_782);
        docker(&mut task).port_mappings.clear();
        docker(&mut task).parameters = vec![parameter("dns", "9.9.9.9")];
        docker(&mut task).parameters.extend(network.map(|name| parameter("net", name)));
        let spec = container_spec(&task, Surroundings { dns: &known, ..around() }).unwrap();
        assert_eq!(spec.options.dns, expected, "{network:?}");
        let is_given = expected.len() > 1;
        let search: &[&str] = if is_given { &["cluster"] } else { &[] };
        assert_eq!(spec.options.dns_search, search, "{network:?}");
        let options: &[&str] = if is_given { &["ndots:2"] } else { &[] };
        assert_eq!(spec.options.dns_options, options, "{network:?}");
    }
}

#[test]
fn labels_are_taken_from_parameters_but_never_ours() {
    let parameter = |key: &str, value: &str| Parameter { key: key.into(), value: value.into() };
    let mut task = nginx_task("nginx.1", 31_782);
    docker(&mut task).parameters = vec![
        parameter("label", "MESOS_TASK_ID=nginx.1"),
        parameter("label", "bare"),
        parameter("label", "ekiden.task=another"),
    ];
    let labels = spec(&task).unwrap().labels;
    assert_eq!(labels["MESOS_TASK_ID"], "nginx.1");
    assert_eq!(labels["bare"], "");
    assert_eq!(labels["ekiden.task"], "nginx.1");
}
