//! Tasks ended on demand: one by one, with their framework, or with the agent itself.
//!
//! A container is asked to end and has a grace period; a later kill may only shorten it.

use std::time::Duration;

use model::{ContainerId, FrameworkId, Instant, TaskId, TaskState, Timestamp};
use wire::link::KillTask;
use wire::mesos::v1;
use wire::mesos::v1::framework_info::capability::Type as Capability;
use wire::mesos::v1::task_status::Reason;

use crate::Agent;
use crate::command::Timer;
use crate::container::Kind;
use crate::effect::Effect;
use crate::record::Entry;
use crate::task::{News, Phase, Task, TaskKey, grace};

/// Pause before an engine that failed to stop a container is asked again.
const STOP_AGAIN: Duration = Duration::from_secs(5);

impl Agent {
    pub(super) fn kill_task(&mut self, now: Instant, order: &KillTask) -> Vec<Effect> {
        let key = TaskKey {
            framework: FrameworkId::new(order.framework_id.value.as_str()),
            task: TaskId::new(order.task_id.value.as_str()),
        };
        let Some(task) = self.tasks.get(&key) else {
            let text = "This agent does not hold the task";
            let news = News::from_agent(TaskState::Dropped, Reason::ExecutorTerminated, text);
            return self.tell_of_stranger(&key, news);
        };
        if task.is_complete() {
            let news = News::from_executor(task.state)
                .with_message("The task had ended before it was killed");
            return self.tell_of_stranger(&key, news);
        }
        if task.phase == Phase::Ended {
            return self.send_head(now, &key);
        }
        let asked = order.kill_policy.as_ref().and_then(grace);
        let grace = asked.unwrap_or_else(|| self.kill_grace(task));
        self.end_task(now, &key, grace)
    }

    /// The time of a task that is killed by an order that names none, or for its health.
    pub(super) fn kill_grace(&self, task: &Task) -> Duration {
        task.own_grace().unwrap_or_else(|| self.settings.kill_grace_of(task.kind()))
    }

    /// The time of a task that is shut down with its framework or with the agent.
    ///
    /// Source: mesos.md §5.2, §5.3, §5.7: the executor of a task with a kill policy has the policy's time and two seconds, of which it
    /// leaves the task all but those two. That holds for both kinds of tasks, since both executors read the same variable.
    fn shutdown_grace(&self, task: &Task) -> Duration {
        task.own_grace().unwrap_or_else(|| self.settings.shutdown_grace_of(task.kind()))
    }

    /// Ends all of these tasks that live, each in its time.
    fn shut_down(&mut self, now: Instant, wanted: impl Fn(&TaskKey) -> bool) -> Vec<Effect> {
        let live = self
            .tasks
            .iter()
            .filter(|(key, task)| task.phase != Phase::Ended && wanted(key))
            .map(|(key, task)| (key.clone(), self.shutdown_grace(task)));
        let live: Vec<(TaskKey, Duration)> = live.collect();
        live.into_iter().flat_map(|(key, grace)| self.end_task(now, &key, grace)).collect()
    }

