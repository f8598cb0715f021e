//! The process dies at any moment; the next one carries on.

use std::time::Duration;

use model::{AppId, TaskState};
use serde_json::json;

use super::world::{World, app, id, world};
use crate::command::{AfterKill, AppChange, TaskSelection};
use crate::effect::{Call, Reply};
use crate::instance::Condition;
use crate::run_spec::RunSpec;
use crate::{Command, Snapshot};

/// Create, scale up, upgrade, scale down, a second app that is destroyed, two apps changed together.
fn story(world: &mut World) {
    let unique = |label: &str| json!({"constraints": [["hostname", "UNIQUE"]], "labels": {"a": label}, "instances": 2});
    let put = |spec: RunSpec| AppChange::Put { spec: Box::new(spec), based_on: None };
    let steps = [
        vec![AppChange::Create(app("/nginx", 1, json!({"labels": {"a": "a"}})))],
        vec![AppChange::Create(app("/extra", 2, json!({})))],
        vec![AppChange::Scale { app: id("/extra"), instances: 3 }],
        vec![put(app("/nginx", 2, unique("b"))), put(app("/extra", 1, json!({"cpus": 0.2})))],
        vec![AppChange::Delete(id("/extra")), AppChange::Restart(id("/nginx"))],
        vec![AppChange::Scale { app: id("/nginx"), instances: 1 }],
    ];
    for changes in steps {
        let before = world.core.snapshot();
        if world.try_change(changes.clone(), true).is_none() {
            assert_whole_or_not_at_all(world, &before, &changes);
            // A client whose request got no answer cannot know: it sends it again.
            drop(world.try_change(changes, true));
        }
        world.pass(Duration::from_secs(1));
        world.pass(Duration::from_secs(30));
    }
}

/// A change that died before its answer has happened for all of its apps or for none.
fn assert_whole_or_not_at_all(world: &World, before: &Snapshot, changes: &[AppChange]) {
    let after = world.core.snapshot();
    let version =
        |snapshot: &Snapshot, app: &AppId| snapshot.apps.get(app).map(|app| app.definition.version);
    let changed: Vec<bool> = changes
        .iter()
        .map(|change| version(before, change.app()) != version(&after, change.app()))
        .collect();
    assert!(changed.iter().all(|one| *one == changed[0]), "half a change: {changed:?}");
    let is_deploying = changes.iter().all(|change| after.locks.contains_key(change.app()));
    assert!(!changed[0] || is_deploying, "a change without its deployment");
}

fn assert_converged(world: &World, context: &str) {
    assert_eq!(world.conditions("/nginx"), [Condition::Running], "{context}");
    assert_eq!(world.live_tasks().len(), 1, "{context}");
    assert!(world.deployments().is_empty(), "{context}");
    assert!(world.instances("/extra").is_empty(), "{context}");
    let definition = world.core.snapshot().apps[&id("/nginx")].definition.clone();
    assert_eq!(definition.spec.labels()["a"], "b", "{context}");
    assert!(!world.records.keys().any(|path| path.contains("extra")), "{context}");
    let instances = world.records.keys().filter(|path| path.contains("/instances/")).count();
    assert_eq!(instances, 1, "{context}");
}

/// Dies after each single effect in turn: between any two durable writes, and between any two calls.
#[test]
fn a_crash_after_any_effect_converges_to_one_task_per_instance() {
    let mut whole = world(3);
    story(&mut whole);
    assert_converged(&whole, "without a crash");
    assert!(whole.performed > 200, "the story does much: {}", whole.performed);
    for last in 3..=whole.performed {
        let mut world = world(3);
        world.dies_after = Some(last);
        story(&mut world);
        assert_eq!(world.deaths, usize::from(last < whole.performed), "at {last}");
        assert_converged(&world, &format!("death after effect {last}"));
    }
}

#[test]
fn a_recovered_core_shows_what_the_old_one_showed() {
    let mut world = world(2);
    world.create(app("/web/nginx", 2, json!({}))).unwrap();
    world.settle();
    world.pass(Duration::from_secs(1)); // What is written behind is written.
    let before = world.core.snapshot();
    world.restart();
    let after = world.core.snapshot();
    assert_eq!(after.framework, before.framework);
    assert_eq!(after.root_version, before.root_version);
    assert_eq!(after.versions, before.versions);
    assert_eq!(after.instances, before.instances);
    let counts = |snapshot: &Snapshot| snapshot.apps[&id("/web/nginx")].counts;
    assert_eq!(counts(&after), counts(&before));
    world.told();
    world.reconcile();
    assert!(world.told().is_empty(), "nothing has changed");
}

