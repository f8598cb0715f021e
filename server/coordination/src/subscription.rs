//! Changes as they are applied, for those who follow a part of either namespace.
//!
//! Applying never waits for a reader. Each subscription has a queue of at most [`QUEUE`] changes; when an
//! entry does not fit, the queue is dropped, the subscription is suspended, and its reader is told to read
//! everything again at the then newest state ([`Event::Resync`]). It begins the same way, so a reader that
//! handles a resync handles the start.
//!
//! Invariant: a resync at one zxid and the changes after it lead to the state at the last change's zxid;
//! the changes of one entry come together.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use zookeeper_core::{Change, Namespace, StateMachine, Zxid};

use crate::raft::Published;
use crate::session::Loaded;

/// Changes that wait for a reader before its subscription is suspended.
pub const QUEUE: usize = 4_096;

/// What a subscription tells its reader.
#[derive(Debug, Clone)]
pub enum Event {
    /// Forget what you know: this is everything under the prefix, at one zxid.
    Resync(Loaded),
    /// One entry changed this, in this order.
    Changed {
        /// The entry's number.
        zxid: Zxid,
        /// What changed under the prefix; never empty.
        changes: Vec<Change>,
    },
}

/// Follows the changes under a prefix; dropping it ends that.
#[derive(Debug)]
pub struct Subscription {
    queue: Arc<Queue>,
    published: Arc<Published>,
    ended: CancellationToken,
    /// The zxid of the last resync: what is not after it has been read.
    since: Zxid,
}

#[derive(Debug)]
struct Queue {
    namespace: Namespace,
    prefix: String,
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<(Zxid, Vec<Change>)>,
    count: usize,
    /// Nothing is queued until the reader has read everything again.
    is_suspended: bool,
}

/// All subscriptions of this process.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    queues: Mutex<Vec<Weak<Queue>>>,
}

impl Subscriptions {
    /// Queues what one entry changed. Called after the state of that entry is published.
    pub(crate) fn changed(&self, zxid: Zxid, changes: &[Change]) {
        if !changes.is_empty() {
            self.each(|queue| queue.push(zxid, changes));
        }
    }

    /// Makes every reader read again: the state was replaced.
    pub(crate) fn replaced(&self) {
        self.each(Queue::suspend);
    }

    fn each(&self, mut act: impl FnMut(&Queue)) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|queue| queue.upgrade().inspect(|queue| act(queue)).is_some());
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every change under the lock is whole, so a panic elsewhere cannot have broken it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, zxid: Zxid, changes: &[Change]) {
        let concerns =
            |change: &&Change| change.namespace == self.namespace && change.is_under(&self.prefix);
        let changes: Vec<_> = changes.iter().filter(concerns).cloned().collect();
        if changes.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        if waiting.is_suspended {
            return;
        }
        if waiting.count + changes.len() > QUEUE {
            *waiting = Waiting { is_suspended: true, ..Waiting::default() };
        } else {
            waiting.count += changes.len();
            waiting.entries.push_back((zxid, changes));
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    fn suspend(&self) {
        *self.lock() = Waiting { is_suspended: true, ..Waiting::default() };
        self.arrived.notify_one();
    }
}

impl Subscription {
    pub(crate) fn new(
        published: Arc<Published>,
        ended: CancellationToken,
        namespace: Namespace,
        prefix: &str,
    ) -> Self {
        let waiting = Waiting { is_suspended: true, ..Waiting::default() };
        let queue = Arc::new(Queue {
            namespace,
            prefix: prefix.to_owned(),
            waiting: Mutex::new(waiting),
            arrived: Notify::new(),
        });
        let subscriptions = &published.subscriptions;
        let mut queues = subscriptions.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.push(Arc::downgrade(&queue));
        drop(queues);
        Self { queue, published, ended, since: Zxid::default() }
    }

    /// What happened next; the first event is a resync. `None` when the node has stopped.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.take() {
                return Some(event);
            }
            tokio::select! {
                () = self.queue.arrived.notified() => {}
                () = self.ended.cancelled() => return self.take(),
            }
        }
    }

    fn take(&mut self) -> Option<Event> {
        let mut waiting = self.queue.lock();
        if waiting.is_suspended {
            waiting.is_suspended = false;
            // A state is published before its changes are queued. So this one holds everything that was
            // dropped; of what is queued from now on, it may hold the first, which is skipped below.
            let state: Arc<StateMachine> = self.published.state();
            drop(waiting);
            self.since = state.zxid();
            return Some(Event::Resync(Loaded::new(state, &self.queue.prefix)));
        }
        while let Some((zxid, changes)) = waiting.entries.pop_front() {
            waiting.count -= changes.len();
            if zxid > self.since {
                return Some(Event::Changed { zxid, changes });
            }
        }
        None
    }
}
