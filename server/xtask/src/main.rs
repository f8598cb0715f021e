//! `cargo xtask …`: what a person types in a clone. The work is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::run(std::env::args().skip(1).collect())
}
