//! Feeds history from the leaders' published states and events, and answers questions about it (design D8).
//!
//! Nothing here is on the path of a command: followers watch what the drivers have released and hand records
//! to `store`, which never makes anybody wait. A master or Marathon without history works as well.
//!
//! Invariant: only what has committed is recorded, since only that is published.

mod changes;
mod http;
mod tasks;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use store::{History, Settings, Writer};

pub(crate) use self::changes::follow as follow_changes;
pub(crate) use self::http::{apps_routes, cluster_routes};
pub(crate) use self::tasks::{Earlier, follow as follow_tasks};

use crate::clock::Clock;

/// The file, inside the work folder.
const FILE: &str = "history.sqlite";

/// How much history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) max_age: Duration,
    pub(crate) max_bytes: u64,
}

/// Makes the history in `folder`; the caller runs the writer.
pub(crate) fn open(folder: &Path, bounds: Bounds, clock: Clock) -> (History, Writer) {
    let now = Arc::new(move || clock.wall().as_millis());
    let settings = Settings {
        max_age: bounds.max_age,
        max_bytes: bounds.max_bytes,
        ..Settings::new(folder.join(FILE), now)
    };
    store::open(settings)
}
