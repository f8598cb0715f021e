//! The cluster record: which formats of entries every member knows (design D14).
//!
//! A command of a newer format is proposed only when the record's level has reached that format, so a member
//! of an older program never meets what it cannot apply. With one voter the level is this program's own
//! from its first start on.

use model::RecordWrite;
use serde::{Deserialize, Serialize};
use zookeeper_core::{NEWEST_FORMAT, StateMachine};

/// Where the record stands in the `platform` namespace.
pub const CLUSTER_RECORD: &str = "/cluster/features";

/// The record as it is stored. New variants go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Stored {
    V1 { level: u16 },
}

/// The highest format that may be proposed in `state`, or the sentence with which the node stops.
///
/// A cluster without the record has only seen entries of format 1.
pub(crate) fn level(state: &StateMachine) -> Result<u16, String> {
    let Some(record) = state.platform().get(CLUSTER_RECORD) else { return Ok(1) };
    let Stored::V1 { level } = postcard::from_bytes(&record.value).map_err(|_| {
        format!("the cluster record `{CLUSTER_RECORD}` is of a newer program: start that program")
    })?;
    if level > NEWEST_FORMAT {
        return Err(format!(
            "the cluster is at feature level {level}, this program knows levels up to {NEWEST_FORMAT}: \
             start the newer program that raised it"
        ));
    }
    Ok(level)
}

/// The write that raises the level to this program's, when it is lower.
pub(crate) fn raise(state: &StateMachine) -> Result<Option<RecordWrite>, String> {
    if level(state)? >= NEWEST_FORMAT {
        return Ok(None);
    }
    Ok(Some(record(NEWEST_FORMAT)))
}

pub(crate) fn record(level: u16) -> RecordWrite {
    // One small number: writing it cannot fail.
    RecordWrite::put(CLUSTER_RECORD, postcard::to_stdvec(&Stored::V1 { level }).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use zookeeper_core::{Command, Entry, NodeId, SessionId, Write};

    use super::*;

    fn machine(records: Vec<RecordWrite>) -> StateMachine {
        let mut machine = StateMachine::default();
        let (session, time) = (SessionId(1), Timestamp::from_millis(0));
        let write = Write {
            session,
            sequence: 0,
            answered: 0,
            fence: None,
            operations: Vec::new(),
            records,
        };
        for command in [Command::OpenSession { session, node: NodeId(1) }, Command::Write(write)] {
            machine.apply(1, &Entry { time, command });
        }
        machine
    }

    #[test]
    fn a_cluster_without_a_record_is_raised_to_what_this_program_knows() {
        let before = machine(Vec::new());
        assert_eq!(level(&before), Ok(1));
        let after = machine(raise(&before).unwrap().into_iter().collect());
        assert_eq!(level(&after), Ok(NEWEST_FORMAT));
        assert_eq!(raise(&after), Ok(None));
    }

    #[test]
    fn a_higher_level_and_a_newer_record_are_refused_in_one_sentence() {
        let higher = level(&machine(vec![record(NEWEST_FORMAT + 1)])).unwrap_err();
        assert!(higher.contains(&format!("feature level {}", NEWEST_FORMAT + 1)), "{higher}");
        let newer = RecordWrite::put(CLUSTER_RECORD, vec![9]);
        let newer = level(&machine(vec![newer])).unwrap_err();
        assert!(newer.contains("newer program"), "{newer}");
    }
}
