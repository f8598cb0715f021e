//! The lease of a process: until when it may act as whatever it leads.
//!
//! A process asks the leader of raft every 100 ms, and its lease ends 480 ms after it has sent the last question that
//! was answered. The session of a silent process is closed 600 ms after its last question arrived, so its lease is over
//! before anybody can take its place.
//!
//! Source: design D2.1 and D2.3; `server/coordination/src/lease.rs`.

use std::time::Duration;

use zookeeper_core::{Command, Entry, SessionId};

use crate::bug::Bug;
use crate::event::{Event, NodeEvent, Place};
use crate::store::Role;
use crate::world::World;

const RENEWAL: Duration = Duration::from_millis(100);
/// From the sending of a question.
const LEASE: Duration = Duration::from_millis(480);
/// From the arrival of a question.
const PATIENCE: Duration = Duration::from_millis(600);

impl World {
    /// Whether a process may act at this moment.
    pub(crate) fn holds_lease(&self, node: usize) -> bool {
        matches!(
            self.options.bug,
            Some(Bug::LeaseNotChecked | Bug::EpochNotChecked | Bug::FenceNotChecked)
        ) || self.nodes[node].lease_until.is_some_and(|until| until > self.now)
    }

    pub(crate) fn renew_lease(&mut self, node: usize) {
        self.later_node(node, RENEWAL, NodeEvent::Renew);
        if self.deaf_until(node).is_some() {
            return;
        }
        let Some(session) = self.nodes[node].proposer.session else { return };
        self.nodes[node].renewed_at = self.now;
        let delay = self.random.micros(200, 5_000);
        self.later_node(node, delay, NodeEvent::Renewed { sent: self.now, session });
    }

    /// The lease goes on, and with it whoever waited for it.
    pub(crate) fn lease_renewed(&mut self, node: usize, sent: model::Instant, session: SessionId) {
        if self.nodes[node].proposer.session != Some(session) {
            return;
        }
        if self.store.state.session(session).is_none() {
            return self.look(node); // The answer says so.
        }
        let was_held = self.holds_lease(node);
        self.nodes[node].lease_until = self.nodes[node].lease_until.max(Some(sent + LEASE));
        if was_held || !self.holds_lease(node) {
            return;
        }
        for role in Role::ALL {
            if let Some(lead) = self.lead_of(node, role) {
                self.go_on(node, role, lead);
            }
        }
    }

    /// With other nodes about, the session of a silent one is closed after a while.
    pub(crate) fn expect_silence(&mut self, node: usize, session: Option<SessionId>) {
        if let Some(session) = session {
            let delay = self.random.millis(600, 900);
            self.schedule(self.now + delay, Event::LeaseEnds { node, session });
        }
    }

    /// The leader of raft closes the session of a node that has been silent for too long.
    pub(crate) fn lease_ends(&mut self, node: usize, session: SessionId) {
        let is_silent = !self.is_responsive(Place::Node(node)) || self.deaf_until(node).is_some();
        if !is_silent || self.nodes.len() == 1 {
            return;
        }
        let deadline = self.nodes[node].renewed_at + PATIENCE;
        if self.now < deadline {
            // It was heard of meanwhile, and has fallen silent once more.
            return self.schedule(deadline, Event::LeaseEnds { node, session });
        }
        self.store.term += 1;
        let entry = Entry { time: self.wall(), command: Command::CloseSession { session } };
        self.apply_entry(&entry);
    }
}
