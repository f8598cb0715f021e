//! The process killed after every single effect: the next one finds its way from the journal and the engine.
//!
//! A machine runs three tasks: one ends by itself, one is killed at some moment, one is refused by the engine. For every moment of a
//! crash, every moment of the kill, several orders in which things happen, and every fate of the call that the dead process had under way
//! at the engine, the end must be the same: each container was started once, each update arrived once, and the engine is empty.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use model::{ContainerId, Instant, TaskState, Timestamp};
use wire::link::{
    AcknowledgeUpdate, AgentFrame, KillTask, MasterFrame, Registered, Reregistered, RunTask,
    UpdateStatus, agent_frame, master_frame,
};
use wire::mesos::v1;

use super::harness::{EPOCH, framework, inspection, terms};
use crate::container::{Exit, FoundContainer, FoundState, Kind, ProcessExit};
use crate::fixtures::{marathon, nginx_task, settings, shell_task};
use crate::{Agent, Command, ConnectionId, Effect, LaunchFailure, Record, TaskKey, Timer, Watched};

/// The process is gone.
#[derive(Debug)]
struct Crashed;

/// What becomes of the call that a dead process had just made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The engine never got it.
    Lost,
    /// The engine carries it out when the next process has just listed the containers.
    Late,
    /// The engine carries it out when everything else has settled.
    VeryLate,
}

/// What comes first when several things could happen.
#[derive(Debug, Clone, Copy)]
enum Source {
    News,
    Work,
    Frames,
}

/// One course of events.
#[derive(Debug, Clone)]
struct Course {
    /// What the tasks are: Docker containers or commands.
    kind: Kind,
    order: [Source; 3],
    crashes: Vec<u32>,
    fate: Fate,
    kill_at: u32,
}

#[derive(Debug, Clone)]
enum Call {
    Create(String),
    Start(String),
    Stop(String),
    Remove(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Created,
    Running,
    Exited(i64),
}

/// The engine, which outlives the agent.
#[derive(Default)]
struct Engine {
    containers: BTreeMap<String, State>,
    starts: BTreeMap<String, u32>,
    /// Containers that will not start, for instance since their port is taken.
    refused: BTreeSet<String>,
    late: Vec<Call>,
}

impl Engine {
    /// Carries out a call; whether it succeeded.
    fn take(&mut self, call: &Call) -> bool {
        match call {
            Call::Create(name) => {
                self.containers.entry(name.clone()).or_insert(State::Created);
                true
            }
            Call::Start(name) if self.refused.contains(name) => false,
            Call::Start(name) => match self.containers.get_mut(name) {
                Some(state @ State::Created) => {
                    *state = State::Running;
                    *self.starts.entry(name.clone()).or_default() += 1;
                    true
                }
                Some(State::Running) => true,
                Some(State::Exited(_)) => panic!("{name} is started again"),
                None => false,
            },
            Call::Stop(name) => {
                if let Some(state @ State::Running) = self.containers.get_mut(name) {
                    *state = State::Exited(143);
                }
                true
            }
            Call::Remove(name) => {
                self.containers.remove(name);
                true
            }
        }
    }

