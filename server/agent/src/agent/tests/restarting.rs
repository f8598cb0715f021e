//! A new process from the journal: nothing lost, nothing started twice.

use model::TaskState;
use wire::link::agent_frame;

use super::harness::*;
use crate::container::{FoundContainer, FoundState};
use crate::{Command, Effect};

fn found(container: &model::ContainerId, state: FoundState) -> FoundContainer {
    FoundContainer { name: format!("mesos-S5.{container}"), labels: [].into(), state }
}

#[test]
fn a_running_container_is_watched_again_and_nothing_is_told_twice() {
    let mut harness = Harness::admitted();
    let container = harness.running("nginx.1");
    assert_eq!(harness.restart(), [Effect::FindProcesses, Effect::FindContainers]);
    let (told, effects) = harness.reconnect();
    assert_eq!(told.tasks[0].task.state, TaskState::Running.number());
    assert!(updates(&effects).is_empty());
    let effects =
        harness.apply(Command::ContainersFound(vec![found(&container, FoundState::Running)]));
    assert!(
        matches!(&effects[..], [Effect::Watch(watched), Effect::ArmTimer { .. }] if watched.container == container),
        "{effects:?}"
    );
}

#[test]
fn a_container_that_ended_meanwhile_is_watched_to_its_end() {
    let mut harness = Harness::admitted();
    let container = harness.running("nginx.1");
    harness.restart();
    harness.reconnect();
    let effects =
        harness.apply(Command::ContainersFound(vec![found(&container, FoundState::Exited)]));
    assert!(matches!(&effects[..], [Effect::Watch(_), Effect::ArmTimer { .. }]), "{effects:?}");
    assert_eq!(state_of(&update(&harness.ended("nginx.1", &container, 0))), TaskState::Finished);
}

#[test]
fn a_container_that_is_gone_fails_its_task() {
    let mut harness = Harness::admitted();
    harness.running("nginx.1");
    harness.restart();
    harness.reconnect();
    let effects = harness.apply(Command::ContainersFound(Vec::new()));
    assert_eq!(state_of(&update(&effects)), TaskState::Failed);
}

#[test]
fn a_launch_cut_off_before_the_container_was_started_is_taken_up_again() {
    for state in [None, Some(FoundState::Created)] {
        let mut harness = Harness::admitted();
        let before = launch(&harness.run("nginx.1"));
        harness.apply(Command::ImageReady(before.task.clone(), before.container.clone()));
        harness.restart();
        let list = state.map(|state| found(&before.container, state)).into_iter().collect();
        let effects = harness.apply(Command::ContainersFound(list));
        assert_eq!(launch(&effects), before, "the same container, not another one");
    }
}

#[test]
fn a_container_started_just_before_the_cut_is_not_started_again() {
    let mut harness = Harness::admitted();
    let before = launch(&harness.run("nginx.1"));
    harness.restart();
    let effects = harness
        .apply(Command::ContainersFound(vec![found(&before.container, FoundState::Running)]));
    assert!(matches!(&effects[..], [Effect::Describe(_), Effect::ArmTimer { .. }]), "{effects:?}");
    harness.apply(Command::ContainerLaunched(before.task, before.container, inspection()));
    assert_eq!(harness.state("nginx.1"), TaskState::Running);

    let mut harness = Harness::admitted();
    let before = launch(&harness.run("nginx.1"));
    harness.restart();
    let effects =
        harness.apply(Command::ContainersFound(vec![found(&before.container, FoundState::Exited)]));
    assert!(matches!(&effects[..], [Effect::Watch(_), Effect::ArmTimer { .. }]), "{effects:?}");
}

#[test]
fn a_kill_outlives_the_process() {
    let mut harness = Harness::admitted();
    let container = harness.running("nginx.1");
    harness.kill("nginx.1", None);
    harness.restart();
    let effects =
        harness.apply(Command::ContainersFound(vec![found(&container, FoundState::Running)]));
    assert!(effects.iter().any(|e| matches!(e, Effect::Stop { .. })), "{effects:?}");
    harness.ended("nginx.1", &container, 0);
    assert_eq!(harness.state("nginx.1"), TaskState::Killed);
}

