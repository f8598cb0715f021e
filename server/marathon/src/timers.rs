//! Moments at which the core wants to look again.
//!
//! A timer that fires names what to look at and nothing more; what it finds decides. Stale ones find nothing.

use std::collections::BTreeSet;

use model::{AppId, InstanceId, Instant};

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Offers may be asked for again.
    Revive,
    /// An app's back-off may have ended.
    Backoff(AppId),
    /// Kills may have to be repeated.
    Kills,
    /// An instance may be overdue in its launch.
    Launch(InstanceId),
    /// An instance may have been unreachable for too long.
    Unreachable(InstanceId),
    /// The states of all tasks are to be asked for.
    Reconcile,
    /// Tasks whose state was asked for and not told are to be asked for again.
    Confirm,
    /// News wait to be written.
    WriteBehind,
}

/// Armed timers in the order of their moments.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers(BTreeSet<(Instant, Timer)>);

impl Timers {
    pub(crate) fn arm(&mut self, at: Instant, timer: Timer) {
        self.0.insert((at, timer));
    }

    /// Takes out the first timer that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        if self.0.first()?.0 > now {
            return None;
        }
        self.0.pop_first().map(|(_, timer)| timer)
    }

    /// The moment of the first timer.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Forgets `timer` at whatever moment it is armed. Looks at all of them; for the few singletons only.
    pub(crate) fn disarm(&mut self, timer: &Timer) {
        self.0.retain(|(_, armed)| armed != timer);
    }
}
