//! An app as the server answers it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::Check;
use super::container::{Container, Network};
use super::fetch::Fetch;
use super::health::{HealthCheck, ReadinessCheck, ReadinessCheckResult};
use super::task::Task;

/// An app with its runtime fields, as in `GET /v2/apps`; members in the original's order.
///
/// Absent runtime fields were not asked for by `embed`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct App {
    /// Absolute path id, `/nginx`.
    pub id: String,
    /// Roles whose resources may be used; absent = any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_resource_roles: Option<Vec<String>>,
    /// Arguments of the image's entrypoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Growth of the back-off delay.
    pub backoff_factor: f64,
    /// Delay after the first failure.
    pub backoff_seconds: u64,
    /// What the agent asks of the tasks without judging the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// Shell command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<String>,
    /// Placement constraints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Vec<String>>,
    /// Container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// CPU shares.
    pub cpus: f64,
    /// Apps or groups that must be up first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<String>,
    /// Disk in MiB.
    pub disk: f64,
    /// Environment.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Value>,
    /// Executor, `""` for the default one.
    pub executor: String,
    /// What is fetched into the sandbox.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fetch: Vec<Fetch>,
    /// Health checks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub health_checks: Vec<HealthCheck>,
    /// Wanted number of instances.
    pub instances: u32,
    /// Labels; written even when empty.
    pub labels: BTreeMap<String, String>,
    /// Longest back-off delay.
    pub max_launch_delay_seconds: u64,
    /// Memory in MiB.
    pub mem: f64,
    /// GPUs.
    pub gpus: u32,
    /// Networks.
    pub networks: Vec<Network>,
    /// Ports of host networking; absent with any other network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_definitions: Option<Vec<PortDefinition>>,
    /// Readiness checks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readiness_checks: Vec<ReadinessCheck>,
    /// Whether the port definitions are host ports.
    pub require_ports: bool,
    /// By resource, how far instances may go above what is requested: a number or `unlimited`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_limits: Option<BTreeMap<String, Value>>,
    /// Time from SIGTERM to SIGKILL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_kill_grace_period_seconds: Option<u64>,
    /// Capacities kept during a restart.
    pub upgrade_strategy: UpgradeStrategy,
    /// User of the operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Time of the change that made this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Times of the last scaling and configuration change; absent in the answer to POST.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_info: Option<VersionInfo>,
    /// `YOUNGEST_FIRST` or `OLDEST_FIRST`.
    pub kill_selection: String,
    /// What happens with instances on an unreachable agent.
    pub unreachable_strategy: UnreachableStrategy,
    /// Mesos role.
    pub role: String,
    /// Instances whose task is accepted but not started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks_staged: Option<u32>,
    /// Instances whose task runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks_running: Option<u32>,
    /// Instances all of whose health checks pass; 0 without health checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks_healthy: Option<u32>,
    /// Instances one of whose health checks fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks_unhealthy: Option<u32>,
    /// Running deployments that change this app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployments: Option<Vec<DeploymentRef>>,
    /// Results of readiness checks; only while a deployment changes this app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness_check_results: Option<Vec<ReadinessCheckResult>>,
    /// Tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Vec<Task>>,
    /// Last failure of a task, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_task_failure: Option<TaskFailure>,
}

/// `GET /v2/apps`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Apps {
    /// The apps that match the filters.
    pub apps: Vec<App>,
}

/// `GET /v2/apps/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AppResponse {
    /// The app.
    pub app: App,
}

/// `GET /v2/apps/{id}/versions`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Versions {
    /// Times, newest first.
    pub versions: Vec<String>,
}

/// One element of `portDefinitions`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PortDefinition {
    /// Service port, and host port with `requirePorts`.
    pub port: u16,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `tcp`, `udp` or `udp,tcp`.
    pub protocol: String,
}

/// Capacities kept during a restart, each a share of the instances.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpgradeStrategy {
    /// Share that may run in excess.
    pub maximum_over_capacity: f64,
    /// Share that must stay healthy.
    pub minimum_health_capacity: f64,
}

/// Times of the last changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VersionInfo {
    /// Last change of `instances` (or of anything).
    pub last_scaling_at: String,
    /// Last change that replaced the instances.
    pub last_config_change_at: String,
}

/// What happens with instances on an unreachable agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum UnreachableStrategy {
    /// `"disabled"`: wait for ever.
    Text(String),
    /// Replace after one time, forget after another.
    Window(UnreachableWindow),
}

impl Default for UnreachableStrategy {
    fn default() -> Self {
        Self::Window(UnreachableWindow::default())
    }
}

/// The two times of an unreachable strategy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UnreachableWindow {
    /// Seconds until a replacement starts.
    pub inactive_after_seconds: u64,
    /// Seconds until the instance is forgotten.
    pub expunge_after_seconds: u64,
}

/// A deployment named by an app that it changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRef {
    /// Deployment id, a uuid.
    pub id: String,
}

/// `lastTaskFailure`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskFailure {
    /// App.
    pub app_id: String,
    /// Agent's hostname.
    pub host: String,
    /// The status update's text.
    pub message: String,
    /// `TASK_FAILED` and the like.
    pub state: String,
    /// Task.
    pub task_id: String,
    /// When it failed.
    pub timestamp: String,
    /// App version that the task ran.
    pub version: String,
    /// Agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slave_id: Option<String>,
}
