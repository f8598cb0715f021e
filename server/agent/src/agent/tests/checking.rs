//! Checks from the first question to the end of the task (mesos.md §5.4).

use model::TaskState;
use wire::link::{Ping, RunTask, master_frame};
use wire::mesos::v1;
use wire::mesos::v1::task_status::Reason;

use super::harness::{Harness, key, launch, state_of, update, updates};
use crate::check::{CheckKind, Outcome, Probe, Question};
use crate::container::{FoundContainer, FoundState};
use crate::fixtures::{marathon, nginx_task};
use crate::{Command, Effect, Launch};

/// nginx with an HTTP check: first after 15 s, then every 10 s; 10 s of grace; the second failure ends it.
fn checked(task: &str) -> v1::TaskInfo {
    let http = v1::health_check::HttpCheckInfo {
        port: 80,
        path: Some("/health".to_owned()),
        ..Default::default()
    };
    let check = v1::HealthCheck {
        r#type: Some(v1::health_check::Type::Http.into()),
        http: Some(http),
        consecutive_failures: Some(2),
        ..Default::default()
    };
    v1::TaskInfo { health_check: Some(Box::new(check)), ..nginx_task(task, 31_000) }
}

fn running(info: v1::TaskInfo) -> (Harness, model::ContainerId) {
    let mut harness = Harness::admitted();
    let launch = launch(&harness.run_info(info));
    harness.apply(Command::ImageReady(launch.task.clone(), launch.container.clone()));
    harness.apply(Command::ContainerLaunched(
        launch.task.clone(),
        launch.container.clone(),
        super::harness::inspection(),
    ));
    harness.acknowledge_head("t");
    harness.acknowledge_head("t");
    (harness, launch.container)
}

/// Lets time pass second by second; the master pings meanwhile.
fn pass(harness: &mut Harness, seconds: u64) -> Vec<Effect> {
    let mut effects = Vec::new();
    for _ in 0..seconds {
        harness.answer(master_frame::Body::Ping(Ping::default()));
        effects.extend(harness.pass(1));
    }
    effects
}

fn probe(effects: &[Effect]) -> Option<Probe> {
    effects.iter().find_map(|effect| match effect {
        Effect::Probe(probe) => Some(Probe::clone(probe)),
        _ => None,
    })
}

fn answer(harness: &mut Harness, probe: &Probe, outcome: Outcome) -> Vec<Effect> {
    let (task, kind, number) = (probe.task.clone(), probe.kind, probe.number);
    harness.apply(Command::Probed { task, kind, number, outcome })
}

#[test]
fn a_task_is_asked_in_its_time_and_its_health_is_told() {
    let (mut harness, container) = running(checked("t"));
    assert_eq!(probe(&pass(&mut harness, 14)), None);
    let first = probe(&pass(&mut harness, 1)).unwrap();
    let path = "/health".to_owned();
    assert_eq!(first.question, Question::Http { is_tls: false, port: 80, path, is_v6: false });
    assert_eq!((&first.container, first.kind), (&container, CheckKind::Health));
    assert_eq!(first.name, format!("mesos-S5.{container}"));
    let told = update(&answer(&mut harness, &first, Outcome::Answered(200))).status;
    assert_eq!((told.state(), told.healthy), (v1::TaskState::TaskRunning, Some(true)));
    assert_eq!(told.reason(), Reason::TaskHealthCheckStatusUpdated);
    let network = &told.container_status.unwrap().network_infos[0];
    assert_eq!(network.ip_addresses[0].ip_address(), "172.17.0.2", "the container's own address");
    harness.acknowledge_head("t");
    // Answered: again after the interval; and the overdue timer of the first question asks nothing.
    let second = probe(&pass(&mut harness, 10)).unwrap();
    assert!(updates(&answer(&mut harness, &second, Outcome::Answered(302))).is_empty(), "no news");
    assert_eq!(probe(&pass(&mut harness, 9)), None);
    assert!(probe(&pass(&mut harness, 1)).is_some());
}

#[test]
fn every_counted_failure_is_told_and_the_last_one_ends_the_task() {
    let (mut harness, container) = running(checked("t"));
    let mut failures = Vec::new();
    let mut probed = probe(&pass(&mut harness, 15)).unwrap();
    for _ in 0..2 {
        failures = answer(&mut harness, &probed, Outcome::Answered(503));
        let told = update(&failures).status;
        assert_eq!((told.state(), told.healthy), (v1::TaskState::TaskRunning, Some(false)));
        assert_eq!(told.message(), "Unexpected HTTP response code: 503");
        harness.acknowledge_head("t");
        if let Some(next) = probe(&pass(&mut harness, 10)) {
            probed = next;
        }
    }
    assert!(failures.iter().any(|effect| matches!(effect, Effect::Stop { .. })), "{failures:?}");
    assert_eq!(harness.state("t"), TaskState::Killing);
    assert_eq!(
        probe(&pass(&mut harness, 60)),
        None,
        "a task that has to end is not asked any more"
    );
    let told = harness.ended("t", &container, 137);
    harness.acknowledge_head("t");
    let last = harness.agent.snapshot().tasks[&key("t")].statuses.last().unwrap().clone();
    assert_eq!((last.state(), last.healthy), (v1::TaskState::TaskKilled, Some(false)), "{told:?}");
}

