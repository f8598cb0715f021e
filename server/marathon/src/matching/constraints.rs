//! Placement constraints (marathon.md §6.6).

use std::collections::BTreeMap;

use model::{Attributes, Timestamp};

use crate::instance::{Condition, Instance};
use crate::offer::Offer;
use crate::run_spec::{Constraint, Operator, VersionedRunSpec};

/// Whether constraints compare with `instance` when placing instances of a configuration made at `configuration`.
pub(super) fn is_counted(instance: &Instance, configuration: Timestamp) -> bool {
    let is_somewhere = match instance.condition {
        Condition::Scheduled
        | Condition::Unreachable
        | Condition::Gone
        | Condition::Unknown
        | Condition::Dropped => false,
        Condition::Provisioned
        | Condition::Staging
        | Condition::Starting
        | Condition::Running
        | Condition::Killing
        | Condition::UnreachableInactive
        | Condition::Finished
        | Condition::Killed
        | Condition::Failed
        | Condition::Error => !instance.waits_for_launch(),
    };
    is_somewhere && instance.version >= configuration
}

/// Whether one more instance beside `placed` may run where `offer` comes from.
pub(super) fn are_met<'a>(
    definition: &VersionedRunSpec,
    offer: &Offer,
    placed: impl Iterator<Item = &'a Instance>,
) -> bool {
    let constraints = definition.spec.constraints();
    if constraints.is_empty() {
        return true;
    }
    let configuration = definition.info.last_config_change_at;
    let placed: Vec<_> = placed.filter(|instance| is_counted(instance, configuration)).collect();
    constraints.iter().all(|constraint| {
        let here = field_value(&constraint.field, &offer.host, &offer.attributes);
        let used: Vec<String> = placed
            .iter()
            .filter_map(|instance| instance.task.as_ref())
            .filter_map(|task| field_value(&constraint.field, &task.host, &task.attributes))
            .collect();
        is_met(constraint, here.as_deref(), &used, definition.spec.instances())
    })
}

fn is_met(constraint: &Constraint, here: Option<&str>, used: &[String], instances: u32) -> bool {
    let Some(here) = here else { return matches!(constraint.operator, Operator::Unlike(_)) };
    let same = used.iter().filter(|value| *value == here).count();
    match &constraint.operator {
        Operator::Unique => same == 0,
        Operator::Cluster(Some(value)) => value == here,
        Operator::Cluster(None) => used.first().is_none_or(|first| first == here),
        Operator::GroupBy(groups) => group_by(here, used, *groups, instances),
        Operator::Like(pattern) => pattern.matches(here),
        Operator::Unlike(pattern) => !pattern.matches(here),
        Operator::MaxPer(most) => same < *most as usize,
        Operator::Is(value) => value == here || numbers_equal(value, here),
    }
}

/// Even spreading. With a number of groups, the rule of 1.10; without, the rule of 1.9.
fn group_by(here: &str, used: &[String], groups: Option<u32>, instances: u32) -> bool {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for value in used {
        *counts.entry(value).or_default() += 1;
    }
    let count = counts.get(here).copied().unwrap_or(0);
    let Some(groups) = groups.filter(|groups| *groups > 0) else {
        return count == 0 || counts.values().min() == Some(&count);
    };
    if count == 0 {
        return counts.len() < groups as usize;
    }
    let (desired, remainder) = (instances / groups, instances % groups);
    let consumed: u32 = counts.values().map(|count| count.saturating_sub(desired)).sum();
    count < desired || (count == desired && remainder > consumed)
}

/// The text that constraints compare; `None` where the agent lacks the field.
pub(crate) fn field_value(field: &str, host: &str, attributes: &Attributes) -> Option<String> {
    match field {
        "hostname" | "@hostname" => Some(host.to_owned()),
        "@region" | "@zone" => None, // Offers carry no fault domain yet.
        name => attributes.get(name).map(|value| value.to_string().replace(", ", ",")),
    }
}

fn numbers_equal(a: &str, b: &str) -> bool {
    let number = |text: &str| text.parse().ok().and_then(|n| model::Scalar::from_f64(n).ok());
    number(a).is_some() && number(a) == number(b)
}
