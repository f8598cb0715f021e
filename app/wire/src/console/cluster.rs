//! The cluster console's pages (port 5050): `/ui/api/v1/{cluster,tasks,agents,frameworks}`.

use serde::{Deserialize, Serialize};

use super::list::Page;

/// An amount of the four resources that the console sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Amount {
    /// Processor shares.
    pub cpus: f64,
    /// Graphics processors.
    pub gpus: f64,
    /// MiB of memory.
    pub mem: f64,
    /// MiB of disk.
    pub disk: f64,
}

impl Amount {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            cpus: self.cpus + other.cpus,
            gpus: self.gpus + other.gpus,
            mem: self.mem + other.mem,
            disk: self.disk + other.disk,
        }
    }

    /// What is left when `other` is taken away; never below zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            cpus: (self.cpus - other.cpus).max(0.0),
            gpus: (self.gpus - other.gpus).max(0.0),
            mem: (self.mem - other.mem).max(0.0),
            disk: (self.disk - other.disk).max(0.0),
        }
    }
}

/// The cluster's resources by use; `idle` = `total` - `allocated` - `offered`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterResources {
    /// All agents together.
    pub total: Amount,
    /// Taken by tasks and executors.
    pub allocated: Amount,
    /// In offers that no framework has answered yet.
    pub offered: Amount,
    /// Neither.
    pub idle: Amount,
}

/// Agents by what the master thinks of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCounts {
    /// Registered, offers are made.
    pub activated: u64,
    /// Registered, no offers.
    pub deactivated: u64,
    /// Lost contact.
    pub unreachable: u64,
}

/// Tasks by state. The terminal ones are counted since the leader was elected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCounts {
    /// `TASK_STAGING` now.
    pub staging: u64,
    /// `TASK_STARTING` now.
    pub starting: u64,
    /// `TASK_RUNNING` now.
    pub running: u64,
    /// `TASK_UNREACHABLE` now.
    pub unreachable: u64,
    /// `TASK_KILLING` now.
    pub killing: u64,
    /// `TASK_FINISHED` so far.
    pub finished: u64,
    /// `TASK_KILLED` so far.
    pub killed: u64,
    /// `TASK_FAILED` so far.
    pub failed: u64,
    /// `TASK_LOST` so far.
    pub lost: u64,
    /// `TASK_ERROR` so far.
    pub error: u64,
    /// `TASK_DROPPED` so far.
    pub dropped: u64,
    /// `TASK_GONE` and `TASK_GONE_BY_OPERATOR` so far.
    pub gone: u64,
}

/// `GET /ui/api/v1/cluster`: the facts beside the tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// Name given by `--cluster`.
    pub cluster: Option<String>,
    /// The leading master's id.
    pub master_id: String,
    /// `host:port` of the leading master, when there is one.
    pub leader: Option<String>,
    /// `host:port` of the master that answered.
    pub server: String,
    /// The Mesos version this master speaks.
    pub version: String,
    /// When the program was built.
    pub built_ms: Option<u64>,
    /// Who built it.
    pub built_by: Option<String>,
    /// When this master started.
    pub started_ms: u64,
    /// When the leader was elected.
    pub elected_ms: Option<u64>,
    /// Agents by state.
    pub agents: AgentCounts,
    /// Tasks by state.
    pub tasks: TaskCounts,
    /// Resources by use.
    pub resources: ClusterResources,
    /// Listening off loopback without credentials: the console warns.
    #[serde(default)]
    pub open_without_credentials: bool,
    /// Why history is not being kept at the moment: the console warns.
    #[serde(default)]
    pub history_problem: Option<String>,
    /// The disk has no room for the log: changes are refused, reads go on.
    #[serde(default)]
    pub disk_full: bool,
    /// Why the log cannot grow for another reason, with the same effect.
    #[serde(default)]
    pub log_problem: Option<String>,
}

/// Which tasks `GET /ui/api/v1/tasks` lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskScope {
    /// Not terminal, agent reachable.
    #[default]
    Active,
    /// Their agent is unreachable.
    Unreachable,
    /// Terminal.
    Completed,
}

impl TaskScope {
    /// The value of `?scope=`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Unreachable => "unreachable",
            Self::Completed => "completed",
        }
    }

    /// Reads the value of `?scope=`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Unreachable, Self::Completed]
            .into_iter()
            .find(|scope| scope.name() == name)
    }
}

