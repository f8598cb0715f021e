//! The master's `/state`, `/state-summary`, `/slaves`, `/frameworks` and `/tasks`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AllocationInfo, Executor, Label, ResourceSummary, Task, Version};

/// The master's `/state`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MasterState {
    /// Which build answers.
    #[serde(flatten)]
    pub version: Version,
    /// When the process started, in seconds since 1970 began.
    pub start_time: f64,
    /// When this master began to lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elected_time: Option<f64>,
    /// The master's id.
    pub id: String,
    /// `master@<ip>:<port>`.
    pub pid: String,
    /// The master's host name.
    pub hostname: String,
    /// What the master can do beyond the basic protocol.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Number of agents that get offers.
    pub activated_slaves: u64,
    /// Number of agents that are registered but get no offers.
    pub deactivated_slaves: u64,
    /// Number of agents that are out of reach.
    pub unreachable_slaves: u64,
    /// Where the master stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
    /// The leading master's pid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// The leading master.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader_info: Option<LeaderInfo>,
    /// The cluster's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Where log files go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_dir: Option<String>,
    /// The log file of a program that keeps logs for the master.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_log_file: Option<String>,
    /// Every flag's value as a text.
    #[serde(default)]
    pub flags: BTreeMap<String, String>,
    /// The registered agents.
    #[serde(default)]
    pub slaves: Vec<Slave>,
    /// Agents that were admitted and have not come back to this master yet.
    #[serde(default)]
    pub recovered_slaves: Vec<SlaveInfo>,
    /// The frameworks that are not over.
    #[serde(default)]
    pub frameworks: Vec<Framework>,
    /// The frameworks that are over, oldest first.
    #[serde(default)]
    pub completed_frameworks: Vec<Framework>,
    /// Always empty.
    #[serde(default)]
    pub orphan_tasks: Vec<Task>,
    /// Always empty.
    #[serde(default)]
    pub unregistered_frameworks: Vec<String>,
}

/// The leading master, as every master's `/state` names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderInfo {
    /// The leader's id.
    pub id: String,
    /// `master@<ip>:<port>`.
    pub pid: String,
    /// The port of its API.
    pub port: u16,
    /// Its host name.
    pub hostname: String,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
}

/// Where a machine stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Its fault domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault_domain: Option<FaultDomain>,
}

/// A region and a zone in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultDomain {
    /// The region.
    pub region: Named,
    /// The zone.
    pub zone: Named,
}

/// Something that has only a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The name.
    pub name: String,
}

/// The part of an agent that is known before it comes back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SlaveInfo {
    /// The agent's id.
    pub id: String,
    /// Its host name.
    pub hostname: String,
    /// The port of its API.
    pub port: u16,
    /// Its attributes: numbers for scalars, texts for everything else.
    #[serde(default)]
    pub attributes: BTreeMap<String, Value>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
}

/// A registered agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slave {
    /// What the agent says about itself.
    #[serde(flatten)]
    pub info: SlaveInfo,
    /// `slave(1)@<ip>:<port>`; consoles cut the prefix before `@` off.
    pub pid: String,
    /// When it was first admitted, in seconds since 1970 began.
    pub registered_time: f64,
    /// When it last came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reregistered_time: Option<f64>,
    /// All it has.
    pub resources: ResourceSummary,
    /// What tasks and executors hold.
    pub used_resources: ResourceSummary,
    /// What is offered.
    pub offered_resources: ResourceSummary,
    /// What is reserved, by role.
    #[serde(default)]
    pub reserved_resources: BTreeMap<String, ResourceSummary>,
    /// What is not reserved.
    pub unreserved_resources: ResourceSummary,
    /// Whether it gets offers.
    pub active: bool,
    /// Whether an operator has deactivated it.
    #[serde(default)]
    pub deactivated: bool,
    /// The agent's version.
    pub version: String,
    /// What the agent can do beyond the basic protocol.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// `DrainInfo` as v1 JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_info: Option<Value>,
    /// When draining began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_drain_start_time_seconds: Option<f64>,
}

/// The answer of `/slaves`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slaves {
    /// The registered agents, with their resources in full.
    pub slaves: Vec<SlaveFull>,
    /// Agents that were admitted and have not come back to this master yet.
    #[serde(default)]
    pub recovered_slaves: Vec<SlaveInfo>,
}

/// A registered agent as `/slaves` shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SlaveFull {
    /// What `/state` shows too.
    #[serde(flatten)]
    pub slave: Slave,
    /// The resources one by one.
    #[serde(flatten)]
    pub full: SlaveResourcesFull,
}

/// An agent's resources one by one, each a `Resource` as v1 JSON with `role` always set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SlaveResourcesFull {
    /// What is reserved, by role.
    #[serde(default)]
    pub reserved_resources_full: BTreeMap<String, Vec<Value>>,
    /// What is not reserved.
    #[serde(default)]
    pub unreserved_resources_full: Vec<Value>,
    /// What tasks and executors hold, with `allocation_info`.
    #[serde(default)]
    pub used_resources_full: Vec<Value>,
    /// What is offered, with `allocation_info`.
    #[serde(default)]
    pub offered_resources_full: Vec<Value>,
}

