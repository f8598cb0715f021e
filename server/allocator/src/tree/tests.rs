use proptest::prelude::*;

use super::*;

const A: ShareSlot = ShareSlot(0);
const B: ShareSlot = ShareSlot(1);
const C: ShareSlot = ShareSlot(2);

fn cpus(amount: u64) -> Quantities {
    Quantities::new([amount * 1_000, 0, 0, 0])
}

/// A cluster of 12 cpus; shares by number in these roles, all competing.
fn tree(roles: &[&str]) -> Tree {
    let mut tree = Tree::default();
    tree.set_total(cpus(12));
    for (share, role) in roles.iter().enumerate() {
        tree.insert(ShareSlot(share), &Role::from(*role));
        tree.attach(Race::Level, ShareSlot(share));
    }
    tree.refresh();
    tree
}

/// Who gets one cpu after the other.
fn takers(tree: &mut Tree, count: usize) -> Vec<usize> {
    let mut takers = Vec::new();
    for _ in 0..count {
        let share = tree.first(Race::Level, &|_| true).expect("somebody competes");
        tree.grant(share, &cpus(1));
        takers.push(share.0);
    }
    takers
}

fn count(takers: &[usize], who: usize) -> usize {
    takers.iter().filter(|taker| **taker == who).count()
}

#[test]
fn equal_shares_take_turns() {
    assert_eq!(takers(&mut tree(&["*", "*"]), 4), [0, 1, 0, 1]);
}

#[test]
fn who_holds_more_waits_until_the_other_has_caught_up() {
    let mut tree = tree(&["*", "*"]);
    tree.hold(A, &cpus(2));
    assert_eq!(takers(&mut tree, 4), [1, 1, 0, 1], "of equals the one with fewer grants is first");
}

#[test]
fn a_role_of_double_weight_gets_twice_as_much() {
    let mut tree = tree(&["a", "b"]);
    tree.set_weight("a".into(), Weight::from_f64(2.0).unwrap());
    assert_eq!(count(&takers(&mut tree, 9), 0), 6);
}

#[test]
fn a_weight_that_was_set_first_counts_too() {
    let mut tree = Tree::default();
    tree.set_weight("a".into(), Weight::from_f64(2.0).unwrap());
    tree.set_total(cpus(12));
    for (share, role) in [(A, "a"), (B, "b")] {
        tree.insert(share, &role.into());
        tree.attach(Race::Level, share);
    }
    tree.refresh();
    assert_eq!(count(&takers(&mut tree, 9), 0), 6);
}

#[test]
fn siblings_compete_before_cousins() {
    let takers = takers(&mut tree(&["a", "a", "b"]), 8);
    assert_eq!([0, 1, 2].map(|who| count(&takers, who)), [2, 2, 4]);
}

#[test]
fn a_role_competes_with_its_sub_roles_as_one_of_them() {
    let takers = takers(&mut tree(&["web", "web/eu", "batch"]), 8);
    assert_eq!([0, 1, 2].map(|who| count(&takers, who)), [2, 2, 4]);
}

#[test]
fn what_a_share_holds_that_does_not_compete_counts_against_its_role() {
    let mut tree = tree(&["a", "b", "a"]);
    tree.detach(Race::Level, C);
    tree.hold(C, &cpus(3));
    assert_eq!(takers(&mut tree, 1), [1]);
    tree.remove(C);
    assert_eq!(takers(&mut tree, 1), [0], "what it held went with it");
}

#[test]
fn a_change_of_the_total_changes_who_is_behind() {
    let mut tree = tree(&["*", "*"]);
    tree.set_total(Quantities::new([10_000, 100_000, 0, 0]));
    tree.hold(A, &Quantities::new([5_000, 0, 0, 0]));
    tree.hold(B, &Quantities::new([0, 40_000, 0, 0]));
    tree.refresh();
    assert_eq!(tree.first(Race::Level, &|_| true), Some(B));
    tree.set_total(Quantities::new([20_000, 100_000, 0, 0]));
    tree.refresh();
    assert_eq!(tree.first(Race::Level, &|_| true), Some(A));
}

#[test]
fn who_is_not_wanted_is_passed_over() {
    let tree = tree(&["a", "b"]);
    assert_eq!(tree.first(Race::Level, &|share| share != A), Some(B));
    assert_eq!(tree.first(Race::Level, &|_| false), None);
    assert_eq!(tree.first(Race::CatchUp, &|_| true), None, "nobody competes there");
}

#[test]
fn a_role_without_shares_leaves_nothing_behind() {
    let mut tree = tree(&["a/b/c", "a"]);
    tree.remove(A);
    tree.remove(B);
    assert_eq!((tree.branches.iter().count(), tree.by_role.len()), (1, 0));
    assert!(tree.is_empty(Race::Level));
}

#[derive(Debug, Clone)]
enum Step {
    Insert(usize, usize),
    Remove(usize),
    Attach(usize, bool),
    Detach(usize, bool),
    Hold(usize, [u64; 2]),
    Release(usize),
    Grant(usize, u64),
    Weight(usize, u64),
    Total([u64; 2]),
}

