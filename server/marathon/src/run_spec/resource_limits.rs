//! How far the tasks of an app may go above its resources.

use model::Scalar;
use serde_json::Value;

/// Limits of one instance; what has none is bounded as the agent bounds it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResourceLimits {
    /// Processor time.
    pub cpus: Option<Limit>,
    /// Memory in MiB.
    pub mem: Option<Limit>,
}

/// How much one may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// At least what is requested.
    At(Scalar),
    /// As much as there is.
    Unlimited,
}

/// The word for no limit.
const UNLIMITED: &str = "unlimited";

impl ResourceLimits {
    /// The limits that there are, by resource.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, Limit)> {
        let all = [("cpus", self.cpus), ("mem", self.mem)];
        all.into_iter().filter_map(|(name, limit)| Some((name, limit?)))
    }
}

impl Limit {
    /// Reads a number of at least `request`, or the word for no limit.
    ///
    /// # Errors
    /// With the original's words.
    pub(super) fn read(value: &Value, request: Scalar) -> Result<Self, String> {
        let number = match value.as_str() {
            Some(UNLIMITED) => return Ok(Self::Unlimited),
            Some(word) => word.parse().ok(),
            None => value.as_f64(),
        };
        let Some(limit) = number.and_then(|number| Scalar::from_f64(number).ok()) else {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let wanted = format!("It must be '{UNLIMITED}' or a number");
            return Err(format!("'{shown}' is an invalid resource limit. {wanted}"));
        };
        if limit < request {
            let request = request.to_f64();
            return Err(format!(
                "resource limit must be greater than or equal to requested resource ({request:?})"
            ));
        }
        Ok(Self::At(limit))
    }

    /// As it stands in a definition.
    pub(crate) fn to_json(self) -> Value {
        match self {
            Self::At(amount) => amount.to_f64().into(),
            Self::Unlimited => UNLIMITED.into(),
        }
    }

    /// As Mesos takes it.
    pub(crate) fn to_f64(self) -> f64 {
        match self {
            Self::At(amount) => amount.to_f64(),
            Self::Unlimited => f64::INFINITY,
        }
    }
}