#[test]
fn a_task_that_was_accepted_and_never_launched_is_launched_again() {
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.dies_after = Some(world.performed + 1);
    world.settle();
    world.pass(Duration::from_secs(2));
    let launched: Vec<_> = world.tasks.keys().map(ToString::to_string).collect();
    assert_eq!((world.deaths, launched.len()), (1, 1), "{launched:?}");
    let instance = world.instances("/nginx")[0].clone();
    assert_eq!((instance.condition, instance.incarnation), (Condition::Running, 2));
}

#[test]
fn kills_that_were_under_way_are_ordered_again() {
    for more in 1..12 {
        let mut world = world(1);
        world.create(app("/nginx", 2, json!({}))).unwrap();
        world.settle();
        world.pass(Duration::from_secs(1));
        let scale = vec![AppChange::Scale { app: id("/nginx"), instances: 1 }];
        world.dies_after = Some(world.performed + more);
        if world.try_change(scale.clone(), false).is_none() {
            world.settle();
            drop(world.try_change(scale, false));
        }
        world.settle();
        assert_eq!((world.live_tasks().len(), world.deployments().len()), (1, 0), "{more}");
    }
}

#[test]
fn a_kill_that_was_answered_survives_the_process() {
    let mut world = world(1);
    world.create(app("/nginx", 2, json!({}))).unwrap();
    world.settle();
    world.pass(Duration::from_secs(1));
    let chosen = world.live_tasks()[0].clone();
    let named = TaskSelection::Named(vec![chosen.clone()]);
    world.send(Command::Disconnected);
    let reply = world.kill(named, AfterKill::Relaunch);
    assert!(matches!(reply, Reply::Killing { .. }));
    world.restart();
    world.pass(Duration::from_secs(2));
    assert!(!world.live_tasks().contains(&chosen));
    assert_eq!(world.conditions("/nginx"), [Condition::Running; 2]);
    let killed = |call: &&Call| matches!(call, Call::Kill { .. });
    assert_eq!(world.calls.iter().filter(killed).count(), 1, "and is sent once");
}

#[test]
fn a_launch_that_ran_while_nobody_led_is_not_given_up() {
    let mut world = world(1);
    world.holds_tasks = true;
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    let task = world.live_tasks().pop().unwrap();
    world.pass(Duration::from_secs(1));
    // It comes up, but the news wait; much later another process leads.
    world.set_state(&task, TaskState::Running);
    world.now = world.now + Duration::from_secs(3_600);
    world.restart();
    world.pass(Duration::from_secs(60));
    assert_eq!(world.live_tasks(), [task]);
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
}

#[test]
fn an_agent_that_came_back_while_nobody_led_keeps_its_task() {
    let mut world = world(1);
    let patient =
        json!({"unreachableStrategy": {"inactiveAfterSeconds": 60, "expungeAfterSeconds": 120}});
    world.create(app("/nginx", 1, patient)).unwrap();
    world.settle();
    let task = world.live_tasks();
    world.lose_agent("S0");
    world.pass(Duration::from_secs(30));
    world.now = world.now + Duration::from_secs(3_600);
    world.set_reachable("S0", true);
    world.restart();
    world.pass(Duration::from_secs(60));
    assert_eq!(world.live_tasks(), task);
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
    // Had it not come back, its time would have been up with the first answer.
    world.lose_agent("S0");
    world.pass(Duration::from_secs(30));
    world.now = world.now + Duration::from_secs(3_600);
    world.restart();
    world.settle();
    assert_eq!(world.conditions("/nginx"), [Condition::Scheduled]);
}

#[test]
fn tasks_whose_agents_are_not_back_are_asked_for_again_soon() {
    let asked = |world: &mut World, millis: u64| {
        world.calls.clear();
        world.now = world.now + Duration::from_millis(millis);
        world.send(Command::Tick);
        let is_asked = |call: &Call| matches!(call, Call::Reconcile(tasks) if !tasks.is_empty());
        world.calls.iter().filter(|call| is_asked(call)).count()
    };
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    world.pass(Duration::from_secs(1));
    world.restart();
    assert_eq!([500, 500, 500, 2_000].map(|millis| asked(&mut world, millis)), [1, 0, 1, 1]);
    world.reconcile();
    assert_eq!(asked(&mut world, 4_000), 0);
}

#[test]
fn a_damaged_record_is_named() {
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    let path = world.records.keys().find(|path| path.contains("/versions/")).unwrap().clone();
    world.records.insert(path.clone(), bytes::Bytes::from_static(&[9, 9]));
    let start = crate::Start {
        settings: crate::Settings::default(),
        seed: 1,
        now: world.now,
        wall: model::Timestamp::from_millis(0),
    };
    let stored = world.records.iter().map(|(path, value)| (path.as_str(), value));
    let error = crate::Marathon::recover(start, stored).unwrap_err();
    assert_eq!(error.path, path);
}
