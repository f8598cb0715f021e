//! Limits and filters of launching and killing, and the connection they go through.

use std::time::Duration;

use model::{AgentId, TaskState};
use serde_json::json;

use super::world::{World, app, id, update, world, world_of};
use crate::Command;
use crate::command::AppChange;
use crate::effect::Call;
use crate::instance::Condition;

fn accepts(world: &World) -> Vec<(usize, Duration)> {
    let accept = |call: &Call| match call {
        Call::Accept { launches, refuse, .. } => Some((launches.len(), *refuse)),
        Call::Decline { .. }
        | Call::Revive
        | Call::Suppress
        | Call::Kill { .. }
        | Call::Acknowledge { .. }
        | Call::Reconcile(_) => None,
    };
    world.calls.iter().filter_map(accept).collect()
}

#[test]
fn an_offer_takes_five_instances_and_its_rest_comes_back_at_once_while_more_wait() {
    let mut world = world(1);
    world.create(app("/many", 8, json!({}))).unwrap();
    world.settle();
    let long = Duration::from_secs(120);
    assert_eq!(accepts(&world), [(5, Duration::ZERO), (3, long)]);
}

#[test]
fn the_prefix_of_the_settings_goes_with_every_launch() {
    let mut world = world(1);
    world.core.settings.env_vars_prefix = "P_".into();
    world.create(app("/a", 2, json!({}))).unwrap();
    world.settle();
    let mut prefixes = Vec::new();
    for call in &world.calls {
        if let Call::Accept { launches, .. } = call {
            prefixes.extend(launches.iter().map(|launch| &*launch.env_vars_prefix));
        }
    }
    assert_eq!(prefixes, ["P_", "P_"]);
}

#[test]
fn offers_that_nothing_fits_stay_away_for_two_minutes() {
    let mut world = world(2);
    world.create(app("/big", 1, json!({"cpus": 100}))).unwrap();
    world.calls.clear();
    world.settle();
    let refuse = Duration::from_secs(120);
    let declined = world.calls.iter().any(
        |call| matches!(call, Call::Decline { offers, refuse: given } if offers.len() == 2 && *given == refuse),
    );
    assert!(declined, "{:?}", world.calls);
    assert!(!world.calls.contains(&Call::Suppress), "it still waits");
}

#[test]
fn offers_that_not_every_app_was_asked_about_come_back_soon() {
    let mut world = world(3);
    world.settle();
    world.core.settings.max_match_questions = 5;
    for number in 0..3 {
        world.create(app(&format!("/big{number}"), 1, json!({"cpus": 100}))).unwrap();
    }
    world.pass(Duration::from_secs(1));
    let declined: Vec<(usize, Duration)> = world
        .calls
        .iter()
        .filter_map(|call| match call {
            Call::Decline { offers, refuse } => Some((offers.len(), *refuse)),
            Call::Accept { .. }
            | Call::Revive
            | Call::Suppress
            | Call::Kill { .. }
            | Call::Acknowledge { .. }
            | Call::Reconcile(_) => None,
        })
        .collect();
    let last = declined[declined.len() - 2..].to_vec();
    // Three questions about the first offer, two about the second, none about the third.
    assert_eq!(last, [(1, Duration::from_secs(120)), (2, Duration::from_secs(5))]);
}

#[test]
fn apps_take_turns_on_an_offer() {
    let mut world = world_of(&["cpus:4;mem:1024;ports:[31000-31005]"]);
    world.send(Command::Disconnected);
    for name in ["/a", "/b", "/c"] {
        world.create(app(name, 4, json!({}))).unwrap();
    }
    world.subscribe();
    world.pass(Duration::from_secs(2));
    let running = |name: &str| {
        world.conditions(name).iter().filter(|one| **one == Condition::Running).count()
    };
    assert_eq!(["/a", "/b", "/c"].map(running), [2, 2, 2], "six ports for twelve instances");
}

#[test]
fn nothing_is_launched_while_the_app_backs_off() {
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({"backoffSeconds": 60}))).unwrap();
    world.settle();
    let task = world.live_tasks().pop().unwrap();
    world.set_state(&task, TaskState::Failed);
    world.settle();
    let last = world.calls.iter().rfind(|call| matches!(call, Call::Revive | Call::Suppress));
    assert_eq!(last, Some(&Call::Suppress), "no offers are needed");
    world.calls.clear();
    world.pass(Duration::from_secs(59));
    assert!(accepts(&world).is_empty() && !world.calls.contains(&Call::Revive));
    world.pass(Duration::from_secs(1));
    assert_eq!(accepts(&world).len(), 1);
}

