//! The disk of a node, as the log uses it: when it is full, what needs nobody's asking goes into what is left.
//!
//! Modelled on `server/coordination/src/storage.rs`: changes from outside are refused before they reach a core, a
//! batch is proposed when it fits in front of the reserve, and elections use the reserve.

use model::Instant;

use crate::event::{Event, NodeEvent};
use crate::store::Role;
use crate::world::World;

/// What is left for the log.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) is_full: bool,
    /// Bytes for changes while it is full.
    left: usize,
    /// Entries of elections while it is full.
    reserve: usize,
}

impl Disk {
    /// Takes room for a change of so many bytes; false when it has to wait.
    fn takes(&mut self, bytes: usize) -> bool {
        take(self.is_full, &mut self.left, bytes)
    }

    /// Takes room for an entry of an election; false when it is refused.
    pub(crate) fn takes_reserve(&mut self) -> bool {
        take(self.is_full, &mut self.reserve, 1)
    }
}

fn take(is_full: bool, left: &mut usize, wanted: usize) -> bool {
    if !is_full {
        return true;
    }
    match left.checked_sub(wanted) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    }
}

impl World {
    pub(crate) fn fill_disk(&mut self, node: usize, free_at: Instant) {
        self.schedule(free_at, Event::DiskFree(node));
        if self.nodes[node].disk.is_full {
            return;
        }
        let left = self.random.pick(&[0, 300, 3_000, 50_000]).unwrap_or(0);
        let reserve = self.random.pick(&[0, 2, 1_000]).unwrap_or(0);
        self.nodes[node].disk = Disk { is_full: true, left, reserve };
        self.disk_changed(node);
    }

    pub(crate) fn free_disk(&mut self, node: usize) {
        if std::mem::take(&mut self.nodes[node].disk).is_full {
            self.trace.note(self.now, || format!("node {node}: its disk has room"));
            self.disk_changed(node);
        }
    }

    /// The process of the node takes note after a while.
    pub(crate) fn disk_changed(&mut self, node: usize) {
        let delay = self.random.micros(1, 2_000);
        self.later_node(node, delay, NodeEvent::Storage);
    }

    /// The process takes note of whether the disk has room.
    pub(crate) fn storage_seen(&mut self, node: usize) {
        self.tell_storage(node);
        for role in Role::ALL {
            if let Some(lead) = self.lead_of(node, role) {
                self.go_on(node, role, lead);
            }
        }
    }

    /// Takes room for the batch that a driver wants to propose.
    pub(crate) fn has_room_for(&mut self, node: usize, bytes: usize) -> bool {
        let has_room = self.nodes[node].disk.takes(bytes);
        if !has_room {
            self.trace.note(self.now, || format!("node {node}: {bytes} bytes wait for room"));
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use marathon_core::records;

    use super::*;
    use crate::world::Options;

    #[test]
    fn a_full_disk_gives_what_is_left_and_no_more() {
        let mut disk = Disk { is_full: true, left: 10, reserve: 1 };
        assert!(disk.takes(7) && !disk.takes(4) && disk.takes(3) && !disk.takes(1));
        assert!(disk.takes_reserve() && !disk.takes_reserve());
        let mut disk = Disk::default();
        assert!(disk.takes(1 << 20) && disk.takes_reserve());
    }

    #[test]
    fn a_batch_without_room_is_held_back_and_its_leader_stays() {
        let mut world = World::new(5, Options::default());
        while world.nodes[0].marathon.is_none() {
            world.run_until(world.now + Duration::from_millis(10));
        }
        world.run_until(world.now + Duration::from_millis(100));
        world.nodes[0].disk = Disk { is_full: true, left: 0, reserve: 0 };
        let (lead, stored) = (world.lead_of(0, Role::Marathon), world.load(records::PREFIX).len());
        assert!(lead.is_some());
        let pending = world.client_creates(0, "/held");
        world.run_until(world.now + Duration::from_millis(200));
        assert_eq!(world.load(records::PREFIX).len(), stored);
        assert!(world.client.is_waiting(&pending));
        assert_eq!(world.lead_of(0, Role::Marathon), lead);

        world.free_disk(0);
        world.run_until(world.now + Duration::from_millis(600));
        assert!(world.load(records::PREFIX).len() > stored);
        assert!(!world.client.is_waiting(&pending));
        assert_eq!(world.lead_of(0, Role::Marathon), lead);
    }
}
