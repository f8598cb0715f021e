//! The description of a task that Mesos gets (marathon.md §7, mesos.md §4.5).

mod check;
mod health_check;

use std::collections::BTreeMap;

use model::v1::resources_to_v1;
use wire::mesos::v1;

use crate::effect::Launch;
use crate::environment;
use crate::instance::Task;
use crate::matching::{self, ports};
use crate::run_spec::{
    Command, ContainerNetwork, Limit, Networking, Parameter, Protocol, RunSpec, Volume,
};

/// Describes the task to launch; `None` for an instance that has none.
pub fn task_info(launch: &Launch) -> Option<v1::TaskInfo> {
    let task = launch.instance.task.as_ref()?;
    let spec = &launch.definition.spec;
    let grace = spec.task_kill_grace_period().map(|grace| v1::KillPolicy {
        grace_period: Some(v1::DurationInfo {
            nanoseconds: i64::try_from(grace.as_nanos()).unwrap_or(i64::MAX),
        }),
    });
    let used = matching::wanted(&launch.definition, &task.ports);
    Some(v1::TaskInfo {
        name: spec.id().hostname(),
        task_id: v1::TaskId { value: task.id.to_string() },
        agent_id: v1::AgentId { value: task.agent.to_string() },
        resources: resources_to_v1(&used, Some(&task.role)),
        command: Some(command(launch, task)),
        container: spec.container().map(|it| container(spec, task, it)),
        kill_policy: grace,
        health_check: health_check::of_task(spec, task).map(Box::new),
        check: check::of_task(spec, task).map(Box::new),
        labels: Some(labels(spec.labels())),
        limits: limits(spec),
        discovery: Some(v1::DiscoveryInfo {
            visibility: v1::discovery_info::Visibility::Framework.into(),
            name: Some(spec.id().hostname()),
            ports: Some(v1::Ports { ports: discovered(spec, task) }),
            ..v1::DiscoveryInfo::default()
        }),
        ..v1::TaskInfo::default()
    })
}

fn limits(spec: &RunSpec) -> BTreeMap<String, v1::value::Scalar> {
    let limits = spec.resource_limits().unwrap_or_default();
    let scalar = |limit: Limit| v1::value::Scalar { value: limit.to_f64() };
    limits.named().map(|(name, limit)| (name.to_owned(), scalar(limit))).collect()
}

fn command(launch: &Launch, task: &Task) -> v1::CommandInfo {
    let variables = environment::variables(launch, task).into_iter().map(|(name, value)| {
        v1::environment::Variable { name, value: Some(value), ..Default::default() }
    });
    let environment = Some(v1::Environment { variables: variables.collect() });
    let spec = &launch.definition.spec;
    let (shell, value, arguments) = match spec.command() {
        Command::Shell(shell) => (true, Some(shell.clone()), Vec::new()),
        Command::Arguments(arguments) => {
            // An image has a program of its own; without one the first argument names it (marathon.md §7).
            let program = arguments.first().filter(|_| spec.docker().is_none());
            (false, program.cloned(), arguments.clone())
        }
        Command::OfImage => (false, None, Vec::new()),
    };
    v1::CommandInfo {
        environment,
        shell: Some(shell),
        value,
        arguments,
        user: launch.definition.spec.user().map(ToOwned::to_owned),
        uris: spec.fetch().iter().map(uri).collect(),
    }
}

fn uri(fetch: &crate::run_spec::Fetch) -> v1::command_info::Uri {
    v1::command_info::Uri {
        value: fetch.uri.clone(),
        executable: Some(fetch.executable),
        extract: Some(fetch.extract),
        cache: Some(fetch.cache),
        output_file: fetch.dest_path.clone(),
    }
}

