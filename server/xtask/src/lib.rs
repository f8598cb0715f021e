//! Builds, starts and checks Ekiden from a clone: `up`, `test`, `sim`, `images`, `tidy`, `fix`.
//!
//! Standard library only, so that the command is there within seconds of a clone;
//! what needs crates lives in `xtask/bundle`. It is a library too, because the end
//! to end tests start their clusters through [`up`], the code a person runs.
//!
//! Invariant: every failure that a person can cure is one sentence that names the
//! cure; it is printed once, here.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command line tool talks on stdout")]

use std::process::ExitCode;

mod bench;
mod command;
mod engine;
mod failure;
mod fix;
mod gate;
mod images;
mod kernel;
mod machine;
mod packages;
mod simulation;
mod tidy;
pub mod up;
mod waiting;
mod web;
mod workspace;

pub use failure::{Failure, Result};
pub use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask <command>

  up [--agents N] [--data DIR] [--fresh]   build all, start a cluster on this machine, print the consoles' addresses
     [--net 127.0.N.0/24]
  test                                     every check, as CI runs it; changes no file
  bench [JOURNEY ...]                      measure the journeys beside their floors and print the tables: no-op, docker, agent,
                                           log-tail, swarm, commands, master, bundle, commits; all when none is named
  pictures                                 take the README's pictures anew, from a running cluster
  data-folder NAME                         make the data folder of a whole cluster, for the test that later builds start on it
  sim [--seeds A..B | --seed N]            simulate a cluster under faults for many seeds, or replay one with its last events
  images                                   make stand-ins of docker.io/nginx, docker.io/tomcat and busybox for machines that reach no registry
  tidy                                     sizes, module headers, names and the dependency rule
  fix                                      format, and apply what clippy can mend by itself
";

/// Runs one command line and reports how it went.
pub fn run(arguments: Vec<String>) -> ExitCode {
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((command, rest)) = arguments.split_first() else {
        print!("{USAGE}");
        return Ok(());
    };
    let workspace = Workspace::locate()?;
    match command.as_str() {
        "up" => up::run(&workspace, &up::Options::parse(rest)?),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        "test" | "images" | "pictures" | "tidy" | "fix" if !rest.is_empty() => {
            Err(Failure::new(format!(
                "`cargo xtask {command}` takes no arguments; it was given `{}`",
                rest.join(" ")
            )))
        }
        "sim" => simulation::run(&workspace, rest),
        "test" => gate::run(&workspace),
        "bench" => bench::run(&workspace, rest),
        "images" => images::run(),
        "pictures" => end_to_end(&workspace, "pictures", rest),
        "data-folder" => end_to_end(&workspace, "data_folder", rest),
        "tidy" => tidy::run(&workspace),
        "fix" => fix::run_all(&workspace),
        unknown => {
            Err(Failure::new(format!("unknown command `{unknown}`; `cargo xtask help` lists them")))
        }
    }
}

/// Runs a program of `end2end`.
fn end_to_end(workspace: &Workspace, program: &str, words: &[String]) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--package", "end2end", "--bin", program, "--profile", "ci", "--"]);
    command::run(cargo.args(words))
}
