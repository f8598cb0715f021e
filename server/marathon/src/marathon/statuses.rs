//! Status updates: from what Mesos says of a task to the condition of its instance (marathon.md §1.3, §8.6, §8.7).

use std::sync::Arc;

use model::{AppId, TaskState};

use super::Marathon;
use super::instances::Write;
use crate::command::StatusUpdate;
use crate::effect::Call;
use crate::events;
use crate::health::Checks;
use crate::identity;
use crate::instance::{Condition, Goal, Instance, Task};
use crate::records;
use crate::snapshot::TaskFailure;
use crate::timers::Timer;

/// Characters of a staging task's news that are kept.
const LONGEST_NEWS: usize = 500;

impl Marathon {
    /// Takes an update; it is acknowledged after what follows from it has been stored.
    pub(super) fn status_update(&mut self, update: &StatusUpdate) {
        self.subscription.unconfirmed.remove(&update.task);
        let owner = update.instance().and_then(|(id, _)| self.instance(&id)).cloned();
        match owner {
            Some(owner) if owner.task.as_ref().is_some_and(|task| task.id == update.task) => {
                self.own_update((*owner).clone(), update);
            }
            Some(_) | None => self.foreign_update(update),
        }
        if let (Some(uuid), Some(agent)) = (&update.uuid, &update.agent) {
            let (uuid, agent, task) = (Arc::clone(uuid), agent.clone(), update.task.clone());
            self.call(Call::Acknowledge { agent, task, uuid });
        }
    }

    /// A task that no instance owns: forgotten, replaced, or of an earlier run. It may not live on.
    fn foreign_update(&mut self, update: &StatusUpdate) {
        let condition = condition_of(update);
        if condition.is_terminal() {
            let instance = update.instance().map(|(instance, _)| instance);
            let known = instance.filter(|instance| self.instance(instance).is_none());
            if let Some((instance, app)) =
                known.and_then(|id| Some((id.clone(), identity::app_of(&id)?)))
            {
                let wall = self.wall();
                self.publish(events::unknown_instance_terminated(&instance, &app, condition, wall));
            }
        } else if condition != Condition::Unreachable {
            return self.kill_task(update.task.clone(), update.agent.clone());
        }
        self.forget_kill(&update.task);
    }

    fn own_update(&mut self, mut instance: Instance, update: &StatusUpdate) {
        let news = News::of(instance.condition, condition_of(update));
        let Some(task) = instance.task.as_mut().filter(|_| news != News::Stale) else { return };
        let before = (task.state, task.addresses.clone());
        task.state = Some(update.state);
        if !update.addresses.is_empty() {
            task.addresses.clone_from(&update.addresses);
        }
        if news == News::Lives(Condition::Running) && task.started_at.is_none() {
            task.started_at = Some(self.state.clock.read(self.now));
        }
        let has_news = take_news(task, update) | take_check(&mut instance.checks, update);
        let task = task.clone();
        let event = events::status_update(&instance, &task, update, self.wall());
        let is_event = before != (task.state, task.addresses) || is_check_report(update);
        if is_event {
            self.publish(event);
        }
        let is_alive = matches!(news, News::Lives(_));
        // Its health is taken in whatever else the update says.
        let is_health_news = is_alive && self.told_health(&mut instance, update);
        let is_told = !is_event && !is_health_news;
        match news {
            News::Ended(condition) => self.ended(instance, update, condition),
            // Told before or not: its time may have come.
            News::Unreachable => self.became_unreachable(instance, update),
            News::Lives(condition) if is_told && instance.condition == condition => {
                if has_news {
                    self.put(instance, Write::Never);
                }
            }
            News::Lives(condition) => self.lives(instance, condition),
            News::Stale => {}
        }
    }

