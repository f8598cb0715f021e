//! The core rebuilt from its records, as the last leader stored them.
//!
//! What was speculative is gone with that leader; what was stored is all there. Instances that only waited
//! have no record: the first reconciliation schedules them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use model::{AppId, Instant, Timestamp};

use super::Marathon;
use super::instances::Write;
use crate::deployment::{Action, ActionKind, Deployment, DeploymentPlan, DeploymentStep, Intent};
use crate::entropy::Entropy;
use crate::health::Checks;
use crate::identity::DeploymentId;
use crate::instance::{Condition, Goal, Instance};
use crate::records::{self, DamagedRecord, Head, Part, Path, StoredDeployment};
use crate::run_spec::VersionedRunSpec;
use crate::settings::Settings;
use crate::snapshot::{App, Snapshot, TaskFailure};
use crate::timers::Timer;
use crate::tree::Tree;
use crate::wall_clock::WallClock;

/// What a core begins with beside its records.
#[derive(Debug, Clone)]
pub struct Start {
    /// Limits and times.
    pub settings: Settings,
    /// 128 random bits, for ids and the choice of ports.
    pub seed: u128,
    /// The monotonic time.
    pub now: Instant,
    /// The wall clock at the same moment.
    pub wall: Timestamp,
}

/// The records by kind.
#[derive(Default)]
pub(super) struct Records {
    pub(super) pointers: BTreeMap<AppId, Timestamp>,
    pub(super) failures: BTreeMap<AppId, TaskFailure>,
    pub(super) instances: Vec<Instance>,
    /// In the order of the changes they make.
    pub(super) deployments: BTreeMap<(Timestamp, DeploymentId), StoredDeployment>,
    heads: BTreeMap<DeploymentId, Head>,
    parts: BTreeMap<(DeploymentId, u32), Part>,
}

impl Marathon {
    /// A core without any history.
    pub fn new(start: Start) -> Self {
        Self {
            tree: Tree::new(start.settings.service_ports.clone()),
            settings: start.settings,
            entropy: Entropy::new(start.seed),
            state: Snapshot { clock: WallClock::new(start.now, start.wall), ..Snapshot::default() },
            now: start.now,
            writes: Default::default(),
            effects: Vec::new(),
            timers: Default::default(),
            wakes_at: None,
            tallies: BTreeMap::new(),
            waiting: BTreeMap::new(),
            launchable: Default::default(),
            last_placed: None,
            backoffs: Default::default(),
            statistics: BTreeMap::new(),
            kills: Default::default(),
            probes: Default::default(),
            subscription: Default::default(),
            unwritten: Default::default(),
            touched: Default::default(),
            postponed: Default::default(),
            decommissions_left: 0,
            unfinished: BTreeMap::new(),
            stored_parts: BTreeMap::new(),
            stepping: Default::default(),
            requeued: Default::default(),
        }
    }

