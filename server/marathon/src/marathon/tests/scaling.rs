//! Scaling, destroying, killing.

use std::time::Duration;

use serde_json::json;

use super::world::{app, id, world, world_of};
use crate::command::{AfterKill, AppChange, TaskSelection};
use crate::deployment::ActionKind;
use crate::effect::{Refusal, Reply};
use crate::instance::Condition;

#[test]
fn scaling_up_keeps_what_runs_and_adds_the_rest() {
    let mut world = world(2);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    let first = world.instances("/nginx")[0].clone();
    let scaled = world.scale("/nginx", 3).unwrap();
    assert_eq!(world.deployments()[0].plan.steps[0].actions[0].kind, ActionKind::Scale);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.conditions("/nginx"), [Condition::Running; 3]);
    let kept = world.core.snapshot().instances[&id("/nginx")][&first.id].clone();
    assert_eq!(kept.version, first.version, "a task keeps the version it was launched with");
    let definition = world.core.snapshot().apps[&id("/nginx")].definition.clone();
    assert_eq!(definition.version, scaled.version);
    assert_eq!(definition.info.last_scaling_at, scaled.version);
    assert_eq!(definition.info.last_config_change_at, first.version);
}

#[test]
fn scaling_down_ends_the_youngest_and_waits_for_their_end() {
    let mut world = world(2);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.pass(Duration::from_secs(5));
    let oldest = world.live_tasks();
    world.scale("/nginx", 3).unwrap();
    world.pass(Duration::from_secs(5));
    world.scale("/nginx", 1).unwrap();
    assert_eq!(world.deployments().len(), 1, "two kills are under way");
    world.settle();
    assert_eq!(world.live_tasks(), oldest);
    assert!(world.deployments().is_empty());
}

#[test]
fn the_oldest_go_first_when_the_app_says_so() {
    let mut world = world(2);
    world.create(app("/nginx", 1, json!({"killSelection": "OLDEST_FIRST"}))).unwrap();
    world.pass(Duration::from_secs(5));
    let oldest = world.live_tasks();
    world.scale("/nginx", 2).unwrap();
    world.pass(Duration::from_secs(5));
    world.scale("/nginx", 1).unwrap();
    world.settle();
    assert!(!world.live_tasks().contains(&oldest[0]));
}

#[test]
fn scaling_back_an_app_that_cannot_be_placed_ends_the_waiting_instance_not_a_running_one() {
    let mut world = world(1);
    world.create(app("/nginx", 2, json!({"constraints": [["hostname", "UNIQUE"]]}))).unwrap();
    world.settle();
    let running = world.live_tasks();
    let locked = world.scale("/nginx", 1).unwrap_err();
    let deployment = world.deployments()[0].plan.id.clone();
    assert_eq!(locked, Refusal::Locked(vec![deployment]));
    world.change(vec![AppChange::Scale { app: id("/nginx"), instances: 1 }], true).unwrap();
    world.settle();
    assert_eq!(world.live_tasks(), running);
    assert!(world.deployments().is_empty());
}

#[test]
fn a_refused_change_tells_of_its_failure_with_a_plan_of_its_own() {
    let mut world = world(1);
    world.holds_tasks = true;
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.told();
    world.scale("/nginx", 2).unwrap_err();
    assert_eq!(world.told(), ["deployment_failed", "group_change_failed"]);
}

#[test]
fn destroying_ends_all_instances_and_leaves_no_record_of_the_app() {
    let mut world = world(2);
    world.create(app("/nginx", 2, json!({}))).unwrap();
    world.pass(Duration::from_secs(1));
    world.told();
    world.change(vec![AppChange::Delete(id("/nginx"))], true).unwrap();
    assert!(world.core.snapshot().apps.is_empty(), "the app leaves the tree at once");
    world.settle();
    assert!(world.live_tasks().is_empty() && world.deployments().is_empty());
    let left: Vec<_> = world.records.keys().filter(|path| path.contains("nginx")).collect();
    assert!(left.is_empty(), "{left:?}");
    let told = world.told();
    assert_eq!(told[..2], ["group_change_success", "deployment_info"]);
    assert_eq!(
        told[told.len() - 3..],
        ["app_terminated_event", "deployment_step_success", "deployment_success"]
    );
    assert_eq!(told.iter().filter(|t| *t == "instance Running").count(), 2, "the goal changed");
    assert_eq!(told.iter().filter(|t| *t == "instance Killed").count(), 2);
}

