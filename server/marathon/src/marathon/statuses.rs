//! Status updates: from what Mesos says of a task to the condition of its instance (marathon.md §1.3, §8.6, §8.7).

use std::sync::Arc;

use model::{InstanceId, TaskState};

use super::Marathon;
use super::instances::Write;
use crate::command::StatusUpdate;
use crate::effect::Call;
use crate::events;
use crate::identity;
use crate::instance::{Condition, Goal, Instance};
use crate::records;
use crate::run_spec::UnreachableStrategy;
use crate::snapshot::TaskFailure;
use crate::timers::Timer;

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
            let (task, agent) = (update.task.clone(), update.agent.clone());
            self.call(Call::Kill { task, agent });
        }
    }

    fn own_update(&mut self, mut instance: Instance, update: &StatusUpdate) {
        let condition = condition_of(update);
        let Some(task) = &mut instance.task else { return };
        let is_early = matches!(condition, Condition::Staging | Condition::Starting);
        if is_early && instance.condition == Condition::Running {
            return; // An answer to reconciliation that the running update has overtaken.
        }
        let before = (task.state, task.addresses.clone(), instance.healthy);
        task.state = Some(update.state);
        if !update.addresses.is_empty() {
            task.addresses.clone_from(&update.addresses);
        }
        if condition == Condition::Running && task.started_at.is_none() {
            task.started_at = Some(self.state.clock.read(self.now));
        }
        let healthy = update.healthy.or(instance.healthy);
        if before != (task.state, task.addresses.clone(), healthy) {
            let told = task.clone();
            let event = events::status_update(&instance, &told, update, self.wall());
            self.publish(event);
        } else if instance.condition == condition {
            return; // Told before.
        }
        instance.healthy = healthy;
        if condition.is_terminal() {
            self.ended(instance, update, condition);
        } else if condition == Condition::Unreachable {
            self.became_unreachable(instance, update);
        } else {
            self.lives(instance, condition);
        }
    }

    fn lives(&mut self, mut instance: Instance, condition: Condition) {
        if instance.condition != condition {
            instance.condition = condition;
            instance.since = self.wall();
        }
        self.backoffs.alive(&instance.app, self.now);
        if matches!(condition, Condition::Staging | Condition::Starting) {
            let overdue = self.now + self.settings.launch_timeout;
            self.timers.arm(overdue, Timer::Launch(instance.id.clone()));
        }
        let (id, goal, task) = (instance.id.clone(), instance.goal, instance.task.clone());
        self.put(instance, Write::Behind);
        if let (Goal::Decommissioned, Some(task)) = (goal, task) {
            self.kill(&id, &task);
        }
    }

    fn ended(&mut self, mut instance: Instance, update: &StatusUpdate, condition: Condition) {
        if let Some(task) = &instance.task {
            let id = task.id.clone();
            self.forget_kill(&id);
        }
        instance.condition = condition;
        instance.since = self.wall();
        instance.healthy = None;
        self.note_failure(&instance, update);
        if instance.goal == Goal::Decommissioned {
            let id = instance.id.clone();
            self.put(instance, Write::Never);
            return self.remove(&id);
        }
        // A stale offer is not the app's fault.
        let stale_offer = update.reason.as_deref() == Some("REASON_INVALID_OFFERS");
        if condition.delays_launch() && !stale_offer {
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
        self.persist(records::put_failure(&instance.app, &failure));
        self.change_app(&instance.app, |app| app.last_failure = Some(Arc::new(failure)));
    }

    fn became_unreachable(&mut self, mut instance: Instance, update: &StatusUpdate) {
        if !matches!(instance.condition, Condition::Unreachable | Condition::UnreachableInactive) {
            instance.condition = Condition::Unreachable;
            instance.since = update.unreachable_since.unwrap_or_else(|| self.wall());
        }
        if instance.goal == Goal::Decommissioned {
            let id = instance.id.clone();
            self.put(instance, Write::Never);
            return self.remove(&id);
        }
        self.age_unreachable(instance);
    }

    /// Moves an unreachable instance on as its app's strategy says, and arms the next look at it.
    fn age_unreachable(&mut self, mut instance: Instance) {
        let app = self.state.apps.get(&instance.app);
        let strategy =
            app.map(|app| app.definition.spec.unreachable_strategy()).unwrap_or_default();
        let UnreachableStrategy::Window { inactive_after, expunge_after } = strategy else {
            return self.put(instance, Write::Behind);
        };
        let since = self.state.clock.instant_of(instance.since, self.now);
        let (inactive_at, expunge_at) = (since + inactive_after, since + expunge_after);
        let id = instance.id.clone();
        if inactive_at <= self.now {
            instance.condition = Condition::UnreachableInactive;
        }
        if expunge_at <= self.now {
            self.put(instance, Write::Never);
            return self.remove(&id);
        }
        let next = if inactive_at > self.now { inactive_at } else { expunge_at };
        self.timers.arm(next, Timer::Unreachable(id));
        self.put(instance, Write::Behind);
    }

    /// The time of an unreachable instance may have come.
    pub(super) fn check_unreachable(&mut self, id: &InstanceId) {
        let Some(instance) = self.instance(id) else { return };
        if matches!(instance.condition, Condition::Unreachable | Condition::UnreachableInactive) {
            let instance = (**instance).clone();
            self.age_unreachable(instance);
        }
    }

    /// A launch that takes too long is given up and tried again.
    pub(super) fn check_launch(&mut self, id: &InstanceId) {
        let Some(instance) = self.instance(id) else { return };
        let limit = match instance.condition {
            Condition::Provisioned => self.settings.launch_confirm_timeout,
            Condition::Staging | Condition::Starting => self.settings.launch_timeout,
            Condition::Scheduled
            | Condition::Running
            | Condition::Killing
            | Condition::Unreachable
            | Condition::UnreachableInactive
            | Condition::Finished
            | Condition::Killed
            | Condition::Failed
            | Condition::Error
            | Condition::Gone
            | Condition::Dropped
            | Condition::Unknown => return,
        };
        let since = self.state.clock.instant_of(instance.since, self.now);
        let (id, task) = (instance.id.clone(), instance.task.clone());
        if since + limit > self.now {
            self.timers.arm(since + limit, Timer::Launch(id));
        } else if let Some(task) = task {
            self.kill(&id, &task);
        }
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
