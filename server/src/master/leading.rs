//! One leadership: the driver's handle and everything that ends with it.

use std::sync::Arc;
use std::time::Duration;

use coordination::Storage;
use master_core::{Command, Master, Reply, Snapshot};
use model::RequestId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::core::Stamped;
use super::links::Links;
use super::replies::Replies;
use super::streams::Streams;
use super::timers::Timers;
use crate::clock::Clock;
use crate::driver::{Busy, Handle};

/// How long a call waits for room among the commands.
const ROOM_WAIT: Duration = Duration::from_secs(5);

/// What HTTP handlers and links use while this process leads.
#[derive(Debug)]
pub(crate) struct Leading {
    pub(crate) handle: Handle<Master>,
    pub(crate) streams: Streams,
    pub(crate) links: Links,
    pub(crate) replies: Replies,
    pub(crate) timers: Timers,
    pub(crate) clock: Clock,
    pub(crate) tracker: TaskTracker,
    /// Cancelled when the leadership is over.
    pub(crate) over: CancellationToken,
}

impl Leading {
    pub(crate) fn new(
        handle: Handle<Master>,
        clock: Clock,
        tracker: TaskTracker,
        over: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            handle,
            streams: Streams::default(),
            links: Links::default(),
            replies: Replies::default(),
            timers: Timers::default(),
            clock,
            tracker,
            over,
        })
    }

    /// The newest state that is durable.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.handle.snapshot()
    }

    fn stamp(&self, command: Command) -> Stamped {
        Stamped { wall: self.clock.wall(), command }
    }

    /// Sends a command, waiting while too many wait before it.
    ///
    /// # Errors
    /// When the leadership is over.
    pub(crate) async fn send(&self, command: Command) -> Result<(), Busy> {
        self.handle.send(self.stamp(command)).await
    }

    /// Sends a command that must not be lost from where nothing may wait.
    pub(crate) fn send_soon(self: &Arc<Self>, command: Command) {
        let leading = Arc::clone(self);
        self.tracker.spawn(async move {
            // When the leadership is over there is nobody to tell.
            let _ = leading.send(command).await;
        });
    }

    /// Makes a call and waits for its reply.
    ///
    /// # Errors
    /// When too many commands wait for longer than [`ROOM_WAIT`], or the leadership is over.
    pub(crate) async fn call(
        &self,
        command: impl FnOnce(RequestId) -> Command,
    ) -> Result<Reply, Busy> {
        let mut expected = self.replies.expect();
        let sending = self.send(command(expected.id));
        tokio::time::timeout(ROOM_WAIT, sending).await.unwrap_or(Err(Busy::Full))?;
        tokio::select! {
            reply = expected.reply() => reply.ok_or(Busy::Stopped),
            () = self.over.cancelled() => Err(Busy::Stopped),
        }
    }

    /// Tells the core whenever there is no room to store changes, and when there is room again.
    pub(crate) async fn tell_storage(&self, mut storage: Storage) {
        let mut told = false;
        loop {
            let is_full = storage.is_full();
            if is_full != told && self.send(Command::Storage { is_full }).await.is_err() {
                return;
            }
            told = is_full;
            storage.changed().await;
        }
    }

    /// Sends timers back to the core until the leadership is over.
    pub(crate) async fn run_timers(self: Arc<Self>) {
        loop {
            let timer = tokio::select! {
                () = self.over.cancelled() => return,
                timer = self.timers.next(|| self.clock.now()) => timer,
            };
            if self.send(Command::Timer(timer)).await.is_err() {
                return;
            }
        }
    }
}
