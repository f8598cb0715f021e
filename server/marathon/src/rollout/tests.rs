use std::sync::Arc;

use model::{AgentId, AppId, Attributes, InstanceId, Role, Timestamp};
use serde_json::json;

use super::*;
use crate::identity;
use crate::instance::Task;
use crate::run_spec::{RunSpec, VersionInfo};

const OLD: Timestamp = Timestamp::from_millis(1_000);
const NEW: Timestamp = Timestamp::from_millis(2_000);

fn target(instances: u32, min: f64, over: f64) -> VersionedRunSpec {
    let posted = json!({"id": "/a", "instances": instances,
        "container": {"docker": {"image": "x", "network": "BRIDGE"}},
        "upgradeStrategy": {"minimumHealthCapacity": min, "maximumOverCapacity": over}});
    let spec = RunSpec::parse(serde_json::from_value(posted).unwrap()).unwrap();
    let info = VersionInfo { last_scaling_at: NEW, last_config_change_at: NEW };
    VersionedRunSpec { spec, version: NEW, info }
}

/// Instances of a version and a condition, the youngest last.
fn instances(groups: &[(usize, Timestamp, Condition)]) -> Instances {
    let mut all = Instances::new();
    for (count, version, condition) in groups {
        for _ in 0..*count {
            let number = all.len();
            let id = InstanceId::new(format!("a.instance-{number:04}"));
            all.insert(id.clone(), Arc::new(instance(id, number, *version, *condition)));
        }
    }
    all
}

fn instance(id: InstanceId, number: usize, version: Timestamp, condition: Condition) -> Instance {
    let at = Timestamp::from_millis(10_000 + i64::try_from(number).unwrap());
    let task = Task {
        id: identity::task_of(&id, 1),
        agent: AgentId::new("S0"),
        host: "h".into(),
        attributes: Arc::new(Attributes::default()),
        role: Role::any(),
        state: None,
        staged_at: at,
        started_at: Some(at),
        ports: Vec::new(),
        addresses: Vec::new(),
        news: None,
    };
    Instance {
        id,
        app: AppId::parse("/a").unwrap(),
        version,
        goal: Goal::Running,
        condition,
        since: at,
        incarnation: 1,
        task: (condition != Condition::Scheduled).then_some(task),
        healthy: None,
        checks: Default::default(),
    }
}

fn numbers(ids: &[InstanceId]) -> Vec<usize> {
    ids.iter().map(|id| id.as_str()[11..].parse().unwrap()).collect()
}

#[test]
fn the_arithmetic_of_a_restart_is_that_of_the_reference() {
    // N, min, over, old running now -> killed at once, started at once (marathon.md §8.3).
    let table = [
        (10, 1.0, 1.0, 10, 0, 10),
        (10, 0.1, 1.0, 10, 9, 10),
        (2, 0.5, 0.0, 2, 1, 0),
        (1, 0.5, 0.0, 1, 0, 1),
        (1, 0.5, 0.0, 0, 0, 1),
        (10, 0.1, 0.0, 1, 0, 9),
        (4, 0.0, 0.0, 4, 4, 0),
        (3, 0.7, 0.0, 3, 0, 1),
        (5, 1.0, 1.0, 8, 3, 2),
    ];
    for (wanted, min, over, running, killed, started) in table {
        let observed = instances(&[(running, OLD, Condition::Running)]);
        let next = next_actions(ActionKind::Restart, Some(&target(wanted, min, over)), &observed);
        let case = format!("{wanted} {min}/{over} with {running}");
        assert_eq!(next.decommission.len(), killed, "{case}");
        assert_eq!(next.schedule, started, "{case}");
        assert!(!next.is_done, "{case}");
    }
}

#[test]
fn each_new_instance_that_serves_lets_one_old_one_go() {
    let target = target(3, 1.0, 1.0);
    let new = |ready| (ready, NEW, Condition::Running);
    for ready in 0..=3 {
        let starting = (3 - ready, NEW, Condition::Starting);
        let observed = instances(&[(3, OLD, Condition::Running), new(ready), starting]);
        let next = next_actions(ActionKind::Restart, Some(&target), &observed);
        assert_eq!((next.decommission.len(), next.schedule), (ready, 0));
    }
    let done = next_actions(ActionKind::Restart, Some(&target), &instances(&[new(3)]));
    assert_eq!(done, NextActions { is_done: true, ..NextActions::default() });
}

/// Instances of an app with a health check that says `healthy` of each.
fn checked(groups: &[(usize, Timestamp, bool)]) -> Instances {
    let mut all = Instances::new();
    for (count, version, healthy) in groups {
        for _ in 0..*count {
            let number = all.len();
            let id = InstanceId::new(format!("a.instance-{number:04}"));
            let mut instance = instance(id.clone(), number, *version, Condition::Running);
            instance.checks.results = vec![None];
            instance.healthy = Some(*healthy);
            all.insert(id, Arc::new(instance));
        }
    }
    all
}

