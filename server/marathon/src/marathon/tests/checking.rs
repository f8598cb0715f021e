//! Health checks and readiness checks, from the probe to the replaced instance (marathon.md §8.8, §8.3, §6.5).

use std::time::Duration;

use model::TaskState;
use serde_json::{Value, json};
use wire::marathon::Event;

use super::world::{World, app, id, update, world};
use crate::Command;
use crate::command::{AppChange, StatusUpdate};
use crate::health::{Answer, CheckResult, Outcome, ProbeOrder, Question};
use crate::instance::Condition;
use crate::render;
use crate::run_spec::Scheme;

fn status(status: u16) -> Outcome {
    let reason = if status == 503 { "Service Unavailable" } else { "" };
    let (reason, content_type) = (reason.to_owned(), "text/plain".to_owned());
    Outcome::Answered(Answer { status, reason, content_type, body: "body".to_owned() })
}

fn checked(more: Value) -> Value {
    let mut check = json!({"path": "/health", "intervalSeconds": 10, "gracePeriodSeconds": 0});
    check.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"healthChecks": [check]})
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Probes are kept and not answered until a test says what they find.
fn holding() -> World {
    let mut world = world(3);
    world.finds = None;
    world
}

fn healths(world: &World) -> Vec<Option<bool>> {
    world.instances("/a").iter().map(|instance| instance.healthy).collect()
}

fn counts(world: &World) -> (u32, u32) {
    let counts = world.core.snapshot().apps[&id("/a")].counts;
    (counts.healthy, counts.unhealthy)
}

#[test]
fn a_running_instance_is_asked_at_its_host_port_and_counts_when_it_answers() {
    let mut world = holding();
    world.create(app("/a", 1, checked(json!({})))).unwrap();
    world.settle();
    world.pass(seconds(4));
    assert!(world.probes.is_empty(), "not before min(interval, 5 s)");
    world.pass(seconds(1));
    let order = world.probes.pop().unwrap();
    let instance = &world.instances("/a")[0];
    let task = instance.task.as_ref().unwrap();
    assert_eq!((order.host.as_str(), order.port), (&*task.host, task.ports[0]));
    let path = "/health".to_owned();
    assert_eq!(order.question, Question::Http { scheme: Scheme::Http, path, wants_body: false });
    assert_eq!(order.timeout, seconds(20));
    assert_eq!((world.deployments().len(), counts(&world)), (1, (0, 0)), "it waits for health");
    world.told();
    world.send(Command::Probed { probe: order.id, outcome: status(200) });
    assert_eq!((world.deployments().len(), counts(&world)), (0, (1, 0)));
    assert_eq!(
        world.told(),
        [
            "health_status_changed_event",
            "instance_health_changed_event",
            "deployment_step_success",
            "deployment_success"
        ]
    );
    world.pass(seconds(9));
    assert!(world.probes.is_empty());
    world.pass(seconds(1));
    assert_eq!(world.probes.len(), 1, "again after the interval");
}

#[test]
fn checks_are_told_of_when_their_version_appears_and_when_its_app_goes() {
    let mut world = world(1);
    world.create(app("/a", 1, checked(json!({})))).unwrap();
    world.settle();
    world.pass(seconds(6));
    let told = world.told();
    let added: Vec<_> = told.iter().filter(|told| *told == "add_health_check_event").collect();
    assert_eq!(added.len(), 1, "{told:?}");
    let first = told.iter().position(|told| told == "deployment_info").unwrap();
    assert_eq!(told[first + 1], "add_health_check_event");
    world.change(vec![AppChange::Delete(id("/a"))], true).unwrap();
    assert!(world.told().contains(&"remove_health_check_event".to_owned()));
}

#[test]
fn an_instance_that_fails_too_often_is_killed_and_replaced() {
    let mut world = world(3);
    world.create(app("/a", 1, checked(json!({"maxConsecutiveFailures": 2})))).unwrap();
    world.settle();
    world.pass(seconds(6));
    let first = world.live_tasks();
    assert_eq!(counts(&world), (1, 0));
    world.finds = Some(status(503));
    world.pass(seconds(20));
    assert_eq!((world.live_tasks(), counts(&world)), (first.clone(), (0, 1)), "two are forgiven");
    world.told();
    world.pass(seconds(10));
    let told = world.told();
    assert_eq!(
        told[..2],
        ["failed_health_check_event", "unhealthy_instance_kill_event"],
        "{told:?}"
    );
    assert!(told.contains(&"TASK_KILLED".to_owned()));
    assert_ne!(world.live_tasks(), first);
    assert_eq!(world.conditions("/a"), [Condition::Running]);
    assert_eq!(
        (healths(&world), counts(&world)),
        (vec![None], (0, 0)),
        "nothing known of the new run"
    );
    let failure = world.core.snapshot().apps[&id("/a")].last_failure.clone().unwrap();
    assert_eq!(failure.state, TaskState::Killed);
    assert_eq!(
        failure.message,
        "Task was killed since health check failed. Reason: 503 Service Unavailable"
    );
    world.finds = Some(status(200));
    world.pass(seconds(6));
    assert_eq!(counts(&world), (1, 0));
}

