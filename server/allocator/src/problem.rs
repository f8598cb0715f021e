//! The allocation problem in plain numbers: a tree of roles, candidates at its leaves, free agents.

use model::Resources;

/// How many kinds of resources count in a share: `cpus`, `mem`, `disk`, `gpus`.
///
/// Other scalars, ports and sets are offered along but do not make anyone's share larger.
pub const KINDS: usize = 4;

/// Amounts of `cpus`, `mem`, `disk` and `gpus`, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quantities([u64; KINDS]);

impl Quantities {
    /// The amounts as given.
    pub const fn new(amounts: [u64; KINDS]) -> Self {
        Self(amounts)
    }

    /// The amounts by kind.
    pub const fn amounts(&self) -> &[u64; KINDS] {
        &self.0
    }

    /// Adds `more`.
    pub fn add(&mut self, more: &Self) {
        for (held, more) in self.0.iter_mut().zip(more.0) {
            *held = held.saturating_add(more);
        }
    }

    /// Takes `less` away, down to nothing.
    pub fn remove(&mut self, less: &Self) {
        for (held, less) in self.0.iter_mut().zip(less.0) {
            *held = held.saturating_sub(less);
        }
    }
}

impl From<&Resources> for Quantities {
    fn from(resources: &Resources) -> Self {
        let kinds = [resources.cpus(), resources.mem(), resources.disk(), resources.gpus()];
        Self(kinds.map(|scalar| scalar.thousandths().unsigned_abs()))
    }
}

/// One inner node of the tree: a role, or the frameworks of a role that also has sub-roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Index of the parent, which stands before its children; `None` for the root at index 0.
    pub parent: Option<usize>,
    /// Weight in thousandths: twice the weight may hold twice as much before it stands behind.
    pub weight: u64,
    /// What is held right here by those who are no candidates now; it counts in the shares above.
    pub held: Quantities,
}

/// One framework in one role: a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Index of the branch it hangs on.
    pub branch: usize,
    /// What it holds already.
    pub held: Quantities,
    /// How many grants it had before; of equal shares the one with fewer comes first.
    pub grants: u64,
    /// How many more agents it may be granted now.
    pub room: usize,
}

/// Everything that decides who gets which agent's free resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What all agents have together; shares are parts of it.
    pub total: Quantities,
    /// The tree, root first, parents before children.
    pub branches: Vec<Branch>,
    /// The leaves.
    pub candidates: Vec<Candidate>,
    /// What is free on each agent, in the order in which the agents are to be given away.
    pub agents: Vec<Quantities>,
}

/// The share of `held` in `total` that is largest among the kinds, divided by the weight.
///
/// A whole cluster at weight 1 is 2^32. Whole numbers, so that shares order totally.
pub(crate) fn dominant_share(held: &Quantities, total: &Quantities, weight: u64) -> u128 {
    let largest = held
        .0
        .iter()
        .zip(total.0)
        .filter(|(_, total)| *total > 0)
        .map(|(held, total)| (u128::from(*held) << 32) / u128::from(total))
        .max()
        .unwrap_or(0);
    largest * 1_000 / u128::from(weight.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcest_resource_decides_the_share() {
        let total = Quantities::new([10_000, 100_000, 0, 0]);
        let cpu_heavy = Quantities::new([5_000, 1_000, 0, 0]);
        let mem_heavy = Quantities::new([1_000, 60_000, 0, 0]);
        assert_eq!(dominant_share(&cpu_heavy, &total, 1_000), 1 << 31);
        assert!(dominant_share(&mem_heavy, &total, 1_000) > 1 << 31);
    }

    #[test]
    fn twice_the_weight_halves_the_share() {
        let total = Quantities::new([10_000, 0, 0, 0]);
        let held = Quantities::new([5_000, 0, 0, 0]);
        assert_eq!(dominant_share(&held, &total, 2_000), 1 << 30);
    }

    #[test]
    fn a_resource_that_nobody_has_makes_no_share() {
        let held = Quantities::new([0, 0, 0, 7]);
        assert_eq!(dominant_share(&held, &Quantities::default(), 1_000), 0);
    }

    #[test]
    fn resources_count_in_thousandths() {
        let resources = Resources::parse("cpus:0.5;mem:32;ports:[1-9];other:4").unwrap();
        assert_eq!(Quantities::from(&resources), Quantities::new([500, 32_000, 0, 0]));
    }
}
