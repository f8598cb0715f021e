//! The stored form of the state: pieces that are written one after the other and taken back in that order.
//!
//! A piece is small beside the state, so neither side ever holds the whole state twice. What follows from
//! other pieces (the children of a node, the ephemeral nodes of a session) is not stored.
//!
//! Invariants: a piece that was ever written stays readable, new forms get a new variant of [`Stored`]; the
//! restored state answers every entry as the stored one would. Checksums, files and the position in the log
//! are not this module's business.

use std::sync::Arc;

use bytes::Bytes;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::StateMachine;
use crate::{Record, Session, SessionId, Znode, Zxid};

/// A piece and the version of its form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stored {
    /// The first form.
    V1(Piece),
}

/// One piece of a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// The number and the time of the last entry applied; the first piece.
    Clock {
        /// The number.
        zxid: Zxid,
        /// The time.
        time: Timestamp,
    },
    /// An open session.
    Session {
        /// Its id.
        id: SessionId,
        /// All of it.
        session: Session,
    },
    /// A node of the client tree, after its parent.
    Node {
        /// Where it stands.
        path: Arc<str>,
        /// What it holds, and its counters.
        node: StoredNode,
    },
    /// A record of the platform.
    Record {
        /// Its path.
        path: Arc<str>,
        /// What is stored there.
        value: Bytes,
        /// The entry that created it.
        czxid: Zxid,
        /// The entry that last put it.
        mzxid: Zxid,
    },
}

/// A [`Znode`] without its children.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredNode {
    data: Bytes,
    czxid: Zxid,
    mzxid: Zxid,
    pzxid: Zxid,
    ctime: Timestamp,
    mtime: Timestamp,
    version: i32,
    creates: i32,
    ephemeral_owner: Option<SessionId>,
}

impl From<&Znode> for StoredNode {
    fn from(node: &Znode) -> Self {
        // Every field is named, so that a new one cannot be forgotten here.
        let Znode {
            data,
            czxid,
            mzxid,
            pzxid,
            ctime,
            mtime,
            version,
            creates,
            ephemeral_owner,
            children: _,
        } = node;
        Self {
            data: data.clone(),
            czxid: *czxid,
            mzxid: *mzxid,
            pzxid: *pzxid,
            ctime: *ctime,
            mtime: *mtime,
            version: *version,
            creates: *creates,
            ephemeral_owner: *ephemeral_owner,
        }
    }
}

impl From<StoredNode> for Znode {
    fn from(stored: StoredNode) -> Self {
        let StoredNode {
            data,
            czxid,
            mzxid,
            pzxid,
            ctime,
            mtime,
            version,
            creates,
            ephemeral_owner,
        } = stored;
        Self {
            data,
            czxid,
            mzxid,
            pzxid,
            ctime,
            mtime,
            version,
            creates,
            ephemeral_owner,
            children: imbl::OrdSet::new(),
        }
    }
}

impl StateMachine {
    /// The pieces of this state, in the order in which [`Restoring`] wants them.
    pub fn pieces(&self) -> impl Iterator<Item = Stored> {
        // Every field is named, so that a new one cannot be forgotten here.
        let Self { client, platform, sessions, zxid, time, changes: _ } = self;
        let clock = Piece::Clock { zxid: *zxid, time: *time };
        let sessions = sessions
            .iter()
            .map(|(id, session)| Piece::Session { id: *id, session: session.clone() });
        let nodes = client
            .iter()
            .map(|(path, node)| Piece::Node { path: path.into(), node: StoredNode::from(node) });
        let records = platform.iter().map(|(path, record)| {
            let Record { value, czxid, mzxid } = record;
            Piece::Record { path: path.into(), value: value.clone(), czxid: *czxid, mzxid: *mzxid }
        });
        std::iter::once(clock).chain(sessions).chain(nodes).chain(records).map(Stored::V1)
    }
}

/// Why pieces do not make a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The clock is not the first piece, or comes twice.
    #[error("the stored state has no single clock at its beginning")]
    Clock,
    /// A node comes before its parent.
    #[error("the stored node `{path}` has no parent before it")]
    Orphan {
        /// The node.
        path: Arc<str>,
    },
}

/// A state that is put together from its pieces.
#[derive(Debug, Default)]
pub struct Restoring {
    machine: StateMachine,
    has_clock: bool,
}

impl Restoring {
    /// Takes the next piece.
    ///
    /// # Errors
    /// When the pieces are not in the order of [`StateMachine::pieces`].
    pub fn take(&mut self, piece: Stored) -> Result<(), RestoreError> {
        let Stored::V1(piece) = piece;
        if matches!(piece, Piece::Clock { .. }) == self.has_clock {
            return Err(RestoreError::Clock);
        }
        match piece {
            Piece::Clock { zxid, time } => {
                self.has_clock = true;
                (self.machine.zxid, self.machine.time) = (zxid, time);
            }
            Piece::Session { id, session } => {
                self.machine.sessions.insert(id, session);
            }
            Piece::Node { path, node } => {
                if !self.machine.client.put_back(Arc::clone(&path), node.into()) {
                    return Err(RestoreError::Orphan { path });
                }
            }
            Piece::Record { path, value, czxid, mzxid } => {
                self.machine.platform.put_back(path, Record { value, czxid, mzxid });
            }
        }
        Ok(())
    }

    /// The state, once all pieces were taken.
    ///
    /// # Errors
    /// When there was no piece.
    pub fn finish(self) -> Result<StateMachine, RestoreError> {
        if self.has_clock { Ok(self.machine) } else { Err(RestoreError::Clock) }
    }
}
