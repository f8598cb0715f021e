//! Tasks: what the master remembers of them, and how they end.

mod acknowledge;
mod kill;
mod lost;
mod reconcile;
mod status;

use std::sync::Arc;

use bytes::Bytes;
use model::{AgentId, FrameworkId, Resources, Role, TaskId, TaskState};
use wire::mesos::v1::{self as pb, TaskInfo, TaskStatus};

/// A unit of work that was launched.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its id, unique within its framework.
    pub id: TaskId,
    /// Whose it is.
    pub framework: FrameworkId,
    /// Where it is.
    pub agent: AgentId,
    /// In which role it holds resources.
    pub role: Role,
    /// What it holds, or held.
    pub resources: Resources,
    /// The newest state known, which may be ahead of what the framework has been told.
    pub state: TaskState,
    /// The last update that was forwarded: its state and identity.
    pub forwarded: Option<(TaskState, Bytes)>,
    /// Everything that does not change: name, labels, discovery, container, health check and so on.
    pub description: Arc<pb::Task>,
    /// One status per run of the same state, oldest first, without `data`.
    pub statuses: Vec<Arc<TaskStatus>>,
    /// The newest update of its agent while the framework has not acknowledged it, with `data`.
    pub(crate) pending: Option<Arc<TaskStatus>>,
    /// A kill that the agent has not been told because it was not connected.
    pub(crate) waiting_kill: Option<Option<pb::KillPolicy>>,
}

impl Task {
    /// A task that is about to be sent to its agent.
    pub(crate) fn launched(
        info: &TaskInfo,
        framework: &FrameworkId,
        agent: &AgentId,
        role: &Role,
        resources: Resources,
    ) -> Self {
        let description = pb::Task {
            name: info.name.clone(),
            task_id: info.task_id.clone(),
            framework_id: pb::FrameworkId { value: framework.to_string() },
            agent_id: info.agent_id.clone(),
            state: TaskState::Staging.number(),
            resources: info.resources.clone(),
            labels: info.labels.clone(),
            discovery: info.discovery.clone(),
            container: info.container.clone(),
            health_check: info.health_check.as_deref().cloned(),
            kill_policy: info.kill_policy,
            user: info.command.as_ref().and_then(|command| command.user.clone()),
            limits: info.limits.clone(),
            ..pb::Task::default()
        };
        Self {
            id: TaskId::from(info.task_id.value.as_str()),
            framework: framework.clone(),
            agent: agent.clone(),
            role: role.clone(),
            resources,
            state: TaskState::Staging,
            forwarded: None,
            description: Arc::new(description),
            statuses: Vec::new(),
            pending: None,
            waiting_kill: None,
        }
    }

    /// A task that an agent brings along.
    pub(crate) fn reported(
        mut message: pb::Task,
        agent: &AgentId,
        resources: Resources,
        state: TaskState,
    ) -> Self {
        let statuses = std::mem::take(&mut message.statuses);
        let role = message
            .resources
            .iter()
            .find_map(|resource| resource.allocation_info.as_ref()?.role.as_deref())
            .map_or_else(Role::any, Role::from);
        let forwarded = message
            .status_update_uuid
            .take()
            .and_then(|uuid| Some((TaskState::from_number(message.status_update_state?)?, uuid)));
        let mut task = Self {
            id: TaskId::from(message.task_id.value.as_str()),
            framework: FrameworkId::from(message.framework_id.value.as_str()),
            agent: agent.clone(),
            role,
            resources,
            state,
            forwarded,
            description: Arc::new(message),
            statuses: Vec::new(),
            pending: None,
            waiting_kill: None,
        };
        for status in statuses {
            task.remember(status);
        }
        task
    }

    /// The name that its framework gave it.
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// Adds a status to the history; one of the same state as the last replaces it.
    pub(crate) fn remember(&mut self, mut status: TaskStatus) {
        // Compat: the master keeps no `data`; for Docker it is a whole inspect document.
        status.data = None;
        if self.statuses.last().is_some_and(|last| last.state == status.state) {
            self.statuses.pop();
        }
        self.statuses.push(Arc::new(status));
    }
}

/// A KILL for tests.
#[cfg(test)]
pub(crate) fn kill_call(task: &str, agent: Option<&str>) -> wire::mesos::v1::scheduler::Call {
    use wire::mesos::v1::scheduler::{Call, call};
    let kill = call::Kill {
        task_id: pb::TaskId { value: task.into() },
        agent_id: agent.map(|agent| pb::AgentId { value: agent.into() }),
        kill_policy: None,
    };
    Call { r#type: Some(call::Type::Kill.into()), kill: Some(kill), ..Call::default() }
}
