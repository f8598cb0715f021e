//! What readers see of the agent: an unchanging picture after one batch of commands.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;
use model::{AgentId, FrameworkId, TaskState};
use wire::mesos::v1;

use crate::settings::Settings;
use crate::task::{Task, TaskKey};

/// The agent at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What it was told at its start.
    pub settings: Arc<Settings>,
    /// Its id, once it has been admitted.
    pub id: Option<AgentId>,
    /// Whether a master has admitted it on the present link.
    pub is_registered: bool,
    /// The master of the present link, or of the last one.
    pub master: Option<Arc<v1::MasterInfo>>,
    /// The frameworks that have, or had, tasks here.
    pub frameworks: OrdMap<FrameworkId, Arc<v1::FrameworkInfo>>,
    /// Live tasks, and the newest of the ended ones.
    pub tasks: OrdMap<TaskKey, Arc<Task>>,
    /// How many tasks have ended in each state since the process began.
    pub ended: BTreeMap<TaskState, u64>,
}