#[test]
fn a_failing_app_does_not_hold_up_another_one() {
    let mut world = world(1);
    world.create(app("/bad", 1, json!({"backoffSeconds": 600}))).unwrap();
    world.settle();
    let task = world.live_tasks().pop().unwrap();
    world.set_state(&task, TaskState::Failed);
    world.settle();
    world.create(app("/good", 1, json!({}))).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.conditions("/good"), [Condition::Running]);
    assert_eq!(world.conditions("/bad"), [Condition::Failed]);
}

#[test]
fn at_most_a_hundred_kills_are_under_way() {
    let mut world = world_of(&["cpus:400;mem:40000;ports:[31000-31999]"]);
    world.create(app("/many", 150, json!({}))).unwrap();
    world.settle();
    world.calls.clear();
    world.change(vec![AppChange::Delete(id("/many"))], true).unwrap();
    for _ in 0..50 {
        world.send(Command::Tick); // Each takes a few more out of service.
    }
    let kills =
        |world: &World| world.calls.iter().filter(|call| matches!(call, Call::Kill { .. })).count();
    assert_eq!(kills(&world), 100);
    world.settle();
    assert_eq!(kills(&world), 150, "each end makes room for the next");
    assert!(world.live_tasks().is_empty() && world.deployments().is_empty());
}

#[test]
fn while_disconnected_nothing_is_called_and_afterwards_everything_is_made_up_for() {
    let mut world = world(1);
    world.create(app("/old", 1, json!({}))).unwrap();
    world.settle();
    world.pass(Duration::from_secs(1));
    world.send(Command::Disconnected);
    world.calls.clear();
    world.create(app("/new", 1, json!({}))).unwrap();
    world.change(vec![AppChange::Delete(id("/old"))], true).unwrap();
    world.now = world.now + Duration::from_secs(60);
    world.send(Command::Tick);
    assert!(world.calls.is_empty(), "{:?}", world.calls);
    world.subscribe();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.conditions("/new"), [Condition::Running]);
    assert!(world.instances("/old").is_empty());
}

#[test]
fn tasks_are_asked_for_after_fifteen_seconds_and_then_every_ten_minutes() {
    let mut world = world(0);
    let mut asked = |seconds: u64| {
        world.calls.clear();
        world.pass(Duration::from_secs(seconds));
        world.calls.iter().filter(|call| matches!(call, Call::Reconcile(_))).count()
    };
    assert_eq!([14, 1, 599, 1, 600].map(&mut asked), [0, 1, 0, 1, 1]);
}

#[test]
fn a_running_task_is_not_set_back_by_a_late_answer() {
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    let task = world.live_tasks().pop().unwrap();
    world.told();
    let agent = AgentId::new("S0");
    world.send(Command::StatusUpdate(update(&task, &agent, TaskState::Staging)));
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
    assert!(world.told().is_empty());
}

#[test]
fn a_task_lost_with_its_agent_is_unreachable_and_otherwise_gone() {
    for (reason, expected) in [
        ("REASON_AGENT_REMOVED", Condition::Unreachable),
        ("REASON_RECONCILIATION", Condition::Unreachable),
        ("REASON_CONTAINER_PREEMPTED", Condition::Gone),
    ] {
        let mut world = world(1);
        world.create(app("/nginx", 1, json!({"unreachableStrategy": "disabled"}))).unwrap();
        world.settle();
        let task = world.live_tasks().pop().unwrap();
        let mut lost = update(&task, &AgentId::new("S0"), TaskState::Lost);
        lost.reason = Some(reason.to_owned());
        world.send(Command::StatusUpdate(lost));
        assert_eq!(world.conditions("/nginx"), [expected], "{reason}");
    }
}

#[test]
fn health_results_are_counted() {
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    let task = world.live_tasks().pop().unwrap();
    for (healthy, counts) in [(true, (1, 0)), (false, (0, 1))] {
        let mut told = update(&task, &AgentId::new("S0"), TaskState::Running);
        told.healthy = Some(healthy);
        world.send(Command::StatusUpdate(told));
        let now = world.core.snapshot().apps[&id("/nginx")].counts;
        assert_eq!((now.healthy, now.unhealthy), counts);
    }
}

#[test]
fn an_update_without_uuid_is_not_acknowledged() {
    let mut world = world(1);
    world.create(app("/nginx", 1, json!({}))).unwrap();
    world.settle();
    let task = world.live_tasks().pop().unwrap();
    world.calls.clear();
    world.send(Command::StatusUpdate(update(&task, &AgentId::new("S0"), TaskState::Failed)));
    assert!(!world.calls.iter().any(|call| matches!(call, Call::Acknowledge { .. })));
}
