use proptest::prelude::*;

use super::*;
use crate::problem::{Branch, Candidate};

fn branch(parent: Option<usize>, weight: u64) -> Branch {
    Branch { parent, weight, held: Quantities::default() }
}

/// A flat cluster: every candidate hangs on the root.
fn flat(total: [u64; 4], held: &[[u64; 4]], agents: &[[u64; 4]]) -> Problem {
    Problem {
        total: Quantities::new(total),
        branches: vec![branch(None, 1_000)],
        candidates: held
            .iter()
            .map(|held| Candidate {
                branch: 0,
                held: Quantities::new(*held),
                grants: 0,
                room: usize::MAX,
            })
            .collect(),
        agents: agents.iter().map(|free| Quantities::new(*free)).collect(),
    }
}

fn always(_: usize, _: usize) -> bool {
    true
}

#[test]
fn equal_frameworks_take_turns() {
    let agent = [4_000, 8_000_000, 0, 0];
    let problem = flat([16_000, 32_000_000, 0, 0], &[[0; 4], [0; 4]], &[agent; 4]);
    assert_eq!(solve(&problem, always).grants, [(0, 0), (1, 1), (0, 2), (1, 3)]);
}

#[test]
fn who_holds_more_waits_until_the_other_has_caught_up() {
    let agent = [1_000, 0, 0, 0];
    let problem = flat([6_000, 0, 0, 0], &[[2_000, 0, 0, 0], [0; 4]], &[agent; 4]);
    let takers: Vec<_> = solve(&problem, always).grants.iter().map(|(taker, _)| *taker).collect();
    assert_eq!(takers, [1, 1, 0, 1], "of equal shares the one with fewer grants comes first");
}

#[test]
fn a_role_of_double_weight_gets_twice_as_much() {
    let mut problem = flat([9_000, 0, 0, 0], &[[0; 4], [0; 4]], &[[1_000, 0, 0, 0]; 9]);
    problem.branches.push(branch(Some(0), 2_000));
    problem.branches.push(branch(Some(0), 1_000));
    problem.candidates[0].branch = 1;
    problem.candidates[1].branch = 2;
    let solution = solve(&problem, always);
    assert_eq!(solution.grants.iter().filter(|(taker, _)| *taker == 0).count(), 6);
}

#[test]
fn siblings_compete_before_cousins() {
    // Role a has two frameworks, role b one: b's framework gets as much as both of a's.
    let mut problem = flat([8_000, 0, 0, 0], &[[0; 4]; 3], &[[1_000, 0, 0, 0]; 8]);
    problem.branches.push(branch(Some(0), 1_000));
    problem.branches.push(branch(Some(0), 1_000));
    for (candidate, branch) in [(0, 1), (1, 1), (2, 2)] {
        problem.candidates[candidate].branch = branch;
    }
    let grants = solve(&problem, always).grants;
    let count = |who: usize| grants.iter().filter(|(taker, _)| *taker == who).count();
    assert_eq!((count(0), count(1), count(2)), (2, 2, 4));
}

#[test]
fn what_an_idle_framework_holds_counts_against_its_role() {
    let mut problem = flat([4_000, 0, 0, 0], &[[0; 4], [0; 4]], &[[1_000, 0, 0, 0]]);
    problem.branches.push(branch(Some(0), 1_000));
    problem.branches.push(branch(Some(0), 1_000));
    problem.branches[1].held = Quantities::new([3_000, 0, 0, 0]);
    problem.candidates[0].branch = 1;
    problem.candidates[1].branch = 2;
    assert_eq!(solve(&problem, always).grants, [(1, 0)]);
}

#[test]
fn an_agent_that_only_a_full_candidate_may_have_waits() {
    let mut problem = flat([4_000, 0, 0, 0], &[[0; 4], [0; 4]], &[[1_000, 0, 0, 0]; 4]);
    problem.candidates[0].room = 2;
    let solution = solve(&problem, |candidate, _| candidate == 0);
    assert_eq!(solution.grants, [(0, 0), (0, 1)]);
    assert_eq!(solution.waiting, [2, 3]);
}

#[test]
fn what_everybody_refuses_does_not_wait() {
    let problem = flat([1_000, 0, 0, 0], &[[0; 4]], &[[1_000, 0, 0, 0]]);
    assert_eq!(solve(&problem, |_, _| false), Solution::default());
}

