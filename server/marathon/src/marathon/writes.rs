//! The order of a command's durable writes: whatever prefix of them survives a crash is a consistent state.
//!
//! A change is decided by the record of its deployment. Before it stand the definitions it names, which mean
//! nothing without it; after it what follows from it, which recovery can do again (design D6: a change larger
//! than one entry).

use model::{RecordWrite, Timestamp};

use super::Marathon;
use crate::deployment::Deployment;
use crate::identity::DeploymentId;
use crate::records::{self, Path};
use crate::run_spec::VersionedRunSpec;

/// What a write has to wait for. Variants are in the order of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Immutable; nothing refers to it yet: a definition, or a part of a deployment.
    Definition,
    /// Decides a change, or a step of it.
    Decision,
    /// Follows from what has been decided or has happened.
    Consequence,
}

/// The writes of the command that is being applied.
#[derive(Debug, Clone, Default)]
pub(super) struct Writes(Vec<(Stage, RecordWrite)>);

impl Writes {
    /// Takes them out in the order in which they must be written.
    pub(super) fn take(&mut self) -> Vec<RecordWrite> {
        let mut writes = std::mem::take(&mut self.0);
        // Stable: within a stage the order of the command stays.
        writes.sort_by_key(|(stage, _)| *stage);
        writes.into_iter().map(|(_, write)| write).collect()
    }
}

impl Marathon {
    pub(super) fn persist(&mut self, write: RecordWrite) {
        self.writes.0.push((Stage::Consequence, write));
    }

    pub(super) fn persist_definition(&mut self, definition: &VersionedRunSpec) {
        self.writes.0.push((Stage::Definition, records::put_version(definition)));
    }

    /// Writes where a deployment stands, and the first time what it is.
    pub(super) fn persist_deployment(&mut self, deployment: &Deployment) {
        let id = &deployment.plan.id;
        let parts = self.stored_parts.get(id).copied().unwrap_or_else(|| {
            let parts = records::put_parts(&deployment.plan, self.settings.apps_per_record);
            let count = parts.len();
            self.writes.0.extend(parts.into_iter().map(|part| (Stage::Definition, part)));
            u32::try_from(count).unwrap_or(u32::MAX)
        });
        self.stored_parts.insert(id.clone(), parts);
        self.writes.0.push((Stage::Decision, records::put_head(deployment, parts)));
    }

    /// Deletes what is stored of a deployment; parts without their head mean nothing.
    pub(super) fn delete_deployment(&mut self, id: &DeploymentId) {
        self.persist(records::delete(&Path::Deployment(id.clone())));
        for part in 0..self.stored_parts.remove(id).unwrap_or(0) {
            self.persist(records::delete(&Path::DeploymentPart(id.clone(), part)));
        }
    }

    pub(super) fn persist_root_version(&mut self, version: Timestamp) {
        self.state.root_version = version;
        self.persist(records::put_root_version(version));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_come_before_the_decision_and_consequences_after_it() {
        let write = |path: &str| RecordWrite::delete(path.to_owned());
        let mut writes = Writes(vec![
            (Stage::Consequence, write("pointer")),
            (Stage::Decision, write("step 1")),
            (Stage::Definition, write("version")),
            (Stage::Decision, write("step 2")),
            (Stage::Consequence, write("end")),
        ]);
        let order: Vec<String> = writes.take().into_iter().map(|write| write.path).collect();
        assert_eq!(order, ["version", "step 1", "step 2", "pointer", "end"]);
        assert!(writes.take().is_empty());
    }
}
