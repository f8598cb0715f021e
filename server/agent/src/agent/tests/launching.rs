//! The life of a task: taken, started, ended, killed.

use std::time::Duration;

use wire::mesos::v1;
use wire::mesos::v1::task_status::{Reason, Source};

use super::harness::*;
use crate::container::Exit;
use crate::fixtures::{marathon, nginx_task};
use crate::{Command, Effect, Entry, LaunchFailure, Record};
use model::TaskState;

#[test]
fn a_task_is_journalled_before_its_container_is_ordered() {
    let mut harness = Harness::admitted();
    let effects = harness.run("nginx.1");
    let taken = effects
        .iter()
        .position(|e| matches!(e, Effect::Journal(Record::V1(Entry::Taken { .. }))))
        .unwrap();
    let ordered = effects.iter().position(|e| matches!(e, Effect::Launch(_))).unwrap();
    assert!(taken < ordered);
    let launch = launch(&effects);
    assert_eq!(launch.spec.name, format!("mesos-S5.{}", launch.container));
    assert_eq!(
        launch.spec.sandbox,
        format!(
            "/var/lib/mesos/slaves/S5/frameworks/F/executors/nginx.1/runs/{}",
            launch.container
        )
    );
    assert_eq!(launch.spec.labels["ekiden.agent-dir"], "dir-1");
    assert_eq!(launch.spec.labels["ekiden.task"], "nginx.1");
    assert_eq!(launch.spec.ports[0].host_ip, "127.0.0.11");
}

#[test]
fn starting_and_running_are_told_one_after_the_other() {
    let mut harness = Harness::admitted();
    let launch = launch(&harness.run("nginx.1"));
    let (task, container) = (launch.task, launch.container);
    let starting = update(&harness.apply(Command::ImageReady(task.clone(), container.clone())));
    assert_eq!(state_of(&starting), TaskState::Starting);
    let addresses =
        &starting.status.container_status.as_ref().unwrap().network_infos[0].ip_addresses;
    assert_eq!(
        addresses[0].ip_address.as_deref(),
        Some("127.0.0.11"),
        "the agent's own, while there is no other"
    );

    let effects = harness.apply(Command::ContainerLaunched(task, container.clone(), inspection()));
    assert!(updates(&effects).is_empty(), "the update before it is not acknowledged");
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, Effect::Watch(watched) if watched.container == container))
    );

    let running = update(&harness.acknowledge_head("nginx.1"));
    assert_eq!(state_of(&running), TaskState::Running);
    let status = running.status;
    assert_eq!(status.data.as_deref(), Some(&br#"[{"Id":"b35f"}]"#[..]));
    assert_eq!(status.source, Some(Source::Executor as i32));
    assert_eq!(status.executor_id.unwrap().value, "nginx.1");
    assert_eq!(status.uuid.unwrap().len(), 16);
    let container_status = status.container_status.unwrap();
    assert_eq!(container_status.container_id.unwrap().value, container.as_str());
    assert_eq!(
        container_status.network_infos[0].ip_addresses[0].ip_address.as_deref(),
        Some("172.17.0.2")
    );
}

#[test]
fn an_exit_status_decides_between_finished_and_failed() {
    for (status, state) in
        [(0, TaskState::Finished), (3, TaskState::Failed), (137, TaskState::Failed)]
    {
        let mut harness = Harness::admitted();
        let container = harness.running("nginx.1");
        let update = update(&harness.ended("nginx.1", &container, status));
        assert_eq!(state_of(&update), state);
        assert_eq!(update.status.message, Some(format!("Container exited with status {status}")));
    }
}

#[test]
fn a_container_removed_by_hand_fails_its_task() {
    let mut harness = Harness::admitted();
    let container = harness.running("nginx.1");
    let update =
        update(&harness.apply(Command::ContainerEnded(key("nginx.1"), container, Exit::Vanished)));
    assert_eq!(state_of(&update), TaskState::Failed);
    assert_eq!(update.status.reason, Some(Reason::ExecutorTerminated as i32));
}

#[test]
fn a_failed_launch_fails_the_task_in_the_engines_words() {
    let mut harness = Harness::admitted();
    let launch = launch(&harness.run("nginx.1"));
    let failure = LaunchFailure::Failed("failed to pull image `x`: no such host".to_owned());
    let update =
        update(&harness.apply(Command::LaunchFailed(launch.task, launch.container, failure)));
    assert_eq!(state_of(&update), TaskState::Failed);
    assert_eq!(update.status.source, Some(Source::Agent as i32));
    assert_eq!(update.status.reason, Some(Reason::ContainerLaunchFailed as i32));
    assert_eq!(
        update.status.message.as_deref(),
        Some("Failed to launch container: failed to pull image `x`: no such host")
    );
}

#[test]
fn a_task_that_is_nothing_is_an_error_with_a_clear_text() {
    let mut harness = Harness::admitted();
    let mut task = nginx_task("shell.1", 31_000);
    (task.container, task.command) = (None, None);
    let effects = harness.run_info(task);
    assert!(!effects.iter().any(|e| matches!(e, Effect::Launch(_))));
    let update = update(&effects);
    assert_eq!(state_of(&update), TaskState::Error);
    assert!(update.status.message.unwrap().contains("neither a command nor a container"));
    harness.acknowledge_head("shell.1");
    assert!(harness.reconnect().0.tasks.is_empty(), "an acknowledged end is told no more");
}

#[test]
fn a_kill_is_told_stops_the_container_and_ends_in_killed() {
    let mut harness = Harness::admitted();
    let container = harness.running("nginx.1");
    let effects = harness.kill("nginx.1", None);
    assert_eq!(state_of(&update(&effects)), TaskState::Killing);
    let stop = effects
        .iter()
        .find_map(|e| if let Effect::Stop { grace, .. } = e { Some(*grace) } else { None });
    assert_eq!(stop, Some(Duration::from_secs(5)));
    harness.ended("nginx.1", &container, 0);
    assert_eq!(harness.state("nginx.1"), TaskState::Killed);
    let killed = update(&harness.acknowledge_head("nginx.1"));
    assert_eq!(killed.status.message.as_deref(), Some("Container exited with status 0"));
}

#[test]
fn a_second_kill_may_only_shorten_the_grace() {
    let mut harness = Harness::admitted();
    harness.running("nginx.1");
    harness.kill("nginx.1", Some(30));
    assert!(harness.kill("nginx.1", Some(60)).is_empty());
    let effects = harness.kill("nginx.1", Some(2));
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, Effect::Stop { grace, .. } if *grace == Duration::from_secs(2)))
    );
}

