//! What goes wrong, and when: planned from the seed, ended by healing.

use std::time::Duration;

use model::Instant;

use crate::batch::Batch;
use crate::event::{Event, Place, Side};
use crate::machine::Machine;
use crate::machine::engine::Container;
use crate::node::Node;
use crate::store::Role;
use crate::world::World;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A process dies at one of its next steps.
    Kill(Place),
    /// A process does nothing for a while.
    Pause(Place),
    /// A machine loses its power.
    PowerOff(usize),
    /// A leadership ends, its process goes on.
    Depose(usize, Role),
    /// The link of an agent breaks.
    CutLink(usize),
    /// The same, and both sides notice at once.
    ResetLink(usize),
    /// A machine cannot reach anybody for a while.
    Isolate(usize),
    /// Marathon's event stream breaks.
    CutStream(usize),
    /// A container ends by itself.
    EndContainer(usize),
    /// Somebody removes a container by hand.
    RemoveContainer(usize),
    /// An engine does not answer for a while.
    StopEngine(usize),
    /// An engine takes calls and does not answer for a while, or until everything is healed.
    HangEngine(usize),
    /// A container runs and answers no check any more.
    Sicken(usize),
    /// A node's disk is full for a while.
    FillDisk(usize),
    /// A node is cut off from the other nodes, and agents and frameworks still reach it.
    Deafen(usize),
    /// The wall clock jumps.
    JumpClock,
}

/// What is wrong at present.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Whether the time of faults is over.
    pub(crate) is_over: bool,
    pub(crate) ends_at: Instant,
    /// Whether calls of the scheduler API are lost now and then.
    pub(crate) loses_calls: bool,
    /// How many containers in a hundred end by themselves soon.
    pub(crate) short_lives: u64,
}

impl World {
    /// Draws the shape of the world and everything that will go wrong in it.
    pub(crate) fn plan(&mut self) {
        let nodes = if self.random.percent(40) { 2 } else { 1 };
        let machines = self.random.between(2, 3);
        for node in 0..nodes {
            self.nodes.push(Node::default());
            let at = self.now + self.random.millis(0, 300);
            self.schedule(at, Event::StartNode(node));
        }
        for machine in 0..usize::try_from(machines).unwrap_or(2) {
            self.machines.push(Machine { is_reachable: true, ..Machine::default() });
            // The third one joins later.
            let latest = if machine < 2 { 500 } else { 40_000 };
            let at = self.now + self.random.millis(0, latest);
            self.schedule(at, Event::StartAgent(machine));
        }
        let wanted = self.random.pick(&[0, 1, 2, 3]).unwrap_or(0);
        self.batch = Batch::new(wanted);
        self.schedule(self.now + Duration::from_millis(900), Event::Batch);
        let begin = self.now;
        let length = self.random.millis(15_000, 100_000);
        self.faults.ends_at = begin + length;
        self.faults.loses_calls = self.random.percent(20);
        self.faults.short_lives = self.random.pick(&[0, 0, 10, 40]).unwrap_or(0);
        let count = self.random.pick(&[0, 3, 8, 15, 25, 40]).unwrap_or(0);
        let millis = u64::try_from(length.as_millis()).unwrap_or(0);
        for _ in 0..count {
            let fault = self.draw_fault();
            let at = begin + self.random.millis(1_500, millis);
            self.schedule(at, Event::Fault(fault));
        }
        if nodes > 1 && self.random.percent(70) {
            let at = begin + self.random.millis(3_000, millis);
            self.schedule(at, Event::Fault(Fault::Deafen(0)));
        }
        self.schedule(begin + Duration::from_millis(600), Event::Client);
        self.schedule(self.faults.ends_at, Event::Heal);
    }

