//! What the agent is told about itself before it starts.

use std::time::Duration;

use bytes::Bytes;
use wire::link::AgentDescription;

use crate::container::Kind;
use crate::network_dns::NetworkDns;

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
    /// Name servers of Docker containers by their network, besides those that a task names.
    pub container_dns: Vec<NetworkDns>,
    /// Where a container sees its sandbox.
    pub sandbox_mount: String,
    /// The executor shutdown grace period. Time between asking a container to end and killing it, where neither kill nor task says
    /// otherwise.
    pub kill_grace: Duration,
    /// The least such time of a Docker container, and what one without a task is given.
    pub docker_stop_timeout: Duration,
    /// How long an ended container stays in the engine.
    pub remove_delay: Duration,
    /// How many ended tasks are remembered for each framework.
    pub max_completed_tasks: usize,
}

impl Settings {
    /// Default of [`Settings::kill_grace`].
    pub const KILL_GRACE: Duration = Duration::from_secs(5);
    /// Default of [`Settings::remove_delay`].
    pub const REMOVE_DELAY: Duration = Duration::from_secs(6 * 3_600);
    /// Default of [`Settings::max_completed_tasks`].
    pub const MAX_COMPLETED_TASKS: usize = 150;
    /// Default of [`Settings::max_processes`].
    pub const MAX_PROCESSES: u64 = 4_096;
    /// Default of [`Settings::sandbox_mount`].
    pub const SANDBOX_MOUNT: &'static str = "/mnt/mesos/sandbox";

    /// The time of a task that is killed, where neither the kill nor the task says otherwise.
    ///
    /// Source: mesos.md §5.3 (a command has three seconds, whatever the flags say) and §5.7 (Docker).
    pub(crate) fn kill_grace_of(&self, kind: Kind) -> Duration {
        const OF_COMMANDS: Duration = Duration::from_secs(3);
        match kind {
            Kind::Docker => self.kill_grace.max(self.docker_stop_timeout),
            Kind::Process => OF_COMMANDS,
        }
    }

    /// The time of a task that is shut down with its framework or its agent, where it does not say otherwise: the executor leaves
    /// itself two seconds of its own.
    ///
    /// Compat: the original has no time left where the period is two seconds or less (mesos.md §5.3, §5.7); here a second of it stays.
    pub(crate) fn shutdown_grace_of(&self, kind: Kind) -> Duration {
        const OF_EXECUTOR: Duration = Duration::from_secs(2);
        const LEAST: Duration = Duration::from_secs(1);
        let period = match kind {
            Kind::Docker => self.kill_grace.max(self.docker_stop_timeout),
            Kind::Process => self.kill_grace,
        };
        period.saturating_sub(OF_EXECUTOR).max(period.min(LEAST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::settings;

    #[test]
    fn who_says_nothing_has_the_executors_time_less_what_it_needs_itself() {
        for (period, stop_timeout, killed, shut_down) in [
            (5_000, 0, [5_000, 3_000], [3_000, 3_000]),
            (30_000, 0, [30_000, 3_000], [28_000, 28_000]),
            (5_000, 20_000, [20_000, 3_000], [18_000, 3_000]),
            (3_000, 0, [3_000, 3_000], [1_000, 1_000]),
            (1_000, 0, [1_000, 3_000], [1_000, 1_000]),
            (300, 0, [300, 3_000], [300, 300]),
            (0, 0, [0, 3_000], [0, 0]),
        ] {
            let (kill_grace, docker_stop_timeout) =
                (Duration::from_millis(period), Duration::from_millis(stop_timeout));
            let settings = Settings { kill_grace, docker_stop_timeout, ..settings() };
            let kinds = [Kind::Docker, Kind::Process];
            let graces = |of: fn(&Settings, Kind) -> Duration| {
                kinds.map(|kind| u64::try_from(of(&settings, kind).as_millis()).unwrap())
            };
            let found = (graces(Settings::kill_grace_of), graces(Settings::shutdown_grace_of));
            assert_eq!(found, (killed, shut_down), "{period} ms, {stop_timeout} ms");
        }
    }
}
