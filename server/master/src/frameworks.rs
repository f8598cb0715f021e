//! Frameworks: subscription, fail-over, their end.

mod subscribe;
mod teardown;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use imbl::{OrdMap, OrdSet, Vector};
use model::{FrameworkId, Instant, OfferId, Role, TaskId, Timestamp};
use wire::mesos::v1::{FrameworkInfo, framework_info::capability};

use crate::command::StreamId;
use crate::convert::Form;
use crate::record::FrameworkRecord;
use crate::tasks::Task;

/// How a framework is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// By this stream.
    Subscribed(StreamId),
    /// Not since this time.
    Disconnected(Instant),
    /// Not in this leadership, which began at this time: it is known from records or agents.
    Recovered(Instant),
}

/// What a framework says it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a capability of the original")]
pub struct Capabilities {
    /// It knows the states that replace TASK_LOST.
    pub partition_aware: bool,
    /// It has a list of roles.
    pub multi_role: bool,
    /// It wants TASK_KILLING.
    pub task_killing_state: bool,
    /// It takes agents that have GPUs.
    pub gpu_resources: bool,
    /// It knows stacked reservations.
    pub reservation_refinement: bool,
}

impl Capabilities {
    /// Reads the list of a description; unknown ones are left aside.
    pub fn of(info: &FrameworkInfo) -> Self {
        let has = |wanted: capability::Type| {
            info.capabilities.iter().any(|capability| capability.r#type == Some(wanted.into()))
        };
        Self {
            partition_aware: has(capability::Type::PartitionAware),
            multi_role: has(capability::Type::MultiRole),
            task_killing_state: has(capability::Type::TaskKillingState),
            gpu_resources: has(capability::Type::GpuResources),
            reservation_refinement: has(capability::Type::ReservationRefinement),
        }
    }
}

/// A scheduler that has subscribed at some time and has not ended.
#[derive(Debug, Clone)]
pub struct Framework {
    /// Its id.
    pub id: FrameworkId,
    /// What it says about itself; `id` is set.
    pub info: Arc<FrameworkInfo>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// How it is reached.
    pub connection: Connection,
    /// When it first subscribed.
    pub registered_at: Timestamp,
    /// When it last subscribed again.
    pub reregistered_at: Option<Timestamp>,
    /// When it ended or was last disconnected.
    pub unregistered_at: Option<Timestamp>,
    /// Tasks that have not ended or wait for their last acknowledgement.
    pub tasks: OrdMap<TaskId, Arc<Task>>,
    /// Tasks on agents that were given up.
    pub unreachable_tasks: OrdMap<TaskId, Arc<Task>>,
    /// Tasks that have ended, oldest first.
    pub completed_tasks: Vector<Arc<Task>>,
    /// Its offers.
    pub offers: OrdSet<OfferId>,
}

impl Framework {
    pub(crate) fn new(
        id: FrameworkId,
        info: FrameworkInfo,
        connection: Connection,
        registered_at: Timestamp,
    ) -> Self {
        Self {
            id,
            capabilities: Capabilities::of(&info),
            info: Arc::new(info),
            connection,
            registered_at,
            reregistered_at: None,
            unregistered_at: None,
            tasks: OrdMap::new(),
            unreachable_tasks: OrdMap::new(),
            completed_tasks: Vector::new(),
            offers: OrdSet::new(),
        }
    }

    /// The roles it may hold resources in.
    pub fn roles(&self) -> Vec<Role> {
        if self.capabilities.multi_role {
            return self.info.roles.iter().map(|role| Role::from(role.as_str())).collect();
        }
        vec![self.info.role.as_deref().map_or_else(Role::any, Role::from)]
    }

    /// Its stream, while it has one.
    pub const fn stream(&self) -> Option<&StreamId> {
        match &self.connection {
            Connection::Subscribed(stream) => Some(stream),
            Connection::Disconnected(_) | Connection::Recovered(_) => None,
        }
    }

    /// Whether it has a stream.
    pub const fn is_connected(&self) -> bool {
        self.stream().is_some()
    }

    /// Whether it is known only from records or agents.
    pub const fn is_recovered(&self) -> bool {
        matches!(self.connection, Connection::Recovered(_))
    }

    /// How long it may stay away before its tasks are killed.
    pub fn failover_timeout(&self) -> Duration {
        let seconds = self.info.failover_timeout.unwrap_or(0.0);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
    }

    /// How resources are written for it.
    pub(crate) fn form<'a>(&self, role: &'a Role) -> Form<'a> {
        Form {
            allocated_to: self.capabilities.multi_role.then_some(role),
            is_refined: self.capabilities.reservation_refinement,
        }
    }

    /// Adds a task that is over to the history, which keeps the newest `limit`.
    pub(crate) fn complete(&mut self, mut task: Arc<Task>, limit: usize) {
        if task.pending.is_some() {
            Arc::make_mut(&mut task).pending = None; // Its `data` may be large.
        }
        self.completed_tasks.push_back(task);
        while self.completed_tasks.len() > limit {
            self.completed_tasks.pop_front();
        }
    }

    pub(crate) fn record(&self, epoch: u64) -> FrameworkRecord {
        FrameworkRecord {
            id: self.id.clone(),
            info: (*self.info).clone(),
            epoch,
            registered_at: self.registered_at,
        }
    }
}

/// All frameworks.
#[derive(Debug, Default)]
pub(crate) struct Frameworks {
    pub(crate) known: OrdMap<FrameworkId, Arc<Framework>>,
    pub(crate) completed: Vector<Arc<Framework>>,
    by_stream: BTreeMap<StreamId, FrameworkId>,
}

impl Frameworks {
    pub(crate) fn get(&self, id: &FrameworkId) -> Option<&Arc<Framework>> {
        self.known.get(id)
    }

    /// The framework, to be changed; readers keep the picture they have.
    pub(crate) fn get_mut(&mut self, id: &FrameworkId) -> Option<&mut Framework> {
        self.known.get_mut(id).map(Arc::make_mut)
    }

    pub(crate) fn task(&self, framework: &FrameworkId, task: &TaskId) -> Option<&Arc<Task>> {
        self.known.get(framework)?.tasks.get(task)
    }

    pub(crate) fn task_mut(&mut self, framework: &FrameworkId, task: &TaskId) -> Option<&mut Task> {
        self.get_mut(framework)?.tasks.get_mut(task).map(Arc::make_mut)
    }

    pub(crate) fn is_completed(&self, id: &FrameworkId) -> bool {
        self.completed.iter().any(|framework| framework.id == *id)
    }

    /// The streams of all that are connected.
    pub(crate) fn streams(&self) -> Vec<StreamId> {
        self.by_stream.keys().cloned().collect()
    }
}