    fn draw_fault(&mut self) -> Fault {
        let node = self.random.index(self.nodes.len());
        let machine = self.random.index(self.machines.len());
        match self.random.below(100) {
            0..16 => Fault::Kill(Place::Node(node)),
            16..36 => Fault::Kill(Place::Agent(machine)),
            36..42 => Fault::Pause(Place::Node(node)),
            42..47 => Fault::Pause(Place::Agent(machine)),
            47..55 => Fault::PowerOff(machine),
            55..60 => Fault::Depose(node, Role::Mesos),
            60..65 => Fault::Depose(node, Role::Marathon),
            65..72 => Fault::CutLink(machine),
            72..78 => Fault::Isolate(machine),
            78..83 => Fault::CutStream(node),
            83..86 => Fault::EndContainer(machine),
            86..89 => Fault::Sicken(machine),
            89..92 => Fault::RemoveContainer(machine),
            92..94 => Fault::HangEngine(machine),
            94..95 => Fault::StopEngine(machine),
            95..97 => Fault::FillDisk(node),
            97..99 => Fault::Deafen(node),
            _ => Fault::JumpClock,
        }
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        self.trace.note(self.now, || format!("fault: {fault:?}"));
        match fault {
            Fault::Kill(place) => self.light_fuse(place),
            Fault::Pause(place) => self.pause(place),
            Fault::PowerOff(machine) => {
                let away = self.absence();
                self.crash_machine(machine, away);
            }
            Fault::Depose(node, role) => {
                if self.lead_of(node, role).is_some() {
                    self.end_leadership(node, role);
                }
            }
            Fault::CutLink(machine) => {
                if let Some(connection) = self.link_of(machine) {
                    self.cut_soon(connection);
                }
            }
            Fault::ResetLink(machine) => {
                let soon = self.random.millis(0, 20);
                if let Some(connection) = self.link_of(machine) {
                    self.cut(connection, soon, soon);
                }
            }
            Fault::Isolate(machine) => self.isolate(machine),
            Fault::CutStream(node) => {
                let both = [self.stream_of(node), self.batch.stream()];
                if let Some(connection) = self.random.pick(&both).flatten() {
                    self.cut_soon(connection);
                }
            }
            Fault::EndContainer(machine) | Fault::RemoveContainer(machine) => {
                let containers = &self.machines[machine].engine.containers;
                let running = containers.iter().filter(|(_, container)| container.is_running());
                let names: Vec<String> = running.map(|(name, _)| name.clone()).collect();
                let Some(name) = self.random.pick(&names) else { return };
                match fault {
                    Fault::RemoveContainer(_) => {
                        let container = self.machines[machine].engine.containers.get(&name);
                        if let Some(task) = container.map(Container::task) {
                            self.check.started.removed_by_hand(&task);
                        }
                        self.remove_container(machine, &name);
                    }
                    _ => self.end_container(machine, &name, 1),
                }
            }
            Fault::StopEngine(machine) => {
                self.machines[machine].engine.is_down = true;
                let back = self.now + self.random.millis(500, 10_000);
                self.schedule(back, Event::EngineUp(machine));
            }
            Fault::HangEngine(machine) => {
                let length = match self.random.below(4) {
                    0 => self.faults.ends_at.duration_since(self.now),
                    1 => self.random.millis(8_000, 40_000),
                    _ => self.random.millis(200, 8_000),
                };
                self.hang_engine(machine, length);
            }
            Fault::Sicken(machine) => self.sicken(machine),
            Fault::FillDisk(node) => {
                let free = self.now + self.random.millis(200, 15_000);
                self.fill_disk(node, free);
            }
            Fault::Deafen(node) => {
                // Of most interest is the one that leads.
                let leading =
                    (0..self.nodes.len()).find(|node| self.lead_of(*node, Role::Mesos).is_some());
                self.deafen(leading.unwrap_or(node));
            }
            Fault::JumpClock => {
                let jump = i64::try_from(self.random.below(7_200_000)).unwrap_or(0) - 3_600_000;
                self.wall_offset += jump;
            }
        }
    }

    /// How long something stays away: mostly short, sometimes beyond everybody's patience.
    fn absence(&mut self) -> Duration {
        match self.random.below(10) {
            0 => self.random.millis(20_000, 80_000),
            1..4 => self.random.millis(2_000, 20_000),
            _ => self.random.millis(20, 2_000),
        }
    }

    fn light_fuse(&mut self, place: Place) {
        let steps = self.random.pick(&[0, 1, 2, 4, 8, 16, 40]).unwrap_or(0);
        let steps = self.random.between(0, steps);
        let incarnation = match place {
            Place::Node(node) => {
                self.nodes[node].fuse = Some(steps);
                self.nodes[node].incarnation
            }
            Place::Agent(machine) => {
                self.machines[machine].fuse = Some(steps);
                self.machines[machine].incarnation
            }
        };
        let at = self.now + Duration::from_secs(8);
        self.schedule(at, Event::Overdue { place, incarnation });
    }