const ROLES: [&str; 6] = ["*", "a", "a/b", "a/b/c", "a/d", "e"];
const SHARES: usize = 6;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let share = 0..SHARES;
    let step = prop_oneof![
        3 => (share.clone(), 0..ROLES.len()).prop_map(|(share, role)| Step::Insert(share, role)),
        1 => share.clone().prop_map(Step::Remove),
        4 => (share.clone(), any::<bool>()).prop_map(|(share, race)| Step::Attach(share, race)),
        2 => (share.clone(), any::<bool>()).prop_map(|(share, race)| Step::Detach(share, race)),
        3 => (share.clone(), [0u64..9, 0u64..9]).prop_map(|(share, more)| Step::Hold(share, more)),
        1 => share.clone().prop_map(Step::Release),
        3 => (share, 1u64..5).prop_map(|(share, cpus)| Step::Grant(share, cpus)),
        1 => (0..ROLES.len(), 1u64..4).prop_map(|(role, weight)| Step::Weight(role, weight)),
        1 => [1u64..50, 1u64..50].prop_map(Step::Total),
    ];
    prop::collection::vec(step, 0..50)
}

/// What a share is, said plainly.
#[derive(Debug, Clone, Copy)]
struct Plain {
    role: &'static str,
    held: Quantities,
    grants: u64,
    races: [bool; 2],
}

#[derive(Default)]
struct Model {
    shares: BTreeMap<usize, Plain>,
    weights: BTreeMap<&'static str, u64>,
    total: Quantities,
}

impl Model {
    /// The names of the branches above a share, from the top, its own last; `role/.` is its own branch.
    fn path(role: &str, share: usize) -> Vec<String> {
        let parts: Vec<_> = role.split('/').collect();
        let mut path: Vec<_> = (1..=parts.len()).map(|n| parts[..n].join("/")).collect();
        path.push(format!("{role}/."));
        path.push(format!("{role}/.{share}"));
        path
    }

    /// Share and grants of everything below a branch, summed up anew.
    fn key(&self, branch: &str) -> (DominantShare, u64) {
        let (mut held, mut grants) = (Quantities::default(), 0);
        for (share, plain) in &self.shares {
            if Self::path(plain.role, *share).iter().any(|name| name == branch) {
                held.add(&plain.held);
                grants += plain.grants;
            }
        }
        let weight = self.weights.get(branch).copied().unwrap_or(1_000);
        (DominantShare::new(&held, &self.total, weight), grants)
    }

    /// Whether nobody who competes stands further behind than `first`, branch by branch.
    fn is_first(&self, race: usize, first: usize) -> bool {
        let mine = Self::path(self.shares[&first].role, first);
        self.shares.iter().filter(|(_, plain)| plain.races[race]).all(|(share, plain)| {
            let other = Self::path(plain.role, *share);
            let fork = mine.iter().zip(&other).find(|(a, b)| a != b);
            fork.is_none_or(|(mine, other)| self.key(mine) <= self.key(other))
        })
    }
}

const fn race(is_level: bool) -> Race {
    if is_level { Race::Level } else { Race::CatchUp }
}

fn play(tree: &mut Tree, model: &mut Model, step: &Step) {
    match *step {
        Step::Insert(share, role) => {
            if let std::collections::btree_map::Entry::Vacant(vacant) = model.shares.entry(share) {
                tree.insert(ShareSlot(share), &ROLES[role].into());
                let held = Quantities::default();
                vacant.insert(Plain { role: ROLES[role], held, grants: 0, races: [false; 2] });
            }
        }
        Step::Remove(share) => {
            tree.remove(ShareSlot(share));
            model.shares.remove(&share);
        }
        Step::Weight(role, weight) => {
            let units = Weight::from_f64(f64::from(u32::try_from(weight).unwrap())).unwrap();
            tree.set_weight(ROLES[role].into(), units);
            model.weights.insert(ROLES[role], weight * 1_000);
        }
        Step::Total(total) => {
            model.total = Quantities::new([total[0], total[1], 0, 0]);
            tree.set_total(model.total);
        }
        Step::Attach(share, _)
        | Step::Detach(share, _)
        | Step::Hold(share, _)
        | Step::Release(share)
        | Step::Grant(share, _) => {
            let Some(plain) = model.shares.get_mut(&share) else { return };
            let slot = ShareSlot(share);
            match *step {
                Step::Attach(_, is_level) => {
                    tree.attach(race(is_level), slot);
                    plain.races[race(is_level) as usize] = true;
                }
                Step::Detach(_, is_level) => {
                    let was = std::mem::take(&mut plain.races[race(is_level) as usize]);
                    assert_eq!(tree.detach(race(is_level), slot), was);
                }
                Step::Hold(_, [cpus, mem]) => {
                    let more = Quantities::new([cpus, mem, 0, 0]);
                    tree.hold(slot, &more);
                    plain.held.add(&more);
                }
                Step::Release(_) => {
                    tree.release(slot, &plain.held.clone());
                    plain.held = Quantities::default();
                }
                Step::Grant(_, cpus) => {
                    let more = Quantities::new([cpus, 0, 0, 0]);
                    tree.grant(slot, &more);
                    plain.held.add(&more);
                    plain.grants += 1;
                }
                Step::Insert(..) | Step::Remove(_) | Step::Weight(..) | Step::Total(_) => {}
            }
        }
    }
}

proptest! {
    /// After any changes the first is whom a model without any memory would choose.
    #[test]
    fn the_first_stands_furthest_behind(steps in steps()) {
        let (mut tree, mut model) = (Tree::default(), Model::default());
        for step in &steps {
            play(&mut tree, &mut model, step);
            tree.refresh();
            for race in [Race::Level, Race::CatchUp] {
                let competes = model.shares.values().any(|plain| plain.races[race as usize]);
                prop_assert_eq!(tree.is_empty(race), !competes, "{:?}", step);
                let first = tree.first(race, &|_| true);
                prop_assert_eq!(first.is_some(), competes);
                if let Some(first) = first {
                    prop_assert!(model.is_first(race as usize, first.0), "{first:?} {step:?}");
                }
            }
        }
    }
}
