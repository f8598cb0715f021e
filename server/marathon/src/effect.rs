//! What the core orders: durable writes, answers, calls to the master, events.

use std::sync::Arc;
use std::time::Duration;

use model::{AgentId, AppId, Instant, OfferId, RecordWrite, RequestId, TaskId, Timestamp};
use wire::marathon::Event;

use crate::health::ProbeOrder;
use crate::identity::DeploymentId;
use crate::instance::Instance;
use crate::run_spec::VersionedRunSpec;

/// One order to the outside. Writes of a batch commit before its other effects leave.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Write a record.
    Persist(RecordWrite),
    /// Answer a request.
    Reply {
        /// The request.
        to: RequestId,
        /// The answer.
        reply: Reply,
    },
    /// Call the master.
    Call(Call),
    /// Put a question to a task, and tell what becomes of it by `Command::Probed`, however long its turn is in coming: no
    /// other of its check is put before.
    Probe(Box<ProbeOrder>),
    /// Show an event to all readers of the event stream.
    Publish(Box<Event>),
    /// Send `Command::Tick` at this moment, and forget earlier such orders.
    WakeAt(Instant),
}

/// A call of the scheduler API; the driver adds the framework's id.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Launch tasks on an offer; what they leave is declined for `refuse`.
    Accept {
        /// The offer.
        offer: OfferId,
        /// The tasks.
        launches: Vec<Launch>,
        /// How long the rest is not to be offered again.
        refuse: Duration,
    },
    /// Give offers back.
    Decline {
        /// The offers.
        offers: Vec<OfferId>,
        /// How long they are not to be offered again.
        refuse: Duration,
    },
    /// Forget all filters and offer again.
    Revive,
    /// Offer nothing until the next revival.
    Suppress,
    /// End a task.
    Kill {
        /// The task.
        task: TaskId,
        /// Its agent.
        agent: Option<AgentId>,
    },
    /// A status update was taken.
    Acknowledge {
        /// The agent that sent it.
        agent: AgentId,
        /// The task.
        task: TaskId,
        /// The update.
        uuid: Arc<[u8]>,
    },
    /// Ask for the states of tasks; of all when the list is empty.
    Reconcile(Vec<(TaskId, Option<AgentId>)>),
}

/// A task to be launched.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// The instance, provisioned: its task is the one to launch.
    pub instance: Arc<Instance>,
    /// The definition that it runs.
    pub definition: Arc<VersionedRunSpec>,
    /// What the names of `HOST` and of the ports' variables begin with.
    pub env_vars_prefix: Arc<str>,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The change is stored and its deployment has begun.
    Deploying(Deploying),
    /// Kills are ordered.
    Killing {
        /// The instances as they were before.
        instances: Vec<Arc<Instance>>,
        /// The deployment that scales the apps down.
        deployment: Option<Deploying>,
    },
    /// Done; there is nothing more to say.
    Done,
    /// Refused; nothing changed.
    Refused(Refusal),
}

/// A deployment that has begun.
#[derive(Debug, Clone, PartialEq)]
pub struct Deploying {
    /// Its id.
    pub id: DeploymentId,
    /// The version of the root group that it makes.
    pub version: Timestamp,
    /// The changed apps as stored, in the order of the changes; removed ones are left out.
    pub apps: Vec<Arc<VersionedRunSpec>>,
}

/// Why a request was refused. The texts are the original's (marathon.md §2.3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 409.
    #[error("An app with id [{0}] already exists.")]
    AppExists(AppId),
    /// 404.
    #[error("App '{0}' does not exist")]
    AppUnknown(AppId),
    /// 404.
    #[error("Task '{0}' does not exist")]
    TaskUnknown(TaskId),
    /// 404.
    #[error("DeploymentPlan {0} does not exist")]
    DeploymentUnknown(DeploymentId),
    /// 404.
    #[error("Application {0} not found in tasks queue.")]
    NotQueued(AppId),
    /// 409.
    #[error(
        "App is locked by one or more deployments. Override with the option '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'."
    )]
    Locked(Vec<DeploymentId>),
    /// 403.
    #[error(
        "Max number ({0}) of running deployments is achieved. Wait for existing deployments to complete or cancel oneusing force=true parameter."
    )]
    TooManyDeployments(u32),
    /// 500.
    #[error("All ports in the range [{min}-{max}) are already in use")]
    ServicePortsExhausted {
        /// The first port of the range.
        min: u16,
        /// The last port of the range.
        max: u16,
    },
    /// The app changed since the request was merged with it: merge and send again.
    #[error("App '{0}' has changed meanwhile")]
    Outdated(AppId),
    /// 422: the id is also a group's that is not empty.
    #[error("Groups and Applications may not have the same identifier.")]
    GroupExists(AppId),
    /// 422: the id lies below another app.
    #[error("App has to be child of group with parent id")]
    BelowApp(AppId),
    /// 422.
    #[error("Dependency graph has cyclic dependencies.")]
    CyclicDependencies,
    /// 422: the definition does not fit into one record, or the definitions of a change into one entry.
    #[error("{what} takes {bytes} bytes, at most {most} can be stored")]
    TooLarge {
        /// The app, or the whole change.
        what: String,
        /// Its size.
        bytes: usize,
        /// The size it may have.
        most: usize,
    },
    /// 422: more tasks than one request may kill.
    #[error(
        "{count} tasks are too many to be killed at once, at most {most} are; scale the app down instead"
    )]
    TooManyKills {
        /// How many were named.
        count: usize,
        /// How many may be.
        most: usize,
    },
}
