//! RECONCILE: what the master knows of tasks, said again.

use model::{AgentId, FrameworkId, TaskId, TaskState, Timestamp};
use wire::mesos::v1::scheduler::call::{self, reconcile};
use wire::mesos::v1::{self as pb, TaskStatus, task_status};

use crate::master::Master;
use crate::tasks::Task;
use crate::update::{Invented, event_of};

impl Master {
    /// Answers for the tasks named, or for all of the framework when none is.
    pub(crate) fn reconcile(&mut self, framework: &FrameworkId, reconcile: &call::Reconcile) {
        self.counters.messages_reconcile_tasks += 1;
        for asked in &reconcile.tasks {
            self.reconcile_task(framework, asked);
        }
        if !reconcile.tasks.is_empty() {
            return;
        }
        let Some(known) = self.frameworks.get(framework).cloned() else { return };
        let Some(stream) = known.stream() else { return };
        for task in known.tasks.values() {
            self.send_event(stream, event_of::update(latest(task, self.wall)));
        }
        for (id, task) in &known.unreachable_tasks {
            let agent = Some(&task.agent);
            let unreachable = self.reconciled_unreachable(&task.agent);
            self.tell(framework, id, agent, unreachable);
        }
    }

    /// Answers for one task, by the first of the original's six rules that fits (mesos.md §1.6).
    pub(crate) fn reconcile_task(&mut self, framework: &FrameworkId, asked: &reconcile::Task) {
        let id = TaskId::from(asked.task_id.value.as_str());
        let Some(known) = self.frameworks.get(framework).cloned() else { return };
        if let (Some(task), Some(stream)) = (known.tasks.get(&id), known.stream()) {
            self.send_event(stream, event_of::update(latest(task, self.wall)));
            return;
        }
        let named = asked.agent_id.as_ref().map(|agent| AgentId::from(agent.value.as_str()));
        let away = known.unreachable_tasks.get(&id).map(|task| task.agent.clone());
        let agent = named.or(away);
        let answer = |state, message: &str| {
            Invented::new(state, task_status::Reason::Reconciliation, message)
        };
        let invented = match &agent {
            Some(agent) if self.agents.recovered.contains_key(agent) => return,
            None if !self.agents.recovered.is_empty() => return,
            Some(agent) if self.agents.registered.contains_key(agent) => {
                answer(TaskState::Gone, "Reconciliation: Task is unknown to the agent")
            }
            Some(agent) if self.agents.unreachable.contains_key(agent) => {
                self.reconciled_unreachable(agent)
            }
            Some(agent) if self.agents.gone.contains(agent) => {
                answer(TaskState::GoneByOperator, "Reconciliation: Task is gone")
            }
            Some(_) | None => answer(TaskState::Unknown, "Reconciliation: Task is unknown"),
        };
        self.tell(framework, &id, agent.as_ref(), invented);
    }

    fn reconciled_unreachable(&self, agent: &AgentId) -> Invented {
        Invented {
            unreachable_since: self.agents.unreachable.get(agent).map(|agent| agent.since),
            ..Invented::new(
                TaskState::Unreachable,
                task_status::Reason::Reconciliation,
                "Reconciliation: Task is unreachable",
            )
        }
    }
}

/// The state of the last update that was forwarded, else the current one, with what was last said of it.
fn latest(task: &Task, wall: Timestamp) -> TaskStatus {
    let state = task.forwarded.as_ref().map_or(task.state, |(state, _)| *state);
    let last = task.statuses.last();
    TaskStatus {
        task_id: pb::TaskId { value: task.id.to_string() },
        state: state.number(),
        message: Some("Reconciliation: Latest task state".to_owned()),
        source: Some(task_status::Source::Master.into()),
        reason: Some(task_status::Reason::Reconciliation.into()),
        agent_id: Some(pb::AgentId { value: task.agent.to_string() }),
        timestamp: Some(wall.as_secs_f64()),
        healthy: last.and_then(|status| status.healthy),
        check_status: last.and_then(|status| status.check_status),
        container_status: last.and_then(|status| status.container_status.clone()),
        ..TaskStatus::default()
    }
}

#[cfg(test)]
mod tests;
