//! The engine itself stopped, killed and started again: tasks keep their truth, and what has ended is replaced once.

use std::time::Duration;

use anyhow::{Result, ensure};
use end2end::{cluster::Cluster, containers::Container, own_engine::OwnEngine, waiting::until};

use super::*;

const IMAGE: &str = "docker.io/busybox";

async fn cluster_on(engine: &OwnEngine) -> Result<Cluster> {
    Cluster::start_with(1, &[&format!("--docker_socket={}", engine.socket().display())]).await
}

/// The engine's running containers of an app.
async fn running(engine: &OwnEngine, id: &str) -> Result<Vec<Container>> {
    let of_app = |container: &Container| {
        let task = container.label("ekiden.task");
        container.state() == "running" && task.split_once('.').is_some_and(|(app, _)| app == id)
    };
    Ok(engine.containers().await?.into_iter().filter(of_app).collect())
}

/// The app's one task, which runs in the engine's one container for it.
async fn runs_once(cluster: &Cluster, engine: &OwnEngine, id: &str) -> Result<String> {
    until("the app runs in one container", Duration::from_secs(60), async || {
        let task = running_task(cluster, id).await?;
        let running = running(engine, id).await?;
        ensure!(running.len() == 1, "{} containers run", running.len());
        ensure!(running[0].label("ekiden.task") == task, "it is not the task's: {running:?}");
        Ok(task)
    })
    .await
}

#[tokio::test]
async fn containers_that_outlive_their_engine_stay_the_same_tasks() -> Result<()> {
    let mut engine = OwnEngine::start(&["--live-restore"], IMAGE).await?;
    let cluster = cluster_on(&engine).await?;
    post(&cluster, "lives").await?;
    let task = runs_once(&cluster, &engine, "lives").await?;
    for is_killed in [false, true] {
        if is_killed {
            engine.kill().await?;
        } else {
            engine.stop().await?;
        }
        ensure!(active_agents(&cluster).await? == 1, "the agent went with its engine");
        let state = master_state_of(&cluster, &task).await?;
        ensure!(state == "TASK_RUNNING", "{task} is {state} without its engine");
        engine.run().await?;
        let now = runs_once(&cluster, &engine, "lives").await?;
        ensure!(now == task, "the task was replaced");
    }
    started(&cluster, "agent-1", "lives", 1).await?;
    let sandbox = sandboxes(&cluster, "agent-1", "lives").remove(0);
    let lines = counted_lines(&sandbox)?;
    until("the output goes on", Duration::from_secs(30), async || {
        let now = counted_lines(&sandbox)?;
        ensure!(now > lines + 3, "{now} lines, {lines} before");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn containers_that_end_with_their_engine_are_told_and_replaced_once() -> Result<()> {
    let mut engine = OwnEngine::start(&[], IMAGE).await?;
    let cluster = cluster_on(&engine).await?;
    post(&cluster, "dies").await?;
    let mut task = runs_once(&cluster, &engine, "dies").await?;
    let mut tasks = 1;
    started(&cluster, "agent-1", "dies", tasks).await?;
    for is_killed in [false, true] {
        if is_killed {
            engine.kill().await?;
        } else {
            engine.stop().await?;
        }
        ensure!(active_agents(&cluster).await? == 1, "the agent went with its engine");
        engine.run().await?;
        until("another takes its place", Duration::from_secs(60), async || {
            let now = running_task(&cluster, "dies").await?;
            ensure!(now != task, "{now} is taken for running");
            Ok(())
        })
        .await?;
        let state = master_state_of(&cluster, &task).await?;
        ensure!(["TASK_FAILED", "TASK_FINISHED"].contains(&state.as_str()), "{task} is {state}");
        task = runs_once(&cluster, &engine, "dies").await?;
        tasks += 1;
        started(&cluster, "agent-1", "dies", tasks).await?;
    }
    let dead = engine.containers().await?.into_iter().filter(|one| one.state() != "running");
    ensure!(dead.count() >= 2, "the engine does not know of the earlier ones any more");
    Ok(())
}
