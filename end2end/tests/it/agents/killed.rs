//! An agent's process killed with SIGKILL at each step of a launch and of a stop, then started again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end2end::{
    cluster::Cluster,
    curl::{delete, send},
    engine_proxy::{EngineProxy, Held, Where},
    waiting::until,
};

use super::*;

/// What becomes of the call that the agent had under way when it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The engine never gets it.
    Lost,
    /// The engine carries it out while the agent is dead.
    Done,
    /// The engine carries it out when the next process has registered.
    Late,
}

async fn cluster_behind(proxy: &EngineProxy, agents: u8) -> Result<Cluster> {
    Cluster::start_with(agents, &[&format!("--docker_socket={}", proxy.socket().display())]).await
}

/// Kills the agent while a call is held, and starts it again.
async fn kill_and_start(cluster: &Cluster, mut held: Held, fate: Fate) -> Result<()> {
    held.reached().await?;
    cluster.kill_process("agent-1").await?;
    let mut held = Some(held);
    match fate {
        Fate::Lost => drop(held.take()),
        Fate::Done => held.take().context("held")?.release(),
        Fate::Late => {}
    }
    cluster.order("start", "agent-1").await?;
    until_active(cluster, 1).await?;
    if let Some(late) = held {
        late.release();
    }
    Ok(())
}

#[tokio::test]
async fn at_each_step_of_a_launch_the_task_runs_once_and_is_the_same() -> Result<()> {
    let proxy = EngineProxy::start()?;
    let cluster = cluster_behind(&proxy, 1).await?;
    let steps = [
        ("looking", "GET", "/images/", Where::BeforeTheEngine, Fate::Lost),
        ("creating-lost", "POST", "/containers/create", Where::BeforeTheEngine, Fate::Lost),
        ("creating-done", "POST", "/containers/create", Where::BeforeTheEngine, Fate::Done),
        ("creating-late", "POST", "/containers/create", Where::BeforeTheEngine, Fate::Late),
        ("created", "POST", "/containers/create", Where::AfterTheEngine, Fate::Done),
        ("starting-lost", "POST", "/start", Where::BeforeTheEngine, Fate::Lost),
        ("starting-done", "POST", "/start", Where::BeforeTheEngine, Fate::Done),
        ("starting-late", "POST", "/start", Where::BeforeTheEngine, Fate::Late),
        ("started", "POST", "/start", Where::AfterTheEngine, Fate::Done),
        ("describing", "GET", "/containers/mesos-", Where::BeforeTheEngine, Fate::Lost),
    ];
    for (id, method, path, place, fate) in steps {
        let held = proxy.hold(method, path, place);
        post(&cluster, id).await?;
        kill_and_start(&cluster, held, fate).await.context(id)?;
        let task = running_task(&cluster, id).await.context(id)?;
        ensure!(sandboxes(&cluster, "agent-1", id).len() == 1, "`{task}` is not the first");
        ran_once(&cluster, "agent-1", id).await?;
    }
    // The earlier ones have lived through all later deaths of the agent.
    for (id, ..) in steps {
        ran_once(&cluster, "agent-1", id).await?;
        counted_lines(&sandboxes(&cluster, "agent-1", id)[0]).context(id)?;
    }
    let all = cluster.containers().await?.len();
    ensure!(all == steps.len(), "{all} containers for {} tasks", steps.len());
    Ok(())
}

#[tokio::test]
async fn at_each_step_of_a_stop_the_container_ends_and_stays_ended() -> Result<()> {
    let proxy = EngineProxy::start()?;
    let cluster = cluster_behind(&proxy, 1).await?;
    let steps = [
        ("stopping-lost", Where::BeforeTheEngine, Fate::Lost),
        ("stopping-done", Where::BeforeTheEngine, Fate::Done),
        ("stopped", Where::AfterTheEngine, Fate::Done),
    ];
    for (id, place, fate) in steps {
        post(&cluster, id).await?;
        let task = running_task(&cluster, id).await?;
        let held = proxy.hold("POST", "/stop", place);
        delete(&cluster.marathon(&format!("/v2/apps/{id}"))).await?.expect(200)?;
        kill_and_start(&cluster, held, fate).await.context(id)?;
        cluster.idle().await.context(id)?;
        until("the master knows the end", Duration::from_secs(30), async || {
            let state = master_state_of(&cluster, &task).await?;
            ensure!(state == "TASK_KILLED", "{task} is {state}");
            Ok(())
        })
        .await?;
        let states = states(&cluster, id).await?;
        ensure!(states == ["exited"], "containers of `{id}`: {states:?}");
        ensure!(starts(&cluster, "agent-1", id) == 1, "`{id}` was started again");
    }
    Ok(())
}

