//! The Mesos master of this process (port 5050): election, driver, scheduler streams, agent links, HTTP.
//!
//! [`start`] stands for election and serves at once: without a leadership every endpoint that needs one
//! points at the leader or says that there is none. With each leadership a new `master_core::Master` is
//! recovered from the records; it is dropped with the leadership, and the process stands again.

mod config;
mod core;
mod election;
mod http;
mod leading;
mod links;
mod ports;
mod replies;
mod streams;
mod timers;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use coordination::{Election, Session, Storage};
use master_core::Snapshot;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;

pub(crate) use self::config::MasterConfig;
use self::leading::Leading;

/// How long a request waits for the lease of a suspended leader.
const LEASE_WAIT: Duration = Duration::from_secs(1);

/// What a running master offers to the rest of the process.
pub(crate) struct Service {
    /// What to serve on the master's port. `/` and `/ui` are left to the console.
    pub(crate) router: axum::Router,
    /// The master as readers see it.
    pub(crate) handle: MasterHandle,
}

/// Reads the master's state; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct MasterHandle {
    published: watch::Receiver<Option<Arc<Snapshot>>>,
}

impl MasterHandle {
    /// Follows the states, `None` while this process does not lead; intermediate ones may be skipped.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.published.clone()
    }
}

/// What the parts of the master share.
pub(crate) struct Shared {
    pub(crate) config: MasterConfig,
    pub(crate) clock: Clock,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
    /// When the process started.
    pub(crate) started_at: model::Timestamp,
    /// The leading master's `MasterInfo` as JSON, whoever leads.
    pub(crate) leader: watch::Receiver<Option<bytes::Bytes>>,
    /// Whether there is room to store changes.
    pub(crate) storage: Storage,
    /// This process's leadership, while it has one.
    pub(crate) leading: ArcSwapOption<Leading>,
}

impl Shared {
    /// The leadership, once the master has recovered and while it holds its lease.
    pub(crate) fn leading(&self) -> Option<Arc<Leading>> {
        self.leading.load_full().filter(|leading| leading.handle.lease().is_held())
    }

    /// Whether this process leads and must not say anything at the moment.
    pub(crate) fn is_suspended(&self) -> bool {
        self.leading.load().as_ref().is_some_and(|leading| !leading.handle.lease().is_held())
    }

    /// Gives a suspended leader a moment to get its lease back: a short stall is no error for clients.
    pub(crate) async fn settled(&self) {
        if let Some(leading) = self.leading.load_full() {
            let held = leading.handle.lease().held();
            let _ = tokio::time::timeout(LEASE_WAIT, held).await;
        }
    }
}

/// Starts the master; it runs until `stop`. `ours` is served on the same port under the same guard.
pub(crate) fn start(
    session: Session,
    config: MasterConfig,
    clock: Clock,
    tracker: TaskTracker,
    stop: CancellationToken,
    ours: axum::Router,
) -> Service {
    let (publish, published) = watch::channel(None);
    let shared = Arc::new(Shared {
        started_at: clock.wall(),
        leader: session.leader(Election::Mesos),
        storage: session.storage().clone(),
        leading: ArcSwapOption::empty(),
        clock,
        tracker: tracker.clone(),
        stop,
        config,
    });
    tracker.spawn(election::stand(session, Arc::clone(&shared), publish));
    Service { router: http::router(shared, ours), handle: MasterHandle { published } }
}
