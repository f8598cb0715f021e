//! From a posted app to running tasks.

use std::time::Duration;

use serde_json::json;

use super::world::{app, id, world, world_of};
use crate::effect::{Call, Effect, Refusal};
use crate::instance::Condition;
use crate::queue::RejectReason;

#[test]
fn a_posted_app_is_stored_before_it_is_answered_and_runs_after_an_offer() {
    let mut world = world(1);
    world.told();
    world.create(app("/nginx", 1, json!({}))).unwrap();
    assert_eq!(world.conditions("/nginx"), [Condition::Scheduled]);
    assert_eq!(world.deployments().len(), 1);
    world.settle();
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
    assert!(world.deployments().is_empty());
    assert_eq!(
        world.told(),
        [
            "group_change_success",
            "deployment_info",
            "deployment_step_success",
            "deployment_info",
            "instance Scheduled",
            "instance Provisioned",
            "TASK_STARTING",
            "instance Starting",
            "TASK_RUNNING",
            "instance Running",
            "deployment_step_success",
            "deployment_success",
        ]
    );
    let snapshot = world.core.snapshot();
    let stored = &snapshot.apps[&id("/nginx")];
    assert_eq!((stored.counts.running, stored.counts.staged), (1, 0));
    assert_eq!(stored.definition.spec.service_ports(), [10_000]);
    assert!(snapshot.queue.is_empty());
}

#[test]
fn writes_come_before_the_reply_and_the_accept() {
    let mut world = world(1);
    let request = model::RequestId(99);
    let changes = vec![crate::command::AppChange::Create(app("/a", 1, json!({})))];
    let change = crate::command::ChangeApps { request, changes, force: false, caller: None };
    let effects = world.core.apply(world.now, crate::Command::ChangeApps(change));
    let position = |found: &dyn Fn(&Effect) -> bool| effects.iter().position(found).unwrap();
    let reply = position(&|effect| matches!(effect, Effect::Reply { .. }));
    let writes = effects.iter().filter(|effect| matches!(effect, Effect::Persist(_))).count();
    assert!(effects[..reply].iter().filter(|e| matches!(e, Effect::Persist(_))).count() == writes);
    assert!(position(&|effect| *effect == Effect::Call(Call::Revive)) > reply);
}

#[test]
fn an_id_is_taken_once() {
    let mut world = world(1);
    world.create(app("/a/b", 0, json!({}))).unwrap();
    let again = world.create(app("/a/b", 0, json!({})));
    assert_eq!(again, Err(Refusal::AppExists(id("/a/b"))));
    assert_eq!(Refusal::AppExists(id("/a/b")).to_string(), "An app with id [/a/b] already exists.");
    assert_eq!(world.create(app("/a", 0, json!({}))), Err(Refusal::GroupExists(id("/a"))));
    assert_eq!(world.create(app("/a/b/c", 0, json!({}))), Err(Refusal::BelowApp(id("/a/b/c"))));
    world.create(app("/a-b", 0, json!({}))).unwrap();
}

#[test]
fn an_app_without_instances_is_deployed_at_once() {
    let mut world = world(1);
    world.create(app("/none", 0, json!({}))).unwrap();
    assert!(world.deployments().is_empty());
    assert!(world.instances("/none").is_empty());
}

#[test]
fn instances_spread_over_the_agents_that_offer() {
    let mut world = world(3);
    world.create(app("/web", 6, json!({}))).unwrap();
    world.settle();
    assert_eq!(world.hosts("/web"), ["host0", "host0", "host1", "host1", "host2", "host2"]);
}

#[test]
fn unique_hosts_hold_one_instance_each_and_the_rest_waits_with_its_reason() {
    let mut world = world(2);
    let unique = json!({"constraints": [["hostname", "UNIQUE"]]});
    world.create(app("/nginx", 3, unique)).unwrap();
    world.settle();
    assert_eq!(world.hosts("/nginx"), ["host0", "host1"]);
    let entry = world.core.snapshot().queue[&id("/nginx")].clone();
    assert_eq!(entry.count, 1);
    let steps = entry.offers.last_offers();
    let constraint =
        steps.iter().find(|s| s.reason == RejectReason::UnfulfilledConstraint).unwrap();
    assert_eq!((constraint.declined, constraint.processed), (2, 2));
    assert_eq!(world.deployments().len(), 1, "it waits for ever");
    world.scale("/nginx", 2).unwrap_err();
}

#[test]
fn a_fixed_port_that_is_taken_or_not_offered_refuses_the_offer() {
    let mut world = world(1);
    let fixed = |port: u16| {
        json!({"container": {"type": "DOCKER", "docker": {"image": "x"},
            "portMappings": [{"containerPort": 80, "hostPort": port}]}})
    };
    world.create(app("/first", 1, fixed(31_003))).unwrap();
    world.settle();
    assert_eq!(world.instances("/first")[0].task.as_ref().unwrap().ports, [31_003]);
    for (name, port) in [("/second", 31_003), ("/never", 8_080)] {
        world.create(app(name, 1, fixed(port))).unwrap();
        world.pass(Duration::from_secs(1));
        assert_eq!(world.conditions(name), [Condition::Scheduled]);
        let entry = world.core.snapshot().queue[&id(name)].clone();
        let last = entry.offers.last_unused.values().next().unwrap().reasons.clone();
        assert_eq!(last, [RejectReason::InsufficientPorts]);
    }
}

#[test]
fn random_ports_of_one_agent_never_repeat() {
    let mut world = world(1);
    world.create(app("/many", 10, json!({}))).unwrap();
    world.settle();
    let mut ports: Vec<u16> =
        world.instances("/many").iter().flat_map(|i| i.task.clone().unwrap().ports).collect();
    ports.sort_unstable();
    assert_eq!(ports, (31_000..31_010).collect::<Vec<_>>());
}

