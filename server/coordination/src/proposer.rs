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
    Command, Entry, Fence, Operation, OperationResult, Outcome, Records, Refusal, SessionId, Write,
    Zxid,
};

use crate::log::LogStore;
use crate::raft::{Proposal, Raft};

/// Bytes that one write may have in the log.
pub const MAX_ENTRY_BYTES: usize = 4 << 20;
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
    /// It is larger than an entry may be.
    #[error("the write has {bytes} bytes, at most {MAX_ENTRY_BYTES} are allowed in one entry")]
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
}

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

    /// Proposes changes if there is room, without waiting for anything.
    pub(crate) fn try_propose(&self, changes: Changes) {
        let (answer, _) = oneshot::channel();
        let _ = self.queue.try_send(Ask { changes, answer });
    }
}

/// The task's end of the queue.
#[derive(Debug)]
pub(crate) struct Inbox(mpsc::Receiver<Ask>);

/// The proposing task's state.
pub(crate) struct Proposals {
    pub(crate) raft: Raft,
    pub(crate) log: LogStore,
    pub(crate) session: SessionId,
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
                    let sequence = next_sequence;
                    let answered = unanswered.first().copied().unwrap_or(sequence);
                    let leadership = changes.fence.as_ref().map(|fence| Arc::clone(&fence.node));
                    if leadership.as_ref().is_some_and(|node| broken.contains(node)) {
                        let _ = answer.send(Err(WriteError::AfterFailure));
                        continue;
                    }
                    match self.propose(sequence, answered, changes).await {
                        Ok(applied) => {
                            next_sequence += 1;
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

    async fn propose(
        &self,
        sequence: u64,
        answered: u64,
        changes: Changes,
    ) -> Result<impl Future<Output = Result<Done, WriteError>> + use<>, WriteError> {
        if self.log.is_disk_full() {
            return Err(WriteError::DiskFull);
        }
        let Changes { fence, operations, records } = changes;
        for record in &records {
            Records::check(record).map_err(|error| WriteError::Refused(Refusal::Record(error)))?;
        }
        let session = self.session;
        let write = Write { session, sequence, answered, fence, operations, records };
        let entry = Entry { time: (self.wall_clock)(), command: Command::Write(write) };
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

fn done(outcome: Option<Outcome>) -> Result<Done, WriteError> {
    match outcome {
        Some(Outcome::Applied { zxid, results }) => Ok(Done { zxid, results }),
        Some(Outcome::Refused(refusal)) => Err(WriteError::Refused(refusal)),
        None => Err(WriteError::Stopped),
    }
}
