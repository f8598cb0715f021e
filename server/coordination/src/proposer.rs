//! The one task that proposes this process's writes, in the order in which they were asked for.
//!
//! It numbers the writes of the node session, so that the state machine can tell a repeat from a new write,
//! and keeps many in flight. A full queue makes callers wait.
//!
//! Invariant: the writes of a leadership that commit are a beginning of those that were asked for. What can
//! be refused is refused here, before it has a place in the log, and then everything after it is refused
//! too; the state machine refuses fenced writes only for good.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use model::{RecordWrite, Timestamp};
use openraft::errors::ClientWriteError;
use openraft::impls::ProgressResponder;
use tokio::sync::{mpsc, oneshot};
use zookeeper_core::{
    Chunk, Command, Entry, Fence, Operation, OperationResult, Outcome, Records, Refusal, SessionId,
    Write, Zxid,
};

use crate::features;
use crate::log::{LogStore, Purpose};
use crate::raft::{Proposal, Published, Raft};
use crate::standing::Standing;

/// Bytes that one entry of the log may have.
pub const MAX_ENTRY_BYTES: usize = 4 << 20;
/// Bytes of paths and values that one atomic change of records may have.
pub const MAX_CHANGE_BYTES: usize = 64 << 20;
/// Bytes of records in one entry of a change that needs several; a single record may exceed it.
const CHUNK_BYTES: usize = 1 << 20;
/// The format of entries that has chunks.
const CHUNKS_SINCE: u16 = 2;
/// Chunks that are proposed and not applied yet.
const CHUNKS_IN_FLIGHT: usize = 4;
/// Writes that wait to be proposed before callers wait.
const QUEUE: usize = 1_024;
/// Writes that are proposed and not applied yet.
const IN_FLIGHT: usize = 256;

/// Why a write changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The state machine refused it: the leadership is over, or a record is malformed.
    #[error("the write was refused")]
    Refused(#[source] Refusal),
    /// It is larger than a change may be, or has a part larger than an entry may be.
    #[error(
        "the write has {bytes} bytes, at most {MAX_CHANGE_BYTES} are allowed in one change and {MAX_ENTRY_BYTES} in one part of it"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// An earlier write of the same leadership failed; what comes after it may stand on it.
    #[error("an earlier write of this leadership failed")]
    AfterFailure,
    /// There is no room for another log segment.
    #[error("the disk is full: the log cannot grow")]
    DiskFull,
    /// This node does not lead raft any more.
    #[error("this node does not lead the cluster any more")]
    NotLeading,
    /// The node was shut down, or raft stopped.
    #[error("the coordination node has stopped")]
    Stopped,
}

/// A write that was proposed; the future gives its outcome.
///
/// The order of proposals is fixed when this value is returned; dropping it does not take the write back.
#[derive(Debug)]
pub struct PendingWrite {
    answer: oneshot::Receiver<Result<Done, WriteError>>,
}

impl Future for PendingWrite {
    type Output = Result<Zxid, WriteError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(context).map(|answer| match answer {
            Ok(result) => result.map(|done| done.zxid),
            Err(_) => Err(WriteError::Stopped),
        })
    }
}

/// What an applied write gave.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) zxid: Zxid,
    pub(crate) results: Vec<OperationResult>,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) fence: Option<Fence>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) records: Vec<RecordWrite>,
    /// What it is for, as far as the log's last room is concerned.
    pub(crate) purpose: Purpose,
}

#[derive(Debug)]
struct Ask {
    changes: Changes,
    answer: oneshot::Sender<Result<Done, WriteError>>,
}

/// Hands writes to the proposing task.
#[derive(Debug, Clone)]
pub(crate) struct Proposer {
    queue: mpsc::Sender<Ask>,
}

impl Proposer {
    /// The handle, and the task's end of the queue.
    pub(crate) fn channel() -> (Self, Inbox) {
        let (queue, asks) = mpsc::channel(QUEUE);
        (Self { queue }, Inbox(asks))
    }

    /// Proposes changes; their place in the order is taken when this returns.
    pub(crate) async fn propose(&self, changes: Changes) -> PendingWrite {
        let (answer, pending) = oneshot::channel();
        // When the task is gone the answer is dropped with the ask, which reads as `Stopped`.
        let _ = self.queue.send(Ask { changes, answer }).await;
        PendingWrite { answer: pending }
    }

    /// Proposes changes and waits for what they gave.
    pub(crate) async fn write(&self, changes: Changes) -> Result<Done, WriteError> {
        self.propose(changes).await.answer.await.unwrap_or(Err(WriteError::Stopped))
    }
}

/// The task's end of the queue.
#[derive(Debug)]
pub(crate) struct Inbox(mpsc::Receiver<Ask>);

