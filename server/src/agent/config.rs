//! What the agent is told by its flags, checked.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agent_core::NetworkDns;
use containerizer::{CredentialFiles, OutputLimit};
use model::{Attributes, Resources};

use super::reconfiguration::Policy;
use crate::cluster_secret::ClusterSecret;

/// Configuration of an agent.
#[derive(Debug, Clone)]
pub(crate) struct AgentConfig {
    /// Address of the agent; host ports of containers are published on it.
    pub(crate) ip: IpAddr,
    /// Port of its HTTP API.
    pub(crate) port: u16,
    /// Name of the machine in offers and consoles.
    pub(crate) hostname: String,
    /// The master, as `HOST:PORT`.
    pub(crate) master: String,
    /// What both ends of the link prove to each other; without it the master must be on loopback.
    pub(crate) cluster_secret: Option<Arc<ClusterSecret>>,
    /// Folder of the sandboxes and of the journal.
    pub(crate) work_dir: PathBuf,
    /// Resources that were named; the others are detected.
    pub(crate) resources: Resources,
    /// Attributes of the machine.
    pub(crate) attributes: Attributes,
    /// Which changes of these two since the admission are taken.
    pub(crate) reconfiguration: Policy,
    /// Which engine runs containers.
    pub(crate) engine: Engine,
    /// How commands without a container are run.
    pub(crate) commands: Commands,
    /// Socket of the Docker engine.
    pub(crate) docker_socket: PathBuf,
    /// How files are fetched into sandboxes.
    pub(crate) fetching: Fetching,
    /// Whether tasks get no more processor time than their `cpus`.
    pub(crate) bounds_cpu: bool,
    /// Credentials for registries, besides those in a sandbox.
    pub(crate) credentials: CredentialFiles,
    /// How large `stdout` and `stderr` of a sandbox may become.
    pub(crate) output_limits: [Option<OutputLimit>; 2],
    /// How long an ended container stays in the engine.
    pub(crate) remove_delay: Duration,
    /// The executor shutdown grace period.
    pub(crate) kill_grace: Duration,
    /// The least time between asking a Docker container to end and killing it.
    pub(crate) docker_stop_timeout: Duration,
    /// Name servers of Docker containers by network.
    pub(crate) container_dns: Vec<NetworkDns>,
    /// Where a Docker container sees its sandbox.
    pub(crate) sandbox_mount: String,
    /// How many ended tasks of each framework are remembered.
    pub(crate) max_completed_tasks: usize,
    /// How long sandboxes of ended tasks stay.
    pub(crate) retention: Retention,
    /// When images that this agent has pulled go again; never when absent.
    pub(crate) image_gc: Option<ImageGc>,
    /// Name of the cluster, a label on every container.
    pub(crate) cluster: String,
    /// The flags as they are shown by `/flags` and `/state`.
    pub(crate) flags: Vec<(String, String)>,
}

/// How files are fetched into sandboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetching {
    /// Folder of the cache; each agent has a folder of its own in it. In the work directory when absent.
    pub(crate) cache_dir: Option<PathBuf>,
    /// Bytes that the cache may hold.
    pub(crate) cache_size: u64,
    /// A download without a byte for this long has failed.
    pub(crate) stall_timeout: Duration,
    /// What relative paths are relative to.
    pub(crate) frameworks_home: Option<PathBuf>,
    /// Bytes that one task may fetch.
    pub(crate) size_limit: u64,
}

/// How commands without a container are run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Commands {
    /// Whether they are at all.
    pub(crate) are_run: bool,
    /// Whether each runs as its own user.
    pub(crate) switch_user: bool,
    /// Most processes and threads of each at a time; none is no bound.
    pub(crate) max_processes: Option<u64>,
    /// Variables that all of them get.
    pub(crate) environment: Vec<(String, String)>,
}

/// How long sandboxes of ended tasks stay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Retention {
    /// Longest time, on an empty disk.
    pub(crate) delay: Duration,
    /// Part of the disk, in [0, 1], at whose use nothing stays any more.
    pub(crate) disk_headroom: f64,
    /// Time between two looks for old ones.
    pub(crate) watch_interval: Duration,
}

/// When images go that this agent has pulled and nothing needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ImageGc {
    /// Part of the engine's disk, in [0, 1], that they leave free.
    pub(crate) disk_headroom: f64,
    /// Time between two looks at the disk.
    pub(crate) watch_interval: Duration,
    /// Names of images that stay.
    pub(crate) excluded: Vec<String>,
}

/// Which engine runs containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A Docker engine.
    Docker,
    /// None, but every container is taken as running; for benchmarks.
    NoOp,
    /// None: containers are refused.
    None,
}

/// A containerizer that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is unknown; there are `docker` for containers and `mesos` for commands without one")]
pub(crate) struct UnknownContainerizer(String);

impl Engine {
    /// Reads `--containerizers`; a task is run by the first one that can, and no two of them can run the same task.
    pub(crate) fn of_flag(containerizers: &[String]) -> Result<Self, UnknownContainerizer> {
        let mut engine = Engine::None;
        for name in containerizers {
            match name.trim() {
                "docker" if engine == Engine::None => engine = Engine::Docker,
                "noop" if engine == Engine::None => engine = Engine::NoOp,
                "docker" | "noop" | "mesos" => {}
                other => return Err(UnknownContainerizer(other.to_owned())),
            }
        }
        Ok(engine)
    }
}

#[cfg(test)]
mod tests {
    use super::Engine;

    #[test]
    fn the_guides_containerizers_mean_docker() {
        let flag = |names: &[&str]| {
            Engine::of_flag(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(flag(&["docker", "mesos"]).unwrap(), Engine::Docker);
        assert_eq!(flag(&["mesos"]).unwrap(), Engine::None);
        assert!(flag(&["rkt"]).unwrap_err().to_string().contains("`rkt`"));
    }
}
