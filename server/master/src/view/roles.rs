//! The `/roles` endpoint.

use std::collections::{BTreeMap, BTreeSet};

use model::{FrameworkId, Role};
use serde_json::{Value, json};

use crate::snapshot::Snapshot;
use crate::view::amounts::Sum;

#[derive(Default)]
struct InRole<'a> {
    frameworks: BTreeSet<&'a FrameworkId>,
    allocated: Sum,
    offered: Sum,
    both: Sum,
}

/// The answer of `/roles`: every role that a framework has, and the roles above it.
pub fn roles(snapshot: &Snapshot) -> Value {
    let mut roles: BTreeMap<String, InRole<'_>> = BTreeMap::new();
    for framework in snapshot.frameworks.values() {
        for role in framework.roles() {
            for name in with_ancestors(&role) {
                roles.entry(name.to_owned()).or_default();
            }
            roles.entry(role.to_string()).or_default().frameworks.insert(&framework.id);
        }
        for task in framework.tasks.values().filter(|task| !task.state.is_terminal()) {
            for name in with_ancestors(&task.role) {
                let role = roles.entry(name.to_owned()).or_default();
                role.allocated.add(&task.resources);
                role.both.add(&task.resources);
            }
        }
    }
    for offer in snapshot.offers.values() {
        for name in with_ancestors(&offer.role) {
            let role = roles.entry(name.to_owned()).or_default();
            role.offered.add(&offer.resources);
            role.both.add(&offer.resources);
        }
    }
    let list: Vec<_> = roles.iter().map(|(name, role)| one(name, role)).collect();
    json!({ "roles": list })
}

/// The role and those above it, `a/b` before `a`.
fn with_ancestors(role: &Role) -> impl Iterator<Item = &str> {
    let name = role.as_str();
    let above = name.match_indices('/').map(move |(at, _)| &name[..at]);
    std::iter::once(name).chain(above)
}

fn one(name: &str, role: &InRole<'_>) -> Value {
    json!({
        "name": name,
        "weight": 1.0,
        "quota": {
            "role": name,
            "guarantee": {},
            "limit": {},
            "consumed": role.allocated.scalars(),
        },
        "resources": role.both.summary(),
        "allocated": role.allocated.scalars(),
        "offered": role.offered.scalars(),
        "reserved": {},
        "frameworks": role.frameworks,
    })
}
