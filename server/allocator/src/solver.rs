//! Hierarchical dominant resource fairness over a [`Problem`].

use std::collections::BTreeSet;

use crate::problem::{Problem, Quantities, dominant_share};

/// What the solver decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Solution {
    /// `(candidate, agent)` pairs in the order in which they were granted; no agent stands twice.
    pub grants: Vec<(usize, usize)>,
    /// Agents that nobody got although a candidate without room might have.
    pub waiting: Vec<usize>,
}

/// Gives each agent, whole, to the candidate that stands furthest behind and may have it.
///
/// Siblings compete by dominant share divided by weight; of equals the one with fewer grants comes
/// first, then the one with the lower index. `may_have(candidate, agent)` says whether an agent may be
/// granted at all (filters, capabilities). A candidate whose room is used up gets nothing more.
///
/// Source: apache/mesos: src/master/allocator/mesos/hierarchical.cpp, sorter/drf/sorter.cpp
/// (fair-share stage, coarse-grained offers).
pub fn solve(problem: &Problem, may_have: impl Fn(usize, usize) -> bool) -> Solution {
    let mut tree = Tree::new(problem);
    let mut solution = Solution::default();
    for (agent, free) in problem.agents.iter().enumerate() {
        match tree.furthest_behind(0, &|candidate| may_have(candidate, agent)) {
            Some(candidate) => {
                tree.grant(candidate, free);
                solution.grants.push((candidate, agent));
            }
            None if tree.someone_is_full => solution.waiting.push(agent),
            None => {}
        }
    }
    solution
}

/// Order among siblings: share, grants so far, entry.
type Key = (u128, u64, usize);

/// Sorted siblings. Entries below `branches` are branches, the others candidates.
struct Tree<'a> {
    problem: &'a Problem,
    parents: Vec<Option<usize>>,
    held: Vec<Quantities>,
    grants: Vec<u64>,
    room: Vec<usize>,
    children: Vec<BTreeSet<Key>>,
    someone_is_full: bool,
}

impl<'a> Tree<'a> {
    fn new(problem: &'a Problem) -> Self {
        let branches = problem.branches.len();
        let mut parents: Vec<_> = problem.branches.iter().map(|branch| branch.parent).collect();
        let mut held: Vec<_> = problem.branches.iter().map(|branch| branch.held).collect();
        let mut grants = vec![0; branches];
        for candidate in &problem.candidates {
            parents.push(Some(candidate.branch));
            held.push(candidate.held);
            grants.push(candidate.grants);
        }
        // Children stand behind their parents, so going backwards every sum is complete when used.
        for entry in (0..held.len()).rev() {
            if let Some(parent) = parents[entry] {
                let (below, count) = (held[entry], grants[entry]);
                held[parent].add(&below);
                grants[parent] += count;
            }
        }
        let mut tree = Self {
            problem,
            parents,
            held,
            grants,
            room: problem.candidates.iter().map(|candidate| candidate.room).collect(),
            children: vec![BTreeSet::new(); branches],
            someone_is_full: false,
        };
        for candidate in 0..problem.candidates.len() {
            if problem.candidates[candidate].room == 0 {
                tree.someone_is_full = true;
            } else {
                tree.attach(branches + candidate);
            }
        }
        tree
    }

    fn key(&self, entry: usize) -> Key {
        let weight = self.problem.branches.get(entry).map_or(1_000, |branch| branch.weight);
        let share = dominant_share(&self.held[entry], &self.problem.total, weight);
        (share, self.grants[entry], entry)
    }

    /// Puts an entry, and the branches above it that were empty, among their siblings.
    fn attach(&mut self, entry: usize) {
        let mut entry = entry;
        while let Some(parent) = self.parents[entry] {
            let key = self.key(entry);
            let was_empty = self.children[parent].is_empty();
            self.children[parent].insert(key);
            if !was_empty {
                return;
            }
            entry = parent;
        }
    }

    /// The candidate that stands furthest behind under `branch` among those that are `wanted`.
    fn furthest_behind(&self, branch: usize, wanted: &impl Fn(usize) -> bool) -> Option<usize> {
        let branches = self.problem.branches.len();
        self.children.get(branch)?.iter().find_map(|&(_, _, entry)| {
            if entry < branches {
                return self.furthest_behind(entry, wanted);
            }
            let candidate = entry - branches;
            wanted(candidate).then_some(candidate)
        })
    }

    /// Books a grant on the candidate and on every branch above it.
    fn grant(&mut self, candidate: usize, free: &Quantities) {
        self.room[candidate] -= 1;
        let mut entry = self.problem.branches.len() + candidate;
        let mut keep = self.room[candidate] > 0;
        self.someone_is_full |= !keep;
        loop {
            let old = self.key(entry);
            self.held[entry].add(free);
            self.grants[entry] += 1;
            let Some(parent) = self.parents[entry] else { return };
            let new = self.key(entry);
            self.children[parent].remove(&old);
            if keep {
                self.children[parent].insert(new);
            }
            keep = !self.children[parent].is_empty();
            entry = parent;
        }
    }
}

#[cfg(test)]
mod tests;