    fn take_late(&mut self) {
        for call in std::mem::take(&mut self.late) {
            // An engine that had started the container meanwhile has locked out the older order.
            let has_run = matches!(&call, Call::Start(name)
                if !matches!(self.containers.get(name), None | Some(State::Created)));
            if !has_run {
                self.take(&call);
            }
        }
    }
}

/// Work of a process at the engine, as the driver does it.
enum Job {
    Launch { launch: Launching, step: u8 },
    Describe(Watched),
    Watch(Watched),
    Stop(String),
    Remove(String),
    Discard(TaskKey, ContainerId, String),
    Find(Kind),
}

/// A launch of either kind.
struct Launching {
    task: TaskKey,
    container: ContainerId,
    name: String,
}

/// What dies with the process.
struct Process {
    agent: Agent,
    jobs: VecDeque<Job>,
    cancelled: BTreeSet<ContainerId>,
    news: VecDeque<Command>,
    frames: VecDeque<master_frame::Body>,
    timers: Vec<(Instant, Timer)>,
    connection: u64,
    is_admitted: bool,
}

/// What the master knows of a task.
#[derive(Default)]
struct Ordered {
    is_killed: bool,
    updates: Vec<UpdateStatus>,
}

impl Ordered {
    fn state(&self) -> TaskState {
        let last = self.updates.last().map_or(0, |update| update.status.state);
        self.updates.last().map_or(TaskState::Staging, |_| TaskState::from_number(last).unwrap())
    }
}

struct World {
    course: Course,
    step: u32,
    now: Instant,
    engine: Engine,
    journal: Vec<Record>,
    names: BTreeMap<String, BTreeSet<String>>,
    ordered: BTreeMap<String, Ordered>,
    process: Option<Process>,
    processes: u64,
    connections: u64,
    under_way: Option<Call>,
}

impl World {
    fn new(course: Course) -> Self {
        Self {
            course,
            step: 0,
            now: Instant::from_secs(100),
            engine: Engine::default(),
            journal: Vec::new(),
            names: BTreeMap::new(),
            ordered: BTreeMap::new(),
            process: None,
            processes: 0,
            connections: 0,
            under_way: None,
        }
    }

    /// Counts a moment; at some of them the process dies, at one the second task is killed.
    fn tick(&mut self) -> Result<(), Crashed> {
        self.step += 1;
        if self.step >= self.course.kill_at
            && self.ordered.get("b").is_some_and(|task| !task.is_killed)
        {
            self.ordered.get_mut("b").unwrap().is_killed = true;
            if let Some(process) = self.process.as_mut().filter(|process| process.is_admitted) {
                process.frames.push_back(kill("b"));
            }
        }
        if self.course.crashes.contains(&self.step) { Err(Crashed) } else { Ok(()) }
    }

    fn live(&mut self) -> &mut Process {
        self.process.as_mut().expect("the process lives")
    }

    /// Runs until nothing happens any more, over all crashes.
    fn settle(&mut self) {
        loop {
            match self.try_settle() {
                Ok(()) => return,
                Err(Crashed) => {
                    self.process = None;
                    match (self.under_way.take(), self.course.fate) {
                        (None, _) | (Some(_), Fate::Lost) => {}
                        (Some(call), Fate::Late | Fate::VeryLate) => self.engine.late.push(call),
                    }
                }
            }
        }
    }

    fn try_settle(&mut self) -> Result<(), Crashed> {
        if self.process.is_none() {
            self.begin()?;
        }
        loop {
            let mut is_busy = false;
            for source in self.course.order {
                is_busy = match source {
                    Source::News => self.next_news()?,
                    Source::Work => self.next_work()?,
                    Source::Frames => self.next_frame()?,
                };
                if is_busy {
                    break;
                }
            }
            if !is_busy {
                return Ok(());
            }
        }
    }

    fn begin(&mut self) -> Result<(), Crashed> {
        self.processes += 1;
        self.connections += 1;
        let records = self.journal.iter().cloned();
        let agent = Agent::recover(settings(), [1, self.processes], records).unwrap();
        // The journal in its shortest form, which the driver writes now, means the same.
        let again = Agent::recover(settings(), [1, 1], agent.checkpoint()).unwrap();
        assert_eq!(again.checkpoint(), agent.checkpoint());
        self.journal = agent.checkpoint();
        let effects = agent.start();
        let connection = self.connections;
        self.process = Some(Process {
            agent,
            jobs: VecDeque::new(),
            cancelled: BTreeSet::new(),
            news: VecDeque::new(),
            frames: VecDeque::new(),
            timers: Vec::new(),
            connection,
            is_admitted: false,
        });
        self.release(effects)?;
        self.apply(Command::LinkOpened(ConnectionId(connection)))
    }

