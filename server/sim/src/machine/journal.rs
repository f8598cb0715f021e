//! The agent's journal on a disk that forgets what was not synced.
//!
//! A process that dies may leave the beginning of its last write. A machine that dies keeps what was synced and
//! any beginning of what followed; a rename that no sync followed may be undone.

use agent_core::Record;

use crate::random::Random;

/// The file.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    bytes: Vec<u8>,
    synced: usize,
    /// The file that the last rewrite replaced, until a sync has made the replacement sure.
    replaced: Option<Vec<u8>>,
}

impl Journal {
    /// The whole records; an incomplete one at the end is cut off.
    pub(crate) fn open(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        let mut at = 0;
        while let Some((record, end)) = self.record_at(at) {
            records.push(record);
            at = end;
        }
        self.bytes.truncate(at);
        self.synced = self.synced.min(at);
        records
    }

    fn record_at(&self, at: usize) -> Option<(Record, usize)> {
        let head: [u8; 4] = self.bytes.get(at..at + 4)?.try_into().ok()?;
        let end = at + 4 + usize::try_from(u32::from_le_bytes(head)).ok()?;
        let record = Record::from_bytes(self.bytes.get(at + 4..end)?).ok()?;
        Some((record, end))
    }

    /// Adds records; they outlive the process, and the machine if one of them asks for that.
    pub(crate) fn append(&mut self, records: &[Record]) {
        self.bytes.extend_from_slice(&encode(records));
        if records.iter().any(Record::is_synced) {
            self.synced = self.bytes.len();
            self.replaced = None;
        }
    }

    /// What a process leaves that dies while it writes: some beginning.
    pub(crate) fn append_torn(&mut self, records: &[Record], random: &mut Random) {
        let bytes = encode(records);
        self.bytes.extend_from_slice(&bytes[..random.index(bytes.len() + 1)]);
    }

    /// Replaces the file in one step.
    pub(crate) fn rewrite(&mut self, records: &[Record]) {
        let old = std::mem::replace(&mut self.bytes, encode(records));
        self.synced = self.bytes.len();
        self.replaced = Some(old);
    }

    /// The machine dies.
    pub(crate) fn lose_unsynced(&mut self, random: &mut Random) {
        if let Some(old) = self.replaced.take().filter(|_| random.percent(50)) {
            self.bytes = old;
            self.synced = self.bytes.len();
            return;
        }
        let unsynced = self.bytes.len() - self.synced;
        self.bytes.truncate(self.synced + random.index(unsynced + 1));
        self.synced = self.bytes.len();
    }
}

fn encode(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        let body = record.to_bytes();
        bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&body);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use agent_core::Entry;

    use super::*;

    fn acknowledged(number: u8) -> Record {
        let (framework, task) = ("F".into(), "t".into());
        Record::V1(Entry::Acknowledged { framework, task, uuid: vec![number] })
    }

    #[test]
    fn synced_records_survive_the_machine_and_others_may_not() {
        let mut losses = 0;
        for seed in 0..50 {
            let mut random = Random::new(seed);
            let mut journal = Journal::default();
            journal.append(&[Record::V1(Entry::Admitted { agent: "S".into() })]);
            journal.append(&[acknowledged(1), acknowledged(2)]);
            journal.lose_unsynced(&mut random);
            let records = journal.open();
            assert!(matches!(records[0], Record::V1(Entry::Admitted { .. })));
            losses += usize::from(records.len() < 3);
        }
        assert!(losses > 10);
    }

    #[test]
    fn a_torn_write_is_cut_off() {
        let mut random = Random::new(3);
        let mut journal = Journal::default();
        journal.append(&[acknowledged(1)]);
        journal.append_torn(&[acknowledged(2), acknowledged(3)], &mut random);
        let records = journal.open();
        assert_eq!(records[0], acknowledged(1));
        journal.append(&[acknowledged(4)]);
        assert_eq!(journal.open().last(), Some(&acknowledged(4)));
    }
}
