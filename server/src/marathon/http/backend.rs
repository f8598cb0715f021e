//! What the handlers need of Marathon.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use marathon_core::effect::Reply;
use marathon_core::{Command, Snapshot};
use model::{Instant, RequestId, Timestamp};
use wire::marathon::Event;

use crate::marathon::{AskError, EventStream, Handle, MarathonConfig};

/// Makes the command once the request's id is known.
pub(crate) type MakeCommand = Box<dyn FnOnce(RequestId) -> Command + Send>;

/// Marathon as the handlers see it: [`Handle`] in production, the bare core in tests.
pub(crate) trait Backend: Send + Sync + 'static {
    /// The latest stored state; `None` while this process does not lead.
    fn snapshot(&self) -> Option<Arc<Snapshot>>;
    /// Sends one command and waits until its outcome is stored.
    fn ask(&self, command: MakeCommand) -> BoxFuture<'_, Result<Reply, AskError>>;
    /// Reads events from now on.
    fn events(&self) -> EventStream;
    /// How many readers of events there are.
    fn readers(&self) -> usize;
    /// Shows an event to all readers.
    fn publish(&self, event: Event);
    /// `host:port` of the leading Marathon, if one is known.
    fn leader(&self) -> Option<String>;
    /// What Marathon was started with.
    fn config(&self) -> &MarathonConfig;
    /// The monotonic time, as snapshots use it.
    fn now(&self) -> Instant;
    /// The calendar time.
    fn wall(&self) -> Timestamp;
}

impl Backend for Handle {
    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        Self::snapshot(self)
    }

    fn ask(&self, command: MakeCommand) -> BoxFuture<'_, Result<Reply, AskError>> {
        Self::ask(self, command).boxed()
    }

    fn events(&self) -> EventStream {
        Self::events(self)
    }

    fn readers(&self) -> usize {
        Self::readers(self)
    }

    fn publish(&self, event: Event) {
        Self::publish(self, event);
    }

    fn leader(&self) -> Option<String> {
        Self::leader(self)
    }

    fn config(&self) -> &MarathonConfig {
        Self::config(self)
    }

    fn now(&self) -> Instant {
        Self::now(self)
    }

    fn wall(&self) -> Timestamp {
        Self::wall(self)
    }
}
