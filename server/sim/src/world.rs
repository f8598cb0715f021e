//! The simulated world and its one loop: take the next event, let it happen, check what must hold.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Instant, Timestamp};

use crate::batch::Batch;
use crate::bug::Bug;
use crate::client::Client;
use crate::event::{Event, NodeEvent, Place};
use crate::faults::Faults;
use crate::invariants::Checks;
use crate::machine::Machine;
use crate::network::Connection;
use crate::node::Node;
use crate::random::Random;
use crate::store::Store;
use crate::trace::Trace;

/// Milliseconds since 1970 at which a world begins.
const BEGINNING: i64 = 1_700_000_000_000;
/// More events than any run needs; reached when something goes round in circles.
const MOST_EVENTS: u64 = 3_000_000;

/// How a world is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The bug that it has.
    pub bug: Option<Bug>,
    /// Whether the last events are kept for reading.
    pub traces: bool,
}

/// What must hold and did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant.
    pub invariant: &'static str,
    /// What was found.
    pub found: String,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) now: Instant,
    queue: BTreeMap<(Instant, u64), Event>,
    sequence: u64,
    pub(crate) events: u64,
    pub(crate) random: Random,
    /// How far the wall clock is off, in milliseconds.
    pub(crate) wall_offset: i64,
    /// Numbers of connections and leaderships.
    pub(crate) minted: u64,
    pub(crate) store: Store,
    pub(crate) nodes: Vec<Node>,
    pub(crate) machines: Vec<Machine>,
    pub(crate) connections: BTreeMap<u64, Connection>,
    pub(crate) client: Client,
    pub(crate) batch: Batch,
    pub(crate) faults: Faults,
    pub(crate) check: Checks,
    pub(crate) trace: Trace,
    pub(crate) violation: Option<Violation>,
}

impl World {
    /// A world with nothing running yet; the first events start it.
    pub(crate) fn new(seed: u64, options: Options) -> Self {
        let mut world = Self {
            options,
            now: Instant::from_secs(1_000),
            queue: BTreeMap::new(),
            sequence: 0,
            events: 0,
            random: Random::new(seed),
            wall_offset: 0,
            minted: 0,
            store: Store::default(),
            nodes: Vec::new(),
            machines: Vec::new(),
            connections: BTreeMap::new(),
            client: Client::default(),
            batch: Batch::default(),
            faults: Faults::default(),
            check: Checks::default(),
            trace: Trace::new(options.traces),
            violation: None,
        };
        world.plan();
        world
    }

