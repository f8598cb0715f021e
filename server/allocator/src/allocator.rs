//! The allocator's state between cycles, and the cycle.
//!
//! **Invariant:** an agent with something worth offering that is not in `untried` has been tried since
//! it last changed, and nobody wanted it who may have it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use model::{AgentId, FrameworkId, Instant, Resources, Role};

use crate::filters::Filters;
use crate::ledger::{Ledger, Share};
use crate::minimum::MinimumAllocatable;
use crate::problem::{Branch, Candidate, Problem, Quantities};
use crate::solver::solve;
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
    roles: BTreeMap<Role, Interest>,
    is_active: bool,
    takes_gpus: bool,
}

/// A framework's standing in one role.
#[derive(Debug, Default)]
struct Interest {
    is_suppressed: bool,
    grants: u64,
    open: usize,
}

/// Who holds what, who wants what, and who gets the next agent.
#[derive(Debug)]
pub struct Allocator {
    settings: Settings,
    ledger: Ledger,
    filters: Filters,
    weights: BTreeMap<Role, Weight>,
    frameworks: BTreeMap<FrameworkId, Framework>,
    untried: BTreeSet<AgentId>,
    /// Where the last cycle stopped, so that no agent is always the last one.
    cursor: Option<AgentId>,
    is_due: bool,
}

