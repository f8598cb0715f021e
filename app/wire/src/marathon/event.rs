//! Events of `GET /v2/events`.
//!
//! Each event's JSON carries `eventType` and `timestamp` beside the members of its variant.

use serde::{Deserialize, Serialize};

use super::app::App;
use super::deployment::{DeploymentPlan, DeploymentStep};
use super::health::HealthCheck;
use super::task::IpAddress;

/// One event; serialises to its whole payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "eventType", rename_all = "snake_case")]
pub enum Event {
    /// An app was created or updated by a request.
    #[serde(rename = "api_post_event")]
    ApiPost(Box<ApiPost>),
    /// Mesos told the state of a task.
    #[serde(rename = "status_update_event")]
    StatusUpdate(StatusUpdate),
    /// An instance's condition or goal changed.
    #[serde(rename = "instance_changed_event")]
    InstanceChanged(InstanceChanged),
    /// A task that no instance owns ended.
    #[serde(rename = "unknown_instance_terminated_event")]
    UnknownInstanceTerminated(UnknownInstanceTerminated),
    /// What an instance's health checks say together has changed.
    #[serde(rename = "instance_health_changed_event")]
    InstanceHealthChanged(InstanceHealthChanged),
    /// An app version with a health check appears.
    #[serde(rename = "add_health_check_event")]
    AddHealthCheck(AddHealthCheck),
    /// An app with a health check is removed.
    #[serde(rename = "remove_health_check_event")]
    RemoveHealthCheck(RemoveHealthCheck),
    /// A health check failed and the failure counts.
    #[serde(rename = "failed_health_check_event")]
    FailedHealthCheck(FailedHealthCheck),
    /// What one health check says of an instance has changed.
    #[serde(rename = "health_status_changed_event")]
    HealthStatusChanged(HealthStatusChanged),
    /// An instance is killed because a health check failed too often.
    #[serde(rename = "unhealthy_instance_kill_event")]
    UnhealthyInstanceKill(UnhealthyInstanceKill),
    /// All instances of a removed app are gone.
    #[serde(rename = "app_terminated_event")]
    AppTerminated(AppTerminated),
    /// The group tree changed.
    GroupChangeSuccess(GroupChangeSuccess),
    /// The group tree could not be changed.
    GroupChangeFailed(GroupChangeFailed),
    /// A deployment step begins.
    DeploymentInfo(DeploymentInfo),
    /// A deployment step is done.
    DeploymentStepSuccess(DeploymentInfo),
    /// A deployment step failed.
    DeploymentStepFailure(DeploymentInfo),
    /// A deployment is done.
    DeploymentSuccess(DeploymentSuccess),
    /// A deployment was cancelled, overridden or refused.
    DeploymentFailed(DeploymentFailed),
    /// Mesos accepted the framework for the first time.
    #[serde(rename = "scheduler_registered_event")]
    SchedulerRegistered(SchedulerConnected),
    /// Mesos accepted the framework again.
    #[serde(rename = "scheduler_reregistered_event")]
    SchedulerReregistered(SchedulerConnected),
    /// The connection to Mesos ended.
    #[serde(rename = "scheduler_disconnected_event")]
    SchedulerDisconnected {
        /// When.
        timestamp: String,
    },
    /// A client began to read events.
    EventStreamAttached(EventStreamAttached),
    /// A client stopped reading events.
    EventStreamDetached(EventStreamAttached),
}

impl Event {
    /// The value of `eventType`, also the `event:` line of the stream.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::ApiPost(_) => "api_post_event",
            Self::StatusUpdate(_) => "status_update_event",
            Self::InstanceChanged(_) => "instance_changed_event",
            Self::UnknownInstanceTerminated(_) => "unknown_instance_terminated_event",
            Self::InstanceHealthChanged(_) => "instance_health_changed_event",
            Self::AddHealthCheck(_) => "add_health_check_event",
            Self::RemoveHealthCheck(_) => "remove_health_check_event",
            Self::FailedHealthCheck(_) => "failed_health_check_event",
            Self::HealthStatusChanged(_) => "health_status_changed_event",
            Self::UnhealthyInstanceKill(_) => "unhealthy_instance_kill_event",
            Self::AppTerminated(_) => "app_terminated_event",
            Self::GroupChangeSuccess(_) => "group_change_success",
            Self::GroupChangeFailed(_) => "group_change_failed",
            Self::DeploymentInfo(_) => "deployment_info",
            Self::DeploymentStepSuccess(_) => "deployment_step_success",
            Self::DeploymentStepFailure(_) => "deployment_step_failure",
            Self::DeploymentSuccess(_) => "deployment_success",
            Self::DeploymentFailed(_) => "deployment_failed",
            Self::SchedulerRegistered(_) => "scheduler_registered_event",
            Self::SchedulerReregistered(_) => "scheduler_reregistered_event",
            Self::SchedulerDisconnected { .. } => "scheduler_disconnected_event",
            Self::EventStreamAttached(_) => "event_stream_attached",
            Self::EventStreamDetached(_) => "event_stream_detached",
        }
    }
}