#[cfg(test)]
impl Inbox {
    /// Plays the proposing task for one change, which it returns; `None` when nobody can ask any more.
    pub(crate) async fn answer(&mut self, answer: Result<Done, WriteError>) -> Option<Changes> {
        let ask = self.0.recv().await?;
        let _ = ask.answer.send(answer);
        Some(ask.changes)
    }
}

/// The proposing task's state.
pub(crate) struct Proposals {
    pub(crate) raft: Raft,
    pub(crate) log: LogStore,
    pub(crate) standing: Arc<Standing>,
    pub(crate) published: Arc<Published>,
    pub(crate) wall_clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Proposals {
    /// Proposes until every [`Proposer`] is gone.
    pub(crate) async fn run(self, mut inbox: Inbox) {
        let mut next_sequence = 0;
        let mut unanswered = BTreeSet::new();
        let mut in_flight = FuturesUnordered::new();
        // Leaderships of which a write was not proposed. Later ones may be waiting already and stand on it.
        let mut broken: BTreeSet<Arc<str>> = BTreeSet::new();
        loop {
            tokio::select! {
                biased;
                Some(sequence) = in_flight.next() => {
                    unanswered.remove(&sequence);
                }
                ask = inbox.0.recv(), if in_flight.len() < IN_FLIGHT => {
                    let Some(Ask { changes, answer }) = ask else { break };
                    let leadership = changes.fence.as_ref().map(|fence| Arc::clone(&fence.node));
                    if leadership.as_ref().is_some_and(|node| broken.contains(node)) {
                        let _ = answer.send(Err(WriteError::AfterFailure));
                        continue;
                    }
                    // The number of a failed proposal is not used again: chunks of it may be staged.
                    let sequence = next_sequence;
                    next_sequence += 1;
                    let number = Number {
                        sequence,
                        answered: unanswered.first().copied().unwrap_or(sequence),
                    };
                    match self.propose(number, changes).await {
                        Ok(applied) => {
                            unanswered.insert(sequence);
                            in_flight.push(async move {
                                let _ = answer.send(applied.await);
                                sequence
                            });
                        }
                        Err(error) => {
                            broken.extend(leadership);
                            let _ = answer.send(Err(error));
                        }
                    }
                }
            }
        }
        while in_flight.next().await.is_some() {}
    }

    /// Proposes one change, in several entries when it is large.
    async fn propose(
        &self,
        number: Number,
        changes: Changes,
    ) -> Result<impl Future<Output = Result<Done, WriteError>> + use<>, WriteError> {
        let Changes { fence, operations, records, purpose } = changes;
        for record in &records {
            Records::check(record).map_err(|error| WriteError::Refused(Refusal::Record(error)))?;
        }
        let bytes = records.iter().map(size).sum();
        if bytes > MAX_CHANGE_BYTES {
            return Err(WriteError::TooLarge { bytes });
        }
        let level = features::level(&self.published.state()).unwrap_or(1);
        let limit = if level >= CHUNKS_SINCE { CHUNK_BYTES } else { MAX_CHANGE_BYTES };
        let mut parts = cut(records, limit);
        let records = parts.pop().unwrap_or_default();
        let session = self.standing.session();
        let Number { sequence, answered } = number;
        let chunks = self.stage(session, sequence, parts, purpose).await?;
        let write = Write { session, sequence, answered, fence, operations, records };
        let command = match chunks {
            0 => Command::Write(write),
            chunks => Command::WriteStaged { write, chunks },
        };
        self.send(command, purpose).await
    }

    /// Proposes chunks that the completing write will apply; how many.
    async fn stage(
        &self,
        session: SessionId,
        sequence: u64,
        parts: Vec<Vec<RecordWrite>>,
        purpose: Purpose,
    ) -> Result<u32, WriteError> {
        let mut in_flight = FuturesUnordered::new();
        let mut count = 0;
        for (index, records) in (0..).zip(parts) {
            // What became of a chunk does not matter: without it the completing write is refused.
            if in_flight.len() >= CHUNKS_IN_FLIGHT {
                in_flight.next().await;
            }
            let chunk = Chunk { session, sequence, index, records };
            in_flight.push(self.send(Command::Stage(chunk), purpose).await?);
            count = index + 1;
        }
        Ok(count)
    }

    /// Proposes one entry; its place in the log is taken when this returns.
    async fn send(
        &self,
        command: Command,
        purpose: Purpose,
    ) -> Result<impl Future<Output = Result<Done, WriteError>> + use<>, WriteError> {
        if self.log.is_disk_full(purpose) {
            return Err(WriteError::DiskFull);
        }
        let entry = Entry { time: (self.wall_clock)(), command };
        let proposal = Proposal::new(&entry).map_err(|_| WriteError::Stopped)?;
        let bytes = proposal.body.len();
        if bytes > MAX_ENTRY_BYTES {
            return Err(WriteError::TooLarge { bytes });
        }
        let (responder, applied) = ProgressResponder::complete_only();
        let sent = self.raft.client_write_ff(proposal, Some(responder)).await;
        sent.map_err(|_| WriteError::Stopped)?;
        Ok(async move {
            match applied.await {
                Ok(Ok(response)) => done(response.data.0),
                Ok(Err(
                    ClientWriteError::ForwardToLeader(_) | ClientWriteError::LogEntryDiscarded(_),
                )) => Err(WriteError::NotLeading),
                Ok(Err(_)) | Err(_) => Err(WriteError::Stopped),
            }
        })
    }
}

/// The numbers of a write within the session.
#[derive(Debug, Clone, Copy)]
struct Number {
    sequence: u64,
    answered: u64,
}

fn size(record: &RecordWrite) -> usize {
    record.path.len() + record.value.as_ref().map_or(0, bytes::Bytes::len)
}

/// Cuts records into parts of at most `limit` bytes each, or of one record; mostly there is one, or none.
fn cut(records: Vec<RecordWrite>, limit: usize) -> Vec<Vec<RecordWrite>> {
    let mut parts: Vec<Vec<RecordWrite>> = Vec::new();
    let mut room = 0;
    for record in records {
        let bytes = size(&record);
        match parts.last_mut() {
            Some(part) if bytes <= room => {
                part.push(record);
                room -= bytes;
            }
            Some(_) | None => {
                parts.push(vec![record]);
                room = limit.saturating_sub(bytes);
            }
        }
    }
    parts
}

fn done(outcome: Option<Outcome>) -> Result<Done, WriteError> {
    match outcome {
        Some(Outcome::Applied { zxid, results }) => Ok(Done { zxid, results }),
        Some(Outcome::Refused(refusal)) => Err(WriteError::Refused(refusal)),
        None => Err(WriteError::Stopped),
    }
}

#[cfg(test)]
mod tests {
    use zookeeper_core::{MAX_RECORD_BYTES, MAX_STAGED_BYTES};

