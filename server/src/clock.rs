//! The one place that reads the machine's clocks.
//!
//! Everything else gets [`model::Instant`] and [`model::Timestamp`] as parameters.

use model::{Instant, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// Reads the boot-time clock for time-outs and the wall clock for what clients read.
///
/// The boot-time clock goes on while the machine sleeps, so that a lease ends with it (design D2).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock;

impl Clock {
    /// Time since boot.
    pub(crate) fn now(self) -> Instant {
        let time = clock_gettime(ClockId::Boottime);
        let secs = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
        Instant::from_nanos(secs.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    /// The calendar's time.
    pub(crate) fn wall(self) -> Timestamp {
        let time = clock_gettime(ClockId::Realtime);
        Timestamp::from_millis(time.tv_sec.saturating_mul(1_000) + time.tv_nsec / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_advance() {
        let first = Clock.now();
        assert!(Clock.now() >= first);
        assert!(Clock.wall() > Timestamp::from_millis(1_700_000_000_000));
    }
}
