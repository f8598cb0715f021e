//! Processes that are stopped for a while (SIGSTOP) or told to end (SIGTERM) in the middle of changes.
//!
//! Nothing acknowledged is lost, no task is started twice; a master that was only stopped goes on in the same
//! process with the leadership that it had.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use end2end::{
    curl::{self, get, send},
    nodes::Nodes,
    waiting::until,
};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::starts::{self, app, settled};

const PATIENCE: Duration = Duration::from_secs(60);
/// The lease of a master lasts for a third of a second.
const LONGER_THAN_THE_LEASE: Duration = Duration::from_secs(1);
/// Agents whose master is silent for so long look for another, and a master gives up agents that are.
const LONGER_THAN_AGENTS_WAIT: Duration = Duration::from_secs(17);
/// What the master logs when it finds its lease over, and when it has it back.
const SUSPENDED: &str = "its leaders are suspended until it is back";
const HELD: &str = "the lease of session ";

async fn signal(process: &Child, name: &str) -> Result<()> {
    let pid = process.id().context("the process has ended")?.to_string();
    let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().await?;
    ensure!(sent.success(), "could not send {name} to process {pid}");
    Ok(())
}

/// Stops the process for that long. There is nothing to wait for but time: that is the fault.
async fn pause(process: &Child, length: Duration) -> Result<()> {
    signal(process, "STOP").await?;
    tokio::time::sleep(length).await;
    signal(process, "CONT").await
}

/// Tells the process to end and waits until it has, in order.
async fn end(mut process: Child) -> Result<()> {
    signal(&process, "TERM").await?;
    let ended = tokio::time::timeout(Duration::from_secs(30), process.wait()).await;
    let status = ended.context("it did not end within 30 s")??;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}

/// Waits until both services answer from their state.
async fn leads(nodes: &Nodes) -> Result<()> {
    until("both services answer from their state", PATIENCE, async || {
        get(&nodes.mesos("/state")).await?.expect(200)?;
        get(&nodes.marathon("/v2/deployments")).await?.expect(200)?;
        Ok(())
    })
    .await
}

async fn scale(nodes: &Nodes, instances: u32) -> Result<()> {
    let url = nodes.marathon("/v2/apps//story?force=true");
    until("the change is acknowledged", PATIENCE, async || {
        send("PUT", &url, &json!({"instances": instances})).await?.expect(200)?;
        Ok(())
    })
    .await
}

/// The id of the leading master, another one for each leadership.
async fn leadership(nodes: &Nodes) -> Result<String> {
    let state = get(&nodes.mesos("/state")).await?.expect(200)?;
    Ok(state["id"].as_str().context("the master has no id")?.to_owned())
}

async fn a_master_is_paused(nodes: &Nodes) -> Result<()> {
    let _agent = nodes.agent()?;
    let mut master = nodes.master(&[])?;
    leads(nodes).await?;
    let (before, process) = (leadership(nodes).await?, master.id());
    send("POST", &nodes.marathon("/v2/apps"), &app(1, "one")).await?.expect(201)?;
    pause(&master, LONGER_THAN_THE_LEASE).await?;
    settled(nodes, 1).await.context("paused after a create")?;

    // The request is on its way while the master stands still.
    let (paused, scaled) = tokio::join!(pause(&master, LONGER_THAN_THE_LEASE), scale(nodes, 2));
    paused.and(scaled).context("paused before a change")?;
    settled(nodes, 2).await.context("paused before a change")?;

    scale(nodes, 3).await?;
    pause(&master, LONGER_THAN_AGENTS_WAIT).await?;
    settled(nodes, 3).await.context("paused for longer than agents wait")?;

    ensure!(master.try_wait()?.is_none() && master.id() == process, "the process ended");
    ensure!(leadership(nodes).await? == before, "it leads anew");
    let log = nodes.log("master");
    let suspensions = log.matches(SUSPENDED).count();
    ensure!(suspensions >= 3, "it was paused three times and suspended {suspensions} times");
    let sessions = log.split(HELD).skip(1).filter_map(|rest| rest.split_whitespace().next());
    let (held, sessions) = (sessions.clone().count(), sessions.collect::<BTreeSet<_>>());
    ensure!(held >= 3 && sessions.len() == 1, "leases held: {held}, of sessions {sessions:?}");
    starts::check(nodes, 3).await
}

