//! What is free on which agent and who holds what.
//!
//! **Invariant:** an agent's `free` is its total without everything that is held on it, or nothing
//! when more is held than it has.

use std::collections::BTreeMap;

use model::{AgentId, FrameworkId, Resources, Role};

use crate::problem::Quantities;

/// A framework in one of its roles: what competes for resources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share {
    /// The framework.
    pub framework: FrameworkId,
    /// The role on whose behalf it holds resources.
    pub role: Role,
}

/// One agent's account.
#[derive(Debug, Clone, Default)]
pub(crate) struct AgentAccount {
    pub(crate) total: Resources,
    pub(crate) free: Resources,
    /// Whether anything of it may be offered.
    pub(crate) is_active: bool,
    held: BTreeMap<Share, Resources>,
    /// More is held than there is.
    is_overdrawn: bool,
}

impl AgentAccount {
    /// Works `free` out anew.
    fn settle(&mut self) {
        let rest =
            self.held.values().try_fold(self.total.clone(), |rest, held| rest.checked_sub(held));
        self.is_overdrawn = rest.is_none();
        self.free = rest.unwrap_or_default();
    }

    /// `resources` are held now: the short way where the account is in order.
    fn take(&mut self, resources: &Resources) {
        if !self.is_overdrawn && self.free == *resources {
            self.free = Resources::new();
        } else if let Some(rest) = self.free.checked_sub(resources).filter(|_| !self.is_overdrawn) {
            self.free = rest;
        } else {
            self.settle();
        }
    }

    /// `resources` are held no more: the short way where the account is in order.
    fn give_back(&mut self, resources: &Resources) {
        match self.free.checked_add(resources).filter(|_| !self.is_overdrawn) {
            Some(sum) => self.free = sum,
            None => self.settle(),
        }
    }
}

/// All accounts.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    agents: BTreeMap<AgentId, AgentAccount>,
    held: BTreeMap<Share, Quantities>,
    total: Quantities,
}

impl Ledger {
    /// Opens an account; an older one of the same agent is closed first.
    pub(crate) fn add_agent(&mut self, id: AgentId, total: Resources) {
        self.remove_agent(&id);
        self.total.add(&Quantities::from(&total));
        let account = AgentAccount {
            free: total.clone(),
            total,
            is_active: true,
            held: BTreeMap::new(),
            is_overdrawn: false,
        };
        self.agents.insert(id, account);
    }

    /// Changes what an agent has, keeping what is held on it.
    pub(crate) fn set_total(&mut self, id: &AgentId, total: Resources) {
        if let Some(account) = self.agents.get_mut(id) {
            self.total.remove(&Quantities::from(&account.total));
            self.total.add(&Quantities::from(&total));
            account.total = total;
            account.settle();
        }
    }

    /// Closes an account; what was held on it is held no more.
    pub(crate) fn remove_agent(&mut self, id: &AgentId) {
        let Some(account) = self.agents.remove(id) else { return };
        self.total.remove(&Quantities::from(&account.total));
        for (share, held) in account.held {
            self.shrink(&share, &Quantities::from(&held));
        }
    }

    /// Books `resources` of `agent` on `share`. False when the agent is unknown or the same port or
    /// item is held by the share already; then nothing changes.
    pub(crate) fn hold(&mut self, share: &Share, agent: &AgentId, resources: &Resources) -> bool {
        let Some(account) = self.agents.get_mut(agent) else { return false };
        let held = match account.held.get(share) {
            Some(held) => held.checked_add(resources),
            None => Some(resources.clone()),
        };
        let Some(held) = held else { return false };
        if !held.is_empty() {
            account.held.insert(share.clone(), held);
        }
        account.take(resources);
        self.held.entry(share.clone()).or_default().add(&Quantities::from(resources));
        true
    }

    /// Takes `resources` of `agent` back from `share`. False when it does not hold them.
    pub(crate) fn release(
        &mut self,
        share: &Share,
        agent: &AgentId,
        resources: &Resources,
    ) -> bool {
        let Some(account) = self.agents.get_mut(agent) else { return false };
        let Some(rest) = account.held.get(share).and_then(|held| held.checked_sub(resources))
        else {
            return resources.is_empty();
        };
        if rest.is_empty() {
            account.held.remove(share);
        } else {
            account.held.insert(share.clone(), rest);
        }
        account.give_back(resources);
        self.shrink(share, &Quantities::from(resources));
        true
    }