/// One task of any framework.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskRow {
    /// Its framework.
    pub framework_id: String,
    /// Unique within the framework.
    pub id: String,
    /// What the framework calls it.
    pub name: String,
    /// Role whose resources it uses.
    pub role: String,
    /// The full constant, `TASK_RUNNING`.
    pub state: String,
    /// The last health report, when there was one.
    pub healthy: Option<bool>,
    /// First status that was not terminal.
    pub started_ms: Option<u64>,
    /// Last status, once terminal.
    pub stopped_ms: Option<u64>,
    /// Where it runs.
    pub agent_id: String,
    /// The agent's host name; none once the agent has left.
    pub host: Option<String>,
    /// Its executor; the task's own id for a command task.
    pub executor_id: String,
    /// What it was given.
    pub resources: Amount,
    /// The engine's name of its container, when known.
    #[serde(default)]
    pub container: Option<String>,
    /// How far its launch has come, in the agent's words, while it has not begun to run.
    #[serde(default)]
    pub news: Option<String>,
    /// It ended before the leading master was elected: known from history, and not to the classic endpoints.
    #[serde(default)]
    pub is_earlier: bool,
}

impl TaskRow {
    /// The agent-independent key of a row.
    pub fn key(&self) -> String {
        format!("{}/{}", self.framework_id, self.id)
    }
}

/// What the master does with an agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentState {
    /// Gets offers out.
    #[default]
    Active,
    /// No offers.
    Deactivated,
    /// Its tasks are being ended.
    Draining,
    /// Its tasks have ended.
    Drained,
    /// Lost contact.
    Unreachable,
}

impl AgentState {
    /// The value of `?state=`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Unreachable => "unreachable",
        }
    }
}

/// One agent of `GET /ui/api/v1/agents`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentRow {
    /// Given by the master.
    pub id: String,
    /// Its `--hostname`.
    pub host: String,
    /// `address:port` of its own HTTP.
    pub address: String,
    /// What the master does with it.
    pub state: AgentState,
    /// Its attributes as `name:value`.
    pub attributes: Vec<String>,
    /// What it has.
    pub total: Amount,
    /// What tasks and executors took of it.
    pub allocated: Amount,
    /// What is offered of it.
    pub offered: Amount,
    /// Tasks that are not terminal.
    pub tasks: u64,
    /// First registration.
    pub registered_ms: Option<u64>,
    /// Last re-registration.
    pub reregistered_ms: Option<u64>,
    /// Since when there is no contact.
    pub unreachable_ms: Option<u64>,
}

/// `GET /ui/api/v1/agents/{id}`: one agent's page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentDetail {
    /// Its row.
    pub agent: AgentRow,
    /// The agent program's version.
    pub version: String,
    /// `host:port` of the leading master.
    pub master: Option<String>,
    /// Name given by `--cluster`.
    pub cluster: Option<String>,
    /// Ports offered for tasks, as `31000-32000`.
    pub ports: String,
    /// Its tasks that are not terminal.
    pub tasks: Vec<TaskRow>,
    /// Its newest terminal tasks.
    pub completed: Vec<TaskRow>,
    /// Its tasks by state.
    pub counts: TaskCounts,
    /// Frameworks with tasks here.
    pub frameworks: Vec<FrameworkRow>,
}

/// One framework.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FrameworkRow {
    /// Given by the master.
    pub id: String,
    /// Where its scheduler runs.
    pub host: String,
    /// Its own page, when it has one.
    pub webui_url: Option<String>,
    /// User its tasks run as.
    pub user: String,
    /// What it calls itself.
    pub name: String,
    /// Roles it subscribed with.
    pub roles: Vec<String>,
    /// Who it authenticated as.
    pub principal: Option<String>,
    /// Connected and getting offers.
    pub active: bool,
    /// Tasks that are not terminal.
    pub tasks: u64,
    /// What its tasks took.
    pub used: Amount,
    /// What is offered to it.
    pub offered: Amount,
    /// Largest part of any cluster resource that it took, 0 to 1.
    pub max_share: f64,
    /// First subscription.
    pub registered_ms: Option<u64>,
    /// Last re-subscription.
    pub reregistered_ms: Option<u64>,
    /// When it was removed; only for completed ones.
    pub unregistered_ms: Option<u64>,
}

/// `GET /ui/api/v1/frameworks`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Frameworks {
    /// Connected and active.
    pub active: Page<FrameworkRow>,
    /// Known, but not active.
    pub inactive: Page<FrameworkRow>,
    /// Torn down or timed out.
    pub completed: Page<FrameworkRow>,
}

/// Where a task's files are: `GET /ui/api/v1/agents/{id}/sandbox?framework=&executor=&task=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxPath {
    /// Folder on the agent, as its `/files/*` take it.
    pub path: String,
}

/// `GET /ui/api/v1/home`: what the home page needs, read at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Home {
    /// The facts.
    pub overview: Overview,
    /// "Active Tasks".
    pub active: Page<TaskRow>,
    /// "Unreachable Tasks".
    pub unreachable: Page<TaskRow>,
    /// "Completed Tasks".
    pub completed: Page<TaskRow>,
}
