//! Containers ended, and containers found again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{ContainerId, Instant, TaskState};
use wire::mesos::v1::{self, task_status::Reason};

use super::launch::{refused, watched};
use crate::Agent;
use crate::command::{LaunchFailure, Timer};
use crate::container::{Exit, FoundContainer, FoundState, Kind};
use crate::effect::Effect;
use crate::process_task;
use crate::task::{News, Phase, Task, TaskKey};

/// Time between two comparisons of the engine's containers with the tasks.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

impl Agent {
    pub(super) fn container_ended(
        &mut self,
        now: Instant,
        key: &TaskKey,
        container: &ContainerId,
        exit: &Exit,
    ) -> Vec<Effect> {
        let Some(task) = self.run_mut(key, container) else {
            return Vec::new();
        };
        if task.phase == Phase::Ended {
            return Vec::new();
        }
        task.is_recovering = false;
        let name = task.container_name.clone();
        let news = ending(exit, task.kill.is_some(), &task.info);
        let news = if task.is_out_of_time { news.out_of_time() } else { news };
        let news = News { healthy: self.end_checks(key), ..news };
        let mut effects = self.tell(now, key, news);
        if !matches!(exit, Exit::Vanished) {
            effects.extend(self.remove_later(now, name, None));
        }
        effects.extend(self.exit_if_empty());
        effects
    }

    /// Compares what the engine holds with the tasks: once for all tasks after a restart, and from time to time for what has no task.
    ///
    /// A listing is a little older than the tasks, so nothing is concluded from a container that is missing in a later one: whoever
    /// watches the container tells its end.
    pub(super) fn containers_found(
        &mut self,
        now: Instant,
        kind: Kind,
        found: Vec<FoundContainer>,
    ) -> Vec<Effect> {
        let found: BTreeMap<String, FoundState> =
            found.into_iter().map(|container| (container.name, container.state)).collect();
        let mut effects = Vec::new();
        if self.recovery.listed.insert(kind) {
            effects.extend(self.recover_containers(now, kind, &found));
        }
        effects.extend(self.tidy_up(now, &found));
        let timer = match kind {
            Kind::Docker => Timer::LookAgain,
            Kind::Process => Timer::LookForProcesses,
        };
        effects.push(Effect::ArmTimer { at: now + LOOK_AGAIN, timer });
        effects
    }

