//! Allocation of service ports.

use std::collections::{BTreeSet, VecDeque};
use std::ops::RangeInclusive;

use super::{Networking, RunSpec};

/// Every number of the range has been given away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("All ports in the range [{}-{}) are already in use", range.start(), range.end())]
pub struct ServicePortsExhausted {
    /// The range of `--local_port_min` and `--local_port_max`.
    pub range: RangeInclusive<u16>,
}

impl RunSpec {
    /// Replaces every service port 0: first by those of `range` that `old` had and this definition does not
    /// name, then by the numbers of `free`, which no app has, in their order.
    ///
    /// Numbers given explicitly are kept, even when another app has them.
    /// Source: marathon.md §8.11.
    ///
    /// # Errors
    /// When the range is exhausted.
    pub fn with_service_ports(
        mut self,
        old: Option<&Self>,
        mut free: impl Iterator<Item = u16>,
        range: RangeInclusive<u16>,
    ) -> Result<Self, ServicePortsExhausted> {
        let given = self.service_ports();
        let taken: BTreeSet<u16> = given.iter().copied().filter(|port| *port != 0).collect();
        let mut kept: VecDeque<u16> = old
            .map(Self::service_ports)
            .unwrap_or_default()
            .into_iter()
            .filter(|port| range.contains(port) && !taken.contains(port))
            .collect();
        let mut allocated = Vec::with_capacity(given.len());
        for port in given {
            if port != 0 {
                allocated.push(port);
                continue;
            }
            let port = kept
                .pop_front()
                .or_else(|| free.find(|port| !taken.contains(port)))
                .ok_or_else(|| ServicePortsExhausted { range: range.clone() })?;
            allocated.push(port);
        }
        self.set_service_ports(&allocated);
        Ok(self)
    }

    fn set_service_ports(&mut self, ports: &[u16]) {
        match &mut self.networking {
            Networking::Host { port_definitions, .. } => {
                for (definition, port) in port_definitions.iter_mut().zip(ports) {
                    definition.port = *port;
                }
            }
            Networking::Bridge { port_mappings, .. }
            | Networking::Container { port_mappings, .. } => {
                for (mapping, port) in port_mappings.iter_mut().zip(ports) {
                    mapping.service_port = *port;
                }
            }
        }
    }
}