#[test]
fn the_tasks_own_grace_counts_where_the_kill_names_none() {
    let mut harness = Harness::admitted();
    let mut task = nginx_task("nginx.1", 31_000);
    task.kill_policy = Some(v1::KillPolicy {
        grace_period: Some(v1::DurationInfo { nanoseconds: 9_000_000_000 }),
    });
    let launch = launch(&harness.run_info(task));
    harness.apply(Command::ContainerLaunched(launch.task, launch.container, inspection()));
    let effects = harness.kill("nginx.1", None);
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, Effect::Stop { grace, .. } if *grace == Duration::from_secs(9)))
    );
}

#[test]
fn a_kill_during_the_pull_calls_the_launch_off() {
    let mut harness = Harness::admitted();
    let launch = launch(&harness.run("nginx.1"));
    let effects = harness.kill("nginx.1", None);
    assert!(
        effects.iter().any(
            |e| matches!(e, Effect::CancelLaunch(container) if *container == launch.container)
        )
    );
    let failed = Command::LaunchFailed(launch.task, launch.container, LaunchFailure::Cancelled);
    let update = update(&harness.apply(failed));
    assert_eq!(state_of(&update), TaskState::Killed);
    assert_eq!(update.status.reason, Some(Reason::TaskKilledDuringLaunch as i32));
}

#[test]
fn a_container_that_started_while_its_launch_was_called_off_is_stopped() {
    let mut harness = Harness::admitted();
    let launch = launch(&harness.run("nginx.1"));
    harness.kill("nginx.1", None);
    let effects = harness.apply(Command::ContainerLaunched(
        launch.task,
        launch.container.clone(),
        inspection(),
    ));
    assert!(effects.iter().any(|e| matches!(e, Effect::Stop { .. })));
    assert!(effects.iter().any(|e| matches!(e, Effect::Watch(_))));
    harness.ended("nginx.1", &launch.container, 143);
    assert_eq!(harness.state("nginx.1"), TaskState::Killed);
}

