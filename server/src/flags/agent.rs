//! Flags of `ekiden agent`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use containerizer::OutputLimit;

use super::{FlagBytes, FlagContainerDns, FlagDuration, FlagImageGc};

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
    /// Containerizers to use: `docker` for Docker containers, `mesos` for commands without a container.
    #[arg(
        long,
        env = "MESOS_CONTAINERIZERS",
        default_value = "docker,mesos",
        value_delimiter = ','
    )]
    pub(crate) containerizers: Vec<String>,
    /// Whether a command runs as the user that it names, or its framework's; only root can switch.
    #[arg(long, env = "MESOS_SWITCH_USER", default_value_t = true, action = clap::ArgAction::Set,
        num_args = 0..=1, default_missing_value = "true")]
    pub(crate) switch_user: bool,
    /// Most processes and threads that a command without a container may have at a time; 0 is no limit.
    // Compat: the original's cgroups/pids knows no limit.
    #[arg(long, env = "MESOS_MAX_PROCESSES_PER_TASK", default_value_t = agent_core::Settings::MAX_PROCESSES)]
    pub(crate) max_processes_per_task: u64,
    /// Variables for every command, as a JSON object such as `{"LANG": "C.UTF-8"}`.
    #[arg(long, env = "MESOS_EXECUTOR_ENVIRONMENT_VARIABLES")]
    pub(crate) executor_environment_variables: Option<EnvironmentVariables>,
    /// Socket of the Docker engine.
    #[arg(long, env = "MESOS_DOCKER_SOCKET", default_value = "/var/run/docker.sock")]
    pub(crate) docker_socket: PathBuf,
    /// Folder for files that tasks fetch with `cache`; in the work directory when absent. Each agent empties its own part at the start.
    #[arg(long, env = "MESOS_FETCHER_CACHE_DIR")]
    pub(crate) fetcher_cache_dir: Option<PathBuf>,
    /// How much that cache may hold.
    #[arg(long, env = "MESOS_FETCHER_CACHE_SIZE", default_value = "2GB")]
    pub(crate) fetcher_cache_size: FlagBytes,
    /// How long a download may stand still before it has failed.
    #[arg(long, env = "MESOS_FETCHER_STALL_TIMEOUT", default_value = "1mins")]
    pub(crate) fetcher_stall_timeout: FlagDuration,
    /// How much one task may fetch, what is unpacked counted too.
    #[arg(long, default_value = "10GB")]
    pub(crate) fetcher_size_limit: FlagBytes,
    /// Folder that relative paths of fetched files are relative to; without it they are refused.
    #[arg(long, env = "MESOS_FRAMEWORKS_HOME")]
    pub(crate) frameworks_home: Option<PathBuf>,
    /// Credentials for registries: Docker's `config.json` as text, or `file:///PATH` of such a file; those of a task's sandbox come first,
    /// those of the agent's own user last.
    #[arg(long, env = "MESOS_DOCKER_CONFIG", hide_env_values = true)]
    pub(crate) docker_config: Option<String>,
    /// File of the cluster's secret, the 32 bytes of the master's; needed when the master is on another machine.
    #[arg(long, env = "EKIDEN_CLUSTER_SECRET_FILE")]
    pub(crate) cluster_secret_file: Option<PathBuf>,
    /// Bounds each task's processor time by its `cpus`, even where there is some to spare.
    #[arg(long, env = "MESOS_CGROUPS_ENABLE_CFS", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub(crate) cgroups_enable_cfs: bool,
    /// How long an ended container stays in the engine.
    #[arg(long, env = "MESOS_DOCKER_REMOVE_DELAY", default_value = "6hrs")]
    pub(crate) docker_remove_delay: FlagDuration,
    /// The least time between asking a Docker container to end and killing it, where neither kill nor task says otherwise; what runs
    /// without a task has just this.
    #[arg(long, env = "MESOS_DOCKER_STOP_TIMEOUT", default_value = "0ns")]
    pub(crate) docker_stop_timeout: FlagDuration,
    /// Where a Docker container sees its sandbox.
    #[arg(long, env = "MESOS_SANDBOX_DIRECTORY", default_value = agent_core::Settings::SANDBOX_MOUNT, value_parser = absolute)]
    pub(crate) sandbox_directory: String,
    /// Name servers of Docker containers by network, before those that a task names: a JSON object such as
    /// `{"docker": [{"network_mode": "BRIDGE", "dns": {"nameservers": ["10.0.0.2"], "search": ["corp"], "options": ["ndots:2"]}}]}`, or the
    /// path of a file with one; modes are `HOST`, `BRIDGE` and `USER`, the last with or without a `network_name`.
    #[arg(long, env = "MESOS_DEFAULT_CONTAINER_DNS")]
    pub(crate) default_container_dns: Option<FlagContainerDns>,
    /// Size at which `stdout` of a Docker container's sandbox becomes `stdout.1`; 0B is no limit.
    #[arg(long, env = "MESOS_CONTAINER_LOGGER_MAX_STDOUT_SIZE", default_value = "0B")]
    pub(crate) container_logger_max_stdout_size: FlagBytes,
    /// The same for `stderr`.
    #[arg(long, env = "MESOS_CONTAINER_LOGGER_MAX_STDERR_SIZE", default_value = "0B")]
    pub(crate) container_logger_max_stderr_size: FlagBytes,
    /// How many older files of each stay.
    #[arg(long, env = "MESOS_CONTAINER_LOGGER_ROTATE", default_value_t = 9)]
    pub(crate) container_logger_rotate: u32,
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
    /// When images go that this agent has pulled and that no container uses, the least recently used first: a JSON object such as
    /// `{"image_disk_headroom": 0.1, "image_disk_watch_interval": {"nanoseconds": 300000000000}, "excluded_images": []}`, the path of a
    /// file with one, or `off`.
    // Compat: the original does nothing without the flag, and knows it for images of the Mesos containerizer alone.
    #[arg(long, env = "MESOS_IMAGE_GC_CONFIG", default_value = "{}")]
    pub(crate) image_gc_config: FlagImageGc,
    /// Label that tells the containers of one cluster from those of another on the same engine.
    #[arg(long, default_value = "default")]
    pub(crate) cluster_label: String,
    /// Stops when standard input closes (`ekiden local` holds the other end).
    #[arg(long, hide = true)]
    pub(crate) follow_stdin: bool,
}

