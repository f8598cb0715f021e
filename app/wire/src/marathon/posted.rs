//! An app definition or update as clients send it, old and new forms together.
//!
//! Every member is optional and `null` means absent, as in the original. Members whose effect is not
//! built yet are carried as raw JSON, so that validation can name them instead of dropping them.
//! Unknown members are ignored, as in the original.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::PostedCheck;
use super::fetch::PostedFetch;
use super::health::{PostedHealthCheck, PostedReadinessCheck};
use super::number::whole;

/// Body of `POST /v2/apps`, `PUT /v2/apps/{id}` and of one element of `PUT /v2/apps`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedApp {
    /// Path id; relative ones are resolved against `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Shell command; exclusive with `args`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<String>,
    /// Arguments of the image's entrypoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// CPU shares, default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// Memory in MiB, default 128.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem: Option<f64>,
    /// Disk in MiB, default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<f64>,
    /// GPUs, default 0.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub gpus: Option<i64>,
    /// Wanted number of instances, default 1.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub instances: Option<i64>,
    /// Path of an executor; only `""` and `//cmd` have effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
    /// Resources of a path executor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executor_resources: Option<Value>,
    /// `[field, operator]` or `[field, operator, value]` each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraints: Option<Vec<Vec<String>>>,
    /// Container, of type DOCKER unless it says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<PostedContainer>,
    /// Networks in the form of 1.5 and later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<PostedNetwork>>,
    /// Ports of an app with host networking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_definitions: Option<Vec<PostedPortDefinition>>,
    /// Deprecated form of `portDefinitions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports: Option<Vec<i64>>,
    /// Whether the port definitions are host ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_ports: Option<bool>,
    /// Deprecated form of `networks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<PostedIpAddress>,
    /// Environment: name to text, or to `{"secret": name}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, Value>>,
    /// Secrets by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Value>,
    /// Labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// User of the operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Artifacts to fetch into the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch: Option<Vec<PostedFetch>>,
    /// Deprecated form of `fetch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uris: Option<Vec<String>>,
    /// Artifact store of 1.4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_urls: Option<Value>,
    /// Health checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_checks: Option<Vec<PostedHealthCheck>>,
    /// What the agent asks of the tasks without judging the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<PostedCheck>,
    /// Readiness checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness_checks: Option<Vec<PostedReadinessCheck>>,
    /// Apps or groups that must be up first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<Vec<String>>,
    /// Capacities kept during a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade_strategy: Option<PostedUpgradeStrategy>,
    /// Delay after the first failure, default 1.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub backoff_seconds: Option<i64>,
    /// Growth of the delay, default 1.15.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_factor: Option<f64>,
    /// Longest delay, default 300.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub max_launch_delay_seconds: Option<i64>,
    /// Time from SIGTERM to SIGKILL.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub task_kill_grace_period_seconds: Option<i64>,
    /// `YOUNGEST_FIRST` or `OLDEST_FIRST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_selection: Option<String>,
    /// What happens with instances on an unreachable agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreachable_strategy: Option<PostedUnreachableStrategy>,
    /// Roles whose resources may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_resource_roles: Option<Vec<String>>,
    /// Mesos role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Deprecated, without effect beside persistent volumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residency: Option<Value>,
    /// Upper limits of cpus and mem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_limits: Option<Value>,
    /// Whether a terminal is attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<bool>,
    /// Beside `id` alone in a PUT: the version to go back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Written by the server; ignored on input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_info: Option<Value>,
}

/// `container` as posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedContainer {
    /// `DOCKER` (default) or `MESOS`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Image and engine options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker: Option<PostedDocker>,
    /// Volumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volumes: Option<Vec<PostedVolume>>,
    /// Port mappings in the form of 1.5 and later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_mappings: Option<Vec<PostedPortMapping>>,
    /// Seccomp and IPC options, not built yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linux_info: Option<Value>,
}

/// `container.docker` as posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedDocker {
    /// Image reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Network in the form of 1.4: `BRIDGE`, `HOST`, `USER`, `NONE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Port mappings in the form of 1.4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_mappings: Option<Vec<PostedPortMapping>>,
    /// Whether the image is pulled even when present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_pull_image: Option<bool>,
    /// Whether the container is privileged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// `docker run` options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Vec<PostedParameter>>,
    /// Registry credentials, not built yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_config: Option<Value>,
    /// Registry credentials of 1.4, not built yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Value>,
}

/// One element of `container.volumes` as posted: a folder of the host, or one of the kinds that are not built yet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedVolume {
    /// Where it appears in the container; a relative one stands in the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_path: Option<String>,
    /// What appears there; a relative one stands in the sandbox on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_path: Option<String>,
    /// `RO` or `RW`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// A persistent volume, not built yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent: Option<Value>,
    /// A volume of a storage provider, not built yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<Value>,
    /// A secret as a file, not built yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Value>,
}

/// One element of `container.docker.parameters` as posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PostedParameter {
    /// Long name of an option of `docker run`, without dashes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// `ipAddress` as posted: the container network of Marathon 1.4.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedIpAddress {
    /// Name of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_name: Option<String>,
    /// Labels of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Groups of network isolators, not built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Value>,
    /// Ports of the MESOS containerizer, not built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discovery: Option<Value>,
}

/// One element of `portMappings` as posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedPortMapping {
    /// Port inside the container; 0 = the same as the host port.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub container_port: Option<i64>,
    /// Port on the agent; 0 = one of the offer.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub host_port: Option<i64>,
    /// Labels of this port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Name of this port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `tcp`, `udp` or `udp,tcp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Cluster-wide number for load balancers; 0 = allocated.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub service_port: Option<i64>,
    /// Container networks this mapping belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_names: Option<Vec<String>>,
}

/// One element of `portDefinitions` as posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedPortDefinition {
    /// Service port, and host port with `requirePorts`; 0 = allocated.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub port: Option<i64>,
    /// Labels of this port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Name of this port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `tcp`, `udp` or `udp,tcp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
}

/// One element of `networks` as posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedNetwork {
    /// Name of a container network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `host`, `container/bridge` or `container` (default).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Labels of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
}

/// `upgradeStrategy` as posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedUpgradeStrategy {
    /// Share of instances that may run in excess, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_over_capacity: Option<f64>,
    /// Share of instances that must stay healthy, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_health_capacity: Option<f64>,
}

/// `unreachableStrategy` as posted: a window, or the text `disabled`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PostedUnreachableStrategy {
    /// `"disabled"`.
    Text(String),
    /// Replace after one time, forget after another.
    #[serde(rename_all = "camelCase")]
    Window {
        /// Seconds until a replacement starts.
        #[serde(default, deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
        inactive_after_seconds: Option<i64>,
        /// Seconds until the instance is forgotten.
        #[serde(default, deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
        expunge_after_seconds: Option<i64>,
    },
}
