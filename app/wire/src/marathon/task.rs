//! A task of an app.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::CheckResult;
use super::health::HealthCheckResult;

/// One task, as in `GET /v2/tasks` and under `tasks` of an app; members in the original's order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Task {
    /// App.
    pub app_id: String,
    /// What the app's `check` last found; absent before its first result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_result: Option<CheckResult>,
    /// Results of the health checks; empty without health checks.
    pub health_check_results: Vec<HealthCheckResult>,
    /// Agent's hostname.
    pub host: String,
    /// Task id, `nginx.instance-<uuid>._app.1`.
    pub id: String,
    /// Addresses of the container.
    pub ip_addresses: Vec<IpAddress>,
    /// Host ports in the order of declaration; empty for a task that is not active.
    pub ports: Vec<u16>,
    /// Service ports of the app; filled only in `GET /v2/tasks`.
    pub service_ports: Vec<u16>,
    /// Agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slave_id: Option<String>,
    /// `TASK_STAGING`, `TASK_RUNNING` and so on.
    pub state: String,
    /// When the scheduler created the task; only for an active task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staged_at: Option<String>,
    /// When it first ran; only for an active task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// App version that it runs; only for an active task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Persistent volumes.
    pub local_volumes: Vec<Value>,
    /// Fault domain's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Fault domain's zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Mesos role.
    pub role: String,
}

/// An address of a task's container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IpAddress {
    /// `172.17.0.2`.
    pub ip_address: String,
    /// `IPv4` or `IPv6`.
    pub protocol: String,
}

/// `GET /v2/tasks`, `GET /v2/apps/{id}/tasks`, and the answer to killing several tasks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tasks {
    /// The tasks.
    pub tasks: Vec<Task>,
}

/// The answer to killing one task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskResponse {
    /// The task before the kill.
    pub task: Task,
}
