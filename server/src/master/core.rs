//! `master_core::Master` as the driver wants it.

use master_core::{Command, Effect, Master, Snapshot};
use model::{Instant, RecordWrite, Timestamp};

use crate::driver::{Core, Persisting};

/// A command with the wall-clock time at which it came in.
#[derive(Debug)]
pub(crate) struct Stamped {
    pub(crate) wall: Timestamp,
    pub(crate) command: Command,
}

impl Core for Master {
    type Command = Stamped;
    type Effect = Effect;
    type Snapshot = Snapshot;

    fn apply(&mut self, now: Instant, stamped: Stamped) -> Vec<Effect> {
        Self::apply(self, now, stamped.wall, stamped.command)
    }

    fn snapshot(&self) -> Snapshot {
        Self::snapshot(self)
    }
}

impl Persisting for Effect {
    fn into_write(self) -> Result<RecordWrite, Self> {
        match self {
            Self::Persist(write) => Ok(write),
            other => Err(other),
        }
    }
}
