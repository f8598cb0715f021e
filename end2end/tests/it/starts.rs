//! How often tasks were started, counted where it cannot lie: at the engine by label, and in a file of its sandbox to
//! which each task appends its id as soon as it runs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Result, ensure};
use end2end::{curl::get, nodes::Nodes, waiting::until};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// An app `/story` whose tasks note their starts.
pub(crate) fn app(instances: u32, version: &str) -> Value {
    // It marks its start before it heeds anybody who ends it.
    let story = "echo $MESOS_TASK_ID >> $MESOS_SANDBOX/started; trap 'exit 0' TERM; while :; do sleep 0.05; done";
    json!({
        "id": "/story", "cmd": story, "cpus": 0.01, "mem": 16, "instances": instances,
        "labels": {"version": version},
        "backoffSeconds": 0,
        "container": {"type": "DOCKER", "docker": {"image": "busybox", "network": "BRIDGE"}},
    })
}

/// Waits until so many of the app's instances run and nothing of it is being deployed.
pub(crate) async fn settled(nodes: &Nodes, instances: u32) -> Result<()> {
    until(&format!("{instances} instances run"), PATIENCE, async || {
        let app = get(&nodes.marathon("/v2/apps//story")).await?.expect(200)?["app"].take();
        let is_idle = app["deployments"] == json!([]);
        ensure!(app["tasksRunning"] == instances && is_idle, "{app}");
        Ok(())
    })
    .await
}

/// Waits until so many tasks have marked their start: the last ones take a moment after they run.
pub(crate) async fn marked(nodes: &Nodes, wanted: usize) -> Result<()> {
    until(&format!("{wanted} tasks have marked their start"), PATIENCE, async || {
        let starts = starts(nodes)?;
        ensure!(starts.len() >= wanted, "told are {starts:?}");
        Ok(())
    })
    .await
}

/// How often each task was started, by its own account.
fn starts(nodes: &Nodes) -> Result<BTreeMap<String, usize>> {
    let mut starts = BTreeMap::new();
    for file in files_named("started", &nodes.work_dir("agent"))? {
        for task in fs::read_to_string(file)?.lines() {
            *starts.entry(task.to_owned()).or_default() += 1;
        }
    }
    Ok(starts)
}

/// Whether every container's task ran once, every task in one container, and so many tasks ran.
pub(crate) async fn check(nodes: &Nodes, wanted: usize) -> Result<()> {
    marked(nodes, wanted).await?;
    let mut containers: BTreeMap<String, usize> = BTreeMap::new();
    for container in nodes.containers().await? {
        *containers.entry(container.label("ekiden.task").to_owned()).or_default() += 1;
    }
    ensure!(containers.values().all(|count| *count == 1), "containers by task: {containers:?}");
    let starts = starts(nodes)?;
    ensure!(starts.values().all(|count| *count == 1), "starts by task: {starts:?}");
    ensure!(starts.len() == wanted, "{wanted} tasks were to run, told are {starts:?}");
    Ok(())
}

fn files_named(name: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            // Links (`runs/latest`) lead to folders that are visited anyway.
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() == name && entry.file_type()?.is_file() {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}
