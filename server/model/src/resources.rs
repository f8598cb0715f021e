//! The resource algebra: what machines have, offers propose and tasks use.
//!
//! Invariant: no entry is empty, so equal amounts are equal values. Reservations are not part of it yet:
//! every quantity is unreserved, and the conversions refuse what says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{InvalidRanges, Ranges, Scalar};

/// The amount of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quantity {
    /// An amount, as of `cpus` or `mem`.
    Scalar(Scalar),
    /// Numbers, as of `ports`.
    Ranges(Ranges),
    /// Named items.
    Set(BTreeSet<String>),
}

impl Quantity {
    fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(scalar) => scalar.is_zero(),
            Self::Ranges(ranges) => ranges.is_empty(),
            Self::Set(items) => items.is_empty(),
        }
    }

    fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a >= b,
            (Self::Ranges(a), Self::Ranges(b)) => a.contains_all(b),
            (Self::Set(a), Self::Set(b)) => a.is_superset(b),
            (Self::Scalar(_) | Self::Ranges(_) | Self::Set(_), _) => false,
        }
    }

    fn checked_add(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a.checked_add(*b).map(Self::Scalar),
            (Self::Ranges(a), Self::Ranges(b)) => {
                (!a.intersects(b)).then(|| Self::Ranges(a.union(b)))
            }
            (Self::Set(a), Self::Set(b)) => {
                a.is_disjoint(b).then(|| Self::Set(a.union(b).cloned().collect()))
            }
            (Self::Scalar(_) | Self::Ranges(_) | Self::Set(_), _) => None,
        }
    }

    fn checked_sub(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a.checked_sub(*b).map(Self::Scalar),
            (Self::Ranges(a), Self::Ranges(b)) => a.checked_sub(b).map(Self::Ranges),
            (Self::Set(a), Self::Set(b)) => {
                b.is_subset(a).then(|| Self::Set(a.difference(b).cloned().collect()))
            }
            (Self::Scalar(_) | Self::Ranges(_) | Self::Set(_), _) => None,
        }
    }
}

/// Amounts by resource name. Cheap to clone: equal amounts that stem from one another are stored once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resources(Arc<BTreeMap<String, Quantity>>);

/// Why a text is no list of resources.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedResources {
    /// A part without `name:value`.
    #[error("resource `{0}` is not of the form name:value")]
    NoValue(String),
    /// A part of the form `name(role):value`.
    #[error("resource `{0}` is reserved for a role; static reservations are not supported yet")]
    Reserved(String),
    /// An amount that is no quantity.
    #[error("resource `{name}` has no valid amount: `{value}`")]
    Amount {
        /// The resource.
        name: String,
        /// What was given.
        value: String,
    },
    /// A list of ranges that is none.
    #[error("resource `{name}`: {source}")]
    Ranges {
        /// The resource.
        name: String,
        /// What is wrong with it.
        source: InvalidRanges,
    },
    /// The same name twice with amounts that do not add up.
    #[error("resource `{0}` stands twice and its amounts cannot be added")]
    Twice(String),
}

impl Resources {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one named amount.
    #[must_use]
    pub fn with(mut self, name: &str, quantity: Quantity) -> Self {
        let amounts = Arc::make_mut(&mut self.0);
        if quantity.is_empty() {
            amounts.remove(name);
        } else {
            amounts.insert(name.to_owned(), quantity);
        }
        self
    }

    /// Sets a scalar amount.
    #[must_use]
    pub fn with_scalar(self, name: &str, amount: Scalar) -> Self {
        self.with(name, Quantity::Scalar(amount))
    }

    /// Sets the ports.
    #[must_use]
    pub fn with_ports(self, ports: Ranges) -> Self {
        self.with("ports", Quantity::Ranges(ports))
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and amounts in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Quantity)> {
        self.0.iter().map(|(name, quantity)| (name.as_str(), quantity))
    }

    /// The amount of `name`.
    pub fn get(&self, name: &str) -> Option<&Quantity> {
        self.0.get(name)
    }

