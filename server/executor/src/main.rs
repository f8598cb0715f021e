//! `ekiden-executor`: looks after one shell task, for as long as the task lives and whatever becomes of the agent.
//!
//! It is started by the agent for each task as `run FOLDER` and starts itself again as `enter FOLDER`, which prepares the process that
//! becomes the task's program. Two programs instead of a fork: so every step is safe code, and the task starts from a clean slate.
//! `ask FOLDER` and `enter-beside FOLDER` are the same pair for a command that is run beside the task, to find out how it does.
#![forbid(unsafe_code)]

mod account;
mod ask;
mod enter;
mod memory;
mod processes;
mod reaper;
mod supervise;
mod tree;
mod volumes;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [order, folder] if order == "run" => supervise::run(Path::new(folder)),
        [order, _folder] if order == "enter" => enter::run(),
        [order, folder] if order == "ask" => ask::run(Path::new(folder)),
        [order, _folder] if order == "enter-beside" => enter::run_beside(),
        _ => {
            // Somebody has started it by hand; a closed terminal is no reason to fail otherwise.
            let text = "usage: ekiden-executor run FOLDER (the agent starts it, one for each shell task)\n";
            let _ = std::io::stderr().write_all(text.as_bytes());
            ExitCode::from(2)
        }
    }
}
