//! From the POST of an app until its tasks run.

use std::time::Duration;

use anyhow::{Context, Result};
use end2end::cluster::Cluster;
use serde_json::json;
use tokio::time::Instant;

use crate::client::{self, Events};
use crate::{Row, floor, machine, median};

/// Instances of an app, and how often it is launched.
const NO_OP: [(usize, usize); 4] = [(1, 15), (10, 9), (100, 7), (1_000, 5)];
const DOCKER_ROUNDS: usize = 3;
const DOCKER_STARTS: usize = 16;
const PARALLEL: usize = 8;
const HELD_CONTAINERS: usize = 100;
const RESTARTS: usize = 5;
const POLL: Duration = Duration::from_millis(10);
pub(crate) const IMAGE: &str = "busybox";
const COMMAND: &str = "sleep 1000";

pub(crate) fn authority(cluster: &Cluster) -> Result<String> {
    let url = cluster.marathon("");
    Ok(url.strip_prefix("http://").context("the address is no http address")?.to_owned())
}

/// Milliseconds from the POST of an app until all its tasks are reported as running; destroys it afterwards.
async fn launch(cluster: &Cluster, instances: usize) -> Result<f64> {
    let (took, mut events) = launch_and_leave(cluster, instances).await?;
    client::request(&authority(cluster)?, "DELETE", "/v2/apps/bench", "").await?;
    events.deployed().await?;
    Ok(took)
}

/// The same, leaving the app deployed, with the stream of events.
pub(crate) async fn launch_and_leave(cluster: &Cluster, instances: usize) -> Result<(f64, Events)> {
    let authority = authority(cluster)?;
    let mut events = Events::subscribe(&authority).await?;
    let app = json!({
        // A thousand fit the machine's resources and the agent's 1,001 ports.
        "id": "bench", "cmd": COMMAND, "cpus": 0.001, "mem": 16, "instances": instances,
        "container": {"type": "DOCKER", "docker": {"image": IMAGE, "network": "BRIDGE",
            "portMappings": [{"containerPort": 80, "hostPort": 0}]}},
    });
    let start = Instant::now();
    client::request(&authority, "POST", "/v2/apps", &app.to_string()).await?;
    events.running(instances).await?;
    let took = start.elapsed().as_secs_f64() * 1e3;
    events.deployed().await?;
    Ok((took, events))
}

/// The path without containers, and the memory of the idle processes.
pub(crate) async fn no_op_launches() -> Result<Vec<Row>> {
    let cluster = Cluster::start_with(1, &["--containerizers=noop"]).await?;
    let mut rows = machine::memory(&cluster)?;
    let disk = floor::fdatasync(cluster.data())?;
    for (instances, rounds) in NO_OP {
        let mut samples = Vec::new();
        for _ in 0..rounds {
            samples.push(launch(&cluster, instances).await?);
        }
        rows.push(Row {
            what: format!("POST to TASK_RUNNING, no-op container calls, {instances} instances"),
            ours: median(samples),
            floor: format!("fdatasync {disk:.2} ms"),
        });
    }
    Ok(rows)
}

/// The path with containers, against the engine's own API.
pub(crate) async fn docker_starts() -> Result<Vec<Row>> {
    let cluster = Cluster::start(1).await?;
    let (mut ours, mut engine) = (Vec::new(), Vec::new());
    for _ in 0..DOCKER_ROUNDS {
        engine.push(floor::docker_starts(IMAGE, COMMAND, DOCKER_STARTS, PARALLEL).await? * 1e3);
        ours.push(launch(&cluster, DOCKER_STARTS).await?);
    }
    let middle = |samples: &[f64]| {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    let ratio = middle(&ours) / middle(&engine);
    Ok(vec![Row {
        what: format!("{DOCKER_STARTS} Docker containers started, POST to all TASK_RUNNING"),
        ours: format!("{}, {ratio:.2} x the floor", median(ours)),
        floor: format!("the engine's own API, {PARALLEL} parallel: {}", median(engine)),
    }])
}

/// An agent's process killed and started again over many running containers, until the master has it back.
pub(crate) async fn agent_restart() -> Result<Vec<Row>> {
    let cluster = Cluster::start(1).await?;
    launch_and_leave(&cluster, HELD_CONTAINERS).await?;
    let mut samples = Vec::new();
    for _ in 0..RESTARTS {
        cluster.kill_process("agent-1").await?;
        active(&cluster, false).await?;
        let start = Instant::now();
        cluster.order("start", "agent-1").await?;
        active(&cluster, true).await?;
        samples.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(vec![Row {
        what: format!("agent with {HELD_CONTAINERS} containers restarted, until it is registered"),
        ours: median(samples),
        floor: "goal 2 s".to_owned(),
    }])
}

/// Waits until the master takes its only agent for active, or does not any more.
async fn active(cluster: &Cluster, wanted: bool) -> Result<()> {
    let master = cluster.master("");
    let authority = master.strip_prefix("http://").context("the address is no http address")?;
    loop {
        let body = client::request(authority, "GET", "/slaves", "").await?;
        let slaves: serde_json::Value = serde_json::from_str(&body)?;
        if slaves["slaves"][0]["active"] == wanted {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}
