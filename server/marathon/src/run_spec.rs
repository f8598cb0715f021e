//! What Marathon runs: a definition that has passed validation, and its versions.
//!
//! [`RunSpec::parse`] is the only door from the outside; a [`RunSpec`] that exists is in the canonical
//! form of Marathon 1.10 (networks instead of `docker.network`, port mappings at the container, defaults
//! filled in) and holds only what takes effect end to end.

mod check;
mod constraint;
mod container;
mod default_network;
mod fetch;
mod health_check;
mod merge;
mod migrate;
mod parse;
mod read;
mod readiness_check;
mod record;
mod refusal;
mod resource_limits;
mod schema;
mod service_ports;
mod strategy;
mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{AppId, PathId, Role, Scalar};

pub use check::{Check, ExecCommand, Question};
pub use constraint::{Constraint, Operator, Pattern};
pub use container::{
    Container, ContainerNetwork, Docker, Networking, Parameter, PortDefinition, PortMapping,
    Protocol, Volume,
};
pub use default_network::name_networks;
pub use fetch::Fetch;
pub use health_check::{CheckPort, HealthCheck, IpProtocol, Probe, Prober, Scheme};
pub use parse::invalid_id;
pub use read::read;
pub use readiness_check::ReadinessCheck;
pub use refusal::{Refusal, Violations};
pub use resource_limits::{Limit, ResourceLimits};
pub use service_ports::ServicePortsExhausted;
pub use strategy::{Backoff, KillSelection, UnreachableStrategy, UpgradeStrategy};
pub use version::{VersionInfo, VersionedRunSpec};

/// An app definition that has passed validation; only [`RunSpec::parse`] and [`RunSpec::restore`] make one.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSpec {
    id: AppId,
    command: Command,
    user: Option<String>,
    cpus: Scalar,
    mem: Scalar,
    disk: Scalar,
    resource_limits: Option<ResourceLimits>,
    instances: u32,
    constraints: Vec<Constraint>,
    container: Option<Container>,
    networking: Networking,
    fetch: Vec<Fetch>,
    health_checks: Vec<HealthCheck>,
    check: Option<Check>,
    readiness_check: Option<ReadinessCheck>,
    env: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    backoff: Backoff,
    upgrade_strategy: UpgradeStrategy,
    dependencies: BTreeSet<PathId>,
    task_kill_grace_period: Option<Duration>,
    kill_selection: KillSelection,
    unreachable_strategy: UnreachableStrategy,
    accepted_resource_roles: Option<BTreeSet<Role>>,
    role: Role,
}

/// What a task's container executes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `cmd`: run by `/bin/sh -c`.
    Shell(String),
    /// `args`: handed to the image's entrypoint; without an image the first is the program.
    Arguments(Vec<String>),
    /// Neither: the image's own command.
    OfImage,
}

impl RunSpec {
    /// The app's id.
    pub fn id(&self) -> &AppId {
        &self.id
    }

    /// What the container executes.
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// The agent's user whose its tasks and their sandboxes are; the agent decides when `None`.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// CPU shares of one instance.
    pub fn cpus(&self) -> Scalar {
        self.cpus
    }

    /// Memory of one instance in MiB.
    pub fn mem(&self) -> Scalar {
        self.mem
    }

    /// Disk of one instance in MiB.
    pub fn disk(&self) -> Scalar {
        self.disk
    }

    /// How far an instance may go above these; some always limits something.
    pub fn resource_limits(&self) -> Option<ResourceLimits> {
        self.resource_limits
    }

    /// Wanted number of instances.
    pub fn instances(&self) -> u32 {
        self.instances
    }

    /// Placement constraints, in the order given.
    pub fn constraints(&self) -> &[Constraint] {
        &self.constraints
    }

    /// Whether a constraint asks for an even spread, so that each instance placed changes where the next may go.
    pub fn spreads(&self) -> bool {
        self.constraints.iter().any(|one| matches!(one.operator, Operator::GroupBy(_)))
    }

    /// What surrounds the command; nothing of an app that says nothing of it.
    pub fn container(&self) -> Option<&Container> {
        self.container.as_ref()
    }

    /// Image and engine options; none of an app whose command the agent runs itself.
    pub fn docker(&self) -> Option<&Docker> {
        self.container.as_ref()?.docker.as_ref()
    }

    /// Network mode with its ports.
    pub fn networking(&self) -> &Networking {
        &self.networking
    }

    /// Health checks, in the order given.
    pub fn health_checks(&self) -> &[HealthCheck] {
        &self.health_checks
    }

    /// What the agent asks of its tasks and only tells.
    pub fn check(&self) -> Option<&Check> {
        self.check.as_ref()
    }

    /// What deployments ask before they count an instance.
    pub fn readiness_check(&self) -> Option<&ReadinessCheck> {
        self.readiness_check.as_ref()
    }

    /// The app's own environment.
    pub fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// What the sandbox holds before an instance starts, in the order given.
    pub fn fetch(&self) -> &[Fetch] {
        &self.fetch
    }

    /// Labels.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// Delay between launches after failures.
    pub fn backoff(&self) -> Backoff {
        self.backoff
    }

    /// Capacities kept during a restart.
    pub fn upgrade_strategy(&self) -> UpgradeStrategy {
        self.upgrade_strategy
    }

    /// Apps or groups that must be up first.
    pub fn dependencies(&self) -> &BTreeSet<PathId> {
        &self.dependencies
    }

    /// Time from SIGTERM to SIGKILL; the agent's default when `None`.
    pub fn task_kill_grace_period(&self) -> Option<Duration> {
        self.task_kill_grace_period
    }

    /// Which instances go first when scaling down.
    pub fn kill_selection(&self) -> KillSelection {
        self.kill_selection
    }

    /// What happens with instances on an unreachable agent.
    pub fn unreachable_strategy(&self) -> UnreachableStrategy {
        self.unreachable_strategy
    }

    /// Roles whose resources may be used; any when `None`.
    pub fn accepted_resource_roles(&self) -> Option<&BTreeSet<Role>> {
        self.accepted_resource_roles.as_ref()
    }

    /// Mesos role that the app's tasks run under.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// The service port of each declared port, in the order of declaration; 0 = not allocated yet.
    pub fn service_ports(&self) -> Vec<u16> {
        match &self.networking {
            Networking::Host { port_definitions, .. } => {
                port_definitions.iter().map(|definition| definition.port).collect()
            }
            Networking::Bridge { port_mappings, .. }
            | Networking::Container { port_mappings, .. } => {
                port_mappings.iter().map(|mapping| mapping.service_port).collect()
            }
        }
    }

    /// The same definition with another number of instances.
    pub fn with_instances(&self, instances: u32) -> Self {
        Self { instances, ..self.clone() }
    }

    /// Whether going from `old` to `self` replaces all instances: any difference but `instances`.
    ///
    /// Source: marathon.md §1.1 (AppDefinition.isUpgrade of the original).
    pub fn is_upgrade_from(&self, old: &Self) -> bool {
        self.with_instances(old.instances) != *old
    }
}

#[cfg(test)]
mod tests;
