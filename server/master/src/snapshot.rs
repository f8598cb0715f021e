//! What readers see: an immutable picture that costs nothing to take.

use std::sync::Arc;

use imbl::{OrdMap, Vector};
use model::{AgentId, FrameworkId, OfferId, TaskId, Timestamp};

use crate::agents::{Agent, UnreachableAgent};
use crate::config::Config;
use crate::counters::Counters;
use crate::frameworks::Framework;
use crate::offers::Offer;
use crate::record::AgentRecord;
use crate::tasks::Task;

/// The master after some command.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Who the master is and how it is set.
    pub config: Arc<Config>,
    /// When it was elected.
    pub elected_at: Timestamp,
    /// Agents that are registered, connected or not.
    pub agents: OrdMap<AgentId, Arc<Agent>>,
    /// Agents of an earlier leadership that have not come back yet.
    pub recovered_agents: OrdMap<AgentId, Arc<AgentRecord>>,
    /// Agents that were given up and may come back.
    pub unreachable_agents: OrdMap<AgentId, Arc<UnreachableAgent>>,
    /// Frameworks that have not ended.
    pub frameworks: OrdMap<FrameworkId, Arc<Framework>>,
    /// Frameworks that have ended, oldest first.
    pub completed_frameworks: Vector<Arc<Framework>>,
    /// Offers that stand.
    pub offers: OrdMap<OfferId, Arc<Offer>>,
    /// What has been counted.
    pub counters: Counters,
}

impl Snapshot {
    /// A task that has not ended, or that waits for its last acknowledgement.
    pub fn task(&self, framework: &FrameworkId, task: &TaskId) -> Option<&Arc<Task>> {
        self.frameworks.get(framework)?.tasks.get(task)
    }

    /// All tasks of frameworks that have not ended which are on an agent.
    pub fn tasks(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.frameworks.values().flat_map(|framework| framework.tasks.values())
    }
}
