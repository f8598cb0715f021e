//! Container work of the agent's process, step by step as in `server/src/agent/engine.rs`.
//!
//! A job ends with the process; a call that it has made is carried out all the same.

use std::time::Duration;

use agent_core::container::{ContainerSpec, Exit, FoundContainer, Inspection};
use agent_core::{Command, Launch, LaunchFailure, TaskKey, Watched};
use model::ContainerId;

use crate::bug::Bug;
use crate::event::{AgentEvent, EngineEvent, Event, Place};
use crate::world::World;

/// Names a job within a process.
pub(crate) type JobId = u64;

/// Pause before an engine that did not answer is asked again.
const RETRY: Duration = Duration::from_secs(2);

/// What an engine is asked.
#[derive(Debug, Clone)]
pub(crate) enum EngineCall {
    Pull,
    Create(Box<ContainerSpec>),
    Start(String),
    Inspect(String),
    Stop { name: String, grace: Duration },
    Wait(String),
    Remove(String),
    List,
}

impl EngineCall {
    /// Means a container of this process only.
    fn rename(&mut self, incarnation: u64) {
        let name = match self {
            Self::Create(spec) => &mut spec.name,
            Self::Start(name) | Self::Inspect(name) => name,
            Self::Pull | Self::Stop { .. } | Self::Wait(_) | Self::Remove(_) | Self::List => return,
        };
        name.push_str(&format!(".{incarnation}"));
    }
}

/// What it says.
#[derive(Debug, Clone)]
pub(crate) enum EngineAnswer {
    Done,
    Inspected(Inspection),
    Ended(Exit),
    Listed(Vec<FoundContainer>),
    Unknown,
    Failed(String),
    /// It says nothing.
    Silent(&'static str),
}

/// How far a launch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Pull,
    Create,
    Start,
    Inspect,
}

/// Work under way.
#[derive(Debug)]
pub(crate) enum Job {
    Launch { launch: Box<Launch>, stage: Stage, is_cancelled: bool },
    Describe(Watched),
    Watch(Watched),
    Stop { task: Option<(TaskKey, ContainerId)>, name: String, grace: Duration },
    Remove(String),
    Discard { task: TaskKey, container: ContainerId, name: String },
    Find,
}

impl Job {
    pub(crate) fn launch(launch: Box<Launch>) -> Self {
        Self::Launch { launch, stage: Stage::Pull, is_cancelled: false }
    }

    /// The call that comes next.
    fn call(&self) -> EngineCall {
        match self {
            Self::Launch { launch, stage, .. } => match stage {
                Stage::Pull => EngineCall::Pull,
                Stage::Create => EngineCall::Create(Box::new(launch.spec.clone())),
                Stage::Start => EngineCall::Start(launch.spec.name.clone()),
                Stage::Inspect => EngineCall::Inspect(launch.spec.name.clone()),
            },
            Self::Describe(watched) => EngineCall::Inspect(watched.name.clone()),
            Self::Watch(watched) => EngineCall::Wait(watched.name.clone()),
            Self::Stop { name, grace, .. } => {
                EngineCall::Stop { name: name.clone(), grace: *grace }
            }
            Self::Remove(name) | Self::Discard { name, .. } => EngineCall::Remove(name.clone()),
            Self::Find => EngineCall::List,
        }
    }
}

impl World {
    pub(crate) fn begin_job(&mut self, machine: usize, job: Job) {
        let Some(agent) = &mut self.machines[machine].agent else { return };
        agent.jobs_begun += 1;
        let id = agent.jobs_begun;
        agent.jobs.insert(id, job);
        self.ask_engine(machine, id);
    }

    /// Makes the call that a job needs next; it arrives at the engine after a while.
    pub(crate) fn ask_engine(&mut self, machine: usize, id: JobId) {
        if !self.burn(Place::Agent(machine)) {
            return;
        }
        let known = &self.machines[machine];
        let (boot, incarnation) = (known.boot, known.incarnation);
        let Some(job) = known.agent.as_ref().and_then(|agent| agent.jobs.get(&id)) else { return };
        let mut call = job.call();
        if self.options.bug == Some(Bug::ContainerRenamed) && matches!(job, Job::Launch { .. }) {
            call.rename(incarnation);
        }
        let delay = match (&call, self.random.below(30)) {
            (EngineCall::Pull, _) => self.random.millis(1, 3_000),
            (_, 0) => self.random.millis(50, 3_000),
            _ => self.random.micros(200, 30_000),
        };
        let what = EngineEvent::Call { incarnation, job: id, call };
        self.schedule(self.now + delay, Event::Engine { machine, boot, what });
    }

    /// Calls a launch off; without effect once the container is being started.
    pub(crate) fn cancel_launch(&mut self, machine: usize, container: &ContainerId) {
        let Some(agent) = &mut self.machines[machine].agent else { return };
        let found = agent.jobs.iter_mut().find_map(|(id, job)| match job {
            Job::Launch { launch, stage, is_cancelled } if launch.container == *container => {
                *is_cancelled = true;
                (*stage == Stage::Pull).then(|| (*id, launch.task.clone()))
            }
            _ => None,
        });
        if let Some((id, task)) = found {
            agent.jobs.remove(&id);
            let failed = Command::LaunchFailed(task, container.clone(), LaunchFailure::Cancelled);
            self.tell_agent(machine, failed);
        }
    }

