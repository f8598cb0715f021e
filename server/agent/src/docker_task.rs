//! A `TaskInfo` turned into a container, or refused with the reason.
//!
//! Every field that could change how the task runs is either carried out or named in the refusal; none is ignored. What is only carried
//! along (labels, discovery, data for schedulers) stays in the `TaskInfo`.
//!
//! Source: apache/mesos: src/docker/docker.cpp (`Docker::RunOptions::create`).

mod limits;
mod parameters;
mod volumes;

use std::collections::BTreeMap;

use wire::mesos::v1::container_info::docker_info::Network as DockerNetwork;
use wire::mesos::v1::container_info::{DockerInfo, Type as ContainerType, docker_info};
use wire::mesos::v1::environment::variable::Type as VariableType;
use wire::mesos::v1::{CommandInfo, ContainerInfo, TaskInfo, value};

use crate::container::{ContainerSpec, Network, Protocol, PublishedPort};
use crate::engine_options::EngineOptions;
use crate::network_dns::{self, NetworkDns};

/// The names of the `docker run` options that a task may give as parameters.
pub use parameters::CARRIED_OUT as PARAMETERS;

/// Why a task cannot run here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The task asks for something that this agent cannot do; it would not help to send it again.
    #[error("{0}")]
    Unsupported(String),
    /// The options of the container contradict each other or the task's resources.
    #[error("Failed to create docker run options: {0}")]
    Options(String),
}

/// What surrounds the task: the names chosen for it and the agent's own address.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Name of the container in the engine.
    pub container_name: &'a str,
    /// Address on which ports are published.
    pub address: &'a str,
    /// The sandbox on the host.
    pub sandbox: &'a str,
    /// Where the container sees it.
    pub sandbox_mount: &'a str,
    /// Labels for the container.
    pub labels: &'a [(&'a str, &'a str)],
    /// Whether the container gets no more processor time than its `cpus`.
    pub bounds_cpu: bool,
    /// Name servers by network.
    pub dns: &'a [NetworkDns],
}

/// Makes the container's specification.
///
/// # Errors
/// When the task is no Docker task, asks for an option that is not supported, or its options are wrong.
pub fn container_spec(task: &TaskInfo, around: Surroundings<'_>) -> Result<ContainerSpec, Refusal> {
    let (container, docker) = docker_container(task)?;
    refuse_unsupported(task, container)?;
    let network = network(container, docker)?;
    let hostname = container.hostname.clone().filter(|name| !name.is_empty());
    if hostname.is_some() && network == Network::Host {
        let text = "Unable to set hostname with host network mode";
        return Err(Refusal::Options(text.to_owned()));
    }
    let (entrypoint, arguments) = command(task.command.as_ref())?;
    let (volumes, volume_driver) = volumes::bound(container, docker, around)?;
    let limits = limits::of(task, around.bounds_cpu);
    let mut spec = ContainerSpec {
        name: around.container_name.to_owned(),
        image: docker.image.clone(),
        force_pull: docker.force_pull_image.unwrap_or(false),
        entrypoint,
        arguments,
        environment: environment(task, around)?,
        labels: BTreeMap::new(),
        network,
        ports: Vec::new(),
        hostname,
        cpu_shares: limits.cpu_shares,
        cpu_quota: limits.cpu_quota,
        memory_bytes: limits.memory_bytes,
        memory_reservation_bytes: limits.memory_reservation_bytes,
        privileged: docker.privileged.unwrap_or(false),
        volumes,
        options: EngineOptions { volume_driver, ..EngineOptions::default() },
        // Compat: who the container's process is, the image and the parameter `user` say.
        sandbox_owner: task.command.as_ref().and_then(|command| command.user.clone()),
        sandbox: around.sandbox.to_owned(),
        sandbox_mount: around.sandbox_mount.to_owned(),
    };
    parameters::apply(&mut spec, &docker.parameters)?;
    network_dns::add(around.dns, &spec.network, &mut spec.options);
    // Ours are written last: by them an agent knows its own containers.
    let ours = around.labels.iter();
    spec.labels.extend(ours.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    spec.ports = published_ports(task, docker, &spec.network, around.address)?;
    Ok(spec)
}

fn unsupported<T>(text: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(text.into()))
}

fn docker_container(task: &TaskInfo) -> Result<(&ContainerInfo, &DockerInfo), Refusal> {
    if task.executor.is_some() {
        return unsupported(
            "only DOCKER containers are supported yet: the task brings an executor",
        );
    }
    let Some(container) = &task.container else {
        return unsupported("only DOCKER containers are supported yet: the task has no container");
    };
    if container.r#type != ContainerType::Docker as i32 {
        return unsupported(
            "only DOCKER containers are supported yet: the task's container is of type MESOS",
        );
    }
    match &container.docker {
        Some(docker) if !docker.image.is_empty() => Ok((container, docker)),
        Some(_) | None => unsupported("the DOCKER container names no image"),
    }
}

fn refuse_unsupported(task: &TaskInfo, container: &ContainerInfo) -> Result<(), Refusal> {
    let asked = [
        ("container.linux_info", container.linux_info.is_some()),
        ("container.rlimit_info", container.rlimit_info.is_some()),
        ("container.tty_info", container.tty_info.is_some()),
        ("container.mesos", container.mesos.is_some()),
        ("check", task.check.is_some()),
    ];
    match asked.into_iter().find(|(_, is_set)| *is_set) {
        Some((field, _)) => unsupported(format!("`{field}` of a Docker task is not supported yet")),
        None => Ok(()),
    }
}

