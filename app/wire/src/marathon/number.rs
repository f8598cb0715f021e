//! Integers as dynamic languages send them: `2` and `2.0` are the same number, `2.5` is refused.

use std::fmt;

use serde::Deserializer;
use serde::de::{self, Visitor};

struct WholeNumber;

impl Visitor<'_> for WholeNumber {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        // 2^53: beyond it a double is no exact integer anyway.
        if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 {
            Ok(Some(value as i64))
        } else {
            Err(E::invalid_type(de::Unexpected::Float(value), &self))
        }
    }
}

/// Reads an integer, an integral float or `null`.
///
/// Compat: Marathon refuses fractions only (reference §12.27).
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    deserializer.deserialize_any(WholeNumber)
}
