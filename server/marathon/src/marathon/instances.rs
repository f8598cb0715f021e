//! Instances: every change of one passes here, so that counts, indices, events and records agree with it.

use std::cmp::Ordering;
use std::sync::Arc;

use model::{AppId, InstanceId, Timestamp};

use super::Marathon;
use crate::deployment::ActionKind;
use crate::events;
use crate::health::Checks;
use crate::identity;
use crate::instance::{Condition, Counts, Goal, Instance};
use crate::queue::QueueEntry;
use crate::records::{self, Path};
use crate::rollout::{self, NextActions};
use crate::run_spec::VersionedRunSpec;
use crate::snapshot::{App, Instances};
use crate::timers::Timer;

/// Sums over the instances of one app, kept up to date so that a status costs no walk over all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    counts: Counts,
    /// Counting towards the wanted number.
    wanted: u32,
    /// Wanted and ready, or ready once in their present run.
    settled: u32,
    leaving: u32,
    /// Waiting for launch, or provisioned and without a status.
    queued: u32,
    all: u32,
}

impl Tally {
    fn of(instance: &Instance) -> Self {
        let queued = instance.waits_for_launch() || instance.condition == Condition::Provisioned;
        Self {
            counts: Counts::of(instance),
            wanted: u32::from(instance.is_wanted()),
            settled: u32::from(instance.has_settled()),
            leaving: u32::from(instance.goal == Goal::Decommissioned),
            queued: u32::from(queued),
            all: 1,
        }
    }

    fn replace(&mut self, old: Self, new: Self) {
        self.counts.sub(old.counts);
        self.counts.add(new.counts);
        self.wanted = self.wanted - old.wanted + new.wanted;
        self.settled = self.settled - old.settled + new.settled;
        self.leaving = self.leaving - old.leaving + new.leaving;
        self.queued = self.queued - old.queued + new.queued;
        self.all = self.all - old.all + new.all;
    }
}

/// What the reconciler sees of an instance: while it stays the same there is nothing new to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Relevance {
    version: Timestamp,
    goal: Goal,
    is_wanted: bool,
    is_ready: bool,
    is_healthy: bool,
    is_running: bool,
    is_active: bool,
    waits: bool,
}

impl Relevance {
    fn of(instance: &Instance) -> Self {
        Self {
            version: instance.version,
            goal: instance.goal,
            is_wanted: instance.is_wanted(),
            is_ready: instance.is_ready(),
            is_healthy: instance.is_healthy(),
            is_running: instance.condition == Condition::Running,
            is_active: instance.condition.is_active(),
            waits: instance.waits_for_launch(),
        }
    }
}

/// When a changed instance is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// With this command's other effects.
    Now,
    /// Soon, together with others.
    Behind,
    /// Not at all: it only waits, or is about to be forgotten.
    Never,
}

impl Marathon {
    pub(super) fn instance(&self, id: &InstanceId) -> Option<&Arc<Instance>> {
        self.state.instances.get(&identity::app_of(id)?)?.get(id)
    }

    pub(super) fn instances_of(&self, app: &AppId) -> Instances {
        self.state.instances.get(app).cloned().unwrap_or_default()
    }

    /// Stores a new or changed instance and tells of a changed condition or goal.
    pub(super) fn put(&mut self, mut instance: Instance, write: Write) {
        instance.checks.has_served |= instance.is_ready();
        let instance = Arc::new(instance);
        let of_app = self.state.instances.entry(instance.app.clone()).or_default();
        let old = of_app.insert(instance.id.clone(), Arc::clone(&instance));
        self.index(&instance.app, old.as_deref(), Some(&instance));
        match write {
            Write::Now => {
                self.unwritten.remove(&instance.id);
                self.write(&instance);
            }
            Write::Behind => {
                if self.unwritten.is_empty() {
                    self.timers.arm(self.now + self.settings.write_behind, Timer::WriteBehind);
                }
                self.unwritten.insert(instance.id.clone());
            }
            Write::Never => {}
        }
        let is_news =
            old.is_none_or(|old| old.condition != instance.condition || old.goal != instance.goal);
        if is_news {
            self.publish(events::instance_changed(&instance, self.wall()));
        }
    }

    /// Takes an instance from its record; nothing about it is news.
    pub(super) fn restore(&mut self, instance: Instance) {
        let instance = Arc::new(instance);
        let of_app = self.state.instances.entry(instance.app.clone()).or_default();
        of_app.insert(instance.id.clone(), Arc::clone(&instance));
        self.index(&instance.app, None, Some(&instance));
    }

