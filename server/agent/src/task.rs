//! One task on this agent, from the order to run it to the acknowledgement of its end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{AgentId, ContainerId, FrameworkId, TaskId, TaskState};
use wire::mesos::v1;

use crate::container::Kind;
use crate::update_stream::UpdateStream;

/// Names a task in the cluster: task ids are unique within a framework only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskKey {
    /// The framework.
    pub framework: FrameworkId,
    /// The framework's name for the task.
    pub task: TaskId,
}

impl std::fmt::Display for TaskKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}` of framework `{}", self.task, self.framework)
    }
}

/// How far a task's container has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The image is being looked for or pulled.
    Pulling,
    /// The container is being made and started.
    Starting,
    /// The container runs.
    Running,
    /// There is no container, or it has ended; the task's terminal update exists.
    Ended,
}

/// A task and all that is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its name.
    pub key: TaskKey,
    /// The launch that brought it.
    pub launch_id: String,
    /// What was asked for.
    pub info: Arc<v1::TaskInfo>,
    /// Identity of the run.
    pub container: ContainerId,
    /// Name of the container in the engine.
    pub container_name: String,
    /// The sandbox on this machine, an absolute path.
    pub sandbox: String,
    /// How far the container has come.
    pub phase: Phase,
    /// The newest state.
    pub state: TaskState,
    /// The states it went through; consecutive updates of one state replace one another. Without `data`.
    pub statuses: Vec<v1::TaskStatus>,
    /// The updates that are not acknowledged yet.
    pub updates: UpdateStream,
    /// The task was told to end, with this much time.
    pub kill: Option<Duration>,
    /// It has to end since it has had all the time that it may take.
    pub is_out_of_time: bool,
    /// After a restart of the agent, until the engine has said what became of the container.
    pub is_recovering: bool,
    /// The machine was booted since the task was taken. The journal's end may have been lost then, and with it the news that the
    /// task has ended: it may not be started any more.
    pub is_of_earlier_boot: bool,
    /// The engine may hold a container for the task, whatever is known of it.
    pub may_exist: bool,
    /// Why its launch came to nothing, while what may exist of it is removed.
    pub launch_failure: Option<String>,
}

