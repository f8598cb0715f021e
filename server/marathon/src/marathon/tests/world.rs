//! A core, its records, and a small model of the master and its agents that answers its calls.
//!
//! The master holds back nothing: what it could send is sent by [`World::settle`]. Tasks come up by
//! themselves unless told otherwise. Everything it is asked to do is checked: a task must fit its offer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{
    AgentId, AppId, Attributes, FrameworkId, Instant, OfferId, RequestId, Resources, Role, TaskId,
    TaskState, Timestamp,
};
use serde_json::{Value, json};
use wire::marathon::Event;

use crate::command::{AfterKill, AppChange, ChangeApps, KillTasks, StatusUpdate, TaskSelection};
use crate::deployment::Deployment;
use crate::effect::{Call, Deploying, Effect, Launch, Refusal, Reply};
use crate::health::{Answer, Outcome, ProbeOrder};
use crate::instance::{Condition, Instance};
use crate::offer::Offer;
use crate::records::DamagedRecord;
use crate::run_spec::RunSpec;
use crate::{Command, Marathon, Settings, Start, matching};

/// The wall clock when a world begins.
pub(super) const BEGINNING: i64 = 1_700_000_000_000;

pub(super) struct World {
    pub(super) core: Marathon,
    pub(super) now: Instant,
    pub(super) records: BTreeMap<String, Bytes>,
    pub(super) events: Vec<Event>,
    pub(super) calls: Vec<Call>,
    pub(super) tasks: BTreeMap<TaskId, SimTask>,
    agents: BTreeMap<AgentId, SimAgent>,
    replies: BTreeMap<RequestId, Reply>,
    offers: BTreeMap<OfferId, Offer>,
    is_suppressed: bool,
    wakes_at: Option<Instant>,
    requests: u64,
    minted_offers: u64,
    /// Tasks that do not come up by themselves.
    pub(super) holds_tasks: bool,
    /// Launches vanish on their way to the master.
    pub(super) loses_launches: bool,
    /// Kills vanish on their way to the master.
    pub(super) loses_kills: bool,
    /// What every probe finds; `None`: they wait in `probes`.
    pub(super) finds: Option<Outcome>,
    /// Questions that are not answered yet.
    pub(super) probes: Vec<ProbeOrder>,
    /// Effects performed so far: durable writes one by one, then what follows from them.
    pub(super) performed: usize,
    /// The process dies when so many effects have been performed; what it still had to do is lost.
    pub(super) dies_after: Option<usize>,
    /// Deaths so far.
    pub(super) deaths: usize,
    /// Paths of the durable writes so far.
    pub(super) written: Vec<String>,
    /// What the master says of tasks it was asked about.
    answers: VecDeque<StatusUpdate>,
}

struct SimAgent {
    host: Arc<str>,
    attributes: Arc<Attributes>,
    total: Resources,
    /// What was declined and is not offered again until revived.
    filtered: Option<Resources>,
    is_reachable: bool,
}

#[derive(Debug, Clone)]
pub(super) struct SimTask {
    pub(super) agent: AgentId,
    pub(super) state: TaskState,
    pub(super) resources: Resources,
    /// States not acknowledged yet.
    updates: VecDeque<(TaskState, u64)>,
    sent: u64,
}

/// An app on the bridge with a random port; `more` overrides members.
pub(super) fn app(id: &str, instances: u32, more: Value) -> RunSpec {
    let mut posted = json!({"id": id, "cpus": 0.1, "mem": 32, "instances": instances,
        "container": {"type": "DOCKER", "docker": {"image": "nginx"},
            "portMappings": [{"containerPort": 80, "hostPort": 0}]},
        "networks": [{"mode": "container/bridge"}]});
    if let Value::Object(more) = more {
        posted.as_object_mut().unwrap().extend(more);
    }
    RunSpec::parse(serde_json::from_value(posted).unwrap()).unwrap()
}

pub(super) fn id(app: &str) -> AppId {
    AppId::parse(app).unwrap()
}

/// A world with agents `S0`, `S1` … of 4 cpus, 1 GiB and ten ports each, subscribed.
pub(super) fn world(agents: usize) -> World {
    world_of(&vec!["cpus:4;mem:1024;disk:1000;ports:[31000-31009]"; agents])
}

