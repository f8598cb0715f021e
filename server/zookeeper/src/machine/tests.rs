//! The state machine against the rules of `zookeeper.md`, and against a naive model.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use model::Epoch;
use proptest::prelude::*;

use super::*;
use crate::CreateMode;

const ONE: SessionId = SessionId(1);
const TWO: SessionId = SessionId(2);

/// A machine with the sessions of two nodes, and a counter of writes.
struct Fixture {
    machine: StateMachine,
    sequence: u64,
}

fn fixture() -> Fixture {
    let mut fixture = Fixture { machine: StateMachine::default(), sequence: 0 };
    for (session, node) in [(ONE, 1), (TWO, 2)] {
        fixture.command(Command::OpenSession { session, node: NodeId(node) });
    }
    fixture
}

impl Fixture {
    fn command(&mut self, command: Command) -> Outcome {
        self.machine.apply(1, &Entry { time: Timestamp::from_millis(1_000), command })
    }

    fn write(&mut self, write: Write) -> Outcome {
        self.command(Command::Write(write))
    }

    fn multi(&mut self, session: SessionId, operations: Vec<Operation>) -> Outcome {
        let sequence = self.sequence;
        self.sequence += 1;
        self.write(Write { operations, ..write(session, sequence) })
    }

    fn created(&mut self, session: SessionId, path: &str, mode: CreateMode) -> String {
        match self.multi(session, vec![create(path, mode)]) {
            Outcome::Applied { results, .. } => match &results[..] {
                [OperationResult::Created { path, .. }] => path.to_string(),
                other => panic!("{other:?}"),
            },
            Outcome::Refused(refusal) => panic!("{refusal}"),
        }
    }

    fn code(&mut self, operations: Vec<Operation>) -> Option<(u32, ErrorCode)> {
        match self.multi(ONE, operations) {
            Outcome::Applied { .. } => None,
            Outcome::Refused(Refusal::Failed { index, code }) => Some((index, code)),
            Outcome::Refused(other) => panic!("{other}"),
        }
    }

    fn paths(&self) -> Vec<&str> {
        self.machine.client().iter().map(|(path, _)| path).collect()
    }
}

fn write(session: SessionId, sequence: u64) -> Write {
    Write {
        session,
        sequence,
        answered: sequence,
        fence: None,
        operations: Vec::new(),
        records: Vec::new(),
    }
}

fn create(path: &str, mode: CreateMode) -> Operation {
    Operation::Create { path: path.into(), data: Bytes::from_static(b"data"), mode }
}

fn delete(path: &str) -> Operation {
    Operation::Delete { path: path.into(), version: None }
}

fn set(path: &str, version: Option<i32>) -> Operation {
    Operation::SetData { path: path.into(), data: Bytes::from_static(b"new"), version }
}

fn check(path: &str, version: i32) -> Operation {
    Operation::Check { path: path.into(), version: Some(version) }
}

#[test]
fn a_create_sets_the_stats_of_the_node_and_of_its_parent() {
    let mut fixture = fixture();
    fixture.created(ONE, "/a", CreateMode::Persistent);
    let zxid = fixture.machine.zxid();
    fixture.created(ONE, "/a/b", CreateMode::Persistent);
    let tree = fixture.machine.client();
    let parent = tree.get("/a").unwrap().stat();
    assert_eq!((parent.czxid, parent.mzxid, parent.version), (zxid, zxid, 0));
    assert_eq!(
        (parent.pzxid, parent.cversion, parent.num_children),
        (fixture.machine.zxid(), 1, 1)
    );
    let node = tree.get("/a/b").unwrap().stat();
    assert_eq!((node.ctime, node.data_length), (Timestamp::from_millis(1_000), 4));
}

#[test]
fn a_delete_counts_in_the_parents_cversion_and_never_in_its_creates() {
    let mut fixture = fixture();
    fixture.created(ONE, "/a", CreateMode::Persistent);
    fixture.created(ONE, "/a/b", CreateMode::Persistent);
    fixture.multi(ONE, vec![delete("/a/b")]);
    let stat = fixture.machine.client().get("/a").unwrap().stat();
    assert_eq!((stat.cversion, stat.num_children), (2, 0));
    assert_eq!(fixture.created(ONE, "/a/s-", CreateMode::PersistentSequential), "/a/s-0000000001");
}

