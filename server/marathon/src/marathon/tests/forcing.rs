//! Changes that stand in each other's way: refused, forced, rolled back, and cut off by a death of the process.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{World, app, id, world_of};
use crate::Command;
use crate::command::AppChange;
use crate::effect::{Deploying, Refusal, Reply};
use crate::instance::Condition;

fn put(more: Value) -> AppChange {
    AppChange::Put { spec: Box::new(app("/nginx", 1, more)), based_on: None }
}

/// One agent with one port: an upgrade beside the old instance waits for ever.
fn stuck_upgrade() -> (World, Deploying) {
    let mut world = world_of(&["cpus:1;mem:64;ports:[31000-31000]"]);
    world.create(app("/nginx", 1, json!({"env": {"A": "old"}}))).unwrap();
    world.pass(Duration::from_secs(1));
    let upgrade = world.change(vec![put(json!({"env": {"A": "stuck"}}))], false).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.conditions("/nginx").len(), 2);
    (world, upgrade)
}

fn env(world: &World) -> String {
    world.core.snapshot().apps[&id("/nginx")].definition.spec.env()["A"].clone()
}

/// Runs `act` on a stuck upgrade with a death after each effect in turn, and once without.
fn with_every_death(act: impl Fn(&mut World, &Deploying), holds: impl Fn(&World, &str)) {
    for more in 0.. {
        let (mut world, upgrade) = stuck_upgrade();
        let deaths = world.deaths;
        world.dies_after = Some(world.performed + more);
        act(&mut world, &upgrade);
        world.pass(Duration::from_secs(1));
        world.pass(Duration::from_secs(30));
        holds(&world, &format!("death after {more} effects"));
        assert!(world.deployments().len() == world.core.snapshot().locks.len());
        if world.deaths == deaths {
            assert!(more > 10, "it does something: {more}");
            return;
        }
    }
}

#[test]
fn a_locked_app_is_not_changed_and_says_who_locks_it() {
    let (mut world, upgrade) = stuck_upgrade();
    for change in [
        put(json!({"env": {"A": "new"}})),
        AppChange::Scale { app: id("/nginx"), instances: 3 },
        AppChange::Restart(id("/nginx")),
        AppChange::Delete(id("/nginx")),
    ] {
        let refused = world.change(vec![change], false);
        assert_eq!(refused, Err(Refusal::Locked(vec![upgrade.id.clone()])));
    }
    assert_eq!(env(&world), "stuck");
    // A change of another app goes its own way.
    world.create(app("/other", 0, json!({}))).unwrap();
}

#[test]
fn a_forced_change_takes_over_wherever_the_process_dies() {
    let recreate = || {
        put(json!({"env": {"A": "forced"},
            "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}}))
    };
    let act = |world: &mut World, _: &Deploying| {
        if world.try_change(vec![recreate()], true).is_none() {
            drop(world.try_change(vec![recreate()], true));
        }
    };
    with_every_death(act, |world, when| {
        assert_eq!(env(world), "forced", "{when}");
        assert_eq!(world.conditions("/nginx"), [Condition::Running], "{when}");
        assert!(world.deployments().is_empty(), "{when}");
        assert_eq!(world.live_tasks().len(), 1, "{when}");
    });
}

fn cancel(world: &mut World, upgrade: &Deploying, force: bool) -> Option<Reply> {
    let deployment = upgrade.id.clone();
    world.ask(|request| Command::CancelDeployment { request, deployment, force })
}

#[test]
fn a_rollback_brings_the_old_definition_back_wherever_the_process_dies() {
    let act = |world: &mut World, upgrade: &Deploying| {
        if cancel(world, upgrade, false).is_none() {
            // Done already, or not at all.
            let again = cancel(world, upgrade, false);
            let unknown = Reply::Refused(Refusal::DeploymentUnknown(upgrade.id.clone()));
            assert!(matches!(again, Some(Reply::Deploying(_))) || again == Some(unknown));
        }
    };
    with_every_death(act, |world, when| {
        assert_eq!(env(world), "old", "{when}");
        // The old definition is a new version, which needs the only port too.
        assert_eq!(world.live_tasks().len(), 1, "{when}");
        assert_eq!(world.deployments().len(), 1, "{when}");
    });
}

#[test]
fn a_stopped_deployment_leaves_things_as_they_are() {
    let act = |world: &mut World, upgrade: &Deploying| {
        if cancel(world, upgrade, true).is_none() {
            drop(cancel(world, upgrade, true));
        }
    };
    let (mut world, upgrade) = stuck_upgrade();
    act(&mut world, &upgrade);
    world.pass(Duration::from_secs(30));
    assert_eq!((env(&world).as_str(), world.live_tasks().len()), ("stuck", 1));
    assert!(world.deployments().is_empty() && world.core.snapshot().locks.is_empty());
}

#[test]
fn a_rolled_back_creation_removes_the_app_and_a_rolled_back_deletion_restores_it() {
    let mut world = world_of(&["cpus:1;mem:64;ports:[31000-31000]"]);
    let created = world.create(app("/new", 2, json!({}))).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.live_tasks().len(), 1, "the second finds no port");
    assert!(matches!(cancel(&mut world, &created, false), Some(Reply::Deploying(_))));
    world.pass(Duration::from_secs(1));
    assert!(world.core.snapshot().apps.is_empty() && world.live_tasks().is_empty());
    assert!(!world.records.keys().any(|path| path.contains("new")), "nothing is left of it");

    world.create(app("/old", 1, json!({}))).unwrap();
    world.pass(Duration::from_secs(1));
    world.send(Command::Disconnected);
    let deleted = world.change(vec![AppChange::Delete(id("/old"))], true).unwrap();
    assert!(matches!(cancel(&mut world, &deleted, false), Some(Reply::Deploying(_))));
    world.subscribe();
    world.pass(Duration::from_secs(5));
    assert_eq!(world.conditions("/old"), [Condition::Running]);
    assert!(world.deployments().is_empty());
}