#[test]
fn sick_old_instances_are_no_capacity_and_go_before_healthy_ones() {
    // N, min, over, old healthy, old sick, new healthy -> killed (the sick ones of them), started.
    let table = [
        (3, 0.5, 0.0, (2, 1, 0), (1, 1), 0),
        (3, 0.3, 1.0, (2, 1, 0), (1, 1), 3),
        (2, 1.0, 1.0, (0, 2, 0), (0, 0), 2),
        (2, 1.0, 1.0, (0, 2, 1), (1, 1), 1),
        (2, 1.0, 1.0, (0, 2, 2), (2, 2), 0),
        (2, 1.0, 1.0, (1, 1, 1), (1, 1), 1),
        // No room for a new one but in the place of a sick one.
        (2, 1.0, 0.0, (0, 2, 0), (1, 1), 0),
        (2, 0.5, 0.0, (0, 2, 0), (1, 1), 0),
    ];
    for (wanted, min, over, (healthy, sick, new), (killed, killed_sick), started) in table {
        let observed = checked(&[(healthy, OLD, true), (sick, OLD, false), (new, NEW, true)]);
        let target = target(wanted, min, over);
        let next = next_actions(ActionKind::Restart, Some(&target), &observed);
        let case = format!("{wanted} {min}/{over} of {healthy} + {sick} + {new}");
        assert_eq!((next.decommission.len(), next.schedule), (killed, started), "{case}");
        let of_sick = numbers(&next.decommission);
        let of_sick = of_sick.iter().filter(|number| (healthy..healthy + sick).contains(number));
        assert_eq!(of_sick.count(), killed_sick, "{case}");
    }
}

#[test]
fn old_instances_that_do_not_serve_go_at_once() {
    let observed = instances(&[(1, OLD, Condition::Staging), (1, OLD, Condition::Failed)]);
    let next = next_actions(ActionKind::Restart, Some(&target(2, 1.0, 0.0)), &observed);
    assert_eq!(numbers(&next.decommission), [0, 1]);
    assert_eq!(next.schedule, 1, "the staging one still holds its place");
}

#[test]
fn scaling_down_takes_waiting_ones_first_then_old_ones_then_the_youngest() {
    let observed = instances(&[
        (1, NEW, Condition::Running),
        (1, OLD, Condition::Running),
        (2, NEW, Condition::Running),
        (1, NEW, Condition::Failed),
        (1, NEW, Condition::Scheduled),
    ]);
    let first = |wanted| {
        let next = next_actions(ActionKind::Scale, Some(&target(wanted, 1.0, 1.0)), &observed);
        numbers(&next.decommission)
    };
    let mut waiting = first(4);
    waiting.sort_unstable();
    assert_eq!(waiting, [4, 5]);
    assert_eq!(first(3)[2], 1, "the old configuration");
    assert_eq!(first(2)[3], 3, "the youngest");
    assert_eq!(first(1)[4], 2);
}

#[test]
fn scaling_down_keeps_groups_even() {
    let mut target = target(3, 1.0, 1.0);
    let posted = json!({"id": "/a", "instances": 3, "constraints": [["hostname", "GROUP_BY"]],
        "container": {"docker": {"image": "x", "network": "BRIDGE"}}});
    target.spec = RunSpec::parse(serde_json::from_value(posted).unwrap()).unwrap();
    let mut observed = instances(&[(6, NEW, Condition::Running)]);
    // Three on one host, two on another, the youngest alone on a third.
    for (number, host) in ["a", "a", "a", "b", "b", "c"].into_iter().enumerate() {
        let id = InstanceId::new(format!("a.instance-{number:04}"));
        let instance = Arc::make_mut(observed.get_mut(&id).unwrap());
        instance.task.as_mut().unwrap().host = host.into();
    }
    let next = next_actions(ActionKind::Scale, Some(&target), &observed);
    assert_eq!(numbers(&next.decommission), [2, 4, 1]);
}

#[test]
fn scaling_up_schedules_what_is_missing_and_is_done_when_all_serve() {
    let target = target(3, 1.0, 1.0);
    let next = |groups: &[_]| next_actions(ActionKind::Scale, Some(&target), &instances(groups));
    assert_eq!(next(&[(1, NEW, Condition::Running)]).schedule, 2);
    assert!(!next(&[(2, NEW, Condition::Running), (1, NEW, Condition::Failed)]).is_done);
    assert!(next(&[(3, NEW, Condition::Running)]).is_done);
    let replaced = [(1, NEW, Condition::UnreachableInactive), (2, NEW, Condition::Running)];
    assert_eq!(next(&replaced).schedule, 1);
}

#[test]
fn an_app_that_is_removed_or_scaled_to_nothing_is_stopped() {
    let observed =
        instances(&[(1, NEW, Condition::Running), (1, NEW, Condition::UnreachableInactive)]);
    for (kind, target) in [
        (ActionKind::Stop, None),
        (ActionKind::Scale, None),
        (ActionKind::Scale, Some(target(0, 1.0, 1.0))),
    ] {
        let next = next_actions(kind, target.as_ref(), &observed);
        assert_eq!((next.decommission.len(), next.is_done), (2, false));
        assert!(next_actions(kind, target.as_ref(), &Instances::new()).is_done);
    }
}
