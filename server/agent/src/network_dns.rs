//! Name servers that the agent gives to the containers of a network (`--default_container_dns`).

use crate::container::Network;
use crate::engine_options::EngineOptions;

/// The name servers of one kind of network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkDns {
    /// Whose.
    pub network: DnsNetwork,
    /// Addresses of name servers.
    pub servers: Vec<String>,
    /// Domains in which short names are looked for.
    pub search: Vec<String>,
    /// Options of the resolver.
    pub options: Vec<String>,
}

/// Networks that have name servers of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DnsNetwork {
    /// The host's.
    Host,
    /// The engine's default bridge.
    Bridge,
    /// A network of that name.
    Named(String),
    /// All other named ones.
    AnyNamed,
}

/// Puts the name servers of the container's network before those that its task names.
pub(crate) fn add(known: &[NetworkDns], network: &Network, options: &mut EngineOptions) {
    let of = |wanted: &DnsNetwork| known.iter().find(|dns| dns.network == *wanted);
    let found = match network {
        Network::Host => of(&DnsNetwork::Host),
        Network::Bridge => of(&DnsNetwork::Bridge),
        Network::None => None,
        // It has those of the container whose network it shares.
        Network::Named(name) if name.starts_with("container:") => None,
        Network::Named(name) => {
            of(&DnsNetwork::Named(name.clone())).or_else(|| of(&DnsNetwork::AnyNamed))
        }
    };
    let Some(NetworkDns { servers, search, options: resolver, .. }) = found else { return };
    options.dns = [servers.as_slice(), &options.dns].concat();
    options.dns_search = [search.as_slice(), &options.dns_search].concat();
    options.dns_options = [resolver.as_slice(), &options.dns_options].concat();
}