    fn apply(&mut self, command: Command) -> Result<(), Crashed> {
        let now = self.now;
        let effects = self.live().agent.apply(now, Timestamp::from_millis(1), command);
        self.release(effects)
    }

    /// As the driver does: first the records, then everything else.
    fn release(&mut self, effects: Vec<Effect>) -> Result<(), Crashed> {
        let (records, others): (Vec<_>, Vec<_>) =
            effects.into_iter().partition(|effect| matches!(effect, Effect::Journal(_)));
        for record in records {
            self.tick()?;
            if let Effect::Journal(record) = record {
                self.journal.push(record);
            }
        }
        for effect in others {
            self.tick()?;
            match effect {
                Effect::Journal(_) => unreachable!("taken out before"),
                Effect::Send(_, frame) => self.heard(*frame),
                Effect::CloseLink { reason, .. } => panic!("the link is closed: {reason}"),
                Effect::Launch(launch) => {
                    self.begin_launch(launch.task, launch.container, launch.spec.name);
                }
                Effect::LaunchProcess(launch) => {
                    self.begin_launch(launch.task, launch.container, launch.spec.name);
                }
                Effect::CancelLaunch(container) => {
                    self.live().cancelled.insert(container);
                }
                Effect::Describe(watched) => self.live().jobs.push_back(Job::Describe(watched)),
                Effect::Probe(probe) => panic!("no task here has a check: {probe:?}"),
                Effect::Watch(watched) => self.live().jobs.push_back(Job::Watch(watched)),
                Effect::Stop { name, .. } => self.live().jobs.push_back(Job::Stop(name)),
                Effect::Remove(name) => self.live().jobs.push_back(Job::Remove(name)),
                Effect::Discard { task, container, name } => {
                    self.live().jobs.push_back(Job::Discard(task, container, name));
                }
                Effect::FindContainers => self.live().jobs.push_back(Job::Find(Kind::Docker)),
                Effect::FindEnd(name) => {
                    self.live().news.push_back(Command::EndFound(name, None));
                }
                Effect::FindProcesses => self.live().jobs.push_back(Job::Find(Kind::Process)),
                Effect::ArmTimer { at, timer } => self.live().timers.push((at, timer)),
                Effect::Exit(reason) => panic!("the agent ends: {reason}"),
            }
        }
        Ok(())
    }

    fn begin_launch(&mut self, task: TaskKey, container: ContainerId, name: String) {
        assert_eq!(Kind::of_name(&name), self.course.kind);
        self.names.entry(task.task.to_string()).or_default().insert(name.clone());
        if task.task.as_str() == "c" {
            self.engine.refused.insert(name.clone());
        }
        let launch = Launching { task, container, name };
        self.live().jobs.push_back(Job::Launch { launch, step: 0 });
    }

    /// What the master does with a frame.
    fn heard(&mut self, frame: AgentFrame) {
        let agent_id = v1::AgentId { value: "S5".to_owned() };
        match frame.body.unwrap() {
            agent_frame::Body::Register(_) => {
                let body = Registered { agent_id, terms: terms(), master: None };
                self.live().frames.push_back(master_frame::Body::Registered(body));
                self.live().is_admitted = true;
                self.order_again(&[]);
            }
            agent_frame::Body::Reregister(told) => {
                let body = Reregistered { agent_id, terms: terms(), master: None };
                self.live().frames.push_back(master_frame::Body::Reregistered(body));
                self.live().is_admitted = true;
                let held: Vec<String> =
                    told.tasks.iter().map(|held| held.task.task_id.value.clone()).collect();
                for held in &told.tasks {
                    assert!(
                        self.tells_the_truth(held.task.state, &held.task.task_id.value),
                        "{:?} is said of a container that does not run",
                        held.task
                    );
                }
                self.order_again(&held);
            }
            agent_frame::Body::UpdateStatus(update) => self.updated(update),
            other => panic!("{other:?}"),
        }
    }

