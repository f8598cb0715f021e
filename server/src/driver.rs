//! Runs a pure core: commands in, durable writes first, then everything else, in order.
//!
//! The driver takes what waits in its inbox, applies it, and makes one proposal of all durable writes of the
//! batch. The other effects and the batch's snapshot wait behind that proposal, while the next batches are
//! applied and proposed already. Released is in order: first the snapshot, so that a client reads its own
//! writes, then the effects.
//!
//! Invariant: nothing that depends on a write leaves this task before the write has committed. When a write
//! fails the driver ends and the core is dropped with all that was speculative in it. Without a lease the
//! driver is suspended: it releases nothing and applies nothing, keeps its core, and goes on with the lease.
//! While the disk is full, whoever brings a change from outside is refused before, by whom it is brought to;
//! what the core must write without being asked goes on into the rest of the log's segment, one batch at a time.
//! A batch that does not fit there any more is held back, and no more commands are taken, until there is room.
//!
//! The driver knows no domain, no HTTP and no raft: [`Core`], [`Ports`] and [`Journal`] stand for them.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use coordination::{Fence, Leadership, Lease, PendingWrite, Session, Storage, WriteError, Zxid};
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
/// A batch ends with the command whose writes reach this many bytes, well below what one change may have.
const BATCH_BYTES: usize = 16 << 20;

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

    /// Proposes writes that apply as a whole or not at all; when this returns their place in the order is
    /// taken.
    fn propose(&self, writes: Vec<RecordWrite>) -> impl Future<Output = Self::Pending> + Send;

    /// When the writer may act; a journal that is bound to no election says always.
    fn lease(&self) -> Lease {
        Lease::always()
    }

    /// Whether there is room for writes; a journal that needs none says always.
    fn storage(&self) -> Storage {
        Storage::endless()
    }
}

/// The replicated state, written as the leader of an election.
#[derive(Debug, Clone)]
pub(crate) struct Fenced {
    /// This process's session.
    session: Session,
    /// The fence of its leadership.
    fence: Fence,
    /// The lease of its leadership.
    lease: Lease,
}

impl Fenced {
    /// The journal of a leader.
    pub(crate) fn new(session: Session, leadership: &Leadership) -> Self {
        Self { session, fence: leadership.fence.clone(), lease: leadership.lease() }
    }
}

impl Journal for Fenced {
    type Pending = PendingWrite;

    async fn propose(&self, writes: Vec<RecordWrite>) -> PendingWrite {
        self.session.propose(&self.fence, writes).await
    }

    fn lease(&self) -> Lease {
        self.lease.clone()
    }

    fn storage(&self) -> Storage {
        self.session.storage().clone()
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
    lease: Lease,
}

impl<C: Core> Clone for Handle<C> {
    fn clone(&self) -> Self {
        let (commands, published) = (self.commands.clone(), self.published.clone());
        Self { commands, published, lease: self.lease.clone() }
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
    /// Sends a command, waiting while the inbox is full.
    ///
    /// # Errors
    /// When the driver has ended.
    pub(crate) async fn send(&self, command: C::Command) -> Result<(), Busy> {
        self.commands.send(command).await.map_err(|_| Busy::Stopped)
    }

    /// When this leader may act. Whoever answers from the state, or sends on what was released, asks it.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
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
    lease: Lease,
}

impl<C: Core> Inbox<C> {
    /// Takes what waits, unless commands are left from the last time; false when nobody can send any more.
    async fn fill(&mut self, waiting: &mut VecDeque<C::Command>) -> bool {
        if waiting.is_empty() {
            let mut taken = Vec::new();
            self.commands.recv_many(&mut taken, BATCH).await;
            waiting.extend(taken);
        }
        !waiting.is_empty()
    }
}

/// Makes the handle and the inbox of `core`, whose state must have committed. `capacity` commands may wait.
pub(crate) fn channel<C: Core>(core: &C, capacity: usize, lease: Lease) -> (Handle<C>, Inbox<C>) {
    let (sender, commands) = mpsc::channel(capacity);
    let (publish, published) = watch::channel(Arc::new(core.snapshot()));
    let handle = Handle { commands: sender, published, lease: lease.clone() };
    (handle, Inbox { commands, published: publish, lease })
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
    let mut waiting = VecDeque::new();
    let (lease, storage) = (inbox.lease.clone(), journal.storage());
    // A batch whose writes are not proposed yet; mostly for no longer than one turn.
    let mut held: Option<(Batch<C::Effect>, C::Snapshot)> = None;
    loop {
        let held_bytes = held.as_ref().map_or(0, |(batch, _)| batch.bytes);
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ended::Stopped,
            Some(batch) = in_flight.next() => {
                let (effects, snapshot) = match batch {
                    Ok(batch) => batch,
                    Err(error) => return Ended::WriteFailed(error),
                };
                if !is_held_before(&lease, &stop).await {
                    return Ended::Stopped;
                }
                inbox.published.send_replace(Arc::new(snapshot));
                for effect in effects {
                    ports.release(effect);
                }
            }
            // On a full disk one batch at a time, so that what is left was measured after the one before.
            () = storage.room_for(held_bytes),
                if held.is_some() && (in_flight.is_empty() || !storage.is_full()) =>
            {
                if let Some((Batch { writes, effects, .. }, snapshot)) = held.take() {
                    let pending = journal.propose(writes).await;
                    in_flight.push_back(committed(Some(pending), effects, snapshot));
                }
            }
            is_open = inbox.fill(&mut waiting), if held.is_none() && in_flight.len() < IN_FLIGHT => {
                if !is_open {
                    return Ended::Unused;
                }
                if !is_held_before(&lease, &stop).await {
                    return Ended::Stopped;
                }
                let batch = apply_batch(&mut core, &mut waiting, &now);
                if batch.writes.is_empty() {
                    in_flight.push_back(committed(None, batch.effects, core.snapshot()));
                } else {
                    held = Some((batch, core.snapshot()));
                }
            }
        }
    }
}

/// Waits for the lease where it is not held; false when the driver is stopped first.
async fn is_held_before(lease: &Lease, stop: &CancellationToken) -> bool {
    if lease.is_held() {
        return true;
    }
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = lease.held() => true,
    }
}

/// What commands that were applied together ask for.
struct Batch<E> {
    writes: Vec<RecordWrite>,
    /// Of the writes.
    bytes: usize,
    /// All the others.
    effects: Vec<E>,
}

/// Applies commands until their writes are many bytes; splits the writes from the other effects.
fn apply_batch<C: Core>(
    core: &mut C,
    waiting: &mut VecDeque<C::Command>,
    now: impl Fn() -> Instant,
) -> Batch<C::Effect>
where
    C::Effect: Persisting,
{
    let mut batch = Batch { writes: Vec::new(), bytes: 0, effects: Vec::new() };
    while batch.bytes < BATCH_BYTES
        && let Some(command) = waiting.pop_front()
    {
        for effect in core.apply(now(), command) {
            match effect.into_write() {
                Ok(write) => {
                    let value = write.value.as_ref().map_or(0, bytes::Bytes::len);
                    batch.bytes += write.path.len() + value;
                    batch.writes.push(write);
                }
                Err(other) => batch.effects.push(other),
            }
        }
    }
    batch
}

/// Gives the effects and the snapshot of a batch back once its writes have committed.
async fn committed<E, S>(
    pending: Option<impl Future<Output = Result<Zxid, WriteError>>>,
    effects: Vec<E>,
    snapshot: S,
) -> Result<(Vec<E>, S), WriteError> {
    if let Some(write) = pending {
        write.await?;
    }
    Ok((effects, snapshot))
}
