//! `cargo xtask bench`: builds as `up` does, then measures the program beside its floors.

use crate::{Result, Workspace, command, images, up, web};

/// Prints the table that the README carries, or the rows of the named parts alone.
pub(crate) fn run(workspace: &Workspace, parts: &[String]) -> Result<()> {
    images::run()?;
    let program = up::build(workspace, up::Profile::Release)?;
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--quiet", "--package", "end2end", "--bin", "bench"]);
    cargo.args(["--profile", up::Profile::Ci.name()]);
    cargo.env("EKIDEN_PROGRAM", program);
    cargo.env("EKIDEN_BUNDLE_DIR", web::folder(workspace, up::Profile::Release));
    cargo.arg("--").args(parts);
    command::run(&mut cargo)
}
