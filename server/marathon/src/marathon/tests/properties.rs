//! Whatever clients do and whatever fails: promises hold at every moment, and in the end the target is reached.

use std::time::Duration;

use model::TaskState;
use proptest::prelude::*;
use serde_json::json;

use super::world::{World, app, id, world};
use crate::command::{AfterKill, AppChange, KillTasks, TaskSelection};
use crate::deployment::ActionKind;
use crate::instance::Goal;
use crate::{Command, Snapshot};

#[derive(Debug, Clone)]
enum Step {
    Put {
        app: usize,
        instances: u32,
        label: u8,
        min: u8,
        over: u8,
        unique: bool,
    },
    Scale {
        app: usize,
        instances: u32,
    },
    Restart(usize),
    Delete(usize),
    Fail(usize),
    Finish(usize),
    Kill(usize),
    LoseAgent(usize),
    ReturnAgent(usize),
    Settle,
    Pass(u64),
    /// The process dies after so many more effects.
    DieAfter(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let app = 0..3_usize;
    let step = prop_oneof![
        4 => (app.clone(), 0..5_u32, 0..3_u8, 0..=4_u8, 0..=4_u8, any::<bool>()).prop_map(
            |(app, instances, label, min, over, unique)| Step::Put { app, instances, label, min, over, unique }
        ),
        3 => (app.clone(), 0..5_u32).prop_map(|(app, instances)| Step::Scale { app, instances }),
        2 => app.clone().prop_map(Step::Restart),
        1 => app.prop_map(Step::Delete),
        2 => any::<usize>().prop_map(Step::Fail),
        1 => any::<usize>().prop_map(Step::Finish),
        1 => any::<usize>().prop_map(Step::Kill),
        1 => (0..3_usize).prop_map(Step::LoseAgent),
        2 => (0..3_usize).prop_map(Step::ReturnAgent),
        4 => Just(Step::Settle),
        3 => (0..3_000_u64).prop_map(Step::Pass),
        2 => (0..24_usize).prop_map(Step::DieAfter),
    ];
    prop::collection::vec(step, 1..40)
}

fn name(app: usize) -> String {
    format!("/app{app}")
}

fn pick(world: &World, number: usize) -> Option<model::TaskId> {
    let tasks = world.live_tasks();
    (!tasks.is_empty()).then(|| tasks[number % tasks.len()].clone())
}

/// What was answered holds from then on; a change without an answer may have happened or not.
fn change(world: &mut World, change: AppChange, force: bool) {
    let app = change.app().clone();
    if let Some(Ok(deploying)) = world.try_change(vec![change], force) {
        let stored = world.core.snapshot().apps.get(&app).map(|app| app.definition.version);
        assert_eq!(stored, deploying.apps.first().map(|app| app.version), "{app}");
    }
}

fn take(world: &mut World, step: Step) {
    match step {
        Step::Put { app: number, instances, label, min, over, unique } => {
            let constraints = if unique { json!([["hostname", "UNIQUE"]]) } else { json!([]) };
            let more = json!({"labels": {"l": label.to_string()}, "constraints": constraints,
                "upgradeStrategy": {"minimumHealthCapacity": f64::from(min) / 4.0,
                    "maximumOverCapacity": f64::from(over) / 4.0}});
            let spec = Box::new(app(&name(number), instances, more));
            change(world, AppChange::Put { spec, based_on: None }, false);
        }
        Step::Scale { app, instances } => {
            change(world, AppChange::Scale { app: id(&name(app)), instances }, false);
        }
        Step::Restart(app) => change(world, AppChange::Restart(id(&name(app))), false),
        Step::Delete(app) => change(world, AppChange::Delete(id(&name(app))), true),
        Step::Fail(number) => {
            if let Some(task) = pick(world, number) {
                world.set_state(&task, TaskState::Failed);
            }
        }
        Step::Finish(number) => {
            if let Some(task) = pick(world, number) {
                world.set_state(&task, TaskState::Finished);
            }
        }
        Step::Kill(number) => {
            let tasks = TaskSelection::Named(pick(world, number).into_iter().collect());
            let after = AfterKill::Relaunch;
            let kill =
                |request| Command::KillTasks(KillTasks { request, tasks, after, force: false });
            drop(world.ask(kill));
        }
        Step::LoseAgent(number) => world.lose_agent(&format!("S{number}")),
        Step::ReturnAgent(number) => world.return_agent(&format!("S{number}")),
        Step::Settle => world.settle(),
        Step::Pass(millis) => world.pass(Duration::from_millis(millis)),
        Step::DieAfter(more) => world.dies_after = Some(world.performed + more),
    }
}

/// During a restart that began with no more than its target, no more run than the strategy allows.
pub(super) fn assert_capacity(snapshot: &Snapshot) {
    for deployment in snapshot.deployments.values() {
        for action in deployment.step().into_iter().flat_map(|step| &step.actions) {
            let intent = deployment.plan.intents.iter().find(|i| i.app == action.app).unwrap();
            let (ActionKind::Restart, Some(original), Some(target)) =
                (action.kind, &intent.original, &intent.target)
            else {
                continue;
            };
            let quarters = target.spec.upgrade_strategy().maximum_over_capacity * 4.0;
            let over = (0..=4_u32).find(|over| f64::from(*over) >= quarters).unwrap();
            let wanted = target.spec.instances();
            let cap = wanted + wanted * over / 4 + 1;
            let before = original.spec.instances();
            let alive = snapshot.instances_of(&action.app).filter(|i| i.condition.is_active());
            let leaving = snapshot
                .instances_of(&action.app)
                .filter(|i| i.goal == Goal::Decommissioned && i.version < original.version);
            let most = cap.max(before) as usize + leaving.count();
            assert!(alive.count() <= most, "{} runs more than {most}", action.app);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_history_ends_with_the_wanted_instances(steps in steps()) {
        let mut world = world(3);
        for step in steps {
            take(&mut world, step);
        }
        world.dies_after = None;
        let deaths = world.deaths;
        for agent in 0..3 {
            world.return_agent(&format!("S{agent}"));
        }
        for _ in 0..40 {
            world.pass(Duration::from_secs(5));
        }
        // Longer than the interval of reconciliation.
        world.pass(Duration::from_secs(700));
        prop_assert_eq!(world.deaths, deaths);
        let snapshot = world.core.snapshot();
        let mut wanted = 0;
        for (id, app) in &snapshot.apps {
            let spec = &app.definition.spec;
            // More unique hosts than agents: it waits, an upgrade beside some of its old instances.
            if spec.constraints().is_empty() || spec.instances() <= 3 {
                prop_assert_eq!(app.counts.running, spec.instances(), "{}", id);
            }
            wanted += app.counts.running as usize;
        }
        prop_assert_eq!(world.live_tasks().len(), wanted, "one task per instance");
        let stuck = snapshot.deployments.values().all(|deployment| {
            deployment.affected().iter().all(|app| {
                snapshot.apps.get(*app).is_some_and(|app| {
                    !app.definition.spec.constraints().is_empty() && app.definition.spec.instances() > 3
                })
            })
        });
        prop_assert!(stuck, "{:?}", snapshot.deployments);
    }
}
