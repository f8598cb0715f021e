//! ACKNOWLEDGE: the framework has seen an update.

use model::{AgentId, FrameworkId, TaskId, TaskState};
use tracing::debug;
use wire::link::{AcknowledgeUpdate, master_frame};
use wire::mesos::v1 as pb;
use wire::mesos::v1::scheduler::call;

use crate::master::Master;

impl Master {
    /// Passes an acknowledgement on to the agent, so that it sends the task's next update.
    ///
    /// Source: mesos.md §1.4 (8): only what cannot have been forwarded is dropped.
    pub(crate) fn acknowledge(&mut self, framework: &FrameworkId, acknowledge: call::Acknowledge) {
        self.counters.messages_status_update_acknowledgement += 1;
        let agent_id = AgentId::from(acknowledge.agent_id.value.as_str());
        let task_id = TaskId::from(acknowledge.task_id.value.as_str());
        let link = self.agents.get(&agent_id).and_then(|agent| agent.link);
        let task = self.frameworks.task(framework, &task_id);
        let was_forwarded = task.is_none_or(|task| task.forwarded.is_some());
        let Some(link) = link.filter(|_| was_forwarded) else {
            debug!(task.id = %task_id, "acknowledgement of `{task_id}` dropped");
            self.counters.invalid_status_update_acknowledgements += 1;
            return;
        };
        let forwarded = task.and_then(|task| task.forwarded.as_ref());
        let seen = forwarded.filter(|(_, uuid)| *uuid == acknowledge.uuid).map(|(state, _)| *state);
        if seen.is_some_and(TaskState::is_terminal) {
            self.complete_task(framework, &task_id);
        } else if seen.is_some()
            && let Some(task) = self.frameworks.task_mut(framework, &task_id)
        {
            task.pending = None;
        }
        self.counters.valid_status_update_acknowledgements += 1;
        let body = master_frame::Body::AcknowledgeUpdate(AcknowledgeUpdate {
            framework_id: pb::FrameworkId { value: framework.to_string() },
            task_id: acknowledge.task_id,
            uuid: acknowledge.uuid,
        });
        self.send_frame(link, body);
    }
}

#[cfg(test)]
mod tests;
