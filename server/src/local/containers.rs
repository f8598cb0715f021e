//! What `ekiden local` does to containers itself: it plays the part of a machine that dies or is wiped.
//!
//! Only containers with the label of this cluster are ever touched.

use std::path::Path;
use std::time::Duration;

use agent_core::container::FoundState;
use anyhow::Context as _;
use containerizer::{Containerizer as _, Docker, DockerConfig};

use super::data::DataFolder;
use crate::agent;

/// Label of every container: the cluster it belongs to.
const CLUSTER: &str = "ekiden.cluster";
/// Label of every container: the random identity of the work folder of the agent that started it.
const AGENT_FOLDER: &str = "ekiden.agent-dir";

fn engine(socket: &Path) -> Docker {
    Docker::new(DockerConfig { socket: socket.to_owned(), ..DockerConfig::default() })
}

/// Says why containers cannot run, if they cannot.
pub(super) async fn engine_answers(socket: &Path) -> Result<(), String> {
    let docker = engine(socket);
    docker.probe().await.map(|_| ()).map_err(|error| {
        format!(
            "no Docker engine answers on {} ({error}); install and start one (Debian: apt-get install docker.io), then start again",
            socket.display()
        )
    })
}

/// Removes every container of the cluster and returns how many there were.
pub(super) async fn remove_all(socket: &Path, cluster: &str) -> anyhow::Result<usize> {
    let docker = engine(socket);
    let found = docker.containers(CLUSTER, cluster).await?;
    for container in &found {
        docker.stop(&container.name, Duration::ZERO).await?;
        docker.remove(&container.name).await?;
    }
    Ok(found.len())
}

/// Ends every command of the cluster, whose folders are about to go.
pub(super) async fn end_commands(data: &DataFolder) -> anyhow::Result<()> {
    for work_dir in data.agent_work_dirs() {
        kill_commands(&work_dir).await?;
    }
    Ok(())
}

/// Kills the commands of the agent in `work_dir`, and returns how many ran. The agent's process must have ended.
pub(super) async fn kill_commands(work_dir: &Path) -> anyhow::Result<usize> {
    // An agent that was never admitted, or that runs no commands, has nothing of the kind.
    let Ok(identity) = std::fs::read_to_string(work_dir.join("meta/identity")) else {
        return Ok(0);
    };
    if !work_dir.join("meta/commands").exists() {
        return Ok(0);
    }
    let processes = agent::processes(work_dir, identity.trim())?;
    processes
        .kill_all()
        .await
        .with_context(|| format!("cannot end the commands of the agent in {}", work_dir.display()))
}

/// Kills the containers of the agent in `work_dir`, as the death of its machine would, and returns how many.
///
/// The agent's process must have ended. A container that it had made and not started goes too: the engine may have the order to start it.
pub(super) async fn kill_agent(socket: &Path, work_dir: &Path) -> anyhow::Result<usize> {
    let file = work_dir.join("meta/identity");
    let identity = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot tell the agent's containers by {}", file.display()))?;
    let docker = engine(socket);
    let mut killed = 0;
    loop {
        let found = docker.containers(AGENT_FOLDER, identity.trim()).await?;
        let alive: Vec<_> =
            found.into_iter().filter(|found| found.state != FoundState::Exited).collect();
        if alive.is_empty() {
            return Ok(killed);
        }
        killed += alive.iter().filter(|found| found.state == FoundState::Running).count();
        let ends = alive.iter().map(async |found| {
            let ended = match found.state {
                FoundState::Created => docker.remove(&found.name).await,
                FoundState::Running | FoundState::Exited => docker.kill(&found.name).await,
            };
            ended.with_context(|| format!("cannot kill the container {}", found.name))
        });
        futures_util::future::try_join_all(ends).await?;
    }
}