/// Puts the order to run a task with an id that was used before.
fn run_again(harness: &mut Harness, info: v1::TaskInfo) -> Launch {
    let order = RunTask { framework: marathon(), task: info, launch_id: "another".to_owned() };
    let launch = launch(&harness.answer(master_frame::Body::RunTask(Box::new(order))));
    harness.apply(Command::ImageReady(launch.task.clone(), launch.container.clone()));
    harness.apply(Command::ContainerLaunched(
        launch.task.clone(),
        launch.container.clone(),
        super::harness::inspection(),
    ));
    launch
}

#[test]
fn an_answer_that_had_to_wait_for_its_turn_counts_and_nothing_is_asked_meanwhile() {
    let (mut harness, _) = running(checked("t"));
    let first = probe(&pass(&mut harness, 15)).unwrap();
    assert_eq!(probe(&pass(&mut harness, 600)), None, "one question is out");
    let failed = Outcome::Failed("no answer within 20 s".to_owned());
    assert_eq!(update(&answer(&mut harness, &first, failed.clone())).status.healthy, Some(false));
    assert!(answer(&mut harness, &first, failed).is_empty(), "answered twice");
    harness.acknowledge_head("t");
    assert!(probe(&pass(&mut harness, 10)).is_some(), "after the interval");
}

#[test]
fn a_task_whose_id_was_used_before_is_checked_in_its_own_time() {
    let (mut harness, container) = running(checked("t"));
    pass(&mut harness, 5);
    harness.ended("t", &container, 0);
    harness.acknowledge_head("t");
    let again = run_again(&mut harness, checked("t"));
    // The timer of the run before goes off meanwhile.
    assert_eq!(probe(&pass(&mut harness, 14)), None);
    let first = probe(&pass(&mut harness, 1)).expect("the check of the new run");
    assert_eq!(first.container, again.container);
}

#[test]
fn the_answer_of_an_earlier_run_counts_for_nothing() {
    let (mut harness, container) = running(checked("t"));
    let late = probe(&pass(&mut harness, 15)).unwrap();
    harness.ended("t", &container, 0);
    harness.acknowledge_head("t");
    run_again(&mut harness, checked("t"));
    assert!(answer(&mut harness, &late, Outcome::Answered(503)).is_empty());
    let first = probe(&pass(&mut harness, 15)).unwrap();
    assert!(answer(&mut harness, &late, Outcome::Answered(503)).is_empty());
    answer(&mut harness, &first, Outcome::Answered(200));
    let snapshot = harness.agent.snapshot();
    assert_eq!(snapshot.tasks[&key("t")].statuses.last().unwrap().healthy, Some(true));
}

#[test]
fn a_task_that_ends_by_itself_is_asked_no_more() {
    let (mut harness, container) = running(checked("t"));
    let out = probe(&pass(&mut harness, 15)).unwrap();
    let ended = harness.ended("t", &container, 0);
    assert_eq!(update(&ended).status.healthy, None);
    assert!(answer(&mut harness, &out, Outcome::Answered(200)).is_empty());
    assert_eq!(probe(&pass(&mut harness, 60)), None);
}

#[test]
fn a_new_process_goes_on_checking_with_what_was_told() {
    let (mut harness, container) = running(checked("t"));
    let first = probe(&pass(&mut harness, 15)).unwrap();
    answer(&mut harness, &first, Outcome::Answered(200));
    harness.acknowledge_head("t");
    harness.restart();
    harness.apply(Command::ContainersFound(vec![FoundContainer {
        name: format!("mesos-S5.{container}"),
        labels: Default::default(),
        state: FoundState::Running,
    }]));
    harness.reconnect();
    let second = probe(&pass(&mut harness, 15)).unwrap();
    assert!(
        updates(&answer(&mut harness, &second, Outcome::Answered(200))).is_empty(),
        "known to be healthy"
    );
    let third = probe(&pass(&mut harness, 10)).unwrap();
    let told = update(&answer(&mut harness, &third, Outcome::Answered(500)));
    assert_eq!((state_of(&told), told.status.healthy), (TaskState::Running, Some(false)));
}

#[test]
fn checks_that_make_no_sense_are_refused_at_launch() {
    let mut harness = Harness::admitted();
    let mut info = checked("t");
    info.health_check.as_mut().unwrap().http.as_mut().unwrap().port = 70_000;
    let told = update(&harness.run_info(info));
    assert_eq!(state_of(&told), TaskState::Error);
    assert_eq!(told.status.message(), "70000 is no port number");
}
