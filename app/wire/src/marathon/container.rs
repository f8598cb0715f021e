//! `container` and `networks` of an app as the server answers them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `container`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// `DOCKER` or `MESOS`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Image and engine options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker: Option<Docker>,
    /// Volumes; written even when empty.
    pub volumes: Vec<Volume>,
    /// Port mappings; absent with host networking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_mappings: Option<Vec<PortMapping>>,
}

/// `container.docker`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Docker {
    /// Whether the image is pulled even when present.
    pub force_pull_image: bool,
    /// Image reference.
    pub image: String,
    /// `docker run` options; written even when empty.
    pub parameters: Vec<Parameter>,
    /// Whether the container is privileged.
    pub privileged: bool,
}

/// One element of `container.docker.parameters`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameter {
    /// Long name of an option of `docker run`, without dashes.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// One element of `container.volumes`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// Where it appears in the container.
    pub container_path: String,
    /// What appears there.
    pub host_path: String,
    /// `RO` or `RW`.
    pub mode: String,
}

/// One element of `container.portMappings`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PortMapping {
    /// Port inside the container; 0 = the same as the host port.
    pub container_port: u16,
    /// Port on the agent; 0 = one of the offer, absent = none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_port: Option<u16>,
    /// Labels; written even when empty.
    pub labels: BTreeMap<String, String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Container networks that it is for; absent = all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_names: Vec<String>,
    /// `tcp`, `udp` or `udp,tcp`.
    pub protocol: String,
    /// Cluster-wide number for load balancers.
    pub service_port: u16,
}

/// One element of `networks`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Network {
    /// Name of a container network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `host`, `container/bridge` or `container`.
    pub mode: String,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}
