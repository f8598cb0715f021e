//! How long tasks have to end, how long they may run, and how long their containers stay.

use std::time::Duration;

use model::{ContainerId, TaskState, Timestamp};
use wire::link::master_frame;
use wire::mesos::v1;
use wire::mesos::v1::task_status::{Reason, Source};

use super::commands::{launched, process};
use super::harness::*;
use crate::check::Outcome;
use crate::container::{Exit, FoundContainer, FoundState, ProcessExit};
use crate::fixtures::{nginx_task, settings, shell_task};
use crate::{Command, Effect, Launch, Settings};

fn seconds(count: i64) -> v1::DurationInfo {
    v1::DurationInfo { nanoseconds: count * 1_000_000_000 }
}

fn with_policy(task: v1::TaskInfo, grace: Option<i64>) -> v1::TaskInfo {
    let policy = grace.map(|grace| v1::KillPolicy { grace_period: Some(seconds(grace)) });
    v1::TaskInfo { kill_policy: policy, ..task }
}

/// Runs a Docker task or a command; the update of its start is on its way.
fn start(harness: &mut Harness, task: v1::TaskInfo) -> ContainerId {
    let effects = harness.run_info(task);
    let is_command = effects.iter().any(|effect| matches!(effect, Effect::LaunchProcess(_)));
    let (task, container) = if is_command {
        let Launch { task, container, .. } = process(&effects);
        (task, container)
    } else {
        let Launch { task, container, .. } = launch(&effects);
        (task, container)
    };
    harness.apply(Command::ImageReady(task.clone(), container.clone()));
    harness.apply(launched(task, container.clone()));
    container
}

/// The grace periods with which containers are stopped.
fn graces(effects: &[Effect]) -> Vec<u64> {
    let grace = |effect: &Effect| match effect {
        Effect::Stop { grace, .. } => Some(grace.as_secs()),
        _ => None,
    };
    effects.iter().filter_map(grace).collect()
}

fn tear_down(harness: &mut Harness) -> Vec<Effect> {
    let over = wire::link::ShutdownFramework { framework_id: framework() };
    harness.answer(master_frame::Body::ShutdownFramework(over))
}

#[test]
fn a_task_ends_in_its_own_time_however_it_is_ended() {
    for (task, policy, killed, shut_down) in [
        (nginx_task("t", 31_000), None, 5, 3),
        (shell_task("t"), None, 3, 3),
        (nginx_task("t", 31_000), Some(60), 60, 60),
        (shell_task("t"), Some(60), 60, 60),
    ] {
        let started = || {
            let mut harness = Harness::admitted();
            start(&mut harness, with_policy(task.clone(), policy));
            harness
        };
        assert_eq!(graces(&started().kill("t", None)), [killed], "{policy:?}");
        assert_eq!(graces(&tear_down(&mut started())), [shut_down], "{policy:?}");
        let leave = master_frame::Body::Shutdown(wire::link::Shutdown { message: None });
        assert_eq!(graces(&started().answer(leave)), [shut_down], "{policy:?}");
    }
}

#[test]
fn a_teardown_leaves_a_kill_in_the_tasks_own_time_alone() {
    let mut harness = Harness::admitted();
    start(&mut harness, with_policy(nginx_task("t", 31_000), Some(60)));
    assert_eq!(graces(&harness.kill("t", None)), [60]);
    assert!(graces(&tear_down(&mut harness)).is_empty());
}

#[test]
fn a_task_that_is_ended_for_its_health_has_the_time_of_a_kill() {
    for (task, policy, expected) in [
        (nginx_task("t", 31_000), None, 5),
        (shell_task("t"), None, 3),
        (shell_task("t"), Some(60), 60),
    ] {
        let tcp = v1::health_check::TcpCheckInfo { port: 80, ..Default::default() };
        let check = v1::HealthCheck {
            r#type: Some(v1::health_check::Type::Tcp.into()),
            tcp: Some(tcp),
            delay_seconds: Some(0.0),
            grace_period_seconds: Some(0.0),
            consecutive_failures: Some(1),
            ..Default::default()
        };
        let task = v1::TaskInfo { health_check: Some(Box::new(check)), ..task };
        let mut harness = Harness::admitted();
        start(&mut harness, with_policy(task, policy));
        let asked = harness.pass(0);
        let Some(Effect::Probe(probe)) = asked.last() else { panic!("{asked:?}") };
        let (task, kind, number) = (probe.task.clone(), probe.kind, probe.number);
        let outcome = Outcome::Failed("refused".to_owned());
        let effects = harness.apply(Command::Probed { task, kind, number, outcome });
        assert_eq!(graces(&effects), [expected]);
    }
}

fn limited(task: v1::TaskInfo, most: i64) -> v1::TaskInfo {
    v1::TaskInfo { max_completion_time: Some(seconds(most)), ..task }
}

/// The master pings every second; what happens until then.
fn pass(harness: &mut Harness, seconds: u64) -> Vec<Effect> {
    let mut effects = Vec::new();
    for _ in 0..seconds {
        harness.answer(master_frame::Body::Ping(wire::link::Ping::default()));
        effects.extend(harness.pass(1));
    }
    effects
}