    fn lives(&mut self, mut instance: Instance, condition: Condition) {
        if instance.condition != condition {
            instance.condition = condition;
            instance.since = self.wall();
            self.watch_checks(&instance);
        }
        self.backoffs.alive(&instance.app, self.now);
        self.watch_launch(&instance);
        let (goal, task) = (instance.goal, instance.task.clone());
        self.put(instance, Write::Behind);
        if let (Goal::Decommissioned, Some(task)) = (goal, task) {
            self.kill(&task);
        }
    }

    fn ended(&mut self, mut instance: Instance, update: &StatusUpdate, condition: Condition) {
        if let Some(task) = &instance.task {
            let id = task.id.clone();
            self.forget_kill(&id);
        }
        let was = std::mem::replace(&mut instance.condition, condition);
        instance.since = self.wall();
        instance.healthy = None;
        self.forget_probes(&instance);
        instance.checks.clear();
        self.note_failure(&instance, update);
        if instance.goal == Goal::Decommissioned {
            let id = instance.id.clone();
            self.put(instance, Write::Never);
            return self.remove(&id);
        }
        if condition.delays_launch() && !never_started(was, update) {
            self.delay_launch(&instance);
        }
        self.put(instance, Write::Now);
    }

    fn delay_launch(&mut self, instance: &Instance) {
        let definition = self.state.apps.get(&instance.app).map(|app| Arc::clone(&app.definition));
        let Some(definition) = definition else { return };
        if instance.version >= definition.info.last_config_change_at {
            let until = self.backoffs.failed(&definition, self.now);
            self.timers.arm(until, Timer::Backoff(instance.app.clone()));
            self.refresh_launchable(&instance.app);
        }
    }

    /// Keeps the last failure of the app.
    fn note_failure(&mut self, instance: &Instance, update: &StatusUpdate) {
        let is_failure = match update.state {
            TaskState::Failed
            | TaskState::Error
            | TaskState::Lost
            | TaskState::Dropped
            | TaskState::Gone
            | TaskState::GoneByOperator
            | TaskState::Unknown => true,
            TaskState::Staging
            | TaskState::Starting
            | TaskState::Running
            | TaskState::Killing
            | TaskState::Finished
            | TaskState::Killed
            | TaskState::Unreachable => false,
        };
        if !is_failure || !self.state.apps.contains_key(&instance.app) {
            return;
        }
        let failure = TaskFailure {
            task: update.task.clone(),
            state: update.state,
            message: update.message.clone().unwrap_or_default(),
            host: instance.host().unwrap_or_default().to_owned(),
            agent: update.agent.clone().or_else(|| instance.agent().cloned()),
            version: instance.version,
            timestamp: self.wall(),
        };
        self.keep_failure(&instance.app, failure);
    }

    pub(super) fn keep_failure(&mut self, app: &AppId, failure: TaskFailure) {
        self.persist(records::put_failure(app, &failure));
        self.change_app(app, |app| app.last_failure = Some(Arc::new(failure)));
    }
}

/// Keeps what the executor says of a task that is being staged; whether that is new.
fn take_news(task: &mut Task, update: &StatusUpdate) -> bool {
    // An answer to reconciliation has a reason, and says nothing of the launch.
    let is_staging = update.state == TaskState::Staging && update.reason.is_none();
    let told = update.message.as_deref().filter(|text| is_staging && !text.is_empty());
    let told = told.map(|text| text.chars().take(LONGEST_NEWS).collect::<String>());
    if update.state == TaskState::Staging && told.is_none()
        || told.as_deref() == task.news.as_deref()
    {
        return false;
    }
    task.news = told.map(Arc::from);
    true
}

/// Keeps what the task's plain check has found; whether that is new.
fn take_check(checks: &mut Checks, update: &StatusUpdate) -> bool {
    let Some(found) = update.check else { return false };
    checks.found.replace(found) != Some(found)
}

/// Whether the update tells a result of a check of Mesos.
fn is_check_report(update: &StatusUpdate) -> bool {
    matches!(
        update.reason.as_deref(),
        Some("REASON_TASK_HEALTH_CHECK_STATUS_UPDATED" | "REASON_TASK_CHECK_STATUS_UPDATED")
    )
}

