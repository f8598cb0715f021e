//! A second framework: a small scheduler that keeps some short tasks running beside Marathon's apps.
//!
//! It runs outside the simulated nodes and never dies; its event stream does, and the master that it talks to. It
//! comes back with the same id, whatever it has missed it asks for, and a task whose end it was told is over.

use std::collections::BTreeMap;
use std::time::Duration;

use marathon_core::Command as Heard;
use marathon_core::command::StatusUpdate;
use marathon_core::effect::Call;
use marathon_core::scheduler_api::{call_to_v1, offer_from_v1, status_from_v1};
use master_core::{Command, StreamId};
use model::v1::resources_to_v1;
use model::{AgentId, FrameworkId, Instant, RequestId, Resources, Role, TaskId, TaskState};
use wire::mesos::v1;
use wire::mesos::v1::container_info::{DockerInfo, Type as ContainerType};
use wire::mesos::v1::framework_info::Capability;
use wire::mesos::v1::framework_info::capability::Type as Kind;
use wire::mesos::v1::offer::{Operation, operation};
use wire::mesos::v1::scheduler::call::{Accept, Subscribe, Type as CallType};
use wire::mesos::v1::scheduler::event::Type;

use crate::election;
use crate::event::{Event, Message, Place, Side};
use crate::network::Kind as ConnectionKind;
use crate::store::Role as Election;
use crate::world::World;

/// How often it looks at what it has.
const TURN: Duration = Duration::from_secs(1);
/// How long a task may be silent before it is asked for.
const SILENCE: Duration = Duration::from_secs(10);
/// What each task uses.
const RESOURCES: &str = "cpus:0.1;mem:32";

/// A task that has not ended.
#[derive(Debug)]
pub(crate) struct BatchTask {
    pub(crate) agent: AgentId,
    pub(crate) state: TaskState,
    heard: Instant,
    is_killed: bool,
}

/// The scheduler.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) tasks: BTreeMap<TaskId, BatchTask>,
    framework: Option<FrameworkId>,
    subscription: Option<Subscription>,
    launched: u64,
    wanted: usize,
    /// When its last call arrives; no call overtakes another.
    last_call: Instant,
}

#[derive(Debug)]
struct Subscription {
    node: usize,
    lead: u64,
    connection: u64,
    stream: StreamId,
    is_answered: bool,
}

impl Batch {
    /// Keeps so many tasks.
    pub(crate) fn new(wanted: usize) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// The connection of its event stream.
    pub(crate) fn stream(&self) -> Option<u64> {
        self.subscription.as_ref().map(|subscription| subscription.connection)
    }

    /// Whether it has what it wants.
    pub(crate) fn at_rest(&self) -> Result<(), String> {
        let mut tasks = self.tasks.iter();
        if let Some((id, task)) = tasks.find(|(_, t)| t.state != TaskState::Running || t.is_killed)
        {
            return Err(format!("{id} of the second framework is {:?}", task.state));
        }
        if self.tasks.len() == self.wanted {
            Ok(())
        } else {
            Err(format!("the second framework has {} of {} tasks", self.tasks.len(), self.wanted))
        }
    }
}

impl World {
    pub(crate) fn batch_turn(&mut self) {
        self.schedule(self.now + TURN, Event::Batch);
        if self.batch.wanted == 0 {
            return;
        }
        if self.batch.subscription.is_none() {
            return self.subscribe_batch();
        }
        if !self.faults.is_over && self.random.percent(10) {
            let running: Vec<TaskId> = self.batch.tasks.keys().cloned().collect();
            let chosen = self.random.pick(&running).and_then(|id| self.batch.tasks.get_mut(&id));
            if let Some(task) = chosen {
                task.is_killed = true;
            }
        }
        let (now, tasks) = (self.now, &self.batch.tasks);
        let kills = tasks.iter().filter(|(_, task)| task.is_killed);
        let kills =
            kills.map(|(id, t)| Call::Kill { task: id.clone(), agent: Some(t.agent.clone()) });
        let silent = tasks.iter().filter(|(_, task)| now >= task.heard + SILENCE);
        let silent: Vec<_> =
            silent.map(|(id, task)| (id.clone(), Some(task.agent.clone()))).collect();
        let mut calls: Vec<Call> = kills.collect();
        if !silent.is_empty() {
            calls.push(Call::Reconcile(silent));
        }
        if self.batch.tasks.len() < self.batch.wanted {
            calls.push(Call::Revive);
        }
        for call in calls {
            self.batch_calls(&call);
        }
    }