    /// Makes a task end within `grace`; nothing when it already has to end as soon as that.
    pub(super) fn end_task(&mut self, now: Instant, key: &TaskKey, grace: Duration) -> Vec<Effect> {
        let Some(task) = self.task_mut(key) else {
            return Vec::new();
        };
        if task.phase == Phase::Ended || task.kill.is_some_and(|before| before <= grace) {
            return Vec::new();
        }
        task.kill = Some(grace);
        let (phase, is_recovering, container) =
            (task.phase, task.is_recovering, task.container.clone());
        let mut effects = vec![Self::journal(Entry::KillOrdered {
            framework: key.framework.clone(),
            task: key.task.clone(),
            grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX),
        })];
        match phase {
            // What the engine holds is not known yet; the answer decides.
            _ if is_recovering => {}
            Phase::Pulling | Phase::Starting => effects.push(Effect::CancelLaunch(container)),
            Phase::Running => effects.extend(self.stop_running(now, key)),
            Phase::Ended => {}
        }
        effects
    }

    /// Asks the engine to stop the container of a task that has to end, and tells the framework if it wants to know.
    pub(super) fn stop_running(&mut self, now: Instant, key: &TaskKey) -> Vec<Effect> {
        let Some(task) = self.tasks.get(key) else {
            return Vec::new();
        };
        let Some(grace) = task.kill else {
            return Vec::new();
        };
        let stop = Effect::Stop {
            task: Some((key.clone(), task.container.clone())),
            name: task.container_name.clone(),
            grace,
        };
        // Compat: the end of a task's time is no kill that anybody has asked for.
        let is_told = task.state == TaskState::Killing || task.is_out_of_time;
        let mut effects = Vec::new();
        if !is_told && self.has_capability(&key.framework, Capability::TaskKillingState) {
            effects.extend(self.tell(now, key, News::from_executor(TaskState::Killing)));
        }
        effects.push(stop);
        effects
    }

    pub(super) fn stop_failed(
        &mut self,
        now: Instant,
        key: &TaskKey,
        container: &ContainerId,
        message: &str,
    ) -> Vec<Effect> {
        match self.run_mut(key, container) {
            Some(task) if task.phase != Phase::Ended => {
                tracing::warn!(task.id = %key.task, "task `{key}` could not be stopped and is stopped again: {message}");
                let timer = Timer::StopAgain(key.clone(), container.clone());
                vec![Effect::ArmTimer { at: now + STOP_AGAIN, timer }]
            }
            Some(_) | None => Vec::new(),
        }
    }

    pub(super) fn stop_again(
        &mut self,
        now: Instant,
        key: &TaskKey,
        container: &ContainerId,
    ) -> Vec<Effect> {
        match self.run_mut(key, container) {
            Some(task) if task.phase == Phase::Running => self.stop_running(now, key),
            Some(_) | None => Vec::new(),
        }
    }

    /// The framework is over: its tasks end, and nobody waits for their updates.
    pub(super) fn shut_down_framework(
        &mut self,
        now: Instant,
        framework: &FrameworkId,
    ) -> Vec<Effect> {
        let mut effects =
            vec![Self::journal(Entry::FrameworkEnded { framework: framework.clone() })];
        self.forget_updates(framework);
        self.forget_frameworks();
        effects.extend(self.shut_down(now, |task| task.framework == *framework));
        effects
    }

    /// Marks the framework as over and drops what its tasks still had to tell.
    pub(super) fn forget_updates(&mut self, framework: &FrameworkId) {
        self.over.insert(framework.clone());
        let told: Vec<TaskKey> = self
            .tasks
            .iter()
            .filter(|(key, task)| key.framework == *framework && !task.updates.is_empty())
            .map(|(key, _)| key.clone())
            .collect();
        for key in told {
            let is_complete = self.task_mut(&key).is_some_and(|task| {
                task.updates.clear();
                task.is_complete()
            });
            if is_complete {
                self.complete(&key);
            }
        }
    }

    /// Ends all tasks and then the agent.
    pub(super) fn leave(&mut self, now: Instant, message: &str) -> Vec<Effect> {
        self.leaving.get_or_insert_with(|| message.to_owned());
        let mut effects = self.shut_down(now, |_| true);
        effects.extend(self.exit_if_empty());
        effects
    }

    /// Once the last container of a leaving agent has ended, the agent ends.
    pub(super) fn exit_if_empty(&mut self) -> Vec<Effect> {
        match &self.leaving {
            Some(message) if self.tasks.values().all(|task| task.phase == Phase::Ended) => {
                vec![Self::journal(Entry::Left), Effect::Exit(message.clone())]
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// The master has never heard of this agent: whatever it runs belongs to nobody, and it registers as a new agent.
    pub(super) fn begin_anew(&mut self) -> Vec<Effect> {
        tracing::warn!(
            "the master does not know this agent; its tasks are ended and it registers as a new agent"
        );
        let mut effects = vec![Self::journal(Entry::Left)];
        for task in self.tasks.values().filter(|task| task.phase != Phase::Ended) {
            effects.push(Effect::CancelLaunch(task.container.clone()));
            let name = task.container_name.clone();
            effects.push(Effect::Stop { task: None, name, grace: self.shutdown_grace(task) });
        }
        self.forget_everything();
        effects
    }

    /// Orders the removal of a container for its time after its end, once; `ended` is in seconds since 1970.
    pub(super) fn remove_later(
        &mut self,
        now: Instant,
        name: String,
        ended: Option<f64>,
    ) -> Option<Effect> {
        if Kind::of_name(&name) == Kind::Process {
            // Its output lies in the sandbox; nothing else is of use to anybody.
            return Some(Effect::Remove(name));
        }
        self.removals.insert(name.clone()).then(|| self.removal(now, name, ended))
    }

    /// The same of a container whose end the engine alone knows: it is asked first.
    pub(super) fn remove_later_than_end(&mut self, now: Instant, name: &str) -> Option<Effect> {
        if Kind::of_name(name) == Kind::Process {
            return self.remove_later(now, name.to_owned(), None);
        }
        self.removals.insert(name.to_owned()).then(|| Effect::FindEnd(name.to_owned()))
    }

    /// The engine has said when a container ended, if it can tell.
    pub(super) fn end_found(
        &self,
        now: Instant,
        name: String,
        ended: Option<Timestamp>,
    ) -> Vec<Effect> {
        vec![self.removal(now, name, ended.map(Timestamp::as_secs_f64))]
    }

    fn removal(&self, now: Instant, name: String, ended: Option<f64>) -> Effect {
        let passed = ended.map_or(Duration::ZERO, |ended| self.passed_since(ended));
        Effect::ArmTimer {
            at: now + self.settings.remove_delay.saturating_sub(passed),
            timer: Timer::RemoveContainer(name),
        }
    }

    fn has_capability(&self, framework: &FrameworkId, wanted: Capability) -> bool {
        self.frameworks.get(framework).is_some_and(|info| {
            let is_wanted = |capability: &v1::framework_info::Capability| {
                capability.r#type == Some(wanted as i32)
            };
            info.capabilities.iter().any(is_wanted)
        })
    }
}