/// The value of `--executor_environment_variables`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EnvironmentVariables(pub(crate) Vec<(String, String)>);

impl FromStr for EnvironmentVariables {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |error| format!("it has to be a JSON object of strings: {error}");
        let all: BTreeMap<String, String> = serde_json::from_str(text).map_err(wrong)?;
        if let Some(name) = all.keys().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return Err(format!("`{name}` is no name of a variable"));
        }
        if let Some((name, _)) = all.iter().find(|(_, value)| value.contains('\0')) {
            return Err(format!("the value of `{name}` contains a NUL"));
        }
        Ok(Self(all.into_iter().collect()))
    }
}

/// A path in a container.
fn absolute(path: &str) -> Result<String, String> {
    let is_plain = !path.contains([':', ',', '\0']) && !path.split('/').any(|part| part == "..");
    let path = path.trim_end_matches('/');
    if path.starts_with('/') && is_plain {
        Ok(path.to_owned())
    } else {
        Err("it has to be an absolute path below `/`, without `..`, `:` and `,`".to_owned())
    }
}

impl AgentFlags {
    /// How large `stdout` and `stderr` of a sandbox may become.
    pub(crate) fn output_limits(&self) -> [Option<OutputLimit>; 2] {
        [self.container_logger_max_stdout_size, self.container_logger_max_stderr_size].map(|size| {
            let limit = OutputLimit { max_bytes: size.0, kept: self.container_logger_rotate };
            (size.0 > 0).then_some(limit)
        })
    }

    /// Every flag and its value, as `/flags` and `/state` show them.
    pub(crate) fn shown(&self) -> Vec<(String, String)> {
        let shown = |path: Option<&PathBuf>| {
            path.map(|path| path.display().to_string()).unwrap_or_default()
        };
        [
            ("attributes", self.attributes.clone()),
            ("cgroups_enable_cfs", self.cgroups_enable_cfs.to_string()),
            ("container_logger_max_stderr_size", self.container_logger_max_stderr_size.to_string()),
            ("container_logger_max_stdout_size", self.container_logger_max_stdout_size.to_string()),
            ("container_logger_rotate", self.container_logger_rotate.to_string()),
            ("containerizers", self.containerizers.join(",")),
            (
                "default_container_dns",
                self.default_container_dns.as_ref().map(ToString::to_string).unwrap_or_default(),
            ),
            ("disk_watch_interval", self.disk_watch_interval.to_string()),
            ("docker_remove_delay", self.docker_remove_delay.to_string()),
            ("docker_stop_timeout", self.docker_stop_timeout.to_string()),
            ("docker_socket", self.docker_socket.display().to_string()),
            ("executor_shutdown_grace_period", self.executor_shutdown_grace_period.to_string()),
            ("fetcher_cache_dir", shown(self.fetcher_cache_dir.as_ref())),
            ("fetcher_cache_size", self.fetcher_cache_size.to_string()),
            ("fetcher_size_limit", self.fetcher_size_limit.to_string()),
            ("fetcher_stall_timeout", self.fetcher_stall_timeout.to_string()),
            ("frameworks_home", shown(self.frameworks_home.as_ref())),
            ("gc_delay", self.gc_delay.to_string()),
            ("gc_disk_headroom", self.gc_disk_headroom.to_string()),
            ("hostname", self.hostname.clone().unwrap_or_default()),
            ("image_gc_config", self.image_gc_config.to_string()),
            ("ip", self.ip.to_string()),
            ("master", self.master.clone()),
            (
                "max_completed_executors_per_framework",
                self.max_completed_executors_per_framework.to_string(),
            ),
            ("max_processes_per_task", self.max_processes_per_task.to_string()),
            ("port", self.port.to_string()),
            ("reconfiguration_policy", self.reconfiguration_policy.clone()),
            ("resources", self.resources.clone()),
            ("sandbox_directory", self.sandbox_directory.clone()),
            ("switch_user", self.switch_user.to_string()),
            ("work_dir", self.work_dir.display().to_string()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{EnvironmentVariables, absolute};

    #[test]
    fn the_sandbox_is_seen_at_an_absolute_path() {
        assert_eq!(absolute("/mnt/sandbox/").as_deref(), Ok("/mnt/sandbox"));
        for wrong in ["", "/", "mnt", "/a/../b", "/a:b", "/a,b"] {
            assert!(absolute(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn variables_are_an_object_of_strings() {
        let variables: EnvironmentVariables = r#"{"B": "2 = two", "A": ""}"#.parse().unwrap();
        let wanted = [("A", ""), ("B", "2 = two")];
        assert_eq!(variables.0, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for wrong in ["", "[]", r#"{"A": 1}"#, r#"{"A=B": "1"}"#, r#"{"": "1"}"#] {
            assert!(wrong.parse::<EnvironmentVariables>().is_err(), "{wrong}");
        }
    }
}
