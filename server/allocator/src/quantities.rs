//! What counts in a share, in plain numbers.

use model::Resources;

/// How many kinds of resources count in a share: `cpus`, `mem`, `disk`, `gpus`.
///
/// Other scalars, ports and sets are offered along but do not make anyone's share larger.
pub(crate) const KINDS: usize = 4;

/// Amounts of `cpus`, `mem`, `disk` and `gpus`, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Quantities([u64; KINDS]);

impl Quantities {
    /// The amounts as given.
    #[cfg(test)]
    pub(crate) const fn new(amounts: [u64; KINDS]) -> Self {
        Self(amounts)
    }

    /// Adds `more`.
    pub(crate) fn add(&mut self, more: &Self) {
        for (held, more) in self.0.iter_mut().zip(more.0) {
            *held = held.saturating_add(more);
        }
    }

    /// Takes `less` away, down to nothing.
    pub(crate) fn remove(&mut self, less: &Self) {
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

/// A dominant share divided by its weight. Orders totally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DominantShare(u64);

impl DominantShare {
    /// The share of `held` in `total` that is largest among the kinds, divided by the weight.
    ///
    /// A kind that nobody has makes no share. `weight` is in thousandths.
    #[expect(clippy::cast_precision_loss, reason = "a share is a ratio; 53 bits are plenty")]
    pub(crate) fn new(held: &Quantities, total: &Quantities, weight: u64) -> Self {
        let mut largest = 0.0_f64;
        for (held, total) in held.0.into_iter().zip(total.0) {
            if total > 0 {
                largest = largest.max(held as f64 / total as f64);
            }
        }
        // The bits of floating-point numbers from zero up order as the numbers do.
        Self((largest * 1_000.0 / weight.max(1) as f64).to_bits())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOTAL: Quantities = Quantities::new([10_000, 100_000, 0, 0]);

    fn share(held: [u64; KINDS], weight: u64) -> DominantShare {
        DominantShare::new(&Quantities::new(held), &TOTAL, weight)
    }

    #[test]
    fn the_scarcest_resource_decides_the_share() {
        assert_eq!(share([5_000, 1_000, 0, 0], 1_000), share([0, 50_000, 0, 0], 1_000));
        assert!(share([1_000, 60_000, 0, 0], 1_000) > share([5_000, 1_000, 0, 0], 1_000));
    }

    #[test]
    fn twice_the_weight_halves_the_share() {
        assert_eq!(share([5_000, 0, 0, 0], 2_000), share([2_500, 0, 0, 0], 1_000));
    }

    #[test]
    fn a_resource_that_nobody_has_makes_no_share() {
        assert_eq!(share([0, 0, 0, 7], 1_000), share([0; KINDS], 1_000));
    }

    #[test]
    fn resources_count_in_thousandths() {
        let resources = Resources::parse("cpus:0.5;mem:32;ports:[1-9];other:4").unwrap();
        assert_eq!(Quantities::from(&resources), Quantities::new([500, 32_000, 0, 0]));
    }

    proptest! {
        #[test]
        fn shares_order_as_the_fractions_do(
            a in 0u64..1 << 40, b in 0u64..1 << 40, total in 1u64..1 << 40, weight in 1u64..100_000,
        ) {
            let total = Quantities::new([total, 0, 0, 0]);
            let of = |held| DominantShare::new(&Quantities::new([held, 0, 0, 0]), &total, weight);
            prop_assert_eq!(of(a).cmp(&of(b)), a.cmp(&b));
        }
    }
}