pub(super) fn world_of(agents: &[&str]) -> World {
    let mut world = World {
        core: Marathon::new(start(Instant::from_secs(1), 1)),
        now: Instant::from_secs(1),
        records: BTreeMap::new(),
        events: Vec::new(),
        calls: Vec::new(),
        tasks: BTreeMap::new(),
        agents: BTreeMap::new(),
        replies: BTreeMap::new(),
        offers: BTreeMap::new(),
        is_suppressed: false,
        wakes_at: None,
        requests: 0,
        minted_offers: 0,
        holds_tasks: false,
        loses_launches: false,
        loses_kills: false,
        finds: Some(healthy()),
        probes: Vec::new(),
        performed: 0,
        dies_after: None,
        deaths: 0,
        written: Vec::new(),
        answers: VecDeque::new(),
    };
    for (number, resources) in agents.iter().enumerate() {
        let agent = SimAgent {
            host: format!("host{number}").into(),
            attributes: Arc::new(Attributes::parse(&format!("rack:r{}", number % 2)).unwrap()),
            total: Resources::parse(resources).unwrap(),
            filtered: None,
            is_reachable: true,
        };
        world.agents.insert(AgentId::new(format!("S{number}")), agent);
    }
    world.subscribe();
    world
}

fn healthy() -> Outcome {
    let (content_type, body) = (String::new(), String::new());
    Outcome::Answered(Answer { status: 200, reason: "OK".to_owned(), content_type, body })
}

fn start(now: Instant, seed: u128) -> Start {
    let wall = Timestamp::from_millis(BEGINNING + i64::try_from(now.as_millis()).unwrap());
    // So few that every change of several apps has several records, and every larger end several commands.
    let settings = Settings {
        apps_per_record: 1,
        max_instances_per_command: 3,
        max_kills_per_request: 8,
        ..Settings::default()
    };
    Start { settings, seed, now, wall }
}

impl World {
    pub(super) fn subscribe(&mut self) {
        self.offers.clear();
        self.answers.clear();
        self.agents.values_mut().for_each(|agent| agent.filtered = None);
        self.is_suppressed = false;
        let framework = FrameworkId::new("F");
        self.send(Command::Subscribed { framework, master: "10.0.0.1:5050".to_owned() });
    }

    /// The process dies and another one takes over with what was stored.
    pub(super) fn restart(&mut self) {
        self.deaths += 1;
        self.replies.clear();
        self.probes.clear();
        let seed = u128::from(self.now.as_nanos()) + self.deaths as u128 * 7;
        let stored = self.records.iter().map(|(path, value)| (path.as_str(), value));
        self.core = Marathon::recover(start(self.now, seed), stored).unwrap();
        self.wakes_at = None;
        self.send(Command::Tick);
        self.subscribe();
    }

    /// The core that another process would begin with.
    pub(super) fn recovered(&self) -> Result<Marathon, DamagedRecord> {
        let stored = self.records.iter().map(|(path, value)| (path.as_str(), value));
        Marathon::recover(start(self.now, 1), stored)
    }

    pub(super) fn send(&mut self, command: Command) -> Vec<Effect> {
        let effects = self.core.apply(self.now, command);
        for effect in &effects {
            if self.dies_after.is_some_and(|last| self.performed >= last) {
                self.dies_after = None;
                self.restart();
                break;
            }
            self.performed += 1;
            self.perform(effect);
        }
        self.check();
        effects
    }

    fn perform(&mut self, effect: &Effect) {
        match effect {
            Effect::Persist(write) => {
                self.written.push(write.path.clone());
                match &write.value {
                    Some(value) => self.records.insert(write.path.clone(), value.clone()),
                    None => self.records.remove(&write.path),
                };
            }
            Effect::Reply { to, reply } => {
                assert!(self.replies.insert(*to, reply.clone()).is_none(), "answered twice");
            }
            Effect::Publish(event) => self.events.push((**event).clone()),
            Effect::WakeAt(at) => self.wakes_at = Some(*at),
            Effect::Probe(order) => self.probes.push((**order).clone()),
            Effect::Call(call) => {
                self.calls.push(call.clone());
                self.take_call(call.clone());
            }
        }
    }

