//! A machine: its agent process, its disk, its engine.
//!
//! The process dies without warning at any step; the engine and its containers run on. When the machine dies,
//! everything on it ends, and the disk loses what was not synced.

pub(crate) mod engine;
mod hanging;
mod health;
pub(crate) mod jobs;
pub(crate) mod journal;
pub(crate) mod link;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use agent_core::{Agent, Command, Effect, Settings};
use bytes::Bytes;
use model::v1::resources_to_v1;
use model::{Instant, Resources};
use wire::link::{AgentDescription, agent_frame};
use wire::mesos::v1;

use self::engine::Engine;
use self::jobs::{Job, JobId};
use self::journal::Journal;
use self::link::LinkClient;
use crate::bug::Bug;
use crate::event::{AgentEvent, Event, Place};
use crate::world::World;

/// The process of an agent.
#[derive(Debug)]
pub(crate) struct AgentProcess {
    pub(crate) core: Agent,
    inbox: VecDeque<Command>,
    is_woken: bool,
    link: LinkClient,
    jobs: BTreeMap<JobId, Job>,
    jobs_begun: JobId,
}

/// A machine and what is on it.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    pub(crate) agent: Option<AgentProcess>,
    pub(crate) incarnation: u64,
    pub(crate) boot: u64,
    pub(crate) paused_until: Option<Instant>,
    pub(crate) is_reachable: bool,
    pub(crate) fuse: Option<u64>,
    pub(crate) journal: Journal,
    pub(crate) engine: Engine,
}

/// What every machine offers.
pub(crate) const RESOURCES: &str = "cpus:4.4;mem:2048;disk:5000;ports:[31000-31011]";

fn settings(machine: usize, boot: u64, incarnation: u64) -> Settings {
    let total = Resources::parse(RESOURCES).unwrap_or_default();
    let (host, ip) = (format!("host{machine}"), format!("10.0.0.{}", 11 + machine));
    let address = v1::Address { hostname: Some(host.clone()), ip: Some(ip.clone()), port: 5_051 };
    Settings {
        description: AgentDescription {
            info: v1::AgentInfo {
                hostname: host,
                port: Some(5_051),
                resources: resources_to_v1(&total, None),
                ..v1::AgentInfo::default()
            },
            address,
            version: "1.11.0".to_owned(),
            boot_id: Some(format!("boot-{machine}-{boot}")),
            incarnation: Some(format!("process-{machine}-{incarnation}")),
            ..AgentDescription::default()
        },
        ip,
        work_dir: format!("/machine{machine}"),
        cluster: "sim".to_owned(),
        directory_id: format!("directory-{machine}"),
        nonce: Bytes::from(format!("nonce-{machine}")),
        runs_docker: true,
        runs_processes: false,
        switches_user: false,
        max_processes: None,
        bounds_cpu: false,
        executor_environment: Vec::new(),
        sandbox_mount: Settings::SANDBOX_MOUNT.to_owned(),
        kill_grace: Settings::KILL_GRACE,
        docker_stop_timeout: Duration::ZERO,
        container_dns: Vec::new(),
        remove_delay: Settings::REMOVE_DELAY,
        max_completed_tasks: Settings::MAX_COMPLETED_TASKS,
    }
}

impl World {
    pub(crate) fn start_agent(&mut self, machine: usize) {
        if self.machines[machine].agent.is_some() {
            return;
        }
        let seed = [self.random.next(), self.random.next()];
        let known = &mut self.machines[machine];
        known.incarnation += 1;
        known.paused_until = None;
        known.fuse = None;
        let settings = settings(machine, known.boot, known.incarnation);
        let records = known.journal.open();
        self.trace
            .note(self.now, || format!("agent {machine}: starts with {} records", records.len()));
        let core = match Agent::recover(settings, seed, records) {
            Ok(core) => core,
            Err(error) => {
                return self.fail("records", format!("the agent cannot recover: {error}"));
            }
        };
        known.journal.rewrite(&core.checkpoint());
        let effects = core.start();
        known.agent = Some(AgentProcess {
            core,
            inbox: VecDeque::new(),
            is_woken: false,
            link: LinkClient::default(),
            jobs: BTreeMap::new(),
            jobs_begun: 0,
        });
        self.agent_event(machine, AgentEvent::Connect);
        self.perform_agent(machine, effects);
    }

    /// The agent's process ends at once; its containers run on.
    pub(crate) fn crash_agent(&mut self, machine: usize, restart_after: Duration) {
        if self.machines[machine].agent.is_none() {
            return;
        }
        self.trace.note(self.now, || format!("agent {machine}: dies"));
        self.orphan_connections(Place::Agent(machine), false);
        let known = &mut self.machines[machine];
        known.agent = None;
        known.fuse = None;
        known.paused_until = None;
        self.schedule(self.now + restart_after, Event::StartAgent(machine));
    }

    /// Power off: the process, every container and what the disk had not synced.
    pub(crate) fn crash_machine(&mut self, machine: usize, restart_after: Duration) {
        self.trace.note(self.now, || format!("machine {machine}: dies"));
        self.orphan_connections(Place::Agent(machine), true);
        let known = &mut self.machines[machine];
        let was_running = known.agent.take().is_some();
        known.fuse = None;
        known.paused_until = None;
        known.boot += 1;
        known.engine.power_off();
        known.journal.lose_unsynced(&mut self.random);
        self.check.updates.machine_died(machine);
        if was_running {
            self.schedule(self.now + restart_after, Event::StartAgent(machine));
        }
    }

