//! The order in which shares are served: hierarchical dominant resource fairness.
//!
//! Roles form a tree by `/`; siblings compete by dominant share divided by weight, of equals the one with
//! fewer grants comes first. A role's own frameworks hang on a branch beside its sub-roles.
//!
//! **Invariant:** a branch's amounts are the sums over the shares below it, whether they compete or not;
//! a branch competes in a race exactly while something below it does. Changes cost O(depth × log n); only a
//! change of the cluster's total sorts anew, once per cycle.
//!
//! Source: apache/mesos: src/master/allocator/mesos/sorter/drf/sorter.cpp.

use std::collections::{BTreeMap, BTreeSet};

use model::Role;

use crate::accounts::ShareSlot;
use crate::quantities::{DominantShare, Quantities};
use crate::slots::Slots;
use crate::weights::Weight;

/// Whom a share competes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Race {
    /// With those who have been tried for every agent that has not changed since.
    Level,
    /// With those who have not, for the agents that they have not been tried for.
    CatchUp,
}

/// A node of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Branch(usize),
    Share(ShareSlot),
}

/// Order among siblings: share, grants so far, entry.
type Key = (DominantShare, u64, Entry);

/// One value for each [`Race`].
type PerRace<T> = [T; 2];

#[derive(Debug, Default)]
struct Standing {
    parent: Option<usize>,
    weight: Weight,
    held: Quantities,
    grants: u64,
    /// Under which key it competes.
    keys: PerRace<Option<Key>>,
}

#[derive(Debug, Default)]
struct Branch {
    standing: Standing,
    /// The role whose sub-roles and own branch hang here.
    role: Option<String>,
    /// Where the role's own frameworks hang.
    own: Option<usize>,
    children: PerRace<BTreeSet<Key>>,
    /// How many shares and branches hang here, competing or not.
    members: usize,
}

const ROOT: usize = 0;

/// All roles and shares.
#[derive(Debug)]
pub(crate) struct Tree {
    total: Quantities,
    /// The total has changed since the siblings were sorted.
    is_stale: bool,
    branches: Slots<Branch>,
    shares: Vec<Option<Standing>>,
    by_role: BTreeMap<String, usize>,
    weights: BTreeMap<Role, Weight>,
}

impl Default for Tree {
    fn default() -> Self {
        let mut branches = Slots::default();
        branches.insert(Branch::default()); // The first number given is that of the root.
        Self {
            total: Quantities::default(),
            is_stale: false,
            branches,
            shares: Vec::new(),
            by_role: BTreeMap::new(),
            weights: BTreeMap::new(),
        }
    }
}

impl Tree {
    /// Sets what all agents have together.
    pub(crate) fn set_total(&mut self, total: Quantities) {
        self.is_stale |= self.total != total;
        self.total = total;
    }

    pub(crate) const fn total(&self) -> &Quantities {
        &self.total
    }

    /// Sets the weight of a role.
    pub(crate) fn set_weight(&mut self, role: Role, weight: Weight) {
        if let Some(&branch) = self.by_role.get(role.as_str()) {
            if let Some(branch) = self.branches.get_mut(branch) {
                branch.standing.weight = weight;
            }
            self.rekey(Entry::Branch(branch));
        }
        self.weights.insert(role, weight);
    }

    /// Hangs a share that holds nothing on its role's branch.
    pub(crate) fn insert(&mut self, share: ShareSlot, role: &Role) {
        let role_branch = self.grow(role.as_str());
        let own = self.branches.get(role_branch).and_then(|branch| branch.own);
        let own = own.unwrap_or_else(|| {
            let own = self.push(role_branch, Weight::default(), None);
            if let Some(branch) = self.branches.get_mut(role_branch) {
                branch.own = Some(own);
            }
            own
        });
        if let Some(branch) = self.branches.get_mut(own) {
            branch.members += 1;
        }
        if self.shares.len() <= share.0 {
            self.shares.resize_with(share.0 + 1, || None);
        }
        self.shares[share.0] = Some(Standing { parent: Some(own), ..Standing::default() });
    }

