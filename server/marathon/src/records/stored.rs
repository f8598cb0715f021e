//! The bytes of each record. A change of meaning adds a variant to [`Stored`], never edits one.

use std::net::IpAddr;
use std::sync::Arc;

use model::{AgentId, AppId, Attributes, InstanceId, Role, TaskId, TaskState, Timestamp};
use serde::{Deserialize, Serialize};

use crate::instance::{Condition, Goal, Instance, Task};
use crate::run_spec::{RunSpec, VersionInfo, VersionedRunSpec};
use crate::snapshot::TaskFailure;

/// A value with the version of its form.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Stored<T> {
    /// The first form.
    V1(T),
}

/// A definition: its canonical JSON and its times.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Definition {
    json: Vec<u8>,
    version: Timestamp,
    info: VersionInfo,
}

impl From<&VersionedRunSpec> for Definition {
    fn from(from: &VersionedRunSpec) -> Self {
        Self { json: from.spec.to_record(), version: from.version, info: from.info }
    }
}

impl Definition {
    pub(super) fn restore(self, app: &AppId) -> Result<VersionedRunSpec, String> {
        let spec = RunSpec::restore(&self.json).map_err(|refusal| format!("{refusal:?}"))?;
        if spec.id() != app {
            return Err(format!("it defines `{}`, not `{app}`", spec.id()));
        }
        Ok(VersionedRunSpec { spec, version: self.version, info: self.info })
    }
}

/// The last failure of an app.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failure {
    task: TaskId,
    state: String,
    message: String,
    host: String,
    agent: Option<AgentId>,
    version: Timestamp,
    timestamp: Timestamp,
}

impl From<&TaskFailure> for Failure {
    fn from(from: &TaskFailure) -> Self {
        Self {
            task: from.task.clone(),
            state: from.state.name().to_owned(),
            message: from.message.clone(),
            host: from.host.clone(),
            agent: from.agent.clone(),
            version: from.version,
            timestamp: from.timestamp,
        }
    }
}

impl Failure {
    pub(super) fn restore(self) -> Result<TaskFailure, String> {
        Ok(TaskFailure {
            state: task_state(&self.state)?,
            task: self.task,
            message: self.message,
            host: self.host,
            agent: self.agent,
            version: self.version,
            timestamp: self.timestamp,
        })
    }
}

/// An instance that was launched at least once.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredInstance {
    app: AppId,
    version: Timestamp,
    decommissioned: bool,
    condition: String,
    since: Timestamp,
    incarnation: u64,
    task: Option<StoredTask>,
    healthy: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredTask {
    id: TaskId,
    agent: AgentId,
    host: Arc<str>,
    attributes: Attributes,
    role: Role,
    state: Option<String>,
    staged_at: Timestamp,
    started_at: Option<Timestamp>,
    ports: Vec<u16>,
    addresses: Vec<IpAddr>,
}

impl From<&Instance> for StoredInstance {
    fn from(from: &Instance) -> Self {
        Self {
            app: from.app.clone(),
            version: from.version,
            decommissioned: from.goal == Goal::Decommissioned,
            condition: from.condition.name().to_owned(),
            since: from.since,
            incarnation: from.incarnation,
            task: from.task.as_ref().map(StoredTask::from),
            healthy: from.healthy,
        }
    }
}

impl StoredInstance {
    pub(super) fn restore(self, id: InstanceId) -> Result<Instance, String> {
        let condition = Condition::from_name(&self.condition)
            .ok_or_else(|| format!("unknown condition `{}`", self.condition))?;
        Ok(Instance {
            id,
            app: self.app,
            version: self.version,
            goal: if self.decommissioned { Goal::Decommissioned } else { Goal::Running },
            condition,
            since: self.since,
            incarnation: self.incarnation,
            task: self.task.map(StoredTask::restore).transpose()?,
            healthy: self.healthy,
            checks: Default::default(),
        })
    }
}

impl From<&Task> for StoredTask {
    fn from(from: &Task) -> Self {
        Self {
            id: from.id.clone(),
            agent: from.agent.clone(),
            host: Arc::clone(&from.host),
            attributes: (*from.attributes).clone(),
            role: from.role.clone(),
            state: from.state.map(|state| state.name().to_owned()),
            staged_at: from.staged_at,
            started_at: from.started_at,
            ports: from.ports.clone(),
            addresses: from.addresses.clone(),
        }
    }
}

impl StoredTask {
    fn restore(self) -> Result<Task, String> {
        Ok(Task {
            state: self.state.as_deref().map(task_state).transpose()?,
            id: self.id,
            agent: self.agent,
            host: self.host,
            attributes: Arc::new(self.attributes),
            role: self.role,
            staged_at: self.staged_at,
            started_at: self.started_at,
            ports: self.ports,
            addresses: self.addresses,
            news: None,
        })
    }
}

fn task_state(name: &str) -> Result<TaskState, String> {
    TaskState::from_name(name).ok_or_else(|| format!("unknown task state `{name}`"))
}

impl Condition {
    fn from_name(name: &str) -> Option<Self> {
        [
            Self::Scheduled,
            Self::Provisioned,
            Self::Staging,
            Self::Starting,
            Self::Running,
            Self::Killing,
            Self::Unreachable,
            Self::UnreachableInactive,
            Self::Finished,
            Self::Killed,
            Self::Failed,
            Self::Error,
            Self::Gone,
            Self::Dropped,
            Self::Unknown,
        ]
        .into_iter()
        .find(|condition| condition.name() == name)
    }
}