    fn subscribe_batch(&mut self) {
        let leader = election::leader(&self.store.state, Election::Mesos).map(|leader| leader.node);
        let Some(node) = leader.filter(|node| self.is_responsive(Place::Node(*node))) else {
            return;
        };
        let Some(lead) = self.lead_of(node, Election::Mesos) else { return };
        if self.nodes[node].disk.is_full {
            return; // A subscription is stored before it is answered.
        }
        let stream = StreamId::new(format!("batch-{}", self.random.next()));
        let kind = ConnectionKind::Batch { stream: stream.clone() };
        let connection = self.connect(kind, node, lead, 0);
        if let Some(master) = &mut self.nodes[node].master {
            master.streams.insert(stream.clone(), connection);
        }
        let subscribe = Box::new(subscribe_call(self.batch.framework.as_ref()));
        self.batch.subscription = Some(Subscription {
            node,
            lead,
            connection,
            stream: stream.clone(),
            is_answered: false,
        });
        self.tell_master(node, Command::Subscribe { stream, subscribe });
    }

    /// The stream brought an event, or ended.
    pub(crate) fn batch_heard(&mut self, connection: u64, message: Message) {
        let Some(subscription) = &mut self.batch.subscription else { return };
        if subscription.connection != connection {
            return;
        }
        let Message::Event(event) = message else {
            self.batch.subscription = None;
            return;
        };
        match event.r#type.and_then(|kind| Type::try_from(kind).ok()) {
            Some(Type::Subscribed) => {
                subscription.is_answered = true;
                let id = event.subscribed.as_ref().map(|s| s.framework_id.value.as_str());
                self.batch.framework = id.map(FrameworkId::new);
            }
            Some(Type::Offers) => {
                for offer in event.offers.iter().flat_map(|offers| &offers.offers) {
                    self.batch_offered(offer);
                }
            }
            Some(Type::Update) => {
                let status =
                    event.update.as_ref().and_then(|update| status_from_v1(&update.status));
                if let Some(update) = status {
                    self.batch_updated(update);
                }
            }
            Some(Type::Error) => {
                let why = event.error.as_ref().map(|error| error.message.clone());
                self.fail("calls", format!("the second framework is refused: {why:?}"));
            }
            _ => {}
        }
    }

    fn batch_offered(&mut self, message: &v1::Offer) {
        let offer = offer_from_v1(message);
        let wanted = Resources::parse(RESOURCES).unwrap_or_default();
        if self.batch.tasks.len() >= self.batch.wanted || !offer.resources.contains(&wanted) {
            let refuse = Duration::from_secs(2);
            return self.batch_calls(&Call::Decline { offers: vec![offer.id], refuse });
        }
        self.batch.launched += 1;
        let task = TaskId::new(format!("batch-task-{}", self.batch.launched));
        let info = task_info(&task, &offer.agent, &wanted, &offer.role);
        let (state, heard) = (TaskState::Staging, self.now);
        let known = BatchTask { agent: offer.agent, state, heard, is_killed: false };
        self.batch.tasks.insert(task, known);
        let launch = operation::Launch { task_infos: vec![info] };
        let operation = Operation {
            r#type: Some(operation::Type::Launch.into()),
            launch: Some(launch),
            ..Operation::default()
        };
        let accept = Accept {
            offer_ids: vec![message.id.clone()],
            operations: vec![operation],
            filters: None,
        };
        let accept = v1::scheduler::Call {
            r#type: Some(CallType::Accept.into()),
            accept: Some(accept),
            ..v1::scheduler::Call::default()
        };
        self.batch_sends(accept);
    }

    fn batch_updated(&mut self, update: StatusUpdate) {
        self.trace.note(self.now, || {
            format!("second framework: told that {} is {:?}", update.task, update.state)
        });
        let acknowledge = update
            .uuid
            .clone()
            .zip(update.agent.clone())
            .map(|(uuid, agent)| Call::Acknowledge { agent, task: update.task.clone(), uuid });
        if update.state.is_terminal() {
            self.batch.tasks.remove(&update.task);
        } else if let Some(task) = self.batch.tasks.get_mut(&update.task) {
            (task.state, task.heard) = (update.state, self.now);
        } else if let Some(agent) = update.agent.clone() {
            // It has been told that this one is over, or it runs for nobody.
            self.batch_calls(&Call::Kill { task: update.task.clone(), agent: Some(agent) });
        }
        self.framework_hears(&Heard::StatusUpdate(update));
        if let Some(acknowledge) = acknowledge {
            if let Call::Acknowledge { uuid, task, .. } = &acknowledge {
                self.check.terminal.acknowledged(&self.check.updates, task, uuid);
            }
            self.batch_calls(&acknowledge);
        }
    }

    fn batch_calls(&mut self, call: &Call) {
        if let Some(framework) = self.batch.framework.clone() {
            self.batch_sends(call_to_v1(call, &framework));
        }
    }

    /// A call arrives after a while, or is lost; nobody waits for its answer.
    fn batch_sends(&mut self, mut call: v1::scheduler::Call) {
        let Some(subscription) = self.batch.subscription.as_ref().filter(|s| s.is_answered) else {
            return;
        };
        let Some(framework) = &self.batch.framework else { return };
        call.framework_id = Some(v1::FrameworkId { value: framework.to_string() });
        let (node, lead, stream) =
            (subscription.node, subscription.lead, subscription.stream.clone());
        let connection = subscription.connection;
        if self.faults.loses_calls && self.random.percent(10) {
            // A client that gets no answer gives its subscription up, and with it what it was offered.
            self.batch.subscription = None;
            return self.send(connection, Side::Master, Message::Fin);
        }
        let at = self.now + self.random.micros(30, 3_000);
        let at = at.max(self.batch.last_call + Duration::from_nanos(1));
        self.batch.last_call = at;
        self.schedule(at, Event::BatchCall { node, lead, stream, call: Box::new(call) });
    }

    pub(crate) fn batch_call_arrives(
        &mut self,
        node: usize,
        lead: u64,
        stream: StreamId,
        call: Box<v1::scheduler::Call>,
    ) {
        if let Err(problem) = master_core::validation::call(&call) {
            return self
                .fail("calls", format!("the second framework's call is invalid: {problem}"));
        }
        if self.lead_of(node, Election::Mesos) == Some(lead) {
            let request = RequestId(u64::MAX);
            self.tell_master(node, Command::Call { request, stream: Some(stream), call });
        }
    }
}