    /// The scalar amount of `name`, zero when absent.
    pub fn scalar(&self, name: &str) -> Scalar {
        match self.0.get(name) {
            Some(Quantity::Scalar(scalar)) => *scalar,
            Some(Quantity::Ranges(_) | Quantity::Set(_)) | None => Scalar::ZERO,
        }
    }

    /// CPU shares.
    pub fn cpus(&self) -> Scalar {
        self.scalar("cpus")
    }

    /// Memory in MiB.
    pub fn mem(&self) -> Scalar {
        self.scalar("mem")
    }

    /// Disk in MiB.
    pub fn disk(&self) -> Scalar {
        self.scalar("disk")
    }

    /// GPU devices.
    pub fn gpus(&self) -> Scalar {
        self.scalar("gpus")
    }

    /// The port numbers.
    pub fn ports(&self) -> Ranges {
        match self.0.get("ports") {
            Some(Quantity::Ranges(ranges)) => ranges.clone(),
            Some(Quantity::Scalar(_) | Quantity::Set(_)) | None => Ranges::new(),
        }
    }

    /// Whether all of `other` is in here.
    pub fn contains(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.0, &other.0) {
            return true; // What a framework gives back is mostly just what it was offered.
        }
        other
            .0
            .iter()
            .all(|(name, wanted)| self.0.get(name).is_some_and(|held| held.contains(wanted)))
    }

    /// The sum; `None` when an amount overflows, kinds differ or the same port or item is in both.
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        if self.is_empty() || other.is_empty() {
            return Some(if self.is_empty() { other.clone() } else { self.clone() });
        }
        let mut sum = BTreeMap::clone(&self.0);
        for (name, more) in other.0.iter() {
            let total = match sum.get(name) {
                Some(held) => held.checked_add(more)?,
                None => more.clone(),
            };
            sum.insert(name.clone(), total);
        }
        Some(Self(Arc::new(sum)))
    }

    /// What is left without `other`; `None` when `other` has something that is not here.
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        if other.is_empty() {
            return Some(self.clone());
        }
        if Arc::ptr_eq(&self.0, &other.0) {
            return Some(Self::new());
        }
        let mut rest = BTreeMap::clone(&self.0);
        for (name, less) in other.0.iter() {
            let left = rest.get(name)?.checked_sub(less)?;
            if left.is_empty() {
                rest.remove(name);
            } else {
                rest.insert(name.clone(), left);
            }
        }
        Some(Self(Arc::new(rest)))
    }

    /// Reads the form of the `--resources` flag: `cpus:4;mem:1024;ports:[31000-32000,33000-33999];x:{a,b}`.
    ///
    /// Source: mesos.md §6.6.
    ///
    /// # Errors
    /// When a part is malformed, reserved for a role, or stands twice and cannot be added.
    pub fn parse(text: &str) -> Result<Self, MalformedResources> {
        let mut sum = Self::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) =
                part.split_once(':').ok_or_else(|| MalformedResources::NoValue(part.to_owned()))?;
            let (name, value) = (name.trim(), value.trim());
            if name.contains('(') && !name.ends_with("(*)") {
                return Err(MalformedResources::Reserved(name.to_owned()));
            }
            let name = name.trim_end_matches("(*)");
            if name.is_empty() || value.is_empty() {
                return Err(MalformedResources::NoValue(part.to_owned()));
            }
            let one = Self::new().with(name, parse_quantity(name, value)?);
            sum =
                sum.checked_add(&one).ok_or_else(|| MalformedResources::Twice(name.to_owned()))?;
        }
        Ok(sum)
    }
}

