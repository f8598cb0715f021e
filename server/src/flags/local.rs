//! Flags of `ekiden local`.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

/// Flags of the whole cluster on one machine.
#[derive(Debug, Clone, Args)]
#[command(rename_all = "snake_case", args_conflicts_with_subcommands = true)]
pub(crate) struct LocalFlags {
    /// How many agents to run, on .11 and up.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=200))]
    pub(crate) agents: u8,
    /// The /24 inside 127.0.0.0/8 whose addresses the nodes take.
    #[arg(long, default_value = "127.0.0.0/24")]
    pub(crate) net: LoopbackNet,
    /// Folder of the cluster's data.
    #[arg(long, default_value = "ekiden-local")]
    pub(crate) data: PathBuf,
    /// Empties the folder first and removes the containers that this cluster made.
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Socket of the Docker engine.
    #[arg(long, env = "MESOS_DOCKER_SOCKET", default_value = "/var/run/docker.sock")]
    pub(crate) docker_socket: PathBuf,
    /// Containerizers of the agents; `docker,mesos`, or `mesos` alone where no Docker engine answers.
    #[arg(long)]
    pub(crate) containerizers: Option<String>,
    /// Stops when standard input closes.
    #[arg(long, hide = true)]
    pub(crate) follow_stdin: bool,
    /// Orders to a running cluster.
    #[command(subcommand)]
    pub(crate) order: Option<LocalCommand>,
}

/// Orders to a running local cluster.
#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum LocalCommand {
    /// Ends a node with SIGKILL; an agent's containers end with it, as if its machine had died.
    Kill {
        /// `master-1`, `agent-1` …
        node: String,
        /// Ends the process alone; containers run on.
        #[arg(long)]
        process_only: bool,
        /// Folder of the cluster's data.
        #[arg(long, default_value = "ekiden-local")]
        data: PathBuf,
    },
    /// Ends a node with SIGTERM; containers run on.
    Stop {
        /// `master-1`, `agent-1` …
        node: String,
        /// Folder of the cluster's data.
        #[arg(long, default_value = "ekiden-local")]
        data: PathBuf,
    },
    /// Starts a node that was ended.
    Start {
        /// `master-1`, `agent-1` …
        node: String,
        /// Folder of the cluster's data.
        #[arg(long, default_value = "ekiden-local")]
        data: PathBuf,
    },
}

/// A /24 inside 127.0.0.0/8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoopbackNet([u8; 3]);

impl LoopbackNet {
    /// The address with that last byte.
    pub(crate) const fn host(self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.0;
        Ipv4Addr::new(a, b, c, last)
    }
}

impl LocalFlags {
    /// The containerizers that were named, or both.
    pub(crate) fn containerizers(&self) -> &str {
        self.containerizers.as_deref().unwrap_or("docker,mesos")
    }

    /// Whether the agents have this one.
    pub(crate) fn has_containerizer(&self, wanted: &str) -> bool {
        self.containerizers().split(',').any(|name| name.trim() == wanted)
    }
}

impl FromStr for LoopbackNet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("`{text}` is not a network such as 127.0.1.0/24");
        let base = text.strip_suffix("/24").ok_or_else(wanted)?;
        let base: Ipv4Addr = base.parse().map_err(|_| wanted())?;
        let [a, b, c, d] = base.octets();
        if a != 127 || d != 0 {
            return Err(wanted());
        }
        Ok(Self([a, b, c]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_networks_are_taken() {
        let net: LoopbackNet = "127.0.1.0/24".parse().unwrap();
        assert_eq!(net.host(11), Ipv4Addr::new(127, 0, 1, 11));
        for bad in ["10.0.0.0/24", "127.0.0.1/24", "127.0.0.0/16", "127.0.0.0"] {
            assert!(bad.parse::<LoopbackNet>().is_err(), "{bad}");
        }
    }
}
