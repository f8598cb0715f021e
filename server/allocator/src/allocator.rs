//! The allocator's state between cycles.
//!
//! Agents that have something worth offering stand in a queue; whenever one has more to offer it goes to
//! its end. Every share knows up to which place of the queue it has been tried, so nothing is tried
//! twice: what one event costs does not depend on how many agents and frameworks there are.
//!
//! **Invariant:** between cycles, a share that wants offers and has room competes in [`Race::Level`] when
//! it has been tried for all agents up to `level`, and is `lagging` otherwise; all other shares do neither.

mod cycle;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{AgentId, FrameworkId, Instant, Resources, Role};

use crate::accounts::{Account, AgentSlot, Share, ShareSlot};
use crate::filters::Filters;
use crate::minimum::MinimumAllocatable;
use crate::quantities::Quantities;
use crate::slots::Slots;
use crate::tree::{Race, Tree};
use crate::weights::Weight;

/// What an operator may choose.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The smallest amount worth an offer.
    pub minimum: MinimumAllocatable,
    /// How many agents a framework may have on offer at once, per role.
    pub open_grants: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { minimum: MinimumAllocatable::default(), open_grants: 64 }
    }
}

/// Everything free on one agent, given to one framework in one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who gets it.
    pub share: Share,
    /// Whose it is.
    pub agent: AgentId,
    /// What it is; never empty.
    pub resources: Resources,
}

#[derive(Debug, Default)]
struct Framework {
    roles: BTreeMap<Role, ShareSlot>,
    is_active: bool,
    takes_gpus: bool,
}

/// A share: of a framework that is known, or of one that only holds something.
#[derive(Debug)]
struct Holder {
    share: Share,
    /// `None` while the framework is not known or has not the role.
    interest: Option<Interest>,
    /// On how many agents it holds something.
    holdings: usize,
}

/// A framework's standing in one role.
#[derive(Debug, Default)]
struct Interest {
    is_active: bool,
    is_suppressed: bool,
    takes_gpus: bool,
    /// How many of its grants have not been answered.
    open: usize,
    /// Up to which place of the queue it has been tried; not kept up while it is level.
    seen: u64,
}

/// Who holds what, who wants what, and who gets the next agent.
#[derive(Debug)]
pub struct Allocator {
    settings: Settings,
    agents: Slots<Account>,
    by_agent: BTreeMap<AgentId, AgentSlot>,
    holders: Slots<Holder>,
    by_share: BTreeMap<Share, ShareSlot>,
    frameworks: BTreeMap<FrameworkId, Framework>,
    tree: Tree,
    filters: Filters,
    /// Agents that have something worth offering, those first that have waited longest.
    queue: BTreeMap<u64, AgentSlot>,
    /// The last place given in the queue; places count from 1.
    last_place: u64,
    /// The place up to which those who are level have been tried.
    level: u64,
    /// Shares that have room and have not been tried up to `level`, with their `seen`.
    lagging: BTreeSet<(u64, ShareSlot)>,
    is_due: bool,
}

