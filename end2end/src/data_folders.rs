//! Whole data folders as builds of the program have left them: what later builds have to start on.
//!
//! Each lies packed in `end2end/fixtures/data-folders` as `NAME.tar.gz`, and beside it, as `NAME.json`, what the cluster told of itself
//! when it was packed. `cargo xtask data-folder NAME` makes one ([`make`]); `README.md` there says more.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    cluster::Cluster,
    commands,
    curl::{delete, get, send},
    fixture,
    network::Network,
    waiting::until,
};

/// The network whose addresses the folders hold: an agent keeps its id only where it keeps its address.
const NETWORK: u8 = 252;

/// The most that the repository takes.
const MOST_BYTES: u64 = 100 * 1024;

/// What belongs to the running processes or to nobody, and the program of the executor, which is unpacked anew.
const LEFT_OUT: [&str; 7] = [
    "./cluster_secret",
    "./control.sock",
    "./local.log",
    "./lock",
    "./logs",
    "./agent-1/fetched",
    "./agent-1/meta/commands/programs",
];

/// How long the log may take to grow until a snapshot is written.
const GROWTH: Duration = Duration::from_secs(300);

const PATIENCE: Duration = Duration::from_secs(60);

/// The apps that are stored: one in a container, one without, one that is in the snapshot and not in the log, and one that is gone.
pub const BOXED: &str = "shop/web";
pub const PLAIN: &str = "shop/plain";
const ASLEEP: &str = "shop/asleep";
const ENDED: &str = "ended";

/// What the command of the app that is gone has left in its sandbox.
pub const LAST_WORDS: &str = "last words\n";

/// The names of all folders that are kept.
pub fn names() -> Result<Vec<String>> {
    let entries = fs::read_dir(fixture("data-folders"))?.flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".tar.gz").map(str::to_owned)).collect();
    names.sort();
    ensure!(!names.is_empty(), "no data folder is kept");
    Ok(names)
}

fn archive(name: &str) -> PathBuf {
    fixture(&format!("data-folders/{name}.tar.gz"))
}

/// What the cluster told of itself when its folder was packed.
pub fn told_then(name: &str) -> Result<Value> {
    let text = fs::read_to_string(fixture(&format!("data-folders/{name}.json")))?;
    serde_json::from_str(&text).with_context(|| format!("`{name}.json` makes no sense"))
}

/// A cluster over a kept folder, not yet started. What is old stays: neither history nor sandboxes go for their age.
pub async fn unpack(name: &str) -> Result<Cluster> {
    let network = Network::wait_for(NETWORK).await?;
    let data = TempDir::with_prefix("ekiden-")?;
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--gzip").arg("--file").arg(archive(name));
    let unpacked = tar.arg("--directory").arg(data.path()).status().await?;
    ensure!(unpacked.success(), "`{name}` could not be unpacked");
    let mut cluster = Cluster::over(data, network, 1)?;
    cluster.set("MESOS_HISTORY_MAX_DAYS", "36500");
    cluster.set("MESOS_GC_DELAY", "5000weeks");
    cluster.set("MESOS_GC_DISK_HEADROOM", "0");
    Ok(cluster)
}

/// What a cluster tells of itself that has to be the same in every later process: ids, definitions of apps, versions, ended tasks.
pub async fn told(cluster: &Cluster) -> Result<Value> {
    let info = get(&cluster.marathon("/v2/info")).await?.expect(200)?;
    let slaves = get(&cluster.master("/slaves")).await?.expect(200)?;
    let mut apps = Vec::new();
    for id in [BOXED, PLAIN, ASLEEP] {
        let definition = definition(cluster.app(id).await?);
        let url = cluster.marathon(&format!("/v2/apps/{id}/versions"));
        let versions = get(&url).await?.expect(200)?["versions"].take();
        let mut of_versions = Vec::new();
        for version in versions.as_array().context("no versions")? {
            let version = version.as_str().context("a version is text")?;
            of_versions.push(get(&format!("{url}/{version}")).await?.expect(200)?);
        }
        apps.push(json!({"definition": definition, "versions": of_versions}));
    }
    let tasks = get(&cluster.master("/ekiden/v1/history/tasks")).await?.expect(200)?;
    Ok(json!({
        "framework": info["frameworkId"],
        "agent": slaves["slaves"][0]["id"],
        "apps": apps,
        "ended": tasks["rows"],
    }))
}

/// An app without what changes by itself.
fn definition(mut app: Value) -> Value {
    if let Some(members) = app.as_object_mut() {
        members.retain(|name, _| {
            !name.starts_with("tasks") && name != "deployments" && name != "lastTaskFailure"
        });
    }
    app
}

/// The tasks of an app.
pub async fn tasks(cluster: &Cluster, id: &str) -> Result<Vec<String>> {
    let app = cluster.app(id).await?;
    let tasks = app["tasks"].as_array().context("no tasks")?;
    Ok(tasks.iter().filter_map(|task| task["id"].as_str().map(str::to_owned)).collect())
}

