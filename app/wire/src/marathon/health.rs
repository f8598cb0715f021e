//! Health and readiness checks: as posted, as answered, and what they have found. Plain checks have a file of their own.

use serde::{Deserialize, Serialize};

use super::number::whole;

/// One element of `healthChecks` as posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedHealthCheck {
    /// `HTTP` (default), `HTTPS`, `TCP`, `COMMAND`, `MESOS_HTTP`, `MESOS_HTTPS` or `MESOS_TCP`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Path of the HTTP kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Port; goes before `portIndex`.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub port: Option<i64>,
    /// Which of the declared ports.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub port_index: Option<i64>,
    /// What `COMMAND` runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CheckCommand>,
    /// How long failures count for nothing before the first success, default 300.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<i64>,
    /// Time between two probes, default 60.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<i64>,
    /// How long a probe may take, default 20.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i64>,
    /// Failures in a row after which a task is killed, default 3; 0 = never.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub max_consecutive_failures: Option<i64>,
    /// Time before the first probe of a Mesos check, default 15.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<i64>,
    /// Whether answers 100 to 199 say nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_http1xx: Option<bool>,
    /// `IPv4` (default) or `IPv6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_protocol: Option<String>,
}

/// The command of a health check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckCommand {
    /// Run by a shell.
    pub value: String,
}

/// One element of `healthChecks`, as answered and in events; members in the original's order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthCheck {
    /// What `COMMAND` runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CheckCommand>,
    /// How long failures count for nothing before the first success.
    pub grace_period_seconds: u64,
    /// Whether answers 100 to 199 say nothing; only of `HTTP` and `HTTPS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_http1xx: Option<bool>,
    /// Time between two probes.
    pub interval_seconds: u64,
    /// Failures in a row after which a task is killed; 0 = never.
    pub max_consecutive_failures: u32,
    /// Path of the HTTP kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Port, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Which of the declared ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_index: Option<u32>,
    /// `HTTP`, `TCP`, `COMMAND` and so on.
    pub protocol: String,
    /// `IPv4` or `IPv6`.
    pub ip_protocol: String,
    /// How long a probe may take.
    pub timeout_seconds: u64,
    /// Time before the first probe of a Mesos check.
    pub delay_seconds: u64,
}

/// What one health check has found of one task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthCheckResult {
    /// Whether the last result that counted was good.
    pub alive: bool,
    /// Failures since the last success.
    pub consecutive_failures: u32,
    /// When it first succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_success: Option<String>,
    /// When it last succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success: Option<String>,
    /// When it last failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// Why it last failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure_cause: Option<String>,
    /// The instance.
    pub instance_id: String,
}

/// One element of `readinessChecks` as posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedReadinessCheck {
    /// Default `readinessCheck`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `HTTP` (default) or `HTTPS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Default `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Name of a declared port, default `http-api`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_name: Option<String>,
    /// Time between two probes, default 30.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<i64>,
    /// How long a probe may take, default 10.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i64>,
    /// Default 200 alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status_codes_for_ready: Option<Vec<i64>>,
    /// Whether the last answer is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserve_last_response: Option<bool>,
}

/// One element of `readinessChecks` as answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReadinessCheck {
    /// Its name in results.
    pub name: String,
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    /// Path that is asked for.
    pub path: String,
    /// Name of a declared port.
    pub port_name: String,
    /// Time between two probes.
    pub interval_seconds: u64,
    /// How long a probe may take.
    pub timeout_seconds: u64,
    /// What counts as ready.
    pub http_status_codes_for_ready: Vec<u16>,
    /// Whether the last answer is shown.
    pub preserve_last_response: bool,
}

/// What a readiness check has found of one task, in `/v2/deployments` and in apps with `embed=apps.readiness`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReadinessCheckResult {
    /// Name of the check.
    pub name: String,
    /// The task.
    pub task_id: String,
    /// Whether it is ready.
    pub ready: bool,
    /// The last answer, where the check keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_response: Option<ReadinessResponse>,
}

/// An answer to a readiness check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReadinessResponse {
    /// HTTP status; 504 when there was no answer.
    pub status: u16,
    /// Media type.
    pub content_type: String,
    /// The body.
    pub body: String,
}
