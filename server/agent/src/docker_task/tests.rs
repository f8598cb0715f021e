//! What becomes a container, and what is refused.

use wire::mesos::v1::{Environment, Parameter, environment::Variable};

use super::*;
use crate::fixtures::{nginx_task, ports, scalar_resource};

fn around() -> Surroundings<'static> {
    Surroundings {
        container_name: "mesos-S5.f1a121be",
        address: "127.0.0.11",
        sandbox: "/var/lib/sandbox",
        sandbox_mount: "/mnt/mesos/sandbox",
        labels: &[("ekiden.task", "nginx.1")],
    }
}

fn spec(task: &TaskInfo) -> Result<ContainerSpec, Refusal> {
    container_spec(task, around())
}

fn docker(task: &mut TaskInfo) -> &mut DockerInfo {
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
            .ends_with("Port mappings are only supported on bridge and user-defined networks")
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
    docker(&mut task)
        .parameters
        .push(Parameter { key: "cap-add".to_owned(), value: "ALL".to_owned() });
    assert!(refused(&task).contains("container.docker.parameters"));
    let mut task = nginx_task("nginx.1", 31_782);
    docker(&mut task).network = Some(DockerNetwork::User as i32);
    assert!(refused(&task).contains("USER"));
    let mut task = nginx_task("nginx.1", 31_782);
    task.limits.insert("mem".to_owned(), value::Scalar { value: 64.0 });
    assert!(refused(&task).contains("limits"));
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
    docker(&mut task).parameters = vec![parameter("volume", "/:/host")];
    assert!(refused(&task).contains("`volume` is not supported yet"));
}
