//! A container engine: it outlives the agent's process and dies with the machine.
//!
//! Calls take effect in the order of their arrival, also when nobody waits for the answer any more, as with a
//! Docker engine whose client has gone away.

use std::collections::BTreeMap;
use std::time::Duration;

use agent_core::container::{ContainerSpec, Exit, FoundContainer, FoundState, Inspection};
use model::TaskId;

use super::hanging::{Hang, NOBODY};
use super::jobs::{EngineAnswer, EngineCall, JobId};
use crate::bug::Bug;
use crate::event::{AgentEvent, EngineEvent, Event};
use crate::world::World;

/// A container.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) spec: ContainerSpec,
    pub(crate) state: FoundState,
    status: i64,
    /// It answers no checks any more.
    pub(crate) is_sick: bool,
    /// Which run this is; an end that was scheduled for an earlier one is void.
    run: u64,
}

impl Container {
    pub(crate) fn task(&self) -> TaskId {
        TaskId::new(self.spec.labels.get("ekiden.task").map_or("", String::as_str))
    }

    pub(crate) fn is_running(&self) -> bool {
        self.state == FoundState::Running
    }

    /// Whether it answers checks.
    pub(crate) fn answers(&self) -> bool {
        self.is_running() && !self.is_sick
    }
}

/// Somebody who waits for a container's end.
#[derive(Debug)]
struct Waiter {
    name: String,
    incarnation: u64,
    job: JobId,
    wants_exit: bool,
}

/// The engine of one machine.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    pub(crate) is_down: bool,
    pub(crate) containers: BTreeMap<String, Container>,
    pub(super) hang: Hang,
    waiters: Vec<Waiter>,
}

impl Engine {
    /// The machine stops: whatever ran has ended.
    pub(crate) fn power_off(&mut self) {
        self.waiters.clear();
        self.hang = Hang::default();
        self.is_down = false;
        for container in self.containers.values_mut().filter(|c| c.is_running()) {
            container.state = FoundState::Exited;
            container.status = 137;
        }
    }

    fn exit_of(&self, name: &str) -> Option<Exit> {
        match self.containers.get(name) {
            None => Some(Exit::Vanished),
            Some(container) if container.state == FoundState::Exited => {
                Some(Exit::Exited { status: container.status, out_of_memory: false })
            }
            Some(_) => None,
        }
    }
}

impl World {
    pub(crate) fn engine_event(&mut self, machine: usize, what: EngineEvent) {
        match what {
            EngineEvent::Call { incarnation, job, call } => {
                if self.machines[machine].engine.is_down {
                    let failed = EngineAnswer::Silent("the engine does not answer");
                    return self.answer_job(machine, incarnation, job, failed);
                }
                if self.holds_call(machine, incarnation, job, &call) {
                    return;
                }
                if let Some(answer) = self.engine_call(machine, incarnation, job, call) {
                    self.answer_job(machine, incarnation, job, answer);
                }
            }
            EngineEvent::GivenUp { number } => self.give_up(machine, number),
            EngineEvent::Exit { name, run, status, by_itself } => {
                if !(by_itself && self.faults.is_over) {
                    self.container_exits(machine, &name, run, status);
                    if by_itself && self.options.bug == Some(Bug::EngineRestarts) {
                        self.start(machine, &name, false);
                    }
                }
            }
        }
    }

    fn engine_call(
        &mut self,
        machine: usize,
        incarnation: u64,
        job: JobId,
        call: EngineCall,
    ) -> Option<EngineAnswer> {
        let engine = &mut self.machines[machine].engine;
        Some(match call {
            EngineCall::Pull => {
                if self.faults.is_over || !self.random.percent(2) {
                    EngineAnswer::Done
                } else {
                    EngineAnswer::Failed("no such image".to_owned())
                }
            }
            EngineCall::Create(spec) => {
                self.create(machine, *spec);
                EngineAnswer::Done
            }
            EngineCall::Start(name) => self.start(machine, &name, job == NOBODY),
            EngineCall::Inspect(name) => match engine.containers.get(&name) {
                Some(_) => EngineAnswer::Inspected(Inspection {
                    json: "[]".to_owned(),
                    addresses: vec!["172.17.0.2".to_owned()],
                }),
                None => EngineAnswer::Unknown,
            },
            EngineCall::Stop { name, grace } => {
                return self.stop_container(machine, incarnation, job, name, grace);
            }
            EngineCall::Wait(name) => match engine.exit_of(&name) {
                Some(exit) => EngineAnswer::Ended(exit),
                None => {
                    engine.waiters.push(Waiter { name, incarnation, job, wants_exit: true });
                    return None;
                }
            },
            EngineCall::Remove(name) => {
                self.remove_container(machine, &name);
                EngineAnswer::Done
            }
            EngineCall::List => EngineAnswer::Listed(
                engine
                    .containers
                    .values()
                    .map(|container| FoundContainer {
                        name: container.spec.name.clone(),
                        labels: container.spec.labels.clone(),
                        state: container.state,
                    })
                    .collect(),
            ),
        })
    }

