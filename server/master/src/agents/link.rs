//! The connection to an agent: frames, pings, its end.

use model::AgentId;
use tracing::{info, warn};
use wire::link::{AgentFrame, MasterFrame, Ping, Refused, agent_frame, master_frame, refused};

use crate::agents::Liveness;
use crate::command::{LinkId, Timer};
use crate::effect::Effect;
use crate::master::Master;

impl Master {
    /// Something arrived from an agent.
    pub(crate) fn agent_frame(&mut self, link: LinkId, frame: AgentFrame) {
        let is_first = matches!(
            frame.body,
            Some(agent_frame::Body::Register(_) | agent_frame::Body::Reregister(_))
        );
        if is_first && frame.epoch > self.config.epoch.0 {
            // The agent has followed a later leader: this one does not know yet that it is over.
            let message = format!("agent has accepted epoch {}", frame.epoch);
            self.refuse_agent(link, refused::Reason::NotLeading, message);
            return;
        }
        if !is_first {
            let is_current = frame.epoch == self.config.epoch.0 && frame.link == link.0;
            let Some(agent) = self.agents.of_link(link).filter(|_| is_current) else {
                self.counters.dropped_messages += 1;
                return;
            };
            let id = agent.id.clone();
            if let Some(liveness) = self.agents.liveness.get_mut(&id) {
                liveness.unanswered = 0;
            }
        }
        if frame.body.as_ref().is_some_and(|body| self.is_turned_away(link, body)) {
            return;
        }
        match frame.body {
            Some(agent_frame::Body::Register(register)) => self.register(link, register),
            Some(agent_frame::Body::Reregister(reregister)) => self.reregister(link, reregister),
            Some(agent_frame::Body::UpdateStatus(update)) => self.update_status(link, update),
            Some(agent_frame::Body::Pong(_)) => {}
            // Parts are joined before they come here.
            Some(agent_frame::Body::ReregisterPart(_)) | None => {
                self.counters.dropped_messages += 1
            }
        }
    }

    /// Makes `link` the agent's connection and starts pinging.
    pub(crate) fn connect(&mut self, id: &AgentId, link: LinkId) {
        self.agents.by_link.insert(link, id.clone());
        self.agents.last_links.insert(id.clone(), link);
        self.agents.liveness.insert(id.clone(), Liveness::default());
        let at = self.now + self.config.ping_timeout;
        self.arm(at, Timer::Ping { agent: id.clone(), link });
    }

    /// Sends the next ping, unless too many before it were not answered.
    pub(crate) fn ping_due(&mut self, id: &AgentId, link: LinkId) {
        if self.agents.get(id).is_none_or(|agent| agent.link != Some(link)) {
            return; // It has another link by now, or none.
        }
        let Some(liveness) = self.agents.liveness.get_mut(id) else { return };
        if liveness.unanswered >= self.config.max_pings {
            let missed = liveness.unanswered;
            warn!(agent.id = %id, missed_pings = missed, "agent `{id}` missed {missed} pings");
            self.effects.push(Effect::CloseLink { link });
            if self.is_storage_full {
                // It is given up when its deadline is, which waits for room.
                self.link_closed(link);
            } else {
                self.mark_unreachable(id);
            }
            return;
        }
        liveness.unanswered += 1;
        liveness.sequence += 1;
        let sequence = liveness.sequence;
        self.send_frame(link, master_frame::Body::Ping(Ping { sequence }));
        let at = self.now + self.config.ping_timeout;
        self.arm(at, Timer::Ping { agent: id.clone(), link });
    }

    /// The connection ended: the agent has its time to come back, and nothing of it is on offer.
    pub(crate) fn link_closed(&mut self, link: LinkId) {
        let Some(id) = self.agents.of_link(link).map(|agent| agent.id.clone()) else {
            self.agents.by_link.remove(&link);
            return; // It was never admitted, or has another link by now.
        };
        self.agents.by_link.remove(&link);
        self.agents.liveness.remove(&id);
        let wall = self.wall;
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.link = None;
            agent.disconnected_at = Some(wall);
        }
        info!(agent.id = %id, "agent `{id}` is disconnected");
        self.allocator.set_agent_active(&id, false);
        self.rescind_agents_offers(&id);
        let at = self.now + self.config.agent_timeout();
        self.arm(at, Timer::AgentDeadline { agent: id, link });
    }

    pub(crate) fn refuse_agent(&mut self, link: LinkId, reason: refused::Reason, message: String) {
        let body = master_frame::Body::Refused(Refused {
            reason: Some(reason.into()),
            message,
            retry_after_ms: None,
        });
        let frame = MasterFrame { epoch: self.config.epoch.0, link: 0, body: Some(body) };
        self.effects.push(Effect::SendFrame { link, frame: Box::new(frame) });
        self.effects.push(Effect::CloseLink { link });
    }
}
