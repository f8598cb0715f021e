//! Restarts and upgrades: old instances make room for new ones.

use std::time::Duration;

use model::TaskState;
use serde_json::json;

use super::world::{app, id, world, world_of};
use crate::command::AppChange;
use crate::deployment::ActionKind;
use crate::effect::Reply;
use crate::instance::Condition;

#[test]
fn a_restart_replaces_every_instance_without_falling_below_the_number() {
    let mut world = world(2);
    world.create(app("/nginx", 2, json!({}))).unwrap();
    world.pass(Duration::from_secs(1));
    let old = world.live_tasks();
    world.holds_tasks = true;
    let restart = world.change(vec![AppChange::Restart(id("/nginx"))], false).unwrap();
    assert_eq!(world.deployments()[0].plan.steps[0].actions[0].kind, ActionKind::Restart);
    world.settle();
    assert_eq!(world.live_tasks().len(), 4, "the old ones stay until the new ones run");
    let new: Vec<_> = world.live_tasks().into_iter().filter(|task| !old.contains(task)).collect();
    world.set_state(&new[0], TaskState::Running);
    world.settle();
    assert_eq!(world.live_tasks().len(), 3);
    world.set_state(&new[1], TaskState::Running);
    world.settle();
    assert_eq!(world.live_tasks(), new);
    assert!(world.deployments().is_empty());
    let definition = world.core.snapshot().apps[&id("/nginx")].definition.clone();
    assert_eq!(definition.info.last_config_change_at, restart.version);
    assert_ne!(definition.info.last_scaling_at, restart.version);
}

#[test]
fn a_changed_label_is_an_upgrade() {
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.pass(Duration::from_secs(1));
    let old = world.live_tasks();
    world.put(app("/nginx", 1, json!({"labels": {"a": "b"}}))).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.live_tasks().len(), 1);
    assert_ne!(world.live_tasks(), old);
    assert_eq!(world.core.snapshot().versions[&id("/nginx")].len(), 2);
}

#[test]
fn an_upgrade_beside_unique_hosts_ignores_the_old_instances() {
    let mut world = world(1);
    let unique =
        |image: &str| json!({"constraints": [["hostname", "UNIQUE"]], "env": {"IMAGE": image}});
    world.create(app("/nginx", 1, unique("1"))).unwrap();
    world.pass(Duration::from_secs(1));
    world.put(app("/nginx", 1, unique("2"))).unwrap();
    world.pass(Duration::from_secs(1));
    assert!(world.deployments().is_empty());
    assert_eq!(world.live_tasks().len(), 1);
}

#[test]
fn an_upgrade_that_cannot_be_placed_keeps_the_old_instance_and_can_be_rolled_back() {
    let mut world = world_of(&["cpus:1;mem:64;ports:[31000-31000]"]);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.pass(Duration::from_secs(1));
    let old = world.live_tasks();
    let upgrade = world.put(app("/nginx", 1, json!({"env": {"A": "B"}}))).unwrap();
    world.pass(Duration::from_secs(10));
    assert_eq!(world.live_tasks(), old, "the only port is taken");
    assert!(matches!(world.cancel(&upgrade, false), Reply::Deploying(_)));
    world.pass(Duration::from_secs(10));
    assert_eq!(world.deployments().len(), 1, "back to a third version, which needs the port too");
}

#[test]
fn without_health_capacity_the_old_ones_go_at_once() {
    let mut world = world_of(&["cpus:1;mem:64;ports:[31000-31000]"]);
    let strategy =
        json!({"upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}});
    world.create(app("/nginx", 1, strategy)).unwrap();
    world.pass(Duration::from_secs(1));
    world.change(vec![AppChange::Restart(id("/nginx"))], false).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
    assert!(world.deployments().is_empty());
}

#[test]
fn a_failing_new_version_backs_off_while_the_old_one_serves() {
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.pass(Duration::from_secs(1));
    let old = world.live_tasks();
    world.holds_tasks = true;
    world.put(app("/nginx", 1, json!({"env": {"BROKEN": "1"}}))).unwrap();
    world.settle();
    for run in 1..=3_u64 {
        let new = world.live_tasks().into_iter().find(|task| !old.contains(task)).unwrap();
        assert!(new.as_str().ends_with(&format!("._app.{run}")));
        world.set_state(&new, TaskState::Failed);
        world.settle();
        assert_eq!(world.live_tasks(), old);
        world.pass(Duration::from_secs(3));
    }
    assert_eq!(world.deployments().len(), 1);
}

#[test]
fn a_restart_of_nothing_is_done_at_once() {
    let mut world = world(1);
    world.create(app("/nginx", 0, json!({}))).unwrap();
    world.change(vec![AppChange::Restart(id("/nginx"))], false).unwrap();
    assert!(world.deployments().is_empty());
}

#[test]
fn a_forced_change_takes_the_place_of_a_stuck_upgrade() {
    let mut world = world_of(&["cpus:1;mem:64;ports:[31000-31000]"]);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.pass(Duration::from_secs(1));
    world.put(app("/nginx", 1, json!({"env": {"A": "B"}}))).unwrap();
    world.pass(Duration::from_secs(1));
    world.told();
    let recreate = json!({"env": {"A": "C"},
        "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}});
    let put = AppChange::Put { spec: Box::new(app("/nginx", 1, recreate)), based_on: None };
    world.change(vec![put], true).unwrap();
    assert!(world.told().contains(&"deployment_failed".to_owned()));
    world.pass(Duration::from_secs(1));
    assert!(world.deployments().is_empty());
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
}
