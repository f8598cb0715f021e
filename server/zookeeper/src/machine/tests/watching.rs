//! What an entry says that it changed is what it changed.

use super::*;
use crate::{Change, ChangeKind, Namespace};

type Nodes = BTreeMap<(bool, String), (Zxid, Zxid)>;

/// Everything that can be watched, with what tells its versions apart.
fn watched(machine: &StateMachine) -> Nodes {
    let nodes = machine.client().iter();
    let nodes = nodes.map(|(path, node)| ((true, path.to_owned()), (node.czxid, node.mzxid)));
    let records = machine.platform().under("/");
    let records =
        records.map(|(path, record)| ((false, path.to_owned()), (record.czxid, record.mzxid)));
    nodes.chain(records).collect()
}

#[test]
fn a_closed_session_shows_each_of_its_nodes_as_deleted() {
    let mut fixture = fixture();
    fixture.created(ONE, "/b", CreateMode::Ephemeral);
    fixture.created(ONE, "/a", CreateMode::Ephemeral);
    fixture.command(Command::CloseSession { session: ONE });
    let change = |path: &str| Change {
        namespace: Namespace::Client,
        path: path.into(),
        kind: ChangeKind::Deleted,
    };
    assert_eq!(fixture.machine.changes(), [change("/a"), change("/b")]);
    fixture.command(Command::CloseSession { session: ONE });
    assert!(fixture.machine.changes().is_empty());
}

#[test]
fn a_change_is_under_its_own_path_and_under_each_ancestor() {
    let change = Change {
        namespace: Namespace::Platform,
        path: "/master/agents/a".into(),
        kind: ChangeKind::Set,
    };
    for prefix in ["/", "", "/master", "/master/", "/master/agents/a"] {
        assert!(change.is_under(prefix), "{prefix}");
    }
    for prefix in ["/mast", "/master/agents/a/b", "/marathon"] {
        assert!(!change.is_under(prefix), "{prefix}");
    }
}

fn record() -> impl Strategy<Value = RecordWrite> {
    (path(), any::<bool>()).prop_map(|(path, is_put)| match is_put {
        true => RecordWrite::put(path, "x"),
        false => RecordWrite::delete(path),
    })
}

proptest! {
    #[test]
    fn the_changes_of_an_entry_lead_from_the_state_before_to_the_state_after(
        steps in prop::collection::vec((step(), prop::collection::vec(record(), 0..4)), 1..50),
    ) {
        let mut fixture = fixture();
        for (sequence, (step, records)) in (0..).zip(steps) {
            let before = watched(&fixture.machine);
            match step {
                Step::Multi(session, operations) => {
                    let new = Write { operations, records, ..write(session, sequence) };
                    fixture.write(new);
                }
                other @ (Step::Close(_) | Step::Open(..)) => {
                    apply(&mut fixture, other);
                }
            }
            let after = watched(&fixture.machine);
            // Followed step by step, the changes name only what exists, and reach the state after.
            let mut known: BTreeSet<_> = before.keys().cloned().collect();
            let mut touched = BTreeSet::new();
            for change in fixture.machine.changes() {
                let key = (change.namespace == Namespace::Client, change.path.to_string());
                touched.insert(key.clone());
                let was_known = match change.kind {
                    ChangeKind::Created => !known.insert(key),
                    ChangeKind::Set => known.contains(&key),
                    ChangeKind::Deleted => known.remove(&key),
                };
                prop_assert_eq!(was_known, change.kind != ChangeKind::Created);
            }
            prop_assert!(known.iter().eq(after.keys()));
            for (key, versions) in &after {
                if before.get(key) != Some(versions) {
                    prop_assert!(touched.contains(key), "{:?} changed unseen", key);
                }
            }
        }
    }
}
