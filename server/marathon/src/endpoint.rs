//! Where a check reaches a task: the agent's hostname with the host port; without one the container itself, with its own port.

use crate::environment;
use crate::instance::Task;
use crate::matching::ports;
use crate::run_spec::{CheckPort, HealthCheck, Networking, Probe, RunSpec};

/// Where Marathon asks; `None` when the task has no such port.
pub(crate) fn of_check(spec: &RunSpec, task: &Task, check: &HealthCheck) -> Option<(String, u16)> {
    match port_of(check)? {
        CheckPort::Number(number) if has_own_address(spec) => Some((own_address(task)?, number)),
        CheckPort::Number(number) => Some((host(task), number)),
        CheckPort::Index(index) => of_port(spec, task, index as usize),
    }
}

/// Where Marathon reaches the declared port of this name.
pub(crate) fn of_port_name(spec: &RunSpec, task: &Task, name: &str) -> Option<(String, u16)> {
    let declared = environment::declared(spec.networking());
    let index = declared.iter().position(|(_, known)| *known == Some(name))?;
    of_port(spec, task, index)
}

/// Where the agent asks, beside the task: the container's own port where it has a network of its own.
pub(crate) fn beside_task(spec: &RunSpec, task: &Task, port: CheckPort) -> Option<u16> {
    match port {
        CheckPort::Number(number) => Some(number),
        CheckPort::Index(index) => {
            let index = index as usize;
            let (declared, _) = *environment::declared(spec.networking()).get(index)?;
            let is_host = matches!(spec.networking(), Networking::Host { .. });
            let own = Some(declared).filter(|port| *port != 0 && !is_host);
            own.or_else(|| ports::effective(spec.networking(), task).get(index).copied())
        }
    }
}

pub(crate) fn port_of(check: &HealthCheck) -> Option<CheckPort> {
    match &check.probe {
        Probe::Http { port, .. } | Probe::Tcp { port, .. } => Some(*port),
        Probe::Command(_) => None,
    }
}

/// The host port of a declared port; the container's own one where it has none (marathon.md §8.8).
fn of_port(spec: &RunSpec, task: &Task, index: usize) -> Option<(String, u16)> {
    if let Some(port) = host_port(task, index) {
        return Some((host(task), port));
    }
    let port = *ports::effective(spec.networking(), task).get(index)?;
    has_own_address(spec).then(|| own_address(task)).flatten().map(|address| (address, port))
}

fn has_own_address(spec: &RunSpec) -> bool {
    matches!(spec.networking(), Networking::Container { .. })
}

/// The container's address; nobody knows it before it runs.
fn own_address(task: &Task) -> Option<String> {
    task.addresses.first().map(ToString::to_string)
}

fn host(task: &Task) -> String {
    task.host.to_string()
}

fn host_port(task: &Task, index: usize) -> Option<u16> {
    task.ports.get(index).copied().filter(|port| *port != 0)
}
