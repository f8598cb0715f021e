//! One running copy of an app: its goal, its condition, and its current or last task.

use std::net::IpAddr;
use std::sync::Arc;

use model::{AgentId, AppId, Attributes, InstanceId, Role, TaskId, TaskState, Timestamp};

use crate::health::Checks;

/// Where an instance stands (marathon.md §1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// Wanted; no offer matched yet.
    Scheduled,
    /// Offer accepted, no status yet.
    Provisioned,
    /// The master has the task.
    Staging,
    /// The executor has the task.
    Starting,
    /// The task runs.
    Running,
    /// A kill is under way.
    Killing,
    /// The agent cannot be reached.
    Unreachable,
    /// The agent could not be reached for so long that a replacement was started.
    UnreachableInactive,
    /// Ended with exit code 0.
    Finished,
    /// Ended on request.
    Killed,
    /// Ended otherwise.
    Failed,
    /// The description was bad.
    Error,
    /// No longer on its agent.
    Gone,
    /// Never launched.
    Dropped,
    /// Nobody knows it.
    Unknown,
}

impl Condition {
    /// The name in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::Provisioned => "Provisioned",
            Self::Staging => "Staging",
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Killing => "Killing",
            Self::Unreachable => "Unreachable",
            Self::UnreachableInactive => "UnreachableInactive",
            Self::Finished => "Finished",
            Self::Killed => "Killed",
            Self::Failed => "Failed",
            Self::Error => "Error",
            Self::Gone => "Gone",
            Self::Dropped => "Dropped",
            Self::Unknown => "Unknown",
        }
    }

    /// Whether a task exists, as far as is known, and holds resources.
    pub const fn is_active(self) -> bool {
        matches!(
            self,
            Self::Provisioned
                | Self::Staging
                | Self::Starting
                | Self::Running
                | Self::Killing
                | Self::Unreachable
        )
    }

    /// Whether the task has ended.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Finished
                | Self::Killed
                | Self::Failed
                | Self::Error
                | Self::Gone
                | Self::Dropped
                | Self::Unknown
        )
    }

    /// Whether its agent cannot be reached.
    pub const fn is_unreachable(self) -> bool {
        matches!(self, Self::Unreachable | Self::UnreachableInactive)
    }

    /// Whether it delays the next launch (marathon.md §8.4).
    pub const fn delays_launch(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Error | Self::Gone | Self::Dropped)
    }
}

/// What orchestration wants of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Goal {
    /// Keep it running; relaunch it when it ends.
    Running,
    /// Kill it and forget it. Final.
    Decommissioned,
}

/// One run of an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its id, which holds the incarnation.
    pub id: TaskId,
    /// The agent it was launched on.
    pub agent: AgentId,
    /// That agent's hostname.
    pub host: Arc<str>,
    /// That agent's attributes, which constraints compare.
    pub attributes: Arc<Attributes>,
    /// The role whose resources it uses.
    pub role: Role,
    /// The last state that Mesos told; `None` before the first.
    pub state: Option<TaskState>,
    /// When the offer was accepted.
    pub staged_at: Timestamp,
    /// When it first ran.
    pub started_at: Option<Timestamp>,
    /// Host ports in the order of declaration; 0 for a declared port that has none.
    pub ports: Vec<u16>,
    /// Addresses that the last status told.
    pub addresses: Vec<IpAddr>,
    /// What its executor says while it is being staged, such as how far a pull has come; not stored.
    pub news: Option<Arc<str>>,
}

/// One running copy of an app.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its id, kept over relaunches.
    pub id: InstanceId,
    /// Its app.
    pub app: AppId,
    /// The app version it was last launched with, or will first be launched with.
    pub version: Timestamp,
    /// What is wanted.
    pub goal: Goal,
    /// Where it stands.
    pub condition: Condition,
    /// Since when it stands there.
    pub since: Timestamp,
    /// Which run this is: 0 before the first launch.
    pub incarnation: u64,
    /// The current or last run; `None` before the first launch.
    pub task: Option<Task>,
    /// What its health checks say; `None` without a result.
    pub healthy: Option<bool>,
    /// What each of its checks has found; not stored.
    pub checks: Checks,
}