    /// Takes a share out, with what it holds and was granted.
    pub(crate) fn remove(&mut self, share: ShareSlot) {
        self.detach(Race::Level, share);
        self.detach(Race::CatchUp, share);
        let Some(standing) = self.shares.get_mut(share.0).and_then(Option::take) else { return };
        let mut next = standing.parent;
        while let Some(branch) = next {
            let Some(entry) = self.branches.get_mut(branch) else { return };
            entry.standing.held.remove(&standing.held);
            entry.standing.grants = entry.standing.grants.saturating_sub(standing.grants);
            next = entry.standing.parent;
            self.rekey(Entry::Branch(branch));
        }
        if let Some(parent) = standing.parent {
            self.leave(parent);
        }
    }

    /// The share holds more.
    pub(crate) fn hold(&mut self, share: ShareSlot, more: &Quantities) {
        self.change(share, |standing| standing.held.add(more));
    }

    /// The share holds less.
    pub(crate) fn release(&mut self, share: ShareSlot, less: &Quantities) {
        self.change(share, |standing| standing.held.remove(less));
    }

    /// The share was granted an agent.
    pub(crate) fn grant(&mut self, share: ShareSlot, more: &Quantities) {
        self.change(share, |standing| {
            standing.held.add(more);
            standing.grants += 1;
        });
    }

    /// Forgets how often the share was granted something, as of a framework that gave a role up.
    pub(crate) fn forget_grants(&mut self, share: ShareSlot) {
        let grants = self.standing(Entry::Share(share)).map_or(0, |standing| standing.grants);
        self.change(share, |standing| standing.grants = standing.grants.saturating_sub(grants));
    }

    /// Lets a share compete.
    pub(crate) fn attach(&mut self, race: Race, share: ShareSlot) {
        let mut entry = Entry::Share(share);
        while let Some((parent, key)) = self.key(entry) {
            let Some(standing) = self.standing_mut(entry) else { return };
            if standing.keys[race as usize].is_some() {
                return;
            }
            standing.keys[race as usize] = Some(key);
            if let Some(parent) = self.branches.get_mut(parent) {
                parent.children[race as usize].insert(key);
            }
            entry = Entry::Branch(parent);
        }
    }

    /// Lets a share compete no more. False when it did not.
    pub(crate) fn detach(&mut self, race: Race, share: ShareSlot) -> bool {
        let mut entry = Entry::Share(share);
        let mut was_there = false;
        while let Some(standing) = self.standing_mut(entry) {
            let Some(key) = standing.keys[race as usize].take() else { break };
            was_there = true;
            let Some(parent) = standing.parent else { break };
            let Some(branch) = self.branches.get_mut(parent) else { break };
            branch.children[race as usize].remove(&key);
            if !branch.children[race as usize].is_empty() {
                break;
            }
            entry = Entry::Branch(parent);
        }
        was_there
    }

    /// Whether nobody competes.
    pub(crate) fn is_empty(&self, race: Race) -> bool {
        self.branches.get(ROOT).is_none_or(|root| root.children[race as usize].is_empty())
    }

    /// Brings the order up to date; to be called before [`Self::first`].
    pub(crate) fn refresh(&mut self) {
        if !std::mem::take(&mut self.is_stale) {
            return;
        }
        let branches: Vec<_> = self.branches.iter().map(|(branch, _)| branch).collect();
        for branch in branches {
            for race in [Race::Level as usize, Race::CatchUp as usize] {
                let children = self.branches.get_mut(branch);
                let children = children.map(|b| std::mem::take(&mut b.children[race]));
                let children = children.unwrap_or_default().into_iter();
                let sorted: BTreeSet<_> =
                    children.filter_map(|(_, _, entry)| Some(self.key(entry)?.1)).collect();
                for key in &sorted {
                    if let Some(standing) = self.standing_mut(key.2) {
                        standing.keys[race] = Some(*key);
                    }
                }
                if let Some(branch) = self.branches.get_mut(branch) {
                    branch.children[race] = sorted;
                }
            }
        }
    }