    /// Rebuilds the core from the records below [`records::PREFIX`]; send a `Command::Tick` to set it going.
    ///
    /// # Errors
    /// When a record cannot be read, or names another that is missing.
    pub fn recover<'a>(
        start: Start,
        stored: impl IntoIterator<Item = (&'a str, &'a Bytes)>,
    ) -> Result<Self, DamagedRecord> {
        let mut core = Self::new(start);
        let mut records = Records::default();
        for (path, value) in stored {
            core.take_record(path, value, &mut records)?;
        }
        core.assemble_deployments(&mut records)?;
        core.redo(&mut records);
        for (app, version) in &records.pointers {
            let definition = core.stored_version(app, *version)?;
            core.tree.insert(Arc::clone(&definition));
            let last_failure = records.failures.remove(app).map(Arc::new);
            let app_state = App { definition, counts: Default::default(), last_failure };
            core.state.apps.insert(app.clone(), Arc::new(app_state));
        }
        for ((_, id), stored) in records.deployments {
            core.restore_deployment(id, stored)?;
        }
        for instance in records.instances {
            core.restore_instance(instance);
        }
        core.touched.extend(core.state.apps.keys().cloned());
        core.touched.extend(core.state.instances.keys().cloned());
        core.touched.extend(core.state.versions.keys().cloned());
        core.touched.extend(core.state.locks.keys().cloned());
        Ok(core)
    }

    fn take_record(
        &mut self,
        path: &str,
        value: &Bytes,
        records: &mut Records,
    ) -> Result<(), DamagedRecord> {
        match Path::parse(path) {
            None if value.is_empty() => {} // A folder.
            None => return Err(DamagedRecord::new(path, "no record of this kind is known")),
            Some(Path::Framework) => self.state.framework = Some(records::read(path, value)?),
            Some(Path::Root) => self.state.root_version = records::read(path, value)?,
            Some(Path::Pointer(app)) => {
                records.pointers.insert(app, records::read(path, value)?);
            }
            Some(Path::Failure(app)) => {
                records.failures.insert(app, records::read_failure(path, value)?);
            }
            Some(Path::Version(app, version)) => {
                let definition = Arc::new(records::read_version(path, &app, value)?);
                self.state.versions.entry(app).or_default().insert(version, definition);
            }
            Some(Path::Instance(id)) => {
                records.instances.push(records::read_instance(path, id, value)?);
            }
            Some(Path::Deployment(id)) => {
                records.heads.insert(id, records::read_head(path, value)?);
            }
            Some(Path::DeploymentPart(id, part)) => {
                records.parts.insert((id, part), records::read_part(path, value)?);
            }
        }
        Ok(())
    }

    /// Puts deployments together; what a head counts on must be there, parts without a head were never decided.
    fn assemble_deployments(&mut self, records: &mut Records) -> Result<(), DamagedRecord> {
        let mut whole = BTreeSet::new();
        for (id, head) in std::mem::take(&mut records.heads) {
            let deployment = match head {
                Head::V1(deployment) => {
                    whole.insert(id.clone());
                    deployment
                }
                Head::V2(head) => {
                    self.stored_parts.insert(id.clone(), head.parts);
                    head.assemble(&id, &mut records.parts)?
                }
            };
            records.deployments.insert((deployment.version, id), deployment);
        }
        // Of one in the first form some may have been written already: they are written again.
        for (id, part) in std::mem::take(&mut records.parts).into_keys() {
            if !whole.contains(&id) {
                self.persist(records::delete(&Path::DeploymentPart(id, part)));
            }
        }
        Ok(())
    }

    fn stored_version(
        &self,
        app: &AppId,
        version: Timestamp,
    ) -> Result<Arc<VersionedRunSpec>, DamagedRecord> {
        let found = self.state.versions.get(app).and_then(|versions| versions.get(&version));
        found.cloned().ok_or_else(|| {
            let path = Path::Version(app.clone(), version).to_string();
            DamagedRecord::new(&path, "it is named by another record and missing")
        })
    }

    fn restore_deployment(
        &mut self,
        id: DeploymentId,
        stored: StoredDeployment,
    ) -> Result<(), DamagedRecord> {
        let path = Path::Deployment(id.clone()).to_string();
        let mut steps = Vec::new();
        for step in stored.steps {
            let actions = step.into_iter().map(|(name, app)| {
                let kind = ActionKind::from_name(&name);
                let kind = kind
                    .ok_or_else(|| DamagedRecord::new(&path, format!("unknown action `{name}`")))?;
                Ok(Action { kind, app })
            });
            steps.push(DeploymentStep { actions: actions.collect::<Result<_, _>>()? });
        }
        let mut intents = Vec::new();
        for (app, original, target) in stored.intents {
            let find = |version: Option<Timestamp>| {
                version.map(|version| self.stored_version(&app, version)).transpose()
            };
            let (original, target) = (find(original)?, find(target)?);
            intents.push(Intent { app, original, target });
        }
        for intent in &intents {
            self.state.locks.insert(intent.app.clone(), id.clone());
        }
        let plan = DeploymentPlan::new(id.clone(), stored.version, steps, intents);
        let deployment = Deployment { plan: Arc::new(plan), current_step: stored.current_step };
        if !self.stored_parts.contains_key(&id) {
            self.persist_deployment(&deployment); // It was in the first form.
        }
        self.await_step(&deployment);
        self.state.deployments.insert(id, Arc::new(deployment));
        Ok(())
    }

    fn restore_instance(&mut self, mut instance: Instance) {
        let is_ahead = instance.is_ahead_of(self.wall());
        instance.bring_back_to(self.wall());
        if let Some(definition) = self.state.definition_of(&instance) {
            instance.checks = Checks::of(&definition.spec);
            let is_locked = self.state.locks.contains_key(&instance.app);
            // Whatever waited for its readiness is over.
            if instance.condition == Condition::Running && !is_locked {
                instance.checks.take_as_ready();
            }
        }
        let is_leaving = instance.goal == Goal::Decommissioned && instance.condition.is_active();
        let is_being_killed = instance.condition == Condition::Killing;
        let kill = instance.task.clone().filter(|_| is_leaving || is_being_killed);
        if instance.condition.is_unreachable() {
            self.timers.arm(self.now, Timer::Unreachable(instance.id.clone()));
        }
        self.restore(instance.clone());
        if is_ahead {
            // Stored too, lest the next leader counts from its own beginning.
            self.put(instance.clone(), Write::Behind);
        }
        self.watch_checks(&instance);
        if let Some(task) = kill {
            self.kill(&task);
        }
    }
}
