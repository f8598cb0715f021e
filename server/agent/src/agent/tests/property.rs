//! Whatever happens in whatever order: updates are neither lost nor turned round, and no container is started twice.

use std::collections::{BTreeMap, BTreeSet};

use model::TaskState;
use proptest::prelude::*;
use wire::link::{Ping, UpdateStatus, master_frame};

use super::harness::*;
use crate::container::{FoundContainer, FoundState};
use crate::{Command, Effect, LaunchFailure};

/// What a test does next; tasks go by number.
#[derive(Debug, Clone)]
enum Step {
    Run(u8),
    Kill(u8),
    ImageReady(u8),
    Launched(u8),
    Fails(u8),
    Ends(u8),
    Acknowledge(u8),
    AcknowledgeOld(u8),
    CutLink,
    Restart,
    Pass(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let task = 0..3u8;
    prop_oneof![
        3 => task.clone().prop_map(Step::Run),
        1 => task.clone().prop_map(Step::Kill),
        3 => task.clone().prop_map(Step::ImageReady),
        3 => task.clone().prop_map(Step::Launched),
        1 => task.clone().prop_map(Step::Fails),
        2 => task.clone().prop_map(Step::Ends),
        6 => task.clone().prop_map(Step::Acknowledge),
        1 => task.prop_map(Step::AcknowledgeOld),
        1 => Just(Step::CutLink),
        1 => Just(Step::Restart),
        1 => (1..30u8).prop_map(Step::Pass),
    ]
}

/// The engine and the framework as the test sees them.
#[derive(Default)]
struct World {
    /// Containers by task, with their state in the engine.
    containers: BTreeMap<String, (model::ContainerId, FoundState)>,
    ordered: BTreeSet<String>,
    /// Updates in the order in which the framework first saw them.
    seen: BTreeMap<String, Vec<UpdateStatus>>,
}

impl World {
    fn take_in(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Launch(launch) = effect {
                let task = launch.task.task.to_string();
                let known = self
                    .containers
                    .entry(task.clone())
                    .or_insert((launch.container.clone(), FoundState::Created));
                assert_eq!(known.0, launch.container, "a second container for `{task}`");
                assert_eq!(known.1, FoundState::Created, "`{task}` ran already");
                self.ordered.insert(task);
            }
        }
        for update in updates(effects) {
            if state_of(&update) == TaskState::Dropped {
                continue; // The answer about a task that the agent does not hold.
            }
            let task = update.status.task_id.value.clone();
            let seen = self.seen.entry(task).or_default();
            let is_known = seen.iter().any(|earlier| earlier.status.uuid == update.status.uuid);
            if is_known {
                assert_eq!(
                    seen.last().unwrap().status.uuid,
                    update.status.uuid,
                    "an older update came back"
                );
            } else {
                if let Some(last) = seen.last() {
                    let last = state_of(last);
                    assert!(
                        !last.is_terminal() || last == state_of(&update),
                        "news after the end: {seen:?}"
                    );
                }
                seen.push(update);
            }
        }
    }
}

fn take(harness: &mut Harness, world: &mut World, step: &Step) -> Vec<Effect> {
    let name = |task: &u8| format!("t{task}");
    let launched = |world: &World, task: &u8| world.containers.get(&name(task)).cloned();
    match step {
        Step::Run(task) => harness.run(&name(task)),
        Step::Kill(task) => harness.kill(&name(task), None),
        Step::ImageReady(task) => match launched(world, task) {
            Some((container, FoundState::Created)) => {
                harness.apply(Command::ImageReady(key(&name(task)), container))
            }
            _ => Vec::new(),
        },
        Step::Launched(task) => match launched(world, task) {
            Some((container, FoundState::Created)) => {
                world.containers.insert(name(task), (container.clone(), FoundState::Running));
                harness.apply(Command::ContainerLaunched(key(&name(task)), container, inspection()))
            }
            _ => Vec::new(),
        },
        Step::Fails(task) => match launched(world, task) {
            Some((container, FoundState::Created)) => {
                let failure = LaunchFailure::Failed("no".to_owned());
                world.containers.insert(name(task), (container.clone(), FoundState::Exited));
                harness.apply(Command::LaunchFailed(key(&name(task)), container, failure))
            }
            _ => Vec::new(),
        },
        Step::Ends(task) => match launched(world, task) {
            Some((container, FoundState::Running)) => {
                world.containers.insert(name(task), (container.clone(), FoundState::Exited));
                harness.ended(&name(task), &container, 0)
            }
            _ => Vec::new(),
        },
        Step::Acknowledge(task) => {
            let last = world.seen.get(&name(task)).and_then(|seen| seen.last()).cloned();
            last.map(|last| harness.acknowledge(&name(task), &last.status.uuid.unwrap()))
                .unwrap_or_default()
        }
        Step::AcknowledgeOld(task) => {
            let first = world.seen.get(&name(task)).and_then(|seen| seen.first()).cloned();
            first
                .map(|first| harness.acknowledge(&name(task), &first.status.uuid.unwrap()))
                .unwrap_or_default()
        }
        Step::CutLink => {
            harness.close();
            harness.reconnect().1
        }
        Step::Restart => {
            harness.restart();
            let mut effects = harness.reconnect().1;
            let found = |(container, state): &(model::ContainerId, FoundState)| FoundContainer {
                name: format!("mesos-S5.{container}"),
                labels: [].into(),
                state: *state,
            };
            let found = world.containers.values().map(found).collect();
            effects.extend(harness.apply(Command::ContainersFound(found)));
            effects
        }
        Step::Pass(seconds) => {
            harness.answer(master_frame::Body::Ping(Ping { sequence: 1 }));
            harness.pass(u64::from(*seconds).min(14))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn updates_arrive_in_order_and_containers_start_once(steps in prop::collection::vec(step(), 1..60)) {
        let mut harness = Harness::remembering(10);
        // Ended tasks are not forgotten here, so that each number is one task.
        let mut world = World::default();
        for step in &steps {
            let effects = take(&mut harness, &mut world, step);
            world.take_in(&effects);
        }
        // Everything under way ends, and everything is acknowledged: nothing may be left to tell.
        for task in ["t0", "t1", "t2"] {
            let container = world.containers.get(task).cloned();
            if let Some((container, _)) = container {
                let effects = harness.ended(task, &container, 0);
                world.take_in(&effects);
            }
            for _ in 0..50 {
                let Some(head) = harness.agent.snapshot().tasks.get(&key(task)).and_then(|task| task.updates.head().cloned())
                else { break };
                let effects = harness.acknowledge(task, &head.uuid.unwrap());
                world.take_in(&effects);
            }
        }
        for (task, seen) in &world.seen {
            if world.ordered.contains(task) {
                prop_assert!(state_of(seen.last().unwrap()).is_terminal(), "{task}: {:?}", state_of(seen.last().unwrap()));
            }
        }
        for state in harness.agent.snapshot().tasks.values() {
            prop_assert!(state.updates.is_empty());
            prop_assert!(state.state == TaskState::Staging || state.state.is_terminal());
        }
    }
}
