//! What is kept.
//!
//! Every record has a position that says where it stands in the history and makes it unique. Times are
//! milliseconds since 1970.

use sqlx::FromRow;

/// One thing to remember.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A task has ended.
    Task(Box<TaskRecord>),
    /// An app was given a definition.
    Version(Box<VersionRecord>),
    /// A deployment has begun or ended.
    Deployment(Box<DeploymentRecord>),
    /// A leader has taken over and runs these deployments; others that seem to run have ended unseen.
    Resumed {
        /// The ids of the deployments that run.
        running: Vec<String>,
        /// When.
        at_ms: i64,
    },
}

/// A task that ended, as the leading master saw it. Its position is (`epoch`, `sequence`).
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
pub struct TaskRecord {
    /// The leadership that saw it.
    pub epoch: i64,
    /// Counts within the leadership.
    pub sequence: i64,
    /// Whose it was.
    pub framework_id: String,
    /// What the framework called itself.
    pub framework: String,
    /// Its id, unique within the framework.
    pub task_id: String,
    /// What the framework called it.
    pub name: String,
    /// Whose resources it used.
    pub role: String,
    /// Where it ran.
    pub agent_id: String,
    /// The agent's host name, if the agent was known.
    pub host: Option<String>,
    /// Its executor.
    pub executor_id: String,
    /// The engine's name of its container, when known.
    pub container: Option<String>,
    /// How it ended: `TASK_FINISHED` and so on.
    pub state: String,
    /// Why, when something said it: `REASON_…`.
    pub reason: Option<String>,
    /// The last update's text.
    pub message: Option<String>,
    /// When it first was alive.
    pub started_ms: Option<i64>,
    /// When it ended.
    pub ended_ms: i64,
    /// What it held: `cpus:0.2; mem:32`.
    pub resources: String,
    /// When this was recorded; age counts from here.
    pub recorded_ms: i64,
}

/// Who asked for a change, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
pub struct Caller {
    /// Address of the client.
    pub client_ip: Option<String>,
    /// Path of the request.
    pub uri: Option<String>,
}

/// A definition of an app. Its position is (`version_ms`, `app_id`).
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
pub struct VersionRecord {
    /// The version, which is the time of the change; no later change has a smaller one.
    pub version_ms: i64,
    /// The app.
    pub app_id: String,
    /// The definition as JSON.
    pub definition: String,
    /// Who asked for it.
    #[sqlx(flatten)]
    pub caller: Caller,
    /// When this was recorded; age counts from here.
    pub recorded_ms: i64,
}

/// A deployment. Its position is (`version_ms`, `deployment_id`).
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
pub struct DeploymentRecord {
    /// The version of the root group that it makes, which is when it was ordered.
    pub version_ms: i64,
    /// Its id.
    pub deployment_id: String,
    /// The apps that it changes, as a JSON array of ids.
    pub apps: String,
    /// Its steps as JSON.
    pub steps: String,
    /// What became of it.
    #[sqlx(try_from = "String")]
    pub outcome: Outcome,
    /// Why it failed.
    pub reason: Option<String>,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// Who asked for it.
    #[sqlx(flatten)]
    pub caller: Caller,
    /// When this was recorded; age counts from here.
    pub recorded_ms: i64,
}

/// What became of a deployment. A known outcome is never taken back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on.
    #[default]
    Running,
    /// Everything is as ordered.
    Succeeded,
    /// Cancelled, overridden or refused.
    Failed,
    /// It is over, and nobody who kept records saw how.
    Unseen,
}

/// A stored word that is no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no outcome of a deployment")]
pub struct UnknownOutcome(String);

impl Outcome {
    /// The stored word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unseen => "unseen",
        }
    }

    /// Reads a stored word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Running, Self::Succeeded, Self::Failed, Self::Unseen]
            .into_iter()
            .find(|outcome| outcome.name() == name)
    }
}

impl TryFrom<String> for Outcome {
    type Error = UnknownOutcome;

    fn try_from(name: String) -> Result<Self, UnknownOutcome> {
        Self::from_name(&name).ok_or(UnknownOutcome(name))
    }
}
