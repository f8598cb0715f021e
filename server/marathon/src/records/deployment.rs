//! The records of a deployment: a head, and the apps it changes in parts.
//!
//! No record grows with the number of apps in a change (design D6): each part holds a limited number of them. The
//! parts are written once and before the head, which says how many there are and where the deployment stands: a part
//! without a head means nothing. The first form had everything in one record.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use model::{AppId, RecordWrite, Timestamp};
use serde::{Deserialize, Serialize};

use super::{DamagedRecord, Path, Stored, put, read};
use crate::deployment::{ActionKind, Deployment, DeploymentPlan};
use crate::identity::DeploymentId;
use crate::run_spec::VersionedRunSpec;

/// A running deployment: the definitions it names are stored as versions of their apps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredDeployment {
    pub(crate) version: Timestamp,
    /// Per step the action's name and its app.
    pub(crate) steps: Vec<Vec<(String, AppId)>>,
    /// Per app the version before and the version afterwards.
    pub(crate) intents: Vec<(AppId, Option<Timestamp>, Option<Timestamp>)>,
    pub(crate) current_step: usize,
}

/// What a deployment's own path holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Head {
    /// The first form: everything.
    V1(StoredDeployment),
    /// What is the same for any number of apps.
    V2(HeadOfParts),
}

/// The head of a deployment in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeadOfParts {
    version: Timestamp,
    current_step: usize,
    /// How many parts there are.
    pub(crate) parts: u32,
}

/// What becomes of some of the apps.
pub(crate) type Part = Vec<PartOfApp>;

/// What becomes of one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartOfApp {
    app: AppId,
    /// The version before and the version afterwards.
    original: Option<Timestamp>,
    target: Option<Timestamp>,
    /// The steps that name it, counted from 1, and the action's name.
    actions: Vec<(usize, String)>,
}

/// The parts of a plan, of at most `apps` apps each.
pub(crate) fn put_parts(plan: &DeploymentPlan, apps: usize) -> Vec<RecordWrite> {
    let mut actions: BTreeMap<&AppId, Vec<(usize, String)>> = BTreeMap::new();
    for (number, step) in (1..).zip(&plan.steps) {
        for action in &step.actions {
            actions.entry(&action.app).or_default().push((number, action.kind.name().to_owned()));
        }
    }
    let version = |definition: &Option<Arc<VersionedRunSpec>>| {
        definition.as_ref().map(|definition| definition.version)
    };
    let parts = plan.intents.chunks(apps.max(1));
    let put_part = |(number, intents): (u32, &[crate::deployment::Intent])| {
        let part = intents.iter().map(|intent| PartOfApp {
            app: intent.app.clone(),
            original: version(&intent.original),
            target: version(&intent.target),
            actions: actions.remove(&intent.app).unwrap_or_default(),
        });
        let part: Part = part.collect();
        put(&Path::DeploymentPart(plan.id.clone(), number), &Stored::V1(part))
    };
    (0..).zip(parts).map(put_part).collect()
}

/// The head of a deployment that has so many parts.
pub(crate) fn put_head(deployment: &Deployment, parts: u32) -> RecordWrite {
    let (version, current_step) = (deployment.plan.version, deployment.current_step);
    let head = Head::V2(HeadOfParts { version, current_step, parts });
    put(&Path::Deployment(deployment.plan.id.clone()), &head)
}

pub(crate) fn read_head(path: &str, value: &Bytes) -> Result<Head, DamagedRecord> {
    postcard::from_bytes(value).map_err(|error| DamagedRecord::new(path, error))
}

pub(crate) fn read_part(path: &str, value: &Bytes) -> Result<Part, DamagedRecord> {
    read(path, value)
}

impl HeadOfParts {
    /// Puts the deployment together from its parts, and takes them out.
    pub(crate) fn assemble(
        self,
        id: &DeploymentId,
        parts: &mut BTreeMap<(DeploymentId, u32), Part>,
    ) -> Result<StoredDeployment, DamagedRecord> {
        let Self { version, current_step, .. } = self;
        let mut stored =
            StoredDeployment { version, steps: Vec::new(), intents: Vec::new(), current_step };
        for number in 0..self.parts {
            let part = parts.remove(&(id.clone(), number)).ok_or_else(|| {
                let path = Path::DeploymentPart(id.clone(), number).to_string();
                DamagedRecord::new(&path, "its deployment counts on it and it is missing")
            })?;
            for PartOfApp { app, original, target, actions } in part {
                for (step, name) in actions {
                    let step = step.saturating_sub(1);
                    if stored.steps.len() <= step {
                        stored.steps.resize(step + 1, Vec::new());
                    }
                    stored.steps[step].push((name, app.clone()));
                }
                stored.intents.push((app, original, target));
            }
        }
        Ok(stored)
    }
}

impl ActionKind {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Start, Self::Scale, Self::Restart, Self::Stop]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}
