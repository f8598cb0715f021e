//! `GET /v2/info` and `GET /v2/leader`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `GET /v2/info`; unset options are `null`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// `marathon`.
    pub name: String,
    /// Version of Marathon whose API this is.
    pub version: String,
    /// Revision of the build.
    pub buildref: String,
    /// Whether this process leads.
    pub elected: bool,
    /// `host:port` of the leader.
    pub leader: Option<String>,
    /// Id that Mesos gave the framework.
    #[serde(rename = "frameworkId")]
    pub framework_id: Option<String>,
    /// Effective options.
    pub marathon_config: Value,
    /// Options of the state store.
    pub zookeeper_config: Value,
    /// Ports.
    pub http_config: Value,
}

/// `GET /v2/leader`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderResponse {
    /// `host:port`.
    pub leader: String,
}
