//! `GET /ekiden/v1/history/…`: what has been. `tasks` on the master's port, `versions` and `deployments` on Marathon's.
//!
//! Each answer is one [`HistoryPage`], newest first. Every list takes `limit` (100 when absent, 1,000 at most) and `cursor`
//! (the `next` of the page before), `since_ms` and `until_ms`; what else it takes stands with its rows. Names and times are
//! as in our other own APIs: snake_case, milliseconds since the Unix epoch. A parameter that a list does not take, or a value
//! that makes no sense, is answered with 400; history that cannot be read with 503; both have a `message`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::marathon::DeploymentStep;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryPage<T> {
    /// The rows, newest first.
    pub rows: Vec<T>,
    /// The cursor of the next page; null after the last one.
    pub next: Option<String>,
    /// Records that could not be kept since the process started.
    pub skipped: u64,
    /// Why nothing is being kept at the moment; null while all is well.
    pub problem: Option<String>,
}

/// A task that ended: `tasks?framework_id=&task_id=&agent_id=&state=`. Times are compared with `ended_ms`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedTask {
    /// Its framework.
    pub framework_id: String,
    /// What the framework called itself.
    pub framework: String,
    /// Unique within the framework.
    pub task_id: String,
    /// What the framework called it.
    pub name: String,
    /// Role whose resources it used.
    pub role: String,
    /// Where it ran.
    pub agent_id: String,
    /// The agent's host name, if the agent was known when the task ended.
    pub host: Option<String>,
    /// Its executor; the task's own id for a command task.
    pub executor_id: String,
    /// The engine's name of its container, when known.
    pub container: Option<String>,
    /// The full constant, `TASK_FINISHED`.
    pub state: String,
    /// Why, when something said it: `REASON_COMMAND_EXECUTOR_FAILED`.
    pub reason: Option<String>,
    /// The last update's text.
    pub message: Option<String>,
    /// First status that was not terminal.
    pub started_ms: Option<u64>,
    /// Last status.
    pub ended_ms: u64,
    /// What it held, in the form of `--resources`.
    pub resources: String,
}

/// A definition of an app: `versions?app_id=`. Times are compared with `version_ms`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AppVersion {
    /// The app.
    pub app_id: String,
    /// The version as Marathon writes it.
    pub version: String,
    /// The same in milliseconds.
    pub version_ms: u64,
    /// The definition as Marathon shows it.
    pub definition: Value,
    /// Address of the client that asked for it; null when nobody did, as in a roll-back, or it is not known.
    pub client_ip: Option<String>,
    /// Path of the request.
    pub uri: Option<String>,
}

/// A deployment: `deployments?app_id=&outcome=`. Times are compared with `started_ms`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PastDeployment {
    /// Its id.
    pub id: String,
    /// The version of the root group that it makes, as Marathon writes it.
    pub version: String,
    /// The apps that it changes.
    pub affected_apps: Vec<String>,
    /// Its steps.
    pub steps: Vec<DeploymentStep>,
    /// `running`, `succeeded`, `failed`, or `unseen`: over, but no leader saw how.
    pub outcome: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// When it was ordered.
    pub started_ms: u64,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// Address of the client that asked for it; null when it is not known.
    pub client_ip: Option<String>,
    /// Path of the request.
    pub uri: Option<String>,
}