fn last_status(harness: &Harness) -> v1::TaskStatus {
    harness.agent.snapshot().tasks[&key("t")].statuses.last().unwrap().clone()
}

#[test]
fn a_task_that_takes_longer_than_it_may_is_ended_at_once_and_has_failed_for_that() {
    for (task, exit, message) in [
        (
            nginx_task("t", 31_000),
            Exit::Exited { status: 137, out_of_memory: false },
            "Container exited with status 137",
        ),
        (
            shell_task("t"),
            Exit::Process(ProcessExit::Signaled(9)),
            "Command terminated with signal Killed",
        ),
        // It ended by itself between the order and the signal.
        (shell_task("t"), Exit::Process(ProcessExit::Exited(0)), "Command exited with status 0"),
    ] {
        let mut harness = Harness::admitted();
        let container = start(&mut harness, limited(with_policy(task, Some(60)), 100));
        assert!(graces(&pass(&mut harness, 99)).is_empty());
        assert_eq!(graces(&pass(&mut harness, 1)), [0]);
        assert_eq!(harness.state("t"), TaskState::Running, "nobody has asked for a kill");
        harness.apply(Command::ContainerEnded(key("t"), container, exit));
        let last = last_status(&harness);
        assert_eq!((last.state(), last.source()), (v1::TaskState::TaskFailed, Source::Executor));
        assert_eq!(last.reason(), Reason::MaxCompletionTimeReached);
        assert_eq!(last.message(), message);
    }
}

#[test]
fn a_task_that_has_to_end_already_does_not_run_out_of_time() {
    let mut harness = Harness::admitted();
    let container = start(&mut harness, limited(nginx_task("t", 31_000), 100));
    pass(&mut harness, 90);
    assert_eq!(graces(&harness.kill("t", Some(60))), [60]);
    assert!(graces(&pass(&mut harness, 30)).is_empty());
    harness.ended("t", &container, 0);
    assert_eq!(last_status(&harness).state(), v1::TaskState::TaskKilled);
}

/// The next process finds the task's container in this state.
fn restart(harness: &mut Harness, container: &ContainerId, state: FoundState) -> Vec<Effect> {
    harness.restart();
    let (name, labels) = (format!("mesos-S5.{container}"), Default::default());
    let effects =
        harness.apply(Command::ContainersFound(vec![FoundContainer { name, labels, state }]));
    harness.reconnect();
    effects
}

#[test]
fn a_new_process_of_the_agent_gives_a_task_no_more_time() {
    let mut harness = Harness::admitted();
    let container = start(&mut harness, limited(nginx_task("t", 31_000), 100));
    for _ in 0..3 {
        pass(&mut harness, 30);
        restart(&mut harness, &container, FoundState::Running);
    }
    assert!(graces(&pass(&mut harness, 9)).is_empty());
    assert_eq!(graces(&pass(&mut harness, 1)), [0]);
    // One that begins before the container has ended knows why it has to, from a journal in its shortest form as well.
    harness.journal = harness.agent.checkpoint();
    let effects = restart(&mut harness, &container, FoundState::Running);
    assert_eq!(graces(&effects), [0]);
    harness.ended("t", &container, 137);
    assert_eq!(last_status(&harness).reason(), Reason::MaxCompletionTimeReached);
}

/// How many seconds after the restart the container is removed; looked for only that far.
fn stays(harness: &mut Harness, container: &str, ended: Option<Timestamp>, most: u64) -> u64 {
    harness.restart();
    harness.reconnect();
    let name = format!("mesos-S5.{container}");
    let (labels, state) = (Default::default(), FoundState::Exited);
    let list = vec![FoundContainer { name: name.clone(), labels, state }];
    let effects = harness.apply(Command::ContainersFound(list.clone()));
    if effects.contains(&Effect::FindEnd(name.clone())) {
        assert!(
            !harness.apply(Command::ContainersFound(list)).contains(&effects[0]),
            "asked twice"
        );
        harness.apply(Command::EndFound(name.clone(), ended));
    }
    let removal = Effect::Remove(name);
    (0..most).find(|_| pass(harness, 1).contains(&removal)).map_or(most, |passed| passed + 1)
}

#[test]
fn an_ended_container_stays_for_its_time_however_often_the_agent_starts() {
    let mut harness =
        Harness::with(Settings { remove_delay: Duration::from_secs(100), ..settings() });
    let container = harness.running("nginx.1");
    harness.ended("nginx.1", &container, 0);
    let known = container.as_str();
    for expected in [30, 30, 30, 10] {
        assert_eq!(stays(&mut harness, known, None, 30), expected);
    }
    // Of one whose task is forgotten the engine alone knows when it ended.
    for (since, expected) in [(95_000, 5), (1_000_000_000, 1), (-86_400_000, 100)] {
        let ended = Timestamp::from_millis(harness.wall().as_millis() - since);
        assert_eq!(stays(&mut harness, "stranger", Some(ended), 101), expected);
    }
    assert_eq!(stays(&mut harness, "stranger", None, 101), 100);
}
