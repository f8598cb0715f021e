//! The state machine: applies one entry after the other.
//!
//! Each entry gets one zxid, also a refused one. An entry is applied to a copy of the roots, which costs
//! O(1), and the copy becomes the state only when every part of the entry succeeded.

use std::sync::Arc;

use model::{RecordWrite, Timestamp};

use crate::staged::{Staged, bytes_of};
use crate::tree::Stamp;
use crate::{
    Change, ChangeKind, Chunk, Command, Entry, ErrorCode, Fence, MAX_STAGED_BYTES, Namespace,
    NodeId, Operation, OperationResult, Outcome, Records, Refusal, Session, SessionId, SessionKind,
    Tree, Write, Zxid, belongs_to_platform,
};

mod stored;

pub use stored::{Piece, RestoreError, Restoring, Stored, StoredNode};

/// The replicated state. A clone is a snapshot and costs O(1).
///
/// What must be stored of it: both namespaces, [`Self::sessions`] (each with its outcomes and staged chunks,
/// which its serialised form has), the zxid and the time. [`Self::changes`] is no state.
#[derive(Debug, Clone, Default)]
pub struct StateMachine {
    client: Tree,
    platform: Records,
    sessions: imbl::OrdMap<SessionId, Session>,
    zxid: Zxid,
    time: Timestamp,
    changes: Vec<Change>,
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

