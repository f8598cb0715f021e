//! The core in its driver: commands in, effects out.

use marathon_core::health::ProbeOrder;
use marathon_core::{Command, Effect, Marathon, Snapshot};
use model::{Instant, RecordWrite};
use tokio::sync::{mpsc, watch};
use tracing::{debug, error};

use super::event_stream::Events;
use super::handle::Replies;
use super::scheduler::Calls;
use crate::driver;

impl driver::Core for Marathon {
    type Command = Command;
    type Effect = Effect;
    type Snapshot = Snapshot;

    fn apply(&mut self, now: Instant, command: Command) -> Vec<Effect> {
        Self::apply(self, now, command)
    }

    fn snapshot(&self) -> Snapshot {
        Self::snapshot(self)
    }
}

impl driver::Persisting for Effect {
    fn into_write(self) -> Result<RecordWrite, Self> {
        match self {
            Self::Persist(write) => Ok(write),
            other @ (Self::Reply { .. }
            | Self::Call(_)
            | Self::Probe(_)
            | Self::Publish(_)
            | Self::WakeAt(_)) => Err(other),
        }
    }
}

/// Hands each effect to the one who performs it.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) replies: Replies,
    pub(super) events: Events,
    pub(super) calls: Calls,
    pub(super) probes: mpsc::UnboundedSender<ProbeOrder>,
    pub(super) alarm: watch::Sender<Option<Instant>>,
}

impl driver::Ports for Ports {
    type Effect = Effect;

    fn release(&mut self, effect: Effect) {
        match effect {
            Effect::Reply { to, reply } => self.replies.answer(to, reply),
            Effect::Publish(event) => self.events.publish(*event),
            Effect::WakeAt(at) => {
                self.alarm.send_replace(Some(at));
            }
            Effect::Call(call) => self.calls.push(call),
            Effect::Probe(order) => {
                if self.probes.send(*order).is_err() {
                    debug!("nobody puts questions to tasks any more");
                }
            }
            Effect::Persist(write) => {
                error!(record.path = %write.path, "a durable write reached the ports");
            }
        }
    }
}