#[tokio::test]
async fn a_master_that_was_stopped_for_longer_than_its_lease_goes_on_where_it_was() -> Result<()> {
    let nodes = Nodes::prepare()?;
    let told = a_master_is_paused(&nodes).await;
    told.with_context(|| nodes.log("master"))
}

/// Posts apps without instances until the master takes none any more; the numbers of those acknowledged.
async fn post(nodes: &Nodes, next: &AtomicUsize, acknowledged: &AtomicUsize) -> Result<Vec<usize>> {
    let mut own = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let app = json!({
            "id": format!("/app-{number}"), "cmd": "true", "instances": 0,
            "container": {"type": "DOCKER", "docker": {"image": "busybox", "network": "HOST"}},
        });
        match send("POST", &nodes.marathon("/v2/apps"), &app).await {
            Ok(reply) if reply.status == 201 => {
                own.push(number);
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Ok(reply) if reply.status != 503 => bail!("{}: {}", reply.status, reply.body),
            // It ends, or it has ended.
            Ok(_) | Err(_) => return Ok(own),
        }
    }
}

async fn a_master_ends_while_it_is_written_to(nodes: &Arc<Nodes>) -> Result<()> {
    let (next, mut all) = (Arc::new(AtomicUsize::new(0)), BTreeSet::new());
    for _ in 0..3 {
        let master = nodes.master(&[])?;
        leads(nodes).await?;
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let writers = [(); 4].map(|()| {
            let (nodes, next) = (Arc::clone(nodes), Arc::clone(&next));
            let acknowledged = Arc::clone(&acknowledged);
            tokio::spawn(async move { post(&nodes, &next, &acknowledged).await })
        });
        until("twenty apps are acknowledged", PATIENCE, async || {
            let count = acknowledged.load(Ordering::Relaxed);
            ensure!(count >= 20, "{count} are");
            Ok(())
        })
        .await?;
        end(master).await?;
        for writer in writers {
            all.extend(writer.await??);
        }
    }
    let _master = nodes.master(&[])?;
    leads(nodes).await?;
    for number in all {
        get(&nodes.marathon(&format!("/v2/apps//app-{number}"))).await?.expect(200)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_master_that_is_told_to_end_while_it_is_written_to_loses_nothing_acknowledged()
-> Result<()> {
    let nodes = Arc::new(Nodes::prepare()?);
    let told = a_master_ends_while_it_is_written_to(&nodes).await;
    told.with_context(|| nodes.log("master"))
}

async fn an_agent_ends_while_it_launches(nodes: &Nodes) -> Result<()> {
    let mut agent = nodes.agent()?;
    let _master = nodes.master(&[])?;
    leads(nodes).await?;
    send("POST", &nodes.marathon("/v2/apps"), &app(2, "one")).await?.expect(201)?;
    settled(nodes, 2).await?;
    for instances in 3..=4 {
        scale(nodes, instances).await?;
        end(agent).await.with_context(|| nodes.log("agent"))?;
        agent = nodes.agent()?;
        settled(nodes, instances).await.with_context(|| nodes.log("agent"))?;
    }
    starts::check(nodes, 4).await?;
    let curl::Reply { status, .. } = curl::delete(&nodes.marathon("/v2/apps//story")).await?;
    ensure!(status == 200, "the delete is answered {status}");
    until("all containers have ended", PATIENCE, async || {
        let containers = nodes.containers().await?;
        let running = containers.iter().filter(|one| one.state() == "running").count();
        ensure!(containers.len() == 4 && running == 0, "{running} of {} run", containers.len());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_agent_that_is_told_to_end_while_it_launches_goes_on_with_the_same_tasks() -> Result<()>
{
    let nodes = Nodes::prepare()?;
    let told = an_agent_ends_while_it_launches(&nodes).await;
    told.with_context(|| nodes.log("master"))
}