fn task_info(task: &TaskId, agent: &AgentId, wanted: &Resources, role: &Role) -> v1::TaskInfo {
    v1::TaskInfo {
        name: "batch".to_owned(),
        task_id: v1::TaskId { value: task.to_string() },
        agent_id: v1::AgentId { value: agent.to_string() },
        resources: resources_to_v1(wanted, Some(role)),
        command: Some(v1::CommandInfo { shell: Some(false), ..v1::CommandInfo::default() }),
        container: Some(v1::ContainerInfo {
            r#type: ContainerType::Docker.into(),
            docker: Some(DockerInfo {
                image: "docker.io/busybox".to_owned(),
                ..DockerInfo::default()
            }),
            ..v1::ContainerInfo::default()
        }),
        ..v1::TaskInfo::default()
    }
}

fn subscribe_call(framework: Option<&FrameworkId>) -> Subscribe {
    let capability = |kind: Kind| Capability { r#type: Some(kind.into()) };
    Subscribe {
        framework_info: v1::FrameworkInfo {
            user: "root".to_owned(),
            name: "batch".to_owned(),
            id: framework.map(|id| v1::FrameworkId { value: id.to_string() }),
            failover_timeout: Some(604_800.0),
            checkpoint: Some(true),
            roles: vec!["batch".to_owned()],
            capabilities: [Kind::PartitionAware, Kind::MultiRole].map(capability).into(),
            ..v1::FrameworkInfo::default()
        },
        ..Subscribe::default()
    }
}
