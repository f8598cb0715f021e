//! Offers: one pass for all apps that have something to launch (marathon.md §8.5).
//!
//! Offers are answered at once. The pass goes round the offers, one instance each per round, so that
//! instances spread over agents. Provisioned instances are written before their ACCEPT leaves.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use model::{AppId, Resources};

use super::Marathon;
use super::instances::Write;
use crate::effect::{Call, Launch};
use crate::health::Checks;
use crate::identity;
use crate::instance::{Condition, Task};
use crate::matching::{self, Placement};
use crate::offer::Offer;
use crate::queue::{RejectReason, UnusedOffer};
use crate::run_spec::VersionedRunSpec;

/// An offer during the pass.
struct Tray {
    offer: Arc<Offer>,
    left: Resources,
    launches: Vec<Launch>,
    refused: BTreeMap<AppId, Vec<RejectReason>>,
    /// Every app has been asked, and none fits what is left.
    is_done: bool,
}

/// The offers of one pass, and how many more questions may be asked.
struct Pass {
    trays: Vec<Tray>,
    questions: usize,
}

impl Marathon {
    pub(super) fn offers(&mut self, offers: Vec<Offer>) {
        let tray = |offer: Offer| Tray {
            left: offer.resources.clone(),
            offer: Arc::new(offer),
            launches: Vec::new(),
            refused: BTreeMap::new(),
            is_done: false,
        };
        let trays = offers.into_iter().map(tray).collect();
        let mut pass = Pass { trays, questions: self.settings.max_match_questions };
        while self.fill_one_round(&mut pass) {}
        for tray in &pass.trays {
            self.count(tray);
        }
        self.answer(pass.trays);
    }

    /// Places at most one instance on each offer; says whether any was placed.
    fn fill_one_round(&mut self, pass: &mut Pass) -> bool {
        let mut placed_any = false;
        for index in 0..pass.trays.len() {
            let tray = &pass.trays[index];
            if tray.is_done || tray.launches.len() >= self.settings.max_instances_per_offer {
                continue;
            }
            let Some(spreads) = self.fill(&mut pass.trays[index], &mut pass.questions) else {
                continue;
            };
            placed_any = true;
            // An even spread may now allow what it refused before.
            if let Some(app) = spreads {
                for tray in &mut pass.trays {
                    tray.is_done &= tray.refused.remove(&app).is_none();
                }
            }
        }
        placed_any
    }

    /// Places one instance of any app on the offer. `None`: none fits; else the app, if it is one that spreads.
    ///
    /// Apps take turns: the one after the last that was placed is asked first, so that none is always last.
    fn fill(&mut self, tray: &mut Tray, questions: &mut usize) -> Option<Option<AppId>> {
        let mut asked = self.next_launchable(self.last_placed.as_ref())?;
        let first = asked.clone();
        loop {
            *questions = questions.checked_sub(1)?;
            if let Some(definition) = self.launch_definition(&asked, tray) {
                let placed = self.instances_of(&asked);
                let placed = placed.values().map(|instance| &**instance);
                let (offer, left) = (&tray.offer, &tray.left);
                match matching::place(&definition, offer, left, placed, &mut self.entropy) {
                    Err(reasons) => drop(tray.refused.insert(asked.clone(), reasons)),
                    Ok(placement) => {
                        self.provision(&asked, &definition, tray, placement);
                        self.last_placed = Some(asked.clone());
                        return Some(definition.spec.spreads().then_some(asked));
                    }
                }
            }
            asked = self.next_launchable(Some(&asked))?;
            if asked == first {
                tray.is_done = true;
                return None;
            }
        }
    }

    /// The app that has something to launch and comes after `app`, in a circle.
    fn next_launchable(&self, app: Option<&AppId>) -> Option<AppId> {
        let after = app.and_then(|app| {
            self.launchable.range::<AppId, _>((Bound::Excluded(app), Bound::Unbounded)).next()
        });
        after.or_else(|| self.launchable.first()).cloned()
    }

