//! Instances that have been in one condition for too long: unreachable ones, and launches without news
//! (marathon.md §8.6, §8.7).
//!
//! Nobody is judged on old news: after a start or a new subscription tasks are first asked for.

use model::{InstanceId, Instant, Timestamp};

use super::Marathon;
use super::instances::Write;
use crate::command::StatusUpdate;
use crate::instance::{Condition, Goal, Instance};
use crate::run_spec::UnreachableStrategy;
use crate::timers::Timer;
use crate::wall_clock::WallClock;

impl Marathon {
    /// Takes a reading of the wall clock. When it was put back, what then seems to lie ahead counts from now on: nobody would be
    /// judged before the clock is there again.
    pub(super) fn read_wall_clock(&mut self, wall: Timestamp) {
        self.state.clock = WallClock::new(self.now, wall);
        let all = self.state.instances.values().flat_map(|instances| instances.values());
        let ahead: Vec<_> = all.filter(|one| one.is_ahead_of(wall)).cloned().collect();
        for instance in ahead {
            let mut instance = (*instance).clone();
            instance.bring_back_to(wall);
            self.put(instance, Write::Behind);
        }
    }

    pub(super) fn became_unreachable(&mut self, mut instance: Instance, update: &StatusUpdate) {
        if !instance.condition.is_unreachable() {
            instance.condition = Condition::Unreachable;
            // The master's clock may be another machine's.
            let wall = self.wall();
            instance.since = update.unreachable_since.map_or(wall, |since| since.min(wall));
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
        let Some(instance) = self.instance(id).filter(|i| i.condition.is_unreachable()) else {
            return;
        };
        let is_old_news = instance
            .task
            .as_ref()
            .is_some_and(|task| self.subscription.unconfirmed.contains_key(&task.id));
        if is_old_news || !self.subscription.is_connected {
            // Its agent may be back. The answer of the master is looked at at once; this is for silence.
            let again = self.now + self.settings.reconciliation_initial_delay;
            return self.timers.arm(again, Timer::Unreachable(id.clone()));
        }
        let instance = (**instance).clone();
        self.age_unreachable(instance);
    }

    /// Arms the next look at a launch, if `instance` is one.
    pub(super) fn watch_launch(&mut self, instance: &Instance) {
        if let Some(overdue) = self.launch_deadline(instance) {
            self.timers.arm(overdue, Timer::Launch(instance.id.clone()));
        }
    }

    /// When a launch is given up. Both limits count from its beginning, as in the original.
    fn launch_deadline(&self, instance: &Instance) -> Option<Instant> {
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
            | Condition::Unknown => return None,
        };
        let task = instance.task.as_ref()?;
        Some(self.state.clock.instant_of(task.staged_at, self.now) + limit)
    }

    /// A launch that takes too long is given up and tried again.
    pub(super) fn check_launch(&mut self, id: &InstanceId) {
        let Some(instance) = self.instance(id).cloned() else { return };
        let Some(overdue) = self.launch_deadline(&instance) else { return };
        let Some(judges_from) = self.subscription.judges_from else { return };
        let due = overdue.max(judges_from);
        if due > self.now {
            self.timers.arm(due, Timer::Launch(id.clone()));
        } else if let Some(task) = &instance.task {
            self.kill(task);
        }
    }

    /// Looks at every launch again: after a subscription the timers may have gone off unheard.
    pub(super) fn watch_launches(&mut self) {
        let all = self.state.instances.values().flat_map(|instances| instances.values());
        let launches: Vec<_> = all
            .filter(|instance| self.launch_deadline(instance).is_some())
            .map(|instance| instance.id.clone())
            .collect();
        launches.iter().for_each(|id| self.check_launch(id));
    }
}
