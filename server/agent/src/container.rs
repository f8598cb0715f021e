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
    /// The engine does not know the container any more: somebody removed it.
    Vanished,
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
