//! No app has more instances than it may have: the wanted number, and during an upgrade the over-capacity.
//!
//! Source: marathon.md §8.3 (`maximumOverCapacity`; one more where nothing else would let the upgrade go on).

use marathon_core::Snapshot;
use marathon_core::deployment::ActionKind;
use marathon_core::instance::{Condition, Goal, Instance};
use marathon_core::run_spec::RunSpec;
use model::AppId;

use crate::world::World;

/// The most instances during an upgrade. The temporary extra one is always granted here.
fn cap(spec: &RunSpec) -> usize {
    let wanted = spec.instances() as usize;
    // Shares of small numbers: counting up is exact and needs no conversion from floating point.
    let over = f64::from(spec.instances()) * spec.upgrade_strategy().maximum_over_capacity + 1e-9;
    let over = (0..=spec.instances()).take_while(|more| f64::from(*more) <= over).count() - 1;
    wanted + over.max(usize::from(over == 0))
}

fn is_live(instance: &Instance) -> bool {
    instance.condition.is_active() && instance.condition != Condition::Unreachable
}

fn live(snapshot: &Snapshot, app: &AppId) -> usize {
    snapshot.instances_of(app).filter(|instance| is_live(instance)).count()
}

/// Whether the running step of the app's deployment restarts it.
fn is_restarting(snapshot: &Snapshot, app: &AppId) -> bool {
    let deployment = snapshot.locks.get(app).and_then(|id| snapshot.deployments.get(id));
    let step = deployment.and_then(|deployment| deployment.step());
    step.is_some_and(|step| {
        step.actions.iter().any(|a| a.app == *app && a.kind == ActionKind::Restart)
    })
}

impl World {
    /// Compares the state that Marathon publishes with the one before.
    pub(crate) fn check_capacity(&mut self, node: usize, before: &Snapshot) {
        let Some(marathon) = &self.nodes[node].marathon else { return };
        let now = &marathon.published;
        let mut wrong = None;
        for (id, app) in &now.apps {
            let spec = &app.definition.spec;
            let (live, was) = (live(now, id), live(before, id));
            if is_restarting(now, id) && is_restarting(before, id) {
                let cap = cap(spec);
                if live > cap.max(was) {
                    wrong =
                        Some(format!("app {id} has {live} instances, its upgrade allows {cap}"));
                }
            } else if !now.locks.contains_key(id) {
                let kept = now.instances_of(id);
                let kept = kept.filter(|i| is_live(i) && i.goal == Goal::Running).count();
                let wanted = spec.instances() as usize;
                if kept > wanted {
                    wrong = Some(format!("app {id} keeps {kept} instances and wants {wanted}"));
                }
            }
        }
        if let Some(found) = wrong {
            self.fail("capacity", found);
        }
    }
}