    /// A task that is said to run has a container that runs, or that has just been ended by this very process.
    fn tells_the_truth(&self, state: i32, task: &str) -> bool {
        let runs = |name: &String| self.engine.containers.get(name) == Some(&State::Running);
        state != TaskState::Running.number()
            || self.names[task].iter().any(runs)
            || self.process.as_ref().is_some_and(|process| !process.news.is_empty())
    }

    fn order_again(&mut self, held: &[String]) {
        let open: Vec<(String, bool)> = self
            .ordered
            .iter()
            .filter(|(_, task)| !task.state().is_terminal())
            .map(|(name, task)| (name.clone(), task.is_killed))
            .collect();
        for (task, is_killed) in open {
            if !held.contains(&task) {
                let order = run(self.course.kind, &task);
                self.live().frames.push_back(order);
            }
            if is_killed {
                self.live().frames.push_back(kill(&task));
            }
        }
    }

    fn updated(&mut self, update: UpdateStatus) {
        let task = update.status.task_id.value.clone();
        let uuid = update.status.uuid.clone().unwrap();
        let known = self.ordered.get_mut(&task).unwrap();
        if !known.updates.iter().any(|earlier| earlier.status.uuid == update.status.uuid) {
            assert!(!known.state().is_terminal(), "news after the end: {update:?}");
            let state = TaskState::from_number(update.status.state).unwrap();
            assert_ne!(known.state(), state, "told twice: {update:?}");
            known.updates.push(update);
        }
        let seen = AcknowledgeUpdate {
            framework_id: framework(),
            task_id: v1::TaskId { value: task },
            uuid,
        };
        self.live().frames.push_back(master_frame::Body::AcknowledgeUpdate(seen));
    }

    fn next_news(&mut self) -> Result<bool, Crashed> {
        let Some(command) = self.live().news.pop_front() else { return Ok(false) };
        self.apply(command)?;
        Ok(true)
    }

    fn next_frame(&mut self) -> Result<bool, Crashed> {
        let connection = self.live().connection;
        let Some(body) = self.live().frames.pop_front() else { return Ok(false) };
        let frame = MasterFrame { epoch: EPOCH, link: connection, body: Some(body) };
        self.apply(Command::FrameArrived(ConnectionId(connection), Box::new(frame)))?;
        Ok(true)
    }

    /// Takes one step of the first job that can take one.
    fn next_work(&mut self) -> Result<bool, Crashed> {
        for _ in 0..self.live().jobs.len() {
            let job = self.live().jobs.pop_front().expect("counted");
            let state = |name: &str| self.engine.containers.get(name).copied();
            let next = match job {
                Job::Launch { launch, step } => return self.launch(launch, step),
                Job::Watch(watched) if state(&watched.name) == Some(State::Running) => {
                    Job::Watch(watched)
                }
                Job::Watch(watched) => {
                    let exit = match state(&watched.name) {
                        Some(State::Exited(status)) => self.exit(status),
                        _ => Exit::Vanished,
                    };
                    self.report(Command::ContainerEnded(watched.task, watched.container, exit))?;
                    return Ok(true);
                }
                Job::Describe(watched) => {
                    let (task, container) = (watched.task.clone(), watched.container.clone());
                    self.report(match state(&watched.name) {
                        Some(_) => Command::ContainerLaunched(task, container, inspection()),
                        None => Command::ContainerEnded(task, container, Exit::Vanished),
                    })?;
                    return Ok(true);
                }
                Job::Stop(name) => {
                    self.call(Call::Stop(name))?;
                    return Ok(true);
                }
                Job::Remove(name) => {
                    self.call(Call::Remove(name))?;
                    return Ok(true);
                }
                Job::Discard(task, container, name) => {
                    self.call(Call::Remove(name))?;
                    self.report(Command::ContainerDiscarded(task, container))?;
                    return Ok(true);
                }
                Job::Find(kind) => {
                    let found = self.list(kind);
                    if self.course.fate == Fate::Late {
                        self.engine.take_late();
                    }
                    self.report(match kind {
                        Kind::Docker => Command::ContainersFound(found),
                        Kind::Process => Command::ProcessesFound(found),
                    })?;
                    return Ok(true);
                }
            };
            self.live().jobs.push_back(next);
        }
        Ok(false)
    }

