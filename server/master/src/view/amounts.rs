//! Resources as one object of sums.

use std::collections::{BTreeMap, BTreeSet};

use model::{Quantity, Ranges, Resources, Scalar};
use wire::mesos::v0::{OtherQuantity, ResourceSummary};

/// Sums over machines: unlike in the algebra, the same port may stand on several.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    scalars: BTreeMap<String, Scalar>,
    ranges: BTreeMap<String, Ranges>,
    sets: BTreeMap<String, BTreeSet<String>>,
}

impl Sum {
    pub(crate) fn of<'a>(all: impl IntoIterator<Item = &'a Resources>) -> Self {
        let mut sum = Self::default();
        for resources in all {
            sum.add(resources);
        }
        sum
    }

    pub(crate) fn add(&mut self, resources: &Resources) {
        for (name, quantity) in resources.iter() {
            match quantity {
                Quantity::Scalar(more) => {
                    let sum = self.scalars.entry(name.to_owned()).or_default();
                    *sum = sum.checked_add(*more).unwrap_or(*sum);
                }
                Quantity::Ranges(more) => {
                    let sum = self.ranges.entry(name.to_owned()).or_default();
                    *sum = sum.union(more);
                }
                Quantity::Set(more) => {
                    self.sets.entry(name.to_owned()).or_default().extend(more.iter().cloned());
                }
            }
        }
    }

    pub(crate) fn scalar(&self, name: &str) -> f64 {
        self.scalars.get(name).copied().unwrap_or_default().to_f64()
    }

    /// Scalars only, as `/roles` and quota write amounts.
    pub(crate) fn scalars(&self) -> BTreeMap<String, f64> {
        self.scalars.iter().map(|(name, scalar)| (name.clone(), scalar.to_f64())).collect()
    }

    pub(crate) fn summary(&self) -> ResourceSummary {
        let mut others = BTreeMap::new();
        for (name, scalar) in &self.scalars {
            if !matches!(name.as_str(), "cpus" | "mem" | "disk" | "gpus") {
                others.insert(name.clone(), OtherQuantity::Scalar(scalar.to_f64()));
            }
        }
        for (name, ranges) in self.ranges.iter().filter(|(name, _)| *name != "ports") {
            others.insert(name.clone(), OtherQuantity::Text(ranges.to_string()));
        }
        for (name, items) in &self.sets {
            let items: Vec<_> = items.iter().map(String::as_str).collect();
            others.insert(name.clone(), OtherQuantity::Text(format!("{{{}}}", items.join(", "))));
        }
        ResourceSummary {
            disk: self.scalar("disk"),
            mem: self.scalar("mem"),
            gpus: self.scalar("gpus"),
            cpus: self.scalar("cpus"),
            ports: self.ranges.get("ports").map(ToString::to_string),
            others,
        }
    }
}

/// One amount as an object.
pub(crate) fn summary(resources: &Resources) -> ResourceSummary {
    Sum::of([resources]).summary()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(text: &str) -> Resources {
        Resources::parse(text).unwrap()
    }

    #[test]
    fn the_four_kinds_are_always_there_and_ports_only_when_there_are_some() {
        let json = serde_json::to_value(summary(&resources("cpus:0.1;mem:32"))).unwrap();
        assert_eq!(json, serde_json::json!({"disk":0.0,"mem":32.0,"gpus":0.0,"cpus":0.1}));
        let json =
            serde_json::to_value(summary(&resources("ports:[31030-31030];x:{a,b}"))).unwrap();
        assert_eq!(json["ports"], "[31030-31030]");
        assert_eq!(json["x"], "{a, b}");
    }

    #[test]
    fn the_same_port_on_two_machines_stands_once() {
        let one = resources("cpus:1;ports:[1-5]");
        let sum = Sum::of([&one, &one]).summary();
        assert_eq!(sum, summary(&resources("cpus:2;ports:[1-5]")));
    }
}
