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

/// The live ones that nobody believed to be lost before: who comes back to its replacement was not launched.
fn live_all_along(now: &Snapshot, before: &Snapshot, app: &AppId) -> usize {
    let was_lost = |instance: &Instance| {
        let known = before.instances_of(app).find(|known| known.id == instance.id);
        known.is_some_and(|known| !is_live(known))
    };
    now.instances_of(app).filter(|instance| is_live(instance) && !was_lost(instance)).count()
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
            let (live, was) = (live_all_along(now, before, id), live(before, id));
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::InstanceId;

    use super::*;
    use crate::world::Options;

    #[test]
    fn an_instance_too_many_is_found() {
        let mut world = World::new(5, Options::default());
        while world.nodes[0].marathon.as_ref().is_none_or(|m| m.published.instances.is_empty()) {
            world.run_until(world.now + std::time::Duration::from_millis(100));
        }
        let published = world.nodes[0].marathon.as_ref().unwrap().published.clone();
        world.check_capacity(0, &published);
        assert_eq!(world.violation, None);
        let mut more = published.clone();
        more.locks = Default::default();
        for (app, instances) in &published.instances {
            let one = instances.values().next().unwrap();
            let wanted = more.apps[app].definition.spec.instances();
            for number in 0..=wanted {
                let id = InstanceId::new(format!("{}-{number}", one.id));
                let condition = Condition::Running;
                let copy =
                    Instance { id: id.clone(), condition, goal: Goal::Running, ..(**one).clone() };
                more.instances.get_mut(app).unwrap().insert(id, Arc::new(copy));
            }
        }
        world.nodes[0].marathon.as_mut().unwrap().published = more;
        world.check_capacity(0, &published);
        assert_eq!(world.violation.unwrap().invariant, "capacity");
    }
}
