//! The connection to Mesos: registration, asking for offers, asking for task states.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{AgentId, AppId, FrameworkId, Instant, RequestId, TaskId};
use wire::marathon::Event;

use super::Marathon;
use super::kills::Orders;
use crate::command::StatusUpdate;
use crate::effect::{Call, Refusal, Reply};
use crate::events;
use crate::instance::{Condition, Task};
use crate::records::{self, Path};
use crate::timers::Timer;

/// Tasks that one call asks for: a call of the master's may have 16 MiB.
const ASKED_AT_ONCE: usize = 10_000;

/// Where we stand with the master.
#[derive(Debug, Clone, Default)]
pub(super) struct Subscription {
    pub(super) is_connected: bool,
    /// Something new waits for launch since offers were last asked for.
    pub(super) wants_offers: bool,
    is_suppressed: bool,
    revived: Option<Instant>,
    /// Whether the states of all tasks were asked for since we subscribed.
    is_reconciled: bool,
    /// Tasks whose state was asked for and not told.
    pub(super) unconfirmed: BTreeMap<TaskId, AgentId>,
    confirmation_delay: Duration,
    /// From when on a launch without news is overdue; `None` while nobody could bring news.
    pub(super) judges_from: Option<Instant>,
}

impl Marathon {
    pub(super) fn subscribed(&mut self, framework: FrameworkId, master: &str) {
        let is_new = self.state.framework.as_ref() != Some(&framework);
        self.state.master = Some(Arc::from(master));
        self.subscription = Subscription {
            is_connected: true,
            wants_offers: true,
            revived: self.subscription.revived,
            judges_from: Some(self.now + self.settings.overdue_initial_delay),
            ..Subscription::default()
        };
        let (wall, id) = (self.wall(), framework.to_string());
        if is_new {
            self.persist(records::put_framework(&framework));
            self.state.framework = Some(framework);
            let connected = events::scheduler_connected(Some(id), master, wall);
            self.publish(Event::SchedulerRegistered(connected));
        } else {
            let connected = events::scheduler_connected(None, master, wall);
            self.publish(Event::SchedulerReregistered(connected));
        }
        self.resend_kills();
        self.watch_launches();
        self.reconcile_tasks();
    }

    pub(super) fn disconnected(&mut self) {
        if !self.subscription.is_connected {
            return;
        }
        self.subscription.is_connected = false;
        self.subscription.judges_from = None;
        self.state.master = None;
        let timestamp = self.wall().to_string();
        self.publish(Event::SchedulerDisconnected { timestamp });
    }

    /// None of our tasks run any more: agents end those of a removed framework. Apps, instances and deployments
    /// stay, and everything is launched anew under a new id.
    ///
    /// Compat: the original ends its process, and an operator has to delete the stored id (marathon.md §9).
    pub(super) fn framework_removed(&mut self) {
        self.disconnected();
        if self.state.framework.take().is_some() {
            self.persist(records::delete(&Path::Framework));
        }
        let all = self.state.instances.values().flat_map(|instances| instances.values());
        let with_task = all.filter(|i| i.condition.is_active() || i.condition.is_unreachable());
        for instance in with_task.cloned().collect::<Vec<_>>() {
            match &instance.task {
                // Replaced long ago.
                _ if instance.condition == Condition::UnreachableInactive => {
                    self.remove(&instance.id);
                }
                Some(task) => self.status_update(&ended_with_framework(task)),
                None => {}
            }
        }
        self.kills = Orders::default();
    }

    /// Asks for offers when something waits, at most once per interval; asks for none when nothing does.
    pub(super) fn ask_for_offers(&mut self) {
        if !self.subscription.is_connected {
            return;
        }
        if self.launchable.is_empty() {
            if !self.subscription.is_suppressed {
                self.subscription.is_suppressed = true;
                self.call(Call::Suppress);
            }
            self.subscription.wants_offers = false;
            return;
        }
        if !self.subscription.wants_offers {
            return;
        }
        // The interval is for those who wait while others do; suppressed offers were wanted by nobody.
        let revived = self.subscription.revived.filter(|_| !self.subscription.is_suppressed);
        let earliest = revived.map(|at| at + self.settings.min_revive_interval);
        match earliest.filter(|earliest| *earliest > self.now) {
            Some(earliest) => self.timers.arm(earliest, Timer::Revive),
            None => {
                self.subscription.wants_offers = false;
                self.subscription.is_suppressed = false;
                self.subscription.revived = Some(self.now);
                self.call(Call::Revive);
            }
        }
    }

    /// Asks for the states of the tasks we know, then for those of all tasks, and arms the next time.
    pub(super) fn reconcile_tasks(&mut self) {
        if !self.subscription.is_connected {
            return;
        }
        let all = self.state.instances.values().flat_map(|instances| instances.values());
        let known = all
            .filter(|instance| instance.condition.is_active())
            .filter_map(|instance| instance.task.as_ref())
            .map(|task| (task.id.clone(), task.agent.clone()));
        self.subscription.unconfirmed = known.collect();
        self.subscription.confirmation_delay = self.settings.confirmation_delay;
        self.confirm_tasks();
        // An empty list asks for all tasks; those that are not ours any more are killed.
        self.call(Call::Reconcile(Vec::new()));
        let delay = if self.subscription.is_reconciled {
            self.settings.reconciliation_interval
        } else {
            self.settings.reconciliation_initial_delay
        };
        self.subscription.is_reconciled = true;
        self.timers.disarm(&Timer::Reconcile);
        self.timers.arm(self.now + delay, Timer::Reconcile);
    }

    /// Asks again for tasks whose state was not told: their agents have not come back yet.
    pub(super) fn confirm_tasks(&mut self) {
        self.timers.disarm(&Timer::Confirm);
        if !self.subscription.is_connected || self.subscription.unconfirmed.is_empty() {
            return;
        }
        let asked = self.subscription.unconfirmed.iter();
        let asked = asked.map(|(task, agent)| (task.clone(), Some(agent.clone())));
        for asked in asked.collect::<Vec<_>>().chunks(ASKED_AT_ONCE) {
            self.call(Call::Reconcile(asked.to_vec()));
        }
        let delay = self.subscription.confirmation_delay;
        self.subscription.confirmation_delay =
            (delay * 2).min(self.settings.reconciliation_initial_delay);
        self.timers.arm(self.now + delay, Timer::Confirm);
    }

    pub(super) fn reset_delay(&mut self, request: RequestId, app: &AppId) {
        if !self.waiting.contains_key(app) {
            return self.refuse(request, Refusal::NotQueued(app.clone()));
        }
        self.backoffs.reset(app);
        self.refresh_launchable(app);
        self.reply(request, Reply::Done);
    }
}

/// What Mesos would say of a task of a removed framework, if there were anyone to say it to.
fn ended_with_framework(task: &Task) -> StatusUpdate {
    StatusUpdate {
        task: task.id.clone(),
        agent: Some(task.agent.clone()),
        state: model::TaskState::Killed,
        reason: Some("REASON_FRAMEWORK_REMOVED".to_owned()),
        message: Some("Framework has been removed".to_owned()),
        uuid: None,
        healthy: None,
        check: None,
        addresses: Vec::new(),
        unreachable_since: None,
    }
}
