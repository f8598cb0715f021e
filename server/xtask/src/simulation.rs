//! `cargo xtask sim`: more seeds of the simulation than the tests run, or one of them with its trace.

use crate::{Result, Workspace, command};

/// Hands the arguments on to the program `sim`, which says what is wrong with them.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut cargo = workspace.cargo();
    command::run(cargo.args(["run", "--quiet", "--package", "sim", "--"]).args(arguments))
}
