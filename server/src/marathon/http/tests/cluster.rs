//! The bare core behind the API, fed with offers and statuses by hand.

use std::sync::{Arc, Mutex};

use axum::Router;
use coordination::NoRoom;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use marathon_core::command::StatusUpdate;
use marathon_core::effect::{Call, Effect, Reply};
use marathon_core::offer::Offer;
use marathon_core::{Command, Marathon, Settings, Snapshot, Start};
use model::{
    AgentId, FrameworkId, Instant, OfferId, RequestId, Resources, Role, TaskId, TaskState,
    Timestamp,
};
use tokio_util::sync::CancellationToken;
use wire::marathon::Event;

use crate::marathon::http::backend::{Backend, MakeCommand};
use crate::marathon::http::{Access, Api, router};
use crate::marathon::{AskError, EventStream, Events, MarathonConfig};

/// 2023-11-27T08:15:02.417Z, when the clock stands at 0.
const START: i64 = 1_701_072_902_417;

/// A leading Marathon without driver, store and master.
pub(in super::super) struct Cluster {
    core: Mutex<State>,
    events: Events,
    config: MarathonConfig,
    leads: bool,
    /// Why changes are refused for want of room.
    pub(super) no_room: Mutex<Option<NoRoom>>,
}

struct State {
    core: Marathon,
    now: Instant,
    requests: u64,
    calls: Vec<Call>,
    offers: u64,
}

impl Cluster {
    /// A leader that is subscribed, and its API.
    pub(super) fn leading() -> (Arc<Self>, Router) {
        Self::start(true, CancellationToken::new())
    }

    /// A standby, and its API.
    pub(super) fn standby() -> Router {
        Self::start(false, CancellationToken::new()).1
    }

    /// A leader whose streams end with `stop`.
    pub(super) fn start(leads: bool, stop: CancellationToken) -> (Arc<Self>, Router) {
        let core = Marathon::new(Start {
            settings: Settings::default(),
            seed: 7,
            now: Instant::ZERO,
            wall: Timestamp::from_millis(START),
        });
        let state = State { core, now: Instant::ZERO, requests: 0, calls: Vec::new(), offers: 0 };
        let cluster = Arc::new(Self {
            core: Mutex::new(state),
            events: Events::new(64),
            config: MarathonConfig::new("10.0.0.1", 8080),
            leads,
            no_room: Mutex::default(),
        });
        cluster.apply(Command::Subscribed {
            framework: FrameworkId::new("f-0000"),
            master: "10.0.0.1:5050".to_owned(),
        });
        let mut api = Api::new(
            Arc::clone(&cluster) as Arc<dyn Backend>,
            Access::for_host("master.example"),
            stop,
        );
        api.leader_wait = std::time::Duration::ZERO;
        (cluster, router(api, Router::new()))
    }

    /// Applies a command one second after the last; answers are returned, calls kept.
    pub(super) fn apply(&self, command: Command) -> Option<Reply> {
        let mut state = self.core.lock().unwrap();
        state.now = state.now + std::time::Duration::from_secs(1);
        let now = state.now;
        let mut answer = None;
        for effect in state.core.apply(now, command) {
            match effect {
                Effect::Reply { reply, .. } => answer = Some(reply),
                Effect::Call(call) => state.calls.push(call),
                Effect::Publish(event) => self.events.publish(*event),
                Effect::Persist(_) | Effect::Probe(_) | Effect::WakeAt(_) => {}
            }
        }
        answer
    }

    /// Offers a whole agent, and returns the tasks launched on it.
    pub(super) fn offer(&self, agent: &str) -> Vec<TaskId> {
        let number = {
            let mut state = self.core.lock().unwrap();
            state.calls.clear();
            state.offers += 1;
            state.offers
        };
        self.apply(Command::Offers(vec![Offer {
            id: OfferId::new(format!("O{number}")),
            agent: AgentId::new(agent),
            host: format!("host-{agent}").into(),
            resources: Resources::parse("cpus:4;mem:4096;disk:1000;ports:[31000-32000]").unwrap(),
            attributes: Arc::default(),
            role: Role::any(),
        }]));
        let state = self.core.lock().unwrap();
        let launches = state.calls.iter().filter_map(|call| match call {
            Call::Accept { launches, .. } => Some(launches),
            _ => None,
        });
        launches
            .flatten()
            .filter_map(|launch| Some(launch.instance.task.as_ref()?.id.clone()))
            .collect()
    }

    /// Reports a task's state.
    pub(super) fn report(&self, task: &TaskId, agent: &str, state: TaskState) {
        self.apply(Command::StatusUpdate(StatusUpdate {
            task: task.clone(),
            agent: Some(AgentId::new(agent)),
            state,
            reason: None,
            message: Some("as told by the test".to_owned()),
            uuid: None,
            healthy: None,
            check: None,
            addresses: vec!["172.17.0.2".parse().unwrap()],
            unreachable_since: None,
        }));
    }

    /// Launches what waits on `agent` and lets it run.
    pub(super) fn run_on(&self, agent: &str) -> Vec<TaskId> {
        let tasks = self.offer(agent);
        for task in &tasks {
            self.report(task, agent, TaskState::Running);
        }
        tasks
    }

    /// Tasks that the core ordered to be killed since the last offer.
    pub(super) fn killed(&self) -> Vec<TaskId> {
        let state = self.core.lock().unwrap();
        let kills = state.calls.iter().filter_map(|call| match call {
            Call::Kill { task, .. } => Some(task.clone()),
            _ => None,
        });
        kills.collect()
    }
}

impl Backend for Cluster {
    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.leads.then(|| Arc::new(self.core.lock().unwrap().core.snapshot()))
    }

    fn ask(&self, command: MakeCommand) -> BoxFuture<'_, Result<Reply, AskError>> {
        if let Some(why) = self.no_room.lock().unwrap().clone() {
            return async move { Err(why.into()) }.boxed();
        }
        let request = {
            let mut state = self.core.lock().unwrap();
            state.requests += 1;
            RequestId(state.requests)
        };
        let answer = self.apply(command(request)).expect("every request is answered");
        async move { Ok(answer) }.boxed()
    }

    fn events(&self) -> EventStream {
        self.events.subscribe()
    }

    fn readers(&self) -> usize {
        self.events.readers()
    }

    fn publish(&self, event: Event) {
        self.events.publish(event);
    }

    fn leader(&self) -> Option<String> {
        self.leads.then(|| self.config.address())
    }

    fn config(&self) -> &MarathonConfig {
        &self.config
    }

    fn now(&self) -> Instant {
        self.core.lock().unwrap().now
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(START)
    }
}