#[test]
fn nobody_is_killed_in_the_grace_period_or_where_all_failures_are_forgiven() {
    for more in [json!({"gracePeriodSeconds": 3_600}), json!({"maxConsecutiveFailures": 0})] {
        let mut world = world(1);
        world.finds = Some(status(500));
        world.create(app("/a", 1, checked(more.clone()))).unwrap();
        world.settle();
        world.pass(seconds(6));
        let task = world.live_tasks();
        world.pass(seconds(600));
        assert_eq!(world.live_tasks(), task, "{more}");
        assert_eq!(counts(&world), (0, 1));
        let shown = render::tasks_of(&world.core.snapshot(), &id("/a"));
        assert!(!shown[0].health_check_results[0].alive);
    }
}

#[test]
fn answers_that_had_to_wait_for_their_turn_count_and_nothing_is_asked_meanwhile() {
    let mut world = holding();
    let forgiving = json!({"maxConsecutiveFailures": 0});
    world.create(app("/a", 1, checked(forgiving))).unwrap();
    world.settle();
    world.pass(seconds(5));
    let first = world.probes.pop().unwrap();
    world.pass(seconds(600));
    assert!(world.probes.is_empty(), "one question is out");
    let outcome = Outcome::Failed("no answer within 20 s".to_owned());
    world.send(Command::Probed { probe: first.id, outcome });
    assert_eq!(counts(&world), (0, 1));
    world.pass(seconds(1));
    assert_eq!(world.probes.len(), 1, "the interval is long over");
}

#[test]
fn answers_for_an_earlier_run_and_second_answers_count_for_nothing() {
    let mut world = holding();
    world.create(app("/a", 1, checked(json!({})))).unwrap();
    world.settle();
    world.pass(seconds(5));
    let late = world.probes.pop().unwrap();
    let task = world.live_tasks()[0].clone();
    world.set_state(&task, TaskState::Killed);
    world.pass(seconds(1));
    assert_ne!(world.live_tasks(), [task]);
    world.send(Command::Probed { probe: late.id, outcome: status(200) });
    assert_eq!(healths(&world), [None], "of the run before");
    world.pass(seconds(5));
    let answered = world.probes.pop().unwrap();
    for status_code in [200, 503] {
        let outcome = status(status_code);
        world.send(Command::Probed { probe: answered.id, outcome });
    }
    assert_eq!(healths(&world), [Some(true)], "answered twice");
}

#[test]
fn every_check_has_a_result_of_its_own() {
    let two = json!({"healthChecks": [{"path": "/a", "intervalSeconds": 5}, {"protocol": "TCP", "intervalSeconds": 3}]});
    let mut world = holding();
    world.create(app("/a", 1, two)).unwrap();
    world.settle();
    world.pass(seconds(5));
    let of = |world: &World, http: bool| -> ProbeOrder {
        let is_http = |order: &&ProbeOrder| (order.question != Question::Tcp) == http;
        world.probes.iter().find(is_http).unwrap().clone()
    };
    let (http, tcp) = (of(&world, true), of(&world, false));
    world.send(Command::Probed { probe: tcp.id, outcome: Outcome::Connected });
    assert_eq!((healths(&world), world.deployments().len()), (vec![None], 1));
    assert_eq!(counts(&world), (1, 0), "all results so far are good");
    world.send(Command::Probed { probe: http.id, outcome: status(200) });
    assert_eq!((healths(&world), world.deployments().len()), (vec![Some(true)], 0));
}

#[test]
fn a_rolling_upgrade_keeps_the_old_instances_until_the_new_ones_are_healthy() {
    let mut world = world(3);
    world.create(app("/a", 2, checked(json!({"gracePeriodSeconds": 600})))).unwrap();
    world.settle();
    world.pass(seconds(6));
    let old = world.live_tasks();
    world.finds = Some(status(503));
    let mut next = checked(json!({"gracePeriodSeconds": 600}));
    next["env"] = json!({"A": "1"});
    world.put(app("/a", 2, next)).unwrap();
    world.settle();
    world.finds = None;
    world.pass(seconds(60));
    let live = world.live_tasks();
    assert_eq!(live.len(), 4, "both old ones and both new ones");
    assert!(old.iter().all(|task| live.contains(task)));
    assert_eq!(world.deployments().len(), 1);
    world.finds = Some(status(200));
    world.pass(seconds(60));
    assert!(old.iter().all(|task| !world.live_tasks().contains(task)));
    assert_eq!((world.live_tasks().len(), world.deployments().len()), (2, 0));
}

