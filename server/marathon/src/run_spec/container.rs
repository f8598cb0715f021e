//! Image, engine options, volumes, network mode and ports.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What surrounds a command: an image of the Docker engine, or nothing but folders of the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Image and engine options; none of type MESOS, where the agent itself runs the command.
    pub docker: Option<Docker>,
    /// Folders of the agent that it sees.
    pub volumes: Vec<Volume>,
}

/// What the Docker engine is to run, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Docker {
    /// Image reference, never empty.
    pub image: String,
    /// Whether the image is pulled even when present.
    pub force_pull_image: bool,
    /// Whether it gets all devices and capabilities of the agent.
    pub privileged: bool,
    /// Options of `docker run`, in the order given; the agent knows which there are.
    pub parameters: Vec<Parameter>,
}

/// One option of `docker run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its long name, without dashes.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A file or folder of the agent that a container or a command sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Path in the container; a relative one stands in the sandbox.
    pub container_path: String,
    /// Path on the agent; a relative one stands in the sandbox.
    pub host_path: String,
    /// Whether the container may write there.
    pub is_writable: bool,
}

/// A network of the engine that is neither the agent's own nor the bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerNetwork {
    /// Its name in the engine.
    pub name: String,
    /// Labels for whoever provides the network.
    pub labels: BTreeMap<String, String>,
}

/// How a task's ports reach the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Networking {
    /// The agent's own network.
    Host {
        /// Declared ports; each task gets one host port per element.
        port_definitions: Vec<PortDefinition>,
        /// Whether the numbers declared are the host ports wanted.
        require_ports: bool,
    },
    /// The engine's bridge, with ports published on the agent.
    Bridge {
        /// Declared mappings; each task gets one host port per element.
        port_mappings: Vec<PortMapping>,
        /// What is said of the network; nothing follows from it here.
        labels: BTreeMap<String, String>,
    },
    /// A named network of the engine.
    Container {
        /// Which.
        network: ContainerNetwork,
        /// Declared mappings; a task gets a host port for those that ask for one.
        port_mappings: Vec<PortMapping>,
    },
}

impl Networking {
    /// The mappings of a container's ports, none where the container has the agent's own.
    pub fn port_mappings(&self) -> Option<&[PortMapping]> {
        match self {
            Self::Host { .. } => None,
            Self::Bridge { port_mappings, .. } | Self::Container { port_mappings, .. } => {
                Some(port_mappings)
            }
        }
    }
}

/// One port of an app with host networking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortDefinition {
    /// Service port, and host port where ports are required; 0 = to be allocated.
    pub port: u16,
    /// Transport.
    pub protocol: Protocol,
    /// Name, unique within the app.
    pub name: Option<String>,
    /// Labels of this port.
    pub labels: BTreeMap<String, String>,
}

/// One port of a container with a network of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// Port inside the container; 0 = the same as the host port.
    pub container_port: u16,
    /// Port on the agent; 0 = any of the offer. Only in a named network may there be none.
    pub host_port: Option<u16>,
    /// Cluster-wide number for load balancers; 0 = to be allocated.
    pub service_port: u16,
    /// Transport.
    pub protocol: Protocol,
    /// Name, unique within the app.
    pub name: Option<String>,
    /// Labels of this port.
    pub labels: BTreeMap<String, String>,
    /// Networks that it is for; empty = all.
    pub network_names: Vec<String>,
}

/// Transport of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// `tcp`.
    Tcp,
    /// `udp`.
    Udp,
    /// `udp,tcp`: both on one number.
    UdpAndTcp,
}

impl Protocol {
    /// As Marathon writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::UdpAndTcp => "udp,tcp",
        }
    }

    /// Reads Marathon's form.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            "udp,tcp" | "tcp,udp" => Some(Self::UdpAndTcp),
            _ => None,
        }
    }

    /// The single transports that it stands for, as the engine publishes them.
    pub fn transports(self) -> &'static [&'static str] {
        match self {
            Self::Tcp => &["tcp"],
            Self::Udp => &["udp"],
            Self::UdpAndTcp => &["udp", "tcp"],
        }
    }
}