    fn take_call(&mut self, call: Call) {
        match call {
            Call::Revive => {
                self.is_suppressed = false;
                self.agents.values_mut().for_each(|agent| agent.filtered = None);
            }
            Call::Suppress => self.is_suppressed = true,
            Call::Decline { offers, .. } => {
                for offer in offers {
                    let offer = self.offers.remove(&offer).expect("declined what was offered");
                    self.agents.get_mut(&offer.agent).unwrap().filtered = Some(offer.resources);
                }
            }
            Call::Accept { offer, launches, refuse } => self.accept(&offer, &launches, refuse),
            Call::Kill { .. } if self.loses_kills => {}
            Call::Kill { task, agent } => match self.tasks.get(&task).map(|task| task.state) {
                Some(_) if agent.as_ref().is_some_and(|agent| !self.is_reachable(agent)) => {}
                Some(state) if state.is_terminal() => {}
                Some(_) => self.set_state(&task, TaskState::Killed),
                None => self.answer(&task, agent.as_ref()),
            },
            Call::Acknowledge { task, uuid, .. } => {
                if let Some(task) = self.tasks.get_mut(&task) {
                    let number = u64::from_be_bytes(uuid[..].try_into().unwrap());
                    task.updates.retain(|(_, update)| *update != number);
                }
            }
            Call::Reconcile(tasks) if tasks.is_empty() => {
                for (task, sim) in self.tasks.clone() {
                    if !sim.state.is_terminal() && self.is_reachable(&sim.agent) {
                        self.answer(&task, Some(&sim.agent));
                    }
                }
            }
            Call::Reconcile(tasks) => {
                tasks.iter().for_each(|(task, agent)| self.answer(task, agent.as_ref()));
            }
        }
    }

    fn is_reachable(&self, agent: &AgentId) -> bool {
        self.agents.get(agent).is_some_and(|agent| agent.is_reachable)
    }

    /// The master says what it knows of a task, as of now; that may be overtaken before it arrives.
    fn answer(&mut self, task: &TaskId, agent: Option<&AgentId>) {
        let known = self.tasks.get(task).map(|task| (task.agent.clone(), task.state));
        let (agent, state) = match known {
            Some((agent, _)) if !self.is_reachable(&agent) => (agent, TaskState::Unreachable),
            Some(known) => known,
            None => (agent.cloned().unwrap_or_else(|| AgentId::new("nobody")), TaskState::Gone),
        };
        self.answers.push_back(reconciled(task, &agent, state));
    }

    fn accept(&mut self, offer: &OfferId, launches: &[Launch], refuse: Duration) {
        let Some(offer) = self.offers.remove(offer) else {
            panic!("accepted what was not offered")
        };
        if self.loses_launches {
            return;
        }
        let mut left = offer.resources.clone();
        for launch in launches {
            let task = launch.instance.task.as_ref().unwrap();
            let resources = matching::wanted(&launch.definition, &task.ports);
            left = left.checked_sub(&resources).expect("a task fits the offer it is launched on");
            let sim = SimTask {
                agent: offer.agent.clone(),
                state: TaskState::Staging,
                resources,
                updates: VecDeque::new(),
                sent: 0,
            };
            assert!(self.tasks.insert(task.id.clone(), sim).is_none(), "task {} twice", task.id);
            if !self.holds_tasks {
                self.set_state(&task.id.clone(), TaskState::Starting);
                self.set_state(&task.id.clone(), TaskState::Running);
            }
        }
        if refuse > Duration::ZERO {
            self.agents.get_mut(&offer.agent).unwrap().filtered = Some(left);
        }
    }

    /// The executor tells a state of its task.
    pub(super) fn set_state(&mut self, task: &TaskId, state: TaskState) {
        let task = self.tasks.get_mut(task).unwrap();
        task.state = state;
        task.sent += 1;
        task.updates.push_back((state, task.sent));
    }

    fn free(&self, agent: &AgentId) -> Resources {
        let used = self.tasks.values().filter(|t| t.agent == *agent && !t.state.is_terminal());
        let total = self.agents[agent].total.clone();
        used.fold(total, |free, task| free.checked_sub(&task.resources).expect("never over-used"))
    }

