//! Agents that come for the first time, and agents that come back.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::validation::MAX_BYTES;
use model::{AgentId, FrameworkId, Resources, TaskId, TaskState};
use prost::Message as _;
use tracing::{info, warn};
use wire::link::{
    AgentDescription, Register, Registered, Reregister, Reregistered, Terms, master_frame, refused,
};
use wire::mesos::v1 as pb;

use crate::agents::{Agent, Agents};
use crate::command::LinkId;
use crate::effect::Effect;
use crate::master::Master;
use crate::record::{AgentRecord, Standing};
use model::v1::resources_from_v1;

impl Master {
    /// Admits a new agent, or one that never heard that it was admitted.
    pub(crate) fn register(&mut self, link: LinkId, register: Register) {
        self.counters.messages_register_slave += 1;
        let Some(total) = self.parse_total(link, &register.agent) else { return };
        if let Some(id) = self.agents.by_nonce.get(&register.nonce).cloned()
            && !self.agents.gone.contains(&id)
        {
            self.admit(link, id, register.agent, total, None);
            return;
        }
        self.remove_others_at(&register.agent);
        let id = AgentId::new(format!("{}-S{}", self.config.master.id, self.minted.agents));
        self.minted.agents += 1;
        self.counters.slave_registrations += 1;
        let agent = Agent {
            id: id.clone(),
            description: Arc::new(with_id(register.agent, &id)),
            link: Some(link),
            registered_at: self.wall,
            reregistered_at: None,
            admitted_at: self.wall,
            disconnected_at: None,
            total: total.clone(),
            used: Resources::new(),
            offered: Resources::new(),
            tasks: imbl::OrdSet::new(),
            offers: imbl::OrdSet::new(),
            nonce: register.nonce,
        };
        info!(agent.id = %id, "agent `{id}` at {} registered with {total}", agent.pid());
        self.effects.push(Effect::Persist(agent.record(Standing::Admitted).put()));
        self.agents.know_nonce(&agent.nonce, &id);
        self.insert(agent);
        self.connect(&id, link);
        let terms = self.terms();
        let master = Some(self.config.master.clone());
        let registered =
            Registered { agent_id: pb::AgentId { value: id.to_string() }, terms, master };
        self.send_frame(link, master_frame::Body::Registered(registered));
        self.allocator.add_agent(id, total);
    }

    /// Takes an agent back with the tasks it holds.
    pub(crate) fn reregister(&mut self, link: LinkId, reregister: Reregister) {
        self.counters.messages_reregister_slave += 1;
        let Ok(id) = AgentId::parse(&reregister.agent_id.value) else {
            let message = format!("agent id '{}' is invalid", reregister.agent_id.value);
            self.refuse_agent(link, refused::Reason::Invalid, message);
            return;
        };
        if self.agents.gone.contains(&id) {
            let message = format!("agent {id} has been marked gone by an operator");
            self.refuse_agent(link, refused::Reason::AgentGone, message);
            return;
        }
        let Some(total) = self.parse_total(link, &reregister.agent) else { return };
        if !self.agents.is_known(&id) {
            // The registry that knew the agent is lost, and its frameworks' records with it. Otherwise a
            // framework that is not known has ended, and the agent is to end its tasks.
            self.remember_frameworks(&reregister.frameworks);
        }
        self.admit(link, id, reregister.agent, total, Some(&reregister.tasks));
    }

    /// Makes the agent registered and connected, whatever it was before.
    ///
    /// One that has never heard of its admission knows no id and tells of no tasks: it is answered as a new one.
    fn admit(
        &mut self,
        link: LinkId,
        id: AgentId,
        description: AgentDescription,
        total: Resources,
        held: Option<&[wire::link::HeldTask]>,
    ) {
        let description = with_id(description, &id);
        self.counters.slave_reregistrations += 1;
        let was_unreachable = self.agents.unreachable.contains_key(&id);
        if self.agents.registered.contains_key(&id) {
            self.replace_link(&id, link, description, total.clone());
            self.allocator.update_agent(&id, total);
        } else {
            self.readmit(&id, link, description, total.clone());
            self.allocator.add_agent(id.clone(), total);
        }
        self.connect(&id, link);
        let agent_id = pb::AgentId { value: id.to_string() };
        let master = Some(self.config.master.clone());
        let terms = self.terms();
        let answer = match held {
            Some(_) => master_frame::Body::Reregistered(Reregistered { agent_id, terms, master }),
            None => master_frame::Body::Registered(Registered { agent_id, terms, master }),
        };
        self.send_frame(link, answer);
        self.settle_tasks(&id, link, held.unwrap_or_default(), was_unreachable);
        self.allocator.set_agent_active(&id, true);
    }

    /// An agent that this leadership knows already: the newest connection holds.
    fn replace_link(
        &mut self,
        id: &AgentId,
        link: LinkId,
        description: AgentDescription,
        total: Resources,
    ) {
        if self.agents.by_address.get(&Agents::address(&description)) != Some(id) {
            self.remove_others_at(&description);
        }
        self.rescind_agents_offers(id);
        let wall = self.wall;
        let Some(agent) = self.agents.get_mut(id) else { return };
        let old_link = agent.link.replace(link);
        let old_address = Agents::address(&agent.description);
        let has_changed = *agent.description != description;
        agent.description = Arc::new(description);
        agent.total = total;
        agent.reregistered_at = Some(wall);
        agent.disconnected_at = None;
        let (record, address) =
            (agent.record(Standing::Admitted), Agents::address(&agent.description));
        if let Some(old) = old_link.filter(|old| *old != link) {
            self.agents.by_link.remove(&old);
            self.effects.push(Effect::CloseLink { link: old });
        }
        if has_changed {
            self.effects.push(Effect::Persist(record.put()));
            self.agents.by_address.remove(&old_address);
            self.agents.by_address.insert(address, id.clone());
        }
        info!(agent.id = %id, "agent `{id}` is back");
    }

