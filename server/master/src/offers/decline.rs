//! DECLINE, REVIVE and SUPPRESS.

use std::collections::BTreeSet;
use std::time::Duration;

use allocator::refusal;
use model::{FrameworkId, OfferId, Role};
use tracing::debug;
use wire::mesos::v1 as pb;
use wire::mesos::v1::scheduler::call;

use crate::master::Master;

impl Master {
    /// The framework does not want these offers for a while.
    pub(crate) fn decline(&mut self, framework: &FrameworkId, decline: &call::Decline) {
        self.counters.messages_decline_offers += 1;
        let refuse = refusal_of(decline.filters.as_ref());
        for offer in &decline.offer_ids {
            let id = OfferId::from(offer.value.as_str());
            if self.offers.get(&id).is_none_or(|offer| offer.framework != *framework) {
                debug!(offer.id = %id, "offer `{id}` was declined and stands no more");
                continue;
            }
            if let Some(offer) = self.take_offer(&id) {
                let (share, resources) = (offer.share(), &offer.resources);
                self.allocator.release(self.now, &share, &offer.agent, resources, Some(refuse));
            }
        }
    }

    /// The framework wants offers again, filtered ones too.
    pub(crate) fn revive(&mut self, framework: &FrameworkId, revive: Option<call::Revive>) {
        self.counters.messages_revive_offers += 1;
        let roles = roles(revive.map(|revive| revive.roles));
        self.allocator.revive(framework, &roles);
    }

    /// The framework wants no offers until it revives.
    pub(crate) fn suppress(&mut self, framework: &FrameworkId, suppress: Option<call::Suppress>) {
        self.counters.messages_suppress_offers += 1;
        let roles = roles(suppress.map(|suppress| suppress.roles));
        self.allocator.suppress(framework, &roles);
    }
}

pub(crate) fn refusal_of(filters: Option<&pb::Filters>) -> Duration {
    refusal(filters.and_then(|filters| filters.refuse_seconds))
}

fn roles(roles: Option<Vec<String>>) -> BTreeSet<Role> {
    roles.unwrap_or_default().into_iter().map(Role::from).collect()
}
