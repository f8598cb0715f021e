//! A master node: one process with the Mesos master and Marathon, its session and its two elections.
//!
//! Modelled on `server/src/master/election.rs` and `server/src/marathon/leading.rs`: stand, lead, be deposed or
//! fail to write, drop the core with all that is speculative in it, stand again.

pub(crate) mod disk;
pub(crate) mod marathon;
pub(crate) mod master;
pub(crate) mod scheduler;

use std::sync::Arc;
use std::time::Duration;

use model::Instant;
use zookeeper_core::{Fence, OperationResult, Outcome, SessionId};

use self::disk::Disk;
use self::marathon::MarathonLead;
use self::master::MasterLead;
use crate::bug::Bug;
use crate::driver::Proposing;
use crate::election::{self, Leader};
use crate::event::{Event, NodeEvent, Place};
use crate::store::{Origin, Proposer, Role};
use crate::world::World;

/// Where a process stands in an election.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Seat {
    #[default]
    Out,
    /// The candidate's node is being made.
    Standing,
    Candidate(Arc<str>),
    Leading(Arc<str>),
}

/// A node and its process.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) is_up: bool,
    pub(crate) incarnation: u64,
    pub(crate) paused_until: Option<Instant>,
    /// The process is cut off from the others: it hears nothing of elections, and its entries wait.
    pub(crate) deaf_until: Option<Instant>,
    /// Who leads, as far as the process has heard.
    known: [Option<Leader>; 2],
    pub(crate) disk: Disk,
    /// The process may act until then.
    pub(crate) lease_until: Option<Instant>,
    /// When the leader of raft has last heard of the process.
    pub(crate) renewed_at: Instant,
    /// Steps until the process dies.
    pub(crate) fuse: Option<u64>,
    /// The session that the first entry of the process opens.
    pub(crate) opening: Option<SessionId>,
    pub(crate) proposer: Proposer,
    pub(crate) seats: [Seat; 2],
    pub(crate) master: Option<MasterLead>,
    pub(crate) marathon: Option<MarathonLead>,
}

fn index(role: Role) -> usize {
    match role {
        Role::Mesos => 0,
        Role::Marathon => 1,
    }
}

impl World {
    pub(crate) fn start_node(&mut self, node: usize) {
        if self.nodes[node].is_up {
            return;
        }
        self.trace.note(self.now, || format!("node {node}: starts"));
        self.store.term += 1;
        let process = &mut self.nodes[node];
        process.is_up = true;
        process.incarnation += 1;
        process.paused_until = None;
        process.fuse = None;
        process.seats = [Seat::Out, Seat::Out];
        process.known = Role::ALL.map(|role| election::leader(&self.store.state, role));
        self.open_session(node);
    }

    /// The process ends at once, with everything that it had in memory.
    pub(crate) fn crash_node(&mut self, node: usize, restart_after: Duration) {
        if !self.nodes[node].is_up {
            return;
        }
        self.trace.note(self.now, || format!("node {node}: dies"));
        self.leave_proposals(node);
        self.orphan_connections(Place::Node(node), false);
        let process = &mut self.nodes[node];
        process.is_up = false;
        process.fuse = None;
        process.paused_until = None;
        process.lease_until = None;
        process.master = None;
        process.marathon = None;
        let session = process.proposer.session.take().or(process.opening);
        self.client_lost(node, None);
        self.expect_silence(node, session);
        self.schedule(self.now + restart_after, Event::StartNode(node));
    }

    pub(crate) fn node_event(&mut self, node: usize, what: NodeEvent) {
        match what {
            NodeEvent::Answer { proposal, origin, outcome } => {
                self.answered(node, proposal);
                self.answer(node, proposal, origin, outcome);
            }
            NodeEvent::Renew => self.renew_lease(node),
            NodeEvent::Renewed { sent, session } => self.lease_renewed(node, sent, session),
            NodeEvent::Look => self.look(node),
            NodeEvent::Stand(role) => self.stand(node, role),
            NodeEvent::NoSpace(role) => self.no_space(node, role),
            NodeEvent::Storage => self.storage_seen(node),
            NodeEvent::Withdraw(path) => self.propose_delete(node, path),
            NodeEvent::Drive { role: Role::Mesos, lead } => self.drive_master(node, lead),
            NodeEvent::Drive { role: Role::Marathon, lead } => self.drive_marathon(node, lead),
            NodeEvent::Timer { lead, timer } => {
                if self.nodes[node].master.as_ref().is_some_and(|master| master.lead == lead) {
                    self.tell_master(node, master_core::Command::Timer(timer));
                }
            }
            NodeEvent::Alarm { lead, generation } => self.alarm(node, lead, generation),
            NodeEvent::WallClock { lead } => self.tell_wall_clock(node, lead),
            NodeEvent::Subscribe { lead } => self.subscribe(node, lead),
            NodeEvent::CallAnswered { lead, number, is_ok } => {
                self.call_answered(node, lead, number, is_ok);
            }
            NodeEvent::CallOverdue { lead, number } => {
                self.call_answered(node, lead, number, false);
            }
        }
    }