/// Any tree of up to four levels, with candidates anywhere.
fn problems() -> impl Strategy<Value = (Problem, Vec<Vec<bool>>)> {
    let branches = prop::collection::vec((any::<prop::sample::Index>(), 1u64..4), 0..6);
    let candidates =
        prop::collection::vec((any::<prop::sample::Index>(), [0u64..9, 0u64..9], 0usize..6), 1..7);
    let agents = prop::collection::vec([1u64..5, 1u64..5], 0..12);
    let may_have = prop::collection::vec(prop::collection::vec(any::<bool>(), 12), 7);
    (branches, candidates, agents, may_have).prop_map(|(inner, leaves, agents, may_have)| {
        let mut branches = vec![branch(None, 1_000)];
        for (parent, weight) in inner {
            let parent = parent.index(branches.len());
            branches.push(branch(Some(parent), weight * 1_000));
        }
        let candidates: Vec<_> = leaves
            .into_iter()
            .map(|(branch, [cpus, mem], room)| Candidate {
                branch: branch.index(branches.len()),
                held: Quantities::new([cpus, mem, 0, 0]),
                grants: 0,
                room,
            })
            .collect();
        let agents: Vec<_> =
            agents.into_iter().map(|[cpus, mem]| Quantities::new([cpus, mem, 0, 0])).collect();
        let mut total = Quantities::default();
        agents.iter().chain(candidates.iter().map(|c| &c.held)).for_each(|q| total.add(q));
        (Problem { total, branches, candidates, agents }, may_have)
    })
}

/// Entries from a candidate up to the root, the root left out.
fn path(problem: &Problem, candidate: usize) -> Vec<usize> {
    let mut path = vec![problem.branches.len() + candidate];
    let mut branch = problem.candidates[candidate].branch;
    while let Some(parent) = problem.branches[branch].parent {
        path.push(branch);
        branch = parent;
    }
    path.reverse();
    path
}

/// The share of an entry, summed up naively from what the candidates hold.
fn share(problem: &Problem, held: &[Quantities], entry: usize) -> u128 {
    let mut sum = Quantities::default();
    for (candidate, held) in held.iter().enumerate() {
        if path(problem, candidate).contains(&entry) {
            sum.add(held);
        }
    }
    let weight = problem.branches.get(entry).map_or(1_000, |branch| branch.weight);
    dominant_share(&sum, &problem.total, weight)
}

proptest! {
    #[test]
    fn no_agent_is_granted_twice_and_none_is_forgotten((problem, may_have) in problems()) {
        let solution = solve(&problem, |candidate, agent| may_have[candidate][agent]);
        let mut granted: Vec<_> = solution.grants.iter().map(|(_, agent)| *agent).collect();
        granted.sort_unstable();
        let all = granted.len();
        granted.dedup();
        prop_assert_eq!(granted.len(), all);
        let room_left = |candidate: usize| {
            let used = solution.grants.iter().filter(|(taker, _)| *taker == candidate).count();
            problem.candidates[candidate].room > used
        };
        for agent in 0..problem.agents.len() {
            let mut candidates = may_have.iter().take(problem.candidates.len()).enumerate();
            let wanted = candidates.any(|(candidate, may)| room_left(candidate) && may[agent]);
            prop_assert!(!wanted || granted.contains(&agent), "agent {agent} was left over");
        }
        for (candidate, agent) in solution.grants {
            prop_assert!(may_have[candidate][agent]);
        }
    }

    #[test]
    fn whoever_is_granted_stood_furthest_behind((problem, may_have) in problems()) {
        let solution = solve(&problem, |candidate, agent| may_have[candidate][agent]);
        let mut held: Vec<_> = problem.candidates.iter().map(|c| c.held).collect();
        let mut room: Vec<_> = problem.candidates.iter().map(|c| c.room).collect();
        for &(taker, agent) in &solution.grants {
            let chosen = path(&problem, taker);
            for rival in 0..problem.candidates.len() {
                if room[rival] == 0 || !may_have[rival][agent] || rival == taker {
                    continue;
                }
                let other = path(&problem, rival);
                let fork = chosen.iter().zip(&other).position(|(a, b)| a != b).unwrap();
                prop_assert!(
                    share(&problem, &held, chosen[fork]) <= share(&problem, &held, other[fork]),
                    "{taker} was served before {rival}"
                );
            }
            held[taker].add(&problem.agents[agent]);
            room[taker] -= 1;
        }
    }
}
