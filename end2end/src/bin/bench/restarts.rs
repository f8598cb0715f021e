//! From the start of a master that was killed until it is back with everything it had.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end2end::cluster::Cluster;
use end2end::waiting::until;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::client;
use crate::{Row, journeys, median};

const ROUNDS: usize = 5;
/// How often is asked whether a node is back.
const EVERY: Duration = Duration::from_millis(5);

const APPS: usize = 10_000;
const INSTANCES_EACH: usize = 5;
/// Each offers the machine's two cores, room for 2,000 of the instances.
const AGENTS: u8 = 25;
const POSTS_IN_FLIGHT: usize = 32;

/// Kills the process of the first node whose first argument is `role`.
async fn kill(cluster: &Cluster, role: &str) -> Result<()> {
    for pid in cluster.nodes()? {
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline"))?;
        if words.split('\0').nth(1) == Some(role) {
            let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status().await?;
            ensure!(killed.success(), "could not kill {role}");
            return until(&format!("the {role} has ended"), Duration::from_secs(10), async || {
                ensure!(!cluster.nodes()?.contains(&pid), "process {pid} is there");
                Ok(())
            })
            .await;
        }
    }
    anyhow::bail!("no {role} runs")
}

/// Milliseconds from the order to start `node` until `is_back`.
async fn start(
    cluster: &Cluster,
    node: &str,
    mut is_back: impl AsyncFnMut() -> Result<bool>,
) -> Result<f64> {
    let begin = Instant::now();
    cluster.order("start", node).await?;
    while !is_back().await.unwrap_or(false) {
        ensure!(begin.elapsed() < Duration::from_secs(60), "{node} is not back after 60 s");
        sleep(EVERY).await;
    }
    Ok(begin.elapsed().as_secs_f64() * 1e3)
}

async fn get(authority: &str, path: &str) -> Result<Value> {
    Ok(serde_json::from_str(&client::request(authority, "GET", path, "").await?)?)
}

/// The master process killed under many applications.
pub(crate) async fn master() -> Result<Vec<Row>> {
    let cluster = Cluster::start_with(AGENTS, &["--containerizers=noop"]).await?;
    let marathon = journeys::authority(&cluster)?;
    stream::iter(0..APPS)
        .map(|n| {
            let app = json!({
                "id": format!("many-{n}"), "cmd": "sleep 10000", "cpus": 0.001, "mem": 1,
                "instances": INSTANCES_EACH,
                "container": {"type": "DOCKER", "docker": {"image": "busybox", "network": "BRIDGE"}},
            });
            let marathon = &marathon;
            async move { client::request(marathon, "POST", "/v2/apps", &app.to_string()).await }
        })
        .buffer_unordered(POSTS_IN_FLIGHT)
        .try_for_each(async |_| Ok(()))
        .await?;
    let wanted = APPS * INSTANCES_EACH;
    until(&format!("{wanted} instances run"), Duration::from_secs(600), async || {
        let metrics = get(&marathon, "/metrics").await?;
        let running = metrics["gauges"]["marathon.instances.running.gauge"]["value"].as_u64();
        ensure!(running == u64::try_from(wanted).ok(), "{running:?} run");
        Ok(())
    })
    .await?;
    let mut samples = Vec::new();
    for _ in 0..ROUNDS {
        kill(&cluster, "master").await?;
        samples.push(
            start(&cluster, "master-1", async || {
                let info = get(&marathon, "/v2/info").await?;
                let app = get(&marathon, "/v2/apps/many-0").await?;
                Ok(info["elected"] == true && app["app"]["instances"].is_u64())
            })
            .await
            .context("the master did not come back")?,
        );
    }
    Ok(vec![Row {
        what: format!(
            "master killed with -9 and started, {APPS} apps with {wanted} instances stored"
        ),
        ours: median(samples),
        floor: "goal 1,500 ms".to_owned(),
    }])
}
