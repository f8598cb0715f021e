//! The agent's effects, carried out; nothing here waits.
//!
//! Frames go to the link's queue, container work to tasks of its own, timers into a queue that the driver watches.

use std::collections::BTreeMap;

use agent_core::{Effect, Timer};
use model::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::engine::Containers;
use super::link::Link;
use super::prober::Prober;
use crate::clock::Clock;

/// The outside of the agent.
pub(super) struct Ports {
    clock: Clock,
    link: Link,
    containers: Containers,
    prober: Prober,
    /// Label and value by which the engine finds the containers of this work directory.
    label: (&'static str, String),
    /// Armed timers in order; the number keeps two of the same moment apart.
    timers: BTreeMap<(Instant, u64), Timer>,
    armed: u64,
    stop: CancellationToken,
}

impl Ports {
    pub(super) fn new(
        clock: Clock,
        link: Link,
        containers: Containers,
        prober: Prober,
        label: (&'static str, String),
        stop: CancellationToken,
    ) -> Self {
        Self { clock, link, containers, prober, label, timers: BTreeMap::new(), armed: 0, stop }
    }

    /// Carries out one effect, or hands it to whoever does.
    pub(super) fn release(&mut self, effect: Effect) {
        match effect {
            Effect::Journal(_) => error!("a journal record came past the journal"),
            Effect::Send(connection, frame) => self.link.send(connection, frame),
            Effect::CloseLink { connection, reason, retry_after } => {
                info!("the link to the master is closed: {reason}");
                self.link.close(connection, retry_after);
            }
            Effect::Launch(launch) => self.containers.launch(*launch),
            Effect::LaunchProcess(launch) => self.containers.launch_process(*launch),
            Effect::CancelLaunch(container) => self.containers.cancel(&container),
            Effect::Describe(watched) => self.containers.describe(watched),
            Effect::Watch(watched) => self.containers.watch(watched),
            Effect::Probe(probe) => self.prober.ask(*probe),
            Effect::Stop { task, name, grace } => self.containers.stop(task, name, grace),
            Effect::Remove(name) => self.containers.remove(name),
            Effect::Discard { task, container, name } => {
                self.containers.discard(task, container, name);
            }
            Effect::FindContainers => self.containers.find(self.label.0, self.label.1.clone()),
            Effect::FindEnd(name) => self.containers.find_end(name),
            Effect::FindProcesses => self.containers.find_processes(),
            Effect::ArmTimer { at, timer } => {
                self.armed += 1;
                self.timers.insert((at, self.armed), timer);
            }
            Effect::Exit(message) => {
                info!("the agent ends: {message}");
                self.stop.cancel();
            }
        }
    }

    /// Waits for the next timer that is due; for ever when none is armed.
    pub(super) async fn next_timer(&mut self) -> Timer {
        loop {
            let now = self.clock.now();
            match self.timers.first_entry() {
                None => std::future::pending().await,
                Some(first) if first.key().0 <= now => return first.remove(),
                Some(first) => tokio::time::sleep(first.key().0.duration_since(now)).await,
            }
        }
    }
}
