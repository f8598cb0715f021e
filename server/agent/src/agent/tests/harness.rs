//! An agent with a master that says what a test tells it to, and a journal in memory.

use model::{ContainerId, Instant, TaskState, Timestamp};
use wire::link::{
    AcknowledgeUpdate, AgentFrame, KillTask, MasterFrame, Registered, Reregister, Reregistered,
    RunTask, Terms, UpdateStatus, agent_frame, master_frame,
};
use wire::mesos::v1;

use crate::container::{Exit, Inspection};
use crate::fixtures::{marathon, nginx_task, settings};
use crate::{Agent, Command, ConnectionId, Effect, Launch, Record, Settings, TaskKey, Timer};

/// The epoch of the master, unless a test says otherwise.
pub(super) const EPOCH: u64 = 7;

pub(super) struct Harness {
    pub(super) agent: Agent,
    pub(super) journal: Vec<Record>,
    pub(super) now: Instant,
    pub(super) timers: Vec<(Instant, Timer)>,
    settings: Settings,
    connection: u64,
    seed: u64,
}

impl Harness {
    /// An agent that has never been admitted.
    pub(super) fn new() -> Self {
        Self {
            agent: Agent::recover(settings(), [1, 2], []).unwrap(),
            journal: Vec::new(),
            now: Instant::from_secs(100),
            timers: Vec::new(),
            settings: settings(),
            connection: 0,
            seed: 2,
        }
    }

    /// An agent that the master has admitted as `S5`.
    pub(super) fn admitted() -> Self {
        let mut harness = Self::new();
        harness.admit();
        harness
    }

    pub(super) fn admit(&mut self) {
        self.open();
        self.answer(master_frame::Body::Registered(Registered {
            agent_id: v1::AgentId { value: "S5".to_owned() },
            terms: terms(),
            master: None,
        }));
    }

    /// The same, remembering this many ended tasks.
    pub(super) fn remembering(ended: usize) -> Self {
        Self::with(Settings { max_completed_tasks: ended, ..settings() })
    }

    /// The same with other settings.
    pub(super) fn with(settings: Settings) -> Self {
        let mut harness = Self { settings, ..Self::new() };
        harness.restart();
        harness.admit();
        harness
    }

    /// Ends the process and starts it again from its journal; returns the effects of the start.
    pub(super) fn restart(&mut self) -> Vec<Effect> {
        self.seed += 1;
        self.agent =
            Agent::recover(self.settings.clone(), [1, self.seed], self.journal.iter().cloned())
                .unwrap();
        self.timers.clear();
        self.agent.start()
    }

    /// The machine boots: the journal keeps its first `records`, and the new process writes it anew as every process does.
    pub(super) fn boot(&mut self, boot: &str, records: usize) {
        self.settings.description.boot_id = Some(boot.to_owned());
        self.journal.truncate(records);
        self.restart();
        self.journal = self.agent.checkpoint();
    }

    pub(super) fn apply(&mut self, command: Command) -> Vec<Effect> {
        let effects = self.agent.apply(self.now, self.wall(), command);
        for effect in &effects {
            match effect {
                Effect::Journal(record) => self.journal.push(record.clone()),
                Effect::ArmTimer { at, timer } => self.timers.push((*at, timer.clone())),
                _ => {}
            }
        }
        effects
    }

    /// What the clock of the machine shows.
    pub(super) fn wall(&self) -> Timestamp {
        let passed = i64::try_from(self.now.as_millis()).unwrap();
        Timestamp::from_millis(1_700_000_000_000 + passed)
    }

    pub(super) fn open(&mut self) -> Vec<Effect> {
        self.connection += 1;
        self.apply(Command::LinkOpened(ConnectionId(self.connection)))
    }

    pub(super) fn close(&mut self) {
        self.apply(Command::LinkClosed(ConnectionId(self.connection)));
    }

    /// A frame of the master on the present link.
    pub(super) fn answer(&mut self, body: master_frame::Body) -> Vec<Effect> {
        self.answer_as(EPOCH, body)
    }

    pub(super) fn answer_as(&mut self, epoch: u64, body: master_frame::Body) -> Vec<Effect> {
        let frame = MasterFrame { epoch, link: self.connection, body: Some(body) };
        self.apply(Command::FrameArrived(ConnectionId(self.connection), Box::new(frame)))
    }

    /// Opens a new link on which the master takes the agent back, sooner or later.
    pub(super) fn reconnect(&mut self) -> (Reregister, Vec<Effect>) {
        let mut opened = self.open();
        if frames(&opened).is_empty() {
            opened = self.pass(5); // It has waited for the engine in vain.
        }
        let Some(agent_frame::Body::Reregister(told)) = frames(&opened).pop() else {
            panic!("no re-registration in {opened:?}")
        };
        let effects = self.answer(master_frame::Body::Reregistered(Reregistered {
            agent_id: v1::AgentId { value: "S5".to_owned() },
            terms: terms(),
            master: None,
        }));
        (told, effects)
    }

