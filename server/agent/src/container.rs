//! A container as the agent orders it, finds it again and sees it end.
//!
//! These types stand between the agent's state machine, which fills them from a `TaskInfo`, and the containerizers, which carry them out.
//! They hold only what has been checked: a [`ContainerSpec`] that exists can be handed to an engine.

use std::collections::BTreeMap;

use crate::engine_options::EngineOptions;

/// Everything an engine needs to know to make one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Name in the engine, `mesos-<agent id>.<container id>`; chosen and journalled before the engine is called.
    pub name: String,
    /// Image reference as the framework wrote it.
    pub image: String,
    /// Pulls even when the image is present.
    pub force_pull: bool,
    /// Replaces the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's command; empty keeps it.
    pub arguments: Vec<String>,
    /// Variables in the order in which they were given; a later one wins.
    pub environment: Vec<(String, String)>,
    /// Labels by which the agent finds its containers again.
    pub labels: BTreeMap<String, String>,
    /// Network mode.
    pub network: Network,
    /// Ports published on the host; never with [`Network::Host`] and [`Network::None`].
    pub ports: Vec<PublishedPort>,
    /// Host name inside the container; the engine's choice when absent.
    pub hostname: Option<String>,
    /// Relative weight, 1024 for each cpu, at least 2.
    pub cpu_shares: i64,
    /// Most processor time in each period, of 100 ms unless the options say otherwise, in microseconds; none is no bound.
    pub cpu_quota: Option<i64>,
    /// Hard limit in bytes; 0 is no limit.
    pub memory_bytes: i64,
    /// What it is to keep when memory runs short, in bytes.
    pub memory_reservation_bytes: Option<i64>,
    /// Gives the container all devices and capabilities of the host.
    pub privileged: bool,
    /// What of the host it sees, besides the sandbox.
    pub volumes: Vec<BoundVolume>,
    /// Everything else that the task asks of the engine.
    pub options: EngineOptions,
    /// The user of the host whose sandbox it is; the agent's own when absent.
    pub sandbox_owner: Option<String>,
    /// The sandbox on the host, an absolute path; mounted at [`ContainerSpec::sandbox_mount`].
    pub sandbox: String,
    /// Where the sandbox appears inside the container.
    pub sandbox_mount: String,
}

/// A path of the host, or a volume of the engine, that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundVolume {
    /// Absolute path on the host, or name of a volume.
    pub source: String,
    /// Absolute path in the container.
    pub target: String,
    /// Whether the container may write there.
    pub is_writable: bool,
}

/// Everything that is needed to run one command as a plain tree of processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSpec {
    /// Name among the agent's containers, `process-<agent id>.<container id>`; chosen and journalled before anything is started.
    pub name: String,
    /// The program, looked for along the command's own `PATH` when it has no slash.
    pub program: String,
    /// Its arguments; the first is the name that it is given.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// The user to run as; the agent's own when absent.
    pub user: Option<String>,
    /// The sandbox, an absolute path; the working directory.
    pub sandbox: String,
    /// Relative weight, 1024 for each cpu, at least 2.
    pub cpu_shares: u64,
    /// Most processor time in each 100 ms, in microseconds; none is no bound.
    pub cpu_quota: Option<u64>,
    /// Most memory in bytes; none is no bound.
    pub memory_bytes: Option<u64>,
    /// What it is to keep when memory runs short, in bytes, where that is less than its bound.
    pub memory_reservation_bytes: Option<u64>,
    /// Most processes and threads at a time; none is no bound.
    pub max_processes: Option<u64>,
    /// What of the host it sees in other places; relative paths are relative to the sandbox.
    pub volumes: Vec<BoundVolume>,
    /// Limits of the kind that setrlimit(2) sets.
    pub limits: Vec<ProcessLimit>,
}

/// A limit of each process; without a number there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessLimit {
    /// The kind, in the words of Mesos without `RLMT_`: `NOFILE`, `CORE` …
    pub name: String,
    /// The limit that counts.
    pub soft: Option<u64>,
    /// What the process itself may raise it to.
    pub hard: Option<u64>,
}

