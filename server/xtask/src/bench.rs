//! `cargo xtask bench`: builds as `up` does, then measures the program beside its floors.

use crate::{Result, Workspace, command, images, up, web};

/// The journey that is measured without a cluster.
const COMMITS: &str = "commits";

/// Prints the tables that the README carries, or those of the journeys that are named.
pub(crate) fn run(workspace: &Workspace, journeys: &[String]) -> Result<()> {
    let with_a_cluster: Vec<_> = journeys.iter().filter(|journey| *journey != COMMITS).collect();
    let is_asked_for = |is_named: bool| journeys.is_empty() || is_named;
    if is_asked_for(!with_a_cluster.is_empty()) {
        images::run()?;
        let program = up::build(workspace, up::Profile::Release)?;
        let mut cargo = workspace.cargo();
        cargo.args(["run", "--quiet", "--package", "end2end", "--bin", "bench"]);
        cargo.args(["--profile", up::Profile::Ci.name(), "--"]).args(with_a_cluster);
        cargo.env("EKIDEN_PROGRAM", program);
        cargo.env("EKIDEN_BUNDLE_DIR", web::folder(workspace, up::Profile::Release));
        command::run(&mut cargo)?;
    }
    if is_asked_for(journeys.iter().any(|journey| journey == COMMITS)) {
        let mut cargo = workspace.cargo();
        cargo.args(["run", "--quiet", "--package", "coordination", "--example", "commit_bench"]);
        cargo.args(["--profile", up::Profile::Release.name(), "--"]).arg(workspace.target());
        command::run(&mut cargo)?;
    }
    Ok(())
}
