//! Completes what a crash cut off between two durable writes of one change.
//!
//! The record of a deployment decides its change: with it, pointers and deletions that are missing are made up
//! for; without it, definitions that were written ahead are dropped. Afterwards the records are as if every
//! change had been written whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use model::{AppId, Timestamp};

use super::Marathon;
use super::recovery::Records;
use crate::records::{self, Path};

impl Marathon {
    /// Brings `records` and the stored versions into agreement with the decided changes.
    pub(super) fn redo(&mut self, records: &mut Records) {
        self.drop_superseded(records);
        for deployment in records.deployments.values() {
            for (app, _, target) in &deployment.intents {
                // Nobody else may have written the pointer since: the app has been locked.
                let pointer = records.pointers.get(app);
                if pointer.is_none_or(|written| *written < deployment.version) {
                    self.redo_pointer(&mut records.pointers, app, *target);
                }
            }
            if self.state.root_version < deployment.version {
                self.persist_root_version(deployment.version);
            }
        }
        self.drop_failures_of_removed_apps(records);
        self.drop_undecided_versions(records);
    }

    /// A forced change takes the place of others, whose records it deletes after its own has been written.
    fn drop_superseded(&mut self, records: &mut Records) {
        let mut taken = BTreeSet::new();
        let mut dropped = Vec::new();
        for (key, deployment) in records.deployments.iter().rev() {
            let apps = || deployment.intents.iter().map(|(app, _, _)| app);
            if apps().any(|app| taken.contains(app)) {
                dropped.push(key.clone());
            } else {
                taken.extend(apps().cloned());
            }
        }
        for key in dropped {
            records.deployments.remove(&key);
            self.delete_deployment(&key.1);
        }
    }

    fn redo_pointer(
        &mut self,
        pointers: &mut BTreeMap<AppId, Timestamp>,
        app: &AppId,
        target: Option<Timestamp>,
    ) {
        match target {
            Some(version) => {
                pointers.insert(app.clone(), version);
                self.persist(records::put_pointer(app, version));
            }
            None if pointers.remove(app).is_some() => {
                self.persist(records::delete(&Path::Pointer(app.clone())));
            }
            None => {}
        }
    }

    fn drop_failures_of_removed_apps(&mut self, records: &mut Records) {
        let failures = std::mem::take(&mut records.failures);
        for (app, failure) in failures {
            if records.pointers.contains_key(&app) {
                records.failures.insert(app, failure);
            } else {
                self.persist(records::delete(&Path::Failure(app)));
            }
        }
    }

    /// Versions newer than the current one belong to changes that were never decided.
    fn drop_undecided_versions(&mut self, records: &Records) {
        let mut undecided = Vec::new();
        for (app, current) in &records.pointers {
            let versions = self.state.versions.get(app).into_iter().flatten();
            let newer = versions.filter(|(version, _)| *version > current);
            undecided.extend(newer.map(|(version, _)| (app.clone(), *version)));
        }
        for (app, version) in undecided {
            self.state.versions.get_mut(&app).map(|versions| versions.remove(&version));
            self.persist(records::delete(&Path::Version(app, version)));
        }
    }
}