/// Who runs a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The Docker engine.
    Docker,
    /// Our own executor, for commands without an image.
    Process,
}

impl Kind {
    /// What the names of its containers begin with.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            // Compat: the name of Mesos 0.23 to 1.3, which the deployment guide shows (mesos.md, trap 10).
            Kind::Docker => "mesos-",
            Kind::Process => "process-",
        }
    }

    /// Who runs the container of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        if name.starts_with(Kind::Process.prefix()) { Kind::Process } else { Kind::Docker }
    }
}

/// Network mode of a Docker container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// The host's own network.
    Host,
    /// The engine's default bridge; ports are reached through published ones.
    Bridge,
    /// Loopback only.
    None,
    /// A network of that name in the engine, or `container:` and the name of another container.
    Named(String),
}

impl Network {
    /// The mode's name in the engine's API.
    #[must_use]
    pub fn mode(&self) -> &str {
        match self {
            Network::Host => "host",
            Network::Bridge => "bridge",
            Network::None => "none",
            Network::Named(name) => name,
        }
    }

    /// The mode of that name; an empty one has none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "" => None,
            "host" => Some(Network::Host),
            "bridge" | "default" => Some(Network::Bridge),
            "none" => Some(Network::None),
            name => Some(Network::Named(name.to_owned())),
        }
    }
}

/// One port of a container that is reachable through a port of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPort {
    /// Address of the agent, so that agents on one machine can publish the same port.
    pub host_ip: String,
    /// Port on the host.
    pub host_port: u16,
    /// Port inside the container.
    pub container_port: u16,
    /// `tcp` or `udp`.
    pub protocol: Protocol,
}

/// Transport protocol of a published port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Lower-case name, as the engine and Mesos write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }

    /// Reads a protocol's name, whatever its case; an empty one means TCP.
    ///
    /// Source: apache/mesos: src/docker/docker.cpp (default `tcp`, lower-cased).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "" | "tcp" => Some(Protocol::Tcp),
            "udp" => Some(Protocol::Udp),
            _ => None,
        }
    }
}

/// A container that runs, as the engine describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The engine's description of the container, verbatim, as a JSON array of one element (what `docker inspect` prints).
    /// Empty for what no engine describes.
    pub json: String,
    /// Addresses of the container in its networks; empty with [`Network::Host`].
    pub addresses: Vec<String>,
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// Its main process ended.
    Exited {
        /// Exit status, 128 + signal number when a signal ended the process.
        status: i64,
        /// The kernel killed it because it needed more memory than its limit.
        out_of_memory: bool,
    },
    /// The first process of a command ended, and all others with it.
    Process(ProcessExit),
    /// The engine does not know the container any more: somebody removed it.
    Vanished,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessExit {
    /// With this status.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
    /// Since it needed more memory than its limit.
    OutOfMemory {
        /// The limit in bytes.
        limit: u64,
        /// The most that was used, in bytes.
        used: u64,
        /// What the system counts, one name and number a line.
        statistics: String,
    },
    /// It could not start as many processes as it wanted, and ended in this way.
    ShortOfProcesses {
        /// How it ended.
        end: Box<ProcessExit>,
        /// The most processes and threads that it may have.
        limit: u64,
        /// How often it was refused another.
        refused: u64,
    },
    /// It was never started; the reason is known.
    Failed(String),
    /// Nobody knows: its executor was killed, or the machine stopped.
    Unknown,
}

/// A container of this agent that the engine holds, found after a restart of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundContainer {
    /// Name in the engine.
    pub name: String,
    /// Labels it was made with.
    pub labels: BTreeMap<String, String>,
    /// State at the time of the listing.
    pub state: FoundState,
}

/// What the engine says about a found container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundState {
    /// Made and never started.
    Created,
    /// Running (or paused, or being restarted by the engine).
    Running,
    /// Ended; its exit status is there to be read.
    Exited,
}
