//! Status updates from agents, and tasks that agents bring along.

use std::sync::Arc;

use allocator::Share;
use model::{AgentId, FrameworkId, TaskId, TaskState};
use tracing::{info, warn};
use wire::link::UpdateStatus;
use wire::mesos::v1::{self as pb, task_status::Reason};

use crate::command::LinkId;
use crate::master::Master;
use crate::tasks::Task;
use crate::update::{Invented, event_of};
use model::v1::resources_from_v1;

impl Master {
    /// Forwards an update and takes note of it.
    pub(crate) fn update_status(&mut self, link: LinkId, mut update: UpdateStatus) {
        self.counters.messages_status_update += 1;
        let framework_id = FrameworkId::from(update.framework_id.value.as_str());
        let task_id = TaskId::from(update.status.task_id.value.as_str());
        let Some(agent) = self.agents.of_link(link).map(|agent| agent.id.clone()) else { return };
        let Some(framework) = self.frameworks.get(&framework_id).cloned() else {
            self.counters.invalid_status_updates += 1;
            // Its tasks are to end; the agent forgets their updates with it.
            self.shut_down_framework(link, &framework_id);
            return;
        };
        if !framework.capabilities.partition_aware {
            for number in [&mut update.status.state, &mut update.latest_state] {
                if let Some(state) = TaskState::from_number(*number) {
                    *number = state.without_partition_awareness().number();
                }
            }
        }
        if let Some(stream) = framework.stream() {
            self.send_event(stream, event_of::update(update.status.clone()));
        }
        let is_known = framework.tasks.get(&task_id).is_some_and(|task| task.agent == agent);
        let state = TaskState::from_number(update.status.state);
        let (Some(state), true) = (state, is_known) else {
            self.counters.invalid_status_updates += 1;
            return;
        };
        self.counters.valid_status_updates += 1;
        let latest = TaskState::from_number(update.latest_state).unwrap_or(state);
        info!(task.id = %task_id, "task `{task_id}` is {state}, {latest} at its agent");
        if let Some(task) = self.frameworks.task_mut(&framework_id, &task_id) {
            if let Some(uuid) = update.status.uuid.clone().filter(|uuid| !uuid.is_empty()) {
                task.forwarded = Some((state, uuid));
                task.pending = Some(Arc::new(update.status.clone()));
            }
            task.remember(update.status);
        }
        self.set_state(&framework_id, &task_id, latest);
    }

    /// Sends a framework that is back every update that it has not acknowledged; it may have missed them.
    pub(crate) fn repeat_updates(&mut self, framework: &FrameworkId) {
        let Some(framework) = self.frameworks.get(framework).cloned() else { return };
        let Some(stream) = framework.stream() else { return };
        for status in framework.tasks.values().filter_map(|task| task.pending.as_ref()) {
            self.send_event(stream, event_of::update((**status).clone()));
        }
    }

    /// Moves a task on; a terminal state frees what it holds at once.
    pub(crate) fn set_state(&mut self, framework: &FrameworkId, id: &TaskId, state: TaskState) {
        let Some(task) = self.frameworks.task_mut(framework, id) else { return };
        if task.state.is_terminal() {
            return; // An older update that is still being delivered.
        }
        task.state = state;
        let task = task.clone();
        if state.is_terminal() {
            self.counters.task_ended(state);
            self.free_task(&task);
        }
    }

    /// Gives back what a task holds.
    pub(crate) fn free_task(&mut self, task: &Task) {
        if let Some(agent) = self.agents.get_mut(&task.agent)
            && let Some(used) = agent.used.checked_sub(&task.resources)
        {
            agent.used = used;
        }
        let share = Share { framework: task.framework.clone(), role: task.role.clone() };
        self.allocator.release(self.now, &share, &task.agent, &task.resources, None);
    }

    /// Takes note of a task that a returning agent holds. Returns its key unless it is to end.
    pub(crate) fn take_held_task(
        &mut self,
        agent: &AgentId,
        link: LinkId,
        message: &pb::Task,
        was_unreachable: bool,
    ) -> Option<(FrameworkId, TaskId)> {
        let framework_id = FrameworkId::from(message.framework_id.value.as_str());
        let task_id = TaskId::from(message.task_id.value.as_str());
        if self.frameworks.get(&framework_id).is_none() {
            self.shut_down_framework(link, &framework_id);
            return None;
        }
        let state = TaskState::from_number(message.state).unwrap_or(TaskState::Staging);
        if let Some(task) = self.frameworks.task(&framework_id, &task_id) {
            if task.agent != *agent {
                // The id was used again elsewhere while this agent was away: the younger one stays.
                warn!(task.id = %task_id, "agent `{agent}` still holds `{task_id}`, which runs elsewhere");
                self.send_kill(link, &framework_id, &task_id, None);
                return None;
            }
            self.set_state(&framework_id, &task_id, state);
        } else {
            self.add_held_task(agent, message, state)?;
        }
        if let Some(framework) = self.frameworks.get_mut(&framework_id) {
            framework.unreachable_tasks.remove(&task_id);
        }
        if was_unreachable && !state.is_terminal() {
            let message = "Agent reregistered";
            let back = Invented::new(state, Reason::AgentReregistered, message);
            self.tell(&framework_id, &task_id, Some(agent), back);
        }
        Some((framework_id, task_id))
    }

    fn add_held_task(
        &mut self,
        agent: &AgentId,
        message: &pb::Task,
        state: TaskState,
    ) -> Option<()> {
        let resources = match resources_from_v1(&message.resources) {
            Ok(resources) => resources,
            Err(error) => {
                warn!("agent `{agent}` holds a task with odd resources: {error}");
                return None;
            }
        };
        let task = Task::reported(message.clone(), agent, resources, state);
        let share = Share { framework: task.framework.clone(), role: task.role.clone() };
        let holder = self.agents.get_mut(agent)?;
        holder.tasks.insert((task.framework.clone(), task.id.clone()));
        if !state.is_terminal() {
            if let Some(used) = holder.used.checked_add(&task.resources) {
                holder.used = used;
                self.allocator.hold(&share, agent, &task.resources);
            } else {
                warn!("agent `{agent}` holds tasks that use the same port");
            }
        }
        let framework = self.frameworks.get_mut(&task.framework)?;
        framework.tasks.insert(task.id.clone(), Arc::new(task));
        Some(())
    }

    /// Sends a framework an update of the master's own, if it can be reached.
    pub(crate) fn tell(
        &mut self,
        framework: &FrameworkId,
        task: &TaskId,
        agent: Option<&AgentId>,
        invented: Invented,
    ) {
        let Some(framework) = self.frameworks.get(framework) else { return };
        let is_partition_aware = framework.capabilities.partition_aware;
        let Some(stream) = framework.stream().cloned() else { return };
        let status = invented.status(task, agent, is_partition_aware, self.wall);
        self.send_event(&stream, event_of::update(status));
    }
}

#[cfg(test)]
mod tests;
