//! Weights of roles.

/// How much more a role may hold before it stands behind its siblings; 1 by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u64);

/// A number that is no weight.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the weight {0} is not a positive number")]
pub struct InvalidWeight(f64);

impl Weight {
    /// The weight as a number; three decimals are kept.
    ///
    /// # Errors
    /// When it is not finite or not above zero.
    pub fn from_f64(weight: f64) -> Result<Self, InvalidWeight> {
        match model::Scalar::from_f64(weight) {
            Ok(scalar) if weight > 0.0 => Ok(Self(scalar.thousandths().unsigned_abs().max(1))),
            Ok(_) | Err(_) => Err(InvalidWeight(weight)),
        }
    }

    /// The weight in thousandths, at least 1.
    pub const fn thousandths(self) -> u64 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_above_zero() {
        assert_eq!(Weight::from_f64(2.5).unwrap().thousandths(), 2_500);
        assert_eq!(Weight::from_f64(1.0).unwrap(), Weight::default());
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Weight::from_f64(bad).is_err(), "{bad}");
        }
    }
}
