//! Fixed-point quantities, so that `0.1 + 0.2 == 0.3`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A scalar resource quantity in thousandths of its unit; never negative.
///
/// `cpus` counts CPU shares, `mem` and `disk` count MiB, `gpus` counts devices.
/// Three decimals are all that Mesos keeps (apache/mesos: src/common/values.cpp).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Scalar(i64);

/// A number that is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidScalar {
    /// NaN or an infinity.
    #[error("the quantity is not a finite number")]
    NotFinite,
    /// Below zero.
    #[error("the quantity {0} is negative")]
    Negative(f64),
    /// Over what 64 bits of thousandths hold.
    #[error("the quantity {0} is too large")]
    TooLarge(f64),
}

/// The largest number of units for which every thousandth is exact in an `f64`.
const MAX_UNITS: f64 = 9.0e12;

impl Scalar {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// `thousandths` thousandths of a unit; `None` when negative.
    pub const fn from_thousandths(thousandths: i64) -> Option<Self> {
        if thousandths < 0 { None } else { Some(Self(thousandths)) }
    }

    /// Whole units.
    pub const fn from_units(units: u32) -> Self {
        Self(units as i64 * 1_000)
    }

    /// Rounds half away from zero at the third decimal.
    ///
    /// # Errors
    /// When the number is not finite, negative or over 9e12.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
    pub fn from_f64(units: f64) -> Result<Self, InvalidScalar> {
        if !units.is_finite() {
            return Err(InvalidScalar::NotFinite);
        }
        let thousandths = (units * 1_000.0).round();
        if thousandths < 0.0 {
            return Err(InvalidScalar::Negative(units));
        }
        if units > MAX_UNITS {
            return Err(InvalidScalar::TooLarge(units));
        }
        Ok(Self(thousandths as i64))
    }

    /// The quantity in units.
    #[expect(clippy::cast_precision_loss, reason = "quantities stay below 2^53 thousandths")]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    /// The quantity in thousandths.
    pub const fn thousandths(self) -> i64 {
        self.0
    }

    /// Whether there is none of it.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, unless it overflows.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, unless it would be negative.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        if other.0 > self.0 { None } else { Some(Self(self.0 - other.0)) }
    }

    /// The difference, or nothing where `other` is more.
    pub const fn saturating_sub(self, other: Self) -> Self {
        match self.checked_sub(other) {
            Some(rest) => rest,
            None => Self::ZERO,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, rest) = (self.0 / 1_000, self.0 % 1_000);
        if rest == 0 {
            return write!(f, "{units}");
        }
        let digits = format!("{rest:03}");
        write!(f, "{units}.{}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tenths_add_up() {
        let sum = Scalar::from_f64(0.1).unwrap().checked_add(Scalar::from_f64(0.2).unwrap());
        assert_eq!(sum, Some(Scalar::from_f64(0.3).unwrap()));
    }

    #[test]
    fn no_quantity_is_negative_or_infinite() {
        assert!(matches!(Scalar::from_f64(-0.001), Err(InvalidScalar::Negative(_))));
        assert_eq!(Scalar::from_f64(-0.000_1).unwrap(), Scalar::ZERO, "rounds to zero");
        assert!(matches!(Scalar::from_f64(f64::NAN), Err(InvalidScalar::NotFinite)));
        assert!(matches!(Scalar::from_f64(1e18), Err(InvalidScalar::TooLarge(_))));
        assert_eq!(Scalar::ZERO.checked_sub(Scalar::from_units(1)), None);
    }

    #[test]
    fn a_scalar_prints_without_needless_zeros() {
        let text = |units: f64| Scalar::from_f64(units).unwrap().to_string();
        assert_eq!(
            (text(0.2), text(32.0), text(1.205)),
            ("0.2".into(), "32".into(), "1.205".into())
        );
    }

    proptest! {
        #[test]
        fn thousandths_survive_the_float(thousandths in 0i64..9_000_000_000_000) {
            let scalar = Scalar::from_thousandths(thousandths).unwrap();
            prop_assert_eq!(Scalar::from_f64(scalar.to_f64()).unwrap(), scalar);
        }

        #[test]
        fn taking_back_what_was_added_changes_nothing(a in 0i64..1 << 50, b in 0i64..1 << 50) {
            let (a, b) = (Scalar::from_thousandths(a).unwrap(), Scalar::from_thousandths(b).unwrap());
            prop_assert_eq!(a.checked_add(b).unwrap().checked_sub(b), Some(a));
        }
    }
}
