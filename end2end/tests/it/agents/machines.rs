//! Machines that are lost and come back, several agents and several clusters on one engine.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end2end::{cluster::Cluster, curl::send, waiting::until};
use serde_json::json;

use super::*;

/// The app's tasks with the agents they are on.
async fn placed(cluster: &Cluster, id: &str) -> Result<Vec<(String, String)>> {
    let app = cluster.app(id).await?;
    let tasks = app["tasks"].as_array().context("no tasks")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(tasks.iter().map(|task| (text(&task["id"]), text(&task["host"]))).collect())
}

#[tokio::test]
async fn a_lost_machine_takes_nothing_with_it_that_is_not_its_own() -> Result<()> {
    let (cluster, other) = (Cluster::start(2).await?, Cluster::start(1).await?);
    post(&cluster, "both").await?;
    running_task(&cluster, "both").await?;
    let two = json!({"instances": 2, "constraints": [["hostname", "UNIQUE"]]});
    send("PUT", &cluster.marathon("/v2/apps/both"), &two).await?.expect(200)?;
    cluster.settled("both", 2).await?;
    post(&other, "both").await?;
    let foreign = running_task(&other, "both").await?;
    let before = placed(&cluster, "both").await?;
    let on = |number: u8| {
        let host = cluster.agent_host(number);
        before.iter().find(|(_, at)| *at == host).map(|(task, _)| task.clone())
    };
    let (lost, kept) = (on(1).context("agent-1 is empty")?, on(2).context("agent-2 is empty")?);

    let said = cluster.order("kill", "agent-1").await?;
    ensure!(said.contains("killed agent-1 and 1 container"), "{said}");
    let state_of = |all: &[Container], task: &str| {
        let found = all.iter().find(|container| container.label("ekiden.task") == task);
        found.map(|container| container.state().to_owned())
    };
    let all = cluster.containers().await?;
    ensure!(state_of(&all, &lost).as_deref() == Some("exited"), "the lost one runs on");
    ensure!(state_of(&all, &kept).as_deref() == Some("running"), "the other agent's was ended");
    ran_once(&other, "agent-1", "both").await?;

    // Back before the master has given it up: what ended with the machine is told as ended, and replaced.
    cluster.order("start", "agent-1").await?;
    until("the end of the lost task is told", Duration::from_secs(30), async || {
        let state = master_state_of(&cluster, &lost).await?;
        ensure!(state == "TASK_FAILED", "{state}");
        Ok(())
    })
    .await?;
    cluster.settled("both", 2).await?;
    let after = placed(&cluster, "both").await?;
    ensure!(after.iter().any(|(task, _)| *task == kept), "the kept one was replaced: {after:?}");
    ensure!(after.iter().all(|(task, _)| *task != lost), "the lost one is back: {after:?}");
    until("each of three has marked its start", Duration::from_secs(60), async || {
        let starts = starts(&cluster, "agent-2", "both") + starts(&cluster, "agent-1", "both");
        ensure!(starts >= 3, "{starts} have, placed are {after:?}");
        Ok(())
    })
    .await?;

    // The other cluster's agent is restarted on the same engine: it finds its own and nothing else.
    other.kill_process("agent-1").await?;
    other.order("start", "agent-1").await?;
    until_active(&other, 1).await?;
    ensure!(running_task(&other, "both").await? == foreign, "the other cluster's was replaced");
    let running = cluster.running("docker.io/busybox").await?.len();
    ensure!(running == 2, "{running} containers run after the other cluster's restart");
    Ok(())
}

#[tokio::test]
async fn a_machine_that_was_given_up_comes_back_without_its_dead() -> Result<()> {
    let cluster = Cluster::start(2).await?;
    post(&cluster, "moves").await?;
    let task = running_task(&cluster, "moves").await?;
    let host = placed(&cluster, "moves").await?.remove(0).1;
    let agent = if host == cluster.agent_host(1) { "agent-1" } else { "agent-2" };
    cluster.order("kill", agent).await?;
    until("another takes its place", Duration::from_secs(60), async || {
        let now = placed(&cluster, "moves").await?;
        let is_elsewhere = now.iter().any(|(id, at)| *id != task && *at != host);
        ensure!(is_elsewhere, "{now:?}");
        Ok(())
    })
    .await?;
    cluster.order("start", agent).await?;
    until_active(&cluster, 2).await?;
    until("its dead task is told", Duration::from_secs(30), async || {
        let state = master_state_of(&cluster, &task).await?;
        ensure!(state == "TASK_FAILED", "{state}");
        Ok(())
    })
    .await?;
    let survivor = running_task(&cluster, "moves").await?;
    ensure!(survivor != task, "the dead one is taken for alive");
    let running = cluster.running("docker.io/busybox").await?.len();
    ensure!(running == 1, "{running} containers run");
    Ok(())
}

/// The name of the agent that an app's only task is on.
async fn agent_of(cluster: &Cluster, id: &str) -> Result<&'static str> {
    let host = placed(cluster, id).await?.remove(0).1;
    Ok(if host == cluster.agent_host(1) { "agent-1" } else { "agent-2" })
}

/// The agent is silent, and its container runs on; then it is heard of again.
#[tokio::test]
async fn a_task_that_was_replaced_is_ended_when_its_agent_comes_back_with_it() -> Result<()> {
    let cluster = Cluster::start(2).await?;
    post(&cluster, "moves").await?;
    let task = running_task(&cluster, "moves").await?;
    let agent = agent_of(&cluster, "moves").await?;
    cluster.kill_process(agent).await?;
    let replaced = async || {
        let now = placed(&cluster, "moves").await?;
        ensure!(now.iter().all(|(id, _)| *id != task) && now.len() == 1, "{now:?}");
        Ok(())
    };
    until("another takes its place", Duration::from_secs(60), replaced).await?;
    let survivor = running_task(&cluster, "moves").await?;
    ensure!(states(&cluster, "moves").await? == ["running", "running"], "the old one has ended");

    cluster.order("start", agent).await?;
    until_active(&cluster, 2).await?;
    until("the old container is ended", Duration::from_secs(60), async || {
        let running = cluster.running("docker.io/busybox").await?;
        ensure!(running.len() == 1, "{} containers run", running.len());
        ensure!(running[0].label("ekiden.task") == survivor, "the new one was ended");
        Ok(())
    })
    .await?;
    ensure!(running_task(&cluster, "moves").await? == survivor, "the new one was replaced");
    until("the master knows how the old one ended", Duration::from_secs(30), async || {
        let state = master_state_of(&cluster, &task).await?;
        ensure!(state == "TASK_KILLED", "{task} is {state}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_task_that_is_waited_for_is_the_same_when_its_agent_comes_back() -> Result<()> {
    let cluster = Cluster::start(2).await?;
    post_with(&cluster, "stays", &json!({"unreachableStrategy": "disabled"})).await?;
    let task = running_task(&cluster, "stays").await?;
    let agent = agent_of(&cluster, "stays").await?;
    cluster.kill_process(agent).await?;
    until("the task is unreachable", Duration::from_secs(60), async || {
        let state = master_state_of(&cluster, &task).await?;
        ensure!(state == "TASK_UNREACHABLE", "{state}");
        Ok(())
    })
    .await?;
    let app = cluster.app("stays").await?;
    ensure!(app["tasks"].as_array().is_some_and(|tasks| tasks.len() == 1), "{}", app["tasks"]);

    cluster.order("start", agent).await?;
    until_active(&cluster, 2).await?;
    ensure!(running_task(&cluster, "stays").await? == task, "it was replaced");
    ran_once(&cluster, agent, "stays").await
}
