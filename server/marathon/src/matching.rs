//! Whether an offer can host one more instance of an app, and on which ports (marathon.md §8.5).

mod constraints;
pub(crate) mod ports;

use model::{Resources, Role};

pub(crate) use constraints::field_value;

use crate::entropy::Entropy;
use crate::instance::Instance;
use crate::offer::Offer;
use crate::queue::RejectReason;
use crate::run_spec::VersionedRunSpec;

/// What one instance takes from an offer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placement {
    /// Host ports in the order of declaration; 0 for a declared port that has none.
    pub(crate) ports: Vec<u16>,
    /// What is left of the offer.
    pub(crate) left: Resources,
}

/// Places one instance on what is `left` of `offer`, or says everything that speaks against it.
///
/// `placed` holds the app's instances that constraints compare with.
pub(crate) fn place<'a>(
    definition: &VersionedRunSpec,
    offer: &Offer,
    left: &Resources,
    placed: impl Iterator<Item = &'a Instance>,
    entropy: &mut Entropy,
) -> Result<Placement, Vec<RejectReason>> {
    let spec = &definition.spec;
    let mut reasons = Vec::new();
    let accepts_unreserved =
        spec.accepted_resource_roles().is_none_or(|roles| roles.contains(&Role::any()));
    if offer.role != *spec.role() || !accepts_unreserved {
        reasons.push(RejectReason::UnfulfilledRole);
    }
    if !constraints::are_met(definition, offer, placed) {
        reasons.push(RejectReason::UnfulfilledConstraint);
    }
    let scalars = [
        (spec.cpus(), left.cpus(), RejectReason::InsufficientCpus),
        (spec.mem(), left.mem(), RejectReason::InsufficientMemory),
        (spec.disk(), left.disk(), RejectReason::InsufficientDisk),
    ];
    reasons.extend(scalars.iter().filter(|(want, have, _)| want > have).map(|scalar| scalar.2));
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let no_ports = || vec![RejectReason::InsufficientPorts];
    let ports = ports::choose(spec.networking(), &left.ports(), entropy).ok_or_else(no_ports)?;
    let left = left.checked_sub(&wanted(definition, &ports)).ok_or_else(no_ports)?;
    Ok(Placement { ports, left })
}

/// What a task of this definition uses with these host ports.
pub(crate) fn wanted(definition: &VersionedRunSpec, ports: &[u16]) -> Resources {
    let spec = &definition.spec;
    Resources::new()
        .with_scalar("cpus", spec.cpus())
        .with_scalar("mem", spec.mem())
        .with_scalar("disk", spec.disk())
        .with_ports(ports::as_ranges(ports))
}

#[cfg(test)]
mod tests;
