//! The description of a task that Mesos gets (marathon.md §7, mesos.md §4.5).

use std::collections::BTreeMap;

use model::v1::resources_to_v1;
use wire::mesos::v1;

use crate::effect::Launch;
use crate::environment;
use crate::instance::Task;
use crate::matching;
use crate::run_spec::{Command, Networking, Protocol, RunSpec};

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
        labels: Some(labels(spec.labels())),
        discovery: Some(v1::DiscoveryInfo {
            visibility: v1::discovery_info::Visibility::Framework.into(),
            name: Some(spec.id().hostname()),
            ports: Some(v1::Ports { ports: discovered(spec, task) }),
            ..v1::DiscoveryInfo::default()
        }),
        ..v1::TaskInfo::default()
    })
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
            let program = arguments.first().filter(|_| spec.container().is_none());
            (false, program.cloned(), arguments.clone())
        }
        Command::OfImage => (false, None, Vec::new()),
    };
    v1::CommandInfo {
        environment,
        shell: Some(shell),
        value,
        arguments,
        ..v1::CommandInfo::default()
    }
}

fn container(
    spec: &RunSpec,
    task: &Task,
    container: &crate::run_spec::Container,
) -> v1::ContainerInfo {
    use v1::container_info::DockerInfo;
    use v1::container_info::docker_info::Network;
    let network = match spec.networking() {
        Networking::Host { .. } => Network::Host,
        Networking::Bridge { .. } => Network::Bridge,
    };
    let label =
        v1::Parameter { key: "label".to_owned(), value: format!("MESOS_TASK_ID={}", task.id) };
    v1::ContainerInfo {
        r#type: v1::container_info::Type::Docker.into(),
        docker: Some(DockerInfo {
            image: container.image.clone(),
            network: Some(network.into()),
            port_mappings: port_mappings(spec, task),
            privileged: Some(false),
            parameters: vec![label],
            force_pull_image: Some(container.force_pull_image),
            ..DockerInfo::default()
        }),
        ..v1::ContainerInfo::default()
    }
}

fn port_mappings(spec: &RunSpec, task: &Task) -> Vec<v1::container_info::docker_info::PortMapping> {
    let Networking::Bridge { port_mappings } = spec.networking() else { return Vec::new() };
    let mut all = Vec::new();
    for (mapping, host_port) in port_mappings.iter().zip(&task.ports) {
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

/// The host ports as service discovery shows them.
fn discovered(spec: &RunSpec, task: &Task) -> Vec<v1::Port> {
    type Declared<'a> = (Option<&'a String>, Protocol, &'a BTreeMap<String, String>);
    let declared: Vec<Declared<'_>> = match spec.networking() {
        Networking::Host { port_definitions, .. } => port_definitions
            .iter()
            .map(|port| (port.name.as_ref(), port.protocol, &port.labels))
            .collect(),
        Networking::Bridge { port_mappings } => port_mappings
            .iter()
            .map(|port| (port.name.as_ref(), port.protocol, &port.labels))
            .collect(),
    };
    let mut all = Vec::new();
    for ((name, protocol, of_port), number) in declared.into_iter().zip(&task.ports) {
        let mut of_port = of_port.clone();
        of_port.insert("network-scope".to_owned(), "host".to_owned());
        for transport in protocol.transports() {
            all.push(v1::Port {
                number: u32::from(*number),
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
