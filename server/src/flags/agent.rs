//! Flags of `ekiden agent`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use super::FlagDuration;

/// Flags of the Mesos agent (`MESOS_*`).
#[derive(Debug, Clone, Args)]
#[command(rename_all = "snake_case")]
pub(crate) struct AgentFlags {
    /// The master as HOST:PORT.
    #[arg(long, env = "MESOS_MASTER")]
    pub(crate) master: String,
    /// Address to listen on; host ports of containers are published on it.
    #[arg(long, env = "MESOS_IP", default_value = "127.0.0.1")]
    pub(crate) ip: IpAddr,
    /// Port of the agent.
    #[arg(long, env = "MESOS_PORT", default_value_t = 5051)]
    pub(crate) port: u16,
    /// Name of this machine in offers and consoles; the address when absent.
    #[arg(long, env = "MESOS_HOSTNAME")]
    pub(crate) hostname: Option<String>,
    /// Folder of the sandboxes and of the agent's journal.
    #[arg(long, env = "MESOS_WORK_DIR", default_value = "/var/lib/ekiden/agent")]
    pub(crate) work_dir: PathBuf,
    /// Resources to offer, such as `cpus:4;mem:8192;ports:[31000-32000]`; what is not named is detected.
    #[arg(long, env = "MESOS_RESOURCES", default_value = "")]
    pub(crate) resources: String,
    /// Attributes of this machine, such as `rack:a;zone:west`.
    #[arg(long, env = "MESOS_ATTRIBUTES", default_value = "")]
    pub(crate) attributes: String,
    /// Which changes of resources and attributes an agent that was admitted before may start with: none (`equal`), those that only add
    /// (`additive`), or all (`any`); it keeps its id and its tasks.
    // Compat: the original's default is `equal`, whose cure was to empty the work directory.
    #[arg(long, env = "MESOS_RECONFIGURATION_POLICY", default_value = "any")]
    pub(crate) reconfiguration_policy: String,
    /// Containerizers to use, in order of preference.
    #[arg(long, env = "MESOS_CONTAINERIZERS", default_value = "docker", value_delimiter = ',')]
    pub(crate) containerizers: Vec<String>,
    /// Socket of the Docker engine.
    #[arg(long, env = "MESOS_DOCKER_SOCKET", default_value = "/var/run/docker.sock")]
    pub(crate) docker_socket: PathBuf,
    /// File of the cluster's secret, the 32 bytes of the master's; needed when the master is on another machine.
    #[arg(long, env = "EKIDEN_CLUSTER_SECRET_FILE")]
    pub(crate) cluster_secret_file: Option<PathBuf>,
    /// How long an ended container stays in the engine.
    #[arg(long, env = "MESOS_DOCKER_REMOVE_DELAY", default_value = "6hrs")]
    pub(crate) docker_remove_delay: FlagDuration,
    /// Time between asking a container to end and killing it, where nothing else says how long.
    #[arg(long, env = "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", default_value = "5secs")]
    pub(crate) executor_shutdown_grace_period: FlagDuration,
    /// How many ended tasks of each framework are remembered.
    #[arg(long, env = "MESOS_MAX_COMPLETED_EXECUTORS_PER_FRAMEWORK", default_value_t = 150)]
    pub(crate) max_completed_executors_per_framework: usize,
    /// How long the sandbox of an ended task stays on an empty disk; the fuller the disk, the shorter.
    #[arg(long, env = "MESOS_GC_DELAY", default_value = "1weeks")]
    pub(crate) gc_delay: FlagDuration,
    /// Part of the disk that sandboxes of ended tasks leave free.
    #[arg(long, env = "MESOS_GC_DISK_HEADROOM", default_value_t = 0.1)]
    pub(crate) gc_disk_headroom: f64,
    /// Time between two looks for old sandboxes.
    #[arg(long, env = "MESOS_DISK_WATCH_INTERVAL", default_value = "1mins")]
    pub(crate) disk_watch_interval: FlagDuration,
    /// Label that tells the containers of one cluster from those of another on the same engine.
    #[arg(long, default_value = "default")]
    pub(crate) cluster_label: String,
    /// Stops when standard input closes (`ekiden local` holds the other end).
    #[arg(long, hide = true)]
    pub(crate) follow_stdin: bool,
}

impl AgentFlags {
    /// Every flag and its value, as `/flags` and `/state` show them.
    pub(crate) fn shown(&self) -> Vec<(String, String)> {
        [
            ("attributes", self.attributes.clone()),
            ("containerizers", self.containerizers.join(",")),
            ("disk_watch_interval", self.disk_watch_interval.to_string()),
            ("docker_remove_delay", self.docker_remove_delay.to_string()),
            ("docker_socket", self.docker_socket.display().to_string()),
            ("executor_shutdown_grace_period", self.executor_shutdown_grace_period.to_string()),
            ("gc_delay", self.gc_delay.to_string()),
            ("gc_disk_headroom", self.gc_disk_headroom.to_string()),
            ("hostname", self.hostname.clone().unwrap_or_default()),
            ("ip", self.ip.to_string()),
            ("master", self.master.clone()),
            (
                "max_completed_executors_per_framework",
                self.max_completed_executors_per_framework.to_string(),
            ),
            ("port", self.port.to_string()),
            ("reconfiguration_policy", self.reconfiguration_policy.clone()),
            ("resources", self.resources.clone()),
            ("work_dir", self.work_dir.display().to_string()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}