/// `api_post_event`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiPost {
    /// Address of the client.
    pub client_ip: String,
    /// Path of the request.
    pub uri: String,
    /// The stored app, without runtime fields.
    pub app_definition: App,
    /// When.
    pub timestamp: String,
}

/// `status_update_event`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusUpdate {
    /// Agent, `""` if unknown.
    pub slave_id: String,
    /// Task.
    pub task_id: String,
    /// `TASK_RUNNING` and so on.
    pub task_status: String,
    /// The update's text, `""` without one.
    pub message: String,
    /// App.
    pub app_id: String,
    /// Agent's hostname.
    pub host: String,
    /// Addresses of the container.
    pub ip_addresses: Vec<IpAddress>,
    /// Host ports.
    pub ports: Vec<u16>,
    /// App version that the task runs.
    pub version: String,
    /// When.
    pub timestamp: String,
}

/// `instance_changed_event`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceChanged {
    /// Instance.
    pub instance_id: String,
    /// `Scheduled`, `Provisioned`, `Staging`, `Starting`, `Running` and so on.
    pub condition: String,
    /// App.
    pub run_spec_id: String,
    /// Agent, `null` while there is none.
    pub agent_id: Option<String>,
    /// Agent's hostname, `null` while there is none.
    pub host: Option<String>,
    /// App version.
    pub run_spec_version: String,
    /// When.
    pub timestamp: String,
}

/// `unknown_instance_terminated_event`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnknownInstanceTerminated {
    /// Instance.
    pub instance_id: String,
    /// App.
    pub run_spec_id: String,
    /// Its last condition.
    pub condition: String,
    /// When.
    pub timestamp: String,
}

/// `app_terminated_event`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppTerminated {
    /// App.
    pub app_id: String,
    /// When.
    pub timestamp: String,
}

/// `instance_health_changed_event`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceHealthChanged {
    /// Instance.
    pub instance_id: String,
    /// App.
    pub run_spec_id: String,
    /// `null` while a check has no result yet.
    pub healthy: Option<bool>,
    /// App version.
    pub run_spec_version: String,
    /// When.
    pub timestamp: String,
}

/// `add_health_check_event`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddHealthCheck {
    /// App.
    pub app_id: String,
    /// Its check.
    pub health_check: HealthCheck,
    /// When.
    pub timestamp: String,
    /// App version.
    pub version: String,
}

/// `remove_health_check_event`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveHealthCheck {
    /// App.
    pub app_id: String,
    /// When.
    pub timestamp: String,
}

/// `failed_health_check_event`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedHealthCheck {
    /// App.
    pub app_id: String,
    /// Its check.
    pub health_check: HealthCheck,
    /// Compat: holds the instance's id, as in the original.
    pub task_id: String,
    /// When.
    pub timestamp: String,
}

/// `health_status_changed_event`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthStatusChanged {
    /// App.
    pub app_id: String,
    /// Instance.
    pub instance_id: String,
    /// Task, for readers of Marathon 1.3 and older.
    pub task_id: String,
    /// App version.
    pub version: String,
    /// Whether the check succeeds.
    pub alive: bool,
    /// When.
    pub timestamp: String,
}

/// `unhealthy_instance_kill_event`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnhealthyInstanceKill {
    /// App.
    pub app_id: String,
    /// Task.
    pub task_id: String,
    /// Instance.
    pub instance_id: String,
    /// App version.
    pub version: String,
    /// Why the check failed last.
    pub reason: String,
    /// Agent's hostname.
    pub host: String,
    /// Agent; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slave_id: Option<String>,
    /// When.
    pub timestamp: String,
}

/// `group_change_success`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupChangeSuccess {
    /// The changed group, or the parent group of the changed app.
    pub group_id: String,
    /// New version of the root group.
    pub version: String,
    /// When.
    pub timestamp: String,
}

/// `group_change_failed`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupChangeFailed {
    /// The group, or the parent group of the app.
    pub group_id: String,
    /// The version it would have made.
    pub version: String,
    /// Why not.
    pub reason: String,
    /// When.
    pub timestamp: String,
}

/// `deployment_info`, `deployment_step_success` and `deployment_step_failure`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentInfo {
    /// The whole plan.
    pub plan: DeploymentPlan,
    /// The step.
    pub current_step: DeploymentStep,
    /// When.
    pub timestamp: String,
}

/// `deployment_success`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentSuccess {
    /// Deployment.
    pub id: String,
    /// The whole plan.
    pub plan: DeploymentPlan,
    /// When.
    pub timestamp: String,
}

/// `deployment_failed`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentFailed {
    /// Deployment.
    pub id: String,
    /// The whole plan.
    pub plan: DeploymentPlan,
    /// When.
    pub timestamp: String,
    /// Why.
    pub reason: String,
}

/// `scheduler_registered_event` and `scheduler_reregistered_event`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchedulerConnected {
    /// The framework; absent in `scheduler_reregistered_event`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framework_id: Option<String>,
    /// Address of the Mesos master.
    pub master: String,
    /// When.
    pub timestamp: String,
}

/// `event_stream_attached` and `event_stream_detached`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventStreamAttached {
    /// Address of the client.
    pub remote_address: String,
    /// When.
    pub timestamp: String,
}
