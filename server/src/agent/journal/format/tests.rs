//! A file cut or changed at every byte: it recovers or is refused, and never loses a record in silence.

use agent_core::Entry;
use proptest::prelude::*;

use super::*;

/// A journal as the first released form wrote it: an agent, a framework, a task that runs and one that was killed.
const FIRST_FORM: &[u8] = include_bytes!("first-form.journal");

fn acknowledged(task: &str, uuid: u8) -> Record {
    Record::V1(Entry::Acknowledged {
        framework: "F".into(),
        task: task.into(),
        uuid: vec![uuid; 16],
    })
}

fn some_records() -> Vec<Record> {
    vec![
        Record::V1(Entry::Admitted { agent: "S0".into() }),
        acknowledged("a", 1),
        acknowledged("b", 0),
        Record::V1(Entry::Left),
        acknowledged("c", 255),
    ]
}

/// A file whose first `at_once` records were written with it, and the others added.
fn file(records: &[Record], at_once: usize) -> Vec<u8> {
    let mut bytes = encode_file(&records[..at_once]);
    bytes.extend_from_slice(&encode(&records[at_once..]));
    bytes
}

fn encode_first_form(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        let body = record.to_bytes();
        bytes.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
    }
    bytes
}

#[test]
fn a_file_cut_anywhere_behind_its_first_part_gives_a_prefix_of_its_records() {
    let records = some_records();
    for at_once in 0..=records.len() {
        let bytes = file(&records, at_once);
        let synced = file(&records[..at_once], at_once).len();
        for cut in 1..=bytes.len() {
            let read = decode(&bytes[..cut]);
            if cut < synced {
                assert!(matches!(read, Err(Refusal::Damaged { .. })), "cut at {cut}: {read:?}");
                continue;
            }
            let Content { records: read, whole } = read.unwrap();
            assert_eq!(read, records[..read.len()], "cut at {cut}");
            assert_eq!(whole, file(&read, at_once).len(), "cut at {cut}");
            let next = records.get(..=read.len()).map(|more| file(more, at_once).len());
            assert!(next.is_none_or(|next| next > cut), "a whole record was cut at {cut}");
        }
    }
}

#[test]
fn a_byte_changed_anywhere_is_refused_at_the_record_it_belongs_to() {
    let records = some_records();
    let bytes = file(&records, 2);
    let starts: Vec<usize> =
        (0..=records.len()).map(|n| file(&records[..n], n.min(2)).len()).collect();
    for at in 0..bytes.len() {
        for change in [1, 0x10, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= change;
            let offset = match decode(&damaged) {
                Err(Refusal::Damaged { offset }) => offset,
                other => panic!("byte {at} changed by {change}: {other:?}"),
            };
            let owner = starts.iter().rev().find(|start| **start <= at).copied();
            // What does not even look like the head of a file is taken for one of the first form, which begins with a record.
            assert_eq!(offset, owner.unwrap_or(0), "byte {at} changed by {change}");
        }
    }
}

#[test]
fn a_tail_that_a_loss_of_power_left_unwritten_is_cut() {
    let mut records = some_records();
    let whole = file(&records, 2).len();
    records.push(acknowledged(&"long".repeat(600), 7));
    let mut bytes = file(&records, 2);
    for from in [whole, whole.next_multiple_of(SECTOR), whole.next_multiple_of(SECTOR) + SECTOR] {
        bytes[from..].fill(0);
        assert_eq!(decode(&bytes).unwrap().whole, whole, "zeros from {from}");
        bytes = file(&records, 2);
    }
    // Zeros in the middle are damage.
    bytes[whole + 100..whole + 300].fill(0);
    assert_eq!(decode(&bytes), Err(Refusal::Damaged { offset: whole }));
}

#[test]
fn a_record_of_a_later_version_is_refused_and_not_cut() {
    let mut bytes = file(&some_records(), 1);
    let offset = bytes.len();
    let body = [77, 1, 2, 3];
    let start = bytes.len();
    bytes.extend_from_slice(&4_u32.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes[start..]).to_le_bytes());
    bytes.extend_from_slice(&body);
    assert!(matches!(decode(&bytes), Err(Refusal::Unknown { offset: at, .. }) if at == offset));
}

#[test]
fn the_first_form_is_read_when_cut_and_refused_when_damaged_before_its_end() {
    let records = some_records();
    let bytes = encode_first_form(&records);
    for cut in 0..=bytes.len() {
        let read = decode(&bytes[..cut]).unwrap().records;
        assert_eq!(read, records[..read.len()], "cut at {cut}");
    }
    let last = encode_first_form(&records[..records.len() - 1]).len();
    for at in 0..last {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        assert!(decode(&damaged).is_err(), "byte {at}: {:?}", decode(&damaged));
    }
}

#[test]
fn a_journal_of_the_first_form_is_understood() {
    let content = decode(FIRST_FORM).unwrap();
    assert_eq!(content.whole, FIRST_FORM.len());
    let kinds: Vec<_> = content.records.iter().map(|Record::V1(entry)| kind(entry)).collect();
    assert_eq!(
        kinds,
        [
            "admitted S5",
            "follows 7",
            "framework",
            "taken web.1",
            "updated web.1",
            "acknowledged web.1",
            "updated web.1",
            "taken job.1",
            "kill job.1 5000"
        ]
    );
    // What is written from it is read as the same.
    assert_eq!(decode(&encode_file(&content.records)).unwrap().records, content.records);
}

fn kind(entry: &Entry) -> String {
    match entry {
        Entry::Admitted { agent } => format!("admitted {agent}"),
        Entry::Follows { epoch } => format!("follows {}", epoch.0),
        Entry::Framework { .. } => "framework".to_owned(),
        Entry::Taken { launch_id, .. } => {
            format!("taken {}", launch_id.trim_start_matches("launch of "))
        }
        Entry::Updated { task, .. } => format!("updated {task}"),
        Entry::Acknowledged { task, .. } => format!("acknowledged {task}"),
        Entry::KillOrdered { task, grace_ms, .. } => format!("kill {task} {grace_ms}"),
        Entry::FrameworkEnded { framework } => format!("over {framework}"),
        Entry::Left => "left".to_owned(),
        Entry::Booted { boot } => format!("booted {boot}"),
        Entry::OutOfTime { task, .. } => format!("out of time {task}"),
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), head in any::<bool>()) {
        let mut file = if head { file(&some_records(), 1) } else { Vec::new() };
        file.extend_from_slice(&bytes);
        let read = decode(&file);
        prop_assert!(!head || read.is_err() || read.unwrap().records.len() >= some_records().len());
    }

    #[test]
    fn a_first_form_file_with_a_changed_length_is_not_taken_for_torn(record in 0..4_usize, byte in 0..4_usize, change in 1..=255_u8) {
        let records = some_records();
        let mut bytes = encode_first_form(&records);
        let start = encode_first_form(&records[..record]).len();
        bytes[start + byte] ^= change;
        prop_assert_eq!(decode(&bytes), Err(Refusal::Damaged { offset: start }));
    }
}
