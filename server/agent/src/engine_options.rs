//! Options of a container that only the engine understands, as `docker run` names them.
//!
//! They come from the parameters of a Docker task ([`crate::docker_task`]) and are handed on; the default of each is the engine's own.

use std::collections::BTreeMap;

/// Options for the engine; absent and empty ones are not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineOptions {
    /// `--user`: user, and group, of the main process.
    pub user: Option<String>,
    /// `--workdir`.
    pub working_directory: Option<String>,
    /// `--domainname`.
    pub domain_name: Option<String>,
    /// `--stop-signal`.
    pub stop_signal: Option<String>,
    /// `--ip`: address in a named network.
    pub ip: Option<String>,
    /// `--ip6`: the same for IPv6.
    pub ip6: Option<String>,
    /// `--ipc`.
    pub ipc: Option<String>,
    /// `--pid`.
    pub pid: Option<String>,
    /// `--uts`.
    pub uts: Option<String>,
    /// `--userns`.
    pub user_namespace: Option<String>,
    /// `--runtime`.
    pub runtime: Option<String>,
    /// `--cpuset-cpus`.
    pub cpuset_cpus: Option<String>,
    /// `--cpuset-mems`.
    pub cpuset_mems: Option<String>,
    /// `--volume-driver`, or the driver that the task's volumes name.
    pub volume_driver: Option<String>,
    /// `--log-driver`.
    pub log_driver: Option<String>,
    /// `--dns`.
    pub dns: Vec<String>,
    /// `--dns-search`.
    pub dns_search: Vec<String>,
    /// `--dns-option`.
    pub dns_options: Vec<String>,
    /// `--add-host`, each `name:address`.
    pub extra_hosts: Vec<String>,
    /// `--cap-add`.
    pub added_capabilities: Vec<String>,
    /// `--cap-drop`.
    pub dropped_capabilities: Vec<String>,
    /// `--security-opt`.
    pub security_options: Vec<String>,
    /// `--group-add`.
    pub groups: Vec<String>,
    /// `--link`.
    pub links: Vec<String>,
    /// `--volumes-from`.
    pub volumes_from: Vec<String>,
    /// `--network-alias`.
    pub network_aliases: Vec<String>,
    /// `--device-cgroup-rule`.
    pub device_rules: Vec<String>,
    /// `--volume` with a source: `source:target[:options]`.
    pub binds: Vec<String>,
    /// `--volume` without a source.
    pub anonymous_volumes: Vec<String>,
    /// `--expose`, each `port/protocol`.
    pub exposed_ports: Vec<String>,
    /// `--sysctl`.
    pub sysctls: BTreeMap<String, String>,
    /// `--log-opt`.
    pub log_options: BTreeMap<String, String>,
    /// `--storage-opt`.
    pub storage_options: BTreeMap<String, String>,
    /// `--tmpfs`: mount options by path.
    pub tmpfs: BTreeMap<String, String>,
    /// `--device`.
    pub devices: Vec<Device>,
    /// `--ulimit`.
    pub ulimits: Vec<Ulimit>,
    /// `--gpus`: how many, -1 for all.
    pub gpus: Option<i64>,
    /// `--shm-size` in bytes.
    pub shm_bytes: Option<i64>,
    /// `--memory-swap`: memory and swap together in bytes, -1 for no limit.
    pub memory_swap_bytes: Option<i64>,
    /// `--memory-swappiness`, 0 to 100.
    pub memory_swappiness: Option<i64>,
    /// `--cpus` in billionths.
    pub nano_cpus: Option<i64>,
    /// `--cpu-period` in microseconds.
    pub cpu_period: Option<i64>,
    /// `--pids-limit`, -1 for none.
    pub pids_limit: Option<i64>,
    /// `--oom-score-adj`.
    pub oom_score_adjustment: Option<i64>,
    /// `--blkio-weight`.
    pub block_io_weight: Option<u16>,
    /// `--init`.
    pub has_init: Option<bool>,
    /// `--read-only`.
    pub is_read_only: Option<bool>,
    /// `--oom-kill-disable`.
    pub survives_out_of_memory: Option<bool>,
}

/// A device of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Path on the host.
    pub host_path: String,
    /// Path in the container.
    pub container_path: String,
    /// Any of `r`, `w` and `m`.
    pub permissions: String,
}

/// A limit of the main process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ulimit {
    /// `nofile` and the like.
    pub name: String,
    /// Where it begins; -1 for none.
    pub soft: i64,
    /// How far it may be raised; -1 for none.
    pub hard: i64,
}
