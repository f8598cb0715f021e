//! The core itself: what it knows, and how a command runs through it.
//!
//! A command changes the state and names the apps it touched. Then [`Marathon::settle`] reconciles each of
//! them with what its deployment, or its definition, wants, until nothing more is to be done. Everything that
//! must happen outside collects in `effects`, durable writes before what depends on them.

mod deployments;
mod groups;
mod instances;
mod kills;
mod offers;
mod overdue;
mod probing;
mod recovery;
mod redo;
mod statuses;
mod subscription;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AppId, InstanceId, Instant, RequestId, Timestamp};
use wire::marathon::Event;

use crate::backoff::Backoffs;
use crate::command::Command;
use crate::effect::{Call, Effect, Refusal, Reply};
use crate::entropy::Entropy;
use crate::identity::DeploymentId;
use crate::queue::OfferStatistics;
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::timers::{Timer, Timers};
use crate::tree::Tree;

pub use recovery::Start;

/// Marathon's state machine.
#[derive(Debug)]
pub struct Marathon {
    settings: Settings,
    entropy: Entropy,
    /// What readers see, and most of what the core knows.
    state: Snapshot,
    /// The definitions of `state.apps`.
    tree: Tree,
    now: Instant,
    writes: writes::Writes,
    effects: Vec<Effect>,
    timers: Timers,
    /// The moment of the last `Effect::WakeAt`.
    wakes_at: Option<Instant>,
    tallies: BTreeMap<AppId, instances::Tally>,
    /// Instances that wait for launch, by app.
    waiting: BTreeMap<AppId, BTreeSet<InstanceId>>,
    /// Apps of `waiting` whose back-off is over.
    launchable: BTreeSet<AppId>,
    /// The app whose instance was last placed on an offer.
    last_placed: Option<AppId>,
    backoffs: Backoffs,
    statistics: BTreeMap<AppId, Arc<OfferStatistics>>,
    kills: kills::Orders,
    probes: probing::Probes,
    subscription: subscription::Subscription,
    /// Instances whose news are not written yet.
    unwritten: BTreeSet<InstanceId>,
    /// Apps to be reconciled before the command is done.
    touched: BTreeSet<AppId>,
    /// Apps of which this command may not touch more instances; the next one goes on.
    postponed: BTreeSet<AppId>,
    /// How many more instances this command may take out of service.
    decommissions_left: usize,
    /// The apps whose action in the current step of a deployment has not reached its target yet.
    unfinished: BTreeMap<DeploymentId, BTreeSet<AppId>>,
    /// In how many parts each deployment is stored.
    stored_parts: BTreeMap<DeploymentId, u32>,
    /// Deployments whose current step is done.
    stepping: BTreeSet<DeploymentId>,
    /// Apps whose queue entry may have changed.
    requeued: BTreeSet<AppId>,
}

impl Marathon {
    /// Applies one command at `now` and returns what must now happen outside.
    ///
    /// Deterministic: equal state, seed, time and command give equal state and effects.
    pub fn apply(&mut self, now: Instant, command: Command) -> Vec<Effect> {
        self.now = self.now.max(now);
        self.decommissions_left = self.settings.max_instances_per_command;
        match command {
            Command::ChangeApps(change) => self.change_apps(change),
            Command::KillTasks(kill) => self.kill_tasks(kill),
            Command::CancelDeployment { request, deployment, force } => {
                self.cancel_deployment(request, deployment, force);
            }
            Command::ResetDelay { request, app } => self.reset_delay(request, &app),
            Command::Subscribed { framework, master } => self.subscribed(framework, &master),
            Command::Disconnected => self.disconnected(),
            Command::FrameworkRemoved => self.framework_removed(),
            Command::Offers(offers) => self.offers(offers),
            // Offers are answered at once and never held.
            Command::Rescinded(_) => {}
            Command::Tick => self.wakes_at = None, // The alarm has gone off.
            Command::StatusUpdate(update) => self.status_update(&update),
            Command::Probed { probe, outcome } => self.probed(probe, outcome),
            Command::WallClockRead(wall) => self.read_wall_clock(wall),
        }
        self.fire_timers();
        self.settle();
        self.ask_for_offers();
        self.update_queue();
        self.set_alarm();
        // A reply or a call may follow from any write of its command.
        let writes = self.writes.take().into_iter().map(Effect::Persist);
        writes.chain(std::mem::take(&mut self.effects)).collect()
    }

    /// What readers may see. Cheap: its maps are shared.
    pub fn snapshot(&self) -> Snapshot {
        self.state.clone()
    }

    /// How many tasks have been told to end and have not ended.
    pub fn kills_under_way(&self) -> usize {
        self.kills.len()
    }

    /// Brings every touched app and every stepping deployment to rest.
    fn settle(&mut self) {
        loop {
            if let Some(app) = self.touched.pop_first() {
                self.reconcile(&app);
            } else if let Some(deployment) = self.stepping.pop_first() {
                self.advance(&deployment);
            } else {
                return;
            }
        }
    }

    fn fire_timers(&mut self) {
        while let Some(timer) = self.timers.take_due(self.now) {
            match timer {
                Timer::Revive => {} // Looked at after every command.
                Timer::Backoff(app) => self.refresh_launchable(&app),
                Timer::Kills => self.send_kills(),
                Timer::Launch(instance) => self.check_launch(&instance),
                Timer::Unreachable(instance) => self.check_unreachable(&instance),
                Timer::Probe(instance, check) => self.probe(&instance, check),
                Timer::Reconcile => self.reconcile_tasks(),
                Timer::Confirm => self.confirm_tasks(),
                Timer::WriteBehind => self.write_behind(),
                Timer::Postponed => self.touched.append(&mut self.postponed),
            }
        }
    }

    fn set_alarm(&mut self) {
        let next = self.timers.next();
        if let Some(at) = next.filter(|_| next != self.wakes_at) {
            self.effects.push(Effect::WakeAt(at));
        }
        self.wakes_at = next;
    }

    fn wall(&self) -> Timestamp {
        self.state.clock.read(self.now)
    }

    fn publish(&mut self, event: Event) {
        self.effects.push(Effect::Publish(Box::new(event)));
    }

    fn call(&mut self, call: Call) {
        self.effects.push(Effect::Call(call));
    }

    fn reply(&mut self, to: RequestId, reply: Reply) {
        self.effects.push(Effect::Reply { to, reply });
    }

    fn refuse(&mut self, to: RequestId, refusal: Refusal) {
        self.reply(to, Reply::Refused(refusal));
    }
}

#[cfg(test)]
mod tests;
