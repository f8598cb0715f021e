//! Images that agents have pulled, when the engine's disk fills up.

use std::time::Duration;

use anyhow::{Result, ensure};
use end2end::{
    cluster::Cluster,
    containers::docker,
    curl::{delete, send},
    engine_proxy::{EngineProxy, Where},
    registry::Registry,
    waiting::until,
};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);

/// Posts an app of one sleeping container on that agent and waits until it runs.
async fn run(cluster: &Cluster, id: &str, image: &str, agent: u8) -> Result<()> {
    let app = json!({
        "id": format!("/{id}"), "cpus": 0.01, "mem": 32, "instances": 1, "cmd": "exec sleep 600",
        "constraints": [["hostname", "CLUSTER", cluster.agent_host(agent)]],
        "container": {"type": "DOCKER", "docker": {"image": image, "network": "HOST"}}
    });
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    cluster.settled(id, 1).await.map(drop)
}

async fn end(cluster: &Cluster, id: &str) -> Result<()> {
    delete(&cluster.marathon(&format!("/v2/apps/{id}"))).await?.expect(200)?;
    cluster.idle().await
}

async fn is_there(image: &str) -> bool {
    docker(&["image", "inspect", image]).await.is_ok()
}

async fn goes(image: &str) -> Result<()> {
    until("the image is removed", PATIENCE, async || {
        ensure!(!is_there(image).await, "{image} is there");
        Ok(())
    })
    .await
}

/// The clusters' containers of an image, ended ones counted.
async fn no_container_of(image: &str) -> Result<()> {
    until("the ended container is removed", PATIENCE, async || {
        let found =
            docker(&["ps", "--all", "--quiet", "--filter", &format!("ancestor={image}")]).await?;
        ensure!(found.trim().is_empty(), "{found}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn under_pressure_only_images_go_that_the_agent_pulled_and_nobody_needs() -> Result<()> {
    let mut registry = Registry::start().await?;
    let mut cluster = Cluster::prepare(2, &[])?;
    let excluded = registry.push("excluded").await?;
    // No disk is as empty as this wants it.
    let config = json!({"image_disk_headroom": 1.0, "image_disk_watch_interval": {"nanoseconds": 500_000_000},
        "excluded_images": [{"type": "DOCKER", "docker": {"name": excluded}}]});
    cluster.set("MESOS_IMAGE_GC_CONFIG", &config.to_string());
    cluster.set("MESOS_DOCKER_REMOVE_DELAY", "1secs");
    cluster.run().await?;

    let by_hand = registry.push("by-hand").await?;
    docker(&["pull", &by_hand]).await?;
    let (named, shared, unneeded) = (
        registry.push("named").await?,
        registry.push("shared").await?,
        registry.push("unneeded").await?,
    );
    for (id, image) in [
        ("excluded", &excluded),
        ("by-hand", &by_hand),
        ("named", &named),
        ("shared", &shared),
        ("unneeded", &unneeded),
    ] {
        run(&cluster, id, image, 1).await?;
    }
    // Somebody gives an image a name of his own; the other agent runs one that it has not pulled.
    let own_name = format!("ekiden-test/named-{}", std::process::id());
    docker(&["tag", &named, &own_name]).await?;
    run(&cluster, "also", &shared, 2).await?;
    for id in ["excluded", "by-hand", "named", "shared"] {
        end(&cluster, id).await?;
    }
    for image in [&excluded, &by_hand, &named] {
        no_container_of(image).await?;
    }
    end(&cluster, "unneeded").await?;
    // The last used one: the others have been looked at before it.
    goes(&unneeded).await?;
    for image in [&excluded, &by_hand, &named, &shared] {
        ensure!(is_there(image).await, "{image} was removed");
    }
    ensure!(cluster.running(&shared).await?.len() == 1, "the other agent's container is gone");
    docker(&["rmi", &own_name]).await?;

    end(&cluster, "also").await?;
    goes(&shared).await?;
    // An agent that was started again still knows what it may remove, and what was removed is pulled again.
    run(&cluster, "again", &unneeded, 1).await?;
    cluster.kill_process("agent-1").await?;
    cluster.order("start", "agent-1").await?;
    cluster.settled("again", 1).await?;
    end(&cluster, "again").await?;
    goes(&unneeded).await
}

#[tokio::test]
async fn an_image_that_is_removed_before_its_container_is_made_is_pulled_again() -> Result<()> {
    let mut registry = Registry::start().await?;
    let image = registry.push("removed").await?;
    let proxy = EngineProxy::start()?;
    let socket = format!("--docker_socket={}", proxy.socket().display());
    let cluster = Cluster::start_with(1, &[&socket]).await?;
    let mut creation = proxy.hold("POST", "/containers/create", Where::BeforeTheEngine);
    let app = json!({
        "id": "/removed", "cpus": 0.01, "mem": 32, "instances": 1, "cmd": "exec sleep 600",
        "container": {"type": "DOCKER", "docker": {"image": image, "network": "HOST"}}
    });
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    creation.reached().await?;
    docker(&["rmi", &image]).await?;
    creation.release();
    let app = cluster.settled("removed", 1).await?;
    ensure!(app["lastTaskFailure"].is_null(), "{}", app["lastTaskFailure"]);
    Ok(())
}