impl Allocator {
    /// An allocator without agents and frameworks.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ledger: Ledger::default(),
            filters: Filters::default(),
            weights: BTreeMap::new(),
            frameworks: BTreeMap::new(),
            untried: BTreeSet::new(),
            cursor: None,
            is_due: false,
        }
    }

    /// Sets the weight of a role.
    pub fn set_weight(&mut self, role: Role, weight: Weight) {
        self.weights.insert(role, weight);
    }

    /// Adds an agent with nothing held on it; its resources may be offered.
    pub fn add_agent(&mut self, id: AgentId, total: Resources) {
        self.filters.clear_agent(&id);
        self.ledger.add_agent(id.clone(), total);
        self.try_agent(id);
    }

    /// Changes what an agent has. Filters on it end, since there may be more now.
    pub fn update_agent(&mut self, id: &AgentId, total: Resources) {
        self.filters.clear_agent(id);
        self.ledger.set_total(id, total);
        self.try_agent(id.clone());
    }

    /// Forgets an agent and everything held on it.
    pub fn remove_agent(&mut self, id: &AgentId) {
        self.filters.clear_agent(id);
        self.ledger.remove_agent(id);
        self.untried.remove(id);
    }

    /// Whether anything of the agent may be offered.
    pub fn set_agent_active(&mut self, id: &AgentId, is_active: bool) {
        self.ledger.set_active(id, is_active);
        if is_active {
            self.try_agent(id.clone());
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
        let framework = self.frameworks.entry(id.clone()).or_default();
        let mut old = std::mem::take(&mut framework.roles);
        for role in roles {
            let mut interest = old.remove(&role).unwrap_or_default();
            interest.is_suppressed = suppressed.contains(&role);
            framework.roles.insert(role, interest);
        }
        framework.takes_gpus = takes_gpus;
        for role in old.into_keys() {
            self.filters.clear_share(&Share { framework: id.clone(), role });
        }
        self.try_all_agents();
    }

    /// Whether the framework may get anything; filters of an inactive one end.
    pub fn set_framework_active(&mut self, id: &FrameworkId, is_active: bool) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        framework.is_active = is_active;
        for (role, interest) in &mut framework.roles {
            if !is_active {
                interest.open = 0;
                self.filters.clear_share(&Share { framework: id.clone(), role: role.clone() });
            }
        }
        if is_active {
            self.try_all_agents();
        }
    }

    /// Forgets a framework. What it still holds must be released by the caller.
    pub fn remove_framework(&mut self, id: &FrameworkId) {
        if let Some(framework) = self.frameworks.remove(id) {
            for role in framework.roles.into_keys() {
                self.filters.clear_share(&Share { framework: id.clone(), role });
            }
        }
    }

    /// Books resources that are in use already, as of a task that an agent brings along.
    ///
    /// False when the agent is unknown or the same port is held twice; then nothing changes.
    pub fn hold(&mut self, share: &Share, agent: &AgentId, resources: &Resources) -> bool {
        self.ledger.hold(share, agent, resources)
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
        let is_released = self.ledger.release(share, agent, resources);
        if let Some(refuse) = refuse.filter(|refuse| !refuse.is_zero()) {
            self.filters.refuse(share.clone(), agent.clone(), resources.clone(), now + refuse);
        }
        self.try_agent(agent.clone());
        is_released
    }

    /// One of the share's grants has been answered or taken back: there is room for another.
    pub fn answered(&mut self, share: &Share) {
        if let Some(interest) = self.interest_mut(share) {
            interest.open = interest.open.saturating_sub(1);
        }
        self.is_due |= !self.untried.is_empty();
    }

    /// Ends all filters in `roles` (all roles when empty) and wants offers again.
    pub fn revive(&mut self, id: &FrameworkId, roles: &BTreeSet<Role>) {
        self.set_suppressed(id, roles, false);
        let Some(framework) = self.frameworks.get(id) else { return };
        for role in framework.roles.keys().filter(|role| roles.is_empty() || roles.contains(*role))
        {
            self.filters.clear_share(&Share { framework: id.clone(), role: role.clone() });
        }
        self.try_all_agents();
    }

    /// Wants no offers in `roles` (all roles when empty) until revived.
    pub fn suppress(&mut self, id: &FrameworkId, roles: &BTreeSet<Role>) {
        self.set_suppressed(id, roles, true);
    }

    fn set_suppressed(&mut self, id: &FrameworkId, roles: &BTreeSet<Role>, is_suppressed: bool) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        for (role, interest) in &mut framework.roles {
            if roles.is_empty() || roles.contains(role) {
                interest.is_suppressed = is_suppressed;
            }
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
        self.ledger.agent(agent).map(|account| &account.free)
    }

    /// How many agents the share refuses something of.
    pub fn active_filters(&self, share: &Share) -> usize {
        self.filters.active(share)
    }

    /// Whether the share wants no offers.
    pub fn is_suppressed(&self, share: &Share) -> bool {
        self.frameworks
            .get(&share.framework)
            .and_then(|framework| framework.roles.get(&share.role))
            .is_some_and(|interest| interest.is_suppressed)
    }

    /// Ends what has expired, then gives away every agent that somebody may have.
    ///
    /// Grants are of different agents, hold everything free there, and are booked already.
    pub fn allocate(&mut self, now: Instant) -> Vec<Grant> {
        for agent in self.filters.expire(now) {
            self.untried.insert(agent);
        }
        self.is_due = false;
        let agents = self.worthwhile();
        let shares = self.interested();
        self.untried.clear();
        if agents.is_empty() || shares.is_empty() {
            return Vec::new(); // Whoever becomes interested tries all agents again.
        }
        let problem = self.problem(&shares, &agents);
        let solution = solve(&problem, |candidate, agent| {
            self.may_have(now, &shares[candidate], &agents[agent])
        });
        self.untried = solution.waiting.iter().map(|&agent| agents[agent].clone()).collect();
        let granted = solution.grants.into_iter();
        granted
            .filter_map(|(candidate, agent)| self.book(&shares[candidate], &agents[agent]))
            .collect()
    }

    /// Agents not tried since they changed that have something worth offering, the next one first.
    fn worthwhile(&self) -> Vec<AgentId> {
        let after = self.cursor.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let up_to = self.cursor.as_ref().map(|cursor| (Bound::Unbounded, Bound::Included(cursor)));
        let first = self.untried.range::<AgentId, _>((after, Bound::Unbounded));
        let then = up_to.into_iter().flat_map(|range| self.untried.range::<AgentId, _>(range));
        first
            .chain(then)
            .filter(|id| {
                self.ledger.agent(id).is_some_and(|account| {
                    account.is_active && self.settings.minimum.is_met_by(&account.free)
                })
            })
            .cloned()
            .collect()
    }

    /// Framework and role pairs that want offers now.
    fn interested(&self) -> Vec<Share> {
        let active = self.frameworks.iter().filter(|(_, framework)| framework.is_active);
        active
            .flat_map(|(id, framework)| {
                let roles = framework.roles.iter().filter(|(_, interest)| !interest.is_suppressed);
                roles.map(|(role, _)| Share { framework: id.clone(), role: role.clone() })
            })
            .collect()
    }

    fn problem(&self, shares: &[Share], agents: &[AgentId]) -> Problem {
        let mut tree =
            RoleTree::new(&self.weights, shares.iter().chain(self.ledger.shares().map(|(s, _)| s)));
        let mut candidates = Vec::with_capacity(shares.len());
        let held: BTreeMap<_, _> = self.ledger.shares().collect();
        for share in shares {
            let interest = self.interest(share);
            let open = interest.map_or(0, |interest| interest.open);
            candidates.push(Candidate {
                branch: tree.branch_of(&share.role),
                held: held.get(share).map_or_else(Quantities::default, |held| **held),
                grants: interest.map_or(0, |interest| interest.grants),
                room: self.settings.open_grants.saturating_sub(open),
            });
        }
        for (share, held) in self.ledger.shares() {
            if shares.binary_search(share).is_err() {
                let branch = tree.branch_of(&share.role);
                tree.branches[branch].held.add(held);
            }
        }
        let free = |id: &AgentId| {
            self.ledger.agent(id).map_or_else(Quantities::default, |a| Quantities::from(&a.free))
        };
        Problem {
            total: *self.ledger.total(),
            branches: tree.branches,
            candidates,
            agents: agents.iter().map(free).collect(),
        }
    }

    fn may_have(&self, now: Instant, share: &Share, agent: &AgentId) -> bool {
        let Some(account) = self.ledger.agent(agent) else { return false };
        let takes_gpus = self.frameworks.get(&share.framework).is_some_and(|f| f.takes_gpus);
        // Compat: agents with GPUs are kept for frameworks that say they use them (--filter_gpu_resources).
        (takes_gpus || account.total.gpus().is_zero())
            && !self.filters.withhold(now, share, agent, &account.free)
    }

    fn book(&mut self, share: &Share, agent: &AgentId) -> Option<Grant> {
        let resources = self.free(agent)?.clone();
        if !self.ledger.hold(share, agent, &resources) {
            return None;
        }
        let interest = self.interest_mut(share)?;
        interest.grants += 1;
        interest.open += 1;
        self.cursor = Some(agent.clone());
        Some(Grant { share: share.clone(), agent: agent.clone(), resources })
    }

    fn interest(&self, share: &Share) -> Option<&Interest> {
        self.frameworks.get(&share.framework)?.roles.get(&share.role)
    }

    fn interest_mut(&mut self, share: &Share) -> Option<&mut Interest> {
        self.frameworks.get_mut(&share.framework)?.roles.get_mut(&share.role)
    }

    fn try_agent(&mut self, id: AgentId) {
        self.untried.insert(id);
        self.is_due = true;
    }

    fn try_all_agents(&mut self) {
        self.untried.extend(self.ledger.agent_ids().cloned());
        self.is_due |= !self.untried.is_empty();
    }
}

