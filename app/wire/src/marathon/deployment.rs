//! Deployments: the answer that starts one, the list of running ones, the plan inside events.

use serde::{Deserialize, Serialize};

use super::health::ReadinessCheckResult;

/// Answer of every request that starts a deployment, except POST of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentResult {
    /// Deployment id, a uuid.
    pub deployment_id: String,
    /// Version of the root group that the deployment makes.
    pub version: String,
}

/// One element of `GET /v2/deployments`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deployment {
    /// Deployment id, a uuid.
    pub id: String,
    /// All steps.
    pub steps: Vec<DeploymentStep>,
    /// Version of the root group that the deployment makes.
    pub version: String,
    /// Apps that it changes, sorted.
    pub affected_apps: Vec<String>,
    /// Pods that it changes.
    pub affected_pods: Vec<String>,
    /// Actions of the running step; empty before the first one.
    pub current_actions: Vec<CurrentAction>,
    /// The running step counted from 1; 0 before the first one.
    pub current_step: u32,
    /// Number of steps.
    pub total_steps: u32,
}

/// Actions that run side by side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentStep {
    /// The actions.
    pub actions: Vec<Action>,
}

/// One action of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// `StartApplication`, `ScaleApplication`, `RestartApplication` or `StopApplication`.
    pub action: String,
    /// The app it changes.
    pub app: String,
}

/// One action of the running step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CurrentAction {
    /// As in [`Action`].
    pub action: String,
    /// The app it changes.
    pub app: String,
    /// Results of readiness checks.
    pub readiness_check_results: Vec<ReadinessCheckResult>,
}

/// The plan as events carry it (the light form).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentPlan {
    /// Deployment id, a uuid.
    pub id: String,
    /// All steps.
    pub steps: Vec<DeploymentStep>,
    /// Version of the root group that the deployment makes.
    pub version: String,
}
