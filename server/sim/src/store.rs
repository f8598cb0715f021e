//! The replicated state machine, and what production guarantees about writes to it.
//!
//! Entries of one node apply in the order in which they were proposed, after a while. Of the entries that a
//! dying process leaves behind, some beginning still applies and nobody hears of it. A caller's answer comes
//! after its entry has been applied. On a full disk only what has room is proposed (`node/disk.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use model::{Instant, RecordWrite};
use zookeeper_core::{
    Command, Entry, Fence, NodeId, Operation, Outcome, Records, SessionId, StateMachine, Write,
};

use crate::bug::Bug;
use crate::event::{Event, NodeEvent};
use crate::world::World;

/// What can be led.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Mesos,
    Marathon,
}

impl Role {
    pub(crate) const ALL: [Self; 2] = [Self::Mesos, Self::Marathon];
}

/// Who waits for the outcome of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The start of a process.
    Opening,
    /// A candidate for leadership.
    Candidacy(Role),
    /// A batch of a leadership's driver.
    Batch(Role, u64),
    /// Nobody.
    Nobody,
}

/// An entry that was proposed and is not applied yet.
#[derive(Debug)]
pub(crate) struct Proposal {
    incarnation: u64,
    origin: Origin,
    command: Command,
}

/// What a node's proposer knows.
#[derive(Debug, Default)]
pub(crate) struct Proposer {
    /// The session that writes, and the number of its next write.
    pub(crate) session: Option<SessionId>,
    next: u64,
    unanswered: BTreeSet<u64>,
    by_proposal: BTreeMap<u64, u64>,
    /// Entries under way, in order.
    waiting: BTreeMap<u64, Proposal>,
    last_commit: Instant,
    last_answer: Instant,
}

impl Proposer {
    /// Begins with a new session; what the old process left behind stays under way.
    pub(crate) fn restart(&mut self) {
        self.session = None;
        self.next = 0;
        self.unanswered.clear();
        self.by_proposal.clear();
    }
}

/// The state and its numbers.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) state: StateMachine,
    /// The platform's records before the last change.
    before: Records,
    pub(crate) term: u64,
    proposals: u64,
    sessions: u64,
}

impl World {
    pub(crate) fn open_session(&mut self, node: usize) {
        self.store.sessions += 1;
        let session = SessionId(self.store.sessions);
        self.nodes[node].proposer.restart();
        self.nodes[node].opening = Some(session);
        let command = Command::OpenSession { session, node: NodeId(node as u64) };
        self.enqueue(node, Origin::Opening, command);
    }

    /// The records below a path, as a new leader loads them.
    pub(crate) fn load(&self, prefix: &str) -> BTreeMap<String, Bytes> {
        let records = match self.options.bug {
            Some(Bug::LoadsTooEarly) => &self.store.before,
            Some(_) | None => self.store.state.platform(),
        };
        let stored = records.under(prefix);
        stored.map(|(path, record)| (path.to_owned(), record.value.clone())).collect()
    }

    /// Proposes a write of the node's session; says its number, by which the answer is known.
    pub(crate) fn propose(
        &mut self,
        node: usize,
        origin: Origin,
        fence: Option<Fence>,
        operations: Vec<Operation>,
        records: Vec<RecordWrite>,
    ) -> Option<u64> {
        let mut session = self.nodes[node].proposer.session?;
        let proposer = &mut self.nodes[node].proposer;
        let sequence = proposer.next;
        proposer.next += 1;
        let answered = proposer.unanswered.first().copied().unwrap_or(sequence);
        proposer.unanswered.insert(sequence);
        let mut fence = fence;
        if self.options.bug == Some(Bug::FenceNotChecked) && fence.take().is_some() {
            // Whichever session is open takes the write.
            session = self.store.state.sessions().last().map_or(session, |(open, _)| open);
        }
        let write = Write { session, sequence, answered, fence, operations, records };
        let write = match self.options.bug {
            // Numbers of another session would be taken for repeats.
            Some(Bug::FenceNotChecked) => {
                Write { sequence: self.store.proposals + 1_000_000, answered: 0, ..write }
            }
            Some(_) | None => write,
        };
        let proposal = self.enqueue(node, origin, Command::Write(write));
        self.nodes[node].proposer.by_proposal.insert(proposal, sequence);
        Some(proposal)
    }

