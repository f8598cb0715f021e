//! The drivers of leaders, with the guarantees of `server/src/driver.rs` and no others.
//!
//! A driver applies what waits as one batch and proposes its writes as one entry; the other effects and the
//! snapshot are held until that entry, and every one before it, has committed. Next batches are applied
//! meanwhile. Released is in order: first the snapshot, then the effects.

use std::collections::VecDeque;

use model::{Instant, RecordWrite, Timestamp};

/// Batches whose writes have not committed yet.
const IN_FLIGHT: usize = 8;

/// A core as a driver sees it.
pub(crate) trait Core {
    type Command: std::fmt::Debug;
    type Effect: std::fmt::Debug;
    type Snapshot: std::fmt::Debug;

    fn apply(&mut self, now: Instant, wall: Timestamp, command: Self::Command)
    -> Vec<Self::Effect>;
    fn snapshot(&self) -> Self::Snapshot;
    /// The write, when the effect is one; the effect itself otherwise.
    fn into_write(effect: Self::Effect) -> Result<RecordWrite, Self::Effect>;
}

impl Core for master_core::Master {
    type Command = master_core::Command;
    type Effect = master_core::Effect;
    type Snapshot = master_core::Snapshot;

    fn apply(
        &mut self,
        now: Instant,
        wall: Timestamp,
        command: Self::Command,
    ) -> Vec<Self::Effect> {
        Self::apply(self, now, wall, command)
    }

    fn snapshot(&self) -> Self::Snapshot {
        Self::snapshot(self)
    }

    fn into_write(effect: Self::Effect) -> Result<RecordWrite, Self::Effect> {
        match effect {
            master_core::Effect::Persist(write) => Ok(write),
            other => Err(other),
        }
    }
}

impl Core for marathon_core::Marathon {
    type Command = marathon_core::Command;
    type Effect = marathon_core::Effect;
    type Snapshot = marathon_core::Snapshot;

    fn apply(&mut self, now: Instant, _: Timestamp, command: Self::Command) -> Vec<Self::Effect> {
        Self::apply(self, now, command)
    }

    fn snapshot(&self) -> Self::Snapshot {
        Self::snapshot(self)
    }

    fn into_write(effect: Self::Effect) -> Result<RecordWrite, Self::Effect> {
        match effect {
            marathon_core::Effect::Persist(write) => Ok(write),
            other => Err(other),
        }
    }
}

/// Effects that wait for an entry.
#[derive(Debug)]
struct Batch<C: Core> {
    waits_for: Option<u64>,
    effects: Vec<C::Effect>,
    snapshot: C::Snapshot,
}

/// A core with what waits before and behind it.
#[derive(Debug)]
pub(crate) struct Driver<C: Core> {
    pub(crate) core: C,
    inbox: VecDeque<C::Command>,
    in_flight: VecDeque<Batch<C>>,
    /// A turn is scheduled.
    pub(crate) is_woken: bool,
}

impl<C: Core> Driver<C> {
    pub(crate) fn new(core: C) -> Self {
        Self { core, inbox: VecDeque::new(), in_flight: VecDeque::new(), is_woken: false }
    }

    pub(crate) fn push(&mut self, command: C::Command) {
        self.inbox.push_back(command);
    }

    /// Whether a turn would do anything.
    pub(crate) fn has_work(&self) -> bool {
        !self.inbox.is_empty() && self.in_flight.len() < IN_FLIGHT
    }

    /// Applies everything that waits; gives the writes and the other effects.
    pub(crate) fn apply_waiting(
        &mut self,
        now: Instant,
        wall: Timestamp,
    ) -> (Vec<RecordWrite>, Vec<C::Effect>) {
        let (mut writes, mut others) = (Vec::new(), Vec::new());
        for command in std::mem::take(&mut self.inbox) {
            for effect in self.core.apply(now, wall, command) {
                match C::into_write(effect) {
                    Ok(write) => writes.push(write),
                    Err(other) => others.push(other),
                }
            }
        }
        (writes, others)
    }

    /// Holds a batch until `waits_for` has committed.
    pub(crate) fn hold(&mut self, waits_for: Option<u64>, effects: Vec<C::Effect>) {
        let snapshot = self.core.snapshot();
        self.in_flight.push_back(Batch { waits_for, effects, snapshot });
    }

    pub(crate) fn committed(&mut self, proposal: u64) {
        for batch in &mut self.in_flight {
            if batch.waits_for == Some(proposal) {
                batch.waits_for = None;
            }
        }
    }

    /// The oldest batch, if it waits for nothing.
    pub(crate) fn release(&mut self) -> Option<(C::Snapshot, Vec<C::Effect>)> {
        self.in_flight.front().filter(|batch| batch.waits_for.is_none())?;
        let batch = self.in_flight.pop_front()?;
        Some((batch.snapshot, batch.effects))
    }
}