    pub(crate) fn agent_event(&mut self, machine: usize, what: AgentEvent) {
        match what {
            AgentEvent::Drive => self.drive_agent(machine),
            AgentEvent::Connect => self.connect_agent(machine),
            AgentEvent::Timer(timer) => self.tell_agent(machine, Command::TimerFired(timer)),
            AgentEvent::Engine(job, answer) => self.engine_answered(machine, job, answer),
            AgentEvent::Retry(job) => self.ask_engine(machine, job),
        }
    }

    pub(crate) fn tell_agent(&mut self, machine: usize, command: Command) {
        let delay = self.random.micros(1, 300);
        let incarnation = self.machines[machine].incarnation;
        let Some(agent) = &mut self.machines[machine].agent else { return };
        agent.inbox.push_back(command);
        if !std::mem::replace(&mut agent.is_woken, true) {
            let what = AgentEvent::Drive;
            self.schedule(self.now + delay, Event::Agent { machine, incarnation, what });
        }
    }

    fn drive_agent(&mut self, machine: usize) {
        let (now, wall) = (self.now, self.wall());
        let Some(agent) = &mut self.machines[machine].agent else { return };
        agent.is_woken = false;
        let commands = std::mem::take(&mut agent.inbox);
        let mut effects = Vec::new();
        for command in commands {
            let seen = self.check.acknowledgement(&command);
            effects.extend(agent.core.apply(now, wall, command));
            if seen.is_some() {
                return self.fail_if(seen);
            }
        }
        self.check_agent(machine);
        self.perform_agent(machine, effects);
    }

    /// Journals first and then carries the other effects out, one after the other.
    fn perform_agent(&mut self, machine: usize, effects: Vec<Effect>) {
        let (mut records, mut others) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                Effect::Journal(record) => records.push(record),
                other => others.push(other),
            }
        }
        let is_late = self.options.bug == Some(Bug::JournalAfterEngine);
        if !is_late && !self.write_journal(machine, &records) {
            return;
        }
        let incarnation = self.machines[machine].incarnation;
        for effect in others {
            if !self.burn(Place::Agent(machine))
                || self.machines[machine].incarnation != incarnation
            {
                return;
            }
            self.perform_one(machine, effect);
        }
        if is_late {
            self.write_journal(machine, &records);
        }
    }

    fn write_journal(&mut self, machine: usize, records: &[agent_core::Record]) -> bool {
        if records.is_empty() {
            return true;
        }
        let lives = self.burn(Place::Agent(machine));
        let known = &mut self.machines[machine];
        if lives {
            known.journal.append(records);
        } else {
            known.journal.append_torn(records, &mut self.random);
        }
        lives
    }

    fn perform_one(&mut self, machine: usize, effect: Effect) {
        match effect {
            Effect::Journal(_) => {}
            Effect::Send(connection, frame) => {
                if let Some(agent_frame::Body::UpdateStatus(update)) = &frame.body {
                    self.note_update(machine, update);
                }
                self.send_frame(machine, connection, frame);
            }
            Effect::CloseLink { connection, reason, retry_after } => {
                self.trace.note(self.now, || format!("agent {machine}: closes its link: {reason}"));
                self.close_link(machine, connection, retry_after);
            }
            Effect::Launch(launch) => self.begin_job(machine, Job::launch(launch)),
            Effect::LaunchProcess(launch) => {
                // Its engine holds containers alone, and so it was told.
                self.fail("agents", format!("agent {machine} launches a command: {}", launch.task));
            }
            Effect::CancelLaunch(container) => self.cancel_launch(machine, &container),
            Effect::Describe(watched) => self.begin_job(machine, Job::Describe(watched)),
            Effect::Watch(watched) => self.begin_job(machine, Job::Watch(watched)),
            Effect::Probe(probe) => {
                let outcome = self.answer_agent(machine, &probe);
                let (task, kind, number) = (probe.task, probe.kind, probe.number);
                self.tell_agent(machine, Command::Probed { task, kind, number, outcome });
            }
            Effect::Stop { task, name, grace } => {
                self.trace.note(self.now, || format!("agent {machine}: stops {name}"));
                self.begin_job(machine, Job::Stop { task, name, grace });
            }
            Effect::Remove(name) => self.begin_job(machine, Job::Remove(name)),
            Effect::Discard { task, container, name } => {
                self.begin_job(machine, Job::Discard { task, container, name });
            }
            Effect::FindContainers => self.begin_job(machine, Job::Find),
            // It does not know: the time of such a container runs anew.
            Effect::FindEnd(name) => self.tell_agent(machine, Command::EndFound(name, None)),
            Effect::FindProcesses => {
                self.tell_agent(machine, Command::ProcessesFound(Vec::new()));
            }
            Effect::ArmTimer { at, timer } => {
                let incarnation = self.machines[machine].incarnation;
                let what = AgentEvent::Timer(timer);
                self.schedule(at.max(self.now), Event::Agent { machine, incarnation, what });
            }
            Effect::Exit(reason) => {
                self.fail("agents", format!("agent {machine} ends itself: {reason}"));
            }
        }
    }
}