fn container(
    spec: &RunSpec,
    task: &Task,
    container: &crate::run_spec::Container,
) -> v1::ContainerInfo {
    use v1::container_info::DockerInfo;
    use v1::container_info::docker_info::Network;
    let volumes = container.volumes.iter().map(volume).collect();
    let Some(docker) = &container.docker else {
        // A command of the agent's own containerizer, which has the agent's network.
        let kind = v1::container_info::Type::Mesos;
        return v1::ContainerInfo { r#type: kind.into(), volumes, ..v1::ContainerInfo::default() };
    };
    let (network, network_infos) = match spec.networking() {
        Networking::Host { .. } => (Network::Host, Vec::new()),
        Networking::Bridge { labels, .. } => (Network::Bridge, bridge_info(labels)),
        Networking::Container { network, .. } => (Network::User, vec![network_info(network)]),
    };
    let parameter = |parameter: &Parameter| v1::Parameter {
        key: parameter.key.clone(),
        value: parameter.value.clone(),
    };
    let label =
        v1::Parameter { key: "label".to_owned(), value: format!("MESOS_TASK_ID={}", task.id) };
    v1::ContainerInfo {
        r#type: v1::container_info::Type::Docker.into(),
        volumes,
        network_infos,
        docker: Some(DockerInfo {
            image: docker.image.clone(),
            network: Some(network.into()),
            port_mappings: port_mappings(spec, task),
            privileged: Some(docker.privileged),
            parameters: docker.parameters.iter().map(parameter).chain([label]).collect(),
            force_pull_image: Some(docker.force_pull_image),
            ..DockerInfo::default()
        }),
        ..v1::ContainerInfo::default()
    }
}

/// What is said of the bridge, for whoever reads the task.
fn bridge_info(of_network: &BTreeMap<String, String>) -> Vec<v1::NetworkInfo> {
    let info = |labels| v1::NetworkInfo { labels: Some(labels), ..v1::NetworkInfo::default() };
    (!of_network.is_empty()).then(|| info(labels(of_network))).into_iter().collect()
}

fn network_info(network: &ContainerNetwork) -> v1::NetworkInfo {
    v1::NetworkInfo {
        name: Some(network.name.clone()),
        labels: (!network.labels.is_empty()).then(|| labels(&network.labels)),
        ..v1::NetworkInfo::default()
    }
}

fn volume(volume: &Volume) -> v1::Volume {
    let mode = if volume.is_writable { v1::volume::Mode::Rw } else { v1::volume::Mode::Ro };
    v1::Volume {
        mode: mode.into(),
        container_path: volume.container_path.clone(),
        host_path: Some(volume.host_path.clone()),
        ..v1::Volume::default()
    }
}

/// The ports that the engine publishes: those with a host port.
fn port_mappings(spec: &RunSpec, task: &Task) -> Vec<v1::container_info::docker_info::PortMapping> {
    let Some(port_mappings) = spec.networking().port_mappings() else { return Vec::new() };
    let mut all = Vec::new();
    for (mapping, host_port) in port_mappings.iter().zip(&task.ports) {
        if *host_port == 0 {
            continue;
        }
        let container_port =
            if mapping.container_port == 0 { *host_port } else { mapping.container_port };
        for transport in mapping.protocol.transports() {
            all.push(v1::container_info::docker_info::PortMapping {
                host_port: u32::from(*host_port),
                container_port: u32::from(container_port),
                protocol: Some((*transport).to_owned()),
            });
        }
    }
    all
}

/// A declared port: name, transport and labels.
type Declared<'a> = (Option<&'a String>, Protocol, &'a BTreeMap<String, String>);

/// The ports as service discovery shows them: those of the host, or of the container where there are none.
fn discovered(spec: &RunSpec, task: &Task) -> Vec<v1::Port> {
    let declared: Vec<Declared<'_>> = match spec.networking() {
        Networking::Host { port_definitions, .. } => port_definitions
            .iter()
            .map(|port| (port.name.as_ref(), port.protocol, &port.labels))
            .collect(),
        Networking::Bridge { port_mappings, .. } | Networking::Container { port_mappings, .. } => {
            port_mappings
                .iter()
                .map(|port| (port.name.as_ref(), port.protocol, &port.labels))
                .collect()
        }
    };
    let effective = ports::effective(spec.networking(), task);
    let numbers = effective.into_iter().zip(&task.ports);
    let mut all = Vec::new();
    for ((name, protocol, of_port), (number, host_port)) in declared.into_iter().zip(numbers) {
        let mut of_port = of_port.clone();
        let scope = if *host_port == 0 { "container" } else { "host" };
        of_port.insert("network-scope".to_owned(), scope.to_owned());
        if let (0, Networking::Container { network, .. }) = (*host_port, spec.networking()) {
            of_port.insert("network-name".to_owned(), network.name.clone());
        }
        for transport in protocol.transports() {
            all.push(v1::Port {
                number: u32::from(number),
                name: name.cloned(),
                protocol: Some((*transport).to_owned()),
                visibility: None,
                labels: Some(labels(&of_port)),
            });
        }
    }
    all
}

fn labels(labels: &BTreeMap<String, String>) -> v1::Labels {
    let label = |(key, value): (&String, &String)| v1::Label {
        key: key.clone(),
        value: Some(value.clone()),
    };
    v1::Labels { labels: labels.iter().map(label).collect() }
}

#[cfg(test)]
mod tests;
