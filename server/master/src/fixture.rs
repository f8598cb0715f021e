//! A small cluster for tests: commands in, effects out, timers played in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{
    AgentId, Epoch, FrameworkId, Instant, OfferId, RequestId, Resources, TaskId, TaskState,
};
use model::{RecordWrite, Timestamp};
use wire::link::{self, AgentDescription, AgentFrame, agent_frame, master_frame};
use wire::mesos::v1::scheduler::{Call, Event, call};
use wire::mesos::v1::{self as pb, FrameworkInfo, TaskInfo, TaskStatus, framework_info};

use crate::{Command, Config, Effect, LinkId, Master, Recovery, Reply, StreamId, Timer};

pub(crate) const EPOCH: u64 = 7;

/// A master, the time, and what is still to come.
pub(crate) struct Cluster {
    pub(crate) master: Master,
    pub(crate) now: Instant,
    timers: Vec<(Instant, Timer)>,
    links: u64,
    streams: u64,
    requests: u64,
    /// What has been made durable.
    pub(crate) records: BTreeMap<String, Bytes>,
}

pub(crate) fn config(id: &str) -> Config {
    let master = pb::MasterInfo { id: id.into(), port: 5050, ..pb::MasterInfo::default() };
    Config::new(master, Epoch(EPOCH))
}

pub(crate) fn cluster() -> Cluster {
    Cluster::over(Master::new(config("m"), Instant::ZERO, wall(Instant::ZERO)), Instant::ZERO)
}

fn wall(now: Instant) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + i64::try_from(now.as_millis()).unwrap())
}

pub(crate) fn resources(text: &str) -> Resources {
    Resources::parse(text).unwrap()
}

pub(crate) fn description(port: i32, total: &str) -> AgentDescription {
    AgentDescription {
        info: pb::AgentInfo {
            hostname: "node".into(),
            port: Some(port),
            resources: model::v1::resources_to_v1(&resources(total), None),
            ..pb::AgentInfo::default()
        },
        address: pb::Address { hostname: Some("node".into()), ip: Some("10.0.0.21".into()), port },
        version: "1.11.0".into(),
        ..AgentDescription::default()
    }
}

pub(crate) fn framework_info(name: &str) -> FrameworkInfo {
    let capability = |r#type: framework_info::capability::Type| framework_info::Capability {
        r#type: Some(r#type.into()),
    };
    FrameworkInfo {
        user: "root".into(),
        name: name.into(),
        failover_timeout: Some(100.0),
        checkpoint: Some(true),
        capabilities: vec![capability(framework_info::capability::Type::PartitionAware)],
        ..FrameworkInfo::default()
    }
}

/// A Docker task on agent `m-S0`, or on the one named after an `@`.
pub(crate) fn task(id: &str, wanted: &str) -> TaskInfo {
    let (id, agent) = id.split_once('@').unwrap_or((id, "m-S0"));
    TaskInfo {
        name: id.into(),
        task_id: pb::TaskId { value: id.into() },
        agent_id: pb::AgentId { value: agent.into() },
        resources: model::v1::resources_to_v1(&resources(wanted), None),
        command: Some(pb::CommandInfo { shell: Some(false), ..pb::CommandInfo::default() }),
        ..TaskInfo::default()
    }
}

pub(crate) fn uuid(n: u8) -> Bytes {
    let mut uuid = [n; 16];
    uuid[6] = 0x40;
    Bytes::copy_from_slice(&uuid)
}

impl Cluster {
    fn over(master: Master, now: Instant) -> Self {
        Self {
            master,
            now,
            timers: Vec::new(),
            links: 0,
            streams: 0,
            requests: 0,
            records: BTreeMap::new(),
        }
    }

    /// The same records under a new master, a moment later: `n`, then `nn` and so on.
    pub(crate) fn fail_over(self) -> Self {
        let now = self.now + Duration::from_secs(1);
        let records: Vec<_> = self.records.iter().map(|(p, v)| (p.as_str(), v.as_ref())).collect();
        let mut config = config(&format!("n{}", self.master.config.master.id.replace('m', "")));
        config.epoch = Epoch(self.master.config.epoch.0 + 1);
        let Recovery { master, effects } =
            Master::recover(config, now, wall(now), records).unwrap();
        let mut next = Self::over(master, now);
        (next.links, next.streams) = (self.links, self.streams);
        next.records = self.records;
        next.settle(effects);
        next
    }