    /// The definition that a launch of `app` uses: the old one until its deployment has reached it. `None` when
    /// the offer has been refused already.
    fn launch_definition(&self, app: &AppId, tray: &Tray) -> Option<Arc<VersionedRunSpec>> {
        if tray.refused.contains_key(app) {
            return None;
        }
        let current = self.state.apps.get(app).map(|app| &app.definition);
        let deployment = self.state.locks.get(app).and_then(|id| self.state.deployments.get(id));
        let Some(deployment) = deployment else { return current.cloned() };
        let plan = &deployment.plan;
        if plan.first_step_of(app).is_some_and(|first| first <= deployment.current_step) {
            return current.cloned();
        }
        plan.intent_of(app)?.original.clone()
    }

    /// Turns the app's oldest waiting instance into a task on this offer.
    fn provision(
        &mut self,
        app: &AppId,
        definition: &Arc<VersionedRunSpec>,
        tray: &mut Tray,
        placement: Placement,
    ) {
        let first = self.waiting.get(app).and_then(|waiting| waiting.first());
        let Some(instance) = first.and_then(|id| self.instance(id)) else { return };
        let (mut instance, wall) = ((**instance).clone(), self.wall());
        instance.incarnation += 1;
        instance.version = definition.version;
        instance.condition = Condition::Provisioned;
        instance.since = wall;
        instance.healthy = None;
        instance.checks = Checks::of(&definition.spec);
        instance.task = Some(Task {
            id: identity::task_of(&instance.id, instance.incarnation),
            agent: tray.offer.agent.clone(),
            host: Arc::clone(&tray.offer.host),
            attributes: Arc::clone(&tray.offer.attributes),
            role: tray.offer.role.clone(),
            state: None,
            staged_at: wall,
            started_at: None,
            ports: placement.ports,
            addresses: Vec::new(),
            news: None,
        });
        tray.left = placement.left;
        let launch = Launch {
            instance: Arc::new(instance.clone()),
            definition: Arc::clone(definition),
            env_vars_prefix: Arc::clone(&self.settings.env_vars_prefix),
        };
        tray.launches.push(launch);
        self.watch_launch(&instance);
        self.backoffs.alive(app, self.now);
        self.put(instance, Write::Now);
    }

    /// Notes for `/v2/queue` what each app made of the offer.
    fn count(&mut self, tray: &Tray) {
        let wall = self.wall();
        let mut used: Vec<&AppId> =
            tray.launches.iter().map(|launch| &launch.instance.app).collect();
        used.dedup();
        for app in &used {
            self.count_for(app).matched(&tray.offer.agent, wall);
        }
        for (app, reasons) in tray.refused.iter().filter(|(app, _)| !used.contains(app)) {
            let (offer, reasons) = (Arc::clone(&tray.offer), reasons.clone());
            self.count_for(app).rejected(UnusedOffer { offer, reasons, timestamp: wall });
        }
    }

    fn count_for(&mut self, app: &AppId) -> &mut crate::queue::OfferStatistics {
        self.requeued.insert(app.clone());
        Arc::make_mut(self.statistics.entry(app.clone()).or_default())
    }

    fn answer(&mut self, trays: Vec<Tray>) {
        // What more could be launched on the rest is looked at when it comes back at once.
        let refuse = if self.launchable.is_empty() {
            self.settings.decline_offer_duration
        } else {
            Duration::ZERO
        };
        let mut declined = Vec::new();
        let mut unasked = Vec::new();
        let asked_nobody = self.launchable.is_empty();
        for tray in trays {
            let offer = tray.offer.id.clone();
            if !tray.launches.is_empty() {
                self.call(Call::Accept { offer, launches: tray.launches, refuse });
            } else if tray.is_done || asked_nobody {
                declined.push(offer);
            } else {
                unasked.push(offer);
            }
        }
        let long = self.settings.decline_offer_duration;
        // Matching was stopped before every app had been asked: they are to come back soon.
        for (offers, refuse) in [(declined, long), (unasked, self.settings.short_decline_duration)]
        {
            if !offers.is_empty() {
                self.call(Call::Decline { offers, refuse });
            }
        }
    }
}
