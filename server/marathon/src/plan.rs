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

/// An app whose level is being computed.
struct Open<'a> {
    app: AppId,
    dependencies: Vec<&'a AppId>,
    level: usize,
}

impl<'a> Levels<'a> {
    /// Goes down with a stack of its own: a chain of dependencies may be as long as there are apps.
    fn of(&mut self, app: &AppId) -> Result<usize, CyclicDependencies> {
        let mut path = Vec::new();
        let mut reached = self.look_up(app, &mut path)?;
        while let Some(open) = path.last_mut() {
            if let Some(level) = reached.take() {
                open.level = open.level.max(level + 1);
            }
            if let Some(next) = open.dependencies.pop() {
                reached = self.look_up(next, &mut path)?;
            } else if let Some(Open { app, level, .. }) = path.pop() {
                self.known.insert(app, Some(level));
                reached = Some(level);
            }
        }
        Ok(reached.unwrap_or(0))
    }

    /// The level, if it is known; otherwise its computation begins.
    fn look_up(
        &mut self,
        app: &AppId,
        path: &mut Vec<Open<'a>>,
    ) -> Result<Option<usize>, CyclicDependencies> {
        match self.known.get(app) {
            Some(Some(level)) => return Ok(Some(*level)),
            Some(None) => return Err(CyclicDependencies),
            None => {}
        }
        let tree = self.tree;
        let Some(definition) = tree.get(app) else { return Ok(Some(0)) };
        self.known.insert(app.clone(), None);
        let below = definition.spec.dependencies().iter().flat_map(|dependency| {
            // A group stands for all apps in it.
            let from = tree.from(dependency);
            let below = from.take_while(|id| id.as_str().starts_with(dependency.as_str()));
            below.filter(|id| id.is_within(dependency))
        });
        let dependencies = below.collect();
        path.push(Open { app: app.clone(), dependencies, level: 0 });
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
