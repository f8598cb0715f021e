//! Images pulled from a registry: agents and tasks that are killed in the middle, pulls that hang, images that do not exist.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end2end::{
    cluster::Cluster,
    curl::{delete, send},
    registry::Registry,
    waiting::until,
};
use serde_json::json;

use super::*;

/// Posts an app whose containers count, from an image of the registry.
async fn post_image(cluster: &Cluster, id: &str, image: &str, instances: u64) -> Result<()> {
    let app = json!({
        "id": format!("/{id}"), "cpus": 0.01, "mem": 32, "instances": instances, "cmd": COUNTS,
        "backoffSeconds": 1, "maxLaunchDelaySeconds": 2,
        "container": {"type": "DOCKER", "docker": {"image": image, "network": "HOST"}}
    });
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    Ok(())
}

#[tokio::test]
async fn an_agent_killed_while_it_pulls_runs_the_task_once_when_it_is_back() -> Result<()> {
    let mut registry = Registry::start().await?;
    let image = registry.push("killed").await?;
    let cluster = Cluster::start(1).await?;
    registry.close();
    post_image(&cluster, "pulled", &image, 1).await?;
    registry.has_stopped(1).await?;
    let app = cluster.app("pulled").await?;
    let task = app["tasks"][0]["id"].as_str().context("no task")?.to_owned();

    cluster.kill_process("agent-1").await?;
    ensure!(containers(&cluster, "pulled").await?.is_empty(), "a container without its image");
    cluster.order("start", "agent-1").await?;
    until_active(&cluster, 1).await?;
    registry.has_stopped(2).await.context("the next process does not pull")?;
    registry.open();
    ensure!(running_task(&cluster, "pulled").await? == task, "the task was replaced");
    ran_once(&cluster, "agent-1", "pulled").await
}

#[tokio::test]
async fn a_task_killed_while_its_image_is_pulled_ends_at_once_and_never_starts() -> Result<()> {
    let mut registry = Registry::start().await?;
    let image = registry.push("unwanted").await?;
    let cluster = Cluster::start(1).await?;
    registry.close();
    post_image(&cluster, "unwanted", &image, 1).await?;
    registry.has_stopped(1).await?;
    let app = cluster.app("unwanted").await?;
    let task = app["tasks"][0]["id"].as_str().context("no task")?.to_owned();

    delete(&cluster.marathon("/v2/apps/unwanted")).await?.expect(200)?;
    cluster.idle().await?;
    let state = master_state_of(&cluster, &task).await?;
    ensure!(state == "TASK_KILLED", "{task} is {state}");
    registry.open();
    // A later task of the same image has it pulled, and shows that nothing else was started meanwhile.
    post_image(&cluster, "wanted", &image, 1).await?;
    running_task(&cluster, "wanted").await?;
    let unwanted = containers(&cluster, "unwanted").await?;
    ensure!(unwanted.is_empty(), "{unwanted:?}");
    ensure!(starts(&cluster, "agent-1", "unwanted") == 0, "it ran all the same");
    Ok(())
}

#[tokio::test]
async fn a_pull_that_hangs_or_fails_holds_up_no_other_app() -> Result<()> {
    let mut registry = Registry::start().await?;
    let cluster = Cluster::start(1).await?;
    registry.close();
    // More than are started at the same time, and one layer: the engine downloads only three at once, for all tests together.
    let image = registry.push("slow").await?;
    post_image(&cluster, "slow", &image, 20).await?;
    registry.has_stopped(1).await?;
    post(&cluster, "quick").await?;
    running_task(&cluster, "quick").await?;

    post_image(&cluster, "unknown", &registry.image("no-such-image"), 1).await?;
    until("the failed pull is told", Duration::from_secs(30), async || {
        let app = cluster.app("unknown").await?;
        let failure = &app["lastTaskFailure"];
        ensure!(failure["state"] == "TASK_FAILED", "{failure}");
        let words = failure["message"].as_str().context("no message")?;
        ensure!(words.contains("failed to pull image"), "{words}");
        ensure!(words.contains("no-such-image"), "{words}");
        Ok(())
    })
    .await?;
    registry.open();
    cluster.settled("slow", 20).await?;
    ran(&cluster, "agent-1", "slow", 20).await
}
