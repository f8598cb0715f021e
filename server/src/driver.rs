//! Runs a pure core: commands in, durable writes first, then everything else, in order.
//!
//! The driver takes what waits in its inbox, applies it, and makes one proposal of all durable writes of the
//! batch. The other effects and the batch's snapshot wait behind that proposal, while the next batches are
//! applied and proposed already. Released is in order: first the snapshot, so that a client reads its own
//! writes, then the effects.
//!
//! Invariant: nothing that depends on a write leaves this task before the write has committed. When a write
//! fails the driver ends and the core is dropped with all that was speculative in it.
//!
//! The driver knows no domain, no HTTP and no raft: [`Core`], [`Ports`] and [`Journal`] stand for them.

use std::future::Future;
use std::sync::Arc;

use coordination::{Fence, PendingWrite, Session, WriteError, Zxid};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use model::{Instant, RecordWrite};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

#[cfg(test)]
mod tests;

/// Commands that are applied as one batch at most.
const BATCH: usize = 1_024;
/// Batches whose writes have not committed yet.
const IN_FLIGHT: usize = 8;
/// Bytes of records in one proposal; a batch with more makes several.
const PROPOSAL_BYTES: usize = 1 << 20;

/// A state machine: decides, and leaves acting to the driver.
pub(crate) trait Core: Send + 'static {
    /// What it is told.
    type Command: Send + 'static;
    /// What must happen outside.
    type Effect: Send + 'static;
    /// What readers see.
    type Snapshot: Send + Sync + 'static;

    /// Applies one command at `now`; deterministic and without waiting.
    fn apply(&mut self, now: Instant, command: Self::Command) -> Vec<Self::Effect>;

    /// The state for readers; cheap, as its maps are shared.
    fn snapshot(&self) -> Self::Snapshot;
}

/// Splits the durable writes from the other effects.
pub(crate) trait Persisting: Sized {
    /// The write, when the effect is one; the effect itself otherwise.
    fn into_write(self) -> Result<RecordWrite, Self>;
}

/// Performs effects.
pub(crate) trait Ports: Send + 'static {
    /// What the core asks for.
    type Effect;

    /// Hands an effect on and returns at once; a full queue answers with a command, never by waiting.
    fn release(&mut self, effect: Self::Effect);
}

/// Where durable writes go.
pub(crate) trait Journal: Send + Sync + 'static {
    /// Gives the outcome of one proposal.
    type Pending: Future<Output = Result<Zxid, WriteError>> + Send + 'static;

    /// Proposes writes as one entry; when this returns its place in the order is taken.
    fn propose(&self, writes: Vec<RecordWrite>) -> impl Future<Output = Self::Pending> + Send;
}

/// The replicated state, written as the leader of an election.
#[derive(Debug, Clone)]
pub(crate) struct Fenced {
    /// This process's session.
    pub(crate) session: Session,
    /// The fence of its leadership.
    pub(crate) fence: Fence,
}

impl Journal for Fenced {
    type Pending = PendingWrite;

    async fn propose(&self, writes: Vec<RecordWrite>) -> PendingWrite {
        self.session.propose(&self.fence, writes).await
    }
}

/// Why a command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Busy {
    /// Too many commands wait.
    #[error("too many requests are waiting")]
    Full,
    /// The driver has ended: this process leads no more, or it stops.
    #[error("this process does not lead any more")]
    Stopped,
}

/// Sends commands to a driver and reads its published state. Clones share the driver.
pub(crate) struct Handle<C: Core> {
    commands: mpsc::Sender<C::Command>,
    published: watch::Receiver<Arc<C::Snapshot>>,
}

impl<C: Core> Clone for Handle<C> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone(), published: self.published.clone() }
    }
}

impl<C: Core> std::fmt::Debug for Handle<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle")
            .field("is_stopped", &self.commands.is_closed())
            .finish_non_exhaustive()
    }
}