/// The network, unless a parameter names another.
fn network(container: &ContainerInfo, docker: &DockerInfo) -> Result<Network, Refusal> {
    let number = docker.network.unwrap_or(DockerNetwork::Host as i32);
    let wrong = |text: &str| Err(Refusal::Options(text.to_owned()));
    match DockerNetwork::try_from(number) {
        Ok(DockerNetwork::Host) => Ok(Network::Host),
        Ok(DockerNetwork::Bridge) => Ok(Network::Bridge),
        Ok(DockerNetwork::None) => Ok(Network::None),
        Ok(DockerNetwork::User) => match container.network_infos.as_slice() {
            [] => wrong("No network info found in container info"),
            [info] => match info.name.as_deref().and_then(Network::from_name) {
                Some(network) => Ok(network),
                None => wrong("No network name found in network info"),
            },
            _ => wrong("Only a single network can be defined in Docker run"),
        },
        Err(_) => unsupported(format!("network mode {number} of a Docker task is not known")),
    }
}

type EntrypointAndArguments = (Option<Vec<String>>, Vec<String>);

fn command(command: Option<&CommandInfo>) -> Result<EntrypointAndArguments, Refusal> {
    let Some(command) = command else {
        return Ok((None, Vec::new()));
    };
    let value = command.value.clone();
    if command.shell.unwrap_or(true) {
        return match value {
            Some(line) => Ok((Some(vec!["/bin/sh".to_owned()]), vec!["-c".to_owned(), line])),
            None => {
                Err(Refusal::Options("Shell specified but no command value provided".to_owned()))
            }
        };
    }
    Ok((None, value.into_iter().chain(command.arguments.iter().cloned()).collect()))
}

fn environment(
    task: &TaskInfo,
    around: Surroundings<'_>,
) -> Result<Vec<(String, String)>, Refusal> {
    let given = task.command.as_ref().and_then(|command| command.environment.as_ref());
    let mut all = Vec::new();
    for variable in given.into_iter().flat_map(|environment| &environment.variables) {
        if variable.r#type.is_some_and(|kind| kind == VariableType::Secret as i32)
            || variable.secret.is_some()
        {
            return unsupported(format!(
                "secret environment variable `{}` is not supported yet",
                variable.name
            ));
        }
        if variable.name.is_empty() || variable.name.contains('=') {
            return Err(Refusal::Options(format!(
                "'{}' is no name of an environment variable",
                variable.name
            )));
        }
        all.push((variable.name.clone(), variable.value.clone().unwrap_or_default()));
    }
    all.push(("MESOS_SANDBOX".to_owned(), around.sandbox_mount.to_owned()));
    all.push(("MESOS_CONTAINER_NAME".to_owned(), around.container_name.to_owned()));
    all.push(("MESOS_ALLOCATION_ROLE".to_owned(), allocation_role(task).to_owned()));
    Ok(all)
}

/// The role that the task's resources were offered to.
fn allocation_role(task: &TaskInfo) -> &str {
    task.resources
        .iter()
        .find_map(|resource| resource.allocation_info.as_ref()?.role.as_deref())
        .unwrap_or("*")
}

fn published_ports(
    task: &TaskInfo,
    docker: &DockerInfo,
    network: &Network,
    address: &str,
) -> Result<Vec<PublishedPort>, Refusal> {
    if docker.port_mappings.is_empty() {
        return Ok(Vec::new());
    }
    if matches!(network, Network::Host | Network::None) {
        let text = "Port mappings are only supported for bridge and user-defined networks";
        return Err(Refusal::Options(text.to_owned()));
    }
    let held: Vec<&value::Range> = task
        .resources
        .iter()
        .filter(|resource| resource.name == "ports")
        .filter_map(|resource| resource.ranges.as_ref())
        .flat_map(|ranges| &ranges.range)
        .collect();
    if held.is_empty() {
        return Err(Refusal::Options("Port mappings require port resources".to_owned()));
    }
    docker.port_mappings.iter().map(|mapping| published_port(mapping, &held, address)).collect()
}

fn published_port(
    mapping: &docker_info::PortMapping,
    held: &[&value::Range],
    address: &str,
) -> Result<PublishedPort, Refusal> {
    let wanted = u64::from(mapping.host_port);
    if !held.iter().any(|range| (range.begin..=range.end).contains(&wanted)) {
        return Err(Refusal::Options(format!("Port [{wanted}] not included in resources")));
    }
    let port = |number: u32| {
        u16::try_from(number)
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| Refusal::Options(format!("{number} is no port number")))
    };
    let name = mapping.protocol.as_deref().unwrap_or_default();
    let protocol = Protocol::from_name(name).ok_or_else(|| {
        Refusal::Options(format!("protocol '{name}' of port {wanted} is neither tcp nor udp"))
    })?;
    Ok(PublishedPort {
        host_ip: address.to_owned(),
        host_port: port(mapping.host_port)?,
        container_port: port(mapping.container_port)?,
        protocol,
    })
}

#[cfg(test)]
mod tests;
