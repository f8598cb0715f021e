//! The drivers of leaders, with the guarantees of `server/src/driver.rs` and no others.
//!
//! A driver applies what waits as one batch and proposes its writes as one entry; the other effects and the
//! snapshot wait until that entry, and every one before it, has committed. Next batches are applied
//! meanwhile. Released is in order: first the snapshot, then the effects. On a full disk a batch is proposed when
//! none is in front of it and it fits into what is left; until then it is held back, and nothing more is applied.

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

/// A batch whose writes are not proposed yet.
#[derive(Debug)]
struct Held<C: Core> {
    writes: Vec<RecordWrite>,
    effects: Vec<C::Effect>,
    snapshot: C::Snapshot,
}

/// Effects that wait for an entry.
#[derive(Debug)]
struct Batch<C: Core> {
    waits_for: Option<u64>,
    effects: Vec<C::Effect>,
    snapshot: C::Snapshot,
}

/// What writes to the log, whichever core it drives.
pub(crate) trait Proposing {
    /// The bytes of the batch that is to be proposed, if one is; on a full disk only with none in front of it.
    fn bytes_to_propose(&self, is_disk_full: bool) -> Option<usize>;

    /// The writes of that batch.
    fn writes_to_propose(&mut self) -> Vec<RecordWrite>;

    /// The batch was proposed: it waits until `waits_for` has committed.
    fn proposed(&mut self, waits_for: Option<u64>);
}

/// A core with what waits before and behind it.
#[derive(Debug)]
pub(crate) struct Driver<C: Core> {
    pub(crate) core: C,
    inbox: VecDeque<C::Command>,
    held: Option<Held<C>>,
    in_flight: VecDeque<Batch<C>>,
    /// A turn is scheduled.
    pub(crate) is_woken: bool,
}

impl<C: Core> Driver<C> {
    pub(crate) fn new(core: C) -> Self {
        let (inbox, in_flight) = (VecDeque::new(), VecDeque::new());
        Self { core, inbox, held: None, in_flight, is_woken: false }
    }

    pub(crate) fn push(&mut self, command: C::Command) {
        self.inbox.push_back(command);
    }

    /// Whether a turn would do anything.
    pub(crate) fn has_work(&self) -> bool {
        !self.inbox.is_empty() && self.held.is_none() && self.in_flight.len() < IN_FLIGHT
    }

    /// Applies everything that waits; writes are held back until they may be proposed.
    pub(crate) fn apply_waiting(&mut self, now: Instant, wall: Timestamp) {
        let (mut writes, mut effects) = (Vec::new(), Vec::new());
        for command in std::mem::take(&mut self.inbox) {
            for effect in self.core.apply(now, wall, command) {
                match C::into_write(effect) {
                    Ok(write) => writes.push(write),
                    Err(other) => effects.push(other),
                }
            }
        }
        let snapshot = self.core.snapshot();
        if writes.is_empty() {
            self.in_flight.push_back(Batch { waits_for: None, effects, snapshot });
        } else {
            self.held = Some(Held { writes, effects, snapshot });
        }
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

impl<C: Core> Proposing for Driver<C> {
    fn bytes_to_propose(&self, is_disk_full: bool) -> Option<usize> {
        let held = self.held.as_ref().filter(|_| self.in_flight.is_empty() || !is_disk_full)?;
        let value = |write: &RecordWrite| write.value.as_ref().map_or(0, bytes::Bytes::len);
        Some(held.writes.iter().map(|write| write.path.len() + value(write)).sum())
    }

    fn writes_to_propose(&mut self) -> Vec<RecordWrite> {
        self.held.as_mut().map(|held| std::mem::take(&mut held.writes)).unwrap_or_default()
    }

    fn proposed(&mut self, waits_for: Option<u64>) {
        if let Some(Held { effects, snapshot, .. }) = self.held.take() {
            self.in_flight.push_back(Batch { waits_for, effects, snapshot });
        }
    }
}
