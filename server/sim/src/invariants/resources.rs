//! A machine's containers never use more than it has, and never the same port.
//!
//! Source: mesos.md §2 (the master's accounts); design §4.

use std::collections::BTreeSet;

use crate::machine::RESOURCES;
use crate::world::World;

impl World {
    /// After a container has begun to run.
    pub(crate) fn check_resources(&mut self, machine: usize) {
        let total = model::Resources::parse(RESOURCES).unwrap_or_default();
        let (mut shares, mut memory) = (0, 0);
        let mut ports = BTreeSet::new();
        let mut twice = None;
        for container in self.machines[machine].engine.containers.values() {
            if !container.is_running() {
                continue;
            }
            shares += container.spec.cpu_shares;
            memory += container.spec.memory_bytes;
            for port in &container.spec.ports {
                if !ports.insert(port.host_port) {
                    twice = Some(port.host_port);
                }
            }
        }
        if let Some(port) = twice {
            return self.fail("resources", format!("machine {machine} uses port {port} twice"));
        }
        // Shares are whole numbers: each container may have a little more than its task uses.
        let millis = shares * 1_000 / 1_024;
        let mem = model::Scalar::from_units(u32::try_from(memory >> 20).unwrap_or(u32::MAX));
        if millis > total.cpus().thousandths() + 1 || mem > total.mem() {
            let found =
                format!("machine {machine} has {total} and runs {shares} shares, {memory} bytes");
            self.fail("resources", found);
        }
    }
}
