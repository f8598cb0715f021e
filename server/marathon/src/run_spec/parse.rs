//! From what was posted to a run spec: schema, old forms, rules, defaults.

mod check;
mod constraints;
mod container;
mod docker;
mod fetch;
mod health;
mod networking;
mod resource_limits;
mod unbuilt;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{AppId, PathId, Role, Scalar};
use serde_json::Value;
use wire::marathon::{PostedApp, PostedUnreachableStrategy};

use super::{
    Backoff, Command, KillSelection, Networking, Refusal, RunSpec, UnreachableStrategy,
    UpgradeStrategy, Violations, migrate, schema,
};
use crate::environment;

/// Label of apps that may never run twice.
const SINGLE_INSTANCE: &str = "MARATHON_SINGLE_INSTANCE_APP";
/// Last segments that would collide with paths of the API.
const RESERVED: [&str; 5] = ["restart", "tasks", "versions", ".", ".."];
const ID_GRAMMAR: &str = r"^(([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])|(\.|\.\.)$";

impl RunSpec {
    /// Checks every rule, fills in the defaults and reports all violations of a phase together.
    ///
    /// Both the forms of Marathon 1.4 and those of 1.5 and later are taken. `version` and runtime fields
    /// are not looked at: the caller decides what they mean.
    ///
    /// # Errors
    /// When the definition breaks the schema or a rule, or asks for something that has no effect yet.
    pub fn parse(posted: PostedApp) -> Result<Self, Refusal> {
        schema::check(&posted)?;
        let posted = migrate::migrate(posted)?;
        schema::check(&posted)?;
        let mut found = Violations::default();
        let spec = assemble(&posted, &mut found);
        found.or_invalid()?;
        Ok(spec)
    }
}

/// The run spec, as far as it can be made; whenever it is not the one that was meant, a violation says why.
fn assemble(posted: &PostedApp, found: &mut Violations) -> RunSpec {
    let id = id_of(posted, found);
    let command = command_of(posted, found);
    let container = container::parse(posted, found);
    let role = Role::new(posted.role.as_deref().unwrap_or("*"));
    found.check(role.as_str() != "*", "/role", format!("got {role}, expected one of: *"));
    unbuilt::check(posted, found);
    let networking = networking::parse(posted, found);
    let names = environment::declared(&networking).into_iter().map(|(_, name)| name);
    let ports = health::Ports { count: names.len(), names: names.flatten().collect() };
    let health_checks = health::health_checks(posted, &ports, found);
    let is_docker = posted.container.as_ref().is_some_and(container::is_docker);
    let check = check::parse(posted, is_docker, &ports, found);
    let readiness_check = health::readiness_check(posted, &ports, found);
    let selection = posted.kill_selection.as_deref().and_then(KillSelection::from_name);
    let spec = RunSpec {
        id: id.unwrap_or_else(PathId::root),
        command,
        user: posted.user.clone().filter(|user| !user.is_empty()),
        cpus: quantity(posted.cpus, 1.0),
        mem: quantity(posted.mem, 128.0),
        disk: quantity(posted.disk, 0.0),
        resource_limits: resource_limits::parse(posted, found),
        instances: posted.instances.map_or(1, |count| u32::try_from(count).unwrap_or(u32::MAX)),
        constraints: constraints::parse(posted.constraints.as_deref().unwrap_or_default(), found),
        fetch: fetch::parse(posted, found),
        health_checks,
        check,
        readiness_check,
        networking,
        env: env_of(posted),
        labels: posted.labels.clone().unwrap_or_default(),
        backoff: backoff_of(posted),
        upgrade_strategy: upgrade_strategy_of(posted),
        dependencies: dependencies_of(posted, found),
        task_kill_grace_period: posted.task_kill_grace_period_seconds.map(seconds),
        kill_selection: selection.unwrap_or_default(),
        unreachable_strategy: unreachable_strategy_of(posted, found),
        accepted_resource_roles: roles_of(posted, &role, found),
        role,
        container,
    };
    let is_of_host = matches!(spec.networking, Networking::Host { .. });
    let error = unbuilt::text("a network of its own without a Docker container");
    found.check(!is_docker && !is_of_host, "/networks", error);
    check_single_instance(&spec, found);
    spec
}

fn no_id() -> String {
    format!("must fully match regular expression '{ID_GRAMMAR}'")
}

/// The refusal of an id that came from the path of a request.
pub fn invalid_id() -> Refusal {
    Refusal::rule("/id", no_id())
}

fn id_of(posted: &PostedApp, found: &mut Violations) -> Option<AppId> {
    let Some(text) = &posted.id else {
        found.add("/id", "'id' is undefined on object");
        return None;
    };
    match PathId::parse(text) {
        Ok(id) => {
            found.check(id.is_root(), "/", "must not be root");
            let is_reserved = id.name().is_some_and(|name| RESERVED.contains(&name));
            let error = format!(
                "must not end with any of the following reserved keywords: {}",
                RESERVED.join(", ")
            );
            found.check(is_reserved, "/id", error);
            Some(id)
        }
        Err(_) => {
            found.add("/id", no_id());
            None
        }
    }
}

