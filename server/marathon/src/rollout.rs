//! The reconciler of one app: from what an action wants and what is observed to what must happen now.
//!
//! It takes no hint of what changed and keeps no state: asked again it goes on from wherever things stand,
//! also after a restart of the process. `min` and `cap` are those of marathon.md §8.3.

mod kill_order;

use model::InstanceId;

use crate::deployment::ActionKind;
use crate::instance::{Condition, Goal, Instance};
use crate::run_spec::VersionedRunSpec;
use crate::snapshot::Instances;

/// What must happen now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NextActions {
    /// Instances to kill and forget.
    pub decommission: Vec<InstanceId>,
    /// How many new instances to schedule.
    pub schedule: usize,
    /// Whether the action has reached its target.
    pub is_done: bool,
}

/// What to do now so that `observed` moves one step towards `target`, the definition after the action.
///
/// A removed app (`target` is `None`) is always stopped.
pub fn next_actions(
    kind: ActionKind,
    target: Option<&VersionedRunSpec>,
    observed: &Instances,
) -> NextActions {
    match (kind, target) {
        (ActionKind::Start, Some(_)) => NextActions { is_done: true, ..NextActions::default() },
        (ActionKind::Scale, Some(target)) => scale(target, observed),
        (ActionKind::Restart, Some(target)) => restart(target, observed),
        (ActionKind::Stop, _) | (_, None) => stop(observed),
    }
}

fn stop(observed: &Instances) -> NextActions {
    let wanted = observed.values().filter(|instance| instance.goal == Goal::Running);
    NextActions {
        decommission: wanted.map(|instance| instance.id.clone()).collect(),
        schedule: 0,
        is_done: observed.is_empty(),
    }
}

fn scale(target: &VersionedRunSpec, observed: &Instances) -> NextActions {
    let wanted = target.spec.instances() as usize;
    if wanted == 0 {
        return stop(observed);
    }
    let kept: Vec<&Instance> =
        observed.values().map(|instance| &**instance).filter(|i| i.is_wanted()).collect();
    let leaving = observed.values().any(|instance| instance.goal == Goal::Decommissioned);
    let settled = kept.iter().filter(|instance| instance.has_settled()).count();
    let surplus = kept.len().saturating_sub(wanted);
    let schedule = wanted.saturating_sub(kept.len());
    let is_done = surplus == 0 && settled == wanted && !leaving;
    let decommission = kill_order::choose(kept, target, surplus);
    let decommission = decommission.into_iter().map(|instance| instance.id.clone()).collect();
    NextActions { decommission, schedule, is_done }
}

/// A rolling upgrade: old instances make room for new ones, never fewer than `min` ready, never more than `cap`.
fn restart(target: &VersionedRunSpec, observed: &Instances) -> NextActions {
    let wanted = target.spec.instances() as usize;
    let is_new = |i: &Instance| i.version >= target.info.last_config_change_at;
    let all = || observed.values().map(|instance| &**instance);
    let mut new: Vec<&Instance> = all().filter(|i| i.is_wanted() && is_new(i)).collect();
    let old = || all().filter(|i| i.goal == Goal::Running && !is_new(i));
    // What does not serve is no loss.
    let mut decommission: Vec<InstanceId> =
        old().filter(|i| i.condition != Condition::Running).map(|i| i.id.clone()).collect();
    let mut serving: Vec<&Instance> = old().filter(|i| i.condition == Condition::Running).collect();

    let ready_new = new.iter().filter(|instance| instance.is_ready()).count();
    let sick = serving.iter().filter(|instance| !instance.is_healthy()).count();
    let healthy = serving.len() - sick + ready_new;
    let (min, cap) = capacity(target, healthy);
    // Each new one that serves takes the place of an old one; of the healthy ones `min` stay.
    let spare = healthy.saturating_sub(min);
    let replaced = (serving.len() + ready_new).saturating_sub(wanted);
    let kill = spare.max(replaced).min(sick + spare);
    if kill > 0 {
        kill_order::sort(&mut serving, target);
        serving.sort_by_key(|instance| instance.is_healthy());
    }
    decommission.extend(serving.drain(..kill.min(serving.len())).map(|i| i.id.clone()));
    let surplus = new.len().saturating_sub(wanted);
    let has_leaving = all().any(|i| i.goal == Goal::Decommissioned);
    if surplus > 0 {
        kill_order::sort(&mut new, target);
    }
    decommission.extend(new.iter().take(surplus).map(|instance| instance.id.clone()));

    // What is being killed keeps its place until it has ended.
    let holding =
        all().filter(|i| i.condition.is_active() && (i.goal == Goal::Decommissioned || !is_new(i)));
    let used = holding.count() + new.len();
    let missing = wanted.saturating_sub(new.len());
    let schedule = missing.min(cap.saturating_sub(used));
    // Compat: the original waits for ever when sick instances fill all the room there is.
    let sick = serving.iter().filter(|instance| !instance.is_healthy());
    let is_stuck = missing > 0 && schedule == 0 && decommission.is_empty() && !has_leaving;
    let making_room = sick.take(usize::from(is_stuck)).map(|instance| instance.id.clone());
    decommission.extend(making_room);
    let only_new = all().all(|i| i.goal == Goal::Running && is_new(i));
    let is_done = surplus == 0 && ready_new == wanted && only_new;
    NextActions { decommission, schedule, is_done }
}

/// The least number of ready instances and the most of all, while `healthy` are ready.
///
/// Where both are equal and reached, one temporary extra instance is allowed.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shares lie between 0 and 1, so the products lie between 0 and twice the instances"
)]
fn capacity(target: &VersionedRunSpec, healthy: usize) -> (usize, usize) {
    /// What floating point may be off by: 100 × 0.07 is a little more than 7.
    const SLACK: f64 = 1e-9;
    let wanted = f64::from(target.spec.instances());
    let strategy = target.spec.upgrade_strategy();
    let min = (wanted * strategy.minimum_health_capacity - SLACK).ceil().max(0.0) as usize;
    let cap = (wanted * (1.0 + strategy.maximum_over_capacity) + SLACK).floor() as usize;
    if min == cap && cap <= healthy { (min, cap + 1) } else { (min, cap) }
}

#[cfg(test)]
mod tests;
