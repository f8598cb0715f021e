//! `cargo xtask fix`: the one command that edits files, so that `test` never has to.

use crate::{Result, Workspace, command::run};

/// Lets clippy mend what it can, then formats.
pub(crate) fn run_all(workspace: &Workspace) -> Result<()> {
    run(workspace.cargo().args([
        "clippy",
        "--fix",
        "--allow-dirty",
        "--allow-staged",
        "--workspace",
        "--exclude",
        "frontend",
        "--all-targets",
    ]))?;
    run(workspace.cargo().args(["fmt", "--all"]))
}
