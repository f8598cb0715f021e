//! A disk under the master that makes nothing durable for longer than agents wait for a silent master: changes wait,
//! everything else goes on, and nothing breaks.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use end2end::{
    containers::docker,
    curl::{curl, get, send},
    nodes::Nodes,
    waiting::until,
};
use serde_json::json;
use tokio::time::Instant;

use crate::starts::{self, app, settled};

const PATIENCE: Duration = Duration::from_secs(60);
/// Agents look for another master after 15 s of silence, and a master gives up agents that are silent for so long.
const LONGER_THAN_ANYBODY_WAITS: Duration = Duration::from_secs(17);

/// What does not need the disk.
async fn reads(nodes: &Nodes) -> Result<()> {
    get(&nodes.mesos("/state")).await?.expect(200)?;
    let slaves = get(&nodes.mesos("/slaves")).await?.expect(200)?;
    ensure!(slaves["slaves"][0]["active"] == true, "the agent is gone: {slaves}");
    let app = get(&nodes.marathon("/v2/apps//story")).await?.expect(200)?;
    ensure!(app["app"]["instances"] == 2, "a change shows before it is durable: {app}");
    for page in [nodes.mesos("/"), nodes.marathon("/ui/apps")] {
        let status = get(&page).await?.status;
        ensure!(status == 200, "{page} answers {status}");
    }
    Ok(())
}

#[tokio::test]
async fn on_a_disk_that_stands_still_changes_wait_and_nothing_breaks() -> Result<()> {
    let nodes = Nodes::prepare()?;
    let stall = nodes.work_dir("the-disk-stands-still");
    let stall_flag = format!("--stall_durable_writes_for={}", stall.display());
    let mut master = nodes.master(&[&stall_flag])?;
    let _agent = nodes.agent()?;
    let told = async {
        until("Marathon leads", PATIENCE, async || {
            get(&nodes.marathon("/v2/deployments")).await?.expect(200).map(drop)
        })
        .await?;
        send("POST", &nodes.marathon("/v2/apps"), &app(2, "one")).await?.expect(201)?;
        settled(&nodes, 2).await?;
        starts::marked(&nodes, 2).await?;
        let (process, leader) = (master.id(), get(&nodes.mesos("/state")).await?.expect(200)?);

        fs::write(&stall, "")?;
        let is_answered = AtomicBool::new(false);
        let change = async {
            let url = nodes.marathon("/v2/apps//story");
            let body = json!({"instances": 3}).to_string();
            let reply = curl(&["-X", "PUT", "--max-time", "120", &url, "--json", &body]).await;
            is_answered.store(true, Ordering::SeqCst);
            reply?.expect(200).map(drop)
        };
        let meanwhile = async {
            let running = nodes.containers().await?;
            docker(&["rm", "--force", running[0].name()]).await?;
            let stalled = Instant::now();
            while stalled.elapsed() < LONGER_THAN_ANYBODY_WAITS {
                reads(&nodes).await.context("while the disk stands still")?;
                ensure!(!is_answered.load(Ordering::SeqCst), "acknowledged before it is durable");
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            fs::remove_file(&stall)?;
            anyhow::Ok(())
        };
        let (changed, looked) = tokio::join!(change, meanwhile);
        looked?;
        changed.context("the change")?;
        settled(&nodes, 3).await?;

        ensure!(master.try_wait()?.is_none() && master.id() == process, "the process ended");
        let state = get(&nodes.mesos("/state")).await?.expect(200)?;
        ensure!(state["id"] == leader["id"], "it leads anew");
        // Three that run, and one that was removed by hand.
        starts::check(&nodes, 4).await
    };
    let told: Result<()> = told.await;
    told.with_context(|| nodes.log("master"))
}