#[test]
fn a_kill_that_arrives_before_the_engine_answers_is_carried_out_then() {
    let mut harness = Harness::admitted();
    let container = harness.running("a");
    let before = launch(&harness.run("b"));
    harness.restart();
    harness.reconnect();
    harness.kill("a", None);
    harness.kill("b", None);
    let effects =
        harness.apply(Command::ContainersFound(vec![found(&container, FoundState::Running)]));
    assert!(effects.iter().any(|e| matches!(e, Effect::Stop { .. })));
    assert!(
        !effects
            .iter()
            .any(|e| matches!(e, Effect::Launch(launch) if launch.container == before.container))
    );
    assert_eq!(discarded(&effects), Some(&before.container));
    assert_eq!(harness.state("b"), TaskState::Staging);
    harness.apply(Command::ContainerDiscarded(before.task, before.container));
    assert_eq!(harness.state("b"), TaskState::Killed);
}

/// The container among the effects whose launch is called off.
fn discarded(effects: &[Effect]) -> Option<&model::ContainerId> {
    effects.iter().find_map(|effect| match effect {
        Effect::Discard { container, .. } => Some(container),
        _ => None,
    })
}

#[test]
fn a_kill_is_told_only_once_a_start_of_the_process_before_can_have_no_effect_any_more() {
    let mut harness = Harness::admitted();
    let before = launch(&harness.run("nginx.1"));
    harness.apply(Command::ImageReady(before.task.clone(), before.container.clone()));
    harness.acknowledge_head("nginx.1");
    // The engine has been told to start the container and has not done it yet.
    harness.restart();
    harness.reconnect();
    harness.kill("nginx.1", None);
    let effects = harness
        .apply(Command::ContainersFound(vec![found(&before.container, FoundState::Created)]));
    assert!(updates(&effects).is_empty(), "{effects:?}");
    assert_eq!(discarded(&effects), Some(&before.container));
    // A process that dies before the engine has answered begins again.
    harness.restart();
    let effects = harness.apply(Command::ContainersFound(Vec::new()));
    assert_eq!(discarded(&effects), Some(&before.container));
    harness.reconnect();
    let effects = harness.apply(Command::ContainerDiscarded(before.task, before.container));
    assert_eq!(state_of(&update(&effects)), TaskState::Killed);
}

#[test]
fn containers_without_a_task_are_stopped_and_removed_in_time() {
    let mut harness = Harness::admitted();
    harness.restart();
    let orphan = found(&"orphan".into(), FoundState::Running);
    let effects = harness.apply(Command::ContainersFound(vec![orphan]));
    assert!(
        matches!(&effects[0], Effect::Stop { name, .. } if name == "mesos-S5.orphan"),
        "{effects:?}"
    );
    assert!(harness.pass(60).contains(&Effect::Remove("mesos-S5.orphan".to_owned())));
}

#[test]
fn an_unacknowledged_update_is_the_same_update_after_a_restart() {
    let mut harness = Harness::admitted();
    let launch = launch(&harness.run("nginx.1"));
    let before = update(&harness.apply(Command::ImageReady(launch.task, launch.container)));
    harness.restart();
    let (_, effects) = harness.reconnect();
    assert_eq!(update(&effects), before);
}