    pub(crate) fn wall(&self) -> Timestamp {
        let passed = i64::try_from(self.now.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(BEGINNING + passed + self.wall_offset)
    }

    pub(crate) fn schedule(&mut self, at: Instant, event: Event) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), event);
    }

    /// Schedules something for the present process of a node.
    pub(crate) fn later_node(&mut self, node: usize, delay: Duration, what: NodeEvent) {
        let incarnation = self.nodes[node].incarnation;
        self.schedule(self.now + delay, Event::Node { node, incarnation, what });
    }

    pub(crate) fn fail(&mut self, invariant: &'static str, found: String) {
        self.trace.note(self.now, || format!("VIOLATED {invariant}: {found}"));
        if self.violation.is_none() {
            self.violation = Some(Violation { invariant, found });
        }
    }

    pub(crate) fn fail_if(&mut self, found: Option<Violation>) {
        if let Some(Violation { invariant, found }) = found {
            self.fail(invariant, found);
        }
    }

    /// Takes one step of a process; false when it dies there.
    pub(crate) fn burn(&mut self, place: Place) -> bool {
        let fuse = match place {
            Place::Node(node) => &mut self.nodes[node].fuse,
            Place::Agent(machine) => &mut self.machines[machine].fuse,
        };
        let Some(left) = fuse else { return self.is_alive(place) };
        if *left > 0 {
            *left -= 1;
            return true;
        }
        self.die(place);
        false
    }

    /// Whether a process lives and is not paused.
    pub(crate) fn is_responsive(&self, place: Place) -> bool {
        let paused_until = match place {
            Place::Node(node) => self.nodes[node].paused_until,
            Place::Agent(machine) => self.machines[machine].paused_until,
        };
        self.is_alive(place) && paused_until.is_none_or(|until| until < self.now)
    }

    fn is_alive(&self, place: Place) -> bool {
        match place {
            Place::Node(node) => self.nodes[node].is_up,
            Place::Agent(machine) => self.machines[machine].agent.is_some(),
        }
    }

    /// Runs until there is a violation, or nothing is left to happen before `end`.
    pub(crate) fn run_until(&mut self, end: Instant) {
        while self.violation.is_none() {
            let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) else {
                break;
            };
            let ((at, _), event) = entry.remove_entry();
            self.now = self.now.max(at);
            self.events += 1;
            if self.events > MOST_EVENTS {
                return self.fail("progress", "too many events: something goes round".to_owned());
            }
            self.dispatch(event);
        }
        self.now = self.now.max(end);
    }

    /// The process that an event is for, and the incarnation that it means.
    fn addressee(&self, event: &Event) -> Option<(Place, Option<u64>)> {
        match event {
            Event::Node { node, incarnation, .. } => Some((Place::Node(*node), Some(*incarnation))),
            Event::CallArrives { node, .. } | Event::BatchCall { node, .. } => {
                Some((Place::Node(*node), None))
            }
            Event::Agent { machine, incarnation, .. } => {
                Some((Place::Agent(*machine), Some(*incarnation)))
            }
            Event::Deliver { connection, to, .. } | Event::Notice { connection, side: to } => {
                let known = self.connections.get(connection)?;
                Some((known.place(*to)?, None))
            }
            Event::StartNode(_)
            | Event::StartAgent(_)
            | Event::Engine { .. }
            | Event::Commit { .. }
            | Event::LeaseEnds { .. }
            | Event::Client
            | Event::Batch
            | Event::Fault(_)
            | Event::Overdue { .. }
            | Event::DiskFree(_)
            | Event::Reachable(_)
            | Event::EngineUp(_)
            | Event::EngineWell(_)
            | Event::Heal => None,
        }
    }

    fn dispatch(&mut self, event: Event) {
        if let Some((place, incarnation)) = self.addressee(&event) {
            let (is_up, present, paused_until) = match place {
                Place::Node(node) => {
                    let node = &self.nodes[node];
                    (node.is_up, node.incarnation, node.paused_until)
                }
                Place::Agent(machine) => {
                    let machine = &self.machines[machine];
                    (machine.agent.is_some(), machine.incarnation, machine.paused_until)
                }
            };
            if !is_up || incarnation.is_some_and(|incarnation| incarnation != present) {
                return;
            }
            if let Some(until) = paused_until {
                if until >= self.now {
                    return self.schedule(until + Duration::from_nanos(1), event);
                }
                self.resume(place);
            }
        }
        self.happen(event);
    }

    fn resume(&mut self, place: Place) {
        match place {
            Place::Node(node) => self.nodes[node].paused_until = None,
            Place::Agent(machine) => self.machines[machine].paused_until = None,
        }
        self.trace.note(self.now, || format!("{place:?} goes on"));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::StartNode(node) => self.start_node(node),
            Event::Node { node, what, .. } => self.node_event(node, what),
            Event::StartAgent(machine) => self.start_agent(machine),
            Event::Agent { machine, what, .. } => self.agent_event(machine, what),
            Event::Engine { machine, boot, what } => {
                if self.machines[machine].boot == boot {
                    self.engine_event(machine, what);
                }
            }
            Event::Commit { node, proposal } => self.commit(node, proposal),
            Event::LeaseEnds { node, session } => self.lease_ends(node, session),
            Event::Deliver { connection, to, message } => self.deliver(connection, to, message),
            Event::Notice { connection, side } => self.notice(connection, side),
            Event::CallArrives { node, caller, stream, call } => {
                self.call_arrives(node, caller, stream, *call);
            }
            Event::Client => self.client_acts(),
            Event::Batch => self.batch_turn(),
            Event::BatchCall { node, lead, stream, call } => {
                self.batch_call_arrives(node, lead, stream, call);
            }
            Event::Fault(fault) => self.fault(fault),
            Event::Overdue { place, incarnation } => self.overdue(place, incarnation),
            Event::DiskFree(node) => self.free_disk(node),
            Event::Reachable(machine) => self.machines[machine].is_reachable = true,
            Event::EngineUp(machine) => self.machines[machine].engine.is_down = false,
            Event::EngineWell(machine) => self.engine_is_well(machine),
            Event::Heal => self.heal(),
        }
    }
}