/// The branches of a problem while they are laid out.
struct RoleTree<'a> {
    weights: &'a BTreeMap<Role, Weight>,
    branches: Vec<Branch>,
    by_role: BTreeMap<String, usize>,
    with_sub_roles: BTreeSet<usize>,
    /// Branches of roles that have sub-roles: their own frameworks hang on a branch beside those.
    own: BTreeMap<usize, usize>,
}

impl<'a> RoleTree<'a> {
    fn new(weights: &'a BTreeMap<Role, Weight>, shares: impl Iterator<Item = &'a Share>) -> Self {
        let root = Branch { parent: None, weight: 1_000, held: Quantities::default() };
        let mut tree = Self {
            weights,
            branches: vec![root],
            by_role: BTreeMap::new(),
            with_sub_roles: BTreeSet::new(),
            own: BTreeMap::new(),
        };
        let roles: BTreeSet<_> = shares.map(|share| &share.role).collect();
        for role in roles {
            tree.grow(role.as_str());
        }
        tree
    }

    fn push(&mut self, parent: usize, weight: u64) -> usize {
        self.branches.push(Branch { parent: Some(parent), weight, held: Quantities::default() });
        self.branches.len() - 1
    }

    /// Makes the branch of a role, after those of the roles above it.
    fn grow(&mut self, role: &str) -> usize {
        if let Some(branch) = self.by_role.get(role) {
            return *branch;
        }
        let parent = role.rsplit_once('/').map_or(0, |(above, _)| self.grow(above));
        let weight = self.weights.get(role).copied().unwrap_or_default();
        let branch = self.push(parent, weight.thousandths());
        self.with_sub_roles.insert(parent);
        self.by_role.insert(role.to_owned(), branch);
        branch
    }

    /// Where the frameworks of `role` hang.
    fn branch_of(&mut self, role: &Role) -> usize {
        let branch = self.grow(role.as_str());
        if let Some(own) = self.own.get(&branch) {
            return *own;
        }
        if !self.with_sub_roles.contains(&branch) {
            return branch;
        }
        let own = self.push(branch, Weight::default().thousandths());
        self.own.insert(branch, own);
        own
    }
}

#[cfg(test)]
mod tests;
