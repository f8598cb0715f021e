//! Image, network mode and ports.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A container of the Docker engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Image reference, never empty.
    pub image: String,
    /// Whether the image is pulled even when present.
    pub force_pull_image: bool,
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
    },
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

/// One port published by a bridge container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// Port inside the container; 0 = the same as the host port.
    pub container_port: u16,
    /// Port on the agent; 0 = any of the offer.
    pub host_port: u16,
    /// Cluster-wide number for load balancers; 0 = to be allocated.
    pub service_port: u16,
    /// Transport.
    pub protocol: Protocol,
    /// Name, unique within the app.
    pub name: Option<String>,
    /// Labels of this port.
    pub labels: BTreeMap<String, String>,
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
