//! What the core is told: changes wanted by clients, news from Mesos, and the passing of time.

use std::net::IpAddr;
use std::sync::Arc;

use model::{
    AgentId, AppId, FrameworkId, InstanceId, OfferId, RequestId, TaskId, TaskState, Timestamp,
};

use crate::health::{CheckResult, Outcome, ProbeId};
use crate::identity::DeploymentId;
use crate::offer::Offer;
use crate::run_spec::RunSpec;

/// One thing that happened outside.
#[derive(Debug, Clone)]
pub enum Command {
    /// A client changes apps. Answered by `Reply::Deploying` or `Reply::Refused`.
    ChangeApps(ChangeApps),
    /// A client kills tasks. Answered by `Reply::Killing` or `Reply::Refused`.
    KillTasks(KillTasks),
    /// A client cancels a deployment. Answered by `Reply::Deploying` (a roll-back), `Reply::Done` or `Reply::Refused`.
    CancelDeployment {
        /// To whom the answer goes.
        request: RequestId,
        /// The deployment.
        deployment: DeploymentId,
        /// Stop where it stands instead of rolling back.
        force: bool,
    },
    /// A client clears an app's back-off. Answered by `Reply::Done` or `Reply::Refused`.
    ResetDelay {
        /// To whom the answer goes.
        request: RequestId,
        /// The app.
        app: AppId,
    },
    /// The master accepted the subscription.
    Subscribed {
        /// The id given, or confirmed.
        framework: FrameworkId,
        /// `host:port` of the master.
        master: String,
    },
    /// The connection to the master ended.
    Disconnected,
    /// The master knows our framework as removed: it must register anew, and none of its tasks run.
    FrameworkRemoved,
    /// Resources proposed by the master.
    Offers(Vec<Offer>),
    /// An offer is no longer valid.
    Rescinded(OfferId),
    /// A task's state.
    StatusUpdate(StatusUpdate),
    /// The moment named by the last `Effect::WakeAt` has come. Harmless at any other time.
    Tick,
    /// What became of the question of an `Effect::Probe`; one that is not out any more changes nothing.
    Probed {
        /// The question.
        probe: ProbeId,
        /// What became of it.
        outcome: Outcome,
    },
    /// A new reading of the wall clock.
    WallClockRead(Timestamp),
}

/// One request that changes the group tree; all changes become one deployment.
#[derive(Debug, Clone)]
pub struct ChangeApps {
    /// To whom the answer goes.
    pub request: RequestId,
    /// The changes; at most one per app.
    pub changes: Vec<AppChange>,
    /// Cancel deployments that stand in the way.
    pub force: bool,
    /// Who asks, for `api_post_event`; `None` for requests that publish none (deletion, restart, kills).
    pub caller: Option<Caller>,
}

/// A change of one app.
#[expect(clippy::large_enum_variant, reason = "a request holds few of them")]
#[derive(Debug, Clone)]
pub enum AppChange {
    /// A new app; refused when the id is taken.
    Create(RunSpec),
    /// The new definition of an app, which need not exist yet.
    Put {
        /// The whole definition, merged with the old one where the request asked for it.
        spec: Box<RunSpec>,
        /// The version it was merged with; refused as outdated when the app's differs by now. `None`: not merged.
        based_on: Option<Timestamp>,
    },
    /// Another number of instances.
    Scale {
        /// The app.
        app: AppId,
        /// How many.
        instances: u32,
    },
    /// The same definition launched anew.
    Restart(AppId),
    /// Removal.
    Delete(AppId),
}

impl AppChange {
    /// The app it changes.
    pub fn app(&self) -> &AppId {
        match self {
            Self::Create(spec) => spec.id(),
            Self::Put { spec, .. } => spec.id(),
            Self::Scale { app, .. } | Self::Restart(app) | Self::Delete(app) => app,
        }
    }
}

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Address of the client.
    pub ip: String,
    /// Path of the request.
    pub uri: String,
}

/// A request that kills tasks.
#[derive(Debug, Clone)]
pub struct KillTasks {
    /// To whom the answer goes.
    pub request: RequestId,
    /// Which tasks.
    pub tasks: TaskSelection,
    /// What becomes of their instances.
    pub after: AfterKill,
    /// With `AfterKill::Scale`: cancel deployments that stand in the way.
    pub force: bool,
}

/// Tasks named by a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskSelection {
    /// All of an app, or those on one host.
    OfApp {
        /// The app; refused when it does not exist.
        app: AppId,
        /// Only those on this host.
        host: Option<String>,
    },
    /// One of an app; refused when the app or the task does not exist.
    One {
        /// The app.
        app: AppId,
        /// The task.
        task: TaskId,
    },
    /// Named ones of any app; unknown ones are skipped.
    Named(Vec<TaskId>),
}

/// What becomes of instances whose tasks a client kills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterKill {
    /// They are launched anew.
    Relaunch,
    /// The app is scaled down by their number.
    Scale,
    /// They are forgotten, and new instances take their places.
    Wipe,
}

/// What Mesos says of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusUpdate {
    /// The task.
    pub task: TaskId,
    /// Its agent; absent where Mesos does not know it.
    pub agent: Option<AgentId>,
    /// Its state.
    pub state: TaskState,
    /// Why, as the protobuf enum names it (`REASON_RECONCILIATION`).
    pub reason: Option<String>,
    /// The update's text.
    pub message: Option<String>,
    /// Names the update; it must be acknowledged when present.
    pub uuid: Option<Arc<[u8]>>,
    /// What Mesos' health check says.
    pub healthy: Option<bool>,
    /// What the task's plain check last found.
    pub check: Option<CheckResult>,
    /// Addresses of the container.
    pub addresses: Vec<IpAddr>,
    /// When its agent became unreachable.
    pub unreachable_since: Option<Timestamp>,
}

impl StatusUpdate {
    /// The instance that the task belongs to, if its id is one of ours.
    pub fn instance(&self) -> Option<(InstanceId, u64)> {
        crate::identity::instance_of(&self.task)
    }
}