impl Instance {
    /// Whether it waits for an offer: wanted, and without a task that could still run.
    pub const fn waits_for_launch(&self) -> bool {
        matches!(self.goal, Goal::Running)
            && (matches!(self.condition, Condition::Scheduled) || self.condition.is_terminal())
    }

    /// Whether it runs and its health checks, if there are any, say so too.
    pub fn is_healthy(&self) -> bool {
        let is_healthy = !self.checks.has_health_checks() || self.healthy == Some(true);
        self.condition == Condition::Running && is_healthy
    }

    /// Whether it serves: wanted, healthy, and ready where a deployment asks for that.
    pub fn is_ready(&self) -> bool {
        self.goal == Goal::Running && self.is_healthy() && !self.checks.waits_for_readiness()
    }

    /// Whether it runs and has been ready since it began to: nobody waits for it any more.
    pub fn has_settled(&self) -> bool {
        let is_running = self.goal == Goal::Running && self.condition == Condition::Running;
        is_running && (self.checks.has_served || self.is_ready())
    }

    /// Whether it counts towards the wanted number.
    pub const fn is_wanted(&self) -> bool {
        matches!(self.goal, Goal::Running)
            && !matches!(self.condition, Condition::UnreachableInactive)
    }

    /// Whether it says of something that it happened after `wall`: the clock was put back since.
    pub fn is_ahead_of(&self, wall: Timestamp) -> bool {
        self.since > wall || self.task.as_ref().is_some_and(|task| task.staged_at > wall)
    }

    /// Lets what it is judged by have happened at `wall` at the latest.
    pub fn bring_back_to(&mut self, wall: Timestamp) {
        self.since = self.since.min(wall);
        if let Some(task) = &mut self.task {
            task.staged_at = task.staged_at.min(wall);
        }
    }

    /// Whether all results so far are good, and whether one is bad; what was stored where there is none yet.
    fn verdict(&self) -> (bool, bool) {
        let mut results = self.checks.results.iter().flatten().peekable();
        if results.peek().is_none() {
            return (self.healthy == Some(true), self.healthy == Some(false));
        }
        let is_good = results.all(|health| health.is_alive);
        (is_good, !is_good)
    }

    /// The agent of its task.
    pub fn agent(&self) -> Option<&AgentId> {
        self.task.as_ref().map(|task| &task.agent)
    }

    /// The hostname of its task's agent.
    pub fn host(&self) -> Option<&str> {
        self.task.as_ref().map(|task| &*task.host)
    }

    /// The Mesos state that clients see, if it has or had a task.
    pub fn task_state(&self) -> Option<TaskState> {
        self.task.as_ref().map(|task| task.state.unwrap_or(TaskState::Staging))
    }
}

/// Counts over the instances of one app (marathon.md §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Accepted, but not started.
    pub staged: u32,
    /// Running.
    pub running: u32,
    /// Running with good health results.
    pub healthy: u32,
    /// With a bad health result.
    pub unhealthy: u32,
}

impl Counts {
    /// What one instance contributes: nothing while it waits for launch.
    pub fn of(instance: &Instance) -> Self {
        if instance.waits_for_launch() || instance.task.is_none() {
            return Self::default();
        }
        let state = instance.task_state();
        let (is_healthy, is_unhealthy) = instance.verdict();
        Self {
            staged: u32::from(state == Some(TaskState::Staging)),
            running: u32::from(state == Some(TaskState::Running)),
            healthy: u32::from(is_healthy),
            unhealthy: u32::from(is_unhealthy),
        }
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.staged += more.staged;
        self.running += more.running;
        self.healthy += more.healthy;
        self.unhealthy += more.unhealthy;
    }

    pub(crate) fn sub(&mut self, less: Self) {
        self.staged -= less.staged;
        self.running -= less.running;
        self.healthy -= less.healthy;
        self.unhealthy -= less.unhealthy;
    }
}
