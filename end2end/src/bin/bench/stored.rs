//! A data folder of a large cluster, written by the platform's own code: Marathon's core decides what is stored of apps
//! and instances, the replicated log stores it. The master's records say that the agents have been admitted.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use coordination::{Config, Election, Leadership, Node, NodeId, PendingWrite, Session};
use marathon_core::command::{AppChange, ChangeApps, StatusUpdate};
use marathon_core::effect::Call;
use marathon_core::offer::Offer;
use marathon_core::run_spec::{RunSpec, read};
use marathon_core::{Command, Effect, Marathon, Settings, Start};
use master_core::record::{AgentRecord, Standing};
use model::{
    AgentId, Attributes, FrameworkId, Instant, OfferId, RecordWrite, RequestId, Resources, Role,
    TaskId, TaskState, Timestamp,
};
use serde_json::json;
use wire::link::AgentDescription;
use wire::mesos::v1;

/// Instances of each app.
pub(crate) const INSTANCES: u32 = 5;
/// Agents that the instances are on.
const AGENTS: usize = 64;
/// Writes that wait for the log.
const IN_FLIGHT: usize = 64;
/// When all this was.
const WALL_MS: i64 = 1_700_000_000_000;

/// Stores `apps` apps whose instances run in `folder`, which must be empty.
pub(crate) async fn write(folder: &Path, apps: u32) -> Result<()> {
    let config = Config::new(NodeId(1), folder, || Timestamp::from_millis(WALL_MS));
    let node = Node::start(config).await?;
    let session = node.session();
    admit_agents(&session).await?;
    let leadership = session.campaign(Election::Marathon, "127.0.0.1:8080".into()).await?;
    let mut cluster = Cluster::new(session, leadership)?;
    cluster.subscribe().await?;
    for number in 0..apps {
        cluster.create(number).await?;
    }
    cluster.settle().await?;
    cluster.finish().await?;
    node.shutdown().await;
    Ok(())
}

/// Stores the agents as a master does that has admitted them: one that is started over them waits for them, and says
/// nothing of their tasks until then.
async fn admit_agents(session: &Session) -> Result<()> {
    let leadership = session.campaign(Election::Mesos, "{}".into()).await?;
    let admitted_at = Timestamp::from_millis(WALL_MS);
    let records = (0..AGENTS).map(|agent| {
        let (host, port) = (format!("host{agent}"), 5051);
        let description = AgentDescription {
            info: v1::AgentInfo {
                hostname: host.clone(),
                port: Some(port),
                ..v1::AgentInfo::default()
            },
            address: v1::Address { hostname: Some(host), ip: Some("127.0.0.1".to_owned()), port },
            version: "1.11.0".to_owned(),
            ..AgentDescription::default()
        };
        let (id, nonce) = (agent_id(agent), format!("nonce{agent}").into());
        AgentRecord { id, description, nonce, admitted_at, standing: Standing::Admitted }.put()
    });
    session.propose(&leadership.fence, records.collect()).await.await?;
    leadership.resign().await;
    Ok(())
}

fn agent_id(agent: usize) -> AgentId {
    AgentId::new(format!("S{agent}"))
}

/// The name of an app.
pub(crate) fn name(number: u32) -> String {
    format!("/stored/app-{number:05}")
}

/// The core, the log behind it, and a master that does what it is asked at once.
struct Cluster {
    core: Marathon,
    now: Instant,
    total: Resources,
    updates: Vec<StatusUpdate>,
    wants_offers: bool,
    minted: u64,
    session: Session,
    leadership: Leadership,
    written: VecDeque<PendingWrite>,
    /// How many changes have been stored.
    stored: u64,
}

impl Cluster {
    fn new(session: Session, leadership: Leadership) -> Result<Self> {
        let now = Instant::from_secs(1);
        let settings = Settings { max_running_deployments: u32::MAX, ..Settings::default() };
        let start = Start { settings, seed: 1, now, wall: Timestamp::from_millis(WALL_MS) };
        Ok(Self {
            core: Marathon::new(start),
            now,
            // Never used up: what is offered is always everything.
            total: Resources::parse("cpus:100000;mem:100000000;disk:1000000;ports:[1000-65000]")?,
            updates: Vec::new(),
            wants_offers: true,
            minted: 0,
            session,
            leadership,
            written: VecDeque::new(),
            stored: 0,
        })
    }

