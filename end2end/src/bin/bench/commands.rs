//! Commands without a container: how fast many are started and ended, what each weighs, and what `runc` takes for the same.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use end2end::cluster::Cluster;
use end2end::commands;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::json;
use tokio::process::Command;
use tokio::time::Instant;

use crate::Row;
use crate::client::{self, Events};
use crate::journeys::authority;

const COMMANDS: usize = 1_000;
const FLOOR_CONTAINERS: usize = 100;
const PARALLEL: usize = 8;

/// A thousand commands started by one app, weighed, and ended.
pub(crate) async fn launches() -> Result<Vec<Row>> {
    let floor = runc(FLOOR_CONTAINERS).await?;
    let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
    let authority = authority(&cluster)?;
    let mut events = Events::subscribe(&authority).await?;
    let app = json!({"id": "bench", "cmd": "exec sleep 1000", "cpus": 0.001, "mem": 1,
        "instances": COMMANDS, "portDefinitions": []});
    let start = Instant::now();
    client::request(&authority, "POST", "/v2/apps", &app.to_string()).await?;
    events.running(COMMANDS).await?;
    let started = per_second(COMMANDS, start);
    events.deployed().await?;
    let weight = private_kib(&commands::executors(cluster.data()))?;

    let start = Instant::now();
    client::request(&authority, "DELETE", "/v2/apps/bench", "").await?;
    events.deployed().await?;
    let ended = per_second(COMMANDS, start);
    commands::nothing_is_left(cluster.data()).await?;
    Ok(vec![
        Row {
            what: format!("{COMMANDS} commands started, POST to all TASK_RUNNING"),
            ours: format!("{started:.0}/s"),
            floor: format!(
                "goal 150/s; `runc run`, {PARALLEL} parallel: {:.0}/s, {:.2} x",
                floor.started,
                started / floor.started
            ),
        },
        Row {
            what: format!("{COMMANDS} commands ended, DELETE to the end of the deployment"),
            ours: format!("{ended:.0}/s"),
            floor: format!("goal 300/s; `runc delete --force`: {:.0}/s", floor.ended),
        },
        Row {
            what: "private memory for each command, beside its own".to_owned(),
            ours: format!("{weight:.0} KiB"),
            floor: "goal 600 KiB".to_owned(),
        },
    ])
}

#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn per_second(count: usize, since: Instant) -> f64 {
    count as f64 / since.elapsed().as_secs_f64()
}

/// The mean of what each process has for itself alone.
#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn private_kib(pids: &[u32]) -> Result<f64> {
    ensure!(!pids.is_empty(), "no executor runs");
    let mut sum = 0;
    for pid in pids {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let private = rollup.lines().filter(|line| line.starts_with("Private_"));
        let kib = private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        sum += kib.sum::<u64>();
    }
    Ok(sum as f64 / pids.len() as f64)
}

struct Floor {
    started: f64,
    ended: f64,
}

/// Containers of static busybox started and deleted by `runc` alone.
async fn runc(count: usize) -> Result<Floor> {
    let folder = tempfile::TempDir::new()?;
    let bundle = folder.path().join("bundle");
    let bin = bundle.join("rootfs/bin");
    fs::create_dir_all(&bin)?;
    fs::copy("/bin/busybox", bin.join("busybox")).context("busybox-static is not installed")?;
    std::os::unix::fs::symlink("busybox", bin.join("sleep"))?;
    run(folder.path(), &["spec", "--bundle", &bundle.display().to_string()]).await?;
    let config = bundle.join("config.json");
    let mut spec: serde_json::Value = serde_json::from_slice(&fs::read(&config)?)?;
    spec["process"]["terminal"] = json!(false);
    spec["process"]["args"] = json!(["/bin/sleep", "1000"]);
    fs::write(&config, spec.to_string())?;
    let name = |number: usize| format!("ekiden-bench-{}-{number}", std::process::id());

    let bundle = bundle.display().to_string();
    let start = Instant::now();
    let outcome = stream::iter(0..count)
        .map(|number| {
            let (folder, bundle, name) = (folder.path(), &bundle, name(number));
            async move { run(folder, &["run", "--detach", "--bundle", bundle, &name]).await }
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<Vec<()>>()
        .await;
    let started = per_second(count, start);
    let start = Instant::now();
    stream::iter(0..count)
        .map(|number| {
            let (folder, name) = (folder.path(), name(number));
            async move { run(folder, &["delete", "--force", &name]).await }
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<Vec<()>>()
        .await?;
    outcome?;
    Ok(Floor { started, ended: per_second(count, start) })
}

/// One call of `runc` with a state of its own.
async fn run(folder: &Path, words: &[&str]) -> Result<()> {
    let status = Command::new("runc")
        .arg("--root")
        .arg(folder.join("state"))
        .args(words)
        .stdin(Stdio::null())
        // A container keeps what it was given: a pipe would never end.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await
        .context("could not start `runc` (Debian: apt-get install runc)")?;
    ensure!(status.success(), "`runc {}`: {status}", words.join(" "));
    Ok(())
}
