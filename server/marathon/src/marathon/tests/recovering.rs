//! The process dies at any moment; the next one carries on.

use std::time::Duration;

use serde_json::json;

use super::world::{Crash, World, app, id, world};
use crate::command::AppChange;
use crate::effect::Call;
use crate::instance::Condition;

/// Create, scale up, upgrade, scale down, a second app that is destroyed.
fn story(world: &mut World) {
    let steps: [fn(&mut World); 6] = [
        |world| {
            drop(world.create(app("/nginx", 1, json!({"constraints": [["hostname", "UNIQUE"]]}))))
        },
        |world| drop(world.create(app("/extra", 2, json!({})))),
        |world| drop(world.scale("/nginx", 2)),
        |world| {
            let upgrade = json!({"constraints": [["hostname", "UNIQUE"]], "labels": {"a": "b"}});
            drop(world.put(app("/nginx", 2, upgrade)));
        },
        |world| drop(world.change(vec![AppChange::Delete(id("/extra"))], true)),
        |world| drop(world.scale("/nginx", 1)),
    ];
    for step in steps {
        // A client whose request got no answer cannot know: it sends it again.
        let before = world.commits;
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| step(world)));
        assert!(outcome.is_ok() || world.commits > before, "no answer without a crash");
        world.pass(Duration::from_secs(1));
        world.reconcile();
        world.pass(Duration::from_secs(20));
    }
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

#[test]
fn a_crash_at_every_stored_point_converges_to_one_task_per_instance() {
    let mut whole = world(3);
    story(&mut whole);
    assert_converged(&whole, "without a crash");
    let commits = whole.commits;
    assert!(commits > 20, "the story writes often: {commits}");
    std::panic::set_hook(Box::new(|_| {})); // Lost answers are part of the story.
    let mut failed = Vec::new();
    for at in 2..=commits {
        for when in [Crash::BeforeEffects, Crash::AfterEffects] {
            let outcome = std::panic::catch_unwind(|| {
                let mut world = world(3);
                world.crash = Some((at, when));
                story(&mut world);
                assert_converged(&world, &format!("crash {when:?} of commit {at}"));
            });
            if let Err(panic) = outcome {
                failed.push((at, when, panic.downcast_ref::<String>().cloned()));
            }
        }
    }
    let _ = std::panic::take_hook();
    assert!(failed.is_empty(), "{failed:#?}");
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
    let counts = |snapshot: &crate::Snapshot| snapshot.apps[&id("/web/nginx")].counts;
    assert_eq!(counts(&after), counts(&before));
    world.told();
    world.reconcile();
    assert!(world.told().is_empty(), "nothing has changed");
}

#[test]
fn a_task_that_was_accepted_and_never_launched_is_launched_again() {
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.crash = Some((world.commits + 1, Crash::BeforeEffects));
    world.settle();
    assert_eq!(world.conditions("/nginx"), [Condition::Provisioned]);
    world.reconcile();
    world.pass(Duration::from_secs(2));
    let instance = world.instances("/nginx")[0].clone();
    assert_eq!((instance.condition, instance.incarnation), (Condition::Running, 2));
}

#[test]
fn kills_that_were_under_way_are_ordered_again() {
    let mut world = world(1);
    world.create(app("/nginx", 2, json!({}))).unwrap();
    world.settle();
    world.pass(Duration::from_secs(1));
    world.crash = Some((world.commits + 1, Crash::BeforeEffects));
    let lost = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.scale("/nginx", 1)));
    assert!(lost.is_err(), "no answer");
    world.settle();
    assert_eq!(world.live_tasks().len(), 1);
    assert!(world.deployments().is_empty());
}

#[test]
fn tasks_whose_agents_are_not_back_are_asked_for_again_soon() {
    let asked = |world: &mut World, millis: u64| {
        world.calls.clear();
        world.now = world.now + Duration::from_millis(millis);
        world.send(crate::Command::Tick);
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
