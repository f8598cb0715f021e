//! What sessions of clients may do, and the rules that hold for sessions of both kinds.

use super::*;
use crate::SessionKind;

const CLIENT: SessionId = SessionId(77);

fn with_client() -> Fixture {
    let mut fixture = fixture();
    let node = NodeId(1);
    fixture.command(Command::OpenClientSession { session: CLIENT, node, timeout_ms: 30_000 });
    fixture
}

/// The platform's election nodes, as campaigns make them.
fn with_elections() -> Fixture {
    let mut fixture = with_client();
    fixture.created(ONE, "/mesos", CreateMode::Persistent);
    fixture.created(ONE, "/mesos/json.info_", CreateMode::EphemeralSequential);
    fixture.created(ONE, "/marathon", CreateMode::Persistent);
    fixture.created(ONE, "/marathon/leader-curator", CreateMode::Persistent);
    fixture
}

#[test]
fn a_client_gets_no_auth_for_every_change_of_the_platforms_nodes() {
    let mut fixture = with_elections();
    let ephemeral = CreateMode::EphemeralSequential;
    for operation in [
        create("/mesos/json.info_", ephemeral),
        create("/mesos/other", CreateMode::Persistent),
        create("/mesos/log_replicas", CreateMode::Persistent),
        create("/marathon/leader-curator/_c_x-latch-", ephemeral),
        set("/mesos", None),
        set("/mesos/json.info_0000000000", None),
        set("/marathon", None),
        delete("/mesos/json.info_0000000000"),
        delete("/mesos"),
        delete("/marathon/leader-curator"),
        delete("/marathon"),
    ] {
        let before = fixture.machine.clone();
        let name = format!("{operation:?}");
        let outcome = fixture.multi(CLIENT, vec![create("/mine", ephemeral), operation]);
        let refused = Refusal::Failed { index: 1, code: ErrorCode::NoAuth };
        assert_eq!(outcome, Outcome::Refused(refused), "{name}");
        assert!(fixture.machine.client().iter().eq(before.client().iter()), "{name}");
    }
    assert_eq!(ErrorCode::NoAuth.number(), -102);
}

#[test]
fn a_client_can_neither_make_the_platforms_folders_first_nor_remove_them_with_their_parents() {
    let mut fixture = with_client();
    for path in ["/mesos", "/marathon", "/marathon/leader-curator"] {
        let outcome = fixture.multi(CLIENT, vec![create(path, CreateMode::Ephemeral)]);
        let refused = Refusal::Failed { index: 0, code: ErrorCode::NoAuth };
        assert_eq!(outcome, Outcome::Refused(refused), "{path}");
    }
}

#[test]
fn a_client_reads_and_checks_what_it_cannot_change_and_owns_the_rest() {
    let mut fixture = with_elections();
    let operations = vec![
        check("/mesos/json.info_0000000000", 0),
        create("/marathon/state", CreateMode::Persistent),
        create("/app", CreateMode::Persistent),
        set("/app", Some(0)),
        delete("/app"),
    ];
    let outcome = fixture.multi(CLIENT, operations);
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
}

#[test]
fn a_client_never_writes_records_of_the_platform() {
    let mut fixture = with_client();
    let records = vec![RecordWrite::put("/master/a", "x")];
    let outcome = fixture.write(Write { records: records.clone(), ..write(CLIENT, 0) });
    let refused = Outcome::Refused(Refusal::NotPlatform { session: CLIENT });
    assert_eq!(outcome, refused);
    let chunk = Chunk { session: CLIENT, sequence: 1, index: 0, records };
    assert_eq!(fixture.command(Command::Stage(chunk)), refused);
    assert!(fixture.machine.platform().is_empty());
}

#[test]
fn a_clients_session_outlives_the_process_that_it_was_opened_through() {
    let mut fixture = with_client();
    fixture.created(CLIENT, "/mine", CreateMode::Ephemeral);
    fixture.command(Command::OpenSession { session: SessionId(3), node: NodeId(1) });
    let session = fixture.machine.session(CLIENT).unwrap();
    assert_eq!(session.kind, SessionKind::Client { timeout_ms: 30_000 });
    assert_eq!(fixture.paths(), ["/", "/mine"]);
    fixture.command(Command::CloseSession { session: CLIENT });
    assert_eq!(fixture.paths(), ["/"]);
}