    /// A process reaches its last step.
    pub(crate) fn die(&mut self, place: Place) {
        let away = if self.faults.is_over { Duration::from_millis(200) } else { self.absence() };
        match place {
            Place::Node(node) => self.crash_node(node, away),
            Place::Agent(machine) => self.crash_agent(machine, away),
        }
    }

    pub(crate) fn overdue(&mut self, place: Place, incarnation: u64) {
        let (present, fuse) = match place {
            Place::Node(node) => (self.nodes[node].incarnation, self.nodes[node].fuse),
            Place::Agent(machine) => {
                (self.machines[machine].incarnation, self.machines[machine].fuse)
            }
        };
        if present == incarnation && fuse.is_some() {
            self.die(place);
        }
    }

    fn pause(&mut self, place: Place) {
        let until = self.now + self.absence();
        match place {
            Place::Node(node) if self.nodes[node].is_up => {
                let paused_until = &mut self.nodes[node].paused_until;
                // What waits already comes back in its order only when nobody wakes up earlier.
                *paused_until = (*paused_until).max(Some(until));
                let session = self.nodes[node].proposer.session;
                self.expect_silence(node, session);
            }
            Place::Agent(machine) if self.machines[machine].agent.is_some() => {
                let paused_until = &mut self.machines[machine].paused_until;
                *paused_until = (*paused_until).max(Some(until));
            }
            Place::Node(_) | Place::Agent(_) => {}
        }
    }

    /// The network around such a node is bad for everybody: links break, and agents try one master after the other.
    fn deafen(&mut self, node: usize) {
        if self.nodes.len() == 1 || !self.nodes[node].is_up {
            return; // A single node is the whole quorum.
        }
        let length = self.random.millis(2_500, 8_000);
        self.nodes[node].deaf_until = Some(self.now + length);
        let session = self.nodes[node].proposer.session;
        self.expect_silence(node, session);
        let millis = u64::try_from(length.as_millis()).unwrap_or(0);
        for machine in 0..self.machines.len() {
            for _ in 0..6 {
                let at = self.now + self.random.millis(0, millis);
                self.schedule(at, Event::Fault(Fault::ResetLink(machine)));
            }
        }
    }

    fn cut_soon(&mut self, connection: u64) {
        let (master, remote) = (self.random.millis(0, 20_000), self.random.millis(0, 20_000));
        let soon = self.random.millis(0, 20);
        match self.random.below(3) {
            0 => self.cut(connection, soon, soon),
            1 => self.cut(connection, soon, remote),
            _ => self.cut(connection, master, soon),
        }
    }

    fn isolate(&mut self, machine: usize) {
        self.machines[machine].is_reachable = false;
        if let Some(connection) = self.link_of(machine) {
            self.cut_soon(connection);
        }
        let back = self.now + self.absence();
        self.schedule(back, Event::Reachable(machine));
    }

    /// Ends every fault; whatever is away comes back.
    pub(crate) fn heal(&mut self) {
        self.trace.note(self.now, || "all faults are healed".to_owned());
        self.faults.is_over = true;
        self.faults.loses_calls = false;
        // What is paused goes on by itself: its messages wait in their order.
        for node in 0..self.nodes.len() {
            self.nodes[node].fuse = None;
            self.free_disk(node);
            self.start_node(node);
        }
        for machine in 0..self.machines.len() {
            self.machines[machine].fuse = None;
            self.machines[machine].is_reachable = true;
            self.machines[machine].engine.is_down = false;
            self.engine_is_well(machine);
            self.start_agent(machine);
        }
        // Whoever still believes in a dead connection finds out.
        let broken = self.connections.iter().filter(|(_, connection)| connection.is_broken);
        for connection in broken.map(|(number, _)| *number).collect::<Vec<_>>() {
            let at = self.now + self.random.millis(1, 500);
            self.schedule(at, Event::Notice { connection, side: Side::Master });
            self.schedule(at, Event::Notice { connection, side: Side::Remote });
        }
    }
}
