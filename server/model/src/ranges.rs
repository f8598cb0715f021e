//! Sets of whole numbers kept as inclusive ranges: the shape of `ports`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Sorted, disjoint, non-adjacent inclusive ranges.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Ranges(Vec<(u64, u64)>);

/// A text that is no list of ranges.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no list of ranges such as [31000-32000, 33000-33999]")]
pub struct InvalidRanges(String);

impl Ranges {
    /// No numbers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The numbers of `ranges` in any order, overlaps allowed; a pair with its end first is dropped.
    pub fn from_pairs(ranges: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut pairs: Vec<_> = ranges.into_iter().filter(|(from, to)| from <= to).collect();
        pairs.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(pairs.len());
        for (from, to) in pairs {
            match merged.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        Self(merged)
    }

    /// One number.
    pub fn single(number: u64) -> Self {
        Self(vec![(number, number)])
    }

    /// Whether there are no numbers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers there are.
    pub fn len(&self) -> u64 {
        self.0.iter().fold(0, |sum, (from, to)| sum.saturating_add(to - from).saturating_add(1))
    }

    /// The ranges themselves, ascending.
    pub fn pairs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    /// Every number, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flat_map(|&(from, to)| from..=to)
    }

    /// Whether `number` is among them.
    pub fn contains(&self, number: u64) -> bool {
        let after = self.0.partition_point(|&(from, _)| from <= number);
        after > 0 && self.0[after - 1].1 >= number
    }

    /// Whether all numbers of `other` are among them.
    pub fn contains_all(&self, other: &Self) -> bool {
        other.0.iter().all(|&(from, to)| {
            let after = self.0.partition_point(|&(start, _)| start <= from);
            after > 0 && self.0[after - 1].1 >= to
        })
    }

    /// Whether some number is in both.
    pub fn intersects(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(&&(a_from, a_to)), Some(&&(b_from, b_to))) = (a.peek(), b.peek()) {
            if a_to < b_from {
                a.next();
            } else if b_to < a_from {
                b.next();
            } else {
                return true;
            }
        }
        false
    }

    /// The numbers of either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::from_pairs(self.pairs().chain(other.pairs()))
    }

    /// What is left without `other`; `None` when `other` has a number that is not here.
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        self.contains_all(other).then(|| self.without(other))
    }

    /// The numbers that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Vec::with_capacity(self.0.len());
        let mut holes = other.0.iter().peekable();
        for &(mut from, to) in &self.0 {
            while holes.peek().is_some_and(|hole| hole.1 < from) {
                holes.next();
            }
            let mut rest = true;
            let mut ahead = holes.clone();
            while let Some(&&(hole_from, hole_to)) = ahead.peek() {
                if hole_from > to {
                    break;
                }
                if hole_from > from {
                    left.push((from, hole_from - 1));
                }
                if hole_to >= to {
                    rest = false;
                    break;
                }
                from = from.max(hole_to + 1);
                ahead.next();
            }
            if rest {
                left.push((from, to));
            }
        }
        Self(left)
    }
}

impl FromIterator<u64> for Ranges {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        Self::from_pairs(numbers.into_iter().map(|number| (number, number)))
    }
}

impl fmt::Display for Ranges {
    /// `[31000-31099, 31101-32000]`; a single number is `[31030-31030]`.
    ///
    /// Compat: consumers split every element at the dash (mesos.md trap 7).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (n, (from, to)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{from}-{to}")?;
        }
        f.write_str("]")
    }
}

impl FromStr for Ranges {
    type Err = InvalidRanges;

    fn from_str(text: &str) -> Result<Self, InvalidRanges> {
        let invalid = || InvalidRanges(text.to_owned());
        let trimmed = text.trim();
        let inner =
            trimmed.strip_prefix('[').and_then(|t| t.strip_suffix(']')).ok_or_else(invalid)?;
        let mut pairs = Vec::new();
        for part in inner.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (from, to) = part.split_once('-').ok_or_else(invalid)?;
            let from: u64 = from.trim().parse().map_err(|_| invalid())?;
            let to: u64 = to.trim().parse().map_err(|_| invalid())?;
            if from > to {
                return Err(invalid());
            }
            pairs.push((from, to));
        }
        Ok(Self::from_pairs(pairs))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn some_ranges() -> impl Strategy<Value = Ranges> {
        prop::collection::vec((0u64..60, 0u64..6), 0..8).prop_map(|pairs| {
            Ranges::from_pairs(pairs.into_iter().map(|(from, len)| (from, from + len)))
        })
    }

    fn set(ranges: &Ranges) -> BTreeSet<u64> {
        ranges.iter().collect()
    }

    #[test]
    fn neighbours_join_and_single_numbers_print_both_sides() {
        let ranges: Ranges = [31001, 31000, 31003].into_iter().collect();
        assert_eq!(ranges.to_string(), "[31000-31001, 31003-31003]");
        assert_eq!(ranges.to_string().parse::<Ranges>().unwrap(), ranges);
        assert_eq!(ranges.len(), 3);
    }

    #[test]
    fn malformed_lists_are_refused() {
        for bad in ["", "1-2", "[1]", "[2-1]", "[a-b]", "[1-2"] {
            assert!(bad.parse::<Ranges>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn ranges_behave_as_sets(a in some_ranges(), b in some_ranges()) {
            let (sa, sb) = (set(&a), set(&b));
            prop_assert_eq!(set(&a.union(&b)), &sa | &sb);
            prop_assert_eq!(set(&a.without(&b)), &sa - &sb);
            prop_assert_eq!(a.contains_all(&b), sb.is_subset(&sa));
            prop_assert_eq!(a.intersects(&b), !sa.is_disjoint(&sb));
            prop_assert_eq!(a.checked_sub(&b).is_some(), sb.is_subset(&sa));
            prop_assert!((0..70).all(|n| a.contains(n) == sa.contains(&n)));
            prop_assert_eq!(a.len(), sa.len() as u64);
        }

        #[test]
        fn ranges_stay_sorted_and_apart(a in some_ranges(), b in some_ranges()) {
            for ranges in [a.union(&b), a.without(&b)] {
                let pairs: Vec<_> = ranges.pairs().collect();
                prop_assert!(pairs.windows(2).all(|w| w[0].1 + 1 < w[1].0), "{ranges}");
            }
        }
    }
}
