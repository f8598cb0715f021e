//! Command-line flags, one struct per subcommand, with the originals' names.
//!
//! A flag of the originals is also read from `MESOS_<NAME>` or `MARATHON_<NAME>`; the command line wins.
//! Everything is parsed before any port is bound, and nothing reads the environment afterwards.

mod agent;
mod bytes;
mod container_dns;
mod duration;
mod image_gc;
mod local;
mod marathon;
mod master;

pub(crate) use agent::AgentFlags;
pub(crate) use bytes::FlagBytes;
pub(crate) use container_dns::FlagContainerDns;
pub(crate) use duration::FlagDuration;
pub(crate) use image_gc::FlagImageGc;
pub(crate) use local::{LocalCommand, LocalFlags};
pub(crate) use master::MasterFlags;

use clap::{Parser, Subcommand};

/// Mesos, ZooKeeper and Marathon as one program.
#[derive(Debug, Parser)]
#[command(name = "ekiden", version, about, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What to run.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a master node: the Mesos master on 5050 and Marathon on 8080.
    Master(Box<MasterFlags>),
    /// Runs an agent, which starts containers on this machine for a master.
    Agent(Box<AgentFlags>),
    /// Runs a whole cluster on this machine, each node on a loopback address of its own.
    Local(LocalFlags),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }
}