#[test]
fn a_shortened_journal_tells_the_same() {
    let mut harness = Harness::admitted();
    let container = harness.running("a");
    harness.ended("a", &container, 0);
    harness.acknowledge_head("a");
    harness.running("b");
    harness.kill("b", Some(9));
    let started = launch(&harness.run("c"));
    harness.apply(Command::ImageReady(started.task, started.container));
    let before = harness.agent.snapshot();
    harness.journal = harness.agent.checkpoint();
    harness.restart();
    let after = harness.agent.snapshot();
    assert_eq!(after.id, before.id);
    for (key, task) in &before.tasks {
        let mut again = crate::Task::clone(&after.tasks[key]);
        (again.is_recovering, again.may_exist) = (false, task.may_exist);
        // How often an update was sent belongs to the link, not to the task.
        let pending: Vec<_> = task.updates.iter().collect();
        assert_eq!(again.updates.iter().collect::<Vec<_>>(), pending);
        assert_eq!(crate::Task { updates: task.updates.clone(), ..again }, **task);
    }
    assert_eq!(harness.agent.checkpoint(), harness.journal);
}

#[test]
fn a_launch_that_a_power_loss_cut_off_is_not_taken_up_again() {
    for restarts in 0..2 {
        let mut harness = Harness::admitted();
        harness.boot("first", usize::MAX);
        harness.reconnect();
        let lost = launch(&harness.run("nginx.1"));
        let kept = harness.journal.len();
        // The end of the task is told and acknowledged, and the journal loses it with the power.
        harness.kill("nginx.1", None);
        harness.apply(Command::LaunchFailed(
            lost.task,
            lost.container.clone(),
            crate::LaunchFailure::Cancelled,
        ));
        harness.acknowledge_head("nginx.1");
        harness.boot("second", kept);
        for _ in 0..restarts {
            harness.boot("second", usize::MAX);
        }
        let list = vec![found(&lost.container, FoundState::Created)];
        let effects = harness.apply(Command::ContainersFound(list));
        let [Effect::Discard { task, container, .. }, Effect::ArmTimer { .. }] = effects.as_slice()
        else {
            panic!("{effects:?}");
        };
        harness.apply(Command::ContainerDiscarded(task.clone(), container.clone()));
        assert_eq!(harness.state("nginx.1"), TaskState::Failed);
        // What is taken from here on is taken up again after a restart of the process.
        harness.reconnect();
        let taken = launch(&harness.run("nginx.2"));
        harness.boot("second", usize::MAX);
        let effects = harness.apply(Command::ContainersFound(Vec::new()));
        assert_eq!(launch(&effects), taken);
    }
}

#[test]
fn the_boot_that_an_agent_was_admitted_in_is_remembered() {
    let mut harness = Harness::new();
    harness.boot("first", usize::MAX);
    harness.admit();
    let taken = launch(&harness.run("nginx.1"));
    harness.boot("first", usize::MAX);
    let effects = harness.apply(Command::ContainersFound(Vec::new()));
    assert_eq!(launch(&effects), taken);
}

/// The re-registration among the effects.
fn told(effects: &[Effect]) -> Option<wire::link::Reregister> {
    frames(effects).into_iter().find_map(|body| match body {
        agent_frame::Body::Reregister(told) => Some(told),
        _ => None,
    })
}

#[test]
fn what_ended_unwatched_is_not_called_running_when_the_agent_comes_back() {
    let mut harness = Harness::admitted();
    let (ran, removed) = (harness.running("ran"), harness.running("removed"));
    let runs = harness.running("runs");
    harness.restart();
    assert_eq!(told(&harness.open()), None, "the engine has not been heard yet");
    let list = vec![found(&ran, FoundState::Exited), found(&runs, FoundState::Running)];
    let effects = harness.apply(Command::ContainersFound(list));
    assert_eq!(told(&effects), None, "how `ran` ended is not known yet");
    let told = told(&harness.ended("ran", &ran, 137)).unwrap();
    let states: Vec<_> = told
        .tasks
        .iter()
        .map(|held| {
            (held.task.task_id.value.as_str(), TaskState::from_number(held.task.state).unwrap())
        })
        .collect();
    assert_eq!(
        states,
        [("ran", TaskState::Failed), ("removed", TaskState::Failed), ("runs", TaskState::Running)]
    );
    assert_ne!(removed, ran);
}