#[test]
fn sequential_names_count_every_create_under_the_parent() {
    let mut fixture = fixture();
    fixture.created(ONE, "/q", CreateMode::Persistent);
    assert_eq!(fixture.created(ONE, "/q/", CreateMode::PersistentSequential), "/q/0000000000");
    fixture.created(ONE, "/q/plain", CreateMode::Persistent);
    assert_eq!(fixture.created(ONE, "/q/x-", CreateMode::EphemeralSequential), "/q/x-0000000002");
    // A multi that fails leaves the counter untouched.
    let failing = vec![create("/q/x-", CreateMode::PersistentSequential), delete("/nothing")];
    assert_eq!(fixture.code(failing), Some((1, ErrorCode::NoNode)));
    assert_eq!(fixture.created(ONE, "/q/y-", CreateMode::PersistentSequential), "/q/y-0000000003");
}

#[test]
fn every_refusal_has_zookeepers_code() {
    let mut fixture = fixture();
    fixture.created(ONE, "/a", CreateMode::Persistent);
    fixture.created(ONE, "/a/e", CreateMode::Ephemeral);
    let persistent = CreateMode::Persistent;
    let cases = [
        (create("/", persistent), ErrorCode::NodeExists),
        (create("/a", persistent), ErrorCode::NodeExists),
        (create("a", persistent), ErrorCode::BadArguments),
        (create("/a/", persistent), ErrorCode::BadArguments),
        (create("/no/parent", persistent), ErrorCode::NoNode),
        (create("/a/e/child", persistent), ErrorCode::NoChildrenForEphemerals),
        (delete("/"), ErrorCode::BadArguments),
        (delete("/no"), ErrorCode::NoNode),
        (delete("/a"), ErrorCode::NotEmpty),
        (set("/no", None), ErrorCode::NoNode),
        (set("/a", Some(7)), ErrorCode::BadVersion),
        (check("/a", 1), ErrorCode::BadVersion),
        (check("/no", 0), ErrorCode::NoNode),
    ];
    for (operation, code) in cases {
        let name = format!("{operation:?}");
        assert_eq!(fixture.code(vec![operation]), Some((0, code)), "{name}");
    }
}

#[test]
fn later_operations_of_a_multi_see_the_earlier_ones() {
    let mut fixture = fixture();
    let operations = vec![
        create("/a", CreateMode::Persistent),
        create("/a/b", CreateMode::Persistent),
        set("/a/b", Some(0)),
        check("/a/b", 1),
        delete("/a/b"),
    ];
    assert_eq!(fixture.code(operations), None);
    assert_eq!(fixture.paths(), ["/", "/a"]);
}

#[test]
fn the_end_of_a_session_takes_its_ephemerals_along_and_no_others() {
    let mut fixture = fixture();
    fixture.created(ONE, "/mine", CreateMode::Ephemeral);
    fixture.created(ONE, "/mine-too", CreateMode::Ephemeral);
    fixture.created(TWO, "/theirs", CreateMode::Ephemeral);
    fixture.created(ONE, "/stays", CreateMode::Persistent);
    fixture.command(Command::CloseSession { session: ONE });
    assert_eq!(fixture.paths(), ["/", "/stays", "/theirs"]);
    let root = fixture.machine.client().get("/").unwrap();
    assert_eq!(root.pzxid, fixture.machine.zxid());
    let refused = fixture.multi(ONE, vec![delete("/stays")]);
    assert_eq!(refused, Outcome::Refused(Refusal::SessionClosed { session: ONE }));
}

#[test]
fn a_new_incarnation_closes_the_sessions_of_the_older_ones() {
    let mut fixture = fixture();
    fixture.created(ONE, "/old", CreateMode::Ephemeral);
    fixture.created(TWO, "/other-node", CreateMode::Ephemeral);
    fixture.command(Command::OpenSession { session: SessionId(3), node: NodeId(1) });
    assert_eq!(fixture.paths(), ["/", "/other-node"]);
    let open: Vec<_> = fixture.machine.sessions().map(|(id, _)| id).collect();
    assert_eq!(open, [TWO, SessionId(3)]);
}

