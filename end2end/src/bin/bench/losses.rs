//! What is lost and replaced: a machine with its containers, and a container that somebody removes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end2end::cluster::Cluster;
use end2end::containers::docker;
use tokio::time::Instant;

use crate::client;
use crate::journeys::{IMAGE, authority, launch_and_leave};
use crate::{Row, median};

const ROUNDS: usize = 3;
const INSTANCES: usize = 10;
const REMOVALS: usize = 9;
const POLL: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(120);

/// A machine is killed with its containers; a container is removed behind the agent's back.
pub(crate) async fn replacements() -> Result<Vec<Row>> {
    let mut machines = Vec::new();
    for _ in 0..ROUNDS {
        machines.push(lost_machine().await?);
    }
    Ok(vec![
        Row {
            what: format!(
                "a machine with half of {INSTANCES} containers lost, until as many run elsewhere"
            ),
            ours: median(machines),
            floor: "goal 20 s; agents may be silent for 15 s".to_owned(),
        },
        Row {
            what: "a container removed by hand (`docker rm --force`), until its end is told"
                .to_owned(),
            ours: median(removed_containers().await?),
            floor: "goal 1 s".to_owned(),
        },
    ])
}

/// Milliseconds from the order to kill a machine until all that ran there runs elsewhere.
async fn lost_machine() -> Result<f64> {
    let cluster = Cluster::start(2).await?;
    let (_, mut events) = launch_and_leave(&cluster, INSTANCES).await?;
    let app = cluster.app("bench").await?;
    let (host, tasks) = (cluster.agent_host(1), app["tasks"].as_array().context("no tasks")?);
    let lost = tasks.iter().filter(|task| task["host"] == host).count();
    ensure!(lost > 0, "agent-1 has none of the tasks: {tasks:?}");
    let start = Instant::now();
    cluster.order("kill", "agent-1").await?;
    tokio::time::timeout(PATIENCE, events.running(lost)).await.context("nothing is replaced")??;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// Milliseconds from each removal until the task's failure is an event.
async fn removed_containers() -> Result<Vec<f64>> {
    let cluster = Cluster::start(1).await?;
    let (_, mut events) = launch_and_leave(&cluster, REMOVALS).await?;
    let containers = cluster.running(IMAGE).await?;
    ensure!(containers.len() == REMOVALS, "{} containers run", containers.len());
    let mut samples = Vec::new();
    for container in containers {
        let start = Instant::now();
        let removal = ["rm", "--force", container.name()];
        let removing = docker(&removal);
        let told = tokio::time::timeout(PATIENCE, events.failed());
        let (removed, told) = tokio::join!(removing, async {
            told.await.context("the end is not told")??;
            anyhow::Ok(start.elapsed().as_secs_f64() * 1e3)
        });
        removed?;
        samples.push(told?);
    }
    client::request(&authority(&cluster)?, "DELETE", "/v2/apps/bench?force=true", "").await?;
    while !cluster.running(IMAGE).await?.is_empty() {
        tokio::time::sleep(POLL).await;
    }
    Ok(samples)
}
