//! The clock of this tool: how long a step took, and waiting for a condition with a deadline.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

/// Measures from its making on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "this tool measures real time; nothing pure depends on it"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Asks `ready` every 100 ms until it says yes or `limit` has passed; tells which.
pub(crate) fn wait_until(limit: Duration, mut ready: impl FnMut() -> bool) -> bool {
    let watch = Stopwatch::start();
    // Nobody ever sends: receiving is only a wait that needs no sleep.
    let (_keep, tick) = mpsc::channel::<()>();
    loop {
        if ready() {
            return true;
        }
        if watch.elapsed() >= limit {
            return false;
        }
        let _ = tick.recv_timeout(Duration::from_millis(100));
    }
}
