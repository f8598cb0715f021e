//! The agent's `/state`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Domain, Label, ResourceSummary, Task, Version};

/// The agent's `/state`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentState {
    /// Which build answers.
    #[serde(flatten)]
    pub version: Version,
    /// When the process started, in seconds since 1970 began.
    pub start_time: f64,
    /// The agent's id; empty until it is admitted.
    pub id: String,
    /// `slave(1)@<ip>:<port>`.
    pub pid: String,
    /// The agent's host name.
    pub hostname: String,
    /// What the agent can do beyond the basic protocol.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Where the agent stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
    /// `DrainConfig` as v1 JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_config: Option<Value>,
    /// When draining began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_drain_start_time_seconds: Option<f64>,
    /// All it has.
    pub resources: ResourceSummary,
    /// What is reserved, by role.
    #[serde(default)]
    pub reserved_resources: BTreeMap<String, ResourceSummary>,
    /// What is not reserved.
    #[serde(default)]
    pub unreserved_resources: ResourceSummary,
    /// What is reserved, by role, one by one as v1 JSON.
    #[serde(default)]
    pub reserved_resources_full: BTreeMap<String, Vec<Value>>,
    /// What is not reserved, one by one as v1 JSON.
    #[serde(default)]
    pub unreserved_resources_full: Vec<Value>,
    /// What is reserved and held by tasks, by role.
    #[serde(default)]
    pub reserved_resources_allocated: BTreeMap<String, ResourceSummary>,
    /// What is not reserved and held by tasks.
    #[serde(default)]
    pub unreserved_resources_allocated: ResourceSummary,
    /// Resource providers as v1 JSON.
    #[serde(default)]
    pub resource_providers: Vec<Value>,
    /// Its attributes: numbers for scalars, texts for everything else.
    #[serde(default)]
    pub attributes: BTreeMap<String, Value>,
    /// The leading master's host name, while the agent has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_hostname: Option<String>,
    /// Where log files go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_dir: Option<String>,
    /// The log file of a program that keeps logs for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_log_file: Option<String>,
    /// Every flag's value as a text.
    #[serde(default)]
    pub flags: BTreeMap<String, String>,
    /// The frameworks that have executors here.
    #[serde(default)]
    pub frameworks: Vec<AgentFramework>,
    /// The frameworks that had executors here, oldest first.
    #[serde(default)]
    pub completed_frameworks: Vec<AgentFramework>,
}

/// A framework as an agent knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentFramework {
    /// The framework's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The user that its tasks run as.
    #[serde(default)]
    pub user: String,
    /// Seconds for which its tasks are kept after its scheduler went away.
    #[serde(default)]
    pub failover_timeout: f64,
    /// Whether its tasks outlive a restart of the agent.
    #[serde(default)]
    pub checkpoint: bool,
    /// The scheduler's host name.
    #[serde(default)]
    pub hostname: String,
    /// Who it has authenticated as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The role of a framework without MULTI_ROLE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The roles of a framework with MULTI_ROLE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// The executors that run.
    #[serde(default)]
    pub executors: Vec<AgentExecutor>,
    /// The executors that ran, oldest first.
    #[serde(default)]
    pub completed_executors: Vec<AgentExecutor>,
}

/// An executor as an agent knows it; each plain task has one of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentExecutor {
    /// The executor's id; a plain task's executor has the task's id.
    pub id: String,
    /// The executor's name.
    #[serde(default)]
    pub name: String,
    /// A plain task's executor has the task's id here too.
    #[serde(default)]
    pub source: String,
    /// The container's id.
    pub container: String,
    /// The sandbox, as an absolute path.
    pub directory: String,
    /// What the executor and its live tasks hold.
    pub resources: ResourceSummary,
    /// The role that the resources are allocated to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The executor's labels; a plain task's are copied here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// `DiscoveryInfo` as v1 JSON; a plain task's is copied here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<Value>,
    /// `DEFAULT` or `CUSTOM`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The tasks that run.
    #[serde(default)]
    pub tasks: Vec<Task>,
    /// The tasks that wait for the executor.
    #[serde(default)]
    pub queued_tasks: Vec<QueuedTask>,
    /// The tasks that ran, oldest first.
    #[serde(default)]
    pub completed_tasks: Vec<Task>,
}

/// A task that waits for its executor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueuedTask {
    /// The task's id.
    pub id: String,
    /// The task's name.
    pub name: String,
    /// The agent's id.
    pub slave_id: String,
    /// What the task will hold.
    pub resources: ResourceSummary,
    /// The role that the resources are allocated to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The command, with its arguments under `argv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Value>,
    /// The executor's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor_id: Option<String>,
    /// `DiscoveryInfo` as v1 JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<Value>,
}