#[test]
fn a_repeated_write_is_answered_from_memory_and_not_applied_again() {
    let mut fixture = fixture();
    let sequential = Write {
        operations: vec![create("/s-", CreateMode::PersistentSequential)],
        answered: 0,
        ..write(ONE, 5)
    };
    let first = fixture.write(sequential.clone());
    assert_eq!(fixture.write(sequential.clone()), first);
    assert_eq!(fixture.paths(), ["/", "/s-0000000000"]);
    // Once a later write says that it was answered, a repeat is refused rather than applied.
    fixture.write(Write { answered: 6, ..write(ONE, 6) });
    let refused = Outcome::Refused(Refusal::Forgotten { sequence: 5 });
    assert_eq!(fixture.write(sequential), refused);
}

#[test]
fn a_fenced_write_applies_only_for_the_owner_of_the_election_node() {
    let mut fixture = fixture();
    let node: Arc<str> = fixture.created(ONE, "/leader-", CreateMode::EphemeralSequential).into();
    let epoch = Epoch(fixture.machine.zxid().as_u64());
    let fence = Fence { session: ONE, node: Arc::clone(&node), epoch };
    let record = RecordWrite::put("/master/a", Bytes::from_static(b"x"));
    let fenced = |fence: Fence, sequence| Write {
        fence: Some(fence),
        records: vec![record.clone()],
        ..write(ONE, sequence)
    };
    assert!(matches!(fixture.write(fenced(fence.clone(), 10)), Outcome::Applied { .. }));
    let forged = Fence { epoch: Epoch(epoch.0 + 1), ..fence.clone() };
    let others = Fence { session: TWO, ..fence.clone() };
    for (sequence, fence) in [(11, forged), (12, others)] {
        let outcome = fixture.write(fenced(fence, sequence));
        assert!(matches!(outcome, Outcome::Refused(Refusal::Deposed { .. })), "{outcome:?}");
    }
    fixture.sequence = 13;
    fixture.multi(ONE, vec![delete(&node)]);
    let outcome = fixture.write(fenced(fence, 14));
    assert!(matches!(outcome, Outcome::Refused(Refusal::Deposed { .. })), "{outcome:?}");
}

#[test]
fn a_malformed_record_undoes_the_operations_too() {
    let mut fixture = fixture();
    let outcome = fixture.write(Write {
        operations: vec![create("/a", CreateMode::Persistent)],
        records: vec![RecordWrite::put("/fine", "x"), RecordWrite::put("relative", "x")],
        ..write(ONE, 1)
    });
    assert!(matches!(outcome, Outcome::Refused(Refusal::Record(_))), "{outcome:?}");
    assert_eq!(fixture.paths(), ["/"]);
    assert!(fixture.machine.platform().is_empty());
}

#[test]
fn times_never_go_back_when_a_clock_does() {
    let mut machine = StateMachine::default();
    let open = Command::OpenSession { session: ONE, node: NodeId(1) };
    machine.apply(1, &Entry { time: Timestamp::from_millis(5_000), command: open });
    let create = Write { operations: vec![create("/a", CreateMode::Persistent)], ..write(ONE, 0) };
    machine.apply(1, &Entry { time: Timestamp::from_millis(9), command: Command::Write(create) });
    assert_eq!(machine.client().get("/a").unwrap().ctime, Timestamp::from_millis(5_000));
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..=3)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

