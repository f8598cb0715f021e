//! Ends of tasks that no agent reports.

use std::sync::Arc;

use model::{FrameworkId, TaskId, TaskState};
use tracing::info;
use wire::mesos::v1::task_status::Reason;

use crate::master::Master;
use crate::update::Invented;

impl Master {
    /// The task's agent was given up: the task holds nothing here and may come back with it.
    pub(crate) fn task_unreachable(&mut self, framework: &FrameworkId, id: &TaskId) {
        let Some(task) = self.frameworks.task(framework, id).cloned() else { return };
        if task.state.is_terminal() {
            // It had ended, only the acknowledgement was missing; the agent repeats the update.
            self.complete_task(framework, id);
            return;
        }
        let unreachable = Invented {
            state: TaskState::Unreachable,
            reason: Reason::AgentRemoved,
            message: format!("Agent {} is unreachable", task.agent),
            unreachable_since: Some(self.wall),
        };
        self.free_task(&task);
        let (wall, limit) = (self.wall, self.config.max_unreachable_tasks);
        let Some(framework_mut) = self.frameworks.get_mut(framework) else { return };
        framework_mut.tasks.remove(id);
        let mut away = (*task).clone();
        let is_partition_aware = framework_mut.capabilities.partition_aware;
        let status = unreachable.clone().status(id, Some(&task.agent), is_partition_aware, wall);
        away.state = TaskState::Unreachable;
        away.pending = None; // The agent repeats it if it comes back.
        away.remember(status);
        if framework_mut.unreachable_tasks.len() < limit {
            framework_mut.unreachable_tasks.insert(id.clone(), Arc::new(away));
            let key = (framework.clone(), id.clone());
            self.agents.tasks_away.entry(task.agent.clone()).or_default().insert(key);
        }
        if !is_partition_aware {
            self.counters.task_ended(TaskState::Lost);
        }
        if let Some(agent) = self.agents.get_mut(&task.agent) {
            agent.tasks.remove(&(framework.clone(), id.clone()));
        }
        self.tell(framework, id, Some(&task.agent), unreachable);
    }

    /// A task on an unreachable agent will not come back; the framework learns that it is gone.
    pub(crate) fn end_task_away(&mut self, framework: &FrameworkId, id: &TaskId, message: &str) {
        let (wall, limit) = (self.wall, self.config.max_completed_tasks);
        let Some(framework_mut) = self.frameworks.get_mut(framework) else { return };
        let Some(task) = framework_mut.unreachable_tasks.remove(id) else { return };
        let gone = Invented::new(TaskState::Gone, Reason::Reconciliation, message);
        let is_partition_aware = framework_mut.capabilities.partition_aware;
        let agent = task.agent.clone();
        let status = gone.clone().status(id, Some(&agent), is_partition_aware, wall);
        let mut task = (*task).clone();
        task.state = TaskState::from_number(status.state).unwrap_or(TaskState::Gone);
        task.remember(status);
        framework_mut.complete(Arc::new(task), limit);
        if is_partition_aware {
            self.counters.task_ended(TaskState::Gone); // The others were told TASK_LOST before.
            self.tell(framework, id, Some(&agent), gone);
        }
    }

    /// A returning agent does not hold the task.
    pub(crate) fn lose_task(
        &mut self,
        framework: &FrameworkId,
        id: &TaskId,
        state: TaskState,
        message: &str,
    ) {
        let is_ended = self.frameworks.task(framework, id).is_some_and(|t| t.state.is_terminal());
        if is_ended {
            self.complete_task(framework, id); // The acknowledgement arrived there, its echo did not.
        } else {
            self.end_task(framework, id, Invented::new(state, Reason::Reconciliation, message));
        }
    }

    /// Ends a task and tells its framework.
    pub(crate) fn end_task(&mut self, framework: &FrameworkId, id: &TaskId, invented: Invented) {
        let Some(agent) = self.frameworks.task(framework, id).map(|task| task.agent.clone()) else {
            return;
        };
        self.end_task_silently(framework, id, invented.clone());
        self.tell(framework, id, Some(&agent), invented);
    }

    /// Ends a task that nobody is to be told of, or that is told of elsewhere.
    pub(crate) fn end_task_silently(
        &mut self,
        framework: &FrameworkId,
        id: &TaskId,
        invented: Invented,
    ) {
        let Some(known) = self.frameworks.get(framework) else { return };
        let is_partition_aware = known.capabilities.partition_aware;
        let Some(task) = known.tasks.get(id).cloned() else { return };
        if !task.state.is_terminal() {
            let status = invented.status(id, Some(&task.agent), is_partition_aware, self.wall);
            let state = TaskState::from_number(status.state).unwrap_or(TaskState::Lost);
            if let Some(task) = self.frameworks.task_mut(framework, id) {
                task.remember(status);
            }
            self.set_state(framework, id, state);
        }
        self.complete_task(framework, id);
    }

    /// Moves a task that has ended to the framework's history.
    pub(crate) fn complete_task(&mut self, framework: &FrameworkId, id: &TaskId) {
        let limit = self.config.max_completed_tasks;
        let Some(framework_mut) = self.frameworks.get_mut(framework) else { return };
        let Some(task) = framework_mut.tasks.remove(id) else { return };
        info!(task.id = %id, "task `{id}` is over: {}", task.state);
        let agent = task.agent.clone();
        framework_mut.complete(task, limit);
        if let Some(agent) = self.agents.get_mut(&agent) {
            agent.tasks.remove(&(framework.clone(), id.clone()));
        }
    }
}
