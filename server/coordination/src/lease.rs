//! The times of leases (design D2): how long a process may act, and when its session is closed.
//!
//! Two pure state machines on opposite sides. [`Holder`] belongs to the process that acts: it may act until
//! its deadline and no moment longer. [`Deadlines`] belongs to the raft leader: it says whose session must be
//! closed. Neither reads a clock; every time is a reading of the boot-time clock of the machine it runs on.
//!
//! Invariant: a holder's deadline has passed before the raft leader closes its session for silence, however
//! long a message travels or a process sleeps, as long as no clock drifts by more than 10 %.

use std::collections::BTreeMap;
use std::time::Duration;

use model::Instant;
use zookeeper_core::SessionId;

#[cfg(test)]
mod tests;

/// How often a process asks for its lease again.
pub const RENEWED_EVERY: Duration = Duration::from_millis(100);
/// How long the raft leader may act after the question that a quorum has acknowledged last was put.
pub const QUORUM_LEASE: Duration = Duration::from_millis(320);
/// How long any other node may act after it sent the renewal that was answered last.
pub const RENEWAL_LEASE: Duration = Duration::from_millis(480);
/// How long after the receipt of a renewal the raft leader closes the session.
pub const SESSION_TIMEOUT: Duration = Duration::from_millis(600);
/// How long after a peer's connection was reset, and a new one refused, its session is closed.
pub const REFUSED_TIMEOUT: Duration = Duration::from_millis(150);

/// Who has confirmed that a process may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// A quorum, to the raft leader itself.
    ByQuorum,
    /// The raft leader, to another node.
    ByLeader,
}

/// The lease of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holder {
    until: Instant,
}

impl Holder {
    /// Takes an answer to a question that was put at `sent`. Late and reordered answers shorten nothing.
    pub fn confirmed(&mut self, sent: Instant, by: Confirmed) {
        let lease = match by {
            Confirmed::ByQuorum => QUORUM_LEASE,
            Confirmed::ByLeader => RENEWAL_LEASE,
        };
        self.until = self.until.max(sent + lease);
    }

    /// Gives the lease up: the session is closed.
    pub fn ended(&mut self) {
        self.until = Instant::ZERO;
    }

    /// The first moment at which the process may not act any more.
    pub const fn until(&self) -> Instant {
        self.until
    }

    /// Whether the process may act at `now`.
    pub fn is_held(&self, now: Instant) -> bool {
        now < self.until
    }
}

/// When the raft leader closes which session. Its own session is not among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deadlines {
    by_session: BTreeMap<SessionId, Instant>,
}

impl Deadlines {
    /// Takes notice of the open sessions: a new one has the full time from `now`, one that is gone has none.
    ///
    /// A node that comes to lead raft begins with an empty value, so every session has the full time then.
    pub fn observe(&mut self, open: impl IntoIterator<Item = SessionId>, now: Instant) {
        let mut before = std::mem::take(&mut self.by_session);
        for session in open {
            let deadline = before.remove(&session).unwrap_or(now + SESSION_TIMEOUT);
            self.by_session.insert(session, deadline);
        }
    }

    /// A renewal of the session was received at `now`.
    pub fn renewed(&mut self, session: SessionId, now: Instant) {
        if let Some(deadline) = self.by_session.get_mut(&session) {
            *deadline = (*deadline).max(now + SESSION_TIMEOUT);
        }
    }

    /// The connection to the session's process was reset at `now` and a new one refused: the process is gone.
    pub fn refused(&mut self, session: SessionId, now: Instant) {
        if let Some(deadline) = self.by_session.get_mut(&session) {
            *deadline = (*deadline).min(now + REFUSED_TIMEOUT);
        }
    }

    /// The session is of the node that led raft before, and this node came to lead by time-out: by then the
    /// lease of the former leader has ended.
    pub fn outvoted(&mut self, session: SessionId, now: Instant) {
        if let Some(deadline) = self.by_session.get_mut(&session) {
            *deadline = (*deadline).min(now);
        }
    }

    /// The close of the session was proposed at `now`; while it is not applied it is due again after a while.
    pub fn closing(&mut self, session: SessionId, now: Instant) {
        if let Some(deadline) = self.by_session.get_mut(&session) {
            *deadline = now + SESSION_TIMEOUT;
        }
    }

    /// The sessions that must be closed now, in order of their ids.
    pub fn due(&self, now: Instant) -> impl Iterator<Item = SessionId> {
        let is_due = move |deadline: &Instant| *deadline <= now;
        self.by_session.iter().filter(move |(_, at)| is_due(at)).map(|(session, _)| *session)
    }
}