    /// An agent that is recovered, unreachable, or known only to a registry that was lost.
    fn readmit(
        &mut self,
        id: &AgentId,
        link: LinkId,
        description: AgentDescription,
        total: Resources,
    ) {
        self.remove_others_at(&description);
        let recovered = self.agents.recovered.remove(id).map(|record| (*record).clone());
        let unreachable = self.agents.take_unreachable(id).map(|agent| agent.record.clone());
        let old = recovered.or(unreachable);
        let record = AgentRecord {
            id: id.clone(),
            description,
            nonce: old.as_ref().map(|old| old.nonce.clone()).unwrap_or_default(),
            admitted_at: old.as_ref().map_or(self.wall, |old| old.admitted_at),
            standing: Standing::Admitted,
        };
        if old.as_ref() != Some(&record) {
            self.effects.push(Effect::Persist(record.put()));
        }
        info!(agent.id = %id, "agent `{id}` re-registered");
        self.insert(Agent {
            id: id.clone(),
            description: Arc::new(record.description),
            link: Some(link),
            registered_at: self.wall,
            reregistered_at: Some(self.wall),
            admitted_at: record.admitted_at,
            disconnected_at: None,
            total,
            used: Resources::new(),
            offered: Resources::new(),
            tasks: imbl::OrdSet::new(),
            offers: imbl::OrdSet::new(),
            nonce: record.nonce,
        });
    }

    fn insert(&mut self, agent: Agent) {
        self.agents.by_address.insert(Agents::address(&agent.description), agent.id.clone());
        self.agents.registered.insert(agent.id.clone(), Arc::new(agent));
    }

    /// A machine has one agent per port: another one that was registered there is no more.
    fn remove_others_at(&mut self, description: &AgentDescription) {
        let address = Agents::address(description);
        if let Some(other) = self.agents.by_address.get(&address).cloned() {
            self.counters.slave_removals_reason_registered += 1;
            self.remove_agent(&other, "a new agent registered at the same address");
        }
    }

    fn parse_total(&mut self, link: LinkId, description: &AgentDescription) -> Option<Resources> {
        let parsed = resources_from_v1(&description.info.resources);
        let problem = match parsed {
            Err(error) => error.to_string(),
            Ok(_) if description.info.hostname.is_empty() => "agent has no hostname".to_owned(),
            Ok(_) if description.encoded_len() > MAX_BYTES => {
                format!("agent's description has more than {MAX_BYTES} bytes")
            }
            Ok(total) => return Some(total),
        };
        warn!("refused an agent at {}: {problem}", description.info.hostname);
        self.refuse_agent(link, refused::Reason::Invalid, problem);
        None
    }

    pub(crate) fn terms(&self) -> Terms {
        let millis = self.config.ping_timeout.as_millis();
        Terms {
            ping_timeout_ms: u64::try_from(millis).unwrap_or(u64::MAX),
            max_pings: self.config.max_pings,
        }
    }

    /// Brings the master's tasks and those that the agent holds together.
    ///
    /// The link is ordered and the list is complete, so a task that the agent does not hold never
    /// reached it, or is gone.
    fn settle_tasks(
        &mut self,
        id: &AgentId,
        link: LinkId,
        held: &[wire::link::HeldTask],
        was_unreachable: bool,
    ) {
        let reported: BTreeSet<(FrameworkId, TaskId)> = held
            .iter()
            .map(|held| &held.task)
            .map(|task| {
                (task.framework_id.value.as_str().into(), task.task_id.value.as_str().into())
            })
            .collect();
        let known: Vec<_> = self
            .agents
            .get(id)
            .map_or_else(Vec::new, |agent| agent.tasks.iter().cloned().collect());
        for (framework, task) in known.into_iter().filter(|key| !reported.contains(key)) {
            let was_started = self
                .frameworks
                .task(&framework, &task)
                .is_some_and(|task| task.state != TaskState::Staging);
            let state = if was_started { TaskState::Gone } else { TaskState::Dropped };
            self.lose_task(
                &framework,
                &task,
                state,
                "Reconciliation: Task is unknown to the agent",
            );
        }
        // Only now, since what the agent holds may use the ports of what it does not hold any more.
        for task in held {
            self.take_held_task(id, link, &task.task, was_unreachable);
        }
        self.settle_tasks_away(id, &reported);
        self.send_waiting_kills(id, link);
    }

    /// Tasks that went away with the agent and did not come back with it are no more.
    fn settle_tasks_away(&mut self, id: &AgentId, reported: &BTreeSet<(FrameworkId, TaskId)>) {
        let away = self.agents.tasks_away.remove(id).unwrap_or_default();
        for (framework, task) in away.into_iter().filter(|key| !reported.contains(key)) {
            self.end_task_away(&framework, &task, "Reconciliation: Task is unknown to the agent");
        }
    }
}

pub(crate) fn with_id(mut description: AgentDescription, id: &AgentId) -> AgentDescription {
    description.info.id = Some(pb::AgentId { value: id.to_string() });
    description
}
