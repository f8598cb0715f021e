//! Definitions: what an app is to be.

use std::time::Duration;

use wire::marathon::{
    App, Container, Docker, Network, Parameter, PortDefinition, PortMapping, PostedApp,
    UnreachableWindow, Volume,
};

use super::health::readiness_check;
use crate::run_spec::{
    Command, Constraint, Networking, RunSpec, UnreachableStrategy, VersionedRunSpec,
};

/// A definition in canonical form, without version and runtime fields.
pub fn definition(spec: &RunSpec) -> App {
    let (cmd, args) = match spec.command() {
        Command::Shell(shell) => (Some(shell.clone()), Vec::new()),
        Command::Arguments(arguments) => (None, arguments.clone()),
        Command::OfImage => (None, Vec::new()),
    };
    let roles = spec.accepted_resource_roles();
    let strategy = spec.upgrade_strategy();
    App {
        id: spec.id().to_string(),
        accepted_resource_roles: roles.map(|roles| roles.iter().map(ToString::to_string).collect()),
        args,
        backoff_factor: spec.backoff().factor,
        backoff_seconds: spec.backoff().initial.as_secs(),
        check: spec.check().map(super::check::check),
        cmd,
        constraints: spec.constraints().iter().map(constraint).collect(),
        container: spec.container().map(|it| container(spec, it)),
        cpus: spec.cpus().to_f64(),
        dependencies: spec.dependencies().iter().map(ToString::to_string).collect(),
        disk: spec.disk().to_f64(),
        env: spec.env().iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect(),
        executor: String::new(),
        fetch: spec.fetch().iter().map(fetch).collect(),
        health_checks: spec.health_checks().iter().map(super::health_check).collect(),
        instances: spec.instances(),
        labels: spec.labels().clone(),
        max_launch_delay_seconds: spec.backoff().max.as_secs(),
        mem: spec.mem().to_f64(),
        gpus: 0,
        networks: vec![network(spec.networking())],
        port_definitions: port_definitions(spec.networking()),
        readiness_checks: spec.readiness_check().into_iter().map(readiness_check).collect(),
        resource_limits: spec.resource_limits().map(|limits| {
            limits.named().map(|(name, limit)| (name.to_owned(), limit.to_json())).collect()
        }),
        require_ports: matches!(spec.networking(), Networking::Host { require_ports: true, .. }),
        task_kill_grace_period_seconds: spec.task_kill_grace_period().map(|time| time.as_secs()),
        user: spec.user().map(ToOwned::to_owned),
        upgrade_strategy: wire::marathon::UpgradeStrategy {
            maximum_over_capacity: strategy.maximum_over_capacity,
            minimum_health_capacity: strategy.minimum_health_capacity,
        },
        kill_selection: spec.kill_selection().name().to_owned(),
        unreachable_strategy: unreachable_strategy(spec.unreachable_strategy()),
        role: spec.role().to_string(),
        ..App::default()
    }
}

fn fetch(fetch: &crate::run_spec::Fetch) -> wire::marathon::Fetch {
    wire::marathon::Fetch {
        uri: fetch.uri.clone(),
        extract: fetch.extract,
        executable: fetch.executable,
        cache: fetch.cache,
        dest_path: fetch.dest_path.clone(),
    }
}

/// A stored definition with its version, without runtime fields, as in events and the queue.
pub fn app(versioned: &VersionedRunSpec) -> App {
    App {
        version: Some(versioned.version.to_rfc3339_millis()),
        version_info: Some(wire::marathon::VersionInfo {
            last_scaling_at: versioned.info.last_scaling_at.to_rfc3339_millis(),
            last_config_change_at: versioned.info.last_config_change_at.to_rfc3339_millis(),
        }),
        ..definition(&versioned.spec)
    }
}

/// A definition as a client could have posted it; [`RunSpec::parse`] gives it back.
pub(crate) fn posted(spec: &RunSpec) -> PostedApp {
    serde_json::to_value(definition(spec))
        .and_then(serde_json::from_value)
        .expect("every member of an app is a member of a posted app")
}

fn constraint(constraint: &Constraint) -> Vec<String> {
    let operator = &constraint.operator;
    let mut words = vec![constraint.field.clone(), operator.name().to_owned()];
    words.extend(operator.value());
    words
}

fn container(spec: &RunSpec, container: &crate::run_spec::Container) -> Container {
    let parameter = |parameter: &crate::run_spec::Parameter| Parameter {
        key: parameter.key.clone(),
        value: parameter.value.clone(),
    };
    let docker = container.docker.as_ref().map(|docker| Docker {
        force_pull_image: docker.force_pull_image,
        image: docker.image.clone(),
        parameters: docker.parameters.iter().map(parameter).collect(),
        privileged: docker.privileged,
    });
    let mappings = spec.networking().port_mappings();
    Container {
        kind: if docker.is_some() { "DOCKER" } else { "MESOS" }.to_owned(),
        docker,
        volumes: container.volumes.iter().map(volume).collect(),
        port_mappings: mappings.map(|mappings| mappings.iter().map(port_mapping).collect()),
    }
}

fn volume(volume: &crate::run_spec::Volume) -> Volume {
    Volume {
        container_path: volume.container_path.clone(),
        host_path: volume.host_path.clone(),
        mode: if volume.is_writable { "RW" } else { "RO" }.to_owned(),
    }
}

fn port_mapping(mapping: &crate::run_spec::PortMapping) -> PortMapping {
    PortMapping {
        container_port: mapping.container_port,
        host_port: mapping.host_port,
        labels: mapping.labels.clone(),
        name: mapping.name.clone(),
        network_names: mapping.network_names.clone(),
        protocol: mapping.protocol.name().to_owned(),
        service_port: mapping.service_port,
    }
}

fn network(networking: &Networking) -> Network {
    let unnamed = |mode: &str| Network { mode: mode.to_owned(), ..Network::default() };
    match networking {
        Networking::Host { .. } => unnamed("host"),
        Networking::Bridge { labels, .. } => {
            Network { labels: labels.clone(), ..unnamed("container/bridge") }
        }
        Networking::Container { network, .. } => Network {
            mode: "container".to_owned(),
            name: Some(network.name.clone()),
            labels: network.labels.clone(),
        },
    }
}

fn port_definitions(networking: &Networking) -> Option<Vec<PortDefinition>> {
    let Networking::Host { port_definitions, .. } = networking else { return None };
    let render = |definition: &crate::run_spec::PortDefinition| PortDefinition {
        port: definition.port,
        labels: definition.labels.clone(),
        name: definition.name.clone(),
        protocol: definition.protocol.name().to_owned(),
    };
    Some(port_definitions.iter().map(render).collect())
}

fn unreachable_strategy(strategy: UnreachableStrategy) -> wire::marathon::UnreachableStrategy {
    match strategy {
        UnreachableStrategy::Disabled => {
            wire::marathon::UnreachableStrategy::Text("disabled".to_owned())
        }
        UnreachableStrategy::Window { inactive_after, expunge_after } => {
            wire::marathon::UnreachableStrategy::Window(UnreachableWindow {
                inactive_after_seconds: seconds(inactive_after),
                expunge_after_seconds: seconds(expunge_after),
            })
        }
    }
}

fn seconds(time: Duration) -> u64 {
    time.as_secs()
}
