//! The one task that owns the agent's state: commands in, journal written, effects out.
//!
//! All records of a batch are in the journal before any other effect of the batch is begun. The driver decides nothing about the domain.
//! Where the disk is so full that a batch cannot be journalled, the driver stands still with it and tries again until there is space.

use std::sync::Arc;
use std::time::Duration;

use agent_core::{Agent, Command, Effect, Entry, Record, Snapshot};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::journal::{self, Journal};
use super::ports::Ports;
use super::work_dir::{self, WorkDir};
use crate::clock::Clock;

/// Commands taken at once; only what already waits is taken.
const BATCH: usize = 1_024;

/// Pause before a full disk is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Why the driver had to give up.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Journal(#[from] journal::Error),
    #[error(transparent)]
    WorkDir(#[from] work_dir::Error),
}

impl Error {
    fn is_disk_full(&self) -> bool {
        match self {
            Self::Journal(error) => error.is_disk_full(),
            Self::WorkDir(error) => error.is_disk_full(),
        }
    }
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
    /// What the journal lacks of this process's beginning.
    pub(super) first_records: Vec<Record>,
    /// What the core was last told about the disk.
    pub(super) has_room: bool,
}

impl Driver {
    /// Runs until the stop.
    pub(super) async fn run(&mut self) -> Result<(), Error> {
        let records = std::mem::take(&mut self.first_records).into_iter().map(Effect::Journal);
        let effects = records.chain(self.core.start()).collect();
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
            let told = self.look_at_disk();
            for command in told.into_iter().chain(batch.drain(..)) {
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
        if !self.written(&records).await? {
            return Ok(()); // The stop came first; nobody has seen anything of the batch.
        }
        self.make_short().await?;
        self.publisher.send_replace(Arc::new(self.core.snapshot()));
        for effect in others {
            self.ports.release(effect);
        }
        Ok(())
    }

    /// News about the disk, for the core to hear before anything else.
    fn look_at_disk(&mut self) -> Option<Command> {
        let has_room = self.journal.has_room();
        if has_room == std::mem::replace(&mut self.has_room, has_room) {
            return None;
        }
        let disk = self.work_dir.path().display();
        if has_room {
            info!("there is space again below `{disk}`; new tasks are taken");
        } else {
            warn!("the disk is full below `{disk}`: new tasks are refused, those that run go on");
        }
        Some(Command::DiskChanged { is_full: !has_room })
    }

    /// Writes the records, however long there is no space for them; false when the stop came first.
    async fn written(&mut self, records: &[Record]) -> Result<bool, Error> {
        let mut is_told = false;
        loop {
            match self.write(records).await {
                Err(error) if error.is_disk_full() => {
                    if !std::mem::replace(&mut is_told, true) {
                        warn!(
                            "the agent stands still until there is disk space; its containers run on: {error}"
                        );
                    }
                }
                written => return written.map(|()| true),
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(false),
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    async fn write(&mut self, records: &[Record]) -> Result<(), Error> {
        for Record::V1(entry) in records {
            if let Entry::Admitted { agent } = entry {
                self.work_dir.admit(agent.as_str())?;
            }
        }
        Ok(self.journal.append(records).await?)
    }

    /// Makes the journal short when that is worth it; one that there is no space for stays long.
    async fn make_short(&mut self) -> Result<(), Error> {
        if !self.journal.is_long() || !self.has_room {
            return Ok(());
        }
        match self.journal.rewrite(&self.core.checkpoint()).await {
            Err(error) if error.is_disk_full() => {
                debug!("the journal stays long: {error}");
                Ok(())
            }
            written => Ok(written?),
        }
    }
}