    /// Begins anew with another configuration, elected `millis` after the start.
    pub(crate) fn restart(&mut self, config: Config, millis: u64) {
        let now = Instant::from_millis(millis);
        *self = Self::over(Master::new(config, now, wall(now)), now);
    }

    /// Registers an agent with 10.0.0.21:5051 and up; its links count from 0.
    pub(crate) fn agent(mut self, total: &str) -> Self {
        self.register(total);
        self
    }

    pub(crate) fn register(&mut self, total: &str) -> Vec<Effect> {
        let n = i32::try_from(self.links).unwrap();
        let register = link::Register {
            agent: description(5051 + n, total),
            nonce: Bytes::from(format!("nonce-{n}")),
        };
        let link = self.open_link();
        self.first_frame(link, agent_frame::Body::Register(register))
    }

    pub(crate) fn open_link(&mut self) -> LinkId {
        self.links += 1;
        LinkId(self.links - 1)
    }

    pub(crate) fn first_frame(&mut self, link: LinkId, body: agent_frame::Body) -> Vec<Effect> {
        let frame = Box::new(AgentFrame { epoch: 0, link: 0, body: Some(body) });
        self.apply(Command::AgentFrame { link, frame })
    }

    /// An agent comes back, on a new link, with these tasks of `m-0000`.
    pub(crate) fn reregister(
        &mut self,
        agent: &str,
        total: &str,
        held: &[(TaskInfo, TaskState)],
    ) -> Vec<Effect> {
        let port = self.port_of(agent);
        let tasks = held.iter().map(|(info, state)| {
            let framework = FrameworkId::from("m-0000");
            let mut task = crate::Task::launched(
                info,
                &framework,
                &agent.into(),
                &model::Role::any(),
                Resources::new(),
            );
            Arc::make_mut(&mut task.description).state = state.number();
            link::HeldTask { task: (*task.description).clone(), ..link::HeldTask::default() }
        });
        let mut info = framework_info("F");
        info.id = Some(pb::FrameworkId { value: "m-0000".into() });
        let reregister = link::Reregister {
            agent_id: pb::AgentId { value: agent.into() },
            agent: description(port, total),
            tasks: tasks.collect(),
            frameworks: if held.is_empty() { Vec::new() } else { vec![info] },
        };
        let link = self.open_link();
        self.first_frame(link, agent_frame::Body::Reregister(reregister))
    }

    /// Where the agent listens, as far as the master knows it.
    fn port_of(&self, agent: &str) -> i32 {
        let (id, agents) = (AgentId::from(agent), &self.master.agents);
        let registered = agents.get(&id).map(|agent| agent.port());
        let recovered = agents.recovered.get(&id).map(|record| record.description.address.port);
        let unreachable = agents.unreachable.get(&id).map(|a| a.record.description.address.port);
        registered.or(recovered).or(unreachable).unwrap_or_else(|| {
            let n: i32 = agent.rsplit('S').next().unwrap().parse().unwrap();
            5051 + n
        })
    }

    /// The framework `m-0000` subscribes again.
    pub(crate) fn resubscribe(&mut self) -> Vec<Effect> {
        let id = Some(pb::FrameworkId { value: "m-0000".into() });
        self.subscribe(FrameworkInfo { id, ..framework_info("F") })
    }

    /// Subscribes a framework; streams are `stream-0` and up.
    pub(crate) fn framework(mut self, name: &str) -> Self {
        self.subscribe(framework_info(name));
        self
    }

    pub(crate) fn subscribe(&mut self, framework_info: FrameworkInfo) -> Vec<Effect> {
        let stream = StreamId::new(format!("stream-{}", self.streams));
        self.streams += 1;
        let subscribe = Box::new(call::Subscribe { framework_info, ..Default::default() });
        self.apply(Command::Subscribe { stream, subscribe })
    }

    /// The framework's only offer, or the one on the agent.
    pub(crate) fn offer_on(&self, agent: &str) -> OfferId {
        let mut offers = self.master.offers.values().filter(|o| o.agent.as_str() == agent);
        offers.next().unwrap_or_else(|| panic!("{agent} is on offer")).id.clone()
    }

