//! A state that is stored and restored is the same, and goes on in the same way.

use super::*;
use crate::{Chunk, Piece, RestoreError, Restoring, Stored};

/// A platform's record or a chunk of a coming change, as entries that steps do not make.
fn extra() -> impl Strategy<Value = Command> {
    let session = (1..3_u64).prop_map(SessionId);
    (session, 0..200_u64, path(), any::<bool>()).prop_map(|(session, number, path, is_staged)| {
        let records = vec![RecordWrite::put(path, number.to_string())];
        if is_staged {
            Command::Stage(Chunk { session, sequence: 1_000 + number, index: 0, records })
        } else {
            Command::Write(Write { records, ..write(session, 500 + number) })
        }
    })
}

fn restored(machine: &StateMachine) -> Result<StateMachine, RestoreError> {
    let mut restoring = Restoring::default();
    for piece in machine.pieces() {
        restoring.take(piece)?;
    }
    restoring.finish()
}

proptest! {
    #[test]
    fn a_restored_state_is_the_same_and_answers_what_follows_alike(
        before in prop::collection::vec((step(), extra()), 1..30),
        after in prop::collection::vec((step(), extra()), 1..20),
    ) {
        let mut fixture = fixture();
        for (step, extra) in before {
            apply(&mut fixture, step);
            fixture.command(extra);
        }
        let machine = restored(&fixture.machine).unwrap();
        let mut other = Fixture { machine, sequence: fixture.sequence };
        prop_assert!(other.machine.pieces().eq(fixture.machine.pieces()));
        prop_assert!(other.machine.client().iter().eq(fixture.machine.client().iter()));
        check_tree(&other.machine);
        for (step, extra) in after {
            prop_assert_eq!(apply(&mut other, step.clone()), apply(&mut fixture, step));
            prop_assert_eq!(other.command(extra.clone()), fixture.command(extra));
        }
        prop_assert!(other.machine.pieces().eq(fixture.machine.pieces()));
    }
}

#[test]
fn pieces_out_of_order_are_refused() {
    let mut fixture = fixture();
    fixture.created(ONE, "/a", CreateMode::Persistent);
    fixture.created(ONE, "/a/b", CreateMode::Ephemeral);
    let pieces: Vec<_> = fixture.machine.pieces().collect();
    assert_eq!(Restoring::default().take(pieces[1].clone()), Err(RestoreError::Clock));
    assert_eq!(Restoring::default().finish().unwrap_err(), RestoreError::Clock);
    let mut twice = Restoring::default();
    twice.take(pieces[0].clone()).unwrap();
    assert_eq!(twice.take(pieces[0].clone()), Err(RestoreError::Clock));
    let mut orphan = Restoring::default();
    let without = |piece: &&Stored| {
        let Stored::V1(piece) = piece;
        !matches!(piece, Piece::Node { path, .. } if &**path == "/a")
    };
    let outcome = pieces.iter().filter(without).try_for_each(|piece| orphan.take(piece.clone()));
    assert_eq!(outcome, Err(RestoreError::Orphan { path: "/a/b".into() }));
}
