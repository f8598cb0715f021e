//! What orchestration costs: one large app, and 10,000 apps with five instances each.
//!
//! Usage: `orchestration_bench [APPS] [INSTANCES]`. Everything runs in one thread against a master that answers at
//! once, so the figures are the core's own: matching, records, events, and nothing else.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program reads the clock and prints what it measured"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use marathon_core::command::{AppChange, ChangeApps, StatusUpdate};
use marathon_core::effect::Call;
use marathon_core::offer::Offer;
use marathon_core::run_spec::{RunSpec, read};
use marathon_core::{Command, Effect, Marathon, Settings, Start};
use model::{
    AgentId, AppId, Attributes, FrameworkId, OfferId, RequestId, Resources, Role, TaskId,
    TaskState, Timestamp,
};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u32| arguments.next().map_or(Ok(default), |text| text.parse());
    let (apps, instances) = (number(10_000)?, number(1_000)?);
    println!("one app with {instances} instances on 10 agents");
    for (name, more) in [
        ("plain", json!({})),
        ("spread over hosts", json!({"constraints": [["hostname", "GROUP_BY"]]})),
    ] {
        one_large_app(name, instances, &more)?;
    }
    println!("{apps} apps with 5 instances each on 100 agents");
    many_apps(apps)
}

/// Creates, upgrades and deletes one app.
fn one_large_app(name: &str, instances: u32, more: &Value) -> Outcome<()> {
    let mut cluster = Cluster::new(10)?;
    cluster.timed(&format!("{name}: POST to running"), instances, |cluster| {
        cluster.change(AppChange::Create(app("/large", instances, more)?));
        cluster.settle();
        Ok(())
    })?;
    cluster.timed(&format!("{name}: restart"), instances, |cluster| {
        cluster.change(AppChange::Restart(AppId::parse("/large")?));
        cluster.settle();
        Ok(())
    })?;
    cluster.timed(&format!("{name}: DELETE to gone"), instances, |cluster| {
        cluster.change(AppChange::Delete(AppId::parse("/large")?));
        cluster.settle();
        Ok(())
    })
}

fn many_apps(apps: u32) -> Outcome<()> {
    let mut cluster = Cluster::new(100)?;
    cluster.timed("POST of all", apps, |cluster| {
        for number in 0..apps {
            cluster.change(AppChange::Create(app(&format!("/app{number}"), 5, &json!({}))?));
        }
        Ok(())
    })?;
    cluster.timed("launch of all instances", apps * 5, |cluster| {
        cluster.settle();
        Ok(())
    })?;
    cluster.timed("POST of one more", 100, |cluster| {
        for number in 0..100 {
            cluster.change(AppChange::Create(app(&format!("/more{number}"), 0, &json!({}))?));
        }
        Ok(())
    })?;
    cluster.pass(Duration::from_secs(1)); // What is written behind is written.
    let tasks: Vec<_> =
        cluster.tasks.iter().step_by(50).map(|(t, a)| (t.clone(), a.clone())).collect();
    let count = u32::try_from(tasks.len())?;
    cluster.timed("failure and relaunch", count, |cluster| {
        for (task, agent) in tasks {
            cluster.send(Command::StatusUpdate(update(&task, &agent, TaskState::Failed)));
        }
        cluster.pass(Duration::from_secs(2));
        cluster.settle();
        Ok(())
    })?;
    cluster.pass(Duration::from_secs(1));
    let records = std::mem::take(&mut cluster.records);
    println!("{:<38} {:>8} records", "stored", records.len());
    cluster.timed("recovery from records", apps, |cluster| {
        let stored = records.iter().map(|(path, value)| (path.as_str(), value));
        cluster.core = Marathon::recover(cluster.start(), stored)?;
        cluster.send(Command::Tick);
        Ok(())
    })?;
    cluster.timed("subscription and reconciliation", apps * 5, |cluster| {
        cluster.subscribe();
        for (task, agent) in cluster.tasks.clone() {
            cluster.send(Command::StatusUpdate(update(&task, &agent, TaskState::Running)));
        }
        Ok(())
    })?;
    unplaceable_apps(&mut cluster, apps)
}

/// Apps that no offer fits, and the offers that keep coming.
fn unplaceable_apps(cluster: &mut Cluster, apps: u32) -> Outcome<()> {
    cluster.timed("POST of apps that fit nowhere", apps, |cluster| {
        let big = json!({"cpus": 1_000_000});
        for number in 0..apps {
            cluster.change(AppChange::Create(app(&format!("/big{number}"), 1, &big)?));
        }
        Ok(())
    })?;
    cluster.timed("offers of 64 agents, refused by all", 10, |cluster| {
        for _ in 0..10 {
            let offers = cluster.offers(64);
            cluster.send(Command::Offers(offers));
        }
        Ok(())
    })
}

fn app(id: &str, instances: u32, more: &Value) -> Outcome<RunSpec> {
    let mut posted = json!({"id": id, "cpus": 0.1, "mem": 32, "instances": instances,
        "container": {"type": "DOCKER", "docker": {"image": "nginx"},
            "portMappings": [{"containerPort": 80, "hostPort": 0, "servicePort": 30_000}]},
        "networks": [{"mode": "container/bridge"}]});
    if let (Some(posted), Some(more)) = (posted.as_object_mut(), more.as_object()) {
        posted.extend(more.clone());
    }
    let posted = read(posted.to_string().as_bytes()).map_err(|refusal| format!("{refusal:?}"))?;
    Ok(RunSpec::parse(posted).map_err(|refusal| format!("{refusal:?}"))?)
}