    fn exit(&self, status: i64) -> Exit {
        match (self.course.kind, status) {
            (Kind::Docker, _) => Exit::Exited { status, out_of_memory: false },
            (Kind::Process, 143) => Exit::Process(ProcessExit::Signaled(15)),
            (Kind::Process, _) => Exit::Process(ProcessExit::Exited(0)),
        }
    }

    fn launch(&mut self, launch: Launching, step: u8) -> Result<bool, Crashed> {
        let (task, container) = (launch.task.clone(), launch.container.clone());
        let name = launch.name.clone();
        if step < 3 && self.live().cancelled.contains(&container) {
            self.report(Command::LaunchFailed(task, container, LaunchFailure::Cancelled))?;
            return Ok(true);
        }
        match step {
            0 => self.report(Command::ImageReady(task, container))?,
            1 => {
                self.call(Call::Create(name))?;
            }
            2 => {
                if !self.call(Call::Start(name))? {
                    let failure = LaunchFailure::Failed("the port is taken".to_owned());
                    self.report(Command::LaunchFailed(task, container, failure))?;
                    return Ok(true);
                }
            }
            _ => {
                self.report(Command::ContainerLaunched(task, container, inspection()))?;
                return Ok(true);
            }
        }
        self.live().jobs.push_back(Job::Launch { launch, step: step + 1 });
        Ok(true)
    }

    fn call(&mut self, call: Call) -> Result<bool, Crashed> {
        self.under_way = Some(call.clone());
        self.tick()?;
        self.under_way = None;
        let done = self.engine.take(&call);
        self.tick()?;
        Ok(done)
    }

    fn report(&mut self, command: Command) -> Result<(), Crashed> {
        self.tick()?;
        self.live().news.push_back(command);
        Ok(())
    }

    fn list(&self, kind: Kind) -> Vec<FoundContainer> {
        let found = |(name, state): (&String, &State)| FoundContainer {
            name: name.clone(),
            labels: BTreeMap::new(),
            state: match state {
                State::Created => FoundState::Created,
                State::Running => FoundState::Running,
                State::Exited(_) => FoundState::Exited,
            },
        };
        let containers = self.engine.containers.iter();
        containers.filter(|(name, _)| Kind::of_name(name) == kind).map(found).collect()
    }

