//! Tasks that fail, agents that vanish, updates that repeat.

use std::sync::Arc;
use std::time::Duration;

use model::{AgentId, TaskId, TaskState, Timestamp};
use serde_json::json;

use super::world::{BEGINNING, World, app, id, update, world};
use crate::Command;
use crate::command::AppChange;
use crate::effect::{Call, Effect};
use crate::instance::Condition;

fn running(agents: usize, more: serde_json::Value) -> (World, TaskId) {
    let mut world = world(agents);
    world.create(app("/nginx", 1, more)).unwrap();
    world.settle();
    let task = world.live_tasks().pop().unwrap();
    (world, task)
}

#[test]
fn a_failed_task_waits_for_its_back_off_and_returns_with_the_next_incarnation() {
    let (mut world, task) = running(1, json!({}));
    world.pass(Duration::from_secs(10));
    world.set_state(&task, TaskState::Failed);
    world.settle();
    assert_eq!(world.conditions("/nginx"), [Condition::Failed]);
    let snapshot = world.core.snapshot();
    let entry = &snapshot.queue[&id("/nginx")];
    assert_eq!(entry.delayed_until, Some(world.now + Duration::from_secs(1)));
    let failure = snapshot.apps[&id("/nginx")].last_failure.clone().unwrap();
    assert_eq!((&failure.task, failure.state), (&task, TaskState::Failed));
    world.pass(Duration::from_millis(999));
    assert_eq!(world.conditions("/nginx"), [Condition::Failed]);
    world.pass(Duration::from_millis(1));
    let instance = world.instances("/nginx")[0].clone();
    assert_eq!((instance.condition, instance.incarnation), (Condition::Running, 2));
    assert!(instance.task.as_ref().unwrap().id.as_str().ends_with("._app.2"));
}

#[test]
fn a_terminal_update_is_stored_before_it_is_acknowledged_and_only_once_acted_upon() {
    let (mut world, task) = running(1, json!({}));
    let mut failed = update(&task, &AgentId::new("S0"), TaskState::Failed);
    failed.uuid = Some(Arc::from([7; 16]));
    let effects = world.core.apply(world.now, Command::StatusUpdate(failed.clone()));
    let acknowledge = |effect: &Effect| matches!(effect, Effect::Call(Call::Acknowledge { .. }));
    let write = effects.iter().position(|effect| matches!(effect, Effect::Persist(_))).unwrap();
    assert!(write < effects.iter().position(acknowledge).unwrap());
    let again = world.core.apply(world.now, Command::StatusUpdate(failed));
    assert_eq!(again.len(), 1, "{again:?}");
    assert!(acknowledge(&again[0]));
}

#[test]
fn a_running_update_is_written_behind() {
    let mut world = world(1);
    world.holds_tasks = true;
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    let task = world.live_tasks().pop().unwrap();
    let running = update(&task, &AgentId::new("S0"), TaskState::Running);
    let writes = |effects: &[Effect]| {
        let instances = effects.iter().filter(
            |effect| matches!(effect, Effect::Persist(write) if write.path.contains("/instances/")),
        );
        instances.count()
    };
    let effects = world.send(Command::StatusUpdate(running));
    assert_eq!(writes(&effects), 0);
    world.now = world.now + Duration::from_millis(100);
    let effects = world.send(Command::Tick);
    assert_eq!(writes(&effects), 1);
}

#[test]
fn a_finished_task_is_launched_again() {
    let (mut world, task) = running(1, json!({}));
    world.set_state(&task, TaskState::Finished);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.instances("/nginx")[0].incarnation, 2);
    assert!(world.core.snapshot().apps[&id("/nginx")].last_failure.is_none());
}

#[test]
fn a_task_nobody_owns_is_killed_and_its_end_is_told() {
    let mut world = world(1);
    world.calls.clear();
    let stray = TaskId::new("nginx.instance-c0caec0a-863a-11e9-915b-c610fee06dff._app.1");
    let agent = AgentId::new("S0");
    world.send(Command::StatusUpdate(update(&stray, &agent, TaskState::Running)));
    assert_eq!(world.calls, [Call::Kill { task: stray.clone(), agent: Some(agent.clone()) }]);
    world.told();
    world.send(Command::StatusUpdate(update(&stray, &agent, TaskState::Killed)));
    assert_eq!(world.told(), ["unknown_instance_terminated_event"]);
    assert_eq!(world.calls.len(), 1);
}