#[test]
fn a_sick_instance_does_not_keep_a_deployment_from_scaling() {
    let mut world = world(3);
    world.create(app("/a", 2, checked(json!({"maxConsecutiveFailures": 0})))).unwrap();
    world.settle();
    world.pass(seconds(6));
    world.finds = Some(status(503));
    world.pass(seconds(10));
    assert_eq!(counts(&world), (0, 2));
    world.scale("/a", 1).unwrap();
    world.pass(seconds(1));
    assert_eq!((world.live_tasks().len(), world.deployments().len()), (1, 0));
}

#[test]
fn another_leader_goes_on_asking_and_believes_what_was_stored() {
    let mut world = world(1);
    world.create(app("/a", 1, checked(json!({"maxConsecutiveFailures": 1})))).unwrap();
    world.settle();
    world.pass(seconds(6));
    world.restart();
    world.settle();
    assert_eq!((healths(&world), counts(&world)), (vec![Some(true)], (1, 0)));
    assert!(render::tasks_of(&world.core.snapshot(), &id("/a"))[0].health_check_results.is_empty());
    let task = world.live_tasks();
    world.finds = Some(status(503));
    world.pass(seconds(6));
    assert_eq!(
        (world.live_tasks(), counts(&world)),
        (task.clone(), (0, 1)),
        "the first failure that it sees"
    );
    world.pass(seconds(10));
    assert_ne!(world.live_tasks(), task);
}

#[test]
fn a_kill_for_bad_health_is_not_forgotten_by_the_next_leader() {
    let mut world = world(1);
    world.create(app("/a", 1, checked(json!({"maxConsecutiveFailures": 1})))).unwrap();
    world.settle();
    world.pass(seconds(6));
    let task = world.live_tasks();
    world.finds = Some(status(503));
    world.pass(seconds(10));
    world.loses_kills = true;
    world.pass(seconds(10));
    assert_eq!(world.live_tasks(), task);
    world.loses_kills = false;
    world.restart();
    world.settle();
    assert_ne!(world.live_tasks(), task);
}

#[test]
fn what_mesos_finds_is_taken_as_it_is_told() {
    let mut world = world(1);
    world.holds_tasks = true;
    let check = json!({"healthChecks": [{"protocol": "MESOS_HTTP", "path": "/"}]});
    world.create(app("/a", 1, check)).unwrap();
    world.settle();
    let (task, agent) =
        world.tasks.iter().map(|(id, task)| (id.clone(), task.agent.clone())).next().unwrap();
    let tell = |world: &mut World, healthy, reason: Option<&str>| {
        let reason = reason.map(str::to_owned);
        let update = StatusUpdate { healthy, reason, ..update(&task, &agent, TaskState::Running) };
        world.send(Command::StatusUpdate(update));
    };
    const REPORT: Option<&str> = Some("REASON_TASK_HEALTH_CHECK_STATUS_UPDATED");
    tell(&mut world, None, None);
    world.pass(seconds(60));
    assert!(world.probes.is_empty(), "Marathon does not ask");
    assert_eq!((healths(&world), world.deployments().len()), (vec![None], 1));
    tell(&mut world, Some(true), REPORT);
    assert_eq!((healths(&world), world.deployments().len()), (vec![Some(true)], 0));
    world.pass(seconds(600));
    tell(&mut world, Some(false), REPORT);
    tell(&mut world, Some(false), REPORT);
    let failures = |world: &World| {
        render::tasks_of(&world.core.snapshot(), &id("/a"))[0].health_check_results[0]
            .consecutive_failures
    };
    assert_eq!(failures(&world), 2);
    tell(&mut world, Some(false), Some("REASON_RECONCILIATION"));
    assert_eq!(failures(&world), 2, "said before");
    let is_check_event = |event: &Event| {
        matches!(event, Event::FailedHealthCheck(_) | Event::HealthStatusChanged(_))
    };
    assert!(!world.events.iter().any(is_check_event), "only Marathon's own checks are told");
    assert_eq!(world.live_tasks(), std::slice::from_ref(&task), "Mesos kills, not Marathon");
}

