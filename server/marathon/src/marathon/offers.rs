//! Offers: one pass for all apps that have something to launch (marathon.md §8.5).
//!
//! Offers are answered at once. The pass goes round the offers, one instance each per round, so that
//! instances spread over agents. Provisioned instances are written before their ACCEPT leaves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{AppId, Resources};

use super::Marathon;
use super::instances::Write;
use crate::effect::{Call, Launch};
use crate::identity;
use crate::instance::{Condition, Task};
use crate::matching::{self, Placement};
use crate::offer::Offer;
use crate::queue::{RejectReason, UnusedOffer};
use crate::run_spec::{Operator, VersionedRunSpec};

/// An offer during the pass.
struct Tray {
    offer: Arc<Offer>,
    left: Resources,
    launches: Vec<Launch>,
    refused: BTreeMap<AppId, Vec<RejectReason>>,
}

impl Marathon {
    pub(super) fn offers(&mut self, offers: Vec<Offer>) {
        let mut trays: Vec<Tray> = offers
            .into_iter()
            .map(|offer| Tray {
                left: offer.resources.clone(),
                offer: Arc::new(offer),
                launches: Vec::new(),
                refused: BTreeMap::new(),
            })
            .collect();
        while self.fill_one_round(&mut trays) {}
        for tray in &trays {
            self.count(tray);
        }
        self.answer(trays);
    }

    /// Places at most one instance on each offer; says whether any was placed.
    fn fill_one_round(&mut self, trays: &mut [Tray]) -> bool {
        let mut placed_any = false;
        for index in 0..trays.len() {
            if trays[index].launches.len() >= self.settings.max_instances_per_offer {
                continue;
            }
            let Some(spreads) = self.fill(&mut trays[index]) else { continue };
            placed_any = true;
            // An even spread may now allow what it refused before.
            if let Some(app) = spreads {
                trays.iter_mut().for_each(|tray| drop(tray.refused.remove(&app)));
            }
        }
        placed_any
    }

    /// Places one instance of any app on the offer. `None`: none fits; else the app, if it is one that spreads.
    fn fill(&mut self, tray: &mut Tray) -> Option<Option<AppId>> {
        for app in self.launch_order() {
            if tray.refused.contains_key(&app) {
                continue;
            }
            let Some(definition) = self.launch_definition(&app) else { continue };
            let placed = self.instances_of(&app);
            let placed = placed.values().map(|instance| &**instance);
            match matching::place(&definition, &tray.offer, &tray.left, placed, &mut self.entropy) {
                Err(reasons) => {
                    tray.refused.insert(app, reasons);
                }
                Ok(placement) => {
                    self.provision(&app, &definition, tray, placement);
                    let spreads = definition.spec.constraints().iter();
                    let spreads =
                        spreads.map(|c| &c.operator).any(|o| matches!(o, Operator::GroupBy(_)));
                    return Some(spreads.then_some(app));
                }
            }
        }
        None
    }

    /// The apps that have something to launch, beginning anywhere, so that none is always last.
    fn launch_order(&mut self) -> Vec<AppId> {
        let mut apps: Vec<AppId> = self.launchable.iter().cloned().collect();
        let start = self.entropy.below(apps.len() as u64);
        apps.rotate_left(usize::try_from(start).unwrap_or(0));
        apps
    }

    /// The definition that a launch of `app` uses: the old one until its deployment has reached it.
    fn launch_definition(&self, app: &AppId) -> Option<Arc<VersionedRunSpec>> {
        let current = self.state.apps.get(app).map(|app| &app.definition);
        let deployment = self.state.locks.get(app).and_then(|id| self.state.deployments.get(id));
        let Some(deployment) = deployment else { return current.cloned() };
        let reached = deployment.plan.steps.iter().take(deployment.current_step);
        let is_reached = reached.flat_map(|step| &step.actions).any(|action| action.app == *app);
        if is_reached {
            return current.cloned();
        }
        let intent = deployment.plan.intents.iter().find(|intent| intent.app == *app)?;
        intent.original.clone()
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
        });
        tray.left = placement.left;
        let launch =
            Launch { instance: Arc::new(instance.clone()), definition: Arc::clone(definition) };
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
        for tray in trays {
            if tray.launches.is_empty() {
                declined.push(tray.offer.id.clone());
                continue;
            }
            let offer = tray.offer.id.clone();
            self.call(Call::Accept { offer, launches: tray.launches, refuse });
        }
        if !declined.is_empty() {
            let refuse = self.settings.decline_offer_duration;
            self.call(Call::Decline { offers: declined, refuse });
        }
    }
}
