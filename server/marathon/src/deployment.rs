//! A change being rolled out: its plan of steps, and where it stands.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::OrdMap;
use model::{AppId, Timestamp};

use crate::identity::DeploymentId;
use crate::run_spec::VersionedRunSpec;

/// Steps to take one after the other; the actions of a step run side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct DeploymentPlan {
    /// Its id.
    pub id: DeploymentId,
    /// The version of the root group that it makes.
    pub version: Timestamp,
    /// The steps; none is empty.
    pub steps: Vec<DeploymentStep>,
    /// What becomes of each app that a step names.
    pub intents: Vec<Intent>,
    /// Where each app stands in `steps` and in `intents`.
    places: OrdMap<AppId, Place>,
}

/// Where an app stands in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// The step that brings it to its target, counted from 1, and how.
    last: Option<(usize, ActionKind)>,
    /// The first step that names it, counted from 1.
    first: usize,
    intent: Option<usize>,
}

impl DeploymentPlan {
    /// A plan of these steps.
    pub fn new(
        id: DeploymentId,
        version: Timestamp,
        steps: Vec<DeploymentStep>,
        intents: Vec<Intent>,
    ) -> Self {
        let mut places: OrdMap<AppId, Place> = OrdMap::new();
        for (number, step) in (1..).zip(&steps) {
            for action in &step.actions {
                let new = Place { last: None, first: number, intent: None };
                let place = places.entry(action.app.clone()).or_insert(new);
                // A start does nothing yet: the scaling that follows does.
                if action.kind != ActionKind::Start {
                    place.last = Some((number, action.kind));
                }
            }
        }
        for (index, intent) in intents.iter().enumerate() {
            if let Some(place) = places.get_mut(&intent.app) {
                place.intent = Some(index);
            }
        }
        Self { id, version, steps, intents, places }
    }

    /// The step, counted from 1, that brings `app` to its target, and how.
    pub fn action_of(&self, app: &AppId) -> Option<(usize, ActionKind)> {
        self.places.get(app)?.last
    }

    /// The first step, counted from 1, that names `app`.
    pub fn first_step_of(&self, app: &AppId) -> Option<usize> {
        self.places.get(app).map(|place| place.first)
    }

    /// What becomes of `app`.
    pub fn intent_of(&self, app: &AppId) -> Option<&Intent> {
        self.intents.get(self.places.get(app)?.intent?)
    }
}

/// Actions that run side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentStep {
    /// The actions.
    pub actions: Vec<Action>,
}

/// What is done to one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What.
    pub kind: ActionKind,
    /// To which app.
    pub app: AppId,
}

/// What is done to an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActionKind {
    /// A new app appears, without instances yet.
    Start,
    /// Its number of instances changes.
    Scale,
    /// Its instances are replaced.
    Restart,
    /// Its instances are removed.
    Stop,
}

impl ActionKind {
    /// The name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "StartApplication",
            Self::Scale => "ScaleApplication",
            Self::Restart => "RestartApplication",
            Self::Stop => "StopApplication",
        }
    }
}

/// What becomes of one app.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// The app.
    pub app: AppId,
    /// Its definition before; `None` for a new one.
    pub original: Option<Arc<VersionedRunSpec>>,
    /// Its definition afterwards; `None` when it is removed.
    pub target: Option<Arc<VersionedRunSpec>>,
}

/// A plan that is being carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// The plan.
    pub plan: Arc<DeploymentPlan>,
    /// The running step counted from 1; 0 before the first.
    pub current_step: usize,
}

impl Deployment {
    /// The running step.
    pub fn step(&self) -> Option<&DeploymentStep> {
        self.plan.steps.get(self.current_step.checked_sub(1)?)
    }

    /// The apps that it locks.
    pub fn affected(&self) -> BTreeSet<&AppId> {
        self.plan.steps.iter().flat_map(|step| &step.actions).map(|action| &action.app).collect()
    }
}
