//! The core's calls on their way to the master.
//!
//! Nothing is dropped: the core asks for as much as its instances need, so their number bounds what waits. Who brings
//! the master's events reads no further while many calls wait, since most calls follow from events.

use marathon_core::effect::Call;
use tokio::sync::{mpsc, watch};

/// Calls that may wait before no more events are read.
const MANY: usize = 1_024;

/// The core's end.
#[derive(Debug)]
pub(in crate::marathon) struct Calls {
    calls: mpsc::UnboundedSender<Call>,
    waiting: watch::Sender<usize>,
}

/// The end of the one who sends them.
#[derive(Debug)]
pub(in crate::marathon) struct Outgoing {
    calls: mpsc::UnboundedReceiver<Call>,
    waiting: watch::Sender<usize>,
    is_one_taken: bool,
}

/// Tells whether many calls wait.
#[derive(Debug, Clone)]
pub(super) struct Backlog(watch::Receiver<usize>);

/// A queue of calls.
pub(in crate::marathon) fn calls() -> (Calls, Outgoing) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (waiting, _) = watch::channel(0);
    (
        Calls { calls: sender, waiting: waiting.clone() },
        Outgoing { calls: receiver, waiting, is_one_taken: false },
    )
}

impl Calls {
    /// Queues a call.
    pub(in crate::marathon) fn push(&self, call: Call) {
        self.waiting.send_modify(|waiting| *waiting += 1);
        // Nobody sends calls any more only when the leadership is over.
        let _ = self.calls.send(call);
    }
}

impl Outgoing {
    /// The next call; `None` when the core has ended. It counts as waiting until the one after it is asked for.
    pub(super) async fn next(&mut self) -> Option<Call> {
        if std::mem::take(&mut self.is_one_taken) {
            self.waiting.send_modify(|waiting| *waiting = waiting.saturating_sub(1));
        }
        let call = self.calls.recv().await;
        self.is_one_taken = call.is_some();
        call
    }

    pub(super) fn backlog(&self) -> Backlog {
        Backlog(self.waiting.subscribe())
    }
}

impl Backlog {
    /// Waits while many calls wait.
    pub(super) async fn is_short(&mut self) {
        // Without the other end nothing waits.
        let _ = self.0.wait_for(|waiting| *waiting < MANY).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn events_wait_for_calls_and_no_call_is_dropped() {
        let (calls, mut outgoing) = calls();
        let mut backlog = outgoing.backlog();
        for _ in 0..50_000 {
            calls.push(Call::Revive);
        }
        for taken in 0..50_000 {
            // The one that was taken last counts until another is asked for.
            let waiting = 50_001_usize.saturating_sub(taken.max(1));
            let is_short = tokio::task::unconstrained(backlog.is_short()).now_or_never().is_some();
            assert_eq!(is_short, waiting < MANY, "{waiting} wait");
            assert!(outgoing.next().await.is_some());
        }
        drop(calls);
        assert!(outgoing.next().await.is_none());
    }
}