#[test]
fn an_app_too_large_for_every_agent_says_what_is_missing() {
    let mut world = world_of(&["cpus:1;mem:64;ports:[31000-31001]"]);
    world.create(app("/big", 1, json!({"cpus": 2, "mem": 128}))).unwrap();
    world.settle();
    let entry = world.core.snapshot().queue[&id("/big")].clone();
    let unused = entry.offers.last_unused.values().next().unwrap();
    assert_eq!(unused.reasons, [RejectReason::InsufficientCpus, RejectReason::InsufficientMemory]);
    assert_eq!((entry.offers.processed, entry.offers.unused), (1, 1));
    assert!(entry.is_overdue(world.now));
}

#[test]
fn several_apps_share_one_pass_over_the_offers() {
    let mut world = world(2);
    world.holds_tasks = true;
    for name in ["/a", "/b", "/c"] {
        world.create(app(name, 1, json!({}))).unwrap();
    }
    world.calls.clear();
    world.settle();
    let accepts = world.calls.iter().filter(|call| matches!(call, Call::Accept { .. })).count();
    assert_eq!(accepts, 2, "one per offer: {:?}", world.calls);
    assert_eq!(world.tasks.len(), 3);
}

#[test]
fn offers_are_suppressed_while_nothing_waits_and_revived_at_once_when_something_does() {
    let mut world = world(1);
    world.settle();
    assert_eq!(world.calls.last(), Some(&Call::Suppress));
    world.pass(Duration::from_secs(1));
    world.calls.clear();
    world.create(app("/a", 1, json!({}))).unwrap();
    assert_eq!(world.calls, [Call::Revive]);
    world.create(app("/b", 1, json!({}))).unwrap();
    assert_eq!(world.calls, [Call::Revive], "the next one waits for its interval");
    world.pass(Duration::from_millis(200));
    assert_eq!(world.conditions("/b"), [Condition::Running]);
}

#[test]
fn what_cannot_be_stored_is_refused_and_changes_nothing() {
    let mut world = world(1);
    let text = "x".repeat(1_100_000);
    let refusal = world.create(app("/big", 1, json!({"env": {"TEXT": text}}))).unwrap_err();
    assert!(refusal.to_string().starts_with("App '/big' takes 11"), "{refusal}");
    let text = "x".repeat(900_000);
    let many = (0..50).map(|n| {
        let more = json!({"env": {"TEXT": text}});
        crate::command::AppChange::Create(app(&format!("/many/{n}"), 0, more))
    });
    let refusal = world.change(many.collect(), false).unwrap_err();
    assert!(refusal.to_string().starts_with("The change as a whole takes"), "{refusal}");
    world.create(app("/small", 1, json!({}))).unwrap();
    world.settle();
    assert_eq!(world.conditions("/small"), [Condition::Running]);
}

#[test]
fn one_app_after_the_other_waits_for_no_interval() {
    let mut world = world(1);
    world.settle();
    for name in ["/a", "/b", "/c"] {
        world.calls.clear();
        world.create(app(name, 1, json!({}))).unwrap();
        assert_eq!(world.calls, [Call::Revive], "{name}");
        world.settle();
        assert_eq!(world.conditions(name), [Condition::Running]);
    }
}

#[test]
fn dependencies_are_started_first() {
    let mut world = world(1);
    world.holds_tasks = true;
    let both = vec![
        crate::command::AppChange::Create(app("/web", 1, json!({"dependencies": ["/db"]}))),
        crate::command::AppChange::Create(app("/db", 1, json!({}))),
    ];
    world.change(both, false).unwrap();
    world.settle();
    assert!(world.instances("/web").is_empty());
    let task = world.live_tasks().pop().unwrap();
    world.set_state(&task, model::TaskState::Running);
    world.pass(Duration::from_millis(200));
    assert_eq!(world.conditions("/db"), [Condition::Running]);
    assert_eq!(world.conditions("/web"), [Condition::Provisioned]);
}

#[test]
fn an_app_that_came_up_once_holds_up_no_step() {
    let mut world = world(1);
    world.holds_tasks = true;
    let both = ["/first", "/second"].map(|name| app(name, 1, json!({"backoffSeconds": 600})));
    world.change(both.map(crate::command::AppChange::Create).into(), false).unwrap();
    world.settle();
    let task_of =
        |world: &super::world::World, name: &str| world.instances(name)[0].task.clone().unwrap().id;
    let (first, second) = (task_of(&world, "/first"), task_of(&world, "/second"));
    world.set_state(&first, model::TaskState::Running);
    world.settle();
    assert_eq!(world.deployments().len(), 1, "the second is not up");
    world.set_state(&first, model::TaskState::Failed);
    world.set_state(&second, model::TaskState::Running);
    world.settle();
    assert!(world.deployments().is_empty(), "both have been up");
    assert_eq!(world.conditions("/first"), [Condition::Failed]);
}

#[test]
fn a_deployment_is_awaited_anew_by_the_next_leader() {
    let mut world = world(1);
    world.holds_tasks = true;
    let both = ["/first", "/second"].map(|name| app(name, 1, json!({})));
    world.change(both.map(crate::command::AppChange::Create).into(), false).unwrap();
    world.settle();
    let tasks = world.live_tasks();
    world.set_state(&tasks[0], model::TaskState::Running);
    world.pass(Duration::from_secs(1));
    world.restart();
    world.settle();
    assert_eq!(world.deployments().len(), 1);
    world.set_state(&tasks[1], model::TaskState::Running);
    world.settle();
    assert!(world.deployments().is_empty());
    assert_eq!(world.live_tasks(), tasks);
}