proptest! {
    #[test]
    fn the_ephemerals_of_a_session_vanish_in_one_entry(
        steps in prop::collection::vec(step(), 1..60), session in (1..4_u64).prop_map(SessionId),
    ) {
        let mut fixture = fixture();
        for step in steps {
            apply(&mut fixture, step);
        }
        let before = fixture.machine.clone();
        let gone: BTreeSet<_> = before.client().ephemerals(session).map(str::to_owned).collect();
        fixture.command(Command::CloseSession { session });
        check_tree(&fixture.machine);
        let now: BTreeSet<_> = fixture.paths().into_iter().map(str::to_owned).collect();
        let was: BTreeSet<_> = before.client().iter().map(|(path, _)| path.to_owned()).collect();
        prop_assert!(was.difference(&now).eq(&gone));
        prop_assert!(now.is_subset(&was));
        // Every parent shows the one zxid at which its children went.
        for path in &gone {
            let parent = fixture.machine.client().get(crate::parent(path).unwrap()).unwrap();
            prop_assert_eq!(parent.pzxid, fixture.machine.zxid());
        }
    }

    #[test]
    fn a_sequential_name_is_never_given_twice(steps in prop::collection::vec(step(), 1..80)) {
        let mut fixture = fixture();
        // Per parent and its czxid: a parent that was deleted and made again counts anew.
        let mut given = BTreeSet::new();
        for step in steps {
            let sequential: Vec<_> = match &step {
                Step::Multi(_, operations) => operations.iter().map(is_sequential).collect(),
                Step::Close(_) | Step::Open(..) => Vec::new(),
            };
            let before = fixture.machine.clone();
            let Outcome::Applied { results, .. } = apply(&mut fixture, step) else { continue };
            for (result, is_sequential) in results.iter().zip(sequential) {
                let OperationResult::Created { path, .. } = result else { continue };
                let parent = crate::parent(path).unwrap();
                let was = before.client().get(parent).map(|node| node.czxid);
                let is = fixture.machine.client().get(parent).map(|node| node.czxid);
                if is_sequential && was.is_some() && was == is {
                    prop_assert!(given.insert((path.clone(), was)), "{path} was given before");
                }
            }
        }
    }

    #[test]
    fn a_write_repeated_at_any_time_is_applied_once_and_answered_alike(
        steps in prop::collection::vec(step(), 1..40), repeats in prop::collection::vec(0..40_usize, 1..40),
    ) {
        let mut fixture = fixture();
        let mut sent: Vec<(Write, Outcome)> = Vec::new();
        for (position, step) in steps.into_iter().enumerate() {
            let Step::Multi(_, operations) = step else { continue };
            // Nothing is said to be answered, so everything may be repeated.
            let sequence = u64::try_from(position).unwrap();
            let new = Write { operations, answered: 0, ..write(ONE, sequence) };
            let outcome = fixture.write(new.clone());
            sent.push((new, outcome));
            if let Some(index) = repeats.get(position)
                && let Some((again, outcome)) = sent.get(index % sent.len())
            {
                let before = fixture.machine.clone();
                prop_assert_eq!(&fixture.write(again.clone()), outcome);
                prop_assert!(fixture.machine.client().is_same(before.client()));
                prop_assert!(fixture.machine.changes().is_empty());
            }
        }
    }

    #[test]
    fn what_is_said_to_be_answered_is_forgotten_and_never_applied_again(
        count in 1..40_u64, answered in 0..40_u64,
    ) {
        let mut fixture = fixture();
        let sequential = |sequence, answered| Write {
            operations: vec![create("/s-", CreateMode::PersistentSequential)],
            answered,
            ..write(ONE, sequence)
        };
        for sequence in 0..count {
            fixture.write(sequential(sequence, 0));
        }
        let answered = answered.min(count);
        fixture.write(Write { answered, ..write(ONE, count) });
        let before = fixture.machine.clone();
        for sequence in 0..count {
            let outcome = fixture.write(sequential(sequence, 0));
            let forgotten = Outcome::Refused(Refusal::Forgotten { sequence });
            prop_assert_eq!(outcome == forgotten, sequence < answered);
        }
        prop_assert!(fixture.machine.client().is_same(before.client()));
    }
}

fn is_sequential(operation: &Operation) -> bool {
    matches!(operation, Operation::Create { mode, .. } if mode.is_sequential())
}
