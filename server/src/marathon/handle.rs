//! How the HTTP handlers and the console reach the core.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use coordination::{NoRoom, Storage};
use marathon_core::effect::Reply;
use marathon_core::{Command, Marathon, Snapshot};
use model::{Instant, RequestId, Timestamp};
use tokio::sync::{oneshot, watch};

use super::config::MarathonConfig;
use super::event_stream::{EventStream, Events};
use crate::clock::Clock;
use crate::driver;

/// How long a change waits for the lease of a suspended leader.
const LEASE_WAIT: Duration = Duration::from_millis(2_500);

/// Why a request got no answer from the core.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AskError {
    /// Another process leads, or none.
    #[error("this process does not lead")]
    NotLeading,
    /// This process led when the request came and no longer does; the change may or may not be stored.
    #[error("leadership was lost before the change was stored")]
    LeadershipLost,
    /// There is no room to store the change; nothing was done.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

/// Access to Marathon; cheap to clone.
///
/// A full inbox makes [`Handle::ask`] wait; nothing is refused for want of space.
#[derive(Debug, Clone)]
pub(crate) struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: MarathonConfig,
    clock: Clock,
    core: watch::Receiver<Option<driver::Handle<Marathon>>>,
    leader: watch::Receiver<Option<Bytes>>,
    replies: Replies,
    events: Events,
    storage: Storage,
}

impl Handle {
    pub(super) fn new(
        config: MarathonConfig,
        clock: Clock,
        core: watch::Receiver<Option<driver::Handle<Marathon>>>,
        leader: watch::Receiver<Option<Bytes>>,
        replies: Replies,
        events: Events,
        storage: Storage,
    ) -> Self {
        Self(Arc::new(Shared { config, clock, core, leader, replies, events, storage }))
    }

    /// Why there is no room to store changes; `None` while there is.
    pub(crate) fn no_room(&self) -> Option<NoRoom> {
        self.0.storage.no_room()
    }

    /// What Marathon was started with.
    pub(crate) fn config(&self) -> &MarathonConfig {
        &self.0.config
    }

    /// `host:port` of the leading Marathon, if one is known that answers. A suspended leader knows of none, and neither
    /// does a process that is elected and has not recovered yet, or that stays elected because it cannot withdraw.
    pub(crate) fn leader(&self) -> Option<String> {
        let leads = self.0.core.borrow().as_ref().map(|core| core.lease().is_held());
        let leader = self.0.leader.borrow();
        let leader = leader.as_ref().map(|content| String::from_utf8_lossy(content).into_owned());
        match leads {
            Some(true) => leader,
            Some(false) => None,
            None => leader.filter(|leader| *leader != self.0.config.address()),
        }
    }

    /// The latest stored state; `None` while this process does not lead or is suspended.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        let core = self.0.core.borrow();
        core.as_ref().filter(|core| core.lease().is_held()).map(driver::Handle::snapshot)
    }

    /// The core, while this process leads; for those who follow its snapshots.
    pub(crate) fn leading(&self) -> watch::Receiver<Option<driver::Handle<Marathon>>> {
        self.0.core.clone()
    }

    /// Sends one command and waits until its outcome is stored. The next snapshot shows it.
    ///
    /// # Errors
    /// When this process does not lead, or loses leadership meanwhile, or when there is no room to store it.
    pub(crate) async fn ask(
        &self,
        command: impl FnOnce(RequestId) -> Command + Send,
    ) -> Result<Reply, AskError> {
        let core = self.0.core.borrow().clone().ok_or(AskError::NotLeading)?;
        if tokio::time::timeout(LEASE_WAIT, core.lease().held()).await.is_err() {
            return Err(AskError::NotLeading);
        }
        if let Some(why) = self.no_room() {
            return Err(why.into());
        }
        let mut expected = self.0.replies.expect();
        if core.send(command(expected.request)).await.is_err() {
            return Err(AskError::NotLeading);
        }
        expected.reply().await.ok_or(AskError::LeadershipLost)
    }

    /// Reads events from now on.
    pub(crate) fn events(&self) -> EventStream {
        self.0.events.subscribe()
    }

    /// The same for a part of this process, which does not count as a reader.
    pub(crate) fn follow_events(&self) -> EventStream {
        self.0.events.follow()
    }

    /// How many readers of events there are.
    pub(crate) fn readers(&self) -> usize {
        self.0.events.readers()
    }

    /// Shows an event of the HTTP side (`event_stream_attached`) to all readers.
    pub(crate) fn publish(&self, event: wire::marathon::Event) {
        self.0.events.publish(event);
    }

    /// The monotonic time, as snapshots use it.
    pub(crate) fn now(&self) -> Instant {
        self.0.clock.now()
    }

    /// The calendar time.
    pub(crate) fn wall(&self) -> Timestamp {
        self.0.clock.wall()
    }
}

/// Requests that wait for their answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Replies(Arc<ReplyTable>);

#[derive(Debug, Default)]
struct ReplyTable {
    next: AtomicU64,
    waiting: Mutex<BTreeMap<RequestId, oneshot::Sender<Reply>>>,
}

impl Replies {
    /// Mints a request's id, whose answer is waited for as long as the value lives.
    fn expect(&self) -> Expected<'_> {
        let request = RequestId(self.0.next.fetch_add(1, Ordering::Relaxed));
        let (sender, answer) = oneshot::channel();
        self.waiting().insert(request, sender);
        Expected { replies: self, request, answer }
    }

    /// Hands an answer to whoever waits for it; a client that went away is no error.
    pub(super) fn answer(&self, request: RequestId, reply: Reply) {
        if let Some(sender) = self.waiting().remove(&request) {
            let _ = sender.send(reply);
        }
    }

    /// Ends all waiting: the core that would have answered is gone.
    pub(super) fn drop_all(&self) {
        self.waiting().clear();
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeMap<RequestId, oneshot::Sender<Reply>>> {
        // The map is whole after every operation, so a panic elsewhere cannot have broken it.
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that is waited for. Who goes away before it has come leaves nothing behind.
struct Expected<'a> {
    replies: &'a Replies,
    request: RequestId,
    answer: oneshot::Receiver<Reply>,
}

impl Expected<'_> {
    /// The answer; `None` when nobody will give one.
    async fn reply(&mut self) -> Option<Reply> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.replies.waiting().remove(&self.request);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_a_core_is_no_leader_and_knows_others() {
        let (_core, core) = watch::channel(None);
        let (leads, leader) = watch::channel(Some(Bytes::from_static(b"m1:8080")));
        let config = MarathonConfig::new("m1", 8080);
        let (replies, events) = (Replies::default(), Events::new(1));
        let handle = Handle::new(config, Clock, core, leader, replies, events, Storage::endless());
        assert_eq!(handle.leader(), None);
        leads.send_replace(Some(Bytes::from_static(b"m2:8080")));
        assert_eq!(handle.leader().as_deref(), Some("m2:8080"));
    }

    #[tokio::test]
    async fn an_answer_reaches_the_one_who_waits_for_it() {
        let replies = Replies::default();
        let (mut first, mut second) = (replies.expect(), replies.expect());
        assert_ne!(first.request, second.request);
        replies.answer(second.request, Reply::Done);
        assert!(matches!(second.reply().await, Some(Reply::Done)));
        assert_eq!(replies.waiting().len(), 1);
        drop(replies.expect());
        assert_eq!(replies.waiting().len(), 1, "who goes away is forgotten");
        replies.drop_all();
        assert!(first.reply().await.is_none());
    }
}