#[tokio::test]
async fn a_launch_killed_while_the_agent_is_dead_starts_nothing() -> Result<()> {
    let proxy = EngineProxy::start()?;
    let cluster = cluster_behind(&proxy, 1).await?;
    let mut held = proxy.hold("POST", "/containers/create", Where::BeforeTheEngine);
    post(&cluster, "unwanted").await?;
    held.reached().await?;
    cluster.kill_process("agent-1").await?;
    delete(&cluster.marathon("/v2/apps/unwanted?force=true")).await?.expect(200)?;
    cluster.order("start", "agent-1").await?;
    held.release();
    cluster.idle().await?;
    until("no container of the app is left running", Duration::from_secs(30), async || {
        let states = states(&cluster, "unwanted").await?;
        ensure!(!states.contains(&"running".to_owned()), "{states:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_a_container_says_while_its_agent_is_dead_is_in_the_sandbox_later() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    post(&cluster, "counts").await?;
    let task = running_task(&cluster, "counts").await?;
    let sandbox = sandboxes(&cluster, "agent-1", "counts").remove(0);
    for _ in 0..3 {
        let before = counted_lines(&sandbox)?;
        cluster.kill_process("agent-1").await?;
        let at_death = counted_lines(&sandbox)?;
        ensure!(at_death >= before, "the sandbox has shrunk");
        until("the container goes on without an agent", Duration::from_secs(30), async || {
            let log = engine_log(&containers(&cluster, "counts").await?[0]).await?;
            ensure!(log.lines().count() > at_death + 10, "{} lines", log.lines().count());
            Ok(())
        })
        .await?;
        ensure!(counted_lines(&sandbox)? == at_death, "somebody else copies the output");
        cluster.order("start", "agent-1").await?;
        until("the sandbox has caught up", Duration::from_secs(30), async || {
            let lines = counted_lines(&sandbox)?;
            ensure!(lines > at_death + 10, "{lines} lines, {at_death} at the death");
            Ok(())
        })
        .await?;
    }
    until_active(&cluster, 1).await?;
    ensure!(running_task(&cluster, "counts").await? == task, "the task was replaced");
    ran_once(&cluster, "agent-1", "counts").await?;
    let container = containers(&cluster, "counts").await?.remove(0);
    delete(&cluster.marathon("/v2/apps/counts")).await?.expect(200)?;
    cluster.idle().await?;
    let copied = fs::read_to_string(sandbox.join("stdout"))?;
    ensure!(copied == engine_log(&container).await?, "the sandbox and the engine differ");
    ensure!(copied.ends_with("bye\n"), "the last words are missing");
    Ok(())
}

#[tokio::test]
async fn an_agent_stopped_again_and_again_while_tasks_start_loses_and_doubles_nothing() -> Result<()>
{
    const INSTANCES: u64 = 12;
    let cluster = Cluster::start(1).await?;
    let app = json!({
        "id": "/many", "cpus": 0.01, "mem": 16, "instances": INSTANCES, "cmd": COUNTS,
        "backoffSeconds": 1, "maxLaunchDelaySeconds": 2,
        "container": {"type": "DOCKER", "docker": {"image": "docker.io/busybox", "network": "HOST"}}
    });
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    let mut running = 0;
    // Each stop (SIGTERM) comes when some more run and others are on their way.
    for wanted in [1, 3, 6, 9] {
        until("some more run", Duration::from_secs(60), async || {
            running = states(&cluster, "many").await?.len();
            ensure!(running >= wanted, "{running} containers");
            Ok(())
        })
        .await?;
        cluster.order("stop", "agent-1").await?;
        cluster.order("start", "agent-1").await?;
    }
    let app = cluster.settled("many", INSTANCES).await?;
    ensure!(app["lastTaskFailure"].is_null(), "{}", app["lastTaskFailure"]);
    let made = sandboxes(&cluster, "agent-1", "many").len();
    ensure!(made == 12, "{made} tasks were taken for {INSTANCES} instances");
    ran(&cluster, "agent-1", "many", 12).await
}
