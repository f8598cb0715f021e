//! A master's process started over much that is stored, until both services answer from it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end2end::nodes::Nodes;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::{Row, client, median, stored};

const APPS: u32 = 10_000;
const ROUNDS: usize = 5;
const POLL: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(30);

/// A restart with all apps and instances stored, beside one with nothing.
pub(crate) async fn master() -> Result<Vec<Row>> {
    let empty = rounds(&Nodes::prepare()?, 0).await?;
    let nodes = Nodes::prepare()?;
    let folder = nodes.work_dir("master");
    stored::write(&folder, APPS).await.context("storing apps and instances")?;
    let disk = bytes_of(&folder)? >> 20;
    let full = rounds(&nodes, APPS).await?;
    let instances = APPS * stored::INSTANCES;
    Ok(vec![Row {
        what: format!(
            "master with {APPS} apps and {instances} instances stored ({disk} MiB on disk) started, \
             until both ports answer from them"
        ),
        ours: median(full),
        floor: format!("goal 1.5 s; with nothing stored {}", median(empty)),
    }])
}

/// Milliseconds from each start of the process until it answers; it is killed after each.
async fn rounds(nodes: &Nodes, apps: u32) -> Result<Vec<f64>> {
    // The folder is there and whole before anything is measured.
    start(nodes, apps).await?;
    let mut samples = Vec::new();
    for _ in 0..ROUNDS {
        samples.push(start(nodes, apps).await?);
    }
    Ok(samples)
}

async fn start(nodes: &Nodes, apps: u32) -> Result<f64> {
    let start = Instant::now();
    let mut master = nodes.master(&[])?;
    while let Err(error) = answers(nodes, apps).await {
        let end = master.try_wait()?;
        ensure!(end.is_none(), "the master ended with {end:?}:\n{}", nodes.log("master"));
        ensure!(start.elapsed() < PATIENCE, "{error:#}:\n{}", nodes.log("master"));
        tokio::time::sleep(POLL).await;
    }
    let took = start.elapsed().as_secs_f64() * 1e3;
    master.kill().await?;
    Ok(took)
}

/// Whether both leaders answer, and Marathon knows the last app with its instances.
async fn answers(nodes: &Nodes, apps: u32) -> Result<()> {
    get(&nodes.mesos("/slaves")).await?;
    get(&nodes.marathon("/v2/deployments")).await?;
    if let Some(last) = apps.checked_sub(1) {
        let path = format!("/v2/apps/{}?embed=app.counts", stored::name(last));
        let answer: Value = serde_json::from_str(&get(&nodes.marathon(&path)).await?)?;
        let running = &answer["app"]["tasksRunning"];
        ensure!(*running == stored::INSTANCES, "{running} instances run");
    }
    Ok(())
}

async fn get(url: &str) -> Result<String> {
    let url = url.strip_prefix("http://").context("the address is no http address")?;
    let (authority, path) = url.split_once('/').context("the address has a path")?;
    let stream = TcpStream::connect(authority).await?;
    let (status, body) =
        client::exchange(stream, authority, "GET", &format!("/{path}"), "").await?;
    ensure!(status == 200, "/{path} answers {status}: {body}");
    Ok(body)
}

fn bytes_of(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() { bytes_of(&entry.path())? } else { metadata.len() };
    }
    Ok(sum)
}