/// Exactly one of `cmd` and `args`, or neither beside an image.
fn command_of(posted: &PostedApp, found: &mut Violations) -> Command {
    let args = posted.args.clone().unwrap_or_default();
    let is_broken = match (&posted.cmd, args.is_empty()) {
        (Some(_), false) => true,
        (None, true) => !posted.container.as_ref().is_some_and(container::has_image),
        (Some(_), true) | (None, false) => false,
    };
    let error = "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.";
    found.check(is_broken, "/", error);
    match &posted.cmd {
        Some(shell) => Command::Shell(shell.clone()),
        None if args.is_empty() => Command::OfImage,
        None => Command::Arguments(args),
    }
}

fn quantity(given: Option<f64>, default: f64) -> Scalar {
    Scalar::from_f64(given.unwrap_or(default)).unwrap_or_default()
}

fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(0))
}

fn env_of(posted: &PostedApp) -> BTreeMap<String, String> {
    let pairs = posted.env.iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn backoff_of(posted: &PostedApp) -> Backoff {
    let default = Backoff::default();
    Backoff {
        initial: posted.backoff_seconds.map_or(default.initial, seconds),
        factor: posted.backoff_factor.unwrap_or(default.factor),
        max: posted.max_launch_delay_seconds.map_or(default.max, seconds),
    }
}

fn upgrade_strategy_of(posted: &PostedApp) -> UpgradeStrategy {
    let default = if is_single_instance(posted) {
        UpgradeStrategy { minimum_health_capacity: 0.0, maximum_over_capacity: 0.0 }
    } else {
        UpgradeStrategy::default()
    };
    let Some(given) = &posted.upgrade_strategy else { return default };
    UpgradeStrategy {
        minimum_health_capacity: given
            .minimum_health_capacity
            .unwrap_or(default.minimum_health_capacity),
        maximum_over_capacity: given.maximum_over_capacity.unwrap_or(default.maximum_over_capacity),
    }
}

fn is_single_instance(posted: &PostedApp) -> bool {
    let label = posted.labels.as_ref().and_then(|labels| labels.get(SINGLE_INSTANCE));
    label.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn check_single_instance(spec: &RunSpec, found: &mut Violations) {
    let label = spec.labels.get(SINGLE_INSTANCE);
    let is_single = label.is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let error = "Single instance app may only have one instance";
    found.check(is_single && spec.instances > 1, "/", error);
    let strategy = spec.upgrade_strategy;
    let is_zero = strategy.minimum_health_capacity <= 0.0 && strategy.maximum_over_capacity <= 0.0;
    let error = "upgradeStrategy of a single instance app must have both capacities 0";
    found.check(is_single && !is_zero, "/upgradeStrategy", error);
}

fn unreachable_strategy_of(posted: &PostedApp, found: &mut Violations) -> UnreachableStrategy {
    let (inactive, expunge) = match &posted.unreachable_strategy {
        None => return UnreachableStrategy::default(),
        Some(PostedUnreachableStrategy::Text(_)) => return UnreachableStrategy::Disabled,
        Some(PostedUnreachableStrategy::Window {
            inactive_after_seconds,
            expunge_after_seconds,
        }) => (inactive_after_seconds.unwrap_or(0), expunge_after_seconds.unwrap_or(0)),
    };
    let error = format!(
        "inactiveAfterSeconds ({inactive}) must be less or equal to expungeAfterSeconds, which is {expunge}"
    );
    found.check(inactive > expunge, "/unreachableStrategy/inactiveAfterSeconds", error);
    UnreachableStrategy::Window {
        inactive_after: seconds(inactive),
        expunge_after: seconds(expunge),
    }
}

fn dependencies_of(posted: &PostedApp, found: &mut Violations) -> BTreeSet<PathId> {
    let mut dependencies = BTreeSet::new();
    for (index, text) in posted.dependencies.iter().flatten().enumerate() {
        // Relative ones count from the app's group.
        let group = posted
            .id
            .as_deref()
            .and_then(|id| PathId::parse(id).ok()?.parent())
            .unwrap_or_else(PathId::root);
        match PathId::resolve(text, &group) {
            Ok(id) => {
                dependencies.insert(id);
            }
            Err(_) => found.add(format!("/dependencies({index})"), no_id()),
        }
    }
    dependencies
}

fn roles_of(posted: &PostedApp, role: &Role, found: &mut Violations) -> Option<BTreeSet<Role>> {
    let given = posted.accepted_resource_roles.as_ref()?;
    let is_known = |text: &String| text == "*" || text == role.as_str();
    let error = format!("acceptedResourceRoles can only contain * and {role}");
    found.check(!given.iter().all(is_known), "/acceptedResourceRoles", error);
    Some(given.iter().map(|text| Role::new(text.as_str())).collect())
}

/// Whether a member says nothing: absent, empty, or the default of its type.
pub(super) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64().is_some_and(|number| number == 0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}