    /// Forgets an instance and its record.
    pub(super) fn remove(&mut self, id: &InstanceId) {
        let Some(instance) = self.instance(id).cloned() else { return };
        if let Some(of_app) = self.state.instances.get_mut(&instance.app) {
            of_app.remove(id);
            if of_app.is_empty() {
                self.state.instances.remove(&instance.app);
            }
        }
        self.index(&instance.app, Some(&instance), None);
        self.unwritten.remove(id);
        self.timers.disarm(&Timer::Launch(id.clone()));
        self.timers.disarm(&Timer::Unreachable(id.clone()));
        self.forget_probes(&instance);
        if let Some(task) = &instance.task {
            self.forget_kill(&task.id);
            self.subscription.unconfirmed.remove(&task.id);
        }
        if instance.incarnation > 0 {
            self.persist(records::delete(&Path::Instance(id.clone())));
        }
    }

    /// Brings the sums and indices of `app` up to date.
    fn index(&mut self, app: &AppId, old: Option<&Instance>, new: Option<&Instance>) {
        let tally = self.tallies.entry(app.clone()).or_default();
        let before = *tally;
        tally.replace(
            old.map(Tally::of).unwrap_or_default(),
            new.map(Tally::of).unwrap_or_default(),
        );
        let tally = *tally;
        if tally.all == 0 {
            self.tallies.remove(app);
        }
        if before.counts != tally.counts {
            self.change_app(app, |app| app.counts = tally.counts);
        }
        let waited = old.filter(|old| old.waits_for_launch()).map(|old| &old.id);
        let waits = new.filter(|new| new.waits_for_launch()).map(|new| &new.id);
        if waited != waits {
            let of_app = self.waiting.entry(app.clone()).or_default();
            waited.map(|id| of_app.remove(id));
            waits.map(|id| of_app.insert(id.clone()));
            if of_app.is_empty() {
                self.waiting.remove(app);
            }
            self.subscription.wants_offers |= waits.is_some();
            self.refresh_launchable(app);
        }
        self.requeued.insert(app.clone());
        if old.map(Relevance::of) != new.map(Relevance::of) {
            self.touched.insert(app.clone());
        }
    }

    pub(super) fn change_app(&mut self, id: &AppId, change: impl FnOnce(&mut App)) {
        if let Some(app) = self.state.apps.get_mut(id) {
            change(Arc::make_mut(app));
        }
    }

    pub(super) fn counts_of(&self, app: &AppId) -> Counts {
        self.tallies.get(app).map(|tally| tally.counts).unwrap_or_default()
    }

    /// Does what the app's action, or else its definition, wants of its instances now.
    pub(super) fn reconcile(&mut self, app: &AppId) {
        let Some((kind, target)) = self.wanted_of(app) else { return };
        let next = self.next_actions(app, kind, target.as_deref());
        if next.is_done {
            self.finish_action(app);
        }
        self.decommission_some(app, &next.decommission);
        if let Some(definition) = &target {
            for _ in 0..next.schedule {
                self.schedule(app, definition);
            }
        }
        if target.is_none() && next.is_done && !self.state.locks.contains_key(app) {
            self.forget_versions(app);
        }
    }

    /// Takes as many of `instances` out of service as the command may; the reconciler names the others again.
    fn decommission_some(&mut self, app: &AppId, instances: &[InstanceId]) {
        let count = instances.len().min(self.decommissions_left);
        self.decommissions_left -= count;
        for id in &instances[..count] {
            self.decommission(id);
        }
        if count < instances.len() {
            self.postponed.insert(app.clone());
            self.timers.arm(self.now, Timer::Postponed);
        }
    }

    /// What is to be done about the instances of `app`; nothing while its deployment has not reached it.
    fn wanted_of(&self, app: &AppId) -> Option<(ActionKind, Option<Arc<VersionedRunSpec>>)> {
        let definition = self.state.apps.get(app).map(|app| Arc::clone(&app.definition));
        let deployment = self.state.locks.get(app).and_then(|id| self.state.deployments.get(id));
        let Some(deployment) = deployment else { return Some((ActionKind::Scale, definition)) };
        let (step, kind) = deployment.plan.action_of(app)?;
        match step.cmp(&deployment.current_step) {
            Ordering::Greater => None,
            Ordering::Equal => Some((kind, definition)),
            // A finished action is kept up like any definition.
            Ordering::Less => Some((ActionKind::Scale, definition)),
        }
    }