#[test]
fn an_engine_that_does_not_answer_keeps_a_master_waiting_for_five_seconds_only() {
    let mut harness = Harness::admitted();
    let container = harness.running("nginx.1");
    harness.restart();
    assert_eq!(told(&harness.open()), None);
    assert_eq!(told(&harness.pass(4)), None);
    let late = told(&harness.pass(1)).unwrap();
    assert_eq!(late.tasks[0].task.state, TaskState::Running.number());
    harness.close();
    assert!(told(&harness.open()).is_some(), "the next master does not wait again");
    // The engine's word still counts when it comes.
    let effects = harness.apply(Command::ContainersFound(Vec::new()));
    assert!(effects.iter().any(|e| matches!(e, Effect::Journal(_))));
    assert_eq!(harness.state("nginx.1"), TaskState::Failed);
    assert!(!container.as_str().is_empty());
}

#[test]
fn a_link_that_closes_before_the_engine_has_answered_is_not_registered_on() {
    let mut harness = Harness::admitted();
    harness.running("nginx.1");
    harness.restart();
    harness.open();
    harness.close();
    assert_eq!(told(&harness.apply(Command::ContainersFound(Vec::new()))), None);
    assert!(told(&harness.open()).is_some());
}

#[test]
fn what_runs_without_a_task_is_found_from_time_to_time() {
    let mut harness = Harness::admitted();
    harness.restart();
    harness.apply(Command::ContainersFound(Vec::new()));
    harness.reconnect();
    let container = harness.running("nginx.1");
    assert!(harness.pass(60).contains(&Effect::FindContainers));
    let list = vec![
        found(&container, FoundState::Running),
        found(&"late".into(), FoundState::Running),
        found(&"old".into(), FoundState::Exited),
    ];
    let stopped = |effects: &[Effect]| {
        let name =
            |e: &Effect| if let Effect::Stop { name, .. } = e { Some(name.clone()) } else { None };
        effects.iter().filter_map(name).collect::<Vec<_>>()
    };
    let effects = harness.apply(Command::ContainersFound(list.clone()));
    assert_eq!(stopped(&effects), ["mesos-S5.late"]);
    let timers = harness.timers.len();
    harness.apply(Command::ContainersFound(list));
    assert_eq!(harness.timers.len(), timers + 1, "a removal is ordered once");
    assert_eq!(harness.state("nginx.1"), TaskState::Running);
}

#[test]
fn a_task_that_a_listing_does_not_show_goes_on() {
    let mut harness = Harness::admitted();
    harness.restart();
    harness.apply(Command::ContainersFound(Vec::new()));
    harness.reconnect();
    harness.running("nginx.1");
    // The listing is older than the container.
    let effects = harness.apply(Command::ContainersFound(Vec::new()));
    assert!(updates(&effects).is_empty());
    assert_eq!(harness.state("nginx.1"), TaskState::Running);
}

#[test]
fn what_a_failed_launch_has_left_in_the_engine_goes_at_once_also_after_a_restart() {
    for state in [FoundState::Created, FoundState::Running, FoundState::Exited] {
        let mut harness = Harness::admitted();
        let ran = harness.running("ran");
        harness.ended("ran", &ran, 0);
        let lost = launch(&harness.run("nginx.1"));
        harness.apply(Command::ImageReady(lost.task.clone(), lost.container.clone()));
        let failure = crate::LaunchFailure::NoAnswer("no answer within 60 s".to_owned());
        harness.apply(Command::LaunchFailed(lost.task, lost.container.clone(), failure));
        harness.restart();
        let list = vec![found(&lost.container, state), found(&ran, FoundState::Exited)];
        let effects = harness.apply(Command::ContainersFound(list));
        let removed: Vec<_> = effects.iter().filter(|e| matches!(e, Effect::Remove(_))).collect();
        assert_eq!(removed, [&Effect::Remove(format!("mesos-S5.{}", lost.container))], "{state:?}");
    }
}
