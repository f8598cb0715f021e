//! Carries the core's effects out. Nothing here waits.

use std::sync::Arc;

use master_core::{Command, Effect};

use super::leading::Leading;
use super::streams::Sent;
use crate::driver::Ports;

/// The outside of one leadership.
pub(crate) struct MasterPorts {
    leading: Arc<Leading>,
}

impl MasterPorts {
    pub(crate) fn new(leading: Arc<Leading>) -> Self {
        Self { leading }
    }
}

impl Ports for MasterPorts {
    type Effect = Effect;

    fn release(&mut self, effect: Effect) {
        let leading = &self.leading;
        match effect {
            Effect::Reply { to, reply } => leading.replies.deliver(to, reply),
            Effect::SendEvent { stream, event } => {
                // One command for what ends here, however many events follow; who ends by himself tells it.
                if leading.streams.send(&stream, event) == Sent::Overrun {
                    leading.send_soon(Command::StreamClosed { stream });
                }
            }
            Effect::CloseStream { stream } => leading.streams.close(&stream),
            Effect::SendFrame { link, frame } => {
                if leading.links.send(link, frame) == Sent::Overrun {
                    leading.send_soon(Command::LinkClosed { link });
                }
            }
            Effect::CloseLink { link } => leading.links.close(link),
            Effect::ArmTimer { at, timer } => leading.timers.arm(at, timer),
            // The driver has taken the writes out before.
            Effect::Persist(_) => {}
        }
    }
}