    /// The reconciler's answer, short-cut where the sums already say that nothing is to be done.
    pub(super) fn next_actions(
        &self,
        app: &AppId,
        kind: ActionKind,
        target: Option<&VersionedRunSpec>,
    ) -> NextActions {
        let tally = self.tallies.get(app).copied().unwrap_or_default();
        if let (ActionKind::Scale, Some(target)) = (kind, target) {
            let wanted = target.spec.instances();
            if wanted > 0 && tally.wanted == wanted {
                let is_done = tally.settled == wanted && tally.leaving == 0;
                return NextActions { is_done, ..NextActions::default() };
            }
        }
        if target.is_none() && tally.leaving == tally.all {
            return NextActions { is_done: tally.all == 0, ..NextActions::default() };
        }
        rollout::next_actions(kind, target, &self.instances_of(app))
    }

    fn schedule(&mut self, app: &AppId, definition: &VersionedRunSpec) {
        let wall = self.wall();
        let instance = Instance {
            id: identity::mint_instance(app, wall, &mut self.entropy),
            app: app.clone(),
            version: definition.version,
            goal: Goal::Running,
            condition: Condition::Scheduled,
            since: wall,
            incarnation: 0,
            task: None,
            healthy: None,
            checks: Checks::of(&definition.spec),
        };
        self.put(instance, Write::Never);
    }

    /// Kills an instance and forgets it once it has ended; at once when nothing of it can run.
    pub(super) fn decommission(&mut self, id: &InstanceId) {
        let Some(mut instance) = self.instance(id).map(|instance| (**instance).clone()) else {
            return;
        };
        if instance.goal == Goal::Decommissioned {
            return;
        }
        instance.goal = Goal::Decommissioned;
        let task = instance.task.clone();
        let lives = instance.condition.is_active() && instance.condition != Condition::Unreachable;
        if let (true, Some(task)) = (lives, task) {
            self.put(instance, Write::Now);
            self.kill(&task);
        } else {
            // Should its agent come back with it, it is killed as unknown.
            self.put(instance, Write::Never);
            self.remove(id);
        }
    }

    /// Writes what has changed without a durable write of its own.
    pub(super) fn write_behind(&mut self) {
        for _ in 0..self.settings.max_instances_per_command {
            let Some(id) = self.unwritten.pop_first() else { return };
            if let Some(instance) = self.instance(&id).cloned() {
                self.write(&instance);
            }
        }
        if !self.unwritten.is_empty() {
            self.timers.arm(self.now + self.settings.write_behind, Timer::WriteBehind);
        }
    }

    fn write(&mut self, instance: &Instance) {
        let write = if self.is_being_killed(instance) {
            records::put_instance(&Instance { condition: Condition::Killing, ..instance.clone() })
        } else {
            records::put_instance(instance)
        };
        self.persist(write);
    }

    /// Notes whether the app has something to launch now.
    pub(super) fn refresh_launchable(&mut self, app: &AppId) {
        let until = self.state.apps.get(app).and_then(|app| self.backoffs.until(&app.definition));
        let delayed = until.is_some_and(|until| until > self.now);
        if self.waiting.contains_key(app) && !delayed {
            if self.launchable.insert(app.clone()) {
                self.subscription.wants_offers = true;
            }
        } else {
            self.launchable.remove(app);
        }
        self.requeued.insert(app.clone());
    }

    /// Rewrites the queue entries that may have changed.
    pub(super) fn update_queue(&mut self) {
        for app in std::mem::take(&mut self.requeued) {
            let count = self.tallies.get(&app).map_or(0, |tally| tally.queued);
            let Some(definition) = self.state.apps.get(&app).map(|app| Arc::clone(&app.definition))
            else {
                self.state.queue.remove(&app);
                self.statistics.remove(&app);
                continue;
            };
            if count == 0 {
                self.state.queue.remove(&app);
                continue;
            }
            let since = self.state.queue.get(&app).map(|entry| entry.since);
            let entry = QueueEntry {
                app: app.clone(),
                count,
                since: since.unwrap_or_else(|| self.wall()),
                delayed_until: self.backoffs.until(&definition),
                offers: self.statistics.get(&app).cloned().unwrap_or_default(),
            };
            self.state.queue.insert(app, Arc::new(entry));
        }
    }
}