    fn create(&mut self, machine: usize, spec: ContainerSpec) {
        let containers = &mut self.machines[machine].engine.containers;
        if containers.contains_key(&spec.name) {
            return; // Taken as made.
        }
        let task = spec.labels.get("ekiden.task").cloned().unwrap_or_default();
        self.trace.note(self.now, || format!("engine {machine}: creates {} for {task}", spec.name));
        let found = self.check.started.created(&TaskId::new(task), &spec.name);
        let container =
            Container { state: FoundState::Created, status: 0, is_sick: false, run: 0, spec };
        containers.insert(container.spec.name.clone(), container);
        self.fail_if(found);
    }

    /// Starts a container. One whose starter has given up may have been told as failed: its removal waits behind the start
    /// (ARCHITECTURE.md, 2026-11-29).
    fn start(&mut self, machine: usize, name: &str, is_given_up: bool) -> EngineAnswer {
        let Some(container) = self.machines[machine].engine.containers.get_mut(name) else {
            return EngineAnswer::Unknown;
        };
        // What has run is left alone: who starts it looks first. Between that look and the order nothing is let happen here.
        let is_ordered_once = self.options.bug != Some(Bug::EngineRestarts);
        if container.is_running() || (is_ordered_once && container.state == FoundState::Exited) {
            return EngineAnswer::Done;
        }
        container.state = FoundState::Running;
        container.run += 1;
        let (task, run) = (container.task(), container.run);
        self.trace.note(self.now, || format!("engine {machine}: starts {name} of {task}"));
        let twice = self.check.started.started(&task);
        self.fail_if(twice);
        if !is_given_up {
            let dead = self.check.terminal.started(&task);
            self.fail_if(dead);
        }
        self.check_resources(machine);
        if !self.faults.is_over && self.random.percent(self.faults.short_lives) {
            let life = self.random.millis(200, 30_000);
            let status = if self.random.percent(50) { 0 } else { 1 };
            self.exit_later(machine, name, run, life, (status, true));
        }
        EngineAnswer::Done
    }

    fn exit_later(
        &mut self,
        machine: usize,
        name: &str,
        run: u64,
        after: Duration,
        (status, by_itself): (i64, bool),
    ) {
        let boot = self.machines[machine].boot;
        let what = EngineEvent::Exit { name: name.to_owned(), run, status, by_itself };
        self.schedule(self.now + after, Event::Engine { machine, boot, what });
    }

    fn stop_container(
        &mut self,
        machine: usize,
        incarnation: u64,
        job: JobId,
        name: String,
        grace: Duration,
    ) -> Option<EngineAnswer> {
        let run = match self.machines[machine].engine.containers.get(&name) {
            Some(container) if container.is_running() => container.run,
            Some(_) | None => return Some(EngineAnswer::Done),
        };
        let most = u64::try_from(grace.as_millis()).unwrap_or(0);
        let (after, status) = match self.random.below(4) {
            0 => (grace, 137),
            _ => (self.random.millis(0, most.min(800)), 143),
        };
        self.exit_later(machine, &name, run, after, (status, false));
        let waiter = Waiter { name, incarnation, job, wants_exit: false };
        self.machines[machine].engine.waiters.push(waiter);
        None
    }

    fn container_exits(&mut self, machine: usize, name: &str, run: u64, status: i64) {
        let Some(container) = self.machines[machine].engine.containers.get_mut(name) else {
            return;
        };
        if container.run != run || !container.is_running() {
            return;
        }
        container.state = FoundState::Exited;
        container.status = status;
        self.trace.note(self.now, || format!("engine {machine}: {name} ends with {status}"));
        self.wake_waiters(machine, name);
    }

    /// Removes a container, ending it first where it runs.
    pub(crate) fn remove_container(&mut self, machine: usize, name: &str) {
        if self.machines[machine].engine.containers.remove(name).is_some() {
            self.trace.note(self.now, || format!("engine {machine}: removes {name}"));
            self.wake_waiters(machine, name);
        }
    }

    /// Ends a container as somebody would by hand.
    pub(crate) fn end_container(&mut self, machine: usize, name: &str, status: i64) {
        let run = self.machines[machine].engine.containers.get(name).map_or(0, |c| c.run);
        self.container_exits(machine, name, run, status);
    }

    fn wake_waiters(&mut self, machine: usize, name: &str) {
        let engine = &mut self.machines[machine].engine;
        let exit = engine.exit_of(name).unwrap_or(Exit::Vanished);
        let waiters = std::mem::take(&mut engine.waiters);
        let (ended, others): (Vec<_>, Vec<_>) = waiters.into_iter().partition(|w| w.name == name);
        engine.waiters = others;
        for Waiter { incarnation, job, wants_exit, .. } in ended {
            let answer =
                if wants_exit { EngineAnswer::Ended(exit.clone()) } else { EngineAnswer::Done };
            self.answer_job(machine, incarnation, job, answer);
        }
    }

    pub(super) fn answer_job(
        &mut self,
        machine: usize,
        incarnation: u64,
        job: JobId,
        answer: EngineAnswer,
    ) {
        if self.holds_answer(machine, incarnation, job, &answer) {
            return;
        }
        let delay = self.random.micros(100, 5_000);
        let what = AgentEvent::Engine(job, answer);
        self.schedule(self.now + delay, Event::Agent { machine, incarnation, what });
    }
}