    /// Makes a call of `m-0000` by its current stream.
    pub(crate) fn call(&mut self, call: Call) -> Vec<Effect> {
        let id = FrameworkId::from("m-0000");
        let stream = self.master.frameworks.get(&id).and_then(|f| f.stream().cloned());
        self.call_by(stream, "m-0000", call)
    }

    pub(crate) fn call_by(
        &mut self,
        stream: Option<StreamId>,
        framework: &str,
        mut call: Call,
    ) -> Vec<Effect> {
        call.framework_id = Some(pb::FrameworkId { value: framework.into() });
        let request = RequestId(self.requests);
        self.requests += 1;
        self.apply(Command::Call { request, stream, call: Box::new(call) })
    }

    pub(crate) fn accept(&mut self, offers: &[OfferId], tasks: &[TaskInfo]) -> Vec<Effect> {
        let launch = pb::offer::operation::Launch { task_infos: tasks.to_vec() };
        let operation = pb::offer::Operation {
            r#type: Some(pb::offer::operation::Type::Launch.into()),
            launch: Some(launch),
            ..Default::default()
        };
        let accept = call::Accept {
            offer_ids: offers.iter().map(|id| pb::OfferId { value: id.to_string() }).collect(),
            operations: vec![operation],
            filters: None,
        };
        let r#type = Some(call::Type::Accept.into());
        self.call(Call { r#type, accept: Some(accept), ..Call::default() })
    }

    /// Launches a task on the agent's offer and has the agent say that it runs.
    pub(crate) fn running(mut self, id: &str, wanted: &str) -> Self {
        let info = task(id, wanted);
        let agent = info.agent_id.value.clone();
        let offer = self.offer_on(&agent);
        self.accept(&[offer], std::slice::from_ref(&info));
        self.update(&agent, &info.task_id.value, TaskState::Running, 1);
        self
    }

    /// The agent reports a state, with uuid number `n`.
    pub(crate) fn update(&mut self, agent: &str, id: &str, state: TaskState, n: u8) -> Vec<Effect> {
        let link = self.master.agents.get(&agent.into()).unwrap().link.unwrap();
        let status = TaskStatus {
            task_id: pb::TaskId { value: id.into() },
            state: state.number(),
            uuid: Some(uuid(n)),
            data: Some(Bytes::from_static(b"inspect")),
            agent_id: Some(pb::AgentId { value: agent.into() }),
            ..TaskStatus::default()
        };
        let update = link::UpdateStatus {
            framework_id: pb::FrameworkId { value: "m-0000".into() },
            status,
            latest_state: state.number(),
        };
        self.frame(link, agent_frame::Body::UpdateStatus(update))
    }

    pub(crate) fn frame(&mut self, link: LinkId, body: agent_frame::Body) -> Vec<Effect> {
        let epoch = self.master.config.epoch.0;
        let frame = Box::new(AgentFrame { epoch, link: link.0, body: Some(body) });
        self.apply(Command::AgentFrame { link, frame })
    }

    /// Applies a command and plays the timers that are due at once.
    pub(crate) fn apply(&mut self, command: Command) -> Vec<Effect> {
        let effects = self.master.apply(self.now, wall(self.now), command);
        self.settle(effects)
    }

    fn settle(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut all = Vec::new();
        let mut fresh = effects;
        loop {
            for effect in fresh.drain(..) {
                if let Effect::ArmTimer { at, timer } = effect {
                    self.timers.push((at, timer));
                    continue;
                }
                if let Effect::Persist(RecordWrite { path, value }) = &effect {
                    match value {
                        Some(value) => self.records.insert(path.clone(), value.clone()),
                        None => self.records.remove(path),
                    };
                }
                all.push(effect);
            }
            let due = self.timers.iter().position(|(at, _)| *at <= self.now);
            let Some(due) = due else { return all };
            let (_, timer) = self.timers.remove(due);
            fresh = self.master.apply(self.now, wall(self.now), Command::Timer(timer));
        }
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn wait(&mut self, seconds: u64) -> Vec<Effect> {
        let end = self.now + Duration::from_secs(seconds);
        let mut all = Vec::new();
        loop {
            let next = self.timers.iter().map(|(at, _)| *at).min().filter(|at| *at <= end);
            self.now = next.unwrap_or(end);
            all.extend(self.settle(Vec::new()));
            if next.is_none() {
                return all;
            }
        }
    }

    /// As [`Self::wait`], with an agent that answers every ping.
    pub(crate) fn wait_with_pongs(&mut self, link: LinkId, seconds: u64) -> Vec<Effect> {
        let mut all = Vec::new();
        for _ in 0..seconds {
            all.extend(self.wait(1));
            let pong = link::Pong { sequence: 0 };
            all.extend(self.frame(link, agent_frame::Body::Pong(pong)));
        }
        all
    }

    pub(crate) fn close_link(&mut self, agent: &str) -> Vec<Effect> {
        let link = self.master.agents.get(&agent.into()).unwrap().link.unwrap();
        self.apply(Command::LinkClosed { link })
    }

    pub(crate) fn close_stream(&mut self, n: u64) -> Vec<Effect> {
        self.apply(Command::StreamClosed { stream: StreamId::new(format!("stream-{n}")) })
    }

    pub(crate) fn the_task(&self, id: &str) -> Arc<crate::Task> {
        let task = self.master.frameworks.task(&"m-0000".into(), &TaskId::from(id));
        Arc::clone(task.unwrap_or_else(|| panic!("task {id} is there")))
    }

    pub(crate) fn the_agent(&self, id: &str) -> Arc<crate::Agent> {
        let agent = self.master.agents.get(&AgentId::from(id));
        Arc::clone(agent.unwrap_or_else(|| panic!("agent {id} is registered")))
    }

    pub(crate) fn the_framework(&self) -> Arc<crate::Framework> {
        Arc::clone(self.master.frameworks.get(&"m-0000".into()).unwrap())
    }
}

/// All events sent, in order.
pub(crate) fn events(effects: &[Effect]) -> Vec<&Event> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::SendEvent { event, .. } => Some(event.as_ref()),
            Effect::Persist(_)
            | Effect::Reply { .. }
            | Effect::CloseStream { .. }
            | Effect::SendFrame { .. }
            | Effect::CloseLink { .. }
            | Effect::ArmTimer { .. } => None,
        })
        .collect()
}

