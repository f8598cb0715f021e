//! Rules of networks and ports, in their canonical form.

use wire::marathon::{PostedApp, PostedNetwork, PostedPortDefinition, PostedPortMapping};

use crate::run_spec::migrate::{PORTS_NEED_HOST, has_twice, mode_of};
use crate::run_spec::{
    ContainerNetwork, Networking, PortDefinition, PortMapping, Protocol, Violations,
};

/// Name of the port that an app has which declares none.
const DEFAULT_PORT: &str = "default";

/// Network mode with ports; what is wrong is noted.
pub(super) fn parse(posted: &PostedApp, found: &mut Violations) -> Networking {
    let Some(networks) = &posted.networks else {
        // Compat: mappings of a definition that names no network are dropped silently.
        return host(posted, found);
    };
    check_networks(networks, found);
    let has_ports = |list: bool, error, found: &mut Violations| found.check(list, "/", error);
    match networks.first().map(mode_of).as_deref() {
        Some("host") => {
            let container = posted.container.as_ref();
            let mappings = container.and_then(|container| container.port_mappings.as_ref());
            let is_mapped = mappings.is_some_and(|mappings| !mappings.is_empty());
            has_ports(is_mapped, "portMappings are not allowed with host-networking", found);
            host(posted, found)
        }
        mode => {
            let definitions = posted.port_definitions.as_ref();
            let is_defined = definitions.is_some_and(|definitions| !definitions.is_empty());
            has_ports(is_defined, PORTS_NEED_HOST, found);
            if mode == Some("container/bridge") {
                let labels = networks.first().and_then(|network| network.labels.clone());
                let port_mappings = port_mappings(posted, Some(0), found);
                Networking::Bridge { port_mappings, labels: labels.unwrap_or_default() }
            } else {
                let network = container_network(networks.first());
                let port_mappings = port_mappings(posted, None, found);
                Networking::Container { network, port_mappings }
            }
        }
    }
}

fn check_networks(networks: &[PostedNetwork], found: &mut Violations) {
    let modes: Vec<String> = networks.iter().map(mode_of).collect();
    let all_containers = modes.iter().all(|mode| mode == "container");
    let error = "May specify a single host network, single bridge network, or else 1-to-n container networks";
    found.check(networks.len() > 1 && !all_containers, "/networks", error);
    for (network, mode) in networks.iter().zip(&modes) {
        let has_labels = network.labels.as_ref().is_some_and(|labels| !labels.is_empty());
        let has_name = network.name.is_some();
        match mode.as_str() {
            "host" => {
                let error = "Host networks may not have names or labels";
                found.check(has_name || has_labels, "/networks", error);
            }
            "container/bridge" => {
                found.check(has_name, "/networks", "Bridge networks may not have names");
            }
            _ => {
                found.check(
                    !has_name,
                    "/networks",
                    "Network name must be specified when container network is selected.",
                );
            }
        }
    }
    let is_twice =
        networks.iter().enumerate().any(|(at, network)| networks[..at].contains(network));
    found.check(is_twice, "/networks", "Duplicate networks are not allowed");
    let error =
        "may only specify a single container network when using the Docker container engine";
    found.check(networks.len() > 1 && all_containers, "/", error);
}

fn container_network(given: Option<&PostedNetwork>) -> ContainerNetwork {
    ContainerNetwork {
        name: given.and_then(|network| network.name.clone()).unwrap_or_default(),
        labels: given.and_then(|network| network.labels.clone()).unwrap_or_default(),
    }
}

fn host(posted: &PostedApp, found: &mut Violations) -> Networking {
    let port_definitions = match &posted.port_definitions {
        Some(given) => given.iter().map(port_definition).collect(),
        None => vec![PortDefinition {
            port: 0,
            protocol: Protocol::Tcp,
            name: Some(DEFAULT_PORT.to_owned()),
            labels: Default::default(),
        }],
    };
    let ports: Vec<i64> =
        port_definitions.iter().map(|definition| definition.port.into()).collect();
    found.check(has_twice(&ports), "/portDefinitions", "Ports must be unique.");
    let names = port_definitions.iter().filter_map(|definition| definition.name.as_deref());
    check_names(names.collect(), "/portDefinitions", found);
    Networking::Host { port_definitions, require_ports: posted.require_ports.unwrap_or(false) }
}

/// The mappings of a container with a network of its own; `host_port` is what one that names none gets.
fn port_mappings(
    posted: &PostedApp,
    host_port: Option<u16>,
    found: &mut Violations,
) -> Vec<PortMapping> {
    let given = posted.container.as_ref().and_then(|container| container.port_mappings.as_ref());
    let port_mappings: Vec<_> = match given {
        Some(given) => given.iter().map(|mapping| port_mapping(mapping, host_port)).collect(),
        None => vec![PortMapping {
            name: Some(DEFAULT_PORT.to_owned()),
            ..port_mapping(&PostedPortMapping::default(), host_port)
        }],
    };
    for (index, mapping) in given.into_iter().flatten().enumerate() {
        check_network_names(posted, index, mapping, found);
    }
    let names = port_mappings.iter().filter_map(|mapping| mapping.name.as_deref());
    check_names(names.collect(), "/container/portMappings", found);
    port_mappings
}

/// A mapping may name the networks that it is for, of which a Docker container has one at most.
fn check_network_names(
    posted: &PostedApp,
    index: usize,
    mapping: &PostedPortMapping,
    found: &mut Violations,
) {
    let networks = posted.networks.iter().flatten();
    let known: Vec<&str> = networks.filter_map(|network| network.name.as_deref()).collect();
    for (at, name) in mapping.network_names.iter().flatten().enumerate() {
        let path = format!("/container/portMappings({index})/networkNames({at})");
        let error = format!("is not one of ({})", known.join(","));
        found.check(!known.contains(&name.as_str()), path, error);
    }
}

fn check_names(names: Vec<&str>, path: &str, found: &mut Violations) {
    let is_twice = names.iter().enumerate().any(|(at, name)| names[..at].contains(name));
    found.check(is_twice, path, "Port names must be unique.");
}

fn port_definition(given: &PostedPortDefinition) -> PortDefinition {
    PortDefinition {
        port: port(given.port),
        protocol: protocol(given.protocol.as_deref()),
        name: given.name.clone(),
        labels: given.labels.clone().unwrap_or_default(),
    }
}

fn port_mapping(given: &PostedPortMapping, host_port: Option<u16>) -> PortMapping {
    PortMapping {
        container_port: port(given.container_port),
        host_port: given.host_port.map(|number| port(Some(number))).or(host_port),
        service_port: port(given.service_port),
        protocol: protocol(given.protocol.as_deref()),
        name: given.name.clone(),
        labels: given.labels.clone().unwrap_or_default(),
        network_names: given.network_names.clone().unwrap_or_default(),
    }
}

/// The schema has refused numbers that are no port.
fn port(number: Option<i64>) -> u16 {
    number.and_then(|number| u16::try_from(number).ok()).unwrap_or(0)
}

fn protocol(name: Option<&str>) -> Protocol {
    name.and_then(Protocol::from_name).unwrap_or(Protocol::Tcp)
}
