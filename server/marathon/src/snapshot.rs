//! What readers see: an immutable picture of the core, cheap to take (shared maps).

use std::sync::Arc;

use imbl::OrdMap;
use model::{AppId, FrameworkId, InstanceId, Instant, TaskId, Timestamp};

use crate::deployment::Deployment;
use crate::identity::{DeploymentId, instance_of};
use crate::instance::{Counts, Instance};
use crate::queue::QueueEntry;
use crate::run_spec::VersionedRunSpec;
use crate::wall_clock::WallClock;

/// The instances of one app.
pub type Instances = OrdMap<InstanceId, Arc<Instance>>;

/// The core as it was after a batch of commands had been stored.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Our id with Mesos, once registered.
    pub framework: Option<FrameworkId>,
    /// `host:port` of the master we are subscribed to.
    pub master: Option<Arc<str>>,
    /// Version of the root group.
    pub root_version: Timestamp,
    /// The apps of the group tree.
    pub apps: OrdMap<AppId, Arc<App>>,
    /// Stored definitions of each app by version.
    pub versions: OrdMap<AppId, OrdMap<Timestamp, Arc<VersionedRunSpec>>>,
    /// All instances by app; also those of removed apps that have not ended yet.
    pub instances: OrdMap<AppId, Instances>,
    /// Running deployments.
    pub deployments: OrdMap<DeploymentId, Arc<Deployment>>,
    /// The deployment that locks an app.
    pub locks: OrdMap<AppId, DeploymentId>,
    /// What waits for launch, and why.
    pub queue: OrdMap<AppId, Arc<QueueEntry>>,
    /// Relates command times to calendar times.
    pub clock: WallClock,
}

/// An app of the group tree.
#[derive(Debug, Clone)]
pub struct App {
    /// Its definition.
    pub definition: Arc<VersionedRunSpec>,
    /// Counts over its instances.
    pub counts: Counts,
    /// Its last failure, if there was one.
    pub last_failure: Option<Arc<TaskFailure>>,
}

/// The last failure of an app's tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    /// The task.
    pub task: TaskId,
    /// Its state, `TASK_FAILED` and the like.
    pub state: model::TaskState,
    /// The update's text.
    pub message: String,
    /// The agent's hostname.
    pub host: String,
    /// The agent.
    pub agent: Option<model::AgentId>,
    /// The app version that the task ran.
    pub version: Timestamp,
    /// When it failed.
    pub timestamp: Timestamp,
}

impl Snapshot {
    /// The instances of `app`, in the order of their ids.
    pub fn instances_of(&self, app: &AppId) -> impl Iterator<Item = &Arc<Instance>> {
        self.instances.get(app).into_iter().flat_map(|instances| instances.values())
    }

    /// The instance whose current or last task this is.
    pub fn instance_of_task(&self, task: &TaskId) -> Option<&Arc<Instance>> {
        let (instance, _) = instance_of(task)?;
        let app = crate::identity::app_of(&instance)?;
        let found = self.instances.get(&app)?.get(&instance)?;
        (found.task.as_ref()?.id == *task).then_some(found)
    }

    /// The definition that `instance` was launched with, if it is still stored.
    pub fn definition_of(&self, instance: &Instance) -> Option<&Arc<VersionedRunSpec>> {
        self.versions.get(&instance.app)?.get(&instance.version)
    }

    /// The calendar time at `now`.
    pub fn wall(&self, now: Instant) -> Timestamp {
        self.clock.read(now)
    }
}