/// The statuses of all updates sent to frameworks.
pub(crate) fn updates(effects: &[Effect]) -> Vec<&TaskStatus> {
    events(effects).into_iter().filter_map(|e| Some(&e.update.as_ref()?.status)).collect()
}

/// `state: message` of all updates sent.
pub(crate) fn told(effects: &[Effect]) -> Vec<String> {
    updates(effects)
        .into_iter()
        .map(|status| {
            let state = TaskState::from_number(status.state).unwrap();
            format!("{state}: {}", status.message())
        })
        .collect()
}

/// The offers sent.
pub(crate) fn offers(effects: &[Effect]) -> Vec<&pb::Offer> {
    events(effects).into_iter().filter_map(|e| e.offers.as_ref()).flat_map(|o| &o.offers).collect()
}

/// What the first offer sent holds.
pub(crate) fn offered(effects: &[Effect]) -> Resources {
    model::v1::resources_from_v1(&offers(effects)[0].resources).unwrap()
}

/// What was said to agents, in order.
pub(crate) fn frames(effects: &[Effect]) -> Vec<&master_frame::Body> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::SendFrame { frame, .. } => frame.body.as_ref(),
            Effect::Persist(_)
            | Effect::Reply { .. }
            | Effect::CloseStream { .. }
            | Effect::SendEvent { .. }
            | Effect::CloseLink { .. }
            | Effect::ArmTimer { .. } => None,
        })
        .collect()
}

/// The only reply.
pub(crate) fn reply(effects: &[Effect]) -> Reply {
    effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Reply { reply, .. } => Some(reply.clone()),
            Effect::Persist(_)
            | Effect::SendFrame { .. }
            | Effect::CloseStream { .. }
            | Effect::SendEvent { .. }
            | Effect::CloseLink { .. }
            | Effect::ArmTimer { .. } => None,
        })
        .expect("a call is answered")
}

/// The paths that were stored.
pub(crate) fn persisted(effects: &[Effect]) -> Vec<&str> {
    let mut paths = Vec::new();
    for effect in effects {
        if let Effect::Persist(write) = effect {
            paths.push(write.path.as_str());
        }
    }
    paths
}

/// Where the first durable write stands among the effects.
pub(crate) fn persisted_at(effects: &[Effect]) -> usize {
    effects.iter().position(|e| matches!(e, Effect::Persist(_))).expect("something was stored")
}