fn parse_quantity(name: &str, value: &str) -> Result<Quantity, MalformedResources> {
    if value.starts_with('[') {
        return value
            .parse()
            .map(Quantity::Ranges)
            .map_err(|source| MalformedResources::Ranges { name: name.to_owned(), source });
    }
    let invalid = || MalformedResources::Amount { name: name.to_owned(), value: value.to_owned() };
    if let Some(items) = value.strip_prefix('{') {
        let items = items.strip_suffix('}').ok_or_else(invalid)?;
        let items = items.split(',').map(str::trim).filter(|item| !item.is_empty());
        return Ok(Quantity::Set(items.map(str::to_owned).collect()));
    }
    let units: f64 = value.parse().map_err(|_| invalid())?;
    Scalar::from_f64(units).map(Quantity::Scalar).map_err(|_| invalid())
}

impl fmt::Display for Resources {
    /// The form of the `--resources` flag, as the original prints resources: `cpus:4; mem:1024`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("{}");
        }
        for (n, (name, quantity)) in self.0.iter().enumerate() {
            let gap = if n == 0 { "" } else { "; " };
            write!(f, "{gap}{name}:")?;
            match quantity {
                Quantity::Scalar(scalar) => write!(f, "{scalar}")?,
                Quantity::Ranges(ranges) => write!(f, "{ranges}")?,
                Quantity::Set(items) => {
                    let items: Vec<_> = items.iter().map(String::as_str).collect();
                    write!(f, "{{{}}}", items.join(", "))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some_resources() -> impl Strategy<Value = Resources> {
        (0i64..5_000, 0i64..5_000, prop::collection::btree_set(0u64..30, 0..10)).prop_map(
            |(cpus, mem, ports)| {
                Resources::new()
                    .with_scalar("cpus", Scalar::from_thousandths(cpus).unwrap())
                    .with_scalar("mem", Scalar::from_thousandths(mem).unwrap())
                    .with_ports(ports.into_iter().collect())
            },
        )
    }

    #[test]
    fn the_flags_form_is_read_and_printed() {
        let text = "cpus:4; disk:10240; mem:1024.5; ports:[31000-32000, 33000-33999]; x:{a, b}";
        let resources = Resources::parse(text).unwrap();
        assert_eq!(resources.to_string(), text);
        assert_eq!(resources.cpus(), Scalar::from_units(4));
        assert_eq!(resources.ports().len(), 2_001);
        assert_eq!(Resources::parse("cpus(*):1").unwrap().cpus(), Scalar::from_units(1));
    }

    #[test]
    fn malformed_resources_are_refused_by_name() {
        assert!(matches!(Resources::parse("cpus"), Err(MalformedResources::NoValue(_))));
        assert!(matches!(Resources::parse("cpus(web):2"), Err(MalformedResources::Reserved(_))));
        assert!(matches!(Resources::parse("cpus:-2"), Err(MalformedResources::Amount { .. })));
        assert!(matches!(Resources::parse("ports:[5-2]"), Err(MalformedResources::Ranges { .. })));
        assert!(matches!(
            Resources::parse("ports:[1-5];ports:[5-6]"),
            Err(MalformedResources::Twice(_))
        ));
    }

    #[test]
    fn the_same_port_is_never_added_twice() {
        let port = Resources::new().with_ports(Ranges::single(31_000));
        assert_eq!(port.checked_add(&port), None);
    }

    proptest! {
        #[test]
        fn taking_back_what_was_added_changes_nothing(a in some_resources(), b in some_resources()) {
            if let Some(sum) = a.checked_add(&b) {
                prop_assert!(sum.contains(&a) && sum.contains(&b));
                prop_assert_eq!(sum.checked_sub(&b), Some(a.clone()));
                prop_assert_eq!(b.checked_add(&a), Some(sum));
            }
        }

        #[test]
        fn containing_is_being_able_to_give(a in some_resources(), b in some_resources()) {
            prop_assert_eq!(a.contains(&b), a.checked_sub(&b).is_some());
            if let Some(rest) = a.checked_sub(&b) {
                prop_assert_eq!(rest.checked_add(&b), Some(a));
            }
        }

        #[test]
        fn printing_and_reading_is_identity(a in some_resources()) {
            if !a.is_empty() {
                prop_assert_eq!(Resources::parse(&a.to_string()).unwrap(), a);
            }
        }
    }
}