impl Allocator {
    /// An allocator without agents and frameworks.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            agents: Slots::default(),
            by_agent: BTreeMap::new(),
            holders: Slots::default(),
            by_share: BTreeMap::new(),
            frameworks: BTreeMap::new(),
            tree: Tree::default(),
            filters: Filters::default(),
            queue: BTreeMap::new(),
            last_place: 0,
            level: 0,
            lagging: BTreeSet::new(),
            is_due: false,
        }
    }

    /// Sets the weight of a role.
    pub fn set_weight(&mut self, role: Role, weight: Weight) {
        self.tree.set_weight(role, weight);
    }

    /// Adds an agent with nothing held on it; its resources may be offered.
    pub fn add_agent(&mut self, id: AgentId, total: Resources) {
        self.remove_agent(&id);
        self.change_total(None, Some(&total));
        let agent = AgentSlot(self.agents.insert(Account::new(id.clone(), total)));
        self.by_agent.insert(id, agent);
        self.enqueue(agent);
    }

    /// Changes what an agent has. Filters on it end, since there may be more now.
    pub fn update_agent(&mut self, id: &AgentId, total: Resources) {
        let Some(&agent) = self.by_agent.get(id) else { return };
        let Some(account) = self.agents.get_mut(agent.0) else { return };
        let old = std::mem::take(&mut account.total);
        account.set_total(total.clone());
        self.change_total(Some(&old), Some(&total));
        self.filters.clear_agent(agent);
        self.enqueue(agent);
    }

    /// Forgets an agent and everything held on it.
    pub fn remove_agent(&mut self, id: &AgentId) {
        let Some(agent) = self.by_agent.remove(id) else { return };
        self.filters.clear_agent(agent);
        let Some(account) = self.agents.remove(agent.0) else { return };
        self.change_total(Some(&account.total), None);
        if let Some(place) = account.place {
            self.queue.remove(&place);
        }
        for (share, held) in account.holdings() {
            self.tree.release(share, &Quantities::from(held));
            self.count_holding(share, true, false);
        }
    }

    /// Whether anything of the agent may be offered.
    pub fn set_agent_active(&mut self, id: &AgentId, is_active: bool) {
        let Some(&agent) = self.by_agent.get(id) else { return };
        if let Some(account) = self.agents.get_mut(agent.0) {
            account.is_active = is_active;
            self.enqueue(agent);
        }
    }

    /// Adds a framework, or changes its roles. It starts, or stays, inactive until activated.
    ///
    /// `suppressed` are the roles in which it wants nothing at present; filters of roles that it has no
    /// more end.
    pub fn set_framework(
        &mut self,
        id: FrameworkId,
        roles: impl IntoIterator<Item = Role>,
        suppressed: &BTreeSet<Role>,
        takes_gpus: bool,
    ) {
        let mut framework = self.frameworks.remove(&id).unwrap_or_default();
        framework.takes_gpus = takes_gpus;
        let mut old = std::mem::take(&mut framework.roles);
        for role in roles {
            let slot = old
                .remove(&role)
                .unwrap_or_else(|| self.slot(Share { framework: id.clone(), role: role.clone() }));
            if let Some(holder) = self.holders.get_mut(slot.0) {
                let interest = holder.interest.get_or_insert_default();
                interest.is_active = framework.is_active;
                interest.is_suppressed = suppressed.contains(&role);
                interest.takes_gpus = takes_gpus;
            }
            framework.roles.insert(role, slot);
            self.start_over(slot);
        }
        self.frameworks.insert(id, framework);
        for share in old.into_values() {
            self.give_up(share);
        }
    }

    /// Whether the framework may get anything; filters of an inactive one end.
    pub fn set_framework_active(&mut self, id: &FrameworkId, is_active: bool) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        framework.is_active = is_active;
        for share in framework.roles.values().copied().collect::<Vec<_>>() {
            if let Some(interest) = self.interest_mut(share) {
                interest.is_active = is_active;
                if !is_active {
                    interest.open = 0;
                }
            }
            if !is_active {
                self.filters.clear_share(share);
            }
            self.start_over(share);
        }
    }

    /// Forgets a framework. What it still holds must be released by the caller.
    pub fn remove_framework(&mut self, id: &FrameworkId) {
        let Some(framework) = self.frameworks.remove(id) else { return };
        for share in framework.roles.into_values() {
            self.give_up(share);
        }
    }

    /// Books resources that are in use already, as of a task that an agent brings along.
    ///
    /// False when the agent is unknown or the same port is held twice; then nothing changes.
    pub fn hold(&mut self, share: &Share, agent: &AgentId, resources: &Resources) -> bool {
        let Some(&agent) = self.by_agent.get(agent) else { return false };
        let share = self.slot(share.clone());
        let Some(account) = self.agents.get_mut(agent.0) else { return false };
        let had = account.holds(share);
        let is_held = account.hold(share, resources);
        let has = account.holds(share);
        if is_held {
            self.tree.hold(share, &Quantities::from(resources));
            self.dequeue_unless_worthwhile(agent);
        }
        self.count_holding(share, had, has);
        is_held
    }

    /// Gives resources back. With `refuse`, the framework is not offered them for that long.
    ///
    /// False when they were not held; then nothing changes.
    pub fn release(
        &mut self,
        now: Instant,
        share: &Share,
        agent: &AgentId,
        resources: &Resources,
        refuse: Option<Duration>,
    ) -> bool {
        let Some(&agent) = self.by_agent.get(agent) else { return false };
        let Some(&share) = self.by_share.get(share) else { return resources.is_empty() };
        let Some(account) = self.agents.get_mut(agent.0) else { return false };
        let had = account.holds(share);
        if !account.release(share, resources) {
            return false;
        }
        let has = account.holds(share);
        self.tree.release(share, &Quantities::from(resources));
        if let Some(refuse) = refuse.filter(|refuse| !refuse.is_zero())
            && self.interest(share).is_some()
        {
            self.filters.refuse(share, agent, resources.clone(), now + refuse);
        }
        self.enqueue(agent);
        self.count_holding(share, had, has);
        true
    }

    /// One of the share's grants has been answered or taken back: there is room for another.
    pub fn answered(&mut self, share: &Share) {
        let Some(&share) = self.by_share.get(share) else { return };
        if let Some(interest) = self.interest_mut(share) {
            interest.open = interest.open.saturating_sub(1);
            self.line_up(share);
        }
    }

    /// Ends all filters in `roles` (all roles when empty) and wants offers again.
    pub fn revive(&mut self, id: &FrameworkId, roles: &BTreeSet<Role>) {
        for share in self.set_suppressed(id, roles, false) {
            self.filters.clear_share(share);
            self.start_over(share);
        }
    }

    /// Wants no offers in `roles` (all roles when empty) until revived.
    pub fn suppress(&mut self, id: &FrameworkId, roles: &BTreeSet<Role>) {
        for share in self.set_suppressed(id, roles, true) {
            self.line_up(share);
        }
    }

    /// Whether a cycle could grant something.
    pub const fn is_due(&self) -> bool {
        self.is_due
    }

    /// When the next filter ends, which may make a cycle due.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.filters.next_expiry()
    }

    /// What is free on an agent.
    pub fn free(&self, agent: &AgentId) -> Option<&Resources> {
        let agent = self.by_agent.get(agent)?;
        self.agents.get(agent.0).map(|account| &account.free)
    }

    /// How many agents the share refuses something of.
    pub fn active_filters(&self, share: &Share) -> usize {
        self.by_share.get(share).map_or(0, |share| self.filters.active(*share))
    }

    /// Whether the share wants no offers.
    pub fn is_suppressed(&self, share: &Share) -> bool {
        let interest = self.by_share.get(share).and_then(|share| self.interest(*share));
        interest.is_some_and(|interest| interest.is_suppressed)
    }

    fn set_suppressed(
        &mut self,
        id: &FrameworkId,
        roles: &BTreeSet<Role>,
        is_suppressed: bool,
    ) -> Vec<ShareSlot> {
        let Some(framework) = self.frameworks.get(id) else { return Vec::new() };
        let named = framework.roles.iter();
        let named = named.filter(|(role, _)| roles.is_empty() || roles.contains(*role));
        let shares: Vec<_> = named.map(|(_, share)| *share).collect();
        for share in &shares {
            if let Some(interest) = self.interest_mut(*share) {
                interest.is_suppressed = is_suppressed;
            }
        }
        shares
    }

    fn interest(&self, share: ShareSlot) -> Option<&Interest> {
        self.holders.get(share.0)?.interest.as_ref()
    }

    fn interest_mut(&mut self, share: ShareSlot) -> Option<&mut Interest> {
        self.holders.get_mut(share.0)?.interest.as_mut()
    }

    /// The number of a share, which exists from now on.
    fn slot(&mut self, share: Share) -> ShareSlot {
        if let Some(slot) = self.by_share.get(&share) {
            return *slot;
        }
        let holder = Holder { share: share.clone(), interest: None, holdings: 0 };
        let slot = ShareSlot(self.holders.insert(holder));
        self.tree.insert(slot, &share.role);
        self.by_share.insert(share, slot);
        slot
    }

    /// The framework has no such role any more; what it holds in it stays on the books.
    fn give_up(&mut self, share: ShareSlot) {
        self.filters.clear_share(share);
        self.step_out(share);
        self.tree.forget_grants(share);
        if let Some(holder) = self.holders.get_mut(share.0) {
            holder.interest = None;
        }
        self.count_holding(share, false, false);
    }

    /// Takes note that a share holds something on one agent more or less, and forgets it when it is
    /// nobody's any more.
    fn count_holding(&mut self, share: ShareSlot, had: bool, has: bool) {
        let Some(holder) = self.holders.get_mut(share.0) else { return };
        match (had, has) {
            (false, true) => holder.holdings += 1,
            (true, false) => holder.holdings -= 1,
            (false, false) | (true, true) => {}
        }
        if holder.holdings == 0
            && holder.interest.is_none()
            && let Some(holder) = self.holders.remove(share.0)
        {
            self.tree.remove(share);
            self.by_share.remove(&holder.share);
        }
    }

    fn change_total(&mut self, old: Option<&Resources>, new: Option<&Resources>) {
        let mut total = *self.tree.total();
        if let Some(old) = old {
            total.remove(&Quantities::from(old));
        }
        if let Some(new) = new {
            total.add(&Quantities::from(new));
        }
        self.tree.set_total(total);
    }

    /// Puts an agent at the end of the queue if it has something worth offering: everybody is to be
    /// tried for it again.
    fn enqueue(&mut self, agent: AgentSlot) {
        let Some(account) = self.agents.get_mut(agent.0) else { return };
        if let Some(place) = account.place.take() {
            self.queue.remove(&place);
        }
        if account.is_active && self.settings.minimum.is_met_by(&account.free) {
            self.last_place += 1;
            account.place = Some(self.last_place);
            self.queue.insert(self.last_place, agent);
            self.is_due = true;
        }
    }

    /// An agent has less than before: it keeps its place, or leaves the queue.
    fn dequeue_unless_worthwhile(&mut self, agent: AgentSlot) {
        let Some(account) = self.agents.get_mut(agent.0) else { return };
        if !self.settings.minimum.is_met_by(&account.free)
            && let Some(place) = account.place.take()
        {
            self.queue.remove(&place);
        }
    }

    /// The share is to be tried for every agent again.
    fn start_over(&mut self, share: ShareSlot) {
        self.step_out(share);
        if let Some(interest) = self.interest_mut(share) {
            interest.seen = 0;
        }
        self.line_up(share);
    }

    /// Takes the share out of the competition; `seen` says where it stood.
    fn step_out(&mut self, share: ShareSlot) {
        let was_level = self.tree.detach(Race::Level, share);
        let level = self.level;
        let Some(interest) = self.interest_mut(share) else { return };
        if was_level {
            interest.seen = level;
        }
        let seen = interest.seen;
        self.lagging.remove(&(seen, share));
    }

    /// Puts the share where its wishes, its room and what it has been tried for say.
    fn line_up(&mut self, share: ShareSlot) {
        self.step_out(share);
        let (level, most) = (self.level, self.settings.open_grants);
        let Some(interest) = self.interest(share) else { return };
        if !interest.is_active || interest.is_suppressed || interest.open >= most {
            return;
        }
        let seen = interest.seen;
        if seen >= level {
            self.tree.attach(Race::Level, share);
        } else {
            self.lagging.insert((seen, share));
        }
        self.is_due |= self.queue.last_key_value().is_some_and(|(last, _)| *last > seen);
    }
}

#[cfg(test)]
mod tests;
