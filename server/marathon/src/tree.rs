//! The definitions of all apps, and the service ports they hold. Cheap to copy: a change is tried on a copy.

use std::ops::RangeInclusive;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use model::AppId;

use crate::run_spec::VersionedRunSpec;

/// The leaves of the group tree.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    definitions: OrdMap<AppId, Arc<VersionedRunSpec>>,
    /// How many apps have each service port; several may have the same.
    uses: OrdMap<u16, u32>,
    /// Numbers of `range` that no app has.
    free: OrdSet<u16>,
    range: RangeInclusive<u16>,
}

impl Tree {
    /// No apps; service ports are allocated from `range`.
    pub(crate) fn new(range: RangeInclusive<u16>) -> Self {
        let free = range.clone().filter(|port| *port != 0).collect();
        Self { definitions: OrdMap::new(), uses: OrdMap::new(), free, range }
    }

    pub(crate) fn get(&self, app: &AppId) -> Option<&Arc<VersionedRunSpec>> {
        self.definitions.get(app)
    }

    /// Adds or replaces an app.
    pub(crate) fn insert(&mut self, definition: Arc<VersionedRunSpec>) {
        let app = definition.spec.id().clone();
        self.remove(&app);
        for port in definition.spec.service_ports().into_iter().filter(|port| *port != 0) {
            *self.uses.entry(port).or_insert(0) += 1;
            self.free.remove(&port);
        }
        self.definitions.insert(app, definition);
    }

    pub(crate) fn remove(&mut self, app: &AppId) {
        let Some(definition) = self.definitions.remove(app) else { return };
        for port in definition.spec.service_ports() {
            match self.uses.get(&port).copied() {
                Some(count) if count > 1 => drop(self.uses.insert(port, count - 1)),
                Some(_) => {
                    self.uses.remove(&port);
                    if self.range.contains(&port) {
                        self.free.insert(port);
                    }
                }
                None => {}
            }
        }
    }

    /// The apps from `app` on, in the order of their ids.
    pub(crate) fn from(&self, app: &AppId) -> impl Iterator<Item = &AppId> {
        self.definitions.range(app.clone()..).map(|(id, _)| id)
    }

    pub(crate) fn is_used(&self, port: u16) -> bool {
        self.uses.contains_key(&port)
    }

    /// Service ports to be allocated, the lowest first.
    pub(crate) fn free_ports(&self) -> impl Iterator<Item = u16> {
        self.free.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::run_spec::RunSpec;

    fn definition(app: &str, port: u16) -> Arc<VersionedRunSpec> {
        let posted = json!({"id": app, "container": {"docker": {"image": "x"},
            "portMappings": [{"containerPort": 80, "servicePort": port}]},
            "networks": [{"mode": "container/bridge"}]});
        let spec = RunSpec::parse(serde_json::from_value(posted).unwrap()).unwrap();
        Arc::new(VersionedRunSpec::new(spec, Timestamp::from_millis(1)))
    }

    #[test]
    fn a_port_is_free_again_once_no_app_has_it() {
        let mut tree = Tree::new(10..=12);
        let free = |tree: &Tree| tree.free_ports().collect::<Vec<_>>();
        tree.insert(definition("/a", 10));
        tree.insert(definition("/b", 10));
        tree.insert(definition("/c", 99));
        assert_eq!(free(&tree), [11, 12]);
        tree.remove(&AppId::parse("/a").unwrap());
        assert_eq!(free(&tree), [11, 12]);
        tree.insert(definition("/b", 11));
        assert_eq!(free(&tree), [10, 12]);
        tree.remove(&AppId::parse("/c").unwrap());
        assert_eq!(free(&tree), [10, 12], "a number outside the range is not given away");
        assert!(tree.is_used(11) && !tree.is_used(99));
    }
}