/// What a told condition means for an instance whose own condition is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    /// Overtaken by what is known already.
    Stale,
    Lives(Condition),
    Unreachable,
    Ended(Condition),
}

impl News {
    /// Compat: the original takes nothing more of a task that has ended. Here a task that was only taken for
    /// dead, without a word of its executor, is taken back when it shows up alive: it would run twice otherwise.
    fn of(known: Condition, told: Condition) -> Self {
        if known.is_terminal() {
            let is_presumed =
                matches!(known, Condition::Gone | Condition::Dropped | Condition::Unknown);
            return match life_stage(told) {
                Some(_) if is_presumed => Self::Lives(told),
                Some(_) | None => Self::Stale,
            };
        }
        match (life_stage(known), life_stage(told)) {
            // An answer to reconciliation, or an update sent again, that a later one has overtaken.
            (Some(known), Some(told)) if told < known => Self::Stale,
            (_, Some(_)) => Self::Lives(told),
            (_, None) if told.is_terminal() => Self::Ended(told),
            (_, None) => Self::Unreachable,
        }
    }
}

/// How far a living task has come; `None` for one that has ended or cannot be reached.
fn life_stage(condition: Condition) -> Option<u8> {
    match condition {
        Condition::Scheduled => Some(0),
        Condition::Provisioned => Some(1),
        Condition::Staging => Some(2),
        Condition::Starting => Some(3),
        Condition::Running => Some(4),
        Condition::Killing => Some(5),
        Condition::Unreachable
        | Condition::UnreachableInactive
        | Condition::Finished
        | Condition::Killed
        | Condition::Failed
        | Condition::Error
        | Condition::Gone
        | Condition::Dropped
        | Condition::Unknown => None,
    }
}

/// Whether the launch was lost on its way, which is not the app's fault and delays nothing.
///
/// Compat: the original counts these as failures of the app and waits `backoffSeconds` (marathon.md §8.4).
fn never_started(was: Condition, update: &StatusUpdate) -> bool {
    let is_lost = matches!(update.state, TaskState::Dropped | TaskState::Lost | TaskState::Gone);
    let is_launch = was == Condition::Provisioned;
    match update.reason.as_deref() {
        Some("REASON_INVALID_OFFERS") => is_lost,
        Some(
            "REASON_MASTER_DISCONNECTED"
            | "REASON_AGENT_DISCONNECTED"
            | "REASON_SLAVE_DISCONNECTED"
            | "REASON_AGENT_REMOVED"
            | "REASON_SLAVE_REMOVED"
            | "REASON_RECONCILIATION",
        ) => is_lost && is_launch,
        Some(_) | None => false,
    }
}

/// The condition that a Mesos state means.
fn condition_of(update: &StatusUpdate) -> Condition {
    match update.state {
        TaskState::Staging => Condition::Staging,
        TaskState::Starting => Condition::Starting,
        TaskState::Running => Condition::Running,
        TaskState::Killing => Condition::Killing,
        TaskState::Finished => Condition::Finished,
        TaskState::Failed => Condition::Failed,
        TaskState::Killed => Condition::Killed,
        TaskState::Error => Condition::Error,
        TaskState::Dropped => Condition::Dropped,
        TaskState::Unreachable => Condition::Unreachable,
        TaskState::Gone | TaskState::GoneByOperator => Condition::Gone,
        TaskState::Unknown => Condition::Unknown,
        TaskState::Lost => match update.reason.as_deref() {
            Some(
                "REASON_RECONCILIATION"
                | "REASON_AGENT_DISCONNECTED"
                | "REASON_SLAVE_DISCONNECTED"
                | "REASON_AGENT_REMOVED"
                | "REASON_SLAVE_REMOVED",
            ) => Condition::Unreachable,
            Some("REASON_TASK_UNKNOWN" | "REASON_AGENT_UNKNOWN") => Condition::Unknown,
            Some(_) | None => Condition::Gone,
        },
    }
}