    pub(super) fn run(&mut self, task: &str) -> Vec<Effect> {
        self.run_info(nginx_task(task, 31_000))
    }

    pub(super) fn run_info(&mut self, task: v1::TaskInfo) -> Vec<Effect> {
        let launch_id = format!("launch of {}", task.task_id.value);
        self.answer(master_frame::Body::RunTask(Box::new(RunTask {
            framework: marathon(),
            task,
            launch_id,
        })))
    }

    /// Runs a task up to its acknowledged RUNNING update.
    pub(super) fn running(&mut self, task: &str) -> ContainerId {
        let launch = launch(&self.run(task));
        self.apply(Command::ImageReady(launch.task.clone(), launch.container.clone()));
        self.apply(Command::ContainerLaunched(
            launch.task.clone(),
            launch.container.clone(),
            inspection(),
        ));
        self.acknowledge_head(task);
        self.acknowledge_head(task);
        launch.container
    }

    pub(super) fn kill(&mut self, task: &str, grace_seconds: Option<i64>) -> Vec<Effect> {
        let kill_policy = grace_seconds.map(|seconds| v1::KillPolicy {
            grace_period: Some(v1::DurationInfo { nanoseconds: seconds * 1_000_000_000 }),
        });
        let order = KillTask {
            framework_id: framework(),
            task_id: v1::TaskId { value: task.to_owned() },
            kill_policy,
        };
        self.answer(master_frame::Body::KillTask(order))
    }

    pub(super) fn ended(
        &mut self,
        task: &str,
        container: &ContainerId,
        status: i64,
    ) -> Vec<Effect> {
        let exit = Exit::Exited { status, out_of_memory: false };
        self.apply(Command::ContainerEnded(key(task), container.clone(), exit))
    }

    /// Acknowledges the update that is under way for a task.
    pub(super) fn acknowledge_head(&mut self, task: &str) -> Vec<Effect> {
        let snapshot = self.agent.snapshot();
        let head =
            snapshot.tasks[&key(task)].updates.head().expect("an update is under way").clone();
        self.acknowledge(task, &head.uuid.unwrap())
    }

    pub(super) fn acknowledge(&mut self, task: &str, uuid: &[u8]) -> Vec<Effect> {
        self.answer(master_frame::Body::AcknowledgeUpdate(AcknowledgeUpdate {
            framework_id: framework(),
            task_id: v1::TaskId { value: task.to_owned() },
            uuid: bytes::Bytes::copy_from_slice(uuid),
        }))
    }

    pub(super) fn state(&self, task: &str) -> TaskState {
        self.agent.snapshot().tasks[&key(task)].state
    }

    /// Lets time pass and fires what is due, once.
    pub(super) fn pass(&mut self, seconds: u64) -> Vec<Effect> {
        self.now = self.now + std::time::Duration::from_secs(seconds);
        let (due, later) =
            std::mem::take(&mut self.timers).into_iter().partition(|(at, _)| *at <= self.now);
        self.timers = later;
        let due: Vec<(Instant, Timer)> = due;
        due.into_iter().flat_map(|(_, timer)| self.apply(Command::TimerFired(timer))).collect()
    }
}

pub(super) fn terms() -> Terms {
    Terms { ping_timeout_ms: 3_000, max_pings: 5 }
}

pub(super) fn framework() -> v1::FrameworkId {
    v1::FrameworkId { value: "F".to_owned() }
}

pub(super) fn key(task: &str) -> TaskKey {
    TaskKey { framework: "F".into(), task: task.into() }
}

pub(super) fn inspection() -> Inspection {
    Inspection { json: r#"[{"Id":"b35f"}]"#.to_owned(), addresses: vec!["172.17.0.2".to_owned()] }
}

/// The launch among the effects.
pub(super) fn launch(effects: &[Effect]) -> Launch {
    let launch = effects.iter().find_map(|effect| match effect {
        Effect::Launch(launch) => Some(Launch::clone(launch)),
        _ => None,
    });
    launch.unwrap_or_else(|| panic!("no launch in {effects:?}"))
}

/// The bodies of the frames among the effects.
pub(super) fn frames(effects: &[Effect]) -> Vec<agent_frame::Body> {
    let body = |effect: &Effect| match effect {
        Effect::Send(_, frame) => AgentFrame::clone(frame).body,
        _ => None,
    };
    effects.iter().filter_map(body).collect()
}

/// The updates among the effects.
pub(super) fn updates(effects: &[Effect]) -> Vec<UpdateStatus> {
    let update = |body| match body {
        agent_frame::Body::UpdateStatus(update) => Some(update),
        _ => None,
    };
    frames(effects).into_iter().filter_map(update).collect()
}

/// The one update among the effects.
pub(super) fn update(effects: &[Effect]) -> UpdateStatus {
    let updates = updates(effects);
    assert_eq!(updates.len(), 1, "{effects:?}");
    updates.into_iter().next().unwrap()
}

pub(super) fn state_of(update: &UpdateStatus) -> TaskState {
    TaskState::from_number(update.status.state).unwrap()
}
