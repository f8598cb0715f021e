//! Offers: made by allocation, ended by an answer, a rescind, or the loss of either side.
//!
//! An offer stands in `Master::offers`, in its framework's and in its agent's set, or in none of them.

mod accept;
mod allocate;
mod decline;
#[cfg(test)]
mod tests;

use model::{AgentId, FrameworkId, OfferId, Resources, Role, Timestamp};

use allocator::Share;

use crate::master::Master;
use crate::update::event_of;

/// Everything free on one agent, proposed to one framework in one role.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Its id.
    pub id: OfferId,
    /// To whom.
    pub framework: FrameworkId,
    /// Whose resources.
    pub agent: AgentId,
    /// In which role.
    pub role: Role,
    /// What.
    pub resources: Resources,
    /// Since when.
    pub made_at: Timestamp,
}

impl Offer {
    pub(crate) fn share(&self) -> Share {
        Share { framework: self.framework.clone(), role: self.role.clone() }
    }
}

impl Master {
    /// Takes an offer out of the books. Its resources still count as held until released or used.
    pub(crate) fn take_offer(&mut self, id: &OfferId) -> Option<Offer> {
        let offer = (*self.offers.remove(id)?).clone();
        if let Some(framework) = self.frameworks.get_mut(&offer.framework) {
            framework.offers.remove(id);
        }
        if let Some(agent) = self.agents.get_mut(&offer.agent) {
            agent.offers.remove(id);
            agent.offered = agent.offered.checked_sub(&offer.resources).unwrap_or_default();
        }
        self.allocator.answered(&offer.share());
        Some(offer)
    }

    /// Ends an offer and gives its resources back, to be offered to anybody.
    pub(crate) fn drop_offer(&mut self, id: &OfferId) {
        if let Some(offer) = self.take_offer(id) {
            self.allocator.release(self.now, &offer.share(), &offer.agent, &offer.resources, None);
        }
    }

    /// Ends an offer and tells its framework.
    pub(crate) fn rescind(&mut self, id: &OfferId) {
        let Some(offer) = self.offers.get(id).cloned() else { return };
        self.drop_offer(id);
        let stream = self.frameworks.get(&offer.framework).and_then(|f| f.stream().cloned());
        if let Some(stream) = stream {
            self.send_event(&stream, event_of::rescind(id));
        }
    }

    /// Rescinds every offer of an agent.
    pub(crate) fn rescind_agents_offers(&mut self, id: &AgentId) {
        let offers = self.agents.get(id).map(|agent| agent.offers.clone()).unwrap_or_default();
        for offer in &offers {
            self.rescind(offer);
        }
    }

    /// Drops every offer of a framework that has lost its stream; nobody can be told.
    pub(crate) fn drop_frameworks_offers(&mut self, id: &FrameworkId) {
        let framework = self.frameworks.get(id);
        let offers = framework.map(|framework| framework.offers.clone()).unwrap_or_default();
        for offer in &offers {
            self.drop_offer(offer);
        }
    }
}