#[test]
fn an_engine_that_does_not_stop_a_container_is_asked_again() {
    let mut harness = Harness::admitted();
    let container = harness.running("nginx.1");
    harness.kill("nginx.1", None);
    harness.apply(Command::StopFailed(key("nginx.1"), container, "no answer".to_owned()));
    let effects = harness.pass(5);
    assert!(effects.iter().any(|e| matches!(e, Effect::Stop { .. })), "{effects:?}");
    assert!(updates(&effects).is_empty(), "killing is told once");
}

#[test]
fn a_kill_of_an_unknown_task_is_answered_with_dropped() {
    let mut harness = Harness::admitted();
    let update = update(&harness.kill("stranger", None));
    assert_eq!(state_of(&update), TaskState::Dropped);
}

#[test]
fn a_second_order_to_run_a_task_is_answered_with_its_state() {
    let mut harness = Harness::admitted();
    let container = harness.running("nginx.1");
    let effects = harness.run("nginx.1");
    assert!(!effects.iter().any(|e| matches!(e, Effect::Launch(_))));
    assert_eq!(state_of(&update(&effects)), TaskState::Running);
    harness.acknowledge_head("nginx.1");
    harness.ended("nginx.1", &container, 0);
    harness.acknowledge_head("nginx.1");
    let effects = harness.run("nginx.1");
    assert_eq!(state_of(&update(&effects)), TaskState::Finished, "the same launch, after its end");
}

#[test]
fn a_framework_that_is_over_has_its_tasks_ended_without_a_word() {
    let mut harness = Harness::admitted();
    let container = harness.running("nginx.1");
    let over = wire::link::ShutdownFramework { framework_id: framework() };
    let effects = harness.answer(wire::link::master_frame::Body::ShutdownFramework(over));
    assert!(updates(&effects).is_empty());
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, Effect::Stop { grace, .. } if *grace == Duration::from_secs(3)))
    );
    assert!(updates(&harness.ended("nginx.1", &container, 0)).is_empty());
    assert!(harness.reconnect().0.tasks.is_empty());
}

/// The master that took its teardown has gone, and the next one knows nothing of it.
#[test]
fn a_framework_that_was_over_and_comes_back_hears_of_its_tasks() {
    for restarts in [false, true] {
        let mut harness = Harness::admitted();
        let container = harness.running("nginx.1");
        let over = wire::link::ShutdownFramework { framework_id: framework() };
        harness.answer(wire::link::master_frame::Body::ShutdownFramework(over));
        harness.ended("nginx.1", &container, 0);
        if restarts {
            harness.restart();
            harness.apply(Command::ContainersFound(Vec::new()));
            harness.reconnect();
        }
        let launch = launch(&harness.run("nginx.2"));
        if restarts {
            harness.restart();
            harness.reconnect();
        }
        let ready = Command::ImageReady(launch.task.clone(), launch.container.clone());
        let effects = harness.apply(ready);
        assert_eq!(state_of(&update(&effects)), TaskState::Starting, "restarts: {restarts}");
    }
}

#[test]
fn the_end_of_a_task_whose_framework_is_over_is_told_to_nobody_after_a_restart() {
    let mut harness = Harness::admitted();
    let container = harness.running("nginx.1");
    let over = wire::link::ShutdownFramework { framework_id: framework() };
    harness.answer(wire::link::master_frame::Body::ShutdownFramework(over));
    harness.ended("nginx.1", &container, 0);
    harness.restart();
    harness.apply(Command::ContainersFound(Vec::new()));
    let (told, effects) = harness.reconnect();
    assert!(told.tasks.is_empty(), "{told:?}");
    assert!(updates(&effects).is_empty(), "{effects:?}");
}

#[test]
fn an_agent_told_to_end_waits_for_its_containers() {
    let mut harness = Harness::admitted();
    let container = harness.running("nginx.1");
    let order = wire::link::Shutdown { message: Some("drained".to_owned()) };
    let effects = harness.answer(wire::link::master_frame::Body::Shutdown(order));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Exit(_))));
    let effects = harness.ended("nginx.1", &container, 0);
    assert!(effects.contains(&Effect::Exit("drained".to_owned())));
}

#[test]
fn ended_tasks_are_remembered_up_to_a_limit() {
    let mut harness = Harness::admitted();
    for task in ["a", "b", "c"] {
        let container = harness.running(task);
        harness.ended(task, &container, 0);
        harness.acknowledge_head(task);
    }
    let kept: Vec<String> =
        harness.agent.snapshot().tasks.keys().map(|key| key.task.to_string()).collect();
    assert_eq!(kept, ["b", "c"]);
}

