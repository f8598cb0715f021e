//! Host ports of a task (marathon.md §6.7).

use model::Ranges;

use crate::entropy::Entropy;
use crate::instance::Task;
use crate::run_spec::Networking;

/// Where numbers begin that a task chooses for itself in a network of its own, and how many there are.
const OWN_PORTS: (u16, u32) = (1_025, 64_511);

/// The host port that a declared port is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// None: the port is reached through the container's own address.
    Nothing,
    /// Any of the offer.
    Any,
    /// This one.
    Exactly(u16),
}

/// Host ports for each declared port: fixed numbers as they are, the others from `offered`; 0 for one that gets none.
///
/// Random ones begin at a random number and walk on, so that a port just given back is not taken at once.
/// `None` when a fixed number is not offered or too few are.
pub(super) fn choose(
    networking: &Networking,
    offered: &Ranges,
    entropy: &mut Entropy,
) -> Option<Vec<u16>> {
    let wanted = wanted(networking);
    let fixed = wanted.iter().filter_map(|port| match port {
        Wanted::Exactly(number) => Some(*number),
        Wanted::Any | Wanted::Nothing => None,
    });
    let free = offered.checked_sub(&as_ranges(&fixed.collect::<Vec<_>>()))?;
    let random = wanted.iter().filter(|port| **port == Wanted::Any).count() as u64;
    if free.len() < random {
        return None;
    }
    let mut next = if random == 0 { 0 } else { entropy.below(free.len()) };
    let mut take = || {
        let port = nth(&free, next % free.len())?;
        next += 1;
        u16::try_from(port).ok().filter(|port| *port != 0)
    };
    let choice = |port| match port {
        Wanted::Nothing => Some(0),
        Wanted::Any => take(),
        Wanted::Exactly(number) => Some(number),
    };
    wanted.into_iter().map(choice).collect()
}

/// The host port wanted for each declared port.
fn wanted(networking: &Networking) -> Vec<Wanted> {
    let numbered = |port| if port == 0 { Wanted::Any } else { Wanted::Exactly(port) };
    match networking {
        Networking::Host { port_definitions, require_ports } => port_definitions
            .iter()
            .map(|port| if *require_ports { numbered(port.port) } else { Wanted::Any })
            .collect(),
        Networking::Bridge { port_mappings, .. } | Networking::Container { port_mappings, .. } => {
            let mapped = port_mappings.iter();
            mapped.map(|port| port.host_port.map_or(Wanted::Nothing, numbered)).collect()
        }
    }
}

/// The port on which a task is to be reached for each declared one: `$PORT0` and so on.
///
/// That is the host port; without one, the container's port, and without that a number that follows from the task's id alone.
pub(crate) fn effective(networking: &Networking, task: &Task) -> Vec<u16> {
    let mappings = networking.port_mappings().unwrap_or_default();
    let declared = |index: usize| mappings.get(index).map_or(0, |port| port.container_port);
    let mut taken: Vec<u16> = mappings.iter().map(|port| port.container_port).collect();
    let mut all = Vec::with_capacity(task.ports.len());
    for (index, host_port) in task.ports.iter().enumerate() {
        let port = match (*host_port, declared(index)) {
            (0, 0) => own_port(&task.id, &taken),
            (0, declared) => declared,
            (host_port, _) => host_port,
        };
        taken.push(port);
        all.push(port);
    }
    all
}

/// A number for a port that declares none, other than those in `taken`.
fn own_port(task: &model::TaskId, taken: &[u16]) -> u16 {
    // FNV-1a: any spread will do, as long as it is the same every time.
    let hash = task
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let number = |step: u32| {
        let offset = hash.wrapping_add(step) % OWN_PORTS.1;
        OWN_PORTS.0.saturating_add(u16::try_from(offset).unwrap_or_default())
    };
    (0..OWN_PORTS.1).map(number).find(|port| !taken.contains(port)).unwrap_or(OWN_PORTS.0)
}

/// The host ports among a task's ports.
pub(crate) fn of_host(ports: &[u16]) -> Vec<u16> {
    ports.iter().copied().filter(|port| *port != 0).collect()
}

/// The host ports among `ports`, as Mesos counts them.
pub(super) fn as_ranges(ports: &[u16]) -> Ranges {
    Ranges::from_pairs(of_host(ports).into_iter().map(|port| (u64::from(port), u64::from(port))))
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
