//! The upgrade strategy at every moment of a rolling upgrade (marathon.md §8.3).

use std::time::Duration;

use model::{TaskId, TaskState};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{World, app, world_of};
use crate::instance::Condition;

/// Quarters of the instances.
fn definition(label: &str, min: u32, over: u32) -> Value {
    json!({"labels": {"l": label}, "upgradeStrategy": {
        "minimumHealthCapacity": f64::from(min) / 4.0, "maximumOverCapacity": f64::from(over) / 4.0}})
}

fn in_state(world: &World, wanted: TaskState) -> Vec<TaskId> {
    let tasks = world.tasks.iter().filter(|(_, task)| task.state == wanted);
    tasks.map(|(id, _)| id.clone()).collect()
}

fn large() -> World {
    world_of(&["cpus:40;mem:10240;ports:[31000-31099]"; 2])
}

/// Upgrades from `before` to `after` instances; new tasks come up one by one in the order of `picks`.
fn upgrade(
    before: u32,
    after: u32,
    (min, over): (u32, u32),
    picks: &[usize],
    mut look: impl FnMut(&World),
) -> World {
    let mut world = large();
    world.create(app("/a", before, definition("old", min, over))).unwrap();
    for _ in 0..5 {
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(in_state(&world, TaskState::Running).len(), before as usize);
    world.holds_tasks = true;
    world.put(app("/a", after, definition("new", min, over))).unwrap();
    for pick in picks.iter().copied().cycle().take(200) {
        world.pass(Duration::from_millis(200));
        look(&world);
        let starting = in_state(&world, TaskState::Staging);
        if starting.is_empty() && world.deployments().is_empty() {
            break;
        }
        if let Some(task) = starting.get(pick % starting.len().max(1)).cloned() {
            world.set_state(&task, TaskState::Running);
            world.settle();
            look(&world);
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn an_upgrade_keeps_the_least_and_never_exceeds_the_most(
        (before, after) in (1..=6_u32, 1..=6_u32),
        (min, over) in (0..=4_u32, 0..=4_u32),
        picks in prop::collection::vec(0..8_usize, 1..6),
    ) {
        let least = (after * min).div_ceil(4).min(before) as usize;
        let cap = (after + after * over / 4) as usize;
        // Where both limits meet one temporary extra instance is allowed.
        let extra = usize::from(cap == (after * min).div_ceil(4) as usize);
        let most = (cap + extra).max(before as usize);
        let world = upgrade(before, after, (min, over), &picks, |world| {
            let running = in_state(world, TaskState::Running).len();
            assert!(running >= least, "{running} run, at least {least} must");
            let alive = world.live_tasks().len();
            assert!(alive <= most, "{alive} are alive, at most {most} may");
        });
        prop_assert!(world.deployments().is_empty(), "it ends");
        prop_assert_eq!(world.live_tasks().len(), after as usize);
        let instances = world.instances("/a");
        prop_assert!(instances.iter().all(|i| i.condition == Condition::Running));
    }
}

#[test]
fn a_full_over_capacity_starts_all_new_ones_first() {
    let mut most = 0;
    upgrade(4, 4, (4, 4), &[0], |world| most = most.max(world.live_tasks().len()));
    assert_eq!(most, 8);
}

#[test]
fn no_over_capacity_replaces_within_the_number() {
    let mut most = 0;
    let mut fewest = usize::MAX;
    upgrade(4, 4, (2, 0), &[0], |world| {
        most = most.max(world.live_tasks().len());
        fewest = fewest.min(in_state(world, TaskState::Running).len());
    });
    assert_eq!((most, fewest), (4, 2));
}