#[test]
fn an_ended_container_is_removed_in_time() {
    let mut harness = Harness::admitted();
    let container = harness.running("nginx.1");
    harness.ended("nginx.1", &container, 0);
    assert!(harness.pass(59).iter().all(|e| !matches!(e, Effect::Remove(_))));
    let effects = harness.pass(1);
    assert!(effects.contains(&Effect::Remove(format!("mesos-S5.{container}"))));
}

#[test]
fn a_container_made_while_its_launch_is_called_off_is_removed_before_its_end_is_told() {
    let mut harness = Harness::admitted();
    let launch = launch(&harness.run("nginx.1"));
    // The kill overtakes the news that the image is there; the container may be in the making.
    harness.kill("nginx.1", None);
    harness.apply(Command::ImageReady(launch.task.clone(), launch.container.clone()));
    let (task, container) = (launch.task, launch.container);
    let failed = Command::LaunchFailed(task.clone(), container.clone(), LaunchFailure::Cancelled);
    let name = format!("mesos-S5.{container}");
    let discard = Effect::Discard { task: task.clone(), container: container.clone(), name };
    assert_eq!(harness.apply(failed), [discard]);
    assert_eq!(
        harness.state("nginx.1"),
        TaskState::Staging,
        "an engine may be late with its start"
    );
    let effects = harness.apply(Command::ContainerDiscarded(task.clone(), container.clone()));
    assert_eq!(state_of(&update(&effects)), TaskState::Killed);
    assert_eq!(harness.apply(Command::ContainerDiscarded(task, container)), []);
}

#[test]
fn what_a_refused_launch_has_left_goes_before_its_failure_is_told() {
    let mut harness = Harness::admitted();
    let launch = launch(&harness.run("nginx.1"));
    // A start by the process before this one may still be under way at the engine.
    harness.apply(Command::ImageReady(launch.task.clone(), launch.container.clone()));
    let (task, container) = (launch.task, launch.container);
    let failure = LaunchFailure::Failed("no such image".to_owned());
    let effects = harness.apply(Command::LaunchFailed(task.clone(), container.clone(), failure));
    assert!(matches!(effects.as_slice(), [Effect::Discard { .. }]), "{effects:?}");
    assert_eq!(harness.state("nginx.1"), TaskState::Starting, "nothing is told yet");
    harness.acknowledge_head("nginx.1");
    let effects = harness.apply(Command::ContainerDiscarded(task, container));
    let told = update(&effects);
    assert_eq!(state_of(&told), TaskState::Failed);
    assert!(told.status.message().contains("no such image"), "{told:?}");
}

#[test]
fn a_refusal_is_told_when_what_it_has_left_cannot_be_removed() {
    for is_called_off in [false, true] {
        let mut harness = Harness::admitted();
        let launch = launch(&harness.run("nginx.1"));
        harness.apply(Command::ImageReady(launch.task.clone(), launch.container.clone()));
        harness.acknowledge_head("nginx.1");
        let (task, container) = (launch.task, launch.container);
        let failure = if is_called_off {
            LaunchFailure::Cancelled
        } else {
            LaunchFailure::Failed("the engine is shutting down".to_owned())
        };
        harness.apply(Command::LaunchFailed(task.clone(), container.clone(), failure));
        let effects = harness.apply(Command::DiscardDelayed(task.clone(), container.clone()));
        let told = updates(&effects);
        let state = if is_called_off { TaskState::Starting } else { TaskState::Failed };
        assert_eq!((told.len(), harness.state("nginx.1")), (usize::from(!is_called_off), state));
        let effects = harness.apply(Command::ContainerDiscarded(task, container));
        assert_eq!(updates(&effects).len(), usize::from(is_called_off));
    }
}

#[test]
fn a_start_that_failed_may_have_succeeded_all_the_same_and_is_removed_at_once() {
    let mut harness = Harness::admitted();
    let launch = launch(&harness.run("nginx.1"));
    harness.apply(Command::ImageReady(launch.task.clone(), launch.container.clone()));
    let failure = LaunchFailure::NoAnswer("no answer within 60 s".to_owned());
    let effects =
        harness.apply(Command::LaunchFailed(launch.task, launch.container.clone(), failure));
    let name = format!("mesos-S5.{}", launch.container);
    let told = effects.iter().position(|e| matches!(e, Effect::Journal(_))).unwrap();
    let removed = effects.iter().position(|e| *e == Effect::Remove(name.clone())).unwrap();
    assert!(told < removed, "{effects:?}");
    assert!(!effects.iter().any(|e| matches!(e, Effect::Stop { .. })), "{effects:?}");
}

