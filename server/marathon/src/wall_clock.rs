//! The wall clock as the core sees it: one reading, carried forward by the monotonic time of commands.

use model::{Instant, Timestamp};

/// A moment known on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WallClock {
    at: Instant,
    wall: Timestamp,
}

impl WallClock {
    /// States that it was `wall` when the monotonic clock said `at`.
    pub const fn new(at: Instant, wall: Timestamp) -> Self {
        Self { at, wall }
    }

    /// The wall time at `now`.
    pub fn read(&self, now: Instant) -> Timestamp {
        let passed = i64::try_from(now.duration_since(self.at).as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.wall.as_millis().saturating_add(passed))
    }

    /// The monotonic time at which it was `wall`, at the latest `now`; the start when it lies before.
    pub fn instant_of(&self, wall: Timestamp, now: Instant) -> Instant {
        let ago =
            u64::try_from(self.read(now).as_millis().saturating_sub(wall.as_millis())).unwrap_or(0);
        Instant::from_millis(now.as_millis().saturating_sub(ago))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_advances_with_the_monotonic_one() {
        let clock = WallClock::new(Instant::from_secs(100), Timestamp::from_millis(5_000));
        assert_eq!(clock.read(Instant::from_secs(103)), Timestamp::from_millis(8_000));
        let now = Instant::from_secs(103);
        assert_eq!(clock.instant_of(Timestamp::from_millis(6_000), now), Instant::from_secs(101));
        assert_eq!(clock.instant_of(Timestamp::from_millis(-1_000_000_000), now), Instant::ZERO);
    }
}