    fn answer(&mut self, node: usize, proposal: u64, origin: Origin, outcome: Outcome) {
        match (origin, outcome) {
            (Origin::Opening, _) => {
                self.nodes[node].proposer.session = self.nodes[node].opening.take();
                self.renew_lease(node);
                for role in Role::ALL {
                    self.stand(node, role);
                }
            }
            (Origin::Candidacy(role), Outcome::Applied { results, .. }) => {
                let Some(OperationResult::Created { path, .. }) = results.last() else { return };
                self.nodes[node].seats[index(role)] = Seat::Candidate(Arc::clone(path));
                self.look(node);
            }
            // Another candidate made the folders meanwhile, or the session is over.
            (Origin::Candidacy(role), Outcome::Refused(_)) => {
                self.nodes[node].seats[index(role)] = Seat::Out;
                self.later_node(node, Duration::from_millis(50), NodeEvent::Stand(role));
            }
            (Origin::Batch(role, lead), Outcome::Applied { .. }) => {
                self.batch_committed(node, role, lead, proposal);
            }
            (Origin::Batch(role, lead), Outcome::Refused(refusal)) => {
                if self.lead_of(node, role) == Some(lead) {
                    self.trace.note(self.now, || {
                        format!("node {node}: {role:?} cannot write: {refusal}")
                    });
                    self.end_leadership(node, role);
                }
            }
            (Origin::Nobody, _) => {}
        }
    }

    fn no_space(&mut self, node: usize, role: Role) {
        self.nodes[node].seats[index(role)] = Seat::Out;
        self.later_node(node, Duration::from_millis(500), NodeEvent::Stand(role));
    }

    fn stand(&mut self, node: usize, role: Role) {
        if self.nodes[node].seats[index(role)] != Seat::Out
            || self.nodes[node].proposer.session.is_none()
        {
            return;
        }
        self.nodes[node].seats[index(role)] = Seat::Standing;
        if !self.nodes[node].disk.takes_reserve() {
            let delay = self.random.micros(10, 300);
            return self.later_node(node, delay, NodeEvent::NoSpace(role));
        }
        let operations = election::candidacy(&self.store.state, role, node);
        self.propose(node, Origin::Candidacy(role), None, operations, Vec::new());
    }

    /// Takes note of who leads.
    pub(crate) fn look(&mut self, node: usize) {
        if let Some(until) = self.deaf_until(node) {
            let delay = until.duration_since(self.now) + self.random.micros(10, 30_000);
            self.later_node(node, delay, NodeEvent::Look);
            return;
        }
        let Some(session) = self.nodes[node].proposer.session else { return };
        if self.store.state.session(session).is_none() {
            // The session was closed while this process was silent: it begins anew.
            let pause = self.random.millis(10, 500);
            self.crash_node(node, pause);
            return;
        }
        for role in Role::ALL {
            if !self.nodes[node].is_up {
                return; // It died at a step of taking over.
            }
            let leader = election::leader(&self.store.state, role);
            self.nodes[node].known[index(role)].clone_from(&leader);
            match self.nodes[node].seats[index(role)].clone() {
                Seat::Candidate(path) => {
                    if let Some(leader) = leader.filter(|leader| leader.path == path) {
                        self.nodes[node].seats[index(role)] = Seat::Leading(Arc::clone(&path));
                        let fence = Fence { session, node: path, epoch: leader.epoch };
                        self.lead(node, role, fence);
                    }
                }
                Seat::Leading(path) => {
                    if leader.is_none_or(|leader| leader.path != path) {
                        self.end_leadership(node, role);
                    }
                }
                Seat::Out | Seat::Standing => {}
            }
            if role == Role::Mesos {
                self.master_may_have_changed(node);
            }
        }
    }