#[test]
fn what_a_plain_check_finds_is_shown_and_decides_nothing() {
    let mut world = world(1);
    world.holds_tasks = true;
    let checked =
        json!({"container": null, "networks": null, "cmd": "sleep 1", "check": {"http": {}}});
    world.create(app("/a", 1, checked)).unwrap();
    world.settle();
    let (task, agent) =
        world.tasks.iter().map(|(id, task)| (id.clone(), task.agent.clone())).next().unwrap();
    let tell = |world: &mut World, state, check, reason: Option<&str>| {
        let reason = reason.map(str::to_owned);
        let update = StatusUpdate { check, reason, ..update(&task, &agent, state) };
        world.send(Command::StatusUpdate(update));
    };
    let shown = |world: &World| {
        let task = render::tasks_of(&world.core.snapshot(), &id("/a"))[0].clone();
        serde_json::to_value(task).unwrap().get("checkResult").cloned()
    };
    const REPORT: Option<&str> = Some("REASON_TASK_CHECK_STATUS_UPDATED");
    tell(&mut world, TaskState::Running, None, None);
    assert_eq!((shown(&world), world.deployments().len()), (None, 0), "nobody waits for it");
    let events = world.events.len();
    tell(&mut world, TaskState::Running, Some(CheckResult::Http { status: Some(503) }), REPORT);
    assert_eq!(shown(&world), Some(json!({"http": {"statusCode": 503}})));
    assert_eq!(world.events.len(), events + 1, "a status update is told");
    assert_eq!(healths(&world), [None]);
    // An answer to reconciliation repeats what was found, and may bring what was missed.
    const RECONCILED: Option<&str> = Some("REASON_RECONCILIATION");
    tell(&mut world, TaskState::Running, Some(CheckResult::Http { status: None }), RECONCILED);
    assert_eq!(shown(&world), Some(json!({})), "there was no answer");
    tell(&mut world, TaskState::Running, None, RECONCILED);
    assert_eq!(shown(&world), Some(json!({})));
    tell(&mut world, TaskState::Failed, None, None);
    assert_eq!(shown(&world), None, "the run has ended");
}

fn ready_app(name: &str) -> Value {
    json!({"env": {"NAME": name},
        "container": {"type": "DOCKER", "docker": {"image": "nginx"},
            "portMappings": [{"containerPort": 80, "hostPort": 0, "name": "http-api"}]},
        "readinessChecks": [{"path": "/ready", "intervalSeconds": 5, "timeoutSeconds": 2, "preserveLastResponse": true}]})
}

#[test]
fn a_deployment_waits_until_its_instances_are_ready_and_shows_what_they_answer() {
    let mut world = world(2);
    world.finds = Some(status(503));
    world.create(app("/a", 1, ready_app("one"))).unwrap();
    world.settle();
    world.pass(seconds(20));
    assert_eq!(world.deployments().len(), 1);
    let snapshot = world.core.snapshot();
    let shown = serde_json::to_value(render::deployments(&snapshot)).unwrap();
    let task = world.live_tasks()[0].to_string();
    assert_eq!(
        shown[0]["currentActions"][0]["readinessCheckResults"],
        json!([{"name": "readinessCheck", "taskId": task, "ready": false,
            "lastResponse": {"status": 503, "contentType": "text/plain", "body": "body"}}])
    );
    let embed = render::Embed::LIST.with("apps.readiness");
    let shown = render::app_with_status(&snapshot, &snapshot.apps[&id("/a")], embed);
    assert_eq!(shown.readiness_check_results.unwrap().len(), 1);
    world.finds = Some(status(200));
    world.pass(seconds(5));
    assert_eq!(world.deployments().len(), 0);
    world.finds = None;
    world.pass(seconds(60));
    assert!(world.probes.is_empty(), "once ready it is not asked again");
    let snapshot = world.core.snapshot();
    let shown = render::app_with_status(&snapshot, &snapshot.apps[&id("/a")], embed);
    assert_eq!(shown.readiness_check_results, None, "only while deploying");
}

#[test]
fn an_upgrade_waits_for_readiness_also_under_another_leader() {
    let mut world = world(2);
    world.finds = Some(status(200));
    world.create(app("/a", 1, ready_app("one"))).unwrap();
    world.settle();
    world.pass(seconds(5));
    let old = world.live_tasks()[0].clone();
    world.finds = Some(Outcome::Failed("connection refused".to_owned()));
    world.put(app("/a", 1, ready_app("two"))).unwrap();
    world.settle();
    world.pass(seconds(20));
    world.restart();
    world.pass(seconds(20));
    assert_eq!((world.live_tasks().len(), world.deployments().len()), (2, 1));
    assert!(world.live_tasks().contains(&old));
    world.finds = Some(status(200));
    world.pass(seconds(10));
    assert_eq!((world.live_tasks().len(), world.deployments().len()), (1, 0));
    assert!(!world.live_tasks().contains(&old));
}
