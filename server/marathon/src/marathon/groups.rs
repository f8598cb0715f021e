//! Changes of the group tree: from a request to a stored change and its deployment (marathon.md §8.1).
//!
//! Everything is checked before anything changes. Groups need no record: they are the parents of apps.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{AppId, Timestamp};

use super::Marathon;
use crate::command::{AppChange, ChangeApps};
use crate::deployment::{DeploymentPlan, Intent};
use crate::effect::{Deploying, Refusal, Reply};
use crate::events;
use crate::identity::DeploymentId;
use crate::plan::{self, CyclicDependencies};
use crate::records::{self, Path};
use crate::run_spec::{RunSpec, VersionedRunSpec};
use crate::snapshot::App;
use crate::tree::Tree;

impl Marathon {
    pub(super) fn change_apps(&mut self, change: ChangeApps) {
        let request = change.request;
        match self.start_change(change) {
            Ok(deploying) => self.reply(request, Reply::Deploying(deploying)),
            Err(refusal) => self.refuse(request, refusal),
        }
    }

    /// Checks and stores a change and starts its deployment, or changes nothing and says why.
    pub(super) fn start_change(&mut self, change: ChangeApps) -> Result<Deploying, Refusal> {
        let version = self.next_version();
        let group = change.changes.first().and_then(|change| change.app().parent());
        let group = group.unwrap_or_else(AppId::root);
        let planned = self.plan_change(&change, version);
        let (plan, tree) = match planned {
            Ok(planned) => planned,
            Err(refusal) => {
                self.tell_failure(&group, version, &refusal);
                return Err(refusal);
            }
        };
        if let Err(refusal) = self.make_way(&plan, change.force) {
            let reason = refusal.to_string();
            self.publish(events::deployment_failed(&plan, &reason, self.wall()));
            self.tell_failure(&group, version, &refusal);
            return Err(refusal);
        }
        let apps = change.changes.iter().filter_map(|change| tree.get(change.app()).cloned());
        let deploying = Deploying { id: plan.id.clone(), version, apps: apps.collect() };
        self.tree = tree;
        self.store(&plan);
        self.publish(events::group_change_success(&group, version, self.wall()));
        if let Some(caller) = &change.caller {
            for stored in &deploying.apps {
                self.publish(events::api_post(caller, stored, self.wall()));
            }
        }
        self.start_deployment(plan);
        Ok(deploying)
    }

    /// The wall clock, but later than every version so far.
    fn next_version(&self) -> Timestamp {
        let next = Timestamp::from_millis(self.state.root_version.as_millis() + 1);
        self.wall().max(next)
    }

    /// Applies the changes to a copy of the tree and plans the way there.
    fn plan_change(
        &mut self,
        change: &ChangeApps,
        version: Timestamp,
    ) -> Result<(DeploymentPlan, Tree), Refusal> {
        let most = self.settings.max_running_deployments;
        if !change.force && self.state.deployments.len() >= most as usize {
            return Err(Refusal::TooManyDeployments(most));
        }
        let mut tree = self.tree.clone();
        for change in &change.changes {
            match self.changed(change, &tree, version)? {
                Some(definition) => tree.insert(Arc::new(definition)),
                None => tree.remove(change.app()),
            }
        }
        let ids: BTreeSet<&AppId> = change.changes.iter().map(AppChange::app).collect();
        let intents = ids.into_iter().filter_map(|app| {
            let (original, target) = (self.tree.get(app).cloned(), tree.get(app).cloned());
            let differs =
                original.as_ref().map(|old| old.version) != target.as_ref().map(|new| new.version);
            differs.then(|| Intent { app: app.clone(), original, target })
        });
        let id = DeploymentId::mint(&mut self.entropy);
        match plan::build(id, version, intents.collect(), &tree) {
            Ok(plan) => check_sizes(&plan).map(|()| (plan, tree)),
            Err(CyclicDependencies) => Err(Refusal::CyclicDependencies),
        }
    }

    /// The definition of the changed app afterwards; `None` when it is removed.
    fn changed(
        &self,
        change: &AppChange,
        tree: &Tree,
        version: Timestamp,
    ) -> Result<Option<VersionedRunSpec>, Refusal> {
        let id = change.app();
        let known = tree.get(id);
        let existing = || known.ok_or_else(|| Refusal::AppUnknown(id.clone()));
        Ok(Some(match change {
            AppChange::Create(spec) => {
                if known.is_some() {
                    return Err(Refusal::AppExists(id.clone()));
                }
                check_place(id, tree)?;
                VersionedRunSpec::new(self.with_ports(spec.clone(), None, tree)?, version)
            }
            AppChange::Put { spec, based_on } => {
                let found = known.map(|known| known.version);
                if based_on.is_some() && *based_on != found {
                    return Err(Refusal::Outdated(id.clone()));
                }
                let old = known.map(|known| &known.spec);
                let spec = self.with_ports((**spec).clone(), old, tree)?;
                match known {
                    Some(known) => known.updated(spec, version),
                    None => {
                        check_place(id, tree)?;
                        VersionedRunSpec::new(spec, version)
                    }
                }
            }
            AppChange::Scale { instances, .. } => {
                let known = existing()?;
                known.updated(known.spec.with_instances(*instances), version)
            }
            AppChange::Restart(_) => existing()?.restarted(version),
            AppChange::Delete(_) => {
                existing()?;
                return Ok(None);
            }
        }))
    }

    fn with_ports(
        &self,
        spec: RunSpec,
        old: Option<&RunSpec>,
        tree: &Tree,
    ) -> Result<RunSpec, Refusal> {
        let range = self.settings.service_ports.clone();
        let (min, max) = (*range.start(), *range.end());
        // Neither what an app has now, nor what it had before this change.
        let free = tree.free_ports().filter(|port| !self.tree.is_used(*port));
        spec.with_service_ports(old, free, range)
            .map_err(|_| Refusal::ServicePortsExhausted { min, max })
    }