    use super::*;

    #[test]
    fn a_large_change_is_cut_into_parts_in_order() {
        let record = |index: usize| RecordWrite::put(format!("/{index}"), vec![0; 300 << 10]);
        let parts = cut((0..7).map(record).collect(), CHUNK_BYTES);
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
        let paths: Vec<_> = parts.iter().flatten().map(|record| record.path.as_str()).collect();
        assert_eq!(paths, ["/0", "/1", "/2", "/3", "/4", "/5", "/6"]);
        assert!(cut(Vec::new(), CHUNK_BYTES).is_empty());
    }

    #[test]
    fn the_bytes_of_entries_stay_what_they_were() {
        let records = || vec![RecordWrite::put("/b", "y")];
        let create = Operation::Create {
            path: "/a".into(),
            data: bytes::Bytes::from_static(b"x"),
            mode: zookeeper_core::CreateMode::EphemeralSequential,
        };
        let write = Write {
            session: SessionId(7),
            sequence: 3,
            answered: 2,
            fence: None,
            operations: vec![create],
            records: records(),
        };
        let chunk = Chunk { session: SessionId(7), sequence: 3, index: 1, records: records() };
        let written = b"\x07\x03\x02\x00\x01\x00\x02/a\x01x\x03\x01\x02/b\x01\x01y";
        let cases = [
            (1, Command::Write(write.clone()), [b"\x02\x02", &written[..]].concat()),
            (2, Command::Stage(chunk), b"\x02\x04\x07\x03\x01\x01\x02/b\x01\x01y".to_vec()),
            (
                2,
                Command::WriteStaged { write, chunks: 9 },
                [b"\x02\x05", &written[..], b"\x09"].concat(),
            ),
        ];
        for (format, command, bytes) in cases {
            let entry = Entry { time: Timestamp::from_millis(1), command };
            let proposal = Proposal::new(&entry).unwrap();
            assert_eq!((proposal.format, &*proposal.body), (format, &*bytes), "{entry:?}");
            assert_eq!(proposal.entry(), Ok(entry));
        }
    }

    #[test]
    fn a_chunk_with_the_largest_record_fits_into_an_entry_and_a_change_into_what_may_be_staged() {
        const { assert!(CHUNK_BYTES + MAX_RECORD_BYTES < MAX_ENTRY_BYTES) };
        assert_eq!(u64::try_from(MAX_CHANGE_BYTES), Ok(MAX_STAGED_BYTES));
    }
}
