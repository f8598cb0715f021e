//! The master killed with SIGKILL in the middle of a change, then started again.
//!
//! Each time the deployment must complete, with exactly one container per instance,
//! counted at the engine.

use std::time::Duration;

use anyhow::{Result, ensure};
use end2end::{
    cluster::Cluster,
    curl::{delete, get, send},
    fixture,
    waiting::until,
};
use serde_json::json;

async fn kill_and_start_the_master(cluster: &Cluster) -> Result<()> {
    cluster.order("kill", "master-1").await?;
    cluster.order("start", "master-1").await?;
    until("Marathon answers again", Duration::from_secs(30), async || {
        let ping = get(&cluster.marathon("/ping")).await?;
        ensure!(ping.status == 200, "status {}", ping.status);
        Ok(())
    })
    .await
}

/// Every container that this cluster ever made of an image, and how many of them run.
async fn count(cluster: &Cluster, image: &str) -> Result<(usize, usize)> {
    let all = cluster
        .containers()
        .await?
        .into_iter()
        .filter(|container| container.image() == image)
        .count();
    Ok((all, cluster.running(image).await?.len()))
}

#[tokio::test]
async fn a_create_survives_the_death_of_the_master() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    cluster.post(&fixture("guide/nginx.json")).await?.expect(201)?;
    kill_and_start_the_master(&cluster).await?;
    cluster.settled("nginx", 1).await?;
    cluster.idle().await?;
    ensure!(
        count(&cluster, "docker.io/nginx").await? == (1, 1),
        "{:?}",
        count(&cluster, "docker.io/nginx").await?
    );
    Ok(())
}

#[tokio::test]
async fn a_running_app_is_found_again_and_its_scaling_completes() -> Result<()> {
    let cluster = Cluster::start(2).await?;
    cluster.post(&fixture("guide/nginx.json")).await?.expect(201)?;
    let before = cluster.settled("nginx", 1).await?["tasks"][0]["id"].clone();
    send("PUT", &cluster.marathon("/v2/apps/nginx"), &json!({"instances": 2}))
        .await?
        .expect(200)?;
    kill_and_start_the_master(&cluster).await?;
    let app = cluster.settled("nginx", 2).await?;
    cluster.idle().await?;
    let is_kept =
        app["tasks"].as_array().is_some_and(|tasks| tasks.iter().any(|task| task["id"] == before));
    ensure!(is_kept, "the first task {before} was replaced: {}", app["tasks"]);
    ensure!(
        count(&cluster, "docker.io/nginx").await? == (2, 2),
        "{:?}",
        count(&cluster, "docker.io/nginx").await?
    );
    Ok(())
}

#[tokio::test]
async fn a_destroy_survives_the_death_of_the_master() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    cluster.post(&fixture("guide/nginx.json")).await?.expect(201)?;
    cluster.settled("nginx", 1).await?;
    delete(&cluster.marathon("/v2/apps/nginx")).await?.expect(200)?;
    kill_and_start_the_master(&cluster).await?;
    cluster.idle().await?;
    get(&cluster.marathon("/v2/apps/nginx")).await?.expect(404)?;
    until("the container has ended", Duration::from_secs(30), async || {
        let counted = count(&cluster, "docker.io/nginx").await?;
        ensure!(counted == (1, 0), "{counted:?}");
        Ok(())
    })
    .await
}