    /// The share that stands furthest behind among those that compete and are `wanted`.
    pub(crate) fn first(
        &self,
        race: Race,
        wanted: &impl Fn(ShareSlot) -> bool,
    ) -> Option<ShareSlot> {
        self.first_below(ROOT, race, wanted)
    }

    fn first_below(
        &self,
        branch: usize,
        race: Race,
        wanted: &impl Fn(ShareSlot) -> bool,
    ) -> Option<ShareSlot> {
        let children = &self.branches.get(branch)?.children[race as usize];
        children.iter().find_map(|(_, _, entry)| match entry {
            Entry::Branch(branch) => self.first_below(*branch, race, wanted),
            Entry::Share(share) => wanted(*share).then_some(*share),
        })
    }

    fn standing(&self, entry: Entry) -> Option<&Standing> {
        match entry {
            Entry::Branch(branch) => self.branches.get(branch).map(|branch| &branch.standing),
            Entry::Share(share) => self.shares.get(share.0)?.as_ref(),
        }
    }

    fn standing_mut(&mut self, entry: Entry) -> Option<&mut Standing> {
        match entry {
            Entry::Branch(branch) => {
                self.branches.get_mut(branch).map(|branch| &mut branch.standing)
            }
            Entry::Share(share) => self.shares.get_mut(share.0)?.as_mut(),
        }
    }

    /// The key that an entry has by now, and the branch on which it hangs; none of the root.
    fn key(&self, entry: Entry) -> Option<(usize, Key)> {
        let standing = self.standing(entry)?;
        let weight = standing.weight.thousandths();
        let share = DominantShare::new(&standing.held, &self.total, weight);
        Some((standing.parent?, (share, standing.grants, entry)))
    }

    /// Puts an entry in its right place again where it competes.
    fn rekey(&mut self, entry: Entry) {
        let Some((parent, key)) = self.key(entry) else { return };
        for race in [Race::Level as usize, Race::CatchUp as usize] {
            let Some(standing) = self.standing_mut(entry) else { return };
            let Some(old) = standing.keys[race] else { continue };
            standing.keys[race] = Some(key);
            if let Some(parent) = self.branches.get_mut(parent).filter(|_| old != key) {
                parent.children[race].remove(&old);
                parent.children[race].insert(key);
            }
        }
    }

    /// Changes a share and every branch above it alike.
    fn change(&mut self, share: ShareSlot, change: impl Fn(&mut Standing)) {
        let mut next = Some(Entry::Share(share));
        while let Some(entry) = next {
            let Some(standing) = self.standing_mut(entry) else { return };
            change(standing);
            next = standing.parent.map(Entry::Branch);
            self.rekey(entry);
        }
    }

    /// The branch of a role; it and those above are made where they do not exist.
    fn grow(&mut self, role: &str) -> usize {
        if let Some(branch) = self.by_role.get(role) {
            return *branch;
        }
        let parent = role.rsplit_once('/').map_or(ROOT, |(above, _)| self.grow(above));
        let weight = self.weights.get(role).copied().unwrap_or_default();
        let branch = self.push(parent, weight, Some(role.to_owned()));
        self.by_role.insert(role.to_owned(), branch);
        branch
    }

    fn push(&mut self, parent: usize, weight: Weight, role: Option<String>) -> usize {
        let standing = Standing { parent: Some(parent), weight, ..Standing::default() };
        if let Some(parent) = self.branches.get_mut(parent) {
            parent.members += 1;
        }
        self.branches.insert(Branch { standing, role, ..Branch::default() })
    }

    /// A member of the branch is gone: branches on which nothing hangs any more go too.
    fn leave(&mut self, branch: usize) {
        let mut branch = branch;
        while let Some(entry) = self.branches.get_mut(branch) {
            entry.members = entry.members.saturating_sub(1);
            let Some(parent) = entry.standing.parent.filter(|_| entry.members == 0) else { return };
            if let Some(role) = &entry.role {
                self.by_role.remove(role);
            } else if let Some(role_branch) = self.branches.get_mut(parent) {
                role_branch.own = None;
            }
            self.branches.remove(branch);
            branch = parent;
        }
    }
}

#[cfg(test)]
mod tests;
