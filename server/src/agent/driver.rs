//! The one task that owns the agent's state: commands in, journal written, effects out.
//!
//! All records of a batch are in the journal before any other effect of the batch is begun. The driver decides nothing about the domain.

use std::sync::Arc;

use agent_core::{Agent, Command, Effect, Entry, Record, Snapshot};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::journal::{self, Journal};
use super::ports::Ports;
use super::work_dir::{self, WorkDir};
use crate::clock::Clock;

/// Commands taken at once; only what already waits is taken.
const BATCH: usize = 1_024;

/// Why the driver had to give up.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Journal(#[from] journal::Error),
    #[error(transparent)]
    WorkDir(#[from] work_dir::Error),
}

/// The driver and all that it owns.
pub(super) struct Driver {
    pub(super) core: Agent,
    pub(super) clock: Clock,
    pub(super) journal: Journal,
    pub(super) work_dir: WorkDir,
    pub(super) ports: Ports,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) publisher: watch::Sender<Arc<Snapshot>>,
    pub(super) stop: CancellationToken,
}

impl Driver {
    /// Runs until the stop.
    pub(super) async fn run(&mut self) -> Result<(), Error> {
        let effects = self.core.start();
        self.release(effects).await?;
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                timer = self.ports.next_timer() => batch.push(Command::TimerFired(timer)),
                taken = self.commands.recv_many(&mut batch, BATCH) => if taken == 0 { return Ok(()) },
            }
            let (now, wall) = (self.clock.now(), self.clock.wall());
            let mut effects = Vec::new();
            for command in batch.drain(..) {
                debug!(command = command.name(), "command");
                effects.extend(self.core.apply(now, wall, command));
            }
            self.release(effects).await?;
        }
    }

    async fn release(&mut self, effects: Vec<Effect>) -> Result<(), Error> {
        let mut records = Vec::new();
        let mut others = Vec::with_capacity(effects.len());
        for effect in effects {
            match effect {
                Effect::Journal(record) => records.push(record),
                other => others.push(other),
            }
        }
        for Record::V1(entry) in &records {
            if let Entry::Admitted { agent } = entry {
                self.work_dir.admit(agent.as_str())?;
            }
        }
        self.journal.append(&records).await?;
        if self.journal.is_long() {
            self.journal.rewrite(&self.core.checkpoint()).await?;
        }
        self.publisher.send_replace(Arc::new(self.core.snapshot()));
        for effect in others {
            self.ports.release(effect);
        }
        Ok(())
    }
}
