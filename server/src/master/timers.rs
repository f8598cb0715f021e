//! Timers of the core: armed by effects, sent back as commands.
//!
//! Invariant: a timer is sent at or after its time, in the order of times. Nothing is ever disarmed; the
//! core knows which ones have become pointless.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use master_core::Timer;
use model::Instant;
use tokio::sync::Notify;

/// Armed timers, earliest first.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    armed: Mutex<Armed>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Armed {
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    sequence: u64,
    timer: Timer,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl Timers {
    /// Arms a timer.
    pub(crate) fn arm(&self, at: Instant, timer: Timer) {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = armed.heap.peek().is_none_or(|Reverse(first)| at < first.at);
        armed.sequence += 1;
        let sequence = armed.sequence;
        armed.heap.push(Reverse(Entry { at, sequence, timer }));
        drop(armed);
        if is_first {
            self.changed.notify_one();
        }
    }

    /// The next timer, as soon as its time has come by `now`.
    pub(crate) async fn next(&self, now: impl Fn() -> Instant) -> Timer {
        loop {
            let pause = match self.due(now()) {
                Ok(timer) => return timer,
                Err(pause) => pause,
            };
            match pause {
                Some(pause) => {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.changed.notified() => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    /// The earliest timer when it is due, else the time until then.
    fn due(&self, now: Instant) -> Result<Timer, Option<Duration>> {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        match armed.heap.peek() {
            Some(Reverse(first)) if first.at <= now => {}
            Some(Reverse(first)) => return Err(Some(first.at.duration_since(now))),
            None => return Err(None),
        }
        armed.heap.pop().map(|Reverse(entry)| entry.timer).ok_or(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn timers_come_in_the_order_of_their_times() {
        let timers = Timers::default();
        timers.arm(Instant::from_millis(20), Timer::RecoveryDeadline);
        timers.arm(Instant::from_millis(10), Timer::Allocate);
        let at = Instant::from_millis(10);
        timers.arm(at, Timer::FiltersEnd { at });
        let now = || Instant::from_millis(30);
        assert_eq!(timers.next(now).await, Timer::Allocate);
        assert_eq!(timers.next(now).await, Timer::FiltersEnd { at });
        assert_eq!(timers.next(now).await, Timer::RecoveryDeadline);
    }

    #[tokio::test]
    async fn a_timer_armed_while_waiting_is_seen() {
        let timers = std::sync::Arc::new(Timers::default());
        let waiting = std::sync::Arc::clone(&timers);
        let next = tokio::spawn(async move { waiting.next(|| Instant::from_millis(5)).await });
        tokio::task::yield_now().await;
        timers.arm(Instant::ZERO, Timer::Allocate);
        assert_eq!(next.await.unwrap(), Timer::Allocate);
    }

    #[test]
    fn nothing_comes_before_its_time() {
        let timers = Timers::default();
        timers.arm(Instant::from_millis(20), Timer::Allocate);
        let pause = timers.due(Instant::from_millis(5)).unwrap_err();
        assert_eq!(pause, Some(Duration::from_millis(15)));
    }
}