impl Task {
    /// Who runs its container.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::of_name(&self.container_name)
    }

    /// Whether the task has ended and everybody knows.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.phase == Phase::Ended && self.updates.is_empty()
    }

    /// Whether the task ended before its container was known to run; the engine may have made one all the same.
    #[must_use]
    pub fn failed_to_launch(&self) -> bool {
        use v1::task_status::Reason;
        let reason = self.statuses.last().and_then(|status| status.reason);
        let is_of_launch = |reason| {
            reason == Reason::ContainerLaunchFailed as i32
                || reason == Reason::TaskKilledDuringLaunch as i32
        };
        self.phase == Phase::Ended && reason.is_some_and(is_of_launch)
    }

    /// Takes note of an update, as the newest.
    pub(crate) fn record(&mut self, status: &v1::TaskStatus) {
        self.state = TaskState::from_number(status.state).unwrap_or(TaskState::Unknown);
        self.phase = match self.state {
            TaskState::Starting => Phase::Starting,
            TaskState::Running => Phase::Running,
            TaskState::Staging
            | TaskState::Killing
            | TaskState::Unreachable
            | TaskState::Unknown => self.phase,
            TaskState::Finished
            | TaskState::Failed
            | TaskState::Killed
            | TaskState::Error
            | TaskState::Lost
            | TaskState::Dropped
            | TaskState::Gone
            | TaskState::GoneByOperator => Phase::Ended,
        };
        self.is_of_earlier_boot &= self.phase != Phase::Ended;
        let kept = v1::TaskStatus { data: None, ..status.clone() };
        match self.statuses.last_mut() {
            Some(last) if last.state == kept.state => *last = kept,
            Some(_) | None => self.statuses.push(kept),
        }
    }

    /// The task as `mesos.v1.Task`, for the master.
    #[must_use]
    pub fn to_v1(&self, agent: &AgentId) -> v1::Task {
        let head = self.updates.head();
        v1::Task {
            name: self.info.name.clone(),
            task_id: self.info.task_id.clone(),
            framework_id: v1::FrameworkId { value: self.key.framework.to_string() },
            executor_id: None,
            agent_id: v1::AgentId { value: agent.to_string() },
            state: self.state.number(),
            resources: self.info.resources.clone(),
            statuses: self.statuses.clone(),
            status_update_state: head.map(|head| head.state),
            status_update_uuid: head.and_then(|head| head.uuid.clone()),
            labels: self.info.labels.clone(),
            discovery: self.info.discovery.clone(),
            container: self.info.container.clone(),
            health_check: self.info.health_check.as_deref().cloned(),
            kill_policy: self.info.kill_policy,
            user: self.info.command.as_ref().and_then(|command| command.user.clone()),
            limits: self.info.limits.clone(),
        }
    }

    /// When it was started, in seconds since 1970, as far as it was.
    pub(crate) fn started_at(&self) -> Option<f64> {
        let states = [TaskState::Starting, TaskState::Running].map(TaskState::number);
        self.statuses.iter().find(|status| states.contains(&status.state))?.timestamp
    }

    /// When it ended, in seconds since 1970: when the agent came to know of it.
    #[must_use]
    pub fn ended_at(&self) -> Option<f64> {
        let last = self.statuses.last().filter(|_| self.phase == Phase::Ended);
        last?.timestamp
    }

    /// How long it may take from its start on; a negative time counts as none given.
    pub(crate) fn max_completion_time(&self) -> Option<Duration> {
        let nanoseconds = self.info.max_completion_time.as_ref()?.nanoseconds;
        u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
    }

    /// The grace period that the task itself asks for.
    pub(crate) fn own_grace(&self) -> Option<Duration> {
        self.info.kill_policy.as_ref().and_then(grace)
    }
}

/// The grace period of a kill policy; a negative one counts as none given.
pub(crate) fn grace(policy: &v1::KillPolicy) -> Option<Duration> {
    let nanoseconds = policy.grace_period.as_ref()?.nanoseconds;
    u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
}

/// What an update says, before it is given its identity, time and place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct News {
    pub(crate) state: TaskState,
    pub(crate) source: v1::task_status::Source,
    pub(crate) reason: Option<v1::task_status::Reason>,
    pub(crate) message: Option<String>,
    pub(crate) data: Option<Bytes>,
    /// Addresses of the container; the agent's own where there are none.
    pub(crate) addresses: Vec<String>,
    /// The resources of which it needed more than it had.
    pub(crate) limitation: Option<v1::TaskResourceLimitation>,
    /// What its health check says.
    pub(crate) healthy: Option<bool>,
    /// What its plain check says.
    pub(crate) check_status: Option<v1::CheckStatusInfo>,
}

impl News {
    /// News from whoever watches the container, which is the executor in the terms of Mesos.
    pub(crate) fn from_executor(state: TaskState) -> Self {
        Self {
            state,
            source: v1::task_status::Source::Executor,
            reason: None,
            message: None,
            data: None,
            addresses: Vec::new(),
            limitation: None,
            healthy: None,
            check_status: None,
        }
    }

    /// News that the agent itself decides on.
    pub(crate) fn from_agent(
        state: TaskState,
        reason: v1::task_status::Reason,
        message: impl Into<String>,
    ) -> Self {
        Self {
            state,
            source: v1::task_status::Source::Agent,
            reason: Some(reason),
            message: Some(message.into()),
            data: None,
            addresses: Vec::new(),
            limitation: None,
            healthy: None,
            check_status: None,
        }
    }

    /// The same of a task that has had all the time that it may take.
    pub(crate) fn out_of_time(self) -> Self {
        Self {
            state: TaskState::Failed,
            source: v1::task_status::Source::Executor,
            reason: Some(v1::task_status::Reason::MaxCompletionTimeReached),
            limitation: None,
            ..self
        }
    }

    pub(crate) fn with_message(self, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..self }
    }
}
