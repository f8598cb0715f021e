//! Moments at which the core wants to look again.
//!
//! A timer that fires names what to look at and nothing more; what it finds decides. Stale ones find nothing.

use std::collections::{BTreeMap, BTreeSet};

use model::{AppId, InstanceId, Instant};

use crate::health::CheckId;

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
    /// A check of an instance is due.
    Probe(InstanceId, CheckId),
    /// News wait to be written.
    WriteBehind,
    /// Apps wait whose instances were more than one command may touch.
    Postponed,
}

/// Armed timers in the order of their moments; each is armed once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers {
    by_moment: BTreeSet<(Instant, Timer)>,
    moments: BTreeMap<Timer, Instant>,
}

impl Timers {
    /// Arms `timer`, or moves it.
    pub(crate) fn arm(&mut self, at: Instant, timer: Timer) {
        if let Some(before) = self.moments.insert(timer.clone(), at) {
            self.by_moment.remove(&(before, timer.clone()));
        }
        self.by_moment.insert((at, timer));
    }

    /// Takes out the first timer that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        if self.by_moment.first()?.0 > now {
            return None;
        }
        let (_, timer) = self.by_moment.pop_first()?;
        self.moments.remove(&timer);
        Some(timer)
    }

    /// The moment of the first timer.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_moment.first().map(|(at, _)| *at)
    }

    /// Forgets `timer`.
    pub(crate) fn disarm(&mut self, timer: &Timer) {
        if let Some(at) = self.moments.remove(timer) {
            self.by_moment.remove(&(at, timer.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_armed_again_fires_once_at_its_new_moment() {
        let mut timers = Timers::default();
        timers.arm(Instant::from_secs(5), Timer::Kills);
        timers.arm(Instant::from_secs(3), Timer::Revive);
        timers.arm(Instant::from_secs(9), Timer::Kills);
        timers.disarm(&Timer::Confirm);
        assert_eq!(timers.next(), Some(Instant::from_secs(3)));
        assert_eq!(timers.take_due(Instant::from_secs(8)), Some(Timer::Revive));
        assert_eq!(timers.take_due(Instant::from_secs(8)), None);
        assert_eq!(timers.take_due(Instant::from_secs(9)), Some(Timer::Kills));
        assert_eq!(timers.next(), None);
        timers.arm(Instant::from_secs(10), Timer::Kills);
        timers.disarm(&Timer::Kills);
        assert_eq!(timers.next(), None);
    }
}