    /// Orders tasks, as far as there is a process to hear of it.
    fn order(&mut self, tasks: &[&str]) {
        for task in tasks {
            self.ordered.insert((*task).to_owned(), Ordered::default());
            if let Some(process) = self.process.as_mut().filter(|process| process.is_admitted) {
                process.frames.push_back(run(self.course.kind, task));
            }
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        let now = self.now;
        let Some(process) = self.process.as_mut() else { return };
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut process.timers).into_iter().partition(|(at, timer)| {
                *at <= now && !matches!(timer, Timer::AwaitPing(_) | Timer::AwaitAdmission(_))
            });
        process.timers = later;
        process.news.extend(due.into_iter().map(|(_, timer)| Command::TimerFired(timer)));
        self.settle();
    }
}

fn run(kind: Kind, task: &str) -> master_frame::Body {
    let info = match kind {
        Kind::Docker => nginx_task(task, 31_000),
        Kind::Process => shell_task(task),
    };
    master_frame::Body::RunTask(Box::new(RunTask {
        framework: marathon(),
        task: info,
        launch_id: format!("launch of {task}"),
    }))
}

fn kill(task: &str) -> master_frame::Body {
    master_frame::Body::KillTask(KillTask {
        framework_id: framework(),
        task_id: v1::TaskId { value: task.to_owned() },
        kill_policy: None,
    })
}

/// Plays a course to its end and checks it; how many moments it had.
fn play(course: &Course) -> u32 {
    let mut world = World::new(course.clone());
    world.settle();
    world.order(&["a", "b", "c"]);
    world.settle();
    world.course.kill_at = world.course.kill_at.min(world.step);
    // The second task is killed at the latest now.
    if world.tick().is_err() {
        world.process = None;
    }
    world.settle();
    let first = world.names["a"].iter().next().unwrap().clone();
    assert_eq!(world.engine.containers.get(&first), Some(&State::Running), "{course:?}");
    world.engine.containers.insert(first.clone(), State::Exited(0));
    world.settle();
    world.engine.take_late();
    let moments = world.step;
    world.pass(61); // Looks again.
    world.pass(61); // Removes.
    world.pass(61);

    for (task, end) in
        [("a", TaskState::Finished), ("b", TaskState::Killed), ("c", TaskState::Failed)]
    {
        assert_eq!(world.ordered[task].state(), end, "`{task}` in {course:?}");
        assert_eq!(world.names[task].len(), 1, "two containers for `{task}` in {course:?}");
    }
    assert_eq!(world.engine.starts[&first], 1, "{course:?}");
    assert!(world.engine.starts.values().all(|starts| *starts == 1), "{course:?}");
    assert_eq!(world.engine.containers.len(), 0, "left in the engine by {course:?}");
    moments
}

const KINDS: [Kind; 2] = [Kind::Docker, Kind::Process];

const ORDERS: [[Source; 3]; 4] = [
    [Source::News, Source::Work, Source::Frames],
    [Source::Work, Source::Frames, Source::News],
    [Source::Frames, Source::News, Source::Work],
    [Source::Work, Source::News, Source::Frames],
];

#[test]
fn whatever_the_moment_of_a_crash_and_of_a_kill_the_end_is_the_same() {
    for (kind, order) in KINDS.into_iter().flat_map(|kind| ORDERS.map(|order| (kind, order))) {
        let undisturbed =
            Course { kind, order, crashes: Vec::new(), fate: Fate::Lost, kill_at: u32::MAX };
        let moments = play(&undisturbed);
        assert!(moments > 40, "{moments}");
        for kill_at in (1..=moments).step_by(9) {
            for crash in 1..=moments + 10 {
                play(&Course { crashes: vec![crash], kill_at, ..undisturbed.clone() });
            }
        }
    }
}

#[test]
fn a_call_that_outlives_the_process_starts_nothing_twice_and_leaves_nothing() {
    let fates = |order| [(order, Fate::Late), (order, Fate::VeryLate)];
    let courses = ORDERS.into_iter().flat_map(fates);
    for (kind, (order, fate)) in courses.flat_map(|course| KINDS.map(|kind| (kind, course))) {
        let undisturbed = Course { kind, order, crashes: Vec::new(), fate, kill_at: u32::MAX };
        let moments = play(&undisturbed);
        for kill_at in (1..=moments).step_by(20) {
            for crash in 1..=moments + 10 {
                play(&Course { crashes: vec![crash], kill_at, ..undisturbed.clone() });
            }
        }
    }
}

#[test]
fn two_crashes_in_a_row_change_nothing_either() {
    for kind in KINDS {
        let order = ORDERS[1];
        let undisturbed =
            Course { kind, order, crashes: Vec::new(), fate: Fate::Late, kill_at: 60 };
        let moments = play(&undisturbed);
        for first in (1..moments).step_by(2) {
            for second in first + 1..first + 25 {
                play(&Course { crashes: vec![first, second], ..undisturbed.clone() });
            }
        }
    }
}
