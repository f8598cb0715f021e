//! The cluster record: which formats of entries every member knows (design D14).
//!
//! A command of a newer format is proposed only when the record's level has reached that format, so a member
//! of an older program never meets what it cannot apply. With one voter the level is this program's own
//! from its first start on.

use model::RecordWrite;
use serde::{Deserialize, Serialize};
use tracing::{error, info, warn};
use zookeeper_core::{NEWEST_FORMAT, Refusal, StateMachine};

use crate::proposer::{Changes, WriteError};
use crate::session::Session;

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

/// Writes `record`, which raises the level. A full disk does not keep the node from starting: it works at the
/// level that it finds, and raises it once there is room.
pub(crate) async fn write(session: &Session, record: RecordWrite) -> Result<(), WriteError> {
    match write_once(session, &record).await {
        Err(WriteError::NoRoom(why)) => {
            warn!("{why}; the cluster's feature level is raised once that has changed");
            session.runtime.spawn(write_at_last(session.clone(), record));
            Ok(())
        }
        written => written,
    }
}

async fn write_once(session: &Session, record: &RecordWrite) -> Result<(), WriteError> {
    let raise = Changes { records: vec![record.clone()], ..Changes::default() };
    session.proposer.write(raise).await.map(|_| ())
}

/// Writes the record as soon as that can be done, unless the node stops before.
async fn write_at_last(session: Session, record: RecordWrite) {
    loop {
        session.storage.room().await;
        if session.open_session().await.is_err() {
            return;
        }
        match write_once(&session, &record).await {
            // Full again, or the session was closed meanwhile and another takes its place.
            Err(WriteError::NoRoom(_) | WriteError::Refused(Refusal::SessionClosed { .. })) => {}
            Ok(()) => {
                info!("there is room: the cluster's feature level was raised to {NEWEST_FORMAT}");
                return;
            }
            Err(problem) => {
                error!(
                    "the cluster's feature level stays as it is until the next start: {problem}"
                );
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Instant, Timestamp};
    use tokio::runtime::Handle;
    use tokio::sync::watch;
    use zookeeper_core::{Command, Entry, NodeId, SessionId, Write, Zxid};

    use super::*;
    use crate::proposer::{Done, Proposer};
    use crate::raft::{Image, Published, StateStore};
    use crate::standing::Standing;
    use crate::storage::{NoRoom, Room, Storage};

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

    /// A session that is open, whose writes a test answers.
    fn open_session(storage: Storage) -> (Session, crate::proposer::Inbox) {
        let (published, id) = (Published::new(), SessionId(1));
        let mut image = Image::default();
        let command = Command::OpenSession { session: id, node: NodeId(1) };
        image.state.apply(1, &Entry { time: Timestamp::from_millis(0), command });
        let _ = StateStore::restored(Arc::clone(&published), image);
        let clock = Arc::new(|| Instant::ZERO);
        let standing = Arc::new(Standing::new(id, clock, Arc::clone(&published)));
        let (proposer, asks) = Proposer::channel(Room::new(1 << 20, 1 << 20, 0));
        (Session { standing, proposer, published, storage, runtime: Handle::current() }, asks)
    }

    #[tokio::test]
    async fn on_a_full_disk_a_node_starts_and_raises_the_level_once_there_is_room() {
        let (full, is_full) = watch::channel(Some(NoRoom::DiskFull));
        let (session, mut asks) = open_session(Storage::new(is_full));
        let raise = record(NEWEST_FORMAT);
        let starting = async { write(&session, raise.clone()).await };
        let refusing = asks.answer(Err(NoRoom::DiskFull.into()));
        let (started, refused) = tokio::join!(starting, refusing);
        assert_eq!(started, Ok(()));
        assert_eq!(refused.unwrap().records, std::slice::from_ref(&raise));
        full.send_replace(None);
        // The session may be closed while it waits; then its successor does it.
        let closed = Refusal::SessionClosed { session: SessionId(1) };
        assert!(asks.answer(Err(WriteError::Refused(closed))).await.is_some());
        let done = Done { zxid: Zxid::default(), results: Vec::new() };
        assert_eq!(asks.answer(Ok(done)).await.unwrap().records, [raise]);
        drop(session);
        let done = Done { zxid: Zxid::default(), results: Vec::new() };
        assert!(asks.answer(Ok(done)).await.is_none(), "it was raised twice");
    }
}