    async fn subscribe(&mut self) -> Result<()> {
        let framework = FrameworkId::new("stored");
        self.send(Command::Subscribed { framework, master: "127.0.0.1:5050".to_owned() }).await
    }

    async fn create(&mut self, number: u32) -> Result<()> {
        let posted = json!({
            "id": name(number), "cpus": 0.1, "mem": 32, "instances": INSTANCES, "cmd": "sleep 1000",
            "container": {"type": "DOCKER", "docker": {"image": "busybox"},
                "portMappings": [{"containerPort": 80, "hostPort": 0}]},
            "networks": [{"mode": "container/bridge"}], "labels": {"number": number.to_string()},
        });
        let posted =
            read(posted.to_string().as_bytes()).map_err(|refusal| anyhow!("{refusal:?}"))?;
        let definition = RunSpec::parse(posted).map_err(|refusal| anyhow!("{refusal:?}"))?;
        self.minted += 1;
        let change = ChangeApps {
            request: RequestId(self.minted),
            changes: vec![AppChange::Create(definition)],
            force: false,
            caller: None,
        };
        self.send(Command::ChangeApps(change)).await
    }

    /// Talks until every deployment is done.
    async fn settle(&mut self) -> Result<()> {
        loop {
            let updates = std::mem::take(&mut self.updates);
            if !updates.is_empty() {
                for update in updates {
                    self.send(Command::StatusUpdate(update)).await?;
                }
            } else if self.wants_offers {
                let offers = (0..AGENTS).map(|agent| self.offer(agent)).collect();
                self.send(Command::Offers(offers)).await?;
            } else if self.core.snapshot().deployments.is_empty() {
                return Ok(());
            } else {
                self.now = self.now + Duration::from_millis(200);
                self.send(Command::Tick).await?;
            }
        }
    }

    fn offer(&mut self, agent: usize) -> Offer {
        self.minted += 1;
        Offer {
            id: OfferId::new(format!("O{}", self.minted)),
            agent: agent_id(agent),
            host: format!("host{agent}").into(),
            resources: self.total.clone(),
            attributes: Arc::new(Attributes::default()),
            role: Role::any(),
        }
    }

    /// Applies a command and stores what it asks for, as the driver does.
    async fn send(&mut self, command: Command) -> Result<()> {
        let mut writes = Vec::new();
        for effect in self.core.apply(self.now, command) {
            match effect {
                Effect::Persist(write) => writes.push(write),
                Effect::Call(call) => self.take(call),
                Effect::WakeAt(_)
                | Effect::Reply { .. }
                | Effect::Publish(_)
                | Effect::Probe(_) => {}
            }
        }
        if writes.is_empty() { Ok(()) } else { self.store(writes).await }
    }

    async fn store(&mut self, writes: Vec<RecordWrite>) -> Result<()> {
        self.stored += 1;
        self.written.push_back(self.session.propose(&self.leadership.fence, writes).await);
        if self.written.len() > IN_FLIGHT {
            self.written.pop_front().context("something is in flight")?.await?;
        }
        Ok(())
    }

    fn take(&mut self, call: Call) {
        match call {
            Call::Revive => self.wants_offers = true,
            Call::Suppress => self.wants_offers = false,
            Call::Accept { launches, .. } => {
                for task in launches.iter().filter_map(|launch| launch.instance.task.as_ref()) {
                    let tell = |state| update(&task.id, &task.agent, state);
                    self.updates.extend([tell(TaskState::Starting), tell(TaskState::Running)]);
                }
            }
            Call::Kill { .. }
            | Call::Decline { .. }
            | Call::Acknowledge { .. }
            | Call::Reconcile(_) => {}
        }
    }

    /// What is written behind is written, a part in each turn, and everything is durable.
    async fn finish(&mut self) -> Result<()> {
        loop {
            self.now = self.now + Duration::from_secs(1);
            let before = self.stored;
            self.send(Command::Tick).await?;
            if self.stored == before {
                break;
            }
        }
        for write in self.written.drain(..) {
            write.await?;
        }
        Ok(())
    }
}

fn update(task: &TaskId, agent: &AgentId, state: TaskState) -> StatusUpdate {
    StatusUpdate {
        task: task.clone(),
        agent: Some(agent.clone()),
        state,
        reason: None,
        message: None,
        uuid: Some(Arc::from([7; 16])),
        healthy: None,
        check: None,
        addresses: Vec::new(),
        unreachable_since: None,
    }
}
