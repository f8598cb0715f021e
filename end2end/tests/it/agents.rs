//! Agents that die, engines that fail, machines that are lost: no task is lost, none runs twice, and nothing foreign is touched.
//!
//! What ran is counted where it cannot lie: at the engine, and in a file of the sandbox that each container appends a line to when it
//! starts.

mod engine_faults;
mod engine_restarts;
mod killed;
mod machines;
mod pulls;
mod upgraded;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use end2end::{
    cluster::Cluster,
    containers::{Container, docker},
    curl::{get, send},
    waiting::until,
};
use serde_json::{Value, json};

/// Marks its start, then counts aloud until it is told to end.
const COUNTS: &str = "echo started >> $MESOS_SANDBOX/marker; trap 'echo bye; exit 0' TERM; \
                      i=0; while true; do i=$((i+1)); echo line $i; sleep 0.1; done";

/// Posts an app of one container that counts.
async fn post(cluster: &Cluster, id: &str) -> Result<()> {
    post_with(cluster, id, &json!({})).await
}

/// The same with more members.
async fn post_with(cluster: &Cluster, id: &str, more: &Value) -> Result<()> {
    let mut app = json!({
        "id": format!("/{id}"), "cpus": 0.01, "mem": 32, "instances": 1, "cmd": COUNTS,
        "backoffSeconds": 1, "maxLaunchDelaySeconds": 2,
        "container": {"type": "DOCKER", "docker": {"image": "docker.io/busybox", "network": "HOST"}}
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        app[name] = value.clone();
    }
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    Ok(())
}

/// The app's only task, once it runs.
async fn running_task(cluster: &Cluster, id: &str) -> Result<String> {
    let app = cluster.settled(id, 1).await?;
    Ok(app["tasks"][0]["id"].as_str().context("no task id")?.to_owned())
}

/// The sandboxes that an agent ever made for an app.
fn sandboxes(cluster: &Cluster, agent: &str, id: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![cluster.data().join(agent).join("slaves")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && folder.ends_with("runs") {
                found.push(entry.path());
            } else if is_folder {
                folders.push(entry.path());
            }
        }
    }
    let of_app = |path: &PathBuf| path.to_string_lossy().contains(&format!("/executors/{id}."));
    found.into_iter().filter(of_app).collect()
}

/// How often containers of the app were started on that agent, by their own account.
fn starts(cluster: &Cluster, agent: &str, id: &str) -> usize {
    let marks = |sandbox: &PathBuf| fs::read_to_string(sandbox.join("marker")).unwrap_or_default();
    sandboxes(cluster, agent, id).iter().map(|sandbox| marks(sandbox).lines().count()).sum()
}

/// Waits until containers of the app were started so many times; one that has just been started takes a moment to mark that.
async fn started(cluster: &Cluster, agent: &str, id: &str, times: usize) -> Result<()> {
    until(&format!("`{id}` was started {times} times"), Duration::from_secs(60), async || {
        let starts = starts(cluster, agent, id);
        ensure!(starts == times, "{starts} times");
        Ok(())
    })
    .await
}

/// The app's containers as the engine has them, ended ones included.
async fn containers(cluster: &Cluster, id: &str) -> Result<Vec<Container>> {
    let all = cluster.containers().await?;
    let is_of = |container: &Container| {
        container.label("ekiden.task").split_once('.').is_some_and(|(app, _)| app == id)
    };
    Ok(all.into_iter().filter(is_of).collect())
}

async fn states(cluster: &Cluster, id: &str) -> Result<Vec<String>> {
    let containers = containers(cluster, id).await?;
    Ok(containers.iter().map(|container| container.state().to_owned()).collect())
}

/// The app has run in one container, which runs still.
async fn ran_once(cluster: &Cluster, agent: &str, id: &str) -> Result<()> {
    ran(cluster, agent, id, 1).await
}

/// The app has run in so many containers, which run still; one that has just been started takes a moment to mark that.
async fn ran(cluster: &Cluster, agent: &str, id: &str, containers: usize) -> Result<()> {
    until("each container was started once", Duration::from_secs(60), async || {
        let states = states(cluster, id).await?;
        let all_run = states.len() == containers && states.iter().all(|state| state == "running");
        ensure!(all_run, "containers of `{id}`: {states:?}");
        let starts = starts(cluster, agent, id);
        ensure!(starts == containers, "`{id}` was started {starts} times");
        Ok(())
    })
    .await
}

/// How many agents the master takes for active.
async fn active_agents(cluster: &Cluster) -> Result<usize> {
    let slaves = get(&cluster.master("/slaves")).await?.expect(200)?;
    let slaves = slaves["slaves"].as_array().context("no slaves")?.clone();
    Ok(slaves.iter().filter(|slave| slave["active"] == true).count())
}

async fn until_active(cluster: &Cluster, agents: usize) -> Result<()> {
    until("the agents are registered", Duration::from_secs(30), async || {
        let active = active_agents(cluster).await?;
        ensure!(active == agents, "{active} of {agents} are active");
        Ok(())
    })
    .await
}

/// The state in which the master has a task, or had it.
async fn master_state_of(cluster: &Cluster, task: &str) -> Result<String> {
    let state = get(&cluster.master("/state")).await?.expect(200)?;
    let frameworks = state["frameworks"].as_array().context("no frameworks")?;
    let named = |task: &&Value, id: &str| task["id"] == id;
    let found = frameworks
        .iter()
        .flat_map(|framework| {
            ["tasks", "completed_tasks", "unreachable_tasks"].map(|list| &framework[list])
        })
        .filter_map(Value::as_array)
        .flatten()
        .find(|found| named(found, task))
        .with_context(|| format!("the master does not know `{task}`"))?;
    Ok(found["state"].as_str().unwrap_or_default().to_owned())
}

/// What the engine has kept of the first container's standard output.
async fn engine_log(container: &Container) -> Result<String> {
    docker(&["logs", container.name()]).await
}

/// The lines of a sandbox's `stdout`, which must count without a gap and without a repetition.
fn counted_lines(sandbox: &Path) -> Result<usize> {
    let text = fs::read_to_string(sandbox.join("stdout"))?;
    let lines: Vec<&str> = text.lines().filter(|line| *line != "bye").collect();
    for (number, line) in lines.iter().enumerate() {
        ensure!(*line == format!("line {}", number + 1), "`{line}` is line {}", number + 1);
    }
    Ok(lines.len())
}
