//! Turns the forms of Marathon 1.4 into those of 1.5 and later.
//!
//! `container.docker.network` and `ipAddress` become `networks`, `container.docker.portMappings` moves to the
//! container, `ports` becomes `portDefinitions`. Old and new form together are refused unless they say the same
//! (clients of both ages send back what they were answered).
//! Source: marathon.md §6.3, §12.3.

use wire::marathon::{PostedApp, PostedNetwork, PostedPortDefinition, PostedPortMapping};

use super::parse::is_blank;
use super::{Refusal, Violations};

/// The canonical form of what was posted; definitions and updates alike.
pub(super) fn migrate(mut posted: PostedApp) -> Result<PostedApp, Refusal> {
    let mut found = Violations::default();
    let old_network = take_docker_network(&mut posted, &mut found);
    let old_network = take_ip_address(&mut posted, old_network, &mut found);
    move_port_mappings(&mut posted, &mut found);
    if let Some(network) = &old_network {
        use_old_network(&mut posted, network, &mut found);
    } else if posted.networks.as_ref().is_none_or(Vec::is_empty) && posted.networks.is_some() {
        posted.networks = None;
    }
    move_ports(&mut posted, old_network.is_some(), &mut found);
    found.or_invalid()?;
    Ok(posted)
}

fn take_docker_network(posted: &mut PostedApp, found: &mut Violations) -> Option<PostedNetwork> {
    let network = posted.container.as_mut()?.docker.as_mut()?.network.take()?;
    let mode = match network.to_ascii_uppercase().as_str() {
        "BRIDGE" => "container/bridge",
        "HOST" => "host",
        "USER" => "container",
        _ => {
            found.add("/", format!("unsupported docker network type {network}"));
            return None;
        }
    };
    Some(PostedNetwork { mode: Some(mode.to_owned()), ..PostedNetwork::default() })
}

/// What `ipAddress` says about the network, or `network` where it says nothing.
///
/// Compat: the name of the bridge that the MESOS containerizer uses does not occur, so every name is a container network.
fn take_ip_address(
    posted: &mut PostedApp,
    network: Option<PostedNetwork>,
    found: &mut Violations,
) -> Option<PostedNetwork> {
    let Some(given) = posted.ip_address.take() else { return network };
    let is_given = |value: &Option<serde_json::Value>| value.as_ref().is_some_and(|v| !is_blank(v));
    let ports = given.discovery.as_ref().and_then(|discovery| discovery.get("ports"));
    let error = "ipAddress/discovery is not allowed for Docker containers";
    found.check(is_given(&ports.cloned()), "/ipAddress", error);
    found.check(is_given(&given.groups), "/ipAddress/groups", "groups are not supported");
    let mode = network.as_ref().map(mode_of);
    let error = "must not specify ipAddress beside another container.docker.network than USER";
    found.check(mode.is_some_and(|mode| mode != "container"), "/", error);
    let definitions = posted.port_definitions.iter().flatten().count();
    let has_ports = posted.ports.iter().flatten().count() + definitions > 0;
    found.check(has_ports, "/", "cannot specify both an IP address and port");
    let from_address = PostedNetwork {
        mode: Some("container".to_owned()),
        name: given.network_name,
        labels: given.labels,
    };
    if network.is_none() && posted.networks.as_ref().is_some_and(|known| !known.is_empty()) {
        let is_same = posted.networks.as_deref() == Some(std::slice::from_ref(&from_address));
        found.check(!is_same, "/", "must not specify both networks and ipAddress");
        return None;
    }
    Some(from_address)
}

fn use_old_network(posted: &mut PostedApp, old: &PostedNetwork, found: &mut Violations) {
    match &posted.networks {
        Some(networks) if !networks.is_empty() => {
            let is_same = networks.len() == 1 && mode_of(&networks[0]) == mode_of(old);
            let error = "must not specify both container.docker.network and networks";
            found.check(!is_same, "/", error);
        }
        Some(_) | None => posted.networks = Some(vec![old.clone()]),
    }
    // Compat: mappings without a network to map to were dropped silently on old input.
    if mode_of(old) == "host"
        && let Some(container) = &mut posted.container
    {
        container.port_mappings = None;
    }
}

fn move_port_mappings(posted: &mut PostedApp, found: &mut Violations) {
    let Some(container) = &mut posted.container else { return };
    let Some(old) = container.docker.as_mut().and_then(|docker| docker.port_mappings.take()) else {
        return;
    };
    match &container.port_mappings {
        Some(new) if *new != old => {
            found.add("/", "cannot specify both portMappings and docker.portMappings");
        }
        Some(_) | None => container.port_mappings = Some(old),
    }
}

fn move_ports(posted: &mut PostedApp, is_old_form: bool, found: &mut Violations) {
    let Some(ports) = posted.ports.take() else { return };
    found.check(has_twice(&ports), "/", "ports must be unique");
    let mode = posted.networks.as_ref().and_then(|networks| networks.first()).map(mode_of);
    if mode.is_some_and(|mode| mode != "host") {
        if is_old_form {
            widen_port_mappings(posted, ports.len());
        } else {
            found.check(!ports.is_empty(), "/", PORTS_NEED_HOST);
        }
        return;
    }
    match &posted.port_definitions {
        Some(definitions) => {
            let given = definitions.iter().map(|definition| definition.port.unwrap_or(0));
            let error = "cannot specify both ports and port definitions";
            found.check(!given.eq(ports.iter().copied()), "/", error);
        }
        None => {
            posted.port_definitions = Some(ports.into_iter().map(port_definition).collect());
        }
    }
}

pub(super) const PORTS_NEED_HOST: &str = "portDefinitions are only allowed with host-networking";

/// The network's mode in lower case; `container` where none is given.
pub(super) fn mode_of(network: &PostedNetwork) -> String {
    network.mode.as_deref().unwrap_or("container").to_ascii_lowercase()
}

/// Compat: with a bridge, `ports` of old clients only says how many mappings there are at least.
fn widen_port_mappings(posted: &mut PostedApp, count: usize) {
    let Some(container) = &mut posted.container else { return };
    let Some(mappings) = &mut container.port_mappings else { return };
    while mappings.len() < count {
        mappings
            .push(PostedPortMapping { container_port: Some(0), ..PostedPortMapping::default() });
    }
}

fn port_definition(port: i64) -> PostedPortDefinition {
    PostedPortDefinition { port: Some(port), ..PostedPortDefinition::default() }
}

/// Whether a number other than 0 occurs twice.
pub(super) fn has_twice(ports: &[i64]) -> bool {
    ports.iter().enumerate().any(|(at, port)| *port != 0 && ports[..at].contains(port))
}
