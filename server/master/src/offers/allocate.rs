//! A cycle of the allocator, and the offers it makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use allocator::Grant;
use model::{FrameworkId, OfferId};
use wire::mesos::v1 as pb;

use crate::agents::Agent;
use crate::convert::write_resources;
use crate::frameworks::Framework;
use crate::master::Master;
use crate::offers::Offer;
use crate::update::event_of;

impl Master {
    /// Gives away what is free, and sends each framework its offers of this cycle in one event.
    pub(crate) fn allocate(&mut self) {
        self.counters.allocation_runs += 1;
        let mut events: BTreeMap<FrameworkId, Vec<pb::Offer>> = BTreeMap::new();
        for grant in self.allocator.allocate(self.now) {
            if let Some(message) = self.make_offer(&grant) {
                events.entry(grant.share.framework).or_default().push(message);
            } else {
                // Not to be expected: the allocator knows only connected agents and frameworks.
                self.allocator.answered(&grant.share);
                let resources = &grant.resources;
                self.allocator.release(self.now, &grant.share, &grant.agent, resources, None);
            }
        }
        for (framework, offers) in events {
            let stream = self.frameworks.get(&framework).and_then(|f| f.stream().cloned());
            if let Some(stream) = stream {
                self.send_event(&stream, event_of::offers(offers));
            }
        }
    }

    fn make_offer(&mut self, grant: &Grant) -> Option<pb::Offer> {
        let framework = self.frameworks.get(&grant.share.framework)?;
        let agent = self.agents.get(&grant.agent)?;
        if !framework.is_connected() || !agent.is_connected() {
            return None;
        }
        let id = OfferId::new(format!("{}-O{}", self.config.master.id, self.minted.offers));
        self.minted.offers += 1;
        let offer = Offer {
            id: id.clone(),
            framework: framework.id.clone(),
            agent: agent.id.clone(),
            role: grant.share.role.clone(),
            resources: grant.resources.clone(),
            made_at: self.wall,
        };
        let message = message(&offer, framework, agent);
        let offered = agent.offered.checked_add(&offer.resources)?;
        let agent = self.agents.get_mut(&offer.agent)?;
        agent.offered = offered;
        agent.offers.insert(id.clone());
        self.frameworks.get_mut(&offer.framework)?.offers.insert(id.clone());
        self.offers.insert(id, Arc::new(offer));
        Some(message)
    }
}

fn message(offer: &Offer, framework: &Framework, agent: &Agent) -> pb::Offer {
    let form = framework.form(&offer.role);
    pb::Offer {
        id: pb::OfferId { value: offer.id.to_string() },
        framework_id: pb::FrameworkId { value: offer.framework.to_string() },
        agent_id: pb::AgentId { value: offer.agent.to_string() },
        hostname: agent.hostname().to_owned(),
        url: Some(pb::Url {
            scheme: "http".to_owned(),
            address: pb::Address {
                hostname: Some(agent.hostname().to_owned()),
                ip: Some(agent.ip().to_owned()),
                port: agent.port(),
            },
            path: Some("/slave(1)".to_owned()),
            ..pb::Url::default()
        }),
        resources: write_resources(&offer.resources, form),
        attributes: agent.info().attributes.clone(),
        domain: agent.info().domain.clone(),
        allocation_info: form
            .allocated_to
            .map(|role| pb::resource::AllocationInfo { role: Some(role.to_string()) }),
        ..pb::Offer::default()
    }
}
