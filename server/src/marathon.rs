//! Marathon's process side: election, driver, scheduler client, event stream and HTTP (8080).
//!
//! The decisions are `marathon_core`'s. This folder stands for election, loads the records, runs the core
//! while it leads, carries its calls to the Mesos master and its events to readers.

mod alarm;
mod config;
mod core;
mod event_stream;
mod handle;
pub(crate) mod http;
mod leading;
mod prober;
mod scheduler;

use std::sync::Arc;

use coordination::{Election, Session};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

pub(crate) use config::MarathonConfig;
pub(crate) use event_stream::{EventStream, Events};
pub(crate) use handle::{AskError, Handle};

use crate::clock::Clock;
use handle::Replies;
use leading::Candidate;

/// A running Marathon.
#[derive(Debug)]
pub(crate) struct Service {
    /// What to serve on 8080.
    pub(crate) router: axum::Router,
    /// Access for the console.
    pub(crate) handle: Handle,
}

/// Starts Marathon: it stands for election until `stop` is cancelled. The caller serves the router, which
/// serves `ours` beside its own paths.
pub(crate) fn start(
    session: Session,
    config: MarathonConfig,
    clock: Clock,
    tracker: &TaskTracker,
    stop: CancellationToken,
    ours: axum::Router,
) -> Service {
    let (core, leading) = watch::channel(None);
    let (replies, events) = (Replies::default(), Events::new(config.event_stream_capacity));
    let leader = session.leader(Election::Marathon);
    let storage = session.storage().clone();
    let handle = Handle::new(
        config.clone(),
        clock,
        leading,
        leader,
        replies.clone(),
        events.clone(),
        storage,
    );
    let access = http::Access::for_host(config.hostname.clone());
    let api = http::Api::new(Arc::new(handle.clone()), access, stop.clone());
    let candidate = Candidate { session, config, clock, core, replies, events, stop };
    // When this task dies nothing of Marathon works; it ends only when it is told to stop.
    tracker.spawn(candidate.run().instrument(tracing::info_span!("marathon")));
    Service { router: http::router(api, ours), handle }
}

#[cfg(test)]
mod tests;
