//! Wakes the core at the moments it names, and tells it the wall clock now and then.

use std::time::Duration;

use marathon_core::{Command, Marathon};
use model::Instant;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::driver;

/// How often the core gets a fresh reading of the wall clock.
const WALL_CLOCK_INTERVAL: Duration = Duration::from_secs(10);

/// Sends a tick at each moment that `due` shows. Ends with the driver.
pub(super) async fn ring(
    mut due: watch::Receiver<Option<Instant>>,
    clock: Clock,
    core: driver::Handle<Marathon>,
) {
    loop {
        let at = *due.borrow_and_update();
        let left = at.map(|at| at.duration_since(clock.now()));
        tokio::select! {
            changed = due.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = tokio::time::sleep(left.unwrap_or_default()), if left.is_some_and(|left| !left.is_zero()) => {}
            sent = core.send(Command::Tick), if left.is_some_and(|left| left.is_zero()) => {
                // The core names the next moment in answer to the tick.
                if sent.is_err() || due.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Sends the wall clock regularly. Ends with the driver.
pub(super) async fn tell_wall_clock(clock: Clock, core: driver::Handle<Marathon>) {
    let mut interval = tokio::time::interval(WALL_CLOCK_INTERVAL);
    loop {
        interval.tick().await;
        if core.send(Command::WallClockRead(clock.wall())).await.is_err() {
            return;
        }
    }
}