    /// Lets the master and the agents say all they have to say.
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.deliver_answers()
                && !self.deliver_updates()
                && !self.deliver_offers()
                && !self.answer_probes()
            {
                return;
            }
        }
        panic!("the core and the master talk for ever");
    }

    fn deliver_answers(&mut self) -> bool {
        let Some(answer) = self.answers.pop_front() else { return false };
        self.send(Command::StatusUpdate(answer));
        true
    }

    fn answer_probes(&mut self) -> bool {
        let Some(outcome) = self.finds.clone() else { return false };
        let Some(order) = self.probes.pop() else { return false };
        self.send(Command::Probed { probe: order.id, outcome });
        true
    }

    fn deliver_updates(&mut self) -> bool {
        let pending = self.tasks.iter().find_map(|(id, task)| {
            let (state, number) =
                task.updates.front().filter(|_| self.is_reachable(&task.agent))?;
            Some((id.clone(), task.agent.clone(), *state, *number))
        });
        let Some((task, agent, state, number)) = pending else { return false };
        let mut update = update(&task, &agent, state);
        update.uuid = Some(Arc::from(number.to_be_bytes()));
        self.send(Command::StatusUpdate(update));
        true
    }

    fn deliver_offers(&mut self) -> bool {
        if self.is_suppressed {
            return false;
        }
        let mut offers = Vec::new();
        for (id, agent) in &self.agents {
            let free = self.free(id);
            let is_filtered =
                agent.filtered.as_ref().is_some_and(|filtered| filtered.contains(&free));
            let is_out = self.offers.values().any(|offer| offer.agent == *id);
            if free.is_empty() || is_filtered || is_out || !agent.is_reachable {
                continue;
            }
            self.minted_offers += 1;
            offers.push(Offer {
                id: OfferId::new(format!("O{}", self.minted_offers)),
                agent: id.clone(),
                host: Arc::clone(&agent.host),
                resources: free,
                attributes: Arc::clone(&agent.attributes),
                role: Role::any(),
            });
        }
        if offers.is_empty() {
            return false;
        }
        for offer in &offers {
            self.offers.insert(offer.id.clone(), offer.clone());
        }
        self.send(Command::Offers(offers));
        true
    }

    /// The master says unasked what it knows of all tasks, and of those that the core believes in.
    pub(super) fn reconcile(&mut self) {
        let believed = self.core.snapshot().instances;
        let believed = believed.values().flat_map(|instances| instances.values());
        let believed: Vec<(TaskId, Option<AgentId>)> = believed
            .filter(|instance| instance.condition.is_active())
            .filter_map(|instance| instance.task.as_ref())
            .map(|task| (task.id.clone(), Some(task.agent.clone())))
            .collect();
        for asked in [believed, Vec::new()] {
            self.take_call(Call::Reconcile(asked));
            while self.deliver_answers() {}
        }
    }

    /// Time passes; timers fire at their moments.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.wakes_at.filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.wakes_at = None;
            self.send(Command::Tick);
            self.settle();
        }
        self.now = end;
        self.send(Command::Tick);
        self.settle();
    }

    /// Nobody says so to the core.
    pub(super) fn set_reachable(&mut self, agent: &str, is_reachable: bool) {
        self.agents.get_mut(&AgentId::new(agent)).unwrap().is_reachable = is_reachable;
    }

    /// The agent's machine cannot be reached, and the master says so.
    pub(super) fn lose_agent(&mut self, agent: &str) {
        let agent = AgentId::new(agent);
        self.agents.get_mut(&agent).unwrap().is_reachable = false;
        self.offers.retain(|_, offer| offer.agent != agent);
        for (task, sim) in self.tasks.clone() {
            if sim.agent == agent && !sim.state.is_terminal() {
                let mut update = update(&task, &agent, TaskState::Unreachable);
                update.reason = Some("REASON_AGENT_REMOVED".to_owned());
                self.send(Command::StatusUpdate(update));
            }
        }
    }

    /// The agent is back with its tasks.
    pub(super) fn return_agent(&mut self, agent: &str) {
        let agent = AgentId::new(agent);
        self.agents.get_mut(&agent).unwrap().is_reachable = true;
        for (task, sim) in self.tasks.clone() {
            if sim.agent == agent && !sim.state.is_terminal() {
                self.send(Command::StatusUpdate(update(&task, &agent, sim.state)));
            }
        }
    }

    // What clients do.

    /// The answer is `None` when the process died before it was given.
    pub(super) fn ask(&mut self, command: impl FnOnce(RequestId) -> Command) -> Option<Reply> {
        self.requests += 1;
        let request = RequestId(self.requests);
        let deaths = self.deaths;
        self.send(command(request));
        let reply = self.replies.remove(&request);
        assert!(reply.is_some() || self.deaths > deaths, "no answer");
        reply
    }

    pub(super) fn change(
        &mut self,
        changes: Vec<AppChange>,
        force: bool,
    ) -> Result<Deploying, Refusal> {
        self.try_change(changes, force).expect("the process lives")
    }

    /// The outcome is `None` when the process died before it was told.
    pub(super) fn try_change(
        &mut self,
        changes: Vec<AppChange>,
        force: bool,
    ) -> Option<Result<Deploying, Refusal>> {
        let change =
            |request| Command::ChangeApps(ChangeApps { request, changes, force, caller: None });
        Some(match self.ask(change)? {
            Reply::Deploying(deploying) => Ok(deploying),
            Reply::Refused(refusal) => Err(refusal),
            other @ (Reply::Killing { .. } | Reply::Done) => panic!("no fitting answer: {other:?}"),
        })
    }

    pub(super) fn create(&mut self, spec: RunSpec) -> Result<Deploying, Refusal> {
        self.change(vec![AppChange::Create(spec)], false)
    }

    pub(super) fn scale(&mut self, app: &str, instances: u32) -> Result<Deploying, Refusal> {
        self.change(vec![AppChange::Scale { app: id(app), instances }], false)
    }

    pub(super) fn put(&mut self, spec: RunSpec) -> Result<Deploying, Refusal> {
        self.change(vec![AppChange::Put { spec: Box::new(spec), based_on: None }], false)
    }

    pub(super) fn kill(&mut self, tasks: TaskSelection, after: AfterKill) -> Reply {
        let kill = |request| Command::KillTasks(KillTasks { request, tasks, after, force: false });
        self.ask(kill).expect("the process lives")
    }

    pub(super) fn cancel(&mut self, deployment: &Deploying, force: bool) -> Reply {
        let deployment = deployment.id.clone();
        self.ask(|request| Command::CancelDeployment { request, deployment, force })
            .expect("the process lives")
    }

    // What readers see.

    pub(super) fn instances(&self, app: &str) -> Vec<Arc<Instance>> {
        self.core.snapshot().instances_of(&id(app)).cloned().collect()
    }

    pub(super) fn conditions(&self, app: &str) -> Vec<Condition> {
        self.instances(app).iter().map(|instance| instance.condition).collect()
    }

    pub(super) fn hosts(&self, app: &str) -> Vec<String> {
        let mut hosts: Vec<String> =
            self.instances(app).iter().filter_map(|i| i.host().map(str::to_owned)).collect();
        hosts.sort();
        hosts
    }

    pub(super) fn deployments(&self) -> Vec<Arc<Deployment>> {
        self.core.snapshot().deployments.values().cloned().collect()
    }

    pub(super) fn live_tasks(&self) -> Vec<TaskId> {
        let live = self.tasks.iter().filter(|(_, task)| !task.state.is_terminal());
        live.map(|(id, _)| id.clone()).collect()
    }

    /// The types of the events since the last call, with the condition of changed instances.
    pub(super) fn told(&mut self) -> Vec<String> {
        let events = std::mem::take(&mut self.events);
        events
            .iter()
            .map(|event| {
                if let Event::InstanceChanged(changed) = event {
                    format!("instance {}", changed.condition)
                } else if let Event::StatusUpdate(update) = event {
                    update.task_status.clone()
                } else {
                    event.event_type().to_owned()
                }
            })
            .collect()
    }

    /// What must hold after every command.
    fn check(&self) {
        let snapshot = self.core.snapshot();
        for (app, instances) in &snapshot.instances {
            assert!(!instances.is_empty(), "{app} has an entry without instances");
            assert!(instances.values().all(|instance| instance.app == *app));
        }
        for (id, app) in &snapshot.apps {
            let mut counts = crate::instance::Counts::default();
            snapshot.instances_of(id).for_each(|i| counts.add(crate::instance::Counts::of(i)));
            assert_eq!(app.counts, counts, "counts of {id}");
        }
        for (app, deployment) in &snapshot.locks {
            assert!(snapshot.deployments.contains_key(deployment), "{app} is locked by nobody");
        }
        super::properties::assert_capacity(&snapshot);
    }
}

pub(super) fn update(task: &TaskId, agent: &AgentId, state: TaskState) -> StatusUpdate {
    StatusUpdate {
        task: task.clone(),
        agent: Some(agent.clone()),
        state,
        reason: None,
        message: None,
        uuid: None,
        healthy: None,
        check: None,
        addresses: Vec::new(),
        unreachable_since: None,
    }
}

fn reconciled(task: &TaskId, agent: &AgentId, state: TaskState) -> StatusUpdate {
    StatusUpdate { reason: Some("REASON_RECONCILIATION".to_owned()), ..update(task, agent, state) }
}
