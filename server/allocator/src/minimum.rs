//! The smallest amount worth an offer.

use model::{Quantity, Resources};

/// Alternatives, any of which makes resources worth offering: `cpus:0.01|mem:32`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinimumAllocatable(Vec<Resources>);

/// A text that is no list of minimum amounts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedMinimum {
    /// One alternative is no list of resources.
    #[error("minimum allocatable resources `{text}`: {source}")]
    Resources {
        /// The alternative.
        text: String,
        /// What is wrong with it.
        source: model::MalformedResources,
    },
    /// Only scalars can have a minimum.
    #[error("minimum allocatable resources: `{0}` is no scalar")]
    NotScalar(String),
}

impl MinimumAllocatable {
    /// Reads the form of `--min_allocatable_resources`; an empty text makes everything allocatable.
    ///
    /// # Errors
    /// When an alternative is malformed or asks for something that is no scalar.
    pub fn parse(text: &str) -> Result<Self, MalformedMinimum> {
        let mut alternatives = Vec::new();
        for part in text.split('|').map(str::trim).filter(|part| !part.is_empty()) {
            let resources = Resources::parse(part)
                .map_err(|source| MalformedMinimum::Resources { text: part.to_owned(), source })?;
            for (name, quantity) in resources.iter() {
                if !matches!(quantity, Quantity::Scalar(_)) {
                    return Err(MalformedMinimum::NotScalar(name.to_owned()));
                }
            }
            alternatives.push(resources);
        }
        Ok(Self(alternatives))
    }

    /// Whether `free` is worth an offer.
    pub fn is_met_by(&self, free: &Resources) -> bool {
        !free.is_empty() && (self.0.is_empty() || self.0.iter().any(|least| free.contains(least)))
    }
}

impl Default for MinimumAllocatable {
    /// The original's default, `cpus:0.01|mem:32`.
    fn default() -> Self {
        let cpus = model::Scalar::from_thousandths(10).unwrap_or_default();
        let mem = model::Scalar::from_units(32);
        Self(vec![
            Resources::new().with_scalar("cpus", cpus),
            Resources::new().with_scalar("mem", mem),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(text: &str) -> Resources {
        Resources::parse(text).unwrap()
    }

    #[test]
    fn either_alternative_suffices() {
        let minimum = MinimumAllocatable::default();
        assert_eq!(minimum, MinimumAllocatable::parse("cpus:0.01|mem:32").unwrap());
        assert!(minimum.is_met_by(&resources("cpus:0.01")));
        assert!(minimum.is_met_by(&resources("mem:32;disk:1")));
        assert!(!minimum.is_met_by(&resources("cpus:0.009;mem:31;disk:9000;ports:[1-9]")));
    }

    #[test]
    fn nothing_is_never_worth_an_offer() {
        assert!(!MinimumAllocatable::parse("").unwrap().is_met_by(&Resources::new()));
        assert!(MinimumAllocatable::parse("").unwrap().is_met_by(&resources("ports:[1-1]")));
    }

    #[test]
    fn malformed_minimums_are_refused() {
        assert!(matches!(
            MinimumAllocatable::parse("cpus:x"),
            Err(MalformedMinimum::Resources { .. })
        ));
        assert!(matches!(
            MinimumAllocatable::parse("ports:[1-2]"),
            Err(MalformedMinimum::NotScalar(_))
        ));
    }
}
