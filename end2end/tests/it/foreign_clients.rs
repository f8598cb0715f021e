//! Programs that others wrote, unmodified, against our ports.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use end2end::{cluster::Cluster, curl::get};
use serde_json::Value;
use tokio::process::Command;
use xtask::Workspace;

/// A framework on the library pymesos: registers, launches a container, gets its updates, kills it.
#[tokio::test]
async fn an_unmodified_pymesos_framework_runs_and_kills_a_container() -> Result<()> {
    let workspace = Workspace::locate()?;
    let clients = workspace.root().join("end2end/clients");
    let home = workspace.target().join("clients/pymesos");
    let made = Command::new("python3")
        .arg(clients.join("pymesos_install.py"))
        .arg(&home)
        .stdin(Stdio::null())
        .output()
        .await?;
    ensure!(
        made.status.success(),
        "pymesos could not be installed: {}",
        String::from_utf8_lossy(&made.stderr)
    );

    let cluster = Cluster::start(1).await?;
    let master = cluster.master("").trim_start_matches("http://").to_owned();
    let mut client = Command::new(home.join("bin/python"));
    client
        .arg(clients.join("pymesos_framework.py"))
        .args([&master, "docker.io/nginx"])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(90), client.output())
        .await
        .context("pymesos did not end")??;
    let (told, errors) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    ensure!(
        ended.status.success(),
        "pymesos ended in failure ({}):\n{told}\n{errors}",
        ended.status
    );

    let events: Vec<Value> = told.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let event = |name: &str| {
        events
            .iter()
            .find(|event| event["event"] == name)
            .with_context(|| format!("no `{name}` in:\n{told}"))
    };
    event("registered")?;
    let states = event("finished")?["states"].as_array().context("no states")?;
    ensure!(states.iter().any(|state| state == "TASK_RUNNING"), "{states:?}");
    ensure!(states.last().is_some_and(|state| state == "TASK_KILLED"), "{states:?}");
    let containers = cluster.containers().await?;
    ensure!(containers.len() == 1 && containers[0].state() == "exited", "{containers:?}");

    // Ended by its own teardown, it is known as completed.
    let frameworks = get(&cluster.master("/frameworks")).await?.expect(200)?;
    let completed =
        frameworks["completed_frameworks"].as_array().context("no completed frameworks")?;
    ensure!(completed.iter().any(|framework| framework["name"] == "pymesos"), "{frameworks}");
    Ok(())
}