    /// Checks that no running deployment holds an app of the plan; with force, cancels those that do.
    fn make_way(&mut self, plan: &DeploymentPlan, force: bool) -> Result<(), Refusal> {
        let in_the_way: BTreeSet<DeploymentId> = plan
            .intents
            .iter()
            .filter_map(|intent| self.state.locks.get(&intent.app))
            .cloned()
            .collect();
        if !force && !in_the_way.is_empty() {
            return Err(Refusal::Locked(in_the_way.into_iter().collect()));
        }
        for deployment in in_the_way {
            self.drop_deployment(&deployment);
        }
        Ok(())
    }

    /// Writes the changed apps and makes them the current ones.
    fn store(&mut self, plan: &DeploymentPlan) {
        for intent in &plan.intents {
            match &intent.target {
                Some(definition) => self.store_app(definition),
                None => {
                    self.state.apps.remove(&intent.app);
                    self.backoffs.reset(&intent.app);
                    self.persist(records::delete(&Path::Pointer(intent.app.clone())));
                    self.persist(records::delete(&Path::Failure(intent.app.clone())));
                }
            }
            self.requeued.insert(intent.app.clone());
            self.touched.insert(intent.app.clone());
        }
        if !plan.intents.is_empty() {
            self.persist_root_version(plan.version);
        }
    }

    fn store_app(&mut self, definition: &Arc<VersionedRunSpec>) {
        let id = definition.spec.id().clone();
        self.persist_definition(definition);
        self.persist(records::put_pointer(&id, definition.version));
        let versions = self.state.versions.entry(id.clone()).or_default();
        versions.insert(definition.version, Arc::clone(definition));
        let app = App {
            definition: Arc::clone(definition),
            counts: self.counts_of(&id),
            last_failure: self.state.apps.get(&id).and_then(|app| app.last_failure.clone()),
        };
        self.state.apps.insert(id.clone(), Arc::new(app));
        self.refresh_launchable(&id);
        self.prune_versions(&id);
    }

    /// Drops old versions that no instance runs and no deployment may go back to.
    fn prune_versions(&mut self, app: &AppId) {
        let Some(versions) = self.state.versions.get(app) else { return };
        let Some(excess) = versions.len().checked_sub(self.settings.kept_versions) else {
            return;
        };
        let instances = self.state.instances_of(app).map(|instance| instance.version);
        let running = self.state.locks.get(app).and_then(|id| self.state.deployments.get(id));
        let intent = running.and_then(|running| running.plan.intent_of(app));
        let definitions =
            intent.into_iter().flat_map(|intent| [&intent.original, &intent.target]).flatten();
        let used: BTreeSet<Timestamp> =
            instances.chain(definitions.map(|definition| definition.version)).collect();
        let old = versions.keys().take(excess).filter(|version| !used.contains(version));
        for version in old.copied().collect::<Vec<_>>() {
            self.state.versions.get_mut(app).map(|versions| versions.remove(&version));
            self.persist(records::delete(&Path::Version(app.clone(), version)));
        }
    }

    /// Drops all versions of a removed app.
    pub(super) fn forget_versions(&mut self, app: &AppId) {
        if self.state.apps.contains_key(app) {
            return;
        }
        for version in self.state.versions.remove(app).unwrap_or_default().keys() {
            self.persist(records::delete(&Path::Version(app.clone(), *version)));
        }
    }

    fn tell_failure(&mut self, group: &AppId, version: Timestamp, refusal: &Refusal) {
        let is_conflict = !matches!(
            refusal,
            Refusal::AppUnknown(_)
                | Refusal::TaskUnknown(_)
                | Refusal::DeploymentUnknown(_)
                | Refusal::NotQueued(_)
                | Refusal::Outdated(_)
        );
        if is_conflict {
            let reason = refusal.to_string();
            self.publish(events::group_change_failed(group, version, &reason, self.wall()));
        }
    }
}

/// Refuses what the log would refuse later, when it would cost the leadership.
fn check_sizes(plan: &DeploymentPlan) -> Result<(), Refusal> {
    let check = |what: &dyn Fn() -> String, bytes: usize, most: usize| {
        if bytes > most { Err(Refusal::TooLarge { what: what(), bytes, most }) } else { Ok(()) }
    };
    let mut whole = 0;
    for definition in plan.intents.iter().filter_map(|intent| intent.target.as_ref()) {
        let written = records::put_version(definition).value;
        let bytes = written.as_ref().map_or(0, bytes::Bytes::len);
        check(&|| format!("App '{}'", definition.spec.id()), bytes, records::MAX_BYTES)?;
        whole += bytes;
    }
    check(&|| "The change as a whole".to_owned(), whole, records::MAX_CHANGE_BYTES)
}

/// Checks that a new app's id is neither a group's that holds apps nor below another app.
fn check_place(id: &AppId, tree: &Tree) -> Result<(), Refusal> {
    let mut above = id.parent();
    while let Some(group) = above {
        if tree.get(&group).is_some() {
            return Err(Refusal::BelowApp(id.clone()));
        }
        above = group.parent();
    }
    // Ids such as `/a-b` sort between `/a` and `/a/b`.
    let first = AppId::parse(&format!("{id}/0")).ok();
    let below = first.iter().flat_map(|first| tree.from(first)).next();
    let is_group = below.is_some_and(|below| below.is_within(id));
    if is_group { Err(Refusal::GroupExists(id.clone())) } else { Ok(()) }
}