impl<C: Core> Handle<C> {
    /// Sends a command if there is room for it.
    ///
    /// # Errors
    /// When the inbox is full or the driver has ended; the command is dropped.
    pub(crate) fn try_send(&self, command: C::Command) -> Result<(), Busy> {
        self.commands.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Busy::Full,
            mpsc::error::TrySendError::Closed(_) => Busy::Stopped,
        })
    }

    /// Sends a command, waiting while the inbox is full.
    ///
    /// # Errors
    /// When the driver has ended.
    pub(crate) async fn send(&self, command: C::Command) -> Result<(), Busy> {
        self.commands.send(command).await.map_err(|_| Busy::Stopped)
    }

    /// The newest state that has committed.
    pub(crate) fn snapshot(&self) -> Arc<C::Snapshot> {
        Arc::clone(&self.published.borrow())
    }

    /// Follows the committed states; intermediate ones may be skipped.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<C::Snapshot>> {
        self.published.clone()
    }
}

/// The driver's end of the handle.
pub(crate) struct Inbox<C: Core> {
    commands: mpsc::Receiver<C::Command>,
    published: watch::Sender<Arc<C::Snapshot>>,
}

/// Makes the handle and the inbox of `core`, whose state must have committed. `capacity` commands may wait.
pub(crate) fn channel<C: Core>(core: &C, capacity: usize) -> (Handle<C>, Inbox<C>) {
    let (sender, commands) = mpsc::channel(capacity);
    let (publish, published) = watch::channel(Arc::new(core.snapshot()));
    (Handle { commands: sender, published }, Inbox { commands, published: publish })
}

/// Why a driver ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was told to stop.
    Stopped,
    /// Every handle is gone.
    Unused,
    /// A write failed, so the core was dropped.
    WriteFailed(WriteError),
}

/// Runs `core` until it is stopped, nobody can send commands any more, or a write fails.
///
/// Dropping the future is the other way to end it, for instance once a leadership is lost; proposals in
/// flight may still commit then, as after a crash.
pub(crate) async fn run<C, P, J>(
    mut core: C,
    mut inbox: Inbox<C>,
    mut ports: P,
    journal: J,
    now: impl Fn() -> Instant + Send,
    stop: CancellationToken,
) -> Ended
where
    C: Core,
    C::Effect: Persisting,
    P: Ports<Effect = C::Effect>,
    J: Journal,
{
    let mut in_flight = FuturesOrdered::new();
    let mut commands = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ended::Stopped,
            Some(batch) = in_flight.next() => {
                let (effects, snapshot) = match batch {
                    Ok(batch) => batch,
                    Err(error) => return Ended::WriteFailed(error),
                };
                inbox.published.send_replace(Arc::new(snapshot));
                for effect in effects {
                    ports.release(effect);
                }
            }
            taken = inbox.commands.recv_many(&mut commands, BATCH), if in_flight.len() < IN_FLIGHT => {
                if taken == 0 {
                    return Ended::Unused;
                }
                let effects = commands.drain(..).flat_map(|command| core.apply(now(), command));
                let (writes, effects) = split(effects);
                let mut pending = Vec::new();
                for proposal in proposals(writes) {
                    pending.push(journal.propose(proposal).await);
                }
                in_flight.push_back(committed(pending, effects, core.snapshot()));
            }
        }
    }
}

/// Gives the effects and the snapshot of a batch back once all its writes have committed.
async fn committed<E, S>(
    pending: Vec<impl Future<Output = Result<Zxid, WriteError>>>,
    effects: Vec<E>,
    snapshot: S,
) -> Result<(Vec<E>, S), WriteError> {
    for write in pending {
        write.await?;
    }
    Ok((effects, snapshot))
}

fn split<E: Persisting>(effects: impl Iterator<Item = E>) -> (Vec<RecordWrite>, Vec<E>) {
    let mut writes = Vec::new();
    let mut others = Vec::new();
    for effect in effects {
        match effect.into_write() {
            Ok(write) => writes.push(write),
            Err(other) => others.push(other),
        }
    }
    (writes, others)
}

/// Cuts the writes of a batch into proposals of a bounded size; mostly there is one, or none.
fn proposals(writes: Vec<RecordWrite>) -> Vec<Vec<RecordWrite>> {
    let mut proposals: Vec<Vec<RecordWrite>> = Vec::new();
    let mut room = 0;
    for write in writes {
        let bytes = write.path.len() + write.value.as_ref().map_or(0, bytes::Bytes::len);
        match proposals.last_mut() {
            Some(proposal) if bytes <= room => {
                proposal.push(write);
                room -= bytes;
            }
            Some(_) | None => {
                proposals.push(vec![write]);
                room = PROPOSAL_BYTES.saturating_sub(bytes);
            }
        }
    }
    proposals
}