#[test]
fn unknown_apps_are_not_changed() {
    let mut world = world(1);
    let unknown = Err(Refusal::AppUnknown(id("/nope")));
    assert_eq!(world.scale("/nope", 1), unknown);
    assert_eq!(world.change(vec![AppChange::Restart(id("/nope"))], false), unknown);
    assert_eq!(world.change(vec![AppChange::Delete(id("/nope"))], true), unknown);
}

#[test]
fn an_unchanged_definition_deploys_nothing_and_keeps_its_version() {
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    let version = world.core.snapshot().apps[&id("/nginx")].definition.version;
    world.told();
    world.put(app("/nginx", 1, json!({}))).unwrap();
    assert_eq!(world.told(), ["group_change_success", "deployment_success"]);
    assert_eq!(world.core.snapshot().apps[&id("/nginx")].definition.version, version);
}

#[test]
fn a_change_merged_with_an_old_version_is_refused() {
    let mut world = world(1);
    let first = world.create(app("/nginx", 0, json!({}))).unwrap();
    world.scale("/nginx", 1).unwrap();
    world.settle();
    let spec = Box::new(app("/nginx", 2, json!({})));
    let put = AppChange::Put { spec, based_on: Some(first.version) };
    assert_eq!(world.change(vec![put], false), Err(Refusal::Outdated(id("/nginx"))));
}

#[test]
fn a_killed_task_is_launched_again_under_the_same_instance() {
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    let before = world.instances("/nginx")[0].clone();
    let task = before.task.clone().unwrap().id;
    let reply = world.kill(TaskSelection::One { app: id("/nginx"), task }, AfterKill::Relaunch);
    assert_eq!(reply, Reply::Killing { instances: vec![before.clone()], deployment: None });
    world.pass(Duration::from_millis(500));
    let after = world.instances("/nginx")[0].clone();
    assert_eq!((&after.id, after.incarnation), (&before.id, 2));
    assert_eq!(after.condition, Condition::Running);
    assert!(world.core.snapshot().apps[&id("/nginx")].last_failure.is_none());
}

#[test]
fn killing_with_scale_lowers_the_number_by_the_chosen_tasks() {
    let mut world = world(1);
    world.create(app("/nginx", 3, json!({}))).unwrap();
    world.settle();
    let chosen = world.live_tasks()[1].clone();
    let reply = world.kill(TaskSelection::Named(vec![chosen.clone()]), AfterKill::Scale);
    assert!(matches!(reply, Reply::Killing { deployment: Some(_), .. }));
    world.settle();
    assert_eq!(world.core.snapshot().apps[&id("/nginx")].definition.spec.instances(), 2);
    assert!(!world.live_tasks().contains(&chosen));
    assert_eq!(world.live_tasks().len(), 2);
}

#[test]
fn wiped_instances_are_replaced_under_new_ids() {
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    let before = world.instances("/nginx")[0].id.clone();
    let all = TaskSelection::OfApp { app: id("/nginx"), host: Some("host0".to_owned()) };
    world.kill(all, AfterKill::Wipe);
    world.pass(Duration::from_millis(500));
    let after = world.instances("/nginx");
    assert_eq!((after.len(), after[0].condition), (1, Condition::Running));
    assert_ne!(after[0].id, before);
}

#[test]
fn an_unanswered_kill_is_sent_again_after_half_a_minute() {
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    let kills = |world: &super::world::World| {
        world.calls.iter().filter(|call| matches!(call, crate::effect::Call::Kill { .. })).count()
    };
    world.change(vec![AppChange::Delete(id("/nginx"))], true).unwrap();
    // The master has taken the kill; its answer is not delivered.
    assert_eq!(kills(&world), 1);
    world.now = world.now + Duration::from_secs(31);
    world.send(crate::Command::Tick);
    assert_eq!(kills(&world), 2);
}

#[test]
fn cancelling_a_deployment_rolls_back_what_it_changed() {
    let mut world = world_of(&["cpus:1;mem:64;ports:[31000-31009]"]);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    let stuck = world.scale("/nginx", 5).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.live_tasks().len(), 2, "32 MiB each");
    assert!(matches!(world.cancel(&stuck, false), Reply::Deploying(_)));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.core.snapshot().apps[&id("/nginx")].definition.spec.instances(), 1);
    assert_eq!((world.live_tasks().len(), world.deployments().len()), (1, 0));
    assert_eq!(world.cancel(&stuck, true), Reply::Refused(Refusal::DeploymentUnknown(stuck.id)));
}
