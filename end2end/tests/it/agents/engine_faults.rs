//! The engine falls silent, breaks off, comes back; somebody meddles with a container by hand.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end2end::{
    cluster::Cluster,
    containers::docker,
    curl::{delete, get},
    engine_proxy::{EngineProxy, Where},
    waiting::until,
};

use super::*;

async fn cluster_behind(proxy: &EngineProxy) -> Result<Cluster> {
    Cluster::start_with(1, &[&format!("--docker_socket={}", proxy.socket().display())]).await
}

#[tokio::test]
async fn an_engine_that_is_gone_for_a_while_is_told_in_plain_words_and_costs_no_task() -> Result<()>
{
    let proxy = EngineProxy::start()?;
    let cluster = cluster_behind(&proxy).await?;
    post(&cluster, "before").await?;
    let task = running_task(&cluster, "before").await?;

    proxy.cut();
    post(&cluster, "meanwhile").await?;
    until("the failed launch is told", Duration::from_secs(30), async || {
        let app = cluster.app("meanwhile").await?;
        let failure = &app["lastTaskFailure"];
        ensure!(failure["state"] == "TASK_FAILED", "{failure}");
        let words = failure["message"].as_str().context("no message")?;
        ensure!(words.contains("no Docker engine answers at unix://"), "{words}");
        Ok(())
    })
    .await?;
    ensure!(active_agents(&cluster).await? == 1, "the agent is not registered any more");
    ensure!(master_state_of(&cluster, &task).await? == "TASK_RUNNING", "the silence was an end");

    proxy.resume();
    running_task(&cluster, "meanwhile").await?;
    ensure!(running_task(&cluster, "before").await? == task, "the task was replaced");
    ran_once(&cluster, "agent-1", "before").await?;
    let sandbox = sandboxes(&cluster, "agent-1", "before").remove(0);
    let lines = counted_lines(&sandbox)?;
    until("the output goes on", Duration::from_secs(30), async || {
        let now = counted_lines(&sandbox)?;
        ensure!(now > lines + 3, "{now} lines, {lines} before");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_engine_that_hangs_holds_up_its_own_work_and_nothing_else() -> Result<()> {
    let proxy = EngineProxy::start()?;
    let cluster = cluster_behind(&proxy).await?;
    for id in ["ends", "stays"] {
        post(&cluster, id).await?;
    }
    let ends = running_task(&cluster, "ends").await?;
    let stays = running_task(&cluster, "stays").await?;

    proxy.stall();
    post(&cluster, "new").await?;
    delete(&cluster.marathon("/v2/apps/ends")).await?.expect(200)?;
    until("the new task is at the agent", Duration::from_secs(30), async || {
        let app = cluster.app("new").await?;
        ensure!(app["tasks"].as_array().is_some_and(|tasks| tasks.len() == 1), "{app}");
        Ok(())
    })
    .await?;
    // Restarted in the middle of it, the agent does not wait for the engine for ever.
    cluster.kill_process("agent-1").await?;
    cluster.order("start", "agent-1").await?;
    until_active(&cluster, 1).await?;
    let agent = format!("http://{}:5051/state", cluster.agent_host(1));
    ensure!(get(&agent).await?.status == 200, "the agent does not answer");

    proxy.resume();
    running_task(&cluster, "new").await?;
    cluster.idle().await?;
    ensure!(running_task(&cluster, "stays").await? == stays, "the task was replaced");
    for id in ["stays", "new"] {
        ran_once(&cluster, "agent-1", id).await?;
    }
    let states = states(&cluster, "ends").await?;
    ensure!(states == ["exited"], "{states:?}");
    ensure!(master_state_of(&cluster, &ends).await? == "TASK_KILLED", "{ends}");
    Ok(())
}

#[tokio::test]
async fn a_container_ended_by_hand_is_told_at_once_and_replaced() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    post(&cluster, "victim").await?;
    let all = [["rm", "--force"], ["stop", "--time=0"], ["kill", "--signal=KILL"]];
    for (before, words) in all.iter().enumerate() {
        let task = running_task(&cluster, "victim").await?;
        started(&cluster, "agent-1", "victim", before + 1).await?;
        let name = containers(&cluster, "victim")
            .await?
            .iter()
            .find(|container| container.state() == "running")
            .context("no container runs")?
            .name()
            .to_owned();
        docker(&[words[0], words[1], &name]).await?;
        let ended = tokio::time::Instant::now();
        until("the end is told", Duration::from_secs(30), async || {
            let state = master_state_of(&cluster, &task).await?;
            // What is told to stop may end by itself before it is killed.
            let is_end = state == "TASK_FAILED" || (words[0] == "stop" && state == "TASK_FINISHED");
            ensure!(is_end, "{state}");
            Ok(())
        })
        .await?;
        println!("`docker {}` was told after {} ms", words[0], ended.elapsed().as_millis());
        until("another takes its place", Duration::from_secs(30), async || {
            let now = running_task(&cluster, "victim").await?;
            ensure!(now != task, "{now}");
            Ok(())
        })
        .await?;
    }
    started(&cluster, "agent-1", "victim", all.len() + 1).await
}

#[tokio::test]
async fn a_start_that_the_engine_carries_out_after_it_was_given_up_leaves_nothing() -> Result<()> {
    let proxy = EngineProxy::start()?;
    let cluster = cluster_behind(&proxy).await?;
    let told = async |id: &str| {
        until("the failed launch is told", Duration::from_secs(30), async || {
            let failure = cluster.app(id).await?["lastTaskFailure"].take();
            ensure!(failure["state"] == "TASK_FAILED", "{failure}");
            Ok(failure["taskId"].as_str().context("no task")?.to_owned())
        })
        .await
    };
    let state_of = async |task: &str| {
        let all = cluster.containers().await?;
        let found = all.iter().find(|container| container.label("ekiden.task") == task);
        Ok::<_, anyhow::Error>(found.map(|container| container.state().to_owned()))
    };

    // Late for the agent, before the removal.
    let mut start = proxy.hold("POST", "/start", Where::BeforeTheEngine);
    let mut removal = proxy.hold("DELETE", "/containers/mesos-", Where::BeforeTheEngine);
    post(&cluster, "early").await?;
    start.reached().await?;
    start.hang_up();
    removal.reached().await.context("nothing is removed")?;
    start.release();
    let lost = told("early").await?;
    until("the engine has started it", Duration::from_secs(30), async || {
        ensure!(state_of(&lost).await?.as_deref() == Some("running"), "it does not run");
        Ok(())
    })
    .await?;
    removal.release();
    until("it is gone", Duration::from_secs(60), async || {
        ensure!(state_of(&lost).await?.is_none(), "it is there");
        Ok(())
    })
    .await?;

    // Late even for the removal.
    let mut start = proxy.hold("POST", "/start", Where::BeforeTheEngine);
    post(&cluster, "late").await?;
    start.reached().await?;
    start.hang_up();
    let lost = told("late").await?;
    until("it is gone", Duration::from_secs(60), async || {
        ensure!(state_of(&lost).await?.is_none(), "it is there");
        Ok(())
    })
    .await?;
    start.release();
    // The start that came early ran until it was removed, and mostly says so in its own sandbox.
    for (id, most) in [("early", 2), ("late", 1)] {
        running_task(&cluster, id).await?;
        until("its one container has marked its start", Duration::from_secs(60), async || {
            let (states, starts) = (states(&cluster, id).await?, starts(&cluster, "agent-1", id));
            ensure!(states == ["running"], "containers of `{id}`: {states:?}");
            ensure!((1..=most).contains(&starts), "`{id}` was started {starts} times");
            Ok(())
        })
        .await?;
    }
    let all = cluster.containers().await?.len();
    ensure!(all == 2, "{all} containers for two tasks");
    Ok(())
}