    fn shrink(&mut self, share: &Share, by: &Quantities) {
        if let Some(held) = self.held.get_mut(share) {
            held.remove(by);
            if *held == Quantities::default() {
                self.held.remove(share);
            }
        }
    }

    /// The account of an agent.
    pub(crate) fn agent(&self, id: &AgentId) -> Option<&AgentAccount> {
        self.agents.get(id)
    }

    /// Whether anything of the agent may be offered.
    pub(crate) fn set_active(&mut self, id: &AgentId, is_active: bool) {
        if let Some(account) = self.agents.get_mut(id) {
            account.is_active = is_active;
        }
    }

    /// All agents.
    pub(crate) fn agent_ids(&self) -> impl Iterator<Item = &AgentId> {
        self.agents.keys()
    }

    /// Everything that somebody holds, by share.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (&Share, &Quantities)> {
        self.held.iter()
    }

    /// What all agents have together.
    pub(crate) const fn total(&self) -> &Quantities {
        &self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(framework: &str) -> Share {
        Share { framework: framework.into(), role: "*".into() }
    }

    fn resources(text: &str) -> Resources {
        Resources::parse(text).unwrap()
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.add_agent("A".into(), resources("cpus:4;mem:100;ports:[1-10]"));
        ledger
    }

    #[test]
    fn held_and_free_make_the_total() {
        let mut ledger = ledger();
        let agent = AgentId::from("A");
        assert!(ledger.hold(&share("F"), &agent, &resources("cpus:1;ports:[3-3]")));
        assert_eq!(
            ledger.agent(&agent).unwrap().free,
            resources("cpus:3;mem:100;ports:[1-2,4-10]")
        );
        assert!(ledger.release(&share("F"), &agent, &resources("cpus:1;ports:[3-3]")));
        assert_eq!(ledger.agent(&agent).unwrap().free, resources("cpus:4;mem:100;ports:[1-10]"));
        assert_eq!(ledger.shares().count(), 0);
    }

    #[test]
    fn nothing_is_released_that_is_not_held() {
        let mut ledger = ledger();
        ledger.hold(&share("F"), &"A".into(), &resources("cpus:1"));
        assert!(!ledger.release(&share("F"), &"A".into(), &resources("cpus:2")));
        assert!(!ledger.release(&share("G"), &"A".into(), &resources("cpus:1")));
        assert_eq!(ledger.agent(&"A".into()).unwrap().free.cpus(), model::Scalar::from_units(3));
    }

    #[test]
    fn an_overcommitted_agent_has_nothing_free_until_enough_comes_back() {
        let mut ledger = ledger();
        let agent = AgentId::from("A");
        ledger.hold(&share("F"), &agent, &resources("cpus:4"));
        ledger.hold(&share("G"), &agent, &resources("cpus:1"));
        assert!(ledger.agent(&agent).unwrap().free.is_empty());
        ledger.release(&share("G"), &agent, &resources("cpus:1"));
        assert_eq!(ledger.agent(&agent).unwrap().free, resources("mem:100;ports:[1-10]"));
    }

    #[test]
    fn a_removed_agent_takes_its_holdings_along() {
        let mut ledger = ledger();
        ledger.hold(&share("F"), &"A".into(), &resources("cpus:1"));
        ledger.remove_agent(&"A".into());
        assert_eq!(ledger.shares().count(), 0);
        assert_eq!(*ledger.total(), Quantities::default());
    }

    #[test]
    fn a_larger_total_frees_the_difference() {
        let mut ledger = ledger();
        ledger.hold(&share("F"), &"A".into(), &resources("cpus:4"));
        ledger.set_total(&"A".into(), resources("cpus:6"));
        assert_eq!(ledger.agent(&"A".into()).unwrap().free, resources("cpus:2"));
        assert_eq!(*ledger.total(), Quantities::new([6_000, 0, 0, 0]));
    }
}
