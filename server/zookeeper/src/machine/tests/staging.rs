//! Changes larger than an entry: all or nothing wherever the log ends.

use super::*;

/// A change cut into chunks; `fence` must hold for its last entry.
fn entries(sequence: u64, cut: &[Vec<RecordWrite>], fence: Option<&Fence>) -> Vec<Command> {
    let (last, chunks) = cut.split_last().unwrap();
    let stages = (0..).zip(chunks).map(|(index, records)| {
        Command::Stage(Chunk { session: ONE, sequence, index, records: records.clone() })
    });
    let write = Write { records: last.clone(), fence: fence.cloned(), ..write(ONE, sequence) };
    let chunks = u32::try_from(chunks.len()).unwrap();
    stages.chain([Command::WriteStaged { write, chunks }]).collect()
}

fn records(machine: &StateMachine) -> BTreeMap<String, Bytes> {
    let records = machine.platform().under("/");
    records.map(|(path, record)| (path.to_owned(), record.value.clone())).collect()
}

fn put(path: &str, value: &str) -> RecordWrite {
    RecordWrite::put(path, value.to_owned())
}

#[test]
fn staged_records_are_invisible_until_the_last_entry_and_then_there_at_one_zxid() {
    let mut fixture = fixture();
    let cut = [vec![put("/a", "1"), put("/b", "1")], vec![put("/a", "2")], vec![put("/c", "3")]];
    let commands = entries(0, &cut, None);
    let (last, stages) = commands.split_last().unwrap();
    for stage in stages {
        assert!(matches!(fixture.command(stage.clone()), Outcome::Applied { .. }));
        assert!(fixture.machine.platform().is_empty() && fixture.machine.changes().is_empty());
    }
    assert!(fixture.machine.session(ONE).unwrap().staged_bytes() > 0);
    fixture.command(last.clone());
    let zxid = fixture.machine.zxid();
    let found: Vec<_> = fixture.machine.platform().under("/").collect();
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|(_, record)| record.mzxid == zxid));
    assert_eq!(records(&fixture.machine)["/a"], "2", "chunks apply in their order");
    assert_eq!(fixture.machine.session(ONE).unwrap().staged_bytes(), 0);
}

#[test]
fn a_change_whose_fence_is_gone_by_its_last_entry_leaves_nothing() {
    let mut fixture = fixture();
    let node: Arc<str> = fixture.created(ONE, "/l-", CreateMode::EphemeralSequential).into();
    let epoch = Epoch(fixture.machine.zxid().as_u64());
    let fence = Fence { session: ONE, node: Arc::clone(&node), epoch };
    let commands = entries(5, &[vec![put("/a", "1")], vec![put("/b", "1")]], Some(&fence));
    fixture.command(commands[0].clone());
    fixture.multi(ONE, vec![delete(&node)]);
    let outcome = fixture.command(commands[1].clone());
    assert!(matches!(outcome, Outcome::Refused(Refusal::Deposed { .. })), "{outcome:?}");
    assert!(fixture.machine.platform().is_empty());
    assert_eq!(fixture.machine.session(ONE).unwrap().staged_bytes(), 0);
    // The repeat of the first chunk, late, does not lie around for ever.
    let late = fixture.command(commands[0].clone());
    assert_eq!(late, Outcome::Refused(Refusal::Forgotten { sequence: 5 }));
}

#[test]
fn a_missing_chunk_refuses_the_whole() {
    let mut fixture = fixture();
    let commands = entries(0, &[vec![put("/a", "1")], vec![put("/b", "1")], Vec::new()], None);
    fixture.command(commands[1].clone());
    let outcome = fixture.command(commands[2].clone());
    assert_eq!(outcome, Outcome::Refused(Refusal::Incomplete { sequence: 0, chunks: 2 }));
    assert!(fixture.machine.platform().is_empty());
}

#[test]
fn chunks_go_with_their_session_and_with_the_number_of_their_write() {
    let mut fixture = fixture();
    let stage = |sequence| entries(sequence, &[vec![put("/a", "1")], Vec::new()], None).remove(0);
    fixture.command(stage(3));
    fixture.write(Write { answered: 4, ..write(ONE, 4) });
    assert_eq!(fixture.machine.session(ONE).unwrap().staged_bytes(), 0, "3 will never come");
    fixture.command(stage(5));
    fixture.command(Command::OpenSession { session: SessionId(9), node: NodeId(1) });
    assert!(fixture.machine.sessions().all(|(_, session)| session.staged_bytes() == 0));
}

#[test]
fn a_session_stages_so_much_and_no_more() {
    let mut fixture = fixture();
    let large = Bytes::from(vec![0; crate::MAX_RECORD_BYTES]);
    let chunk = |index| Chunk {
        session: ONE,
        sequence: 0,
        index,
        records: vec![RecordWrite::put("/a", large.clone())],
    };
    for index in 0..63 {
        let outcome = fixture.command(Command::Stage(chunk(index)));
        assert!(matches!(outcome, Outcome::Applied { .. }), "{index}: {outcome:?}");
    }
    let outcome = fixture.command(Command::Stage(chunk(63)));
    assert_eq!(outcome, Outcome::Refused(Refusal::TooMuchStaged { session: ONE }));
    assert!(fixture.machine.session(ONE).unwrap().staged_bytes() <= MAX_STAGED_BYTES);
}

fn change() -> impl Strategy<Value = Vec<RecordWrite>> {
    let path = (0..12_u8).prop_map(|number| format!("/r/{number}"));
    let write =
        (path, prop::option::weighted(0.8, 0..100_u8)).prop_map(|(path, value)| match value {
            Some(value) => put(&path, &value.to_string()),
            None => RecordWrite::delete(path),
        });
    prop::collection::vec(write, 1..24)
}

/// The same change in one entry.
fn whole(fixture: &mut Fixture, sequence: u64, records: Vec<RecordWrite>) -> Outcome {
    fixture.write(Write { records, ..write(ONE, sequence) })
}

proptest! {
    #[test]
    fn wherever_the_log_is_cut_each_change_is_there_as_a_whole_or_not_at_all(
        changes in prop::collection::vec((change(), 1..6_usize, any::<bool>()), 1..8),
    ) {
        // What each prefix of whole changes gives, and the entries of all changes in chunks.
        let mut wanted = fixture();
        let mut states = vec![BTreeMap::new()];
        let mut log = Vec::new();
        for (sequence, (change, size, is_repeated)) in (0..).zip(&changes) {
            whole(&mut wanted, sequence, change.clone());
            states.push(records(&wanted.machine));
            let cut: Vec<_> = change.chunks(*size).map(<[_]>::to_vec).collect();
            let commands = entries(sequence, &cut, None);
            for (position, command) in commands.iter().enumerate() {
                let is_last = position + 1 == commands.len();
                log.push((command.clone(), is_last));
                if *is_repeated {
                    log.push((command.clone(), false));
                }
            }
        }
        for cut in 0..=log.len() {
            let mut replayed = fixture();
            for (command, _) in &log[..cut] {
                replayed.command(command.clone());
            }
            let complete = log[..cut].iter().filter(|(_, is_last)| *is_last).count();
            prop_assert_eq!(&records(&replayed.machine), &states[complete]);
            // The next incarnation finds the same, and none of the chunks.
            replayed.command(Command::OpenSession { session: SessionId(9), node: NodeId(1) });
            prop_assert_eq!(&records(&replayed.machine), &states[complete]);
            let staged = replayed.machine.sessions().map(|(_, session)| session.staged_bytes());
            prop_assert_eq!(staged.sum::<u64>(), 0);
        }
    }
}
