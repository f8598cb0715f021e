//! Where a check reaches a task: the agent's hostname with the host port, or the container with its own port.

use crate::environment;
use crate::instance::Task;
use crate::run_spec::{CheckPort, HealthCheck, Networking, Probe, RunSpec};

/// Where Marathon asks; `None` when the task has no such port.
pub(crate) fn of_check(task: &Task, check: &HealthCheck) -> Option<(String, u16)> {
    let port = match port_of(check)? {
        CheckPort::Number(number) => number,
        CheckPort::Index(index) => host_port(task, index as usize)?,
    };
    Some((host(task), port))
}

/// Where Marathon reaches the declared port of this name.
pub(crate) fn of_port_name(spec: &RunSpec, task: &Task, name: &str) -> Option<(String, u16)> {
    let declared = environment::declared(spec.networking());
    let index = declared.iter().position(|(_, known)| *known == Some(name))?;
    Some((host(task), host_port(task, index)?))
}

/// Where the agent asks, beside the task: the container's own port where it has a network of its own.
pub(crate) fn beside_task(spec: &RunSpec, task: &Task, check: &HealthCheck) -> Option<u16> {
    match port_of(check)? {
        CheckPort::Number(number) => Some(number),
        CheckPort::Index(index) => {
            let index = index as usize;
            let (declared, _) = *environment::declared(spec.networking()).get(index)?;
            let is_host = matches!(spec.networking(), Networking::Host { .. });
            let own = Some(declared).filter(|port| *port != 0 && !is_host);
            own.or_else(|| host_port(task, index))
        }
    }
}

fn port_of(check: &HealthCheck) -> Option<CheckPort> {
    match &check.probe {
        Probe::Http { port, .. } | Probe::Tcp { port, .. } => Some(*port),
        Probe::Command(_) => None,
    }
}

fn host(task: &Task) -> String {
    task.host.to_string()
}

fn host_port(task: &Task, index: usize) -> Option<u16> {
    task.ports.get(index).copied().filter(|port| *port != 0)
}
