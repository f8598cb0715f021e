//! Which instances go first when an app has too many.

use std::cmp::Reverse;

use crate::instance::{Condition, Instance};
use crate::matching::field_value;
use crate::run_spec::{KillSelection, Operator, VersionedRunSpec};

/// Sorts the instances to be killed first to the front.
///
/// Compat: the original takes waiting instances last, so that scaling back an app with one instance that
/// cannot be placed kills a running one; here waiting ones go first (marathon.md §8.2, "Trap"). Instances of
/// an older configuration go before current ones.
pub(super) fn sort(instances: &mut [&Instance], definition: &VersionedRunSpec) {
    let current = definition.info.last_config_change_at;
    let youngest_first = definition.spec.kill_selection() == KillSelection::YoungestFirst;
    instances.sort_by_key(|instance| {
        let since =
            instance.task.as_ref().and_then(|task| task.started_at).unwrap_or(instance.since);
        let age =
            if youngest_first { Reverse(since.as_millis()) } else { Reverse(-since.as_millis()) };
        (rank(instance), instance.version >= current, age)
    });
}

/// The `surplus` instances that go first: waiting ones, then from the largest groups of each `GROUP_BY`, so that
/// what stays is spread as evenly as can be.
///
/// Source: marathon.md §6.6 (scaling down honours no other constraint).
pub(super) fn choose<'a>(
    mut instances: Vec<&'a Instance>,
    definition: &VersionedRunSpec,
    surplus: usize,
) -> Vec<&'a Instance> {
    sort(&mut instances, definition);
    let constraints = definition.spec.constraints().iter();
    let fields: Vec<&str> = constraints
        .filter(|constraint| matches!(constraint.operator, Operator::GroupBy(_)))
        .map(|constraint| constraint.field.as_str())
        .collect();
    if fields.is_empty() {
        instances.truncate(surplus);
        return instances;
    }
    let mut chosen = Vec::with_capacity(surplus);
    while chosen.len() < surplus {
        let sizes: Vec<u32> =
            instances.iter().map(|instance| group_size(instance, &instances, &fields)).collect();
        let largest = sizes.iter().copied().max().unwrap_or(0);
        let first = instances
            .iter()
            .zip(sizes)
            .position(|(instance, size)| instance.waits_for_launch() || size == largest);
        let Some(first) = first else { break };
        chosen.push(instances.remove(first));
    }
    chosen
}

/// How many of `all` share a group with `instance`, summed over the fields.
fn group_size(instance: &Instance, all: &[&Instance], fields: &[&str]) -> u32 {
    let value = |instance: &Instance, field: &str| {
        let task = instance.task.as_ref()?;
        field_value(field, &task.host, &task.attributes)
    };
    let sharing = fields.iter().map(|field| {
        let here = value(instance, field);
        let same = all.iter().filter(|other| here.is_some() && value(other, field) == here);
        u32::try_from(same.count()).unwrap_or(u32::MAX)
    });
    sharing.sum()
}

fn rank(instance: &Instance) -> u8 {
    if instance.waits_for_launch() {
        return 0;
    }
    match instance.condition {
        Condition::Unreachable | Condition::UnreachableInactive => 1,
        Condition::Provisioned | Condition::Scheduled => 2,
        Condition::Staging => 3,
        Condition::Starting => 4,
        Condition::Running => 6,
        Condition::Killing
        | Condition::Finished
        | Condition::Killed
        | Condition::Failed
        | Condition::Error
        | Condition::Gone
        | Condition::Dropped
        | Condition::Unknown => 5,
    }
}
