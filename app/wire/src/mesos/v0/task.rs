//! Tasks, their statuses and their executors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ResourceSummary;

/// A task, the same on master and agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The task's id.
    pub id: String,
    /// The task's name.
    pub name: String,
    /// The framework's id.
    pub framework_id: String,
    /// The executor's id; empty for a task that runs without one of the framework's.
    #[serde(default)]
    pub executor_id: String,
    /// The agent's id.
    pub slave_id: String,
    /// The name of the task's state, `TASK_RUNNING`.
    pub state: String,
    /// What the task holds.
    pub resources: ResourceSummary,
    /// How far the task may go above its resources; `"Infinity"` where there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<BTreeMap<String, Value>>,
    /// The role that the resources are allocated to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The history, oldest first: one entry for each run of equal states.
    #[serde(default)]
    pub statuses: Vec<TaskStatus>,
    /// The user, when the command named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The task's labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// `DiscoveryInfo` as v1 JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<Value>,
    /// `ContainerInfo` as v1 JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Value>,
    /// `HealthCheck` as v1 JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<Value>,
}

/// A state that a task has been in. Message, reason, source and uuid are not part of v0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskStatus {
    /// The name of the state.
    pub state: String,
    /// When it was reported, in seconds since 1970 began.
    pub timestamp: f64,
    /// The labels of the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// What the containerizer said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_status: Option<ContainerStatus>,
    /// The outcome of the health check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<bool>,
}

/// What the containerizer says about a task's container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContainerStatus {
    /// The container's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_id: Option<ContainerId>,
    /// The container's networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_infos: Vec<NetworkInfo>,
    /// `CgroupInfo` as v1 JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup_info: Option<Value>,
}

/// A container's id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerId {
    /// The id itself.
    pub value: String,
    /// The container that this one is nested in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<ContainerId>>,
}

/// A network that a container is on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NetworkInfo {
    /// The container's addresses on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip_addresses: Vec<IpAddress>,
    /// The network's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The groups that the container may talk to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// `Labels` as v1 JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Value>,
    /// Port mappings as v1 JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub port_mappings: Vec<Value>,
}

/// An address of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpAddress {
    /// `IPv4` or `IPv6`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The address as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
}

/// A label; keys may come twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The key.
    pub key: String,
    /// The value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// An executor of a framework's own, as the master knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Executor {
    /// The executor's id.
    pub executor_id: String,
    /// The executor's name.
    #[serde(default)]
    pub name: String,
    /// The framework's id.
    pub framework_id: String,
    /// The command, with its arguments under `argv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Value>,
    /// What the executor itself holds.
    pub resources: ResourceSummary,
    /// The role that the resources are allocated to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The executor's labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// `DEFAULT` or `CUSTOM`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The agent's id.
    pub slave_id: String,
}

/// The role that resources are allocated to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocationInfo {
    /// The role.
    pub role: String,
}
