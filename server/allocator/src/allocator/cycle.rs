//! The cycle: who gets which agent.

use model::Instant;

use crate::accounts::{Account, AgentSlot, ShareSlot};
use crate::allocator::{Allocator, Grant, Holder};
use crate::filters::Filters;
use crate::quantities::Quantities;
use crate::slots::Slots;
use crate::tree::Race;

impl Allocator {
    /// Ends what has expired, then gives away every agent that somebody may have.
    ///
    /// Each agent goes, whole, to the share that stands furthest behind and may have it. Grants are of
    /// different agents, hold everything free there, and are booked already.
    pub fn allocate(&mut self, now: Instant) -> Vec<Grant> {
        for agent in self.filters.expire(now) {
            self.enqueue(agent);
        }
        self.is_due = false;
        self.tree.refresh();
        let mut grants = Vec::new();
        self.serve_lagging(now, &mut grants);
        self.serve_level(now, &mut grants);
        grants
    }

    /// Tries those who lag behind for the agents that all others have been tried for, until they are
    /// level too or have no room.
    fn serve_lagging(&mut self, now: Instant, grants: &mut Vec<Grant>) {
        let mut lagging = std::mem::take(&mut self.lagging).into_iter().peekable();
        let mut competing = Vec::new();
        let mut place = 0;
        while place < self.level {
            if self.tree.is_empty(Race::CatchUp) {
                let Some((seen, _)) = lagging.peek() else { break };
                place = place.max(*seen); // Nobody misses what stands before that.
            }
            let Some((&next, &agent)) = self.queue.range(place + 1..=self.level).next() else {
                break;
            };
            while let Some((_, share)) = lagging.next_if(|(seen, _)| *seen < next) {
                self.tree.attach(Race::CatchUp, share);
                competing.push(share);
            }
            place = next;
            self.try_agent(now, Race::CatchUp, agent, place, grants);
        }
        for share in competing.into_iter().chain(lagging.map(|(_, share)| share)) {
            self.tree.detach(Race::CatchUp, share);
            let (level, most) = (self.level, self.settings.open_grants);
            if let Some(interest) = self.interest_mut(share).filter(|i| i.open < most) {
                interest.seen = level;
                self.tree.attach(Race::Level, share);
            }
        }
    }

    /// Tries those who are level for the agents that have changed.
    fn serve_level(&mut self, now: Instant, grants: &mut Vec<Grant>) {
        while !self.tree.is_empty(Race::Level) {
            let next = self.queue.range(self.level + 1..).next();
            let Some((&next, &agent)) = next else { return };
            self.level = next;
            self.try_agent(now, Race::Level, agent, next, grants);
        }
    }

    /// Grants the agent to the first in the race who may have it.
    fn try_agent(
        &mut self,
        now: Instant,
        race: Race,
        agent: AgentSlot,
        place: u64,
        grants: &mut Vec<Grant>,
    ) {
        let Some(account) = self.agents.get(agent.0) else { return };
        let (holders, filters) = (&self.holders, &self.filters);
        let wanted = |share| may_have(holders, filters, now, share, agent, account);
        let Some(share) = self.tree.first(race, &wanted) else { return };
        let Some(grant) = self.book(share, agent) else { return };
        grants.push(grant);
        let most = self.settings.open_grants;
        if let Some(interest) = self.interest_mut(share) {
            interest.open += 1;
            interest.seen = place;
            if interest.open >= most {
                self.tree.detach(race, share);
            }
        }
    }

    fn book(&mut self, share: ShareSlot, agent: AgentSlot) -> Option<Grant> {
        let account = self.agents.get_mut(agent.0)?;
        let holder = self.holders.get_mut(share.0)?;
        let had = account.holds(share);
        let resources = account.hold_all(share)?;
        if !had {
            holder.holdings += 1;
        }
        let grant = Grant { share: holder.share.clone(), agent: account.id.clone(), resources };
        if let Some(place) = account.place.take() {
            self.queue.remove(&place);
        }
        self.tree.grant(share, &Quantities::from(&grant.resources));
        Some(grant)
    }
}

/// Whether a share may be granted an agent at all.
fn may_have(
    holders: &Slots<Holder>,
    filters: &Filters,
    now: Instant,
    share: ShareSlot,
    agent: AgentSlot,
    account: &Account,
) -> bool {
    let interest = holders.get(share.0).and_then(|holder| holder.interest.as_ref());
    // Compat: agents with GPUs are kept for frameworks that say they use them (--filter_gpu_resources).
    interest.is_some_and(|interest| interest.takes_gpus || account.total.gpus().is_zero())
        && !filters.withhold(now, share, agent, &account.free)
}
