//! `--default_container_dns`: name servers of containers by their network.
//!
//! Source: apache/mesos: docs/configuration/agent.md, src/messages/flags.proto (`ContainerDNSInfo`).

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use agent_core::{DnsNetwork, NetworkDns};
use serde::Deserialize;

/// The value of the flag.
#[derive(Debug, Clone, Default)]
pub(crate) struct FlagContainerDns {
    text: String,
    networks: Vec<NetworkDns>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Networks of the Mesos containerizer; commands are in the host's here.
    #[serde(default)]
    mesos: Vec<serde_json::Value>,
    #[serde(default)]
    docker: Vec<OfNetwork>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfNetwork {
    network_mode: Mode,
    network_name: Option<String>,
    dns: Dns,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum Mode {
    Host,
    Bridge,
    User,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dns {
    #[serde(default)]
    nameservers: Vec<IpAddr>,
    #[serde(default)]
    search: Vec<String>,
    #[serde(default)]
    options: Vec<String>,
}

impl FlagContainerDns {
    /// What the agent gives to its containers.
    pub(crate) fn of_agent(&self) -> Vec<NetworkDns> {
        self.networks.clone()
    }
}

impl FromStr for FlagContainerDns {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.strip_prefix("file://").or_else(|| text.starts_with('/').then_some(text));
        let json = match path {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("could not read `{path}`: {error}"))?,
            None => text.to_owned(),
        };
        let config: Config = serde_json::from_str(&json)
            .map_err(|error| format!("it is no ContainerDNSInfo: {error}"))?;
        if !config.mesos.is_empty() {
            let why = "commands have the host's network here, so `mesos` has to be empty";
            return Err(why.to_owned());
        }
        let networks = config.docker.into_iter().map(of_network).collect::<Result<Vec<_>, _>>()?;
        let mut named = BTreeSet::new();
        if networks.iter().any(|of| !named.insert(of.network.clone())) {
            return Err("a network is named twice".to_owned());
        }
        Ok(Self { text: text.to_owned(), networks })
    }
}

fn of_network(given: OfNetwork) -> Result<NetworkDns, String> {
    let network = match (given.network_mode, given.network_name) {
        (Mode::Host, None) => DnsNetwork::Host,
        (Mode::Bridge, None) => DnsNetwork::Bridge,
        (Mode::User, None) => DnsNetwork::AnyNamed,
        (Mode::User, Some(name)) => DnsNetwork::Named(name),
        (Mode::Host | Mode::Bridge, Some(name)) => {
            return Err(format!("`network_name` is `{name}` where the `network_mode` is not USER"));
        }
    };
    let Dns { nameservers, search, options } = given.dns;
    let servers = nameservers.iter().map(IpAddr::to_string).collect();
    Ok(NetworkDns { network, servers, search, options })
}

impl fmt::Display for FlagContainerDns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_originals_form_is_read_and_what_is_wrong_is_told() {
        let text = r#"{"docker": [
            {"network_mode": "BRIDGE", "dns": {"nameservers": ["8.8.8.8", "8.8.4.4"]}},
            {"network_mode": "USER", "network_name": "blue", "dns": {"search": ["a.b"], "options": ["ndots:2"]}},
            {"network_mode": "USER", "dns": {"nameservers": ["::1"]}}]}"#;
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let dns = |network, servers: &[&str], search: &[&str], options: &[&str]| NetworkDns {
            network,
            servers: texts(servers),
            search: texts(search),
            options: texts(options),
        };
        let wanted = [
            dns(DnsNetwork::Bridge, &["8.8.8.8", "8.8.4.4"], &[], &[]),
            dns(DnsNetwork::Named("blue".to_owned()), &[], &["a.b"], &["ndots:2"]),
            dns(DnsNetwork::AnyNamed, &["::1"], &[], &[]),
        ];
        assert_eq!(text.parse::<FlagContainerDns>().unwrap().of_agent(), wanted);
        for (wrong, told) in [
            ("8.8.8.8", "no ContainerDNSInfo"),
            (r#"{"mesos": [{}]}"#, "`mesos` has to be empty"),
            (r#"{"docker": [{"network_mode": "CNI", "dns": {}}]}"#, "unknown variant"),
            (r#"{"docker": [{"network_mode": "HOST", "dns": {"nameservers": ["x"]}}]}"#, "invalid"),
            (
                r#"{"docker": [{"network_mode": "HOST", "network_name": "x", "dns": {}}]}"#,
                "`network_name` is `x`",
            ),
            (
                r#"{"docker": [{"network_mode": "HOST", "dns": {}}, {"network_mode": "HOST", "dns": {}}]}"#,
                "twice",
            ),
            ("/no/such/file", "could not read `/no/such/file`"),
        ] {
            let error = wrong.parse::<FlagContainerDns>().unwrap_err();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }
}
