//! How tasks do: one that has fallen sick answers no check any more, and stays so until it is replaced.

use agent_core::check::{Outcome, Probe};
use marathon_core::health::{self, ProbeOrder};

use super::engine::Container;
use crate::world::World;

impl World {
    /// Makes a running container sick.
    pub(crate) fn sicken(&mut self, machine: usize) {
        let containers = &self.machines[machine].engine.containers;
        let running = containers.iter().filter(|(_, container)| container.is_running());
        let names: Vec<String> = running.map(|(name, _)| name.clone()).collect();
        let Some(name) = self.random.pick(&names) else { return };
        if let Some(container) = self.machines[machine].engine.containers.get_mut(&name) {
            container.is_sick = true;
            self.trace.note(self.now, || format!("engine {machine}: {name} falls sick"));
        }
    }

    /// What a task answers its agent.
    pub(crate) fn answer_agent(&self, machine: usize, probe: &Probe) -> Outcome {
        match self.machines[machine].engine.containers.get(&probe.name) {
            Some(container) if container.answers() => Outcome::Answered(200),
            Some(_) => Outcome::Failed("no answer".to_owned()),
            None => Outcome::NotAsked("no such container".to_owned()),
        }
    }

    /// What Marathon finds at that address.
    pub(crate) fn answer_marathon(&self, order: &ProbeOrder) -> health::Outcome {
        let machines = self.machines.iter().enumerate();
        let mut asked = machines.filter(|(number, _)| order.host == format!("host{number}"));
        let publishes = |container: &&Container| {
            container.spec.ports.iter().any(|port| port.host_port == order.port)
        };
        let answers = asked.any(|(_, machine)| {
            let mut containers = machine.engine.containers.values();
            machine.is_reachable && containers.any(|it| publishes(&it) && it.answers())
        });
        if answers {
            health::Outcome::Connected
        } else {
            health::Outcome::Failed("nobody answers".to_owned())
        }
    }
}
