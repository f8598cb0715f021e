//! `ekiden`: Mesos, ZooKeeper and Marathon as one program.
//!
//! This file parses the command line, starts the log and the runtime and hands over to the subcommand;
//! `nodes.rs` wires the services of a master node and of an agent, `local.rs` runs a whole cluster.
#![forbid(unsafe_code)]

mod agent;
mod build_info;
mod clock;
mod cluster_secret;
mod console;
mod driver;
mod flags;
mod history;
mod listen;
mod local;
mod marathon;
mod master;
mod nodes;
mod probe;
mod shutdown;

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::flags::{Cli, Command};

/// What is logged when `RUST_LOG` does not say otherwise.
const DEFAULT_LOG: &str = "info,openraft=warn";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Master(flags) => nodes::master(*flags).await,
            Command::Agent(flags) => nodes::agent(*flags).await,
            Command::Local(flags) => local::run(flags).await,
        }
    });
    // Everything that matters was drained; a read of standard input that never returns must not hold the end up.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
