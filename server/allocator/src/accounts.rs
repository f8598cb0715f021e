//! What is held and what is free on each agent.
//!
//! **Invariant:** an agent's `free` is its total without everything that is held on it, or nothing
//! when more is held than it has.

use std::collections::BTreeMap;

use model::{AgentId, FrameworkId, Resources, Role};

/// A framework in one of its roles: what competes for resources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share {
    /// The framework.
    pub framework: FrameworkId,
    /// The role on whose behalf it holds resources.
    pub role: Role,
}

/// The number of an agent's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AgentSlot(pub(crate) usize);

/// The number of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShareSlot(pub(crate) usize);

/// One agent's account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: AgentId,
    pub(crate) total: Resources,
    pub(crate) free: Resources,
    /// Whether anything of it may be offered.
    pub(crate) is_active: bool,
    /// Where it stands in the queue of agents that have something worth offering.
    pub(crate) place: Option<u64>,
    held: BTreeMap<ShareSlot, Resources>,
    /// More is held than there is.
    is_overdrawn: bool,
}

impl Account {
    /// An account on which nothing is held.
    pub(crate) fn new(id: AgentId, total: Resources) -> Self {
        Self {
            id,
            free: total.clone(),
            total,
            is_active: true,
            place: None,
            held: BTreeMap::new(),
            is_overdrawn: false,
        }
    }

    /// Everything that somebody holds, by share.
    pub(crate) fn holdings(&self) -> impl Iterator<Item = (ShareSlot, &Resources)> {
        self.held.iter().map(|(share, held)| (*share, held))
    }

    /// Whether the share holds anything here.
    pub(crate) fn holds(&self, share: ShareSlot) -> bool {
        self.held.contains_key(&share)
    }

    /// Changes what there is; what is held stays held.
    pub(crate) fn set_total(&mut self, total: Resources) {
        self.total = total;
        self.settle();
    }

    /// Books `resources` on `share`. False when it holds the same port or item already; then nothing
    /// changes.
    pub(crate) fn hold(&mut self, share: ShareSlot, resources: &Resources) -> bool {
        let held = match self.held.get(&share) {
            Some(held) => held.checked_add(resources),
            None => Some(resources.clone()),
        };
        let Some(held) = held else { return false };
        if !held.is_empty() {
            self.held.insert(share, held);
        }
        match self.free.checked_sub(resources).filter(|_| !self.is_overdrawn) {
            Some(rest) => self.free = rest,
            None => self.settle(),
        }
        true
    }

    /// Books everything that is free on `share`, and says what that was.
    pub(crate) fn hold_all(&mut self, share: ShareSlot) -> Option<Resources> {
        let held = match self.held.get(&share) {
            Some(held) => held.checked_add(&self.free)?,
            None => self.free.clone(),
        };
        if !held.is_empty() {
            self.held.insert(share, held);
        }
        Some(std::mem::take(&mut self.free))
    }

    /// Takes `resources` back from `share`. False when it does not hold them.
    pub(crate) fn release(&mut self, share: ShareSlot, resources: &Resources) -> bool {
        let Some(rest) = self.held.get(&share).and_then(|held| held.checked_sub(resources)) else {
            return resources.is_empty();
        };
        if rest.is_empty() {
            self.held.remove(&share);
        } else {
            self.held.insert(share, rest);
        }
        match self.free.checked_add(resources).filter(|_| !self.is_overdrawn) {
            Some(sum) => self.free = sum,
            None => self.settle(),
        }
        true
    }

