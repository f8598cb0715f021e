//! What is put off while nothing can be stored.
//!
//! A command that has to be stored would hold up everything behind it until the log has room again: updates,
//! acknowledgements, pings. So an agent that would have to be admitted is asked to come back later, and whoever stayed
//! away for too long is given up later. What needs no record goes on, and so does an agent that comes back as it is
//! stored. Changes from outside are refused before they get here.

use std::time::Duration;

use model::AgentId;
use tracing::warn;
use wire::link::{AgentDescription, Refused, agent_frame, master_frame, refused};

use crate::agents::{Agents, with_id};
use crate::command::{LinkId, Timer};
use crate::effect::Effect;
use crate::master::Master;
use crate::record::Standing;

/// When what was put off is looked at again.
const LATER: Duration = Duration::from_secs(5);

impl Master {
    /// Whether the timer's work has to wait for room; then it comes again.
    pub(crate) fn is_put_off(&mut self, timer: &Timer) -> bool {
        let is_stored = match timer {
            Timer::Allocate | Timer::FiltersEnd { .. } | Timer::Ping { .. } => false,
            Timer::AgentDeadline { .. }
            | Timer::ForgetUnreachable
            | Timer::RecoveryDeadline
            | Timer::FailoverDeadline { .. } => true,
        };
        let is_put_off = is_stored && self.is_storage_full;
        if is_put_off {
            self.arm(self.now + LATER, timer.clone());
        }
        is_put_off
    }

    /// Asks an agent to come back later when its admission would have to be stored and cannot be.
    pub(crate) fn is_turned_away(&mut self, link: LinkId, body: &agent_frame::Body) -> bool {
        if !self.is_storage_full {
            return false;
        }
        let (id, description) = match body {
            agent_frame::Body::Register(register) => {
                (self.agents.id_of_nonce(&register.nonce), &register.agent)
            }
            agent_frame::Body::Reregister(reregister) => {
                (AgentId::parse(&reregister.agent_id.value).ok(), &reregister.agent)
            }
            // Parts are joined before they get here.
            agent_frame::Body::ReregisterPart(_)
            | agent_frame::Body::UpdateStatus(_)
            | agent_frame::Body::Pong(_) => return false,
        };
        if id.is_some_and(|id| self.comes_as_stored(&id, description)) {
            return false;
        }
        warn!("asked an agent at {} to come back: it cannot be stored", description.info.hostname);
        let refused = Refused {
            reason: Some(refused::Reason::Busy.into()),
            message: "the master has no room to store anything".to_owned(),
            retry_after_ms: Some(u64::try_from(LATER.as_millis()).unwrap_or(u64::MAX)),
        };
        self.send_frame(link, master_frame::Body::Refused(refused));
        self.effects.push(Effect::CloseLink { link });
        true
    }

    /// Whether the agent is stored as admitted and describes itself as it did.
    fn comes_as_stored(&self, id: &AgentId, description: &AgentDescription) -> bool {
        if self.agents.gone.contains(id) {
            return true; // It is refused for good.
        }
        let description = with_id(description.clone(), id);
        let others = self.agents.at_address(&Agents::address(&description));
        let is_same = match (self.agents.get(id), self.agents.recovered.get(id)) {
            (Some(agent), _) => *agent.description == description,
            (None, Some(record)) => {
                record.description == description && record.standing == Standing::Admitted
            }
            (None, None) => false,
        };
        is_same && others.is_none_or(|other| other == id)
    }
}

#[cfg(test)]
mod tests {
    use model::TaskState;
    use wire::link::{self, agent_frame, master_frame};

    use crate::fixture::{Cluster, cluster, description, frames, persisted, task, told};
    use crate::{Command, Effect};

    const TOTAL: &str = "cpus:4;mem:1000";

    fn storage(cluster: &mut Cluster, is_full: bool) {
        assert!(cluster.apply(Command::Storage { is_full }).is_empty());
    }

    fn is_asked_to_come_back(effects: &[Effect]) -> bool {
        let frames = frames(effects);
        let is_refused = matches!(
            frames[..],
            [master_frame::Body::Refused(refused)] if refused.retry_after_ms == Some(5_000)
        );
        is_refused && matches!(effects.last(), Some(Effect::CloseLink { .. }))
    }

    #[test]
    fn on_a_full_disk_a_new_agent_is_asked_to_come_back_and_admitted_once_there_is_room() {
        let mut cluster = cluster();
        storage(&mut cluster, true);
        assert!(is_asked_to_come_back(&cluster.register(TOTAL)));
        assert!(cluster.records.is_empty());
        storage(&mut cluster, false);
        let effects = cluster.register(TOTAL);
        assert!(matches!(frames(&effects)[..], [master_frame::Body::Registered(_)]));
    }

    #[test]
    fn on_a_full_disk_a_known_agent_comes_back_and_its_tasks_go_on() {
        let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
        storage(&mut cluster, true);
        let held = [(task("t", "cpus:1"), TaskState::Running)];
        cluster.close_link("m-S0");
        let effects = cluster.reregister("m-S0", TOTAL, &held);
        assert!(matches!(frames(&effects)[0], master_frame::Body::Reregistered(_)));
        assert!(persisted(&effects).is_empty());
        let effects = cluster.update("m-S0", "t", TaskState::Finished, 2);
        assert_eq!(told(&effects).len(), 1);
        // What it has changed would have to be stored.
        cluster.close_link("m-S0");
        assert!(is_asked_to_come_back(&cluster.reregister("m-S0", "cpus:5", &held)));
        storage(&mut cluster, false);
        let effects = cluster.reregister("m-S0", "cpus:5", &held);
        assert_eq!(persisted(&effects).len(), 1);
    }

    #[test]
    fn on_a_full_disk_a_recovered_agent_comes_back() {
        let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1").fail_over();
        storage(&mut cluster, true);
        let held = [(task("t", "cpus:1"), TaskState::Running)];
        let effects = cluster.reregister("m-S0", TOTAL, &held);
        assert!(matches!(frames(&effects)[0], master_frame::Body::Reregistered(_)));
        assert!(persisted(&effects).is_empty());
    }

    #[test]
    fn on_a_full_disk_nobody_is_given_up_until_there_is_room() {
        let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
        storage(&mut cluster, true);
        // It answers no ping.
        let silent = cluster.wait(120);
        assert!(persisted(&silent).is_empty() && told(&silent).is_empty());
        assert!(silent.iter().any(|effect| matches!(effect, Effect::CloseLink { .. })));
        assert!(!cluster.the_agent("m-S0").is_connected());
        cluster.close_stream(0);
        assert!(persisted(&cluster.wait(600)).is_empty());
        storage(&mut cluster, false);
        let effects = cluster.wait(6);
        assert_eq!(persisted(&effects).len(), 2, "the agent and the framework are given up");
        assert!(cluster.master.agents.unreachable.contains_key("m-S0"));
    }

    #[test]
    fn on_a_full_disk_an_admission_that_the_agent_has_not_heard_of_is_repeated() {
        let mut cluster = cluster().agent(TOTAL);
        cluster.close_link("m-S0");
        storage(&mut cluster, true);
        let register = link::Register { agent: description(5051, TOTAL), nonce: "nonce-0".into() };
        let link = cluster.open_link();
        let effects = cluster.first_frame(link, agent_frame::Body::Register(register));
        assert!(matches!(frames(&effects)[0], master_frame::Body::Registered(_)));
        assert!(persisted(&effects).is_empty());
    }
}
