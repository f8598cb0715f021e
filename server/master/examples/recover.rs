//! What a change of the leader costs, and single events in a cluster of that size.
//!
//! Usage: `recover [AGENTS] [TASKS_PER_AGENT] [FRAMEWORKS]`. Prints one line per row. A snapshot is taken
//! after each command, as the driver does after each batch, so copying what readers hold is included.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program reads the clock and prints what it measured"
)]

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use master_core::record::{AgentRecord, FrameworkRecord, Standing};
use master_core::{Command, Config, Effect, LinkId, Master, Recovery, Snapshot, StreamId, Timer};
use model::{Epoch, RequestId, Resources, TaskState, Timestamp};
use wire::link::{self, AgentDescription, AgentFrame, agent_frame};
use wire::mesos::v1 as pb;
use wire::mesos::v1::scheduler::{Call, call};

const EVENTS: usize = 1_000;
const NOW: model::Instant = model::Instant::ZERO;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| arguments.next().map_or(Ok(default), |count| count.parse());
    let size = Size { agents: number(10_000)?, tasks: number(5)?, frameworks: number(10)? };
    println!(
        "{} agents, {} tasks, {} frameworks",
        size.agents,
        size.agents * size.tasks,
        size.frameworks
    );
    let mut cluster = Cluster::recover(size)?;
    cluster.everybody_returns()?;
    cluster.single_events();
    Ok(())
}

fn row(name: &str, took: Duration, count: usize) {
    let each = took.as_nanos() / u128::try_from(count.max(1)).unwrap_or(1);
    println!("{name:<44} {:>9.3} ms {count:>7} x {each:>9} ns", took.as_secs_f64() * 1_000.0);
}

#[derive(Clone, Copy)]
struct Size {
    agents: usize,
    tasks: usize,
    frameworks: usize,
}

fn wall() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

fn description(agent: usize) -> Result<AgentDescription, Box<dyn Error>> {
    let total = Resources::parse("cpus:24;mem:65536;disk:262144;ports:[31000-32000]")?;
    let port = 5051;
    let ip = format!("10.{}.{}.{}", agent >> 16, agent >> 8 & 255, agent & 255);
    Ok(AgentDescription {
        info: pb::AgentInfo {
            hostname: format!("node{agent}"),
            port: Some(port),
            resources: model::v1::resources_to_v1(&total, None),
            ..pb::AgentInfo::default()
        },
        address: pb::Address { hostname: Some(format!("node{agent}")), ip: Some(ip), port },
        version: "1.11.0".into(),
        ..AgentDescription::default()
    })
}

fn framework_info(framework: usize) -> pb::FrameworkInfo {
    pb::FrameworkInfo {
        id: Some(framework_id(framework)),
        user: "root".into(),
        name: format!("framework {framework}"),
        failover_timeout: Some(604_800.0),
        checkpoint: Some(true),
        ..pb::FrameworkInfo::default()
    }
}

fn framework_id(framework: usize) -> pb::FrameworkId {
    pb::FrameworkId { value: format!("m-{framework:04}") }
}

struct Cluster {
    size: Size,
    master: Master,
    snapshot: Snapshot,
    /// Link, framework and task of each task.
    tasks: Vec<(LinkId, usize, String)>,
}

impl Cluster {
    fn recover(size: Size) -> Result<Self, Box<dyn Error>> {
        let mut writes = Vec::new();
        for agent in 0..size.agents {
            let record = AgentRecord {
                id: format!("m-S{agent}").into(),
                description: description(agent)?,
                nonce: Bytes::from(format!("nonce-{agent}")),
                admitted_at: wall(),
                standing: Standing::Admitted,
            };
            writes.push(record.put());
        }
        for framework in 0..size.frameworks {
            let id = framework_id(framework).value.into();
            let info = framework_info(framework);
            writes.push(FrameworkRecord { id, info, epoch: 7, registered_at: wall() }.put());
        }
        let records = writes
            .iter()
            .map(|write| (write.path.as_str(), write.value.as_deref().unwrap_or_default()));
        let master = pb::MasterInfo { id: "n".into(), port: 5050, ..pb::MasterInfo::default() };
        let begin = Instant::now();
        let Recovery { master, .. } =
            Master::recover(Config::new(master, Epoch(8)), NOW, wall(), records)?;
        row("a record is recovered", begin.elapsed(), writes.len());
        Ok(Self { size, snapshot: master.snapshot(), master, tasks: Vec::new() })
    }

    /// Applies a command and what it makes due at once.
    fn apply(&mut self, command: Command) -> (Duration, Vec<Effect>) {
        let begin = Instant::now();
        let mut effects = self.master.apply(NOW, wall(), command);
        let is_due =
            |effect: &Effect| matches!(effect, Effect::ArmTimer { timer: Timer::Allocate, .. });
        if effects.iter().any(is_due) {
            effects.extend(self.master.apply(NOW, wall(), Command::Timer(Timer::Allocate)));
        }
        self.snapshot = self.master.snapshot();
        (begin.elapsed(), effects)
    }