    /// Withdraws a candidacy, or resigns; again and again where the log cannot grow, since an election node that stayed
    /// would lead with nobody behind it.
    pub(crate) fn propose_delete(&mut self, node: usize, path: Arc<str>) {
        if !self.nodes[node].disk.takes_reserve() {
            let pause = std::time::Duration::from_millis(500);
            return self.later_node(node, pause, NodeEvent::Withdraw(path));
        }
        let delete = Operation::Delete { path, version: None };
        self.propose(node, Origin::Nobody, None, vec![delete], Vec::new());
    }

    fn enqueue(&mut self, node: usize, origin: Origin, command: Command) -> u64 {
        self.store.proposals += 1;
        let number = self.store.proposals;
        let delay = if self.random.percent(3) {
            self.random.millis(20, 400)
        } else {
            self.random.micros(200, 5_000)
        };
        let at = self.now + delay;
        let incarnation = self.nodes[node].incarnation;
        let proposer = &mut self.nodes[node].proposer;
        let at = at.max(proposer.last_commit + std::time::Duration::from_nanos(1));
        proposer.last_commit = at;
        proposer.waiting.insert(number, Proposal { incarnation, origin, command });
        self.schedule(at, Event::Commit { node, proposal: number });
        number
    }

    /// Decides which of the entries that a dead process left behind still apply: some beginning.
    pub(crate) fn leave_proposals(&mut self, node: usize) {
        let incarnation = self.nodes[node].incarnation;
        let waiting = &self.nodes[node].proposer.waiting;
        let own: Vec<u64> = waiting
            .iter()
            .filter(|(_, proposal)| proposal.incarnation == incarnation)
            .map(|(number, _)| *number)
            .collect();
        let kept = self.random.index(own.len() + 1);
        for lost in &own[kept..] {
            self.nodes[node].proposer.waiting.remove(lost);
        }
    }

    pub(crate) fn commit(&mut self, node: usize, number: u64) {
        if let Some(until) = self.deaf_until(node) {
            let at = until + std::time::Duration::from_nanos(1);
            return self.schedule(at, Event::Commit { node, proposal: number });
        }
        let Some(proposal) = self.nodes[node].proposer.waiting.remove(&number) else { return };
        let Proposal { incarnation, origin, command } = proposal;
        let entry = Entry { time: self.wall(), command };
        let outcome = self.apply_entry(&entry);
        let delay = self.random.micros(0, 300);
        let at = (self.now + delay).max(self.nodes[node].proposer.last_answer);
        let at = at + std::time::Duration::from_nanos(1);
        self.nodes[node].proposer.last_answer = at;
        let what = NodeEvent::Answer { proposal: number, origin, outcome };
        self.schedule(at, Event::Node { node, incarnation, what });
    }

    pub(crate) fn apply_entry(&mut self, entry: &Entry) -> Outcome {
        let before = self.store.state.client().clone();
        if matches!(&entry.command, Command::Write(write) if !write.records.is_empty()) {
            self.store.before = self.store.state.platform().clone();
        }
        let outcome = self.store.state.apply(self.store.term, entry);
        self.trace.note(self.now, || match &entry.command {
            Command::Write(write) => {
                let paths: Vec<_> = write
                    .records
                    .iter()
                    .map(|r| format!("{}{}", if r.value.is_some() { "+" } else { "-" }, r.path))
                    .collect();
                let kind =
                    if matches!(outcome, Outcome::Applied { .. }) { "applied" } else { "REFUSED" };
                format!("log: {kind} {paths:?} {:?} fence {:?}", write.operations, write.fence)
            }
            command => format!("log: {command:?}"),
        });
        if !before.is_same(self.store.state.client()) {
            for node in 0..self.nodes.len() {
                let delay = self.random.micros(100, 30_000);
                self.later_node(node, delay, NodeEvent::Look);
            }
        }
        outcome
    }

    /// The outcome of an entry reached the process that proposed it.
    pub(crate) fn answered(&mut self, node: usize, proposal: u64) {
        let proposer = &mut self.nodes[node].proposer;
        if let Some(sequence) = proposer.by_proposal.remove(&proposal) {
            proposer.unanswered.remove(&sequence);
        }
    }
}
