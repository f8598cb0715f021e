//! What waits says why, and goes as soon as it may.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end2end::{
    cluster::Cluster,
    curl::{get, send},
    waiting::until,
};
use serde_json::json;

#[tokio::test]
async fn an_app_that_no_agent_can_hold_waits_and_the_queue_says_why() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    let huge = json!({"id": "/huge", "cpus": 100_000, "mem": 32, "container": {"type": "DOCKER", "docker": {"image": "docker.io/nginx", "network": "BRIDGE"}}});
    send("POST", &cluster.marathon("/v2/apps"), &huge).await?.expect(201)?;
    let item = until("the queue tells the reason", Duration::from_secs(30), async || {
        let queue = get(&cluster.marathon("/v2/queue")).await?.expect(200)?;
        let item = queue["queue"][0].clone();
        let reasons = item["processedOffersSummary"]["rejectSummaryLastOffers"]
            .as_array()
            .context("no reasons yet")?;
        let cpus = reasons
            .iter()
            .find(|reason| reason["reason"] == "InsufficientCpus")
            .context("no InsufficientCpus")?;
        ensure!(cpus["declined"].as_u64() > Some(0), "{queue}");
        Ok(item)
    })
    .await?;
    ensure!(item["app"]["id"] == "/huge" && item["count"] == 1, "{item}");
    ensure!(cluster.containers().await?.is_empty(), "something was started");

    // Smaller, it fits; the waiting deployment has to be overridden.
    let url = cluster.marathon("/v2/apps/huge?force=true");
    send("PUT", &url, &json!({"cpus": 0.1})).await?.expect(200)?;
    cluster.settled("huge", 1).await?;
    let queue = get(&cluster.marathon("/v2/queue")).await?.expect(200)?;
    ensure!(queue == json!({"queue": []}), "{queue}");
    Ok(())
}

#[tokio::test]
async fn an_image_that_no_one_has_fails_with_the_engines_words() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    let unknown = json!({"id": "/unknown", "cpus": 0.1, "mem": 32, "container": {"type": "DOCKER",
        "docker": {"image": "127.0.0.1:9/ekiden/there-is-no-such-image", "network": "BRIDGE"}}});
    send("POST", &cluster.marathon("/v2/apps"), &unknown).await?.expect(201)?;
    until("the failed pull is told", Duration::from_secs(60), async || {
        let app = get(&cluster.marathon("/v2/apps/unknown")).await?.expect(200)?["app"].take();
        let failure = &app["lastTaskFailure"];
        ensure!(failure["state"] == "TASK_FAILED", "{app}");
        ensure!(
            failure["message"].as_str().is_some_and(|words| words
                .contains("there-is-no-such-image")
                || words.contains("refused")),
            "{failure}"
        );
        Ok(())
    })
    .await
}