#[test]
fn frameworks_that_are_over_are_remembered_up_to_a_limit() {
    let mut harness = Harness::admitted();
    for number in 0..60 {
        let id = v1::FrameworkId { value: format!("F-{number:04}") };
        let framework = v1::FrameworkInfo { id: Some(id.clone()), ..marathon() };
        let mut task = nginx_task("refused", 31_000);
        task.container = None;
        let order = wire::link::RunTask { framework, task, launch_id: "l".to_owned() };
        harness.answer(wire::link::master_frame::Body::RunTask(Box::new(order)));
        let over = wire::link::ShutdownFramework { framework_id: id };
        harness.answer(wire::link::master_frame::Body::ShutdownFramework(over));
    }
    let snapshot = harness.agent.snapshot();
    assert_eq!((snapshot.frameworks.len(), snapshot.tasks.len()), (50, 50));
    assert!(
        snapshot.frameworks.contains_key(&model::FrameworkId::new("F-0059")),
        "the newest stay"
    );
    assert!(harness.agent.checkpoint().len() < 60 * 5);
    let before = harness.agent.checkpoint();
    harness.restart();
    assert_eq!(harness.agent.checkpoint(), before);
}

#[test]
fn a_pull_is_told_while_it_lasts_and_never_piles_up() {
    let mut harness = Harness::admitted();
    let launch = launch(&harness.run("nginx.1"));
    let (task, container) = (launch.task, launch.container);
    let progress = |harness: &mut Harness, text: &str| {
        let news = Command::ImageProgress(task.clone(), container.clone(), text.to_owned());
        updates(&harness.apply(news))
    };
    let told = progress(&mut harness, "1 of 3 layers");
    assert_eq!(told.len(), 1);
    assert_eq!(state_of(&told[0]), TaskState::Staging);
    assert_eq!(told[0].status.message.as_deref(), Some("1 of 3 layers"));
    assert!(progress(&mut harness, "2 of 3 layers").is_empty(), "the news before is on its way");
    harness.acknowledge_head("nginx.1");
    assert_eq!(progress(&mut harness, "3 of 3 layers").len(), 1);
    harness.acknowledge_head("nginx.1");
    harness.apply(Command::ImageReady(task.clone(), container.clone()));
    harness.acknowledge_head("nginx.1");
    assert!(progress(&mut harness, "late").is_empty(), "the container is being made");
}

#[test]
fn a_container_that_needed_too_much_memory_fails_for_that_reason() {
    let mut harness = Harness::admitted();
    let container = harness.running("nginx.1");
    let exit = Exit::Exited { status: 137, out_of_memory: true };
    let ended = harness.apply(Command::ContainerEnded(key("nginx.1"), container, exit));
    let status = update(&ended).status;
    assert_eq!(status.state, TaskState::Failed.number());
    assert_eq!(status.reason, Some(Reason::ContainerLimitationMemory as i32));
    let message = "Container exited with status 137: it needed more memory than its limit";
    assert_eq!(status.message.as_deref(), Some(message));
    assert_eq!(status.limitation.unwrap().resources[0].name, "mem");
}

#[test]
fn on_a_full_disk_new_tasks_fail_without_a_record_and_those_here_go_on() {
    let mut harness = Harness::admitted();
    let container = harness.running("here");
    harness.apply(Command::DiskChanged { is_full: true });
    let effects = harness.run("new");
    let [Effect::Send(..)] = &effects[..] else { panic!("only the answer: {effects:?}") };
    let refused = update(&effects);
    assert_eq!(state_of(&refused), TaskState::Failed);
    assert_eq!(refused.status.reason, Some(Reason::ContainerLaunchFailed as i32));
    assert!(refused.status.message.unwrap().contains("the disk of agent S5 is full"));
    assert!(harness.acknowledge("new", &refused.status.uuid.unwrap()).is_empty());

    assert_eq!(state_of(&update(&harness.run("here"))), TaskState::Running, "a known task");
    harness.acknowledge_head("here");
    assert!(harness.kill("here", None).iter().any(|e| matches!(e, Effect::Stop { .. })));
    harness.ended("here", &container, 0);
    assert_eq!(harness.state("here"), TaskState::Killed);

    harness.apply(Command::DiskChanged { is_full: false });
    launch(&harness.run("newer"));
}
