//! What the API's schema demands of single members: ranges, lengths, patterns, enumerations.
//!
//! A definition that breaks these is "Invalid JSON" in the original, before any rule is looked at.
//! Source: marathon.md §6.1-§6.3 (the RAML types of the original).

mod check;
mod health;

use std::fmt::Display;

use wire::marathon::{
    PostedApp, PostedContainer, PostedPortDefinition, PostedPortMapping, PostedUnreachableStrategy,
    PostedVolume,
};

use super::{KillSelection, Protocol, Refusal, Violations};

pub(super) const TOO_SMALL: &str = "error.min";
pub(super) const TOO_LARGE: &str = "error.max";
const TOO_SHORT: &str = "error.minLength";
const NO_MATCH: &str = "error.pattern";
const NO_LITERAL: &str = "error.unknown.enum.literal";

/// The smallest share of a CPU.
const MIN_CPUS: f64 = 0.001;
/// Numbers that the original keeps in 32 bits.
const MAX_INT: i64 = i32::MAX as i64;
/// One master group holds no more tasks (design §4); a larger number is a slip of the hand.
const MAX_INSTANCES: i64 = 200_000;
/// Quantities beyond this have no exact thousandths.
const MAX_QUANTITY: f64 = 9.0e12;

/// Checks what can be said of each member alone; absent ones pass.
pub(super) fn check(posted: &PostedApp) -> Result<(), Refusal> {
    let mut found = Violations::default();
    if let Some(id) = &posted.id {
        check_id(&mut found, id);
    }
    let is_empty = |text: &Option<String>| text.as_ref().is_some_and(String::is_empty);
    found.check(is_empty(&posted.cmd), "/cmd", TOO_SHORT);
    found.check(is_empty(&posted.role), "/role", TOO_SHORT);
    within(&mut found, "/cpus", posted.cpus, MIN_CPUS, MAX_QUANTITY);
    within(&mut found, "/mem", posted.mem, 0.0, MAX_QUANTITY);
    within(&mut found, "/disk", posted.disk, 0.0, MAX_QUANTITY);
    within(&mut found, "/backoffFactor", posted.backoff_factor, 1.0, f64::MAX);
    for (path, number) in [
        ("/gpus", posted.gpus),
        ("/backoffSeconds", posted.backoff_seconds),
        ("/maxLaunchDelaySeconds", posted.max_launch_delay_seconds),
        ("/taskKillGracePeriodSeconds", posted.task_kill_grace_period_seconds),
    ] {
        within(&mut found, path, number, 0, MAX_INT);
    }
    // Compat: the original takes any 32-bit number and then runs out of memory.
    within(&mut found, "/instances", posted.instances, 0, MAX_INSTANCES);
    if let Some(strategy) = &posted.upgrade_strategy {
        let path = |name| format!("/upgradeStrategy/{name}");
        let over = strategy.maximum_over_capacity;
        within(&mut found, path("maximumOverCapacity"), over, 0.0, 1.0);
        let healthy = strategy.minimum_health_capacity;
        within(&mut found, path("minimumHealthCapacity"), healthy, 0.0, 1.0);
    }
    if let Some(selection) = &posted.kill_selection {
        let is_known = KillSelection::from_name(selection).is_some();
        found.check(!is_known, "/killSelection", NO_LITERAL);
    }
    check_unreachable(&mut found, posted.unreachable_strategy.as_ref());
    let no_roles = posted.accepted_resource_roles.as_ref().is_some_and(Vec::is_empty);
    found.check(no_roles, "/acceptedResourceRoles", TOO_SHORT);
    check_env(&mut found, posted);
    check_networks(&mut found, posted);
    for (index, definition) in posted.port_definitions.iter().flatten().enumerate() {
        check_port_definition(&mut found, index, definition);
    }
    for (index, port) in posted.ports.iter().flatten().enumerate() {
        within(&mut found, format!("/ports({index})"), Some(*port), 0, 65_535);
    }
    if let Some(container) = &posted.container {
        check_container(&mut found, container);
    }
    health::check(&mut found, posted);
    if let Some(given) = &posted.check {
        check::check(&mut found, given);
    }
    found.or_schema()
}

fn within<T: PartialOrd>(
    found: &mut Violations,
    path: impl Into<String> + Display,
    value: Option<T>,
    min: T,
    max: T,
) {
    let Some(value) = value else { return };
    let path = path.into();
    found.check(value < min, path.clone(), TOO_SMALL);
    found.check(value > max, path, TOO_LARGE);
}

/// The grammar of a full id; `..` may stand for a segment.
fn check_id(found: &mut Violations, id: &str) {
    found.check(id.is_empty(), "/id", TOO_SHORT);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let fits = id
        .split('/')
        .all(|segment| segment.is_empty() || segment == ".." || segment.split('.').all(is_label));
    found.check(!fits, "/id", NO_MATCH);
}

fn check_unreachable(found: &mut Violations, strategy: Option<&PostedUnreachableStrategy>) {
    match strategy {
        Some(PostedUnreachableStrategy::Text(text)) => {
            let is_known = text.eq_ignore_ascii_case("disabled");
            found.check(!is_known, "/unreachableStrategy", NO_LITERAL);
        }
        Some(PostedUnreachableStrategy::Window {
            inactive_after_seconds,
            expunge_after_seconds,
        }) => {
            let path = |name| format!("/unreachableStrategy/{name}");
            within(found, path("inactiveAfterSeconds"), *inactive_after_seconds, 0, MAX_INT);
            within(found, path("expungeAfterSeconds"), *expunge_after_seconds, 0, MAX_INT);
        }
        None => {}
    }
}