    fn lead(&mut self, node: usize, role: Role, fence: Fence) {
        self.trace
            .note(self.now, || format!("node {node}: leads {role:?}, epoch {}", fence.epoch.0));
        match role {
            Role::Mesos => self.lead_mesos(node, fence),
            Role::Marathon => self.lead_marathon(node, fence),
        }
    }

    /// A leadership does what has become possible.
    pub(crate) fn go_on(&mut self, node: usize, role: Role, lead: u64) {
        match role {
            Role::Mesos => self.go_on_master(node, lead),
            Role::Marathon => self.go_on_marathon(node, lead),
        }
    }

    /// What a leadership writes with, and in whose name.
    fn proposer(
        &mut self,
        node: usize,
        role: Role,
        lead: u64,
    ) -> Option<(&mut dyn Proposing, &Fence)> {
        let node = &mut self.nodes[node];
        match role {
            Role::Mesos => {
                node.master.as_mut().filter(|master| master.lead == lead).map(MasterLead::proposer)
            }
            Role::Marathon => node
                .marathon
                .as_mut()
                .filter(|marathon| marathon.lead == lead)
                .map(MarathonLead::proposer),
        }
    }

    /// Proposes the batch of a leadership that is held back, when there is one and it has room.
    fn propose_batch(&mut self, node: usize, role: Role, lead: u64) {
        let is_full = self.nodes[node].disk.is_full;
        let Some((proposer, _)) = self.proposer(node, role, lead) else { return };
        let Some(bytes) = proposer.bytes_to_propose(is_full) else { return };
        if !self.has_room_for(node, bytes) || !self.burn(Place::Node(node)) {
            return;
        }
        let Some((proposer, fence)) = self.proposer(node, role, lead) else { return };
        let (writes, fence) = (proposer.writes_to_propose(), fence.clone());
        let origin = Origin::Batch(role, lead);
        let Some(proposal) = self.propose(node, origin, Some(fence), Vec::new(), writes) else {
            return self.end_leadership(node, role);
        };
        let early = self.options.bug == Some(Bug::ReleaseBeforeDurable);
        if let Some((proposer, _)) = self.proposer(node, role, lead) {
            proposer.proposed(Some(proposal).filter(|_| !early));
        }
    }

    fn batch_committed(&mut self, node: usize, role: Role, lead: u64, proposal: u64) {
        match role {
            Role::Mesos => self.master_committed(node, lead, proposal),
            Role::Marathon => self.marathon_committed(node, lead, proposal),
        }
    }

    /// Who leads, as far as the process has heard.
    pub(crate) fn known_leader(&self, node: usize, role: Role) -> Option<Leader> {
        self.nodes[node].known[index(role)].clone()
    }

    /// The end of the time in which a process is cut off, if it is.
    pub(crate) fn deaf_until(&self, node: usize) -> Option<Instant> {
        self.nodes[node].deaf_until.filter(|until| *until > self.now)
    }

    /// The number of the leadership that a process has.
    pub(crate) fn lead_of(&self, node: usize, role: Role) -> Option<u64> {
        match role {
            Role::Mesos => self.nodes[node].master.as_ref().map(|master| master.lead),
            Role::Marathon => self.nodes[node].marathon.as_ref().map(|marathon| marathon.lead),
        }
    }

    /// Drops the core and everything that hangs on it; the process stands again after a pause.
    pub(crate) fn end_leadership(&mut self, node: usize, role: Role) {
        self.trace.note(self.now, || format!("node {node}: leads {role:?} no more"));
        let pause = match role {
            Role::Mesos => {
                self.close_all_of_master(node);
                self.nodes[node].master = None;
                Duration::from_millis(500)
            }
            Role::Marathon => {
                self.end_subscription(node, false);
                let lead = self.lead_of(node, Role::Marathon);
                self.client_lost(node, lead);
                self.nodes[node].marathon = None;
                Duration::from_millis(250)
            }
        };
        let seat = std::mem::take(&mut self.nodes[node].seats[index(role)]);
        if let Seat::Leading(path) | Seat::Candidate(path) = seat {
            self.propose_delete(node, path);
        }
        self.later_node(node, pause, NodeEvent::Stand(role));
    }
}
