//! Flags of `ekiden agent`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

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
    /// Containerizers to use, in order of preference.
    #[arg(long, env = "MESOS_CONTAINERIZERS", default_value = "docker", value_delimiter = ',')]
    pub(crate) containerizers: Vec<String>,
    /// Socket of the Docker engine.
    #[arg(long, env = "MESOS_DOCKER_SOCKET", default_value = "/var/run/docker.sock")]
    pub(crate) docker_socket: PathBuf,
    /// File of the cluster's secret, the 32 bytes of the master's; needed when the master is on another machine.
    #[arg(long, env = "EKIDEN_CLUSTER_SECRET_FILE")]
    pub(crate) cluster_secret_file: Option<PathBuf>,
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
            ("docker_socket", self.docker_socket.display().to_string()),
            ("hostname", self.hostname.clone().unwrap_or_default()),
            ("ip", self.ip.to_string()),
            ("master", self.master.clone()),
            ("port", self.port.to_string()),
            ("resources", self.resources.clone()),
            ("work_dir", self.work_dir.display().to_string()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}