/// The core and a master that does what it is asked.
struct Cluster {
    core: Marathon,
    now: model::Instant,
    agents: usize,
    total: Resources,
    records: BTreeMap<String, Bytes>,
    tasks: BTreeMap<TaskId, AgentId>,
    updates: Vec<StatusUpdate>,
    is_suppressed: bool,
    wakes_at: Option<model::Instant>,
    minted: u64,
    effects: u64,
}

impl Cluster {
    fn new(agents: usize) -> Outcome<Self> {
        let now = model::Instant::from_secs(1);
        let mut cluster = Self {
            core: Marathon::new(start(now)),
            now,
            agents,
            // Never used up: what is offered is always everything.
            total: Resources::parse("cpus:100000;mem:100000000;disk:1000000;ports:[1000-65000]")?,
            records: BTreeMap::new(),
            tasks: BTreeMap::new(),
            updates: Vec::new(),
            is_suppressed: false,
            wakes_at: None,
            minted: 0,
            effects: 0,
        };
        cluster.subscribe();
        Ok(cluster)
    }

    fn start(&self) -> Start {
        start(self.now)
    }

    fn subscribe(&mut self) {
        let framework = FrameworkId::new("F");
        self.send(Command::Subscribed { framework, master: "10.0.0.1:5050".to_owned() });
    }

    fn change(&mut self, change: AppChange) {
        self.minted += 1;
        let request = RequestId(self.minted);
        self.send(Command::ChangeApps(ChangeApps {
            request,
            changes: vec![change],
            force: true,
            caller: None,
        }));
    }

    fn send(&mut self, command: Command) {
        for effect in self.core.apply(self.now, command) {
            self.effects += 1;
            match effect {
                Effect::Persist(write) => match write.value {
                    Some(value) => drop(self.records.insert(write.path, value)),
                    None => drop(self.records.remove(&write.path)),
                },
                Effect::WakeAt(at) => self.wakes_at = Some(at),
                Effect::Call(call) => self.take(call),
                Effect::Reply { .. } | Effect::Publish(_) | Effect::Probe(_) => {}
            }
        }
    }

    fn take(&mut self, call: Call) {
        match call {
            Call::Revive => self.is_suppressed = false,
            Call::Suppress => self.is_suppressed = true,
            Call::Accept { launches, .. } => {
                for task in launches.iter().filter_map(|launch| launch.instance.task.as_ref()) {
                    self.tasks.insert(task.id.clone(), task.agent.clone());
                    let tell = |state| update(&task.id, &task.agent, state);
                    self.updates.extend([tell(TaskState::Starting), tell(TaskState::Running)]);
                }
            }
            Call::Kill { task, .. } => {
                if let Some(agent) = self.tasks.remove(&task) {
                    self.updates.push(update(&task, &agent, TaskState::Killed));
                }
            }
            Call::Decline { .. } | Call::Acknowledge { .. } | Call::Reconcile(_) => {}
        }
    }

    /// Talks until every deployment is done; time passes only while there is nothing to say.
    fn settle(&mut self) {
        loop {
            let updates = std::mem::take(&mut self.updates);
            if !updates.is_empty() {
                updates.into_iter().for_each(|update| self.send(Command::StatusUpdate(update)));
            } else if !self.is_suppressed {
                let offers = self.offers(self.agents.min(64));
                self.send(Command::Offers(offers));
            } else if self.core.snapshot().deployments.is_empty() {
                return;
            } else {
                // More is wanted; offers may be asked for again in a moment.
                self.pass(Duration::from_millis(200));
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.send(Command::Tick);
    }

    fn offers(&mut self, count: usize) -> Vec<Offer> {
        let offer = |agent: usize| {
            self.minted += 1;
            let agent = agent % self.agents;
            Offer {
                id: OfferId::new(format!("O{}", self.minted)),
                agent: AgentId::new(format!("S{agent}")),
                host: format!("host{agent}").into(),
                resources: self.total.clone(),
                attributes: Arc::new(Attributes::default()),
                role: Role::any(),
            }
        };
        (0..count).map(offer).collect()
    }

    /// Runs `work` and prints how long it took, in all and for each of `count`.
    fn timed(
        &mut self,
        name: &str,
        count: u32,
        work: impl FnOnce(&mut Self) -> Outcome<()>,
    ) -> Outcome<()> {
        let effects = self.effects;
        let (began, cpu_before) = (Instant::now(), cpu_time()?);
        work(self)?;
        let (took, cpu) = (began.elapsed(), cpu_time()?.saturating_sub(cpu_before));
        println!(
            "{name:<38} {count:>8} in {:>8.1} ms, cpu {:>8.1} ms  {:>8.1} us each  {:>8} effects",
            took.as_secs_f64() * 1e3,
            cpu.as_secs_f64() * 1e3,
            cpu.as_secs_f64() * 1e6 / f64::from(count.max(1)),
            self.effects - effects
        );
        Ok(())
    }
}

/// Time that this thread has run: on a busy machine it says more than the clock.
fn cpu_time() -> Outcome<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split(' ').next().ok_or("no time on cpu")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

fn start(now: model::Instant) -> Start {
    let settings = Settings { max_running_deployments: u32::MAX, ..Settings::default() };
    Start { settings, seed: 1, now, wall: Timestamp::from_millis(1_700_000_000_000) }
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
