//! Agents that are given up: unreachable, or removed.

use std::time::Duration;

use model::{AgentId, TaskState};
use tracing::{info, warn};
use wire::mesos::v1::{self as pb, scheduler::event, task_status::Reason};

use crate::agents::Agents;
use crate::command::{LinkId, Timer};
use crate::effect::Effect;
use crate::master::Master;
use crate::record::{AgentRecord, Standing};
use crate::update::{Invented, event_of};

/// How often agents are looked for that have been unreachable for too long.
const FORGETTING_INTERVAL: Duration = Duration::from_secs(15 * 60);

impl Master {
    /// The time of a disconnected agent is over.
    pub(crate) fn agent_deadline(&mut self, id: &AgentId, link: LinkId) {
        let is_still_away = self.agents.get(id).is_some_and(|agent| {
            // A younger link that is closed too has its own timer.
            agent.link.is_none() && self.agents.last_link(id) == Some(link)
        });
        if is_still_away {
            warn!(agent.id = %id, "agent `{id}` did not come back in time");
            self.mark_unreachable(id);
        }
    }

    /// The time of agents that an earlier leadership admitted is over.
    pub(crate) fn recovery_deadline(&mut self) {
        for id in self.agents.recovered.keys().cloned().collect::<Vec<_>>() {
            let Some(record) = self.agents.recovered.remove(&id) else { continue };
            warn!(agent.id = %id, "agent `{id}` did not come back after the change of the leader");
            self.counters.recovery_slave_removals += 1;
            self.count_unreachable();
            self.store_unreachable((*record).clone());
            self.tell_agent_lost(&id);
        }
        self.answer_waiting_kills();
    }

    /// Gives an agent up. Its tasks may come back with it.
    pub(crate) fn mark_unreachable(&mut self, id: &AgentId) {
        let Some(agent) = self.agents.get(id).cloned() else { return };
        self.count_unreachable();
        self.store_unreachable(agent.record(Standing::Unreachable(self.wall)));
        self.rescind_agents_offers(id);
        for (framework, task) in &agent.tasks {
            self.task_unreachable(framework, task);
        }
        self.forget_registered(id);
        self.tell_agent_lost(id);
    }

    fn count_unreachable(&mut self) {
        self.counters.slave_unreachable_scheduled += 1;
        self.counters.slave_unreachable_completed += 1;
        self.counters.slave_removals += 1;
        self.counters.slave_removals_reason_unhealthy += 1;
    }

    fn store_unreachable(&mut self, record: AgentRecord) {
        let since = self.wall;
        let record = AgentRecord { standing: Standing::Unreachable(since), ..record };
        self.effects.push(Effect::Persist(record.put()));
        self.agents.put_unreachable(record, since);
        while self.agents.unreachable.len() > self.config.max_unreachable_agents {
            let Some((_, oldest)) = self.agents.unreachable_since.first().cloned() else { break };
            self.forget_unreachable(&oldest);
        }
        self.arm_forgetting();
    }

    /// Forgets agents that have been unreachable for too long.
    ///
    /// Source: mesos.md §7.1, the registry's garbage collection.
    pub(crate) fn forgetting_due(&mut self) {
        self.agents.is_forgetting_armed = false;
        let longest = self.config.max_unreachable_age.as_millis();
        let longest = i64::try_from(longest).unwrap_or(i64::MAX);
        while let Some((since, oldest)) = self.agents.unreachable_since.first().cloned() {
            if self.wall.as_millis().saturating_sub(since.as_millis()) < longest {
                break;
            }
            self.forget_unreachable(&oldest);
        }
        self.arm_forgetting();
    }

    fn arm_forgetting(&mut self) {
        if !self.agents.unreachable.is_empty() && !self.agents.is_forgetting_armed {
            self.agents.is_forgetting_armed = true;
            self.arm(self.now + FORGETTING_INTERVAL, Timer::ForgetUnreachable);
        }
    }

    /// An unreachable agent is as good as never known, and so are its tasks.
    fn forget_unreachable(&mut self, id: &AgentId) {
        let Some(forgotten) = self.agents.take_unreachable(id) else { return };
        info!(agent.id = %id, "forgetting agent `{id}`, unreachable since {}", forgotten.since);
        self.effects.push(Effect::Persist(AgentRecord::delete(id)));
        self.agents.by_nonce.remove(&forgotten.record.nonce);
        for (framework, task) in self.agents.tasks_away.remove(id).unwrap_or_default() {
            self.end_task_away(&framework, &task, "Agent was unreachable for too long");
        }
    }

    /// Forgets an agent for good; its tasks are lost.
    pub(crate) fn remove_agent(&mut self, id: &AgentId, cause: &str) {
        let Some(agent) = self.agents.get(id).cloned() else { return };
        info!(agent.id = %id, "agent `{id}` removed: {cause}");
        self.counters.slave_removals += 1;
        self.effects.push(Effect::Persist(AgentRecord::delete(id)));
        self.rescind_agents_offers(id);
        let message = format!("Agent {} removed: {cause}", agent.hostname());
        for (framework, task) in &agent.tasks {
            let invented = Invented {
                state: TaskState::Lost,
                reason: Reason::AgentRemoved,
                message: message.clone(),
                unreachable_since: None,
            };
            self.end_task(framework, task, invented);
        }
        if let Some(link) = agent.link {
            self.effects.push(Effect::CloseLink { link });
        }
        self.agents.by_nonce.remove(&agent.nonce);
        self.forget_registered(id);
        self.tell_agent_lost(id);
    }

    fn forget_registered(&mut self, id: &AgentId) {
        self.allocator.remove_agent(id);
        let Some(agent) = self.agents.registered.remove(id) else { return };
        self.agents.liveness.remove(id);
        self.agents.last_links.remove(id);
        if let Some(link) = agent.link {
            self.agents.by_link.remove(&link);
        }
        let address = Agents::address(&agent.description);
        if self.agents.by_address.get(&address) == Some(id) {
            self.agents.by_address.remove(&address);
        }
    }

    /// FAILURE to every framework that is connected, after the updates of its tasks.
    fn tell_agent_lost(&mut self, id: &AgentId) {
        for stream in self.frameworks.streams() {
            let failure = event::Failure {
                agent_id: Some(pb::AgentId { value: id.to_string() }),
                ..event::Failure::default()
            };
            self.send_event(&stream, event_of::failure(failure));
        }
    }

    pub(crate) fn arm_recovery(&mut self) {
        if !self.agents.recovered.is_empty() {
            let at = self.now + self.config.agent_reregister_timeout;
            self.arm(at, Timer::RecoveryDeadline);
        }
        self.arm_forgetting();
    }
}
