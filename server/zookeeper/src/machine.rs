//! The state machine: applies one entry after the other.
//!
//! Each entry gets one zxid, also a refused one. An entry is applied to a copy of the roots, which costs
//! O(1), and the copy becomes the state only when every part of the entry succeeded.

use model::Timestamp;

use crate::tree::Change;
use crate::{
    Command, Entry, Fence, NodeId, OperationResult, Outcome, Records, Refusal, Session, SessionId,
    Tree, Write, Zxid,
};

/// The replicated state. A clone is a snapshot and costs O(1).
#[derive(Debug, Clone, Default)]
pub struct StateMachine {
    client: Tree,
    platform: Records,
    sessions: imbl::OrdMap<SessionId, Session>,
    zxid: Zxid,
    time: Timestamp,
}

impl StateMachine {
    /// The tree that ZooKeeper clients see.
    pub fn client(&self) -> &Tree {
        &self.client
    }

    /// The platform's records.
    pub fn platform(&self) -> &Records {
        &self.platform
    }

    /// The session, when it is open.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// All open sessions, in order of their ids.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.sessions.iter().map(|(id, session)| (*id, session))
    }

    /// The number of the last entry applied.
    pub fn zxid(&self) -> Zxid {
        self.zxid
    }

    /// Applies one entry that was proposed in raft term `term`.
    ///
    /// Deterministic: equal states and entries give equal states and outcomes on every node. Terms must not
    /// go down from entry to entry.
    pub fn apply(&mut self, term: u64, entry: &Entry) -> Outcome {
        self.zxid = self.zxid.next(term);
        self.time = self.time.max(entry.time);
        match &entry.command {
            Command::OpenSession { session, node } => self.open_session(*session, *node),
            Command::CloseSession { session } => self.close_session(*session),
            Command::Write(write) => self.write(write),
        }
    }

    fn applied(&self) -> Outcome {
        Outcome::Applied { zxid: self.zxid, results: Vec::new() }
    }

    fn open_session(&mut self, id: SessionId, node: NodeId) -> Outcome {
        let older: Vec<_> = self
            .sessions()
            .filter(|(other, session)| session.node == node && *other != id)
            .map(|(other, _)| other)
            .collect();
        for other in older {
            self.close_session(other);
        }
        if !self.sessions.contains_key(&id) {
            self.sessions.insert(id, Session::new(node));
        }
        self.applied()
    }

    fn close_session(&mut self, id: SessionId) -> Outcome {
        if self.sessions.remove(&id).is_some() {
            self.client.end_session(self.zxid, id);
        }
        self.applied()
    }

    fn write(&mut self, write: &Write) -> Outcome {
        let Some(session) = self.sessions.get(&write.session) else {
            return Outcome::Refused(Refusal::SessionClosed { session: write.session });
        };
        if let Some(outcome) = session.outcomes.get(&write.sequence) {
            return outcome.clone();
        }
        if write.sequence < session.answered {
            return Outcome::Refused(Refusal::Forgotten { sequence: write.sequence });
        }
        let outcome = match self.perform(write) {
            Ok(results) => Outcome::Applied { zxid: self.zxid, results },
            Err(refusal) => Outcome::Refused(refusal),
        };
        if let Some(session) = self.sessions.get_mut(&write.session) {
            session.forget_below(write.answered);
            session.outcomes.insert(write.sequence, outcome.clone());
        }
        outcome
    }

    fn perform(&mut self, write: &Write) -> Result<Vec<OperationResult>, Refusal> {
        if let Some(fence) = &write.fence {
            self.check_fence(fence)?;
        }
        let change = Change { session: write.session, zxid: self.zxid, time: self.time };
        let mut client = self.client.clone();
        let mut results = Vec::with_capacity(write.operations.len());
        for (index, operation) in (0..).zip(&write.operations) {
            let result = client.perform(change, operation);
            results.push(result.map_err(|code| Refusal::Failed { index, code })?);
        }
        for record in &write.records {
            Records::check(record).map_err(Refusal::Record)?;
        }
        for record in &write.records {
            self.platform.write(self.zxid, record);
        }
        self.client = client;
        Ok(results)
    }

    fn check_fence(&self, fence: &Fence) -> Result<(), Refusal> {
        if !self.sessions.contains_key(&fence.session) {
            return Err(Refusal::SessionClosed { session: fence.session });
        }
        let holds = self.client.get(&fence.node).is_some_and(|node| {
            node.ephemeral_owner == Some(fence.session) && node.czxid.as_u64() == fence.epoch.0
        });
        if holds {
            Ok(())
        } else {
            Err(Refusal::Deposed { session: fence.session, node: fence.node.to_string() })
        }
    }
}

#[cfg(test)]
mod tests;