    fn recover_containers(
        &mut self,
        now: Instant,
        kind: Kind,
        found: &BTreeMap<String, FoundState>,
    ) -> Vec<Effect> {
        let recovering: Vec<TaskKey> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.is_recovering && task.kind() == kind)
            .map(|(key, _)| key.clone())
            .collect();
        recovering.iter().flat_map(|key| self.recover_container(now, key, found)).collect()
    }

    fn recover_container(
        &mut self,
        now: Instant,
        key: &TaskKey,
        found: &BTreeMap<String, FoundState>,
    ) -> Vec<Effect> {
        let Some(task) = self.task_mut(key) else {
            return Vec::new();
        };
        let (container, is_killed) = (task.container.clone(), task.kill.is_some());
        let state = found.get(&task.container_name).copied();
        // Of an ended one the engine still has to say how, of one that was just started where: the task recovers until then.
        task.is_recovering = match (state, task.phase) {
            (Some(FoundState::Exited), phase) => phase != Phase::Ended,
            (Some(FoundState::Running), phase) => matches!(phase, Phase::Pulling | Phase::Starting),
            (Some(FoundState::Created) | None, _) => false,
        };
        match (state, task.phase) {
            (_, Phase::Ended) => Vec::new(),
            (Some(FoundState::Exited), _) => vec![Effect::Watch(watched(task))],
            (Some(FoundState::Running), Phase::Running) => {
                let watch = Effect::Watch(watched(task));
                let stop = if is_killed { self.stop_running(now, key) } else { Vec::new() };
                let checks = self.begin_checks(now, key);
                let deadline = self.await_deadline(now, key);
                [watch].into_iter().chain(stop).chain(checks).chain(deadline).collect()
            }
            // Its start was not journalled; describing it completes the launch.
            (Some(FoundState::Running), Phase::Pulling | Phase::Starting) => {
                vec![Effect::Describe(watched(task))]
            }
            (Some(FoundState::Created) | None, Phase::Pulling | Phase::Starting) if is_killed => {
                self.launch_failed(now, key, &container, LaunchFailure::Cancelled)
            }
            (Some(FoundState::Created) | None, Phase::Pulling | Phase::Starting)
                if task.is_of_earlier_boot =>
            {
                let failure = "The machine was booted before the container ran".to_owned();
                self.launch_failed(now, key, &container, LaunchFailure::Failed(failure))
            }
            (Some(FoundState::Created) | None, Phase::Pulling | Phase::Starting) => {
                self.launch_anew(now, key)
            }
            (Some(FoundState::Created) | None, Phase::Running) => {
                self.container_ended(now, key, &container, &Exit::Vanished)
            }
        }
    }

    fn launch_anew(&mut self, now: Instant, key: &TaskKey) -> Vec<Effect> {
        let Some(task) = self.tasks.get(key).map(Arc::clone) else {
            return Vec::new();
        };
        match self.order_launch(&task) {
            Ok(launch) => vec![launch],
            Err(refusal) => self.tell(now, key, refused(&refusal)),
        }
    }

    /// Stops what runs without a task, and lets ended containers go in time; what was never to run goes at once.
    fn tidy_up(&mut self, now: Instant, found: &BTreeMap<String, FoundState>) -> Vec<Effect> {
        let held: BTreeMap<String, Arc<Task>> = self
            .tasks
            .values()
            .map(|task| (task.container_name.clone(), Arc::clone(task)))
            .collect();
        let mut effects = Vec::new();
        for (name, state) in found {
            let task = held.get(name);
            if task.is_some_and(|task| task.phase != Phase::Ended) {
                continue;
            }
            let was_made_only = task.is_none() && *state == FoundState::Created;
            if was_made_only || task.is_some_and(|task| task.failed_to_launch()) {
                effects.push(Effect::Remove(name.clone()));
                continue;
            }
            if *state == FoundState::Running {
                tracing::warn!(container.name = %name, "container `{name}` runs without a task and is stopped");
                let grace = match Kind::of_name(name) {
                    Kind::Docker => self.settings.docker_stop_timeout,
                    Kind::Process => Duration::ZERO,
                };
                effects.push(Effect::Stop { task: None, name: name.clone(), grace });
            }
            // Its time runs from its end, not from when this process has found it.
            let ended = task.and_then(|task| task.ended_at());
            effects.extend(match (ended, state) {
                (None, FoundState::Exited) => self.remove_later_than_end(now, name),
                (Some(_), _) | (None, FoundState::Running | FoundState::Created) => {
                    self.remove_later(now, name.clone(), ended)
                }
            });
        }
        effects
    }
}

/// What a container's end means for its task.
fn ending(exit: &Exit, is_killed: bool, info: &v1::TaskInfo) -> News {
    match exit {
        // Compat: the original does not say so of a Docker task, whose end is then a status 137 like any other.
        Exit::Exited { status, out_of_memory: true } if *status != 0 && !is_killed => {
            let message = format!(
                "Container exited with status {status}: it needed more memory than its limit"
            );
            let memory = info.resources.iter().filter(|resource| resource.name == "mem");
            let limitation = v1::TaskResourceLimitation { resources: memory.cloned().collect() };
            let reason = Reason::ContainerLimitationMemory;
            News {
                limitation: Some(limitation),
                ..News::from_agent(TaskState::Failed, reason, message)
            }
        }
        Exit::Exited { status, out_of_memory: _ } => {
            let state = match status {
                _ if is_killed => TaskState::Killed,
                0 => TaskState::Finished,
                _ => TaskState::Failed,
            };
            News::from_executor(state)
                .with_message(format!("Container exited with status {status}"))
        }
        Exit::Process(exit) => process_task::ending(exit, is_killed),
        Exit::Vanished => {
            let state = if is_killed { TaskState::Killed } else { TaskState::Failed };
            News::from_agent(
                state,
                Reason::ExecutorTerminated,
                "The container is no longer in the engine",
            )
        }
    }
}