/// Runs a cluster of this build through a story, and keeps its folder as `name`.
pub async fn make(name: &str) -> Result<()> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-');
    ensure!(!name.is_empty() && name.chars().all(is_plain), "`{name}` is no name for a folder");
    ensure!(!archive(name).exists(), "`{name}` is there already, and the only one of its build");
    let network = Network::wait_for(NETWORK).await?;
    let mut cluster = Cluster::over(TempDir::with_prefix("ekiden-")?, network, 1)?;
    cluster.run().await?;
    let asleep =
        json!({"id": format!("/{ASLEEP}"), "cmd": "true", "instances": 0, "labels": {"of": "old"}});
    send("POST", &cluster.marathon("/v2/apps"), &asleep).await?.expect(201)?;
    grow(&cluster).await?;
    cluster.stop().await?;
    // All that it knows so far is the growth.
    for file in ["history.sqlite", "history.sqlite-wal", "history.sqlite-shm"] {
        let _ = fs::remove_file(cluster.data().join("master-1").join(file));
    }
    cluster.run().await?;
    live(&cluster).await?;
    let mut told = told(&cluster).await?;
    told["running"] = json!({
        BOXED: tasks(&cluster, BOXED).await?, PLAIN: tasks(&cluster, PLAIN).await?,
    });
    cluster.stop().await?;
    commands::end_all(cluster.data());
    let packed = TempDir::with_prefix("ekiden-")?;
    let folder = packed.path().join("folder.tar.gz");
    pack(cluster.data(), &folder).await?;
    let text = serde_json::to_string_pretty(&told)? + "\n";
    fs::write(fixture(&format!("data-folders/{name}.json")), text)?;
    Ok(fs::copy(folder, archive(name)).map(drop)?)
}

/// Makes the log so long that a snapshot is written and the log before it removed.
async fn grow(cluster: &Cluster) -> Result<()> {
    let file = cluster.data().join("large.json");
    let large = json!({"id": "/large", "cmd": "true", "instances": 0, "labels": {"large": "x".repeat(900_000)}});
    fs::write(&file, large.to_string())?;
    let master = cluster.data().join("master-1");
    let has = |folder: &str, name: &str| master.join(folder).join(name).exists();
    until("a snapshot is written and the log before it gone", GROWTH, async || {
        cluster.post(&file).await?.expect(201)?;
        delete(&cluster.marathon("/v2/apps/large?force=true")).await?.expect(200)?;
        let snapshots = fs::read_dir(master.join("snapshots"))?.count();
        ensure!(snapshots == 1 && !has("log", "0000000001.segment"), "{snapshots} snapshots");
        Ok(())
    })
    .await?;
    Ok(fs::remove_file(file)?)
}

/// The story that is told of later: apps that run, changed once, and tasks that ended.
async fn live(cluster: &Cluster) -> Result<()> {
    let boxed = json!({
        "id": format!("/{BOXED}"), "cpus": 0.05, "mem": 32, "instances": 1,
        "cmd": "trap 'exit 0' TERM; while true; do echo open; sleep 1; done",
        "env": {"COLOUR": "red"}, "labels": {"tier": "front"},
        "constraints": [["hostname", "LIKE", ".*"]],
        "backoffSeconds": 1, "maxLaunchDelaySeconds": 2,
        "upgradeStrategy": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0.25},
        "container": {"type": "DOCKER", "docker": {"image": "docker.io/busybox", "network": "BRIDGE",
            "portMappings": [{"containerPort": 80, "hostPort": 0}]}},
    });
    let plain = json!({
        "id": format!("/{PLAIN}"), "cpus": 0.05, "mem": 16, "instances": 1, "cmd": "exec sleep 100000",
        "backoffSeconds": 1, "maxLaunchDelaySeconds": 2,
    });
    for app in [&boxed, &plain] {
        send("POST", &cluster.marathon("/v2/apps"), app).await?.expect(201)?;
    }
    for id in [BOXED, PLAIN] {
        cluster.settled(id, 1).await?;
    }
    // Another version: the task of the first one is killed.
    let url = cluster.marathon(&format!("/v2/apps/{BOXED}"));
    send("PUT", &url, &json!({"env": {"COLOUR": "blue"}})).await?.expect(200)?;
    cluster.settled(BOXED, 1).await?;

    let ends = json!({
        "id": format!("/{ENDED}"), "cpus": 0.05, "mem": 16, "instances": 1,
        "cmd": format!("printf '{}'; exit 3", LAST_WORDS.escape_default()),
        "backoffSeconds": 3600, "maxLaunchDelaySeconds": 3600,
    });
    send("POST", &cluster.marathon("/v2/apps"), &ends).await?.expect(201)?;
    until("both ends are in history", PATIENCE, async || {
        let tasks = get(&cluster.master("/ekiden/v1/history/tasks")).await?.expect(200)?;
        let rows = tasks["rows"].as_array().context("no rows")?;
        let has = |state: &str| rows.iter().any(|row| row["state"] == state);
        ensure!(has("TASK_KILLED") && has("TASK_FAILED"), "{tasks}");
        Ok(())
    })
    .await?;
    delete(&cluster.marathon(&format!("/v2/apps/{ENDED}?force=true"))).await?.expect(200)?;
    cluster.idle().await
}

/// Packs a folder, and leaves out of the files what is zero: the log's segments are filled ahead of their use.
async fn pack(data: &Path, archive: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--create", "--sparse", "--hole-detection=raw", "--sort=name"]);
    tar.args(["--owner=root:0", "--group=root:0", "--use-compress-program=gzip --best"]);
    tar.args(LEFT_OUT.map(|path| format!("--exclude={path}")));
    tar.arg("--file").arg(archive).arg("--directory").arg(data).arg(".");
    ensure!(tar.status().await?.success(), "the folder could not be packed");
    let bytes = fs::metadata(archive)?.len();
    ensure!(bytes <= MOST_BYTES, "{bytes} bytes, {MOST_BYTES} are the most");
    Ok(())
}