fn operation() -> impl Strategy<Value = Operation> {
    let mode = prop::sample::select(vec![
        CreateMode::Persistent,
        CreateMode::Persistent,
        CreateMode::PersistentSequential,
        CreateMode::Ephemeral,
        CreateMode::EphemeralSequential,
    ]);
    let version = prop::option::of(0..3);
    prop_oneof![
        4 => (path(), mode).prop_map(|(path, mode)| create(&path, mode)),
        2 => (path(), version.clone())
            .prop_map(|(path, version)| Operation::Delete { path: path.into(), version }),
        2 => (path(), version).prop_map(|(path, version)| set(&path, version)),
        1 => (path(), 0..3).prop_map(|(path, version)| check(&path, version)),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Multi(SessionId, Vec<Operation>),
    Close(SessionId),
    Open(SessionId, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let session = (1..4_u64).prop_map(SessionId);
    prop_oneof![
        10 => (session.clone(), prop::collection::vec(operation(), 1..4))
            .prop_map(|(session, operations)| Step::Multi(session, operations)),
        1 => session.clone().prop_map(Step::Close),
        1 => (session, 1..3_u64).prop_map(|(session, node)| Step::Open(session, node)),
    ]
}

fn apply(fixture: &mut Fixture, step: Step) -> Outcome {
    match step {
        Step::Multi(session, operations) => fixture.multi(session, operations),
        Step::Close(session) => fixture.command(Command::CloseSession { session }),
        Step::Open(session, node) => {
            fixture.command(Command::OpenSession { session, node: NodeId(node) })
        }
    }
}

/// What must hold after every step.
fn check_tree(machine: &StateMachine) {
    let tree = machine.client();
    let mut ephemerals: BTreeMap<SessionId, BTreeSet<&str>> = BTreeMap::new();
    for (path, node) in tree.iter() {
        for child in &node.children {
            let child = if path == "/" { format!("/{child}") } else { format!("{path}/{child}") };
            assert!(tree.get(&child).is_some(), "`{path}` lists `{child}`, which is not there");
        }
        if let Some(parent) = crate::parent(path) {
            let parent = tree.get(parent).unwrap();
            assert!(parent.children.contains(crate::name(path)), "the parent of `{path}` lists it");
            assert!(parent.ephemeral_owner.is_none());
        }
        assert!(node.mzxid >= node.czxid && node.pzxid >= node.czxid);
        assert!(usize::try_from(node.creates).unwrap() >= node.children.len());
        if let Some(session) = node.ephemeral_owner {
            assert!(machine.session(session).is_some(), "the owner of `{path}` is open");
            ephemerals.entry(session).or_default().insert(path);
        }
    }
    for (session, open) in machine.sessions() {
        assert!(open.staged_bytes() <= MAX_STAGED_BYTES);
        let listed: BTreeSet<_> = tree.ephemerals(session).collect();
        assert_eq!(listed, ephemerals.remove(&session).unwrap_or_default());
    }
    assert!(ephemerals.is_empty());
}

proptest! {
    #[test]
    fn the_tree_stays_whole_and_a_refused_multi_changes_nothing(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut fixture = fixture();
        for step in steps {
            let before = fixture.machine.clone();
            let outcome = apply(&mut fixture, step);
            prop_assert!(fixture.machine.zxid() > before.zxid());
            check_tree(&fixture.machine);
            if let Outcome::Refused(_) = outcome {
                prop_assert!(fixture.machine.client().iter().eq(before.client().iter()));
            }
        }
    }

    #[test]
    fn equal_entries_give_equal_states_and_outcomes(steps in prop::collection::vec(step(), 1..40)) {
        let (mut one, mut other) = (fixture(), fixture());
        for step in steps {
            prop_assert_eq!(apply(&mut one, step.clone()), apply(&mut other, step));
        }
        prop_assert!(one.machine.client().iter().eq(other.machine.client().iter()));
    }

    #[test]
    fn a_snapshot_never_changes(steps in prop::collection::vec(step(), 2..40)) {
        let mut fixture = fixture();
        let half = steps.len() / 2;
        let mut steps = steps.into_iter();
        for step in steps.by_ref().take(half) {
            apply(&mut fixture, step);
        }
        let snapshot = fixture.machine.clone();
        let copied: Vec<_> =
            snapshot.client().iter().map(|(path, node)| (path.to_owned(), node.clone())).collect();
        for step in steps {
            apply(&mut fixture, step);
        }
        let now = snapshot.client().iter().map(|(path, node)| (path.to_owned(), node.clone()));
        prop_assert!(now.eq(copied));
    }

    #[test]
    fn versions_count_the_sets_and_sequential_names_the_creates(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut fixture = fixture();
        let mut creates: BTreeMap<String, i32> = BTreeMap::new();
        for step in steps {
            let outcome = apply(&mut fixture, step);
            let Outcome::Applied { results, .. } = outcome else { continue };
            for result in results {
                if let OperationResult::Created { path, .. } = result {
                    let parent = crate::parent(&path).unwrap().to_owned();
                    let count = creates.entry(parent).or_default();
                    if let Some((_, number)) = path.split_at_checked(path.len().saturating_sub(10))
                        && number.len() == 10 && number.bytes().all(|digit| digit.is_ascii_digit())
                    {
                        prop_assert_eq!(number.parse::<i32>().unwrap(), *count);
                    }
                    *count += 1;
                    creates.remove(path.as_ref());
                }
            }
        }
        for (path, count) in creates {
            if let Some(node) = fixture.machine.client().get(&path) {
                prop_assert_eq!(node.creates, count);
            }
        }
    }
}

mod clients;
mod staging;
mod stored;
mod watching;
