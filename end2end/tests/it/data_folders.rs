//! The data folders that earlier builds have left: this build starts on each and goes on with what is there.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end2end::{
    cluster::Cluster,
    curl::{get, send},
    data_folders::{self, BOXED, LAST_WORDS, PLAIN},
    waiting::until,
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// The rows of ended tasks that history has now.
async fn ended(cluster: &Cluster) -> Result<Vec<Value>> {
    let mut tasks = get(&cluster.master("/ekiden/v1/history/tasks")).await?.expect(200)?;
    Ok(serde_json::from_value(tasks["rows"].take())?)
}

/// The ids, definitions and versions are those of then, and all that had ended then is still told.
async fn is_as_then(cluster: &Cluster, then: &Value) -> Result<()> {
    let now = data_folders::told(cluster).await?;
    for part in ["framework", "agent", "apps"] {
        ensure!(now[part] == then[part], "{part}: {}\nthen: {}", now[part], then[part]);
    }
    let rows = ended(cluster).await?;
    for row in then["ended"].as_array().context("nothing had ended")? {
        ensure!(rows.contains(row), "{row} is not in history any more");
    }
    Ok(())
}

/// What ran then has no container here: it is told as lost, and another has taken its place.
async fn is_replaced(cluster: &Cluster, then: &Value, id: &str) -> Result<()> {
    cluster.settled(id, 1).await?;
    let now = data_folders::tasks(cluster, id).await?;
    let before = then["running"][id][0].as_str().context("nothing ran then")?;
    ensure!(now.len() == 1 && now[0] != before, "{before} is taken for alive: {now:?}");
    until("the end of the earlier task is in history", PATIENCE, async || {
        let rows = ended(cluster).await?;
        let row = rows.iter().find(|row| row["task_id"] == before);
        let row = row.with_context(|| format!("{before} is not in history"))?;
        ensure!(row["state"] == "TASK_FAILED", "{row}");
        Ok(())
    })
    .await
}

/// The sandbox of a task that had ended then can be read.
async fn sandbox_is_readable(cluster: &Cluster, then: &Value) -> Result<()> {
    let rows = then["ended"].as_array().context("nothing had ended")?;
    let failed = rows.iter().find(|row| row["state"] == "TASK_FAILED").context("nothing failed")?;
    let text = |name: &str| failed[name].as_str().unwrap_or_default();
    let path = format!(
        "/slaves/{}/frameworks/{}/executors/{}/runs/latest/stdout",
        text("agent_id"),
        text("framework_id"),
        text("executor_id")
    );
    let path = format!("{}{path}", cluster.data().join("agent-1").canonicalize()?.display());
    let url = format!("http://{}:5051/files/read?path={path}&offset=0", cluster.agent_host(1));
    let read = get(&url).await?.expect(200)?;
    ensure!(read["data"] == LAST_WORDS, "{read}");
    Ok(())
}

async fn starts_and_goes_on(name: &str) -> Result<()> {
    let then = data_folders::told_then(name)?;
    let mut cluster = data_folders::unpack(name).await?;
    cluster.run().await?;
    is_as_then(&cluster, &then).await?;
    for id in [BOXED, PLAIN] {
        is_replaced(&cluster, &then, id).await?;
    }
    let containers = cluster.running("docker.io/busybox").await?;
    ensure!(containers.len() == 1, "{} containers run", containers.len());
    ensure!(containers[0].environment().get("COLOUR") == Some(&"blue"), "{containers:?}");
    sandbox_is_readable(&cluster, &then).await?;

    let url = cluster.marathon(&format!("/v2/apps/{BOXED}"));
    send("PUT", &url, &json!({"instances": 2})).await?.expect(200)?;
    cluster.settled(BOXED, 2).await?;
    let version = cluster.app(BOXED).await?["version"].take();
    let before = &then["apps"][0]["definition"]["version"];
    let is_later = version.as_str().zip(before.as_str()).is_some_and(|(now, then)| now > then);
    ensure!(is_later, "version {version} follows {before}");

    // What it has written is read by the next process.
    let tasks = data_folders::tasks(&cluster, BOXED).await?;
    cluster.stop().await?;
    cluster.run().await?;
    let app = cluster.settled(BOXED, 2).await?;
    ensure!(app["version"] == version, "{app}");
    ensure!(data_folders::tasks(&cluster, BOXED).await? == tasks, "the tasks were replaced");
    cluster.settled(PLAIN, 1).await?;
    Ok(())
}

#[tokio::test]
async fn data_folders_of_earlier_builds_start_and_go_on() -> Result<()> {
    for name in data_folders::names()? {
        starts_and_goes_on(&name).await.with_context(|| format!("the data folder `{name}`"))?;
    }
    Ok(())
}