/// A framework, in progress or over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Framework {
    /// The framework's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Only of frameworks with the legacy driver; an empty text would break DNS bridges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<String>,
    /// What its tasks and executors hold.
    pub used_resources: ResourceSummary,
    /// What it is offered.
    pub offered_resources: ResourceSummary,
    /// What it understands beyond the basic protocol.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// The scheduler's host name.
    #[serde(default)]
    pub hostname: String,
    /// The framework's own console.
    #[serde(default)]
    pub webui_url: String,
    /// Whether it gets offers.
    pub active: bool,
    /// Whether its scheduler is connected.
    #[serde(default)]
    pub connected: bool,
    /// Whether it is known from agents only and has not subscribed to this master yet.
    #[serde(default)]
    pub recovered: bool,
    /// The user that its tasks run as.
    #[serde(default)]
    pub user: String,
    /// Seconds for which its tasks are kept after its scheduler went away.
    #[serde(default)]
    pub failover_timeout: f64,
    /// Whether its tasks outlive a restart of their agent.
    #[serde(default)]
    pub checkpoint: bool,
    /// When it first subscribed, in seconds since 1970 began.
    #[serde(default)]
    pub registered_time: f64,
    /// When it ended; 0 if it has not.
    #[serde(default)]
    pub unregistered_time: f64,
    /// Who it has authenticated as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// What it holds and is offered together.
    #[serde(default)]
    pub resources: ResourceSummary,
    /// When it last subscribed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reregistered_time: Option<f64>,
    /// The role of a framework without MULTI_ROLE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The roles of a framework with MULTI_ROLE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Its live tasks.
    #[serde(default)]
    pub tasks: Vec<Task>,
    /// Its tasks on agents that are out of reach.
    #[serde(default)]
    pub unreachable_tasks: Vec<Task>,
    /// Its tasks that are over, oldest first.
    #[serde(default)]
    pub completed_tasks: Vec<Task>,
    /// Its outstanding offers.
    #[serde(default)]
    pub offers: Vec<Offer>,
    /// Its own executors.
    #[serde(default)]
    pub executors: Vec<Executor>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// `OfferConstraints` as v1 JSON.
    #[serde(default)]
    pub offer_constraints: serde_json::Map<String, Value>,
}

/// An outstanding offer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The offer's id.
    pub id: String,
    /// The framework's id.
    pub framework_id: String,
    /// The role that is offered to.
    #[serde(default)]
    pub allocation_info: AllocationInfo,
    /// The agent's id.
    pub slave_id: String,
    /// What is offered.
    pub resources: ResourceSummary,
}

/// The answer of `/frameworks`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Frameworks {
    /// The frameworks that are not over.
    pub frameworks: Vec<Framework>,
    /// The frameworks that are over, oldest first.
    #[serde(default)]
    pub completed_frameworks: Vec<Framework>,
    /// Always empty.
    #[serde(default)]
    pub unregistered_frameworks: Vec<String>,
}

/// The answer of `/tasks`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tasks {
    /// The tasks asked for, newest first unless asked otherwise.
    pub tasks: Vec<Task>,
}

/// The answer of `/state-summary`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StateSummary {
    /// The master's host name.
    pub hostname: String,
    /// The cluster's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The registered agents.
    pub slaves: Vec<SummarySlave>,
    /// The frameworks that are not over.
    pub frameworks: Vec<SummaryFramework>,
}

/// An agent as `/state-summary` shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SummarySlave {
    /// What `/state` shows too.
    #[serde(flatten)]
    pub slave: Slave,
    /// How many of its tasks are in which state.
    #[serde(flatten)]
    pub counts: TaskCounts,
    /// The frameworks that have or had tasks on it.
    #[serde(default)]
    pub framework_ids: Vec<String>,
}

/// A framework as `/state-summary` shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SummaryFramework {
    /// The framework's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Only of frameworks with the legacy driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<String>,
    /// What its tasks and executors hold.
    pub used_resources: ResourceSummary,
    /// What it is offered.
    pub offered_resources: ResourceSummary,
    /// What it understands beyond the basic protocol.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// The scheduler's host name.
    #[serde(default)]
    pub hostname: String,
    /// The framework's own console.
    #[serde(default)]
    pub webui_url: String,
    /// Whether it gets offers.
    pub active: bool,
    /// Whether its scheduler is connected.
    #[serde(default)]
    pub connected: bool,
    /// Whether it has not subscribed to this master yet.
    #[serde(default)]
    pub recovered: bool,
    /// How many of its tasks are in which state.
    #[serde(flatten)]
    pub counts: TaskCounts,
    /// The agents that have or had tasks of it.
    #[serde(default)]
    pub slave_ids: Vec<String>,
}

/// How many tasks are in which state; live, unreachable and completed ones together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct TaskCounts {
    /// Tasks in `TASK_STAGING`.
    pub task_staging: u64,
    /// Tasks in `TASK_STARTING`.
    pub task_starting: u64,
    /// Tasks in `TASK_RUNNING`.
    pub task_running: u64,
    /// Tasks in `TASK_KILLING`.
    pub task_killing: u64,
    /// Tasks in `TASK_FINISHED`.
    pub task_finished: u64,
    /// Tasks in `TASK_KILLED`.
    pub task_killed: u64,
    /// Tasks in `TASK_FAILED`.
    pub task_failed: u64,
    /// Tasks in `TASK_LOST`.
    pub task_lost: u64,
    /// Tasks in `TASK_ERROR`.
    pub task_error: u64,
    /// Tasks in `TASK_UNREACHABLE`.
    pub task_unreachable: u64,
}
