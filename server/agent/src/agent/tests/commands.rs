//! Tasks that are plain commands.

use std::time::Duration;

use model::{ContainerId, TaskState};

use super::harness::*;
use crate::container::{Exit, Inspection, ProcessExit, ProcessSpec};
use crate::fixtures::{nginx_task, settings, shell_task};
use crate::{Command, Effect, Launch, Settings, TaskKey};

/// The order to start a command among the effects.
pub(super) fn process(effects: &[Effect]) -> Launch<ProcessSpec> {
    let launch = effects.iter().find_map(|effect| match effect {
        Effect::LaunchProcess(launch) => Some(Launch::clone(launch)),
        _ => None,
    });
    launch.unwrap_or_else(|| panic!("no command in {effects:?}"))
}

pub(super) fn launched(task: TaskKey, container: ContainerId) -> Command {
    let inspection = Inspection { json: String::new(), addresses: Vec::new() };
    Command::ContainerLaunched(task, container, inspection)
}

#[test]
fn a_command_runs_as_a_process_and_its_end_is_told_in_the_originals_words() {
    let mut harness = Harness::admitted();
    let Launch { task, container, spec, .. } = process(&harness.run_info(shell_task("basic-0.1")));
    assert_eq!(spec.name, format!("process-S5.{container}"));
    harness.apply(Command::ImageReady(task.clone(), container.clone()));
    harness.acknowledge_head("basic-0.1");
    let running = update(&harness.apply(launched(task.clone(), container.clone())));
    assert_eq!((state_of(&running), running.status.data), (TaskState::Running, None));
    harness.acknowledge_head("basic-0.1");
    let exit = Exit::Process(ProcessExit::Exited(7));
    let effects = harness.apply(Command::ContainerEnded(task, container, exit));
    let failed = update(&effects);
    assert_eq!(failed.status.message.as_deref(), Some("Command exited with status 7"));
    assert_eq!(state_of(&failed), TaskState::Failed);
    assert!(effects.contains(&Effect::Remove(spec.name)), "nothing of it is of use: {effects:?}");
}

#[test]
fn a_command_that_is_killed_has_the_executors_grace_period() {
    let mut harness = Harness::admitted();
    let Launch { task, container, .. } = process(&harness.run_info(shell_task("t")));
    harness.apply(Command::ImageReady(task.clone(), container.clone()));
    harness.apply(launched(task, container));
    let effects = harness.kill("t", None);
    let grace = effects.iter().find_map(|effect| match effect {
        Effect::Stop { grace, .. } => Some(*grace),
        _ => None,
    });
    assert_eq!(grace, Some(Duration::from_secs(3)));
}

#[test]
fn a_task_without_its_containerizer_is_refused() {
    for (task, name) in [
        (shell_task("t"), "the mesos containerizer"),
        (nginx_task("t", 31_000), "the docker containerizer"),
    ] {
        let mut harness =
            Harness::with(Settings { runs_docker: false, runs_processes: false, ..settings() });
        let refused = update(&harness.run_info(task));
        assert_eq!(state_of(&refused), TaskState::Error);
        assert!(refused.status.message.unwrap().contains(name));
    }
}
