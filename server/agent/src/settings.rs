//! What the agent is told about itself before it starts.

use std::time::Duration;

use bytes::Bytes;
use wire::link::AgentDescription;

/// Facts and limits that do not change while the agent runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the agent tells the master about itself; the id in it is left open.
    pub description: AgentDescription,
    /// Address on which ports are published; the address of containers that have none of their own.
    pub ip: String,
    /// Absolute path of the work directory.
    pub work_dir: String,
    /// Name of the cluster, for the containers' labels.
    pub cluster: String,
    /// Random identity of the work directory: containers that carry it are this agent's.
    pub directory_id: String,
    /// The nonce of the first registration, chosen once for a work directory.
    pub nonce: Bytes,
    /// Whether Docker containers may be run.
    pub runs_docker: bool,
    /// Whether plain commands may be run.
    pub runs_processes: bool,
    /// Whether commands run as their own user; otherwise as the agent's.
    pub switches_user: bool,
    /// Whether commands get no more processor time than their `cpus`, even where there is some to spare.
    pub bounds_cpu: bool,
    /// Most processes and threads of a command at a time; none is no bound.
    pub max_processes: Option<u64>,
    /// Variables that every command gets, weaker than its own.
    pub executor_environment: Vec<(String, String)>,
    /// Where a container sees its sandbox.
    pub sandbox_mount: String,
    /// Time between asking a container to end and killing it, where neither kill nor task says otherwise.
    pub kill_grace: Duration,
    /// The same when the framework is shut down.
    pub shutdown_grace: Duration,
    /// How long an ended container stays in the engine.
    pub remove_delay: Duration,
    /// How many ended tasks are remembered for each framework.
    pub max_completed_tasks: usize,
}

impl Settings {
    /// Default of [`Settings::kill_grace`]: the executor shutdown grace period.
    pub const KILL_GRACE: Duration = Duration::from_secs(5);
    /// Default of [`Settings::shutdown_grace`]: two seconds less than the executor's own.
    pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);
    /// Default of [`Settings::remove_delay`].
    pub const REMOVE_DELAY: Duration = Duration::from_secs(6 * 3_600);
    /// Default of [`Settings::max_completed_tasks`].
    pub const MAX_COMPLETED_TASKS: usize = 150;
    /// Default of [`Settings::max_processes`].
    pub const MAX_PROCESSES: u64 = 4_096;
    /// Default of [`Settings::sandbox_mount`].
    pub const SANDBOX_MOUNT: &'static str = "/mnt/mesos/sandbox";
}
