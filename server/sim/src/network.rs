//! Connections: ordered each way, delayed, and dead with everything that is under way.
//!
//! Nothing orders what travels on two connections. A connection ends in one of three ways: closed by one side
//! (the other reads to the end first), closed by the kernel of a dead process (likewise, or cut), or broken,
//! which each side notices in its own time.

use std::time::Duration;

use master_core::{Command, LinkId, StreamId};
use model::Instant;

use crate::bug::Bug;
use crate::event::{Event, Message, Place, Side};
use crate::world::World;

/// What a connection is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The link of an agent; the number is the agent's own for the connection.
    Link { machine: usize, link: LinkId, connection: u64 },
    /// The event stream of Marathon on a node.
    Stream { marathon: usize, lead: u64, stream: StreamId },
    /// The event stream of the second framework.
    Batch { stream: StreamId },
}

/// A connection to a leading master.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) kind: Kind,
    /// The node of the master, and its leadership.
    pub(crate) node: usize,
    pub(crate) lead: u64,
    /// The incarnation of the other process.
    pub(crate) incarnation: u64,
    pub(crate) is_broken: bool,
    last: [Instant; 2],
}

impl Connection {
    /// The process at one end, if it is one that can die.
    pub(crate) fn place(&self, side: Side) -> Option<Place> {
        match side {
            Side::Master => Some(Place::Node(self.node)),
            Side::Remote => self.remote(),
        }
    }

    fn remote(&self) -> Option<Place> {
        match self.kind {
            Kind::Link { machine, .. } => Some(Place::Agent(machine)),
            Kind::Stream { marathon, .. } => Some(Place::Node(marathon)),
            Kind::Batch { .. } => None,
        }
    }
}

impl World {
    pub(crate) fn connect(&mut self, kind: Kind, node: usize, lead: u64, incarnation: u64) -> u64 {
        self.minted += 1;
        let connection =
            Connection { kind, node, lead, incarnation, is_broken: false, last: [self.now; 2] };
        self.connections.insert(self.minted, connection);
        self.minted
    }

    pub(crate) fn send(&mut self, connection: u64, to: Side, message: Message) {
        let delay = match self.random.below(20) {
            0 => self.random.millis(5, 250),
            _ => self.random.micros(50, 4_000),
        };
        let reorders = self.options.bug == Some(Bug::LinkReorders);
        let now = self.now;
        let Some(known) = self.connections.get_mut(&connection) else { return };
        if known.is_broken {
            return;
        }
        let mut at = now + delay;
        let is_link = matches!(known.kind, Kind::Link { .. });
        if !(reorders && is_link) {
            let last = &mut known.last[usize::from(to == Side::Remote)];
            at = at.max(*last + Duration::from_nanos(1));
            *last = at;
        }
        self.schedule(at, Event::Deliver { connection, to, message });
    }

    /// Cuts a connection; each side notices within its own delay.
    pub(crate) fn cut(&mut self, connection: u64, master: Duration, remote: Duration) {
        let Some(known) = self.connections.get_mut(&connection) else { return };
        if std::mem::replace(&mut known.is_broken, true) {
            return;
        }
        self.trace.note(self.now, || format!("net: connection {connection} is cut"));
        self.schedule(self.now + master, Event::Notice { connection, side: Side::Master });
        self.schedule(self.now + remote, Event::Notice { connection, side: Side::Remote });
    }

    /// The process at one end is gone.
    pub(crate) fn orphan_connections(&mut self, place: Place, machine_is_gone: bool) {
        let mut ends = Vec::new();
        for (number, connection) in &self.connections {
            if connection.is_broken {
                continue;
            }
            if Place::Node(connection.node) == place {
                ends.push((*number, Side::Remote));
            } else if connection.remote() == Some(place) {
                ends.push((*number, Side::Master));
            }
        }
        for (connection, other) in ends {
            if machine_is_gone {
                // Nobody answers any more; whoever does not write finds out late.
                let late = self.random.millis(50, 25_000);
                self.cut(connection, late, late);
            } else if self.random.percent(50) {
                // What was written before is still delivered.
                self.send(connection, other, Message::Fin);
            } else {
                let soon = self.random.millis(0, 300);
                self.cut(connection, soon, soon);
            }
        }
    }

    pub(crate) fn deliver(&mut self, connection: u64, to: Side, message: Message) {
        let is_broken = self.connections.get(&connection).is_none_or(|known| known.is_broken);
        if !is_broken {
            match to {
                Side::Master => self.deliver_to_master(connection, message),
                Side::Remote => self.deliver_to_remote(connection, message),
            }
        }
    }

    pub(crate) fn notice(&mut self, connection: u64, side: Side) {
        match side {
            Side::Master => self.deliver_to_master(connection, Message::Fin),
            Side::Remote => self.deliver_to_remote(connection, Message::Fin),
        }
    }

    fn deliver_to_master(&mut self, connection: u64, message: Message) {
        let Some(known) = self.connections.get(&connection) else { return };
        let (node, lead, kind) = (known.node, known.lead, known.kind.clone());
        let Some(master) = self.nodes[node].master.as_mut().filter(|m| m.lead == lead) else {
            return;
        };
        let command = match (kind, message) {
            (Kind::Link { link, .. }, Message::Agent(frame)) => {
                if !master.links.contains_key(&link) {
                    return;
                }
                Command::AgentFrame { link, frame }
            }
            (Kind::Link { link, .. }, _) => {
                master.links.remove(&link);
                Command::LinkClosed { link }
            }
            (Kind::Stream { stream, .. } | Kind::Batch { stream }, _) => {
                master.streams.remove(&stream);
                Command::StreamClosed { stream }
            }
        };
        self.tell_master(node, command);
    }

    fn deliver_to_remote(&mut self, connection: u64, message: Message) {
        let Some(known) = self.connections.get(&connection) else { return };
        let incarnation = known.incarnation;
        match known.kind.clone() {
            Kind::Link { machine, connection: number, .. } => {
                if self.machines[machine].incarnation == incarnation {
                    self.link_heard(machine, number, message);
                }
            }
            Kind::Batch { .. } => self.batch_heard(connection, message),
            Kind::Stream { marathon, lead, .. } => {
                if self.nodes[marathon].incarnation == incarnation {
                    self.stream_heard(marathon, lead, connection, message);
                }
            }
        }
    }
}