#[test]
fn a_lost_agents_instance_is_replaced_elsewhere_at_once_and_killed_when_it_returns() {
    let (mut world, _) = running(2, json!({}));
    world.pass(Duration::from_secs(1));
    let before = world.instances("/nginx")[0].clone();
    world.told();
    let agent = before.agent().unwrap().to_string();
    world.lose_agent(&agent);
    assert!(world.told().contains(&"instance UnreachableInactive".to_owned()));
    world.settle();
    let after = world.instances("/nginx");
    assert_eq!((after.len(), after[0].condition), (1, Condition::Running));
    assert_ne!(after[0].id, before.id);
    assert_ne!(after[0].agent(), before.agent());
    world.return_agent(&agent);
    world.settle();
    assert_eq!(world.live_tasks().len(), 1);
}

#[test]
fn a_patient_app_waits_for_its_agent_before_it_replaces_and_forgets() {
    let patient =
        json!({"unreachableStrategy": {"inactiveAfterSeconds": 60, "expungeAfterSeconds": 120}});
    let (mut world, _) = running(2, patient);
    let agent = world.instances("/nginx")[0].agent().unwrap().to_string();
    world.lose_agent(&agent);
    world.pass(Duration::from_secs(59));
    assert_eq!(world.conditions("/nginx"), [Condition::Unreachable]);
    world.pass(Duration::from_secs(1));
    let mut conditions = world.conditions("/nginx");
    conditions.sort();
    assert_eq!(conditions, [Condition::Running, Condition::UnreachableInactive]);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
}

#[test]
fn an_agent_that_returns_in_time_leaves_one_instance_too_many_which_is_ended() {
    let patient =
        json!({"unreachableStrategy": {"inactiveAfterSeconds": 5, "expungeAfterSeconds": 600}});
    let (mut world, _) = running(2, patient);
    let agent = world.instances("/nginx")[0].agent().unwrap().to_string();
    world.lose_agent(&agent);
    world.pass(Duration::from_secs(10));
    assert_eq!(world.instances("/nginx").len(), 2);
    world.return_agent(&agent);
    world.settle();
    assert_eq!(
        (world.live_tasks().len(), world.conditions("/nginx")),
        (1, vec![Condition::Running])
    );
}

#[test]
fn an_instance_that_returns_is_kept_when_it_is_wanted_again() {
    let unique = json!({"constraints": [["hostname", "UNIQUE"]],
        "unreachableStrategy": {"inactiveAfterSeconds": 5, "expungeAfterSeconds": 600}});
    let (mut world, lost) = running(2, unique);
    let agent = world.instances("/nginx")[0].agent().unwrap().to_string();
    world.lose_agent(&agent);
    world.pass(Duration::from_secs(10));
    // Two are wanted now; the second waits for a host of its own.
    world.scale("/nginx", 2).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!((world.instances("/nginx").len(), world.deployments().len()), (3, 1));
    world.return_agent(&agent);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.conditions("/nginx"), [Condition::Running; 2]);
    assert!(world.live_tasks().contains(&lost) && world.deployments().is_empty());
}

#[test]
fn an_instance_that_returns_after_it_was_expunged_is_killed() {
    let patient =
        json!({"unreachableStrategy": {"inactiveAfterSeconds": 5, "expungeAfterSeconds": 20}});
    let (mut world, lost) = running(2, patient);
    let agent = world.instances("/nginx")[0].agent().unwrap().to_string();
    world.lose_agent(&agent);
    world.pass(Duration::from_secs(20));
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
    assert!(!world.records.keys().any(|path| path.contains(&lost.as_str()[..40])));
    world.return_agent(&agent);
    world.pass(Duration::from_secs(1));
    assert!(!world.live_tasks().contains(&lost) && world.live_tasks().len() == 1);
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
}

/// A reading of the wall clock that is so many seconds ahead.
fn reading(world: &World, ahead: i64) -> Command {
    let passed = i64::try_from(world.now.as_millis()).unwrap();
    Command::WallClockRead(Timestamp::from_millis(BEGINNING + passed + ahead * 1_000))
}

#[test]
fn a_clock_that_is_put_back_delays_nobodys_end() {
    let patient =
        json!({"unreachableStrategy": {"inactiveAfterSeconds": 5, "expungeAfterSeconds": 20}});
    for restarts in [false, true] {
        let (mut world, lost) = running(2, patient.clone());
        let agent = world.instances("/nginx")[0].agent().unwrap().to_string();
        world.send(reading(&world, 3_600));
        world.lose_agent(&agent);
        world.pass(Duration::from_secs(1));
        if restarts {
            world.restart();
        } else {
            world.send(reading(&world, 0));
        }
        world.pass(Duration::from_secs(21));
        world.settle();
        assert_eq!(world.conditions("/nginx"), [Condition::Running], "{restarts}");
        assert!(!world.records.keys().any(|path| path.contains(&lost.as_str()[..40])));
    }
}