    pub(crate) fn engine_answered(&mut self, machine: usize, id: JobId, answer: EngineAnswer) {
        let Some(agent) = &mut self.machines[machine].agent else { return };
        let Some(job) = agent.jobs.remove(&id) else { return };
        match job {
            Job::Launch { launch, stage, is_cancelled } => {
                self.launch_goes_on(machine, id, launch, stage, is_cancelled, answer);
            }
            Job::Describe(watched) => match answer {
                EngineAnswer::Inspected(inspection) => {
                    let Watched { task, container, .. } = watched;
                    self.tell_agent(
                        machine,
                        Command::ContainerLaunched(task, container, inspection),
                    );
                }
                EngineAnswer::Unknown => {
                    let Watched { task, container, .. } = watched;
                    let ended = Command::ContainerEnded(task, container, Exit::Vanished);
                    self.tell_agent(machine, ended);
                }
                _ => self.try_again(machine, id, Job::Describe(watched)),
            },
            Job::Watch(watched) => match answer {
                EngineAnswer::Ended(exit) => {
                    let ended = Command::ContainerEnded(watched.task, watched.container, exit);
                    self.tell_agent(machine, ended);
                }
                _ => self.try_again(machine, id, Job::Watch(watched)),
            },
            // Of a container without a task nobody would ask again.
            Job::Stop { task, name, grace } => match (answer, task) {
                (EngineAnswer::Failed(why), Some((task, container))) => {
                    self.tell_agent(machine, Command::StopFailed(task, container, why));
                }
                (EngineAnswer::Silent(why), Some((task, container))) => {
                    self.tell_agent(machine, Command::StopFailed(task, container, why.to_owned()));
                }
                (EngineAnswer::Failed(_) | EngineAnswer::Silent(_), None) => {
                    self.try_again(machine, id, Job::Stop { task: None, name, grace });
                }
                _ => {}
            },
            Job::Remove(name) => {
                if matches!(answer, EngineAnswer::Failed(_) | EngineAnswer::Silent(_)) {
                    self.try_again(machine, id, Job::Remove(name));
                }
            }
            Job::Discard { task, container, name } => {
                if matches!(answer, EngineAnswer::Failed(_) | EngineAnswer::Silent(_)) {
                    let delayed = Command::DiscardDelayed(task.clone(), container.clone());
                    self.tell_agent(machine, delayed);
                    self.try_again(machine, id, Job::Discard { task, container, name });
                } else {
                    self.tell_agent(machine, Command::ContainerDiscarded(task, container));
                }
            }
            Job::Find => match answer {
                EngineAnswer::Listed(found) => {
                    self.tell_agent(machine, Command::ContainersFound(found));
                }
                _ => self.try_again(machine, id, Job::Find),
            },
        }
    }

    fn try_again(&mut self, machine: usize, id: JobId, job: Job) {
        let incarnation = self.machines[machine].incarnation;
        if let Some(agent) = &mut self.machines[machine].agent {
            agent.jobs.insert(id, job);
            let what = AgentEvent::Retry(id);
            self.schedule(self.now + RETRY, Event::Agent { machine, incarnation, what });
        }
    }

    fn launch_goes_on(
        &mut self,
        machine: usize,
        id: JobId,
        launch: Box<Launch>,
        stage: Stage,
        is_cancelled: bool,
        answer: EngineAnswer,
    ) {
        let (task, container) = (launch.task.clone(), launch.container.clone());
        let failed = |why| Command::LaunchFailed(task.clone(), container.clone(), why);
        let next = match (stage, answer) {
            // It runs already: an engine that falls silent now does not make that a failure.
            (Stage::Inspect, EngineAnswer::Failed(_) | EngineAnswer::Silent(_)) => {
                return self.try_again(machine, id, Job::Launch { launch, stage, is_cancelled });
            }
            (_, EngineAnswer::Failed(why)) => {
                return self.tell_agent(machine, failed(LaunchFailure::Failed(why)));
            }
            (_, EngineAnswer::Silent(why)) => {
                let why = LaunchFailure::NoAnswer(why.to_owned());
                return self.tell_agent(machine, failed(why));
            }
            (_, EngineAnswer::Unknown) => {
                let why = LaunchFailure::Failed("no such container".to_owned());
                return self.tell_agent(machine, failed(why));
            }
            (Stage::Inspect, EngineAnswer::Inspected(inspection)) => {
                let launched = Command::ContainerLaunched(task, container, inspection);
                return self.tell_agent(machine, launched);
            }
            (Stage::Pull, _) => {
                let ready = Command::ImageReady(task.clone(), container.clone());
                self.tell_agent(machine, ready);
                Stage::Create
            }
            (Stage::Create, _) => Stage::Start,
            (Stage::Start | Stage::Inspect, _) => Stage::Inspect,
        };
        if is_cancelled && matches!(next, Stage::Create | Stage::Start) {
            return self.tell_agent(machine, failed(LaunchFailure::Cancelled));
        }
        if let Some(agent) = &mut self.machines[machine].agent {
            agent.jobs.insert(id, Job::Launch { launch, stage: next, is_cancelled });
            self.ask_engine(machine, id);
        }
    }
}