fn check_env(found: &mut Violations, posted: &PostedApp) {
    for (name, value) in posted.env.iter().flatten() {
        let path = format!("/env/{name}");
        found.check(name.is_empty(), path.clone(), TOO_SHORT);
        let is_secret = value.get("secret").is_some_and(serde_json::Value::is_string);
        // Compat: numbers are not turned into text.
        found.check(!value.is_string() && !is_secret, path, "error.expected.jsstring");
    }
}

fn check_networks(found: &mut Violations, posted: &PostedApp) {
    for (index, network) in posted.networks.iter().flatten().enumerate() {
        if let Some(mode) = &network.mode {
            let modes = ["host", "container/bridge", "container"];
            let is_known = modes.iter().any(|known| known.eq_ignore_ascii_case(mode));
            found.check(!is_known, format!("/networks({index})/mode"), NO_LITERAL);
        }
        if let Some(name) = &network.name {
            let path = format!("/networks({index})/name");
            found.check(!is_name(name, "-_") || name.len() > 63, path, NO_MATCH);
        }
    }
}

fn check_container(found: &mut Violations, container: &PostedContainer) {
    if let Some(kind) = &container.kind {
        let is_known = ["DOCKER", "MESOS"].iter().any(|known| known.eq_ignore_ascii_case(kind));
        found.check(!is_known, "/container/type", NO_LITERAL);
    }
    for (index, mapping) in container.port_mappings.iter().flatten().enumerate() {
        check_port_mapping(found, &format!("/container/portMappings({index})"), mapping);
    }
    for (index, volume) in container.volumes.iter().flatten().enumerate() {
        check_volume(found, &format!("/container/volumes({index})"), volume);
    }
    let Some(docker) = &container.docker else { return };
    for (index, parameter) in docker.parameters.iter().flatten().enumerate() {
        let path = format!("/container/docker/parameters({index})");
        let missing = |name: &str| format!("'{name}' is undefined on object");
        found.check(parameter.key.is_none(), format!("{path}/key"), missing("key"));
        found.check(parameter.value.is_none(), format!("{path}/value"), missing("value"));
    }
    let is_mesos = container.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("MESOS"));
    let no_image = docker.image.is_none() && !is_mesos;
    found.check(no_image, "/container/docker/image", "'image' is undefined on object");
    if let Some(network) = &docker.network {
        let networks = ["BRIDGE", "HOST", "USER", "NONE"];
        let is_known = networks.iter().any(|known| known.eq_ignore_ascii_case(network));
        found.check(!is_known, "/container/docker/network", NO_LITERAL);
    }
    for (index, mapping) in docker.port_mappings.iter().flatten().enumerate() {
        check_port_mapping(found, &format!("/container/docker/portMappings({index})"), mapping);
    }
}

/// A volume of the host needs all three members; the other kinds are refused by the rules, whatever they say.
fn check_volume(found: &mut Violations, path: &str, volume: &PostedVolume) {
    if let Some(mode) = &volume.mode {
        let is_known = ["RO", "RW"].iter().any(|known| known.eq_ignore_ascii_case(mode));
        found.check(!is_known, format!("{path}/mode"), NO_LITERAL);
    }
    let is_other =
        [&volume.persistent, &volume.external, &volume.secret].iter().any(|kind| kind.is_some());
    for (name, is_missing) in [
        ("containerPath", volume.container_path.is_none()),
        ("hostPath", volume.host_path.is_none() && !is_other),
        ("mode", volume.mode.is_none() && !is_other),
    ] {
        let error = format!("'{name}' is undefined on object");
        found.check(is_missing, format!("{path}/{name}"), error);
    }
}

fn check_port_mapping(found: &mut Violations, path: &str, mapping: &PostedPortMapping) {
    within(found, format!("{path}/containerPort"), mapping.container_port, 0, 65_535);
    within(found, format!("{path}/hostPort"), mapping.host_port, 0, 65_535);
    within(found, format!("{path}/servicePort"), mapping.service_port, 0, 65_535);
    check_port_words(found, path, mapping.name.as_deref(), mapping.protocol.as_deref());
}

fn check_port_definition(found: &mut Violations, index: usize, definition: &PostedPortDefinition) {
    let path = format!("/portDefinitions({index})");
    within(found, format!("{path}/port"), definition.port, 0, 65_535);
    check_port_words(found, &path, definition.name.as_deref(), definition.protocol.as_deref());
}

fn check_port_words(
    found: &mut Violations,
    path: &str,
    name: Option<&str>,
    protocol: Option<&str>,
) {
    if let Some(name) = name {
        found.check(!is_name(name, "-"), format!("{path}/name"), NO_MATCH);
    }
    if let Some(protocol) = protocol {
        let is_known = Protocol::from_name(protocol).is_some();
        found.check(!is_known, format!("{path}/protocol"), NO_LITERAL);
    }
}

/// `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`, with `inner` as what may stand inside besides.
fn is_name(name: &str, inner: &str) -> bool {
    let is_outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(is_outer)
        && name.ends_with(is_outer)
        && name.chars().all(|c| is_outer(c) || inner.contains(c))
}
