//! Who this master is, and what the operator chose.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use model::{Epoch, MasterId};
use wire::mesos::v1::{self as pb, MasterInfo, master_info};

use crate::build_info::{Build, MESOS_VERSION};
use crate::cluster_secret::ClusterSecret;

/// Settings of the Mesos master.
#[derive(Debug, Clone)]
pub(crate) struct MasterConfig {
    /// Address that agents, frameworks and browsers reach.
    pub(crate) ip: IpAddr,
    /// Its port.
    pub(crate) port: u16,
    /// Name that clients are told.
    pub(crate) hostname: String,
    /// Name of the cluster.
    pub(crate) cluster: Option<String>,
    /// Every flag's value, as `/flags` shows it.
    pub(crate) flags: BTreeMap<String, String>,
    /// Which build this is.
    pub(crate) build: Build,
    /// Names besides `localhost` and IP addresses by which this process may be called.
    pub(crate) host_names: BTreeSet<String>,
    /// Whole origins whose pages may act on us: `http://host:port`.
    pub(crate) allowed_origins: BTreeSet<String>,
    /// What agents on other machines must know; a master on loopback may have none.
    pub(crate) cluster_secret: Option<Arc<ClusterSecret>>,
    /// How often agents are pinged.
    pub(crate) agent_ping_timeout: Duration,
    /// After how many unanswered pings an agent is unreachable.
    pub(crate) max_agent_ping_timeouts: u32,
    /// How long agents have to come back to a new leader.
    pub(crate) agent_reregister_timeout: Duration,
}

impl MasterConfig {
    /// The defaults for a master at `ip:port` known as `hostname`.
    pub(crate) fn new(ip: IpAddr, port: u16, hostname: String, build: Build) -> Self {
        Self {
            ip,
            port,
            host_names: BTreeSet::from([hostname.clone()]),
            hostname,
            cluster: None,
            flags: BTreeMap::new(),
            build,
            allowed_origins: BTreeSet::new(),
            cluster_secret: None,
            agent_ping_timeout: Duration::from_secs(3),
            max_agent_ping_timeouts: 5,
            agent_reregister_timeout: Duration::from_secs(60),
        }
    }

    /// `master@<ip>:<port>`.
    pub(crate) fn pid(&self) -> String {
        format!("master@{}:{}", self.ip, self.port)
    }

    /// What others are told about this master in one leadership.
    pub(crate) fn info(&self, id: &MasterId) -> MasterInfo {
        let ip = match self.ip {
            // Compat: network byte order read on a little-endian host, 127.0.0.1 is 16777343.
            IpAddr::V4(ip) => u32::from_le_bytes(ip.octets()),
            IpAddr::V6(_) => 0,
        };
        let capability = |r#type: master_info::capability::Type| master_info::Capability {
            r#type: Some(r#type.into()),
        };
        MasterInfo {
            id: id.to_string(),
            ip,
            port: self.port.into(),
            pid: Some(self.pid()),
            hostname: Some(self.hostname.clone()),
            version: Some(MESOS_VERSION.to_owned()),
            address: Some(pb::Address {
                hostname: Some(self.hostname.clone()),
                ip: Some(self.ip.to_string()),
                port: self.port.into(),
            }),
            capabilities: vec![
                capability(master_info::capability::Type::AgentUpdate),
                capability(master_info::capability::Type::AgentDraining),
                capability(master_info::capability::Type::QuotaV2),
            ],
            ..MasterInfo::default()
        }
    }

    /// The core's settings for one leadership.
    pub(crate) fn core(&self, id: &MasterId, epoch: Epoch) -> master_core::Config {
        master_core::Config {
            ping_timeout: self.agent_ping_timeout,
            max_pings: self.max_agent_ping_timeouts,
            agent_reregister_timeout: self.agent_reregister_timeout,
            ..master_core::Config::new(self.info(id), epoch)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_the_number_that_clients_expect() {
        let ip = "127.0.0.1".parse().unwrap();
        let config = MasterConfig::new(ip, 5050, "master1".to_owned(), Build::default());
        let info = config.info(&"m".into());
        assert_eq!((info.ip, info.pid()), (16_777_343, "master@127.0.0.1:5050"));
        let json = serde_json::to_value(&info).unwrap();
        assert_eq!(json["address"]["ip"], "127.0.0.1");
        assert_eq!(json["capabilities"][2]["type"], "QUOTA_V2");
    }
}
