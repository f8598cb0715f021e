//! Host ports of a task (marathon.md §6.7).

use model::Ranges;

use crate::entropy::Entropy;
use crate::run_spec::Networking;

/// Host ports for each declared port: fixed numbers as they are, the others from `offered`.
///
/// Random ones begin at a random number and walk on, so that a port just given back is not taken at once.
/// `None` when a fixed number is not offered or too few are.
pub(super) fn choose(
    networking: &Networking,
    offered: &Ranges,
    entropy: &mut Entropy,
) -> Option<Vec<u16>> {
    let wanted = wanted(networking);
    let fixed = as_ranges(&wanted.iter().copied().filter(|port| *port != 0).collect::<Vec<_>>());
    let free = offered.checked_sub(&fixed)?;
    let random = wanted.iter().filter(|port| **port == 0).count() as u64;
    if free.len() < random {
        return None;
    }
    let mut next = if random == 0 { 0 } else { entropy.below(free.len()) };
    let mut take = || {
        let port = nth(&free, next % free.len())?;
        next += 1;
        u16::try_from(port).ok().filter(|port| *port != 0)
    };
    wanted.into_iter().map(|port| if port == 0 { take() } else { Some(port) }).collect()
}

/// The host port wanted for each declared port; 0 = any.
fn wanted(networking: &Networking) -> Vec<u16> {
    match networking {
        Networking::Host { port_definitions, require_ports } => port_definitions
            .iter()
            .map(|definition| if *require_ports { definition.port } else { 0 })
            .collect(),
        Networking::Bridge { port_mappings } => {
            port_mappings.iter().map(|mapping| mapping.host_port).collect()
        }
    }
}

pub(super) fn as_ranges(ports: &[u16]) -> Ranges {
    Ranges::from_pairs(ports.iter().map(|port| (u64::from(*port), u64::from(*port))))
}

fn nth(ranges: &Ranges, mut index: u64) -> Option<u64> {
    for (from, to) in ranges.pairs() {
        let count = to - from + 1;
        if index < count {
            return Some(from + index);
        }
        index -= count;
    }
    None
}