    /// What the last applied entry changed, in order. A machine that was restored has none.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether a write with this fence would apply: the session lives and owns its election node.
    ///
    /// # Errors
    /// The refusal that the write would get.
    pub fn check_fence(&self, fence: &Fence) -> Result<(), Refusal> {
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

    /// Applies one entry that was proposed in raft term `term`.
    ///
    /// Deterministic: equal states and entries give equal states and outcomes on every node. Terms must not
    /// go down from entry to entry.
    pub fn apply(&mut self, term: u64, entry: &Entry) -> Outcome {
        self.zxid = self.zxid.next(term);
        self.time = self.time.max(entry.time);
        self.changes.clear();
        match &entry.command {
            Command::OpenSession { session, node } => self.open_node_session(*session, *node),
            Command::CloseSession { session } => self.close_session(*session),
            Command::Write(write) => self.write(write, 0),
            Command::OpenClientSession { session, node, timeout_ms } => {
                self.open_session(*session, *node, SessionKind::Client { timeout_ms: *timeout_ms })
            }
            Command::Stage(chunk) => self.stage(chunk),
            Command::WriteStaged { write, chunks } => self.write(write, *chunks),
        }
    }

    fn applied(&self) -> Outcome {
        Outcome::Applied { zxid: self.zxid, results: Vec::new() }
    }

    /// Opens the session of a new incarnation. Sessions of clients stay: they move to another process.
    fn open_node_session(&mut self, id: SessionId, node: NodeId) -> Outcome {
        let is_older = |session: &Session| session.node == node && session.is_platform();
        let older: Vec<_> = self
            .sessions()
            .filter(|(other, session)| is_older(session) && *other != id)
            .map(|(other, _)| other)
            .collect();
        for other in older {
            self.close_session(other);
        }
        self.open_session(id, node, SessionKind::Node)
    }

    fn open_session(&mut self, id: SessionId, node: NodeId, kind: SessionKind) -> Outcome {
        if !self.sessions.contains_key(&id) {
            self.sessions.insert(id, Session::new(node, kind));
        }
        self.applied()
    }

    fn close_session(&mut self, id: SessionId) -> Outcome {
        if self.sessions.remove(&id).is_some() {
            for path in self.client.end_session(self.zxid, id) {
                let (namespace, kind) = (Namespace::Client, ChangeKind::Deleted);
                self.changes.push(Change { namespace, path, kind });
            }
        }
        self.applied()
    }

    /// Lays a chunk aside. A repeat of one whose write is done with changes nothing.
    fn stage(&mut self, chunk: &Chunk) -> Outcome {
        let Some(session) = self.sessions.get_mut(&chunk.session) else {
            return Outcome::Refused(Refusal::SessionClosed { session: chunk.session });
        };
        let is_done =
            chunk.sequence < session.answered || session.outcomes.contains_key(&chunk.sequence);
        if is_done {
            return Outcome::Refused(Refusal::Forgotten { sequence: chunk.sequence });
        }
        if !session.is_platform() {
            return Outcome::Refused(Refusal::NotPlatform { session: chunk.session });
        }
        if let Some(error) = chunk.records.iter().find_map(|record| Records::check(record).err()) {
            return Outcome::Refused(Refusal::Record(error));
        }
        if session.staged_bytes().saturating_add(bytes_of(&chunk.records)) > MAX_STAGED_BYTES {
            return Outcome::Refused(Refusal::TooMuchStaged { session: chunk.session });
        }
        session.staged.entry(chunk.sequence).or_default().add(chunk.index, &chunk.records);
        self.applied()
    }

    /// Applies a write, to which `chunks` staged ones belong.
    fn write(&mut self, write: &Write, chunks: u32) -> Outcome {
        let Some(session) = self.sessions.get(&write.session) else {
            return Outcome::Refused(Refusal::SessionClosed { session: write.session });
        };
        if let Some(outcome) = session.outcomes.get(&write.sequence) {
            return outcome.clone();
        }
        if write.sequence < session.answered {
            return Outcome::Refused(Refusal::Forgotten { sequence: write.sequence });
        }
        let staged = session.staged.get(&write.sequence).cloned().unwrap_or_default();
        let is_platform = session.is_platform();
        let outcome = if staged.is_complete(chunks) {
            match self.perform(write, is_platform, &staged) {
                Ok(results) => Outcome::Applied { zxid: self.zxid, results },
                Err(refusal) => Outcome::Refused(refusal),
            }
        } else {
            Outcome::Refused(Refusal::Incomplete { sequence: write.sequence, chunks })
        };
        if let Some(session) = self.sessions.get_mut(&write.session) {
            session.staged.remove(&write.sequence);
            session.forget_below(write.answered);
            session.outcomes.insert(write.sequence, outcome.clone());
        }
        outcome
    }

    /// Does what a write asks for, or nothing of it.
    fn perform(
        &mut self,
        write: &Write,
        is_platform: bool,
        staged: &Staged,
    ) -> Result<Vec<OperationResult>, Refusal> {
        if let Some(fence) = &write.fence {
            self.check_fence(fence)?;
        }
        if !is_platform && !write.records.is_empty() {
            return Err(Refusal::NotPlatform { session: write.session });
        }
        let stamp = Stamp { session: write.session, zxid: self.zxid, time: self.time };
        let mut client = self.client.clone();
        let mut results = Vec::with_capacity(write.operations.len());
        for (index, operation) in (0..).zip(&write.operations) {
            let result = if is_platform || !touches_platform(operation) {
                client.perform(stamp, operation)
            } else {
                Err(ErrorCode::NoAuth)
            };
            results.push(result.map_err(|code| Refusal::Failed { index, code })?);
        }
        for record in &write.records {
            Records::check(record).map_err(Refusal::Record)?;
        }
        self.client = client;
        self.changes.extend(write.operations.iter().zip(&results).filter_map(change_of));
        for record in staged.records().chain(&write.records) {
            self.write_record(record);
        }
        Ok(results)
    }

    fn write_record(&mut self, record: &RecordWrite) {
        if let Some(kind) = self.platform.write(self.zxid, record) {
            let path = Arc::from(record.path.as_str());
            self.changes.push(Change { namespace: Namespace::Platform, path, kind });
        }
    }
}

/// Whether an operation changes, or would make, a node that belongs to the platform.
fn touches_platform(operation: &Operation) -> bool {
    match operation {
        Operation::Create { path, .. }
        | Operation::Delete { path, .. }
        | Operation::SetData { path, .. } => belongs_to_platform(path),
        Operation::Check { .. } => false,
    }
}

/// What an operation that succeeded changed.
fn change_of((operation, result): (&Operation, &OperationResult)) -> Option<Change> {
    let (path, kind) = match (operation, result) {
        (_, OperationResult::Created { path, .. }) => (path, ChangeKind::Created),
        (Operation::Delete { path, .. }, _) => (path, ChangeKind::Deleted),
        (Operation::SetData { path, .. }, _) => (path, ChangeKind::Set),
        (Operation::Create { .. } | Operation::Check { .. }, _) => return None,
    };
    Some(Change { namespace: Namespace::Client, path: Arc::clone(path), kind })
}

#[cfg(test)]
mod tests;
