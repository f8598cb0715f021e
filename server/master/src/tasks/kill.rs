//! KILL.

use model::{AgentId, FrameworkId, TaskId};
use tracing::{info, warn};
use wire::link::{KillTask, master_frame};
use wire::mesos::v1::scheduler::call::{self, reconcile};
use wire::mesos::v1::{self as pb, KillPolicy};

use crate::agents::WaitingKill;
use crate::command::LinkId;
use crate::master::Master;

impl Master {
    /// Has a task ended. An agent that is not connected is told when it is back.
    pub(crate) fn kill(&mut self, framework: &FrameworkId, kill: call::Kill) {
        self.counters.messages_kill_task += 1;
        let task_id = TaskId::from(kill.task_id.value.as_str());
        let named = kill.agent_id.as_ref().map(|agent| AgentId::from(agent.value.as_str()));
        let Some(task) = self.frameworks.task(framework, &task_id).cloned() else {
            self.kill_unknown(framework, task_id, named, kill);
            return;
        };
        if named.is_some_and(|named| named != task.agent) {
            warn!(task.id = %task_id, "a kill of `{task_id}` names another agent than its own");
            return;
        }
        info!(task.id = %task_id, "killing task `{task_id}`");
        if let Some(link) = self.agents.get(&task.agent).and_then(|agent| agent.link) {
            self.send_kill(link, framework, &task_id, kill.kill_policy);
        } else if let Some(task) = self.frameworks.task_mut(framework, &task_id) {
            task.waiting_kill = Some(kill.kill_policy);
        }
    }

    /// The task may be on an agent that is not back yet; otherwise its state is answered.
    fn kill_unknown(
        &mut self,
        framework: &FrameworkId,
        task: TaskId,
        agent: Option<AgentId>,
        kill: call::Kill,
    ) {
        let may_come_back = match &agent {
            Some(agent) => self.agents.recovered.contains_key(agent),
            None => !self.agents.recovered.is_empty(),
        };
        if may_come_back {
            let waiting = WaitingKill { agent, policy: kill.kill_policy };
            self.agents.waiting_kills.insert((framework.clone(), task), waiting);
        } else {
            let asked = reconcile::Task { task_id: kill.task_id, agent_id: kill.agent_id };
            self.reconcile_task(framework, &asked);
        }
    }

    pub(crate) fn send_kill(
        &mut self,
        link: LinkId,
        framework: &FrameworkId,
        task: &TaskId,
        kill_policy: Option<KillPolicy>,
    ) {
        let body = master_frame::Body::KillTask(KillTask {
            framework_id: pb::FrameworkId { value: framework.to_string() },
            task_id: pb::TaskId { value: task.to_string() },
            kill_policy,
        });
        self.send_frame(link, body);
    }

    /// Sends an agent that is back the kills that waited for it.
    pub(crate) fn send_waiting_kills(&mut self, agent: &AgentId, link: LinkId) {
        let tasks = self.agents.get(agent).map(|agent| agent.tasks.clone()).unwrap_or_default();
        for (framework, task) in &tasks {
            let key = (framework.clone(), task.clone());
            let before = self.agents.waiting_kills.remove(&key).map(|kill| kill.policy);
            let known = self
                .frameworks
                .task(framework, task)
                .is_some_and(|task| task.waiting_kill.is_some());
            let since = if known {
                self.frameworks.task_mut(framework, task).and_then(|task| task.waiting_kill.take())
            } else {
                None
            };
            if let Some(policy) = since.or(before) {
                self.send_kill(link, framework, task, policy);
            }
        }
        self.answer_waiting_kills();
    }

    /// Answers kills for which no agent is left that might bring the task, as reconciliation does.
    pub(crate) fn answer_waiting_kills(&mut self) {
        let recovered = &self.agents.recovered;
        let answerable = self.agents.waiting_kills.extract_if(.., |_, kill| match &kill.agent {
            Some(agent) => !recovered.contains_key(agent),
            None => recovered.is_empty(),
        });
        for ((framework, task), kill) in answerable.collect::<Vec<_>>() {
            let pb_agent = |agent: AgentId| pb::AgentId { value: agent.to_string() };
            let task_id = pb::TaskId { value: task.to_string() };
            let asked = reconcile::Task { task_id, agent_id: kill.agent.map(pb_agent) };
            self.reconcile_task(&framework, &asked);
        }
    }
}

#[cfg(test)]
mod tests;