#[test]
fn a_clock_that_is_put_back_delays_no_end_of_a_launch() {
    let mut world = world(1);
    world.holds_tasks = true;
    world.send(reading(&world, 3_600));
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    world.send(reading(&world, 0));
    world.pass(Duration::from_secs(301));
    assert_eq!(world.instances("/nginx")[0].incarnation, 2);
}

#[test]
fn a_disabled_strategy_waits_for_ever() {
    let (mut world, _) = running(2, json!({"unreachableStrategy": "disabled"}));
    let agent = world.instances("/nginx")[0].agent().unwrap().to_string();
    world.lose_agent(&agent);
    world.pass(Duration::from_secs(100_000));
    assert_eq!(world.conditions("/nginx"), [Condition::Unreachable]);
}

#[test]
fn a_launch_without_news_is_given_up_after_five_minutes() {
    let mut world = world(1);
    world.holds_tasks = true;
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    let first = world.live_tasks();
    world.pass(Duration::from_secs(299));
    assert_eq!(world.live_tasks(), first);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.instances("/nginx")[0].incarnation, 2);
}

#[test]
fn a_launch_that_never_arrived_is_repeated_after_the_next_reconciliation() {
    let mut world = world(1);
    world.loses_launches = true;
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    assert_eq!(world.conditions("/nginx"), [Condition::Provisioned]);
    world.loses_launches = false;
    // The master offers anew what nobody used.
    world.pass(Duration::from_secs(15));
    world.pass(Duration::from_secs(1));
    let instance = world.instances("/nginx")[0].clone();
    assert_eq!((instance.condition, instance.incarnation), (Condition::Running, 2));
}

#[test]
fn a_launch_is_overdue_half_a_minute_after_a_subscription_at_the_earliest() {
    let mut world = world(1);
    world.holds_tasks = true;
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    world.send(Command::Disconnected);
    world.pass(Duration::from_secs(1_000));
    let kills =
        |world: &World| world.calls.iter().filter(|call| matches!(call, Call::Kill { .. })).count();
    world.subscribe();
    world.now = world.now + Duration::from_secs(29);
    world.send(Command::Tick);
    assert_eq!(kills(&world), 0);
    world.now = world.now + Duration::from_secs(1);
    world.send(Command::Tick);
    assert_eq!(kills(&world), 1);
}

#[test]
fn a_launch_on_a_stale_offer_is_repeated_without_delay() {
    let mut world = world(1);
    world.holds_tasks = true;
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    let task = world.live_tasks().pop().unwrap();
    let mut dropped = update(&task, &AgentId::new("S0"), TaskState::Dropped);
    dropped.reason = Some("REASON_INVALID_OFFERS".to_owned());
    world.tasks.remove(&task);
    world.send(Command::StatusUpdate(dropped));
    world.pass(Duration::from_millis(200));
    assert_eq!(world.instances("/nginx")[0].incarnation, 2);
}

#[test]
fn a_delay_that_a_client_clears_is_over() {
    let (mut world, task) = running(1, json!({"backoffSeconds": 100}));
    world.set_state(&task, TaskState::Failed);
    world.pass(Duration::from_secs(1));
    let request = model::RequestId(1_000);
    world.send(Command::ResetDelay { request, app: id("/nginx") });
    world.settle();
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
}

#[test]
fn a_removed_framework_launches_everything_anew() {
    let patient =
        json!({"unreachableStrategy": {"inactiveAfterSeconds": 5, "expungeAfterSeconds": 600}});
    let (mut world, _) = running(2, patient);
    let agent = world.instances("/nginx")[0].agent().unwrap().to_string();
    world.lose_agent(&agent);
    world.pass(Duration::from_secs(10));
    world.create(app("/other", 2, json!({}))).unwrap();
    world.pass(Duration::from_secs(1));
    world.change(vec![AppChange::Scale { app: id("/other"), instances: 1 }], false).unwrap();
    // The master ends all of a removed framework's tasks, and the kill that is under way is void.
    world.send(Command::FrameworkRemoved);
    world.tasks.clear();
    assert_eq!(world.core.snapshot().framework, None);
    assert!(!world.records.contains_key("/marathon/framework"));
    let told = world.told();
    assert!(told.contains(&"scheduler_disconnected_event".to_owned()), "{told:?}");
    world.return_agent(&agent);
    world.calls.clear();
    world.subscribe();
    world.pass(Duration::from_secs(2));
    assert!(world.told().contains(&"scheduler_registered_event".to_owned()));
    assert_eq!(world.conditions("/nginx"), [Condition::Running], "its inactive double is gone");
    assert_eq!(world.conditions("/other"), [Condition::Running]);
    assert!(world.deployments().is_empty() && world.live_tasks().len() == 2);
    assert!(!world.calls.iter().any(|call| matches!(call, Call::Kill { .. })));
}
