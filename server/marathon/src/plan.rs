//! From the old and the new group tree to the steps between them (marathon.md §8.2).

use std::collections::BTreeMap;

use model::{AppId, Timestamp};

use crate::deployment::{Action, ActionKind, DeploymentPlan, DeploymentStep, Intent};
use crate::identity::DeploymentId;
use crate::tree::Tree;

/// Apps that wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CyclicDependencies;

/// Builds the plan for `intents`, which hold changed apps only; `tree` holds all apps afterwards.
///
/// Steps: stop what is removed, start what is new, then one step per level of dependency, lowest first.
pub(crate) fn build(
    id: DeploymentId,
    version: Timestamp,
    intents: Vec<Intent>,
    tree: &Tree,
) -> Result<DeploymentPlan, CyclicDependencies> {
    let mut levels = Levels { tree, known: BTreeMap::new() };
    let mut stops = Vec::new();
    let mut starts = Vec::new();
    let mut by_level: BTreeMap<usize, Vec<Action>> = BTreeMap::new();
    for intent in &intents {
        let action = |kind| Action { kind, app: intent.app.clone() };
        let Some(target) = &intent.target else {
            stops.push(action(ActionKind::Stop));
            continue;
        };
        let kind = match &intent.original {
            None => {
                starts.push(action(ActionKind::Start));
                ActionKind::Scale
            }
            Some(_) if target.spec.instances() == 0 => ActionKind::Scale,
            Some(old) if old.info.last_config_change_at == target.info.last_config_change_at => {
                ActionKind::Scale
            }
            Some(_) => ActionKind::Restart,
        };
        by_level.entry(levels.of(&intent.app)?).or_default().push(action(kind));
    }
    let steps = [stops, starts].into_iter().chain(by_level.into_values());
    let steps =
        steps.filter(|actions| !actions.is_empty()).map(|actions| DeploymentStep { actions });
    Ok(DeploymentPlan::new(id, version, steps.collect(), intents))
}

/// Lengths of the longest dependency paths.
struct Levels<'a> {
    tree: &'a Tree,
    /// `None` while a level is being computed.
    known: BTreeMap<AppId, Option<usize>>,
}

impl Levels<'_> {
    fn of(&mut self, app: &AppId) -> Result<usize, CyclicDependencies> {
        match self.known.get(app) {
            Some(Some(level)) => return Ok(*level),
            Some(None) => return Err(CyclicDependencies),
            None => {}
        }
        let tree = self.tree;
        let Some(definition) = tree.get(app) else { return Ok(0) };
        self.known.insert(app.clone(), None);
        let mut level = 0;
        for dependency in definition.spec.dependencies() {
            // A group stands for all apps in it.
            let below =
                tree.from(dependency).take_while(|id| id.as_str().starts_with(dependency.as_str()));
            for id in below.filter(|id| id.is_within(dependency)) {
                level = level.max(self.of(id)? + 1);
            }
        }
        self.known.insert(app.clone(), Some(level));
        Ok(level)
    }
}

#[cfg(test)]
mod tests;