    fn everybody_returns(&mut self) -> Result<(), Box<dyn Error>> {
        let mut took = Duration::ZERO;
        for framework in 0..self.size.frameworks {
            let stream = StreamId::new(format!("stream-{framework}"));
            let framework_info = framework_info(framework);
            let subscribe = Box::new(call::Subscribe { framework_info, ..Default::default() });
            took += self.apply(Command::Subscribe { stream, subscribe }).0;
        }
        row("a framework subscribes again", took, self.size.frameworks);
        took = Duration::ZERO;
        for agent in 0..self.size.agents {
            let link = LinkId(agent as u64);
            let reregister = link::Reregister {
                agent_id: pb::AgentId { value: format!("m-S{agent}") },
                agent: description(agent)?,
                tasks: (0..self.size.tasks)
                    .map(|task| self.held(agent, task))
                    .collect::<Result<_, _>>()?,
                frameworks: Vec::new(),
            };
            let frame = AgentFrame {
                epoch: 7,
                link: 0,
                body: Some(agent_frame::Body::Reregister(reregister)),
            };
            took += self.apply(Command::AgentFrame { link, frame: Box::new(frame) }).0;
        }
        row("an agent re-registers, is offered", took, self.size.agents);
        println!("  {} tasks are known", self.snapshot.tasks().count());
        Ok(())
    }

    fn held(&mut self, agent: usize, task: usize) -> Result<link::HeldTask, Box<dyn Error>> {
        let n = agent * self.size.tasks + task;
        let (framework, id) = (n % self.size.frameworks, format!("task-{n}"));
        let port = 31_000 + task;
        let wanted = Resources::parse(&format!("cpus:1;mem:512;ports:[{port}-{port}]"))?;
        let task = pb::Task {
            name: "web".into(),
            task_id: pb::TaskId { value: id.clone() },
            framework_id: framework_id(framework),
            agent_id: pb::AgentId { value: format!("m-S{agent}") },
            state: TaskState::Running.number(),
            resources: model::v1::resources_to_v1(&wanted, None),
            ..pb::Task::default()
        };
        self.tasks.push((LinkId(agent as u64), framework, id));
        Ok(link::HeldTask { task, ..link::HeldTask::default() })
    }

    fn update(&self, n: usize, state: TaskState) -> Command {
        let (link, framework, task) = &self.tasks[n % self.tasks.len()];
        let status = pb::TaskStatus {
            task_id: pb::TaskId { value: task.clone() },
            state: state.number(),
            uuid: Some(Bytes::from_static(&[0x44; 16])),
            ..pb::TaskStatus::default()
        };
        let body = agent_frame::Body::UpdateStatus(link::UpdateStatus {
            framework_id: framework_id(*framework),
            status,
            latest_state: state.number(),
        });
        let frame = Box::new(AgentFrame { epoch: 8, link: link.0, body: Some(body) });
        Command::AgentFrame { link: *link, frame }
    }

    fn call(framework: usize, call: Call) -> Command {
        let call = Box::new(Call { framework_id: Some(framework_id(framework)), ..call });
        let stream = Some(StreamId::new(format!("stream-{framework}")));
        Command::Call { request: RequestId(0), stream, call }
    }

    fn acknowledge(&self, n: usize) -> Command {
        let (link, framework, task) = &self.tasks[n % self.tasks.len()];
        let acknowledge = call::Acknowledge {
            agent_id: pb::AgentId { value: format!("m-S{}", link.0) },
            task_id: pb::TaskId { value: task.clone() },
            uuid: Bytes::from_static(&[0x44; 16]),
        };
        let r#type = Some(call::Type::Acknowledge.into());
        Self::call(*framework, Call { r#type, acknowledge: Some(acknowledge), ..Call::default() })
    }

    fn mean(&mut self, name: &str, command: impl Fn(&Self, usize) -> Command) {
        let mut took = Duration::ZERO;
        for n in 0..EVENTS {
            let command = command(self, n * 7_919);
            took += self.apply(command).0;
        }
        row(name, took, EVENTS);
    }

    fn single_events(&mut self) {
        self.mean("a status update", |cluster, n| cluster.update(n, TaskState::Running));
        self.mean("its acknowledgement", Self::acknowledge);
        self.mean("a task ends, its agent is offered again", |cluster, n| {
            cluster.update(n, TaskState::Finished)
        });
        self.mean("its acknowledgement", Self::acknowledge);
        let r#type = Some(call::Type::Reconcile.into());
        let reconcile = Some(call::Reconcile::default());
        let call = Call { r#type, reconcile, ..Call::default() };
        let (took, effects) = self.apply(Self::call(0, call));
        row("an implicit reconciliation, per task", took, effects.len());
        let mut took = Duration::ZERO;
        for n in 0..EVENTS.min(self.size.agents) {
            took += self.apply(Command::LinkClosed { link: LinkId(n as u64) }).0;
        }
        row("an agent's link breaks", took, EVENTS.min(self.size.agents));
    }
}
