//! The one task that proposes this process's writes, in the order in which they were asked for.
//!
//! It numbers the writes of the node session, so that the state machine can tell a repeat from a new write,
//! and keeps many in flight. A full queue makes callers wait.
//!
//! Invariant: the writes of a leadership that commit are a beginning of those that were asked for. What can
//! be refused is refused here, before it has a place in the log, and then everything after it is refused
//! too; so it is after a write that raft has lost. The state machine refuses fenced writes only for good.
//!
//! A change is begun when there is room for all of it.

mod consensus;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use model::{RecordWrite, Timestamp};
use tokio::sync::{mpsc, oneshot};
use zookeeper_core::{
    Chunk, Command, Entry, Fence, Operation, OperationResult, Outcome, Records, Refusal, SessionId,
    Write, Zxid,
};

use crate::features;
use crate::log::{LogStore, Purpose};
use crate::raft::{Proposal, Published};
use crate::standing::Standing;
use crate::storage::{NoRoom, Promise, Room};

use consensus::Consensus;

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
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
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

impl Changes {
    /// About as many bytes as they take in the log.
    fn bytes(&self) -> u64 {
        /// What goes around a record, an operation, and all of it.
        const FRAME: usize = 64;
        let records = self.records.iter().map(|record| size(record) + FRAME);
        let operations = self.operations.iter().map(|operation| {
            FRAME
                + match operation {
                    Operation::Create { path, data, .. }
                    | Operation::SetData { path, data, .. } => path.len() + data.len(),
                    Operation::Delete { path, .. } | Operation::Check { path, .. } => path.len(),
                }
        });
        let bytes = records.chain(operations).sum::<usize>() + 4 * FRAME;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

#[derive(Debug)]
struct Ask {
    changes: Changes,
    /// Its bytes count until its outcome is known.
    promise: Promise,
    answer: oneshot::Sender<Result<Done, WriteError>>,
}

/// Hands writes to the proposing task.
#[derive(Debug, Clone)]
pub(crate) struct Proposer {
    queue: mpsc::Sender<Ask>,
    room: Room,
}

impl Proposer {
    /// The handle, and the task's end of the queue.
    pub(crate) fn channel(room: Room) -> (Self, Inbox) {
        let (queue, asks) = mpsc::channel(QUEUE);
        (Self { queue, room }, Inbox(asks))
    }

    /// Proposes changes; their place in the order is taken when this returns.
    pub(crate) async fn propose(&self, changes: Changes) -> PendingWrite {
        let (answer, pending) = oneshot::channel();
        let promise = self.room.promise(changes.bytes());
        // When the task is gone the answer is dropped with the ask, which reads as `Stopped`.
        let _ = self.queue.send(Ask { changes, promise, answer }).await;
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
pub(crate) struct Proposals<C> {
    pub(crate) raft: C,
    pub(crate) log: LogStore,
    pub(crate) standing: Arc<Standing>,
    pub(crate) published: Arc<Published>,
    pub(crate) wall_clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// What has been proposed and is not decided yet.
#[derive(Default)]
struct InFlight {
    writes: FuturesUnordered<BoxFuture<'static, Decided>>,
    unanswered: BTreeSet<u64>,
    bytes: u64,
    /// Leaderships of which a write failed. Later ones may be waiting already and stand on it.
    broken: BTreeSet<Arc<str>>,
}

/// The end of a write.
struct Decided {
    sequence: u64,
    bytes: u64,
    /// The leadership that must write nothing more.
    broken: Option<Arc<str>>,
}

impl InFlight {
    fn push(
        &mut self,
        sequence: u64,
        leadership: Option<Arc<str>>,
        promise: Promise,
        answer: oneshot::Sender<Result<Done, WriteError>>,
        applied: impl Future<Output = Result<Done, WriteError>> + Send + 'static,
    ) {
        let bytes = promise.bytes();
        self.unanswered.insert(sequence);
        self.bytes += bytes;
        self.writes.push(Box::pin(async move {
            let result = applied.await;
            let broken = leadership.filter(|_| result.as_ref().is_err_and(is_lasting));
            drop(promise);
            let _ = answer.send(result);
            Decided { sequence, bytes, broken }
        }));
    }

    /// Waits for a write to end; `None` when there is none.
    async fn next(&mut self) -> Option<()> {
        let Decided { sequence, bytes, broken } = self.writes.next().await?;
        self.unanswered.remove(&sequence);
        self.bytes -= bytes;
        self.broken.extend(broken);
        Some(())
    }

    /// Waits until every write has ended.
    async fn settle(&mut self) {
        while self.next().await.is_some() {}
    }
}

/// Whether what comes after a write that failed so would stand on nothing. That an operation was refused is
/// an answer like others.
fn is_lasting(error: &WriteError) -> bool {
    !matches!(error, WriteError::Refused(Refusal::Failed { .. }))
}

impl<C: Consensus> Proposals<C> {
    /// Proposes until every [`Proposer`] is gone.
    pub(crate) async fn run(self, mut inbox: Inbox) {
        let mut next_sequence = 0;
        let mut in_flight = InFlight::default();
        // The time of raft's leadership in which all that is in flight was proposed.
        let mut leader = self.raft.leader();
        loop {
            tokio::select! {
                biased;
                Some(()) = in_flight.next() => {}
                ask = inbox.0.recv(), if in_flight.writes.len() < IN_FLIGHT => {
                    let Some(Ask { changes, promise, answer }) = ask else { break };
                    let leadership = changes.fence.as_ref().map(|fence| Arc::clone(&fence.node));
                    if self.raft.leader() != leader {
                        // What was proposed before may be lost; whoever stands on it must not go on.
                        in_flight.settle().await;
                        leader = self.raft.leader();
                    }
                    if !self.log.room().has_room(in_flight.bytes + promise.bytes()) {
                        // Then what is left is known exactly.
                        in_flight.settle().await;
                    }
                    if leadership.as_ref().is_some_and(|node| in_flight.broken.contains(node)) {
                        let _ = answer.send(Err(WriteError::AfterFailure));
                        continue;
                    }
                    // The number of a failed proposal is not used again: chunks of it may be staged.
                    let sequence = next_sequence;
                    next_sequence += 1;
                    let number = Number {
                        sequence,
                        answered: in_flight.unanswered.first().copied().unwrap_or(sequence),
                    };
                    let proposed = match self.admit(&changes, promise.bytes()).await {
                        Ok(()) => self.propose(number, changes, leader.as_ref()).await,
                        Err(refused) => Err(refused),
                    };
                    match proposed {
                        Ok(applied) => in_flight.push(sequence, leadership, promise, answer, applied),
                        Err(error) => {
                            in_flight.broken.extend(leadership);
                            let _ = answer.send(Err(error));
                        }
                    }
                }
            }
        }
        in_flight.settle().await;
    }

    /// Refuses what cannot be written as a whole, and waits for the room where that is being made.
    async fn admit(&self, changes: &Changes, in_log: u64) -> Result<(), WriteError> {
        for record in &changes.records {
            Records::check(record).map_err(|error| WriteError::Refused(Refusal::Record(error)))?;
        }
        let bytes = changes.records.iter().map(size).sum();
        if bytes > MAX_CHANGE_BYTES {
            return Err(WriteError::TooLarge { bytes });
        }
        Ok(self.log.room_for(in_log, changes.purpose).await?)
    }

    /// Proposes one change, in several entries when it is large.
    async fn propose(
        &self,
        number: Number,
        changes: Changes,
        leader: Option<&C::Leader>,
    ) -> Result<impl Future<Output = Result<Done, WriteError>> + use<C>, WriteError> {
        let leader = leader.ok_or(WriteError::NotLeading)?;
        let Changes { fence, operations, records, .. } = changes;
        let level = features::level(&self.published.state()).unwrap_or(1);
        let limit = if level >= CHUNKS_SINCE { CHUNK_BYTES } else { MAX_CHANGE_BYTES };
        let mut parts = cut(records, limit);
        let records = parts.pop().unwrap_or_default();
        let session = self.standing.session();
        let Number { sequence, answered } = number;
        let chunks = self.stage(session, sequence, parts, leader).await?;
        let write = Write { session, sequence, answered, fence, operations, records };
        let command = match chunks {
            0 => Command::Write(write),
            chunks => Command::WriteStaged { write, chunks },
        };
        let applied = self.send(command, leader).await?;
        Ok(async move { done(applied.await?) })
    }

    /// Proposes chunks that the completing write will apply; how many.
    async fn stage(
        &self,
        session: SessionId,
        sequence: u64,
        parts: Vec<Vec<RecordWrite>>,
        leader: &C::Leader,
    ) -> Result<u32, WriteError> {
        let mut in_flight = FuturesUnordered::new();
        let mut count = 0;
        for (index, records) in (0..).zip(parts) {
            // What became of a chunk does not matter: without it the completing write is refused.
            if in_flight.len() >= CHUNKS_IN_FLIGHT {
                in_flight.next().await;
            }
            let chunk = Chunk { session, sequence, index, records };
            let sent = self.send(Command::Stage(chunk), leader).await?;
            in_flight.push(sent);
            count = index + 1;
        }
        Ok(count)
    }

    /// Proposes one entry; its place in the log is taken when this returns.
    async fn send(&self, command: Command, leader: &C::Leader) -> Result<C::Applied, WriteError> {
        let entry = Entry { time: (self.wall_clock)(), command };
        let proposal = Proposal::new(&entry).map_err(|_| WriteError::Stopped)?;
        let bytes = proposal.body.len();
        if bytes > MAX_ENTRY_BYTES {
            return Err(WriteError::TooLarge { bytes });
        }
        self.raft.propose(proposal, leader).await
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