    /// Works `free` out anew.
    fn settle(&mut self) {
        let rest =
            self.held.values().try_fold(self.total.clone(), |rest, held| rest.checked_sub(held));
        self.is_overdrawn = rest.is_none();
        self.free = rest.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const F: ShareSlot = ShareSlot(0);
    const G: ShareSlot = ShareSlot(1);

    fn resources(text: &str) -> Resources {
        Resources::parse(text).unwrap()
    }

    fn account() -> Account {
        Account::new("A".into(), resources("cpus:4;mem:100;ports:[1-10]"))
    }

    #[test]
    fn held_and_free_make_the_total() {
        let mut account = account();
        assert!(account.hold(F, &resources("cpus:1;ports:[3-3]")));
        assert_eq!(account.free, resources("cpus:3;mem:100;ports:[1-2,4-10]"));
        assert!(account.release(F, &resources("cpus:1;ports:[3-3]")));
        assert_eq!(account.free, account.total);
        assert_eq!(account.holdings().count(), 0);
    }

    #[test]
    fn the_same_port_is_not_held_twice() {
        let mut account = account();
        assert!(account.hold(F, &resources("ports:[3-3]")));
        assert!(!account.hold(F, &resources("cpus:1;ports:[2-4]")));
        assert_eq!(account.free, resources("cpus:4;mem:100;ports:[1-2,4-10]"));
    }

    #[test]
    fn nothing_is_released_that_is_not_held() {
        let mut account = account();
        account.hold(F, &resources("cpus:1"));
        assert!(!account.release(F, &resources("cpus:2")));
        assert!(!account.release(G, &resources("cpus:1")));
        assert_eq!(account.free.cpus(), model::Scalar::from_units(3));
    }

    #[test]
    fn everything_free_joins_what_is_held_already() {
        let mut account = account();
        account.hold(F, &resources("cpus:1;ports:[3-3]"));
        let rest = account.hold_all(F).unwrap();
        assert_eq!(rest, resources("cpus:3;mem:100;ports:[1-2,4-10]"));
        assert!(account.free.is_empty());
        assert!(account.release(F, &account.total.clone()));
        assert_eq!(account.free, account.total);
    }

    #[test]
    fn an_overcommitted_agent_has_nothing_free_until_enough_comes_back() {
        let mut account = account();
        account.hold(F, &resources("cpus:4"));
        account.hold(G, &resources("cpus:1"));
        assert!(account.free.is_empty());
        account.release(G, &resources("cpus:1"));
        assert_eq!(account.free, resources("mem:100;ports:[1-10]"));
    }

    #[test]
    fn a_larger_total_frees_the_difference() {
        let mut account = account();
        account.hold(F, &resources("cpus:4"));
        account.set_total(resources("cpus:6"));
        assert_eq!(account.free, resources("cpus:2"));
        account.set_total(resources("cpus:3"));
        assert!(account.free.is_empty());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Hold(usize, Resources),
        HoldAll(usize),
        Release(usize, Resources),
        SetTotal(Resources),
    }

    fn amounts() -> impl Strategy<Value = Resources> {
        (0u32..4, 0u32..3, prop::collection::btree_set(1u64..6, 0..3)).prop_map(
            |(cpus, mem, ports)| {
                Resources::new()
                    .with_scalar("cpus", model::Scalar::from_units(cpus))
                    .with_scalar("mem", model::Scalar::from_units(mem))
                    .with_ports(ports.into_iter().collect())
            },
        )
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0usize..3, amounts()).prop_map(|(share, amounts)| Step::Hold(share, amounts)),
            1 => (0usize..3).prop_map(Step::HoldAll),
            3 => (0usize..3, amounts()).prop_map(|(share, amounts)| Step::Release(share, amounts)),
            1 => amounts().prop_map(Step::SetTotal),
        ];
        prop::collection::vec(step, 0..30)
    }

    proptest! {
        /// The short ways of booking end where working everything out anew ends.
        #[test]
        fn free_is_the_total_without_what_is_held(steps in steps()) {
            let mut account = account();
            for step in steps {
                let before = (account.held.clone(), account.free.clone());
                let is_done = match &step {
                    Step::Hold(share, amounts) => account.hold(ShareSlot(*share), amounts),
                    Step::HoldAll(share) => account.hold_all(ShareSlot(*share)).is_some(),
                    Step::Release(share, amounts) => account.release(ShareSlot(*share), amounts),
                    Step::SetTotal(total) => {
                        account.set_total(total.clone());
                        true
                    }
                };
                if !is_done {
                    prop_assert_eq!(&before, &(account.held.clone(), account.free.clone()));
                }
                let rest = account.held.values().try_fold(account.total.clone(), |rest, held| {
                    rest.checked_sub(held)
                });
                prop_assert_eq!(&account.free, &rest.unwrap_or_default(), "{:?}", step);
                prop_assert!(account.held.values().all(|held| !held.is_empty()), "{:?}", step);
            }
        }
    }
}
