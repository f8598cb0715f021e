//! Delays after failures, as `/v2/queue` shows them (marathon.md §4.8, §8.4).

use std::time::Duration;

use model::{RequestId, TaskState};
use serde_json::{Value, json};

use super::world::{World, app, id, world};
use crate::command::{AfterKill, AppChange, TaskSelection};
use crate::instance::Condition;
use crate::{Command, render};

/// 10 s, doubling, at most 35 s.
fn doubling() -> Value {
    json!({"backoffSeconds": 10, "backoffFactor": 2, "maxLaunchDelaySeconds": 35})
}

fn running(more: Value) -> World {
    let mut world = world(1);
    world.create(app("/nginx", 1, more)).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
    world
}

fn fail(world: &mut World) {
    let task = world.live_tasks().pop().unwrap();
    world.set_state(&task, TaskState::Failed);
    world.settle();
}

/// `timeLeftSeconds` and `overdue` of the app's entry; `None` when nothing of it waits.
fn delay(world: &World) -> Option<(u64, bool)> {
    let queue = render::launch_queue(&world.core.snapshot(), world.now, false).queue;
    queue.first().map(|item| (item.delay.time_left_seconds, item.delay.overdue))
}

#[test]
fn each_failure_waits_longer_and_the_queue_says_how_long() {
    let mut world = running(doubling());
    for seconds in [10, 20, 35, 35] {
        fail(&mut world);
        assert_eq!(delay(&world), Some((seconds, false)));
        world.pass(Duration::from_millis(1_500));
        assert_eq!(delay(&world), Some((seconds - 2, false)), "whole seconds that are left");
        world.pass(Duration::from_secs(seconds - 2));
        assert_eq!(world.conditions("/nginx"), [Condition::Failed], "half a second is left");
        world.pass(Duration::from_millis(500));
        assert_eq!((delay(&world), world.live_tasks().len()), (None, 1));
    }
}

#[test]
fn a_delay_that_is_over_is_overdue_while_no_offer_fits() {
    let mut world = running(doubling());
    world.set_reachable("S0", false);
    let task = world.live_tasks().pop().unwrap();
    let failed = super::world::update(&task, &model::AgentId::new("S0"), TaskState::Failed);
    world.send(Command::StatusUpdate(failed));
    world.pass(Duration::from_millis(10_500));
    assert_eq!(delay(&world), Some((0, false)));
    world.pass(Duration::from_secs(1));
    assert_eq!(delay(&world), Some((0, true)));
}

#[test]
fn a_life_longer_than_the_longest_delay_is_a_fresh_start() {
    let mut world = running(doubling());
    fail(&mut world);
    world.pass(Duration::from_secs(10));
    world.pass(Duration::from_secs(34));
    fail(&mut world);
    assert_eq!(delay(&world), Some((20, false)), "remembered");
    world.pass(Duration::from_secs(20));
    world.pass(Duration::from_secs(36));
    fail(&mut world);
    assert_eq!(delay(&world), Some((10, false)));
}

#[test]
fn a_new_configuration_and_a_restart_start_fresh_and_a_scale_does_not() {
    let more = |label: &str| {
        let mut more = doubling();
        more["labels"] = json!({"l": label});
        more
    };
    let mut world = running(more("a"));
    fail(&mut world);
    world.pass(Duration::from_secs(10));
    fail(&mut world);
    world.scale("/nginx", 2).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!(delay(&world), Some((19, false)), "the new instance waits too");
    let put = AppChange::Put { spec: Box::new(app("/nginx", 1, more("b"))), based_on: None };
    world.change(vec![put], true).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!((delay(&world), world.live_tasks().len()), (None, 1));
    fail(&mut world);
    assert_eq!(delay(&world), Some((10, false)));
    world.change(vec![AppChange::Restart(id("/nginx"))], true).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!((delay(&world), world.live_tasks().len()), (None, 1));
}

#[test]
fn a_killed_task_waits_for_nothing_and_a_client_may_clear_a_delay() {
    let mut world = running(doubling());
    let all = TaskSelection::OfApp { app: id("/nginx"), host: None };
    world.kill(all, AfterKill::Relaunch);
    world.pass(Duration::from_secs(1));
    assert_eq!((delay(&world), world.conditions("/nginx")), (None, vec![Condition::Running]));
    fail(&mut world);
    let clear = |request: RequestId| Command::ResetDelay { request, app: id("/nginx") };
    assert_eq!(world.ask(clear), Some(crate::effect::Reply::Done));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
    let answer = world.ask(clear).unwrap();
    let crate::effect::Reply::Refused(refusal) = answer else {
        panic!("nothing waits: {answer:?}")
    };
    assert_eq!(refusal.to_string(), "Application /nginx not found in tasks queue.");
}

#[test]
fn a_new_leader_knows_no_delays() {
    let mut world = running(doubling());
    fail(&mut world);
    world.restart();
    world.pass(Duration::from_secs(1));
    assert_eq!((delay(&world), world.conditions("/nginx")), (None, vec![Condition::Running]));
}
