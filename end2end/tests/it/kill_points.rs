//! The master ends right after its N-th durable write and before anybody is told, for every N of a story:
//! create, scale, upgrade, delete. Nothing acknowledged is lost, no task is started twice.
//!
//! What ran is counted where it cannot lie: at the engine by label, and in a file of its sandbox to which each
//! task appends its id as soon as it runs.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use end2end::{
    curl::{self, Reply},
    nodes::Nodes,
    waiting::until,
};
use serde_json::{Value, json};
use tokio::process::Child;

use crate::starts::{self, app};

const PATIENCE: Duration = Duration::from_secs(60);
/// The code with which the master ends itself.
const ENDED_ITSELF: i32 = 86;
/// Three instances of two versions.
const TASKS: usize = 6;
/// More durable writes than the story can take: beyond it something repeats itself.
const MOST_WRITES: u32 = 200;

/// A cluster whose master may end at any moment and is then started again.
struct Story {
    agent: Child,
    master: Child,
    has_ended: bool,
    /// Last: the next story may take these addresses.
    nodes: Nodes,
}

impl Story {
    fn begin(durable_writes: u32) -> Result<Self> {
        let nodes = Nodes::prepare()?;
        let agent = nodes.agent()?;
        let master = nodes.master(&["--exit_after_durable_write", &durable_writes.to_string()])?;
        Ok(Self { agent, master, has_ended: false, nodes })
    }

    async fn end(mut self) -> Result<()> {
        self.master.kill().await?;
        Ok(self.agent.kill().await?)
    }

    /// Starts the master again when it has ended itself; it must not end in any other way.
    fn revive(&mut self) -> Result<()> {
        let Some(status) = self.master.try_wait()? else { return Ok(()) };
        ensure!(!self.has_ended, "the master ended once more: {status}");
        ensure!(status.code() == Some(ENDED_ITSELF), "the master ended with {status}");
        self.has_ended = true;
        self.master = self.nodes.master(&[])?;
        Ok(())
    }

    /// Sends a request until it is acknowledged, that is, answered with `status` by a master that has a leader.
    ///
    /// `already` is the answer to a repeat of a request that was applied and not acknowledged.
    async fn acknowledged(
        &mut self,
        send: impl AsyncFn(&Nodes) -> Result<Reply>,
        status: u16,
        already: u16,
    ) -> Result<()> {
        let mut sent = 0;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let reply = send(&self.nodes).await;
            match reply {
                Ok(reply) if reply.status == status => return Ok(()),
                Ok(reply) if sent > 0 && reply.status == already => return Ok(()),
                Ok(reply) if ![502, 503].contains(&reply.status) => {
                    bail!("it was answered {}: {}", reply.status, reply.body)
                }
                Ok(_) | Err(_) => {}
            }
            sent += 1;
            self.revive()?;
            ensure!(tokio::time::Instant::now() < deadline, "no master answers");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the app runs as it was last acknowledged; at no time may it be unknown.
    async fn settled(&mut self, instances: u64, version: &str) -> Result<()> {
        let what = format!("{instances} instances of version {version} run");
        until(&what, PATIENCE, async || {
            self.revive()?;
            let reply = curl::get(&self.nodes.marathon("/v2/apps//story")).await?;
            let app = &reply.expect(200)?["app"];
            ensure!(app["labels"]["version"] == version, "its version is {}", app["labels"]);
            let is_idle = app["deployments"] == json!([]);
            ensure!(app["tasksRunning"] == instances && is_idle, "{app}");
            Ok(())
        })
        .await
    }

    /// Waits until nothing of the app is left.
    async fn gone(&mut self) -> Result<()> {
        until("the app and its containers are gone", PATIENCE, async || {
            self.revive()?;
            let deployments = curl::get(&self.nodes.marathon("/v2/deployments")).await?;
            ensure!(deployments.expect(200)? == json!([]), "{}", deployments.body);
            let app = curl::get(&self.nodes.marathon("/v2/apps//story")).await?;
            ensure!(app.status == 404, "the app is answered {}", app.status);
            let containers = self.nodes.containers().await?;
            let running = containers.iter().filter(|one| one.state() == "running").count();
            ensure!(running == 0, "{running} containers run");
            Ok(())
        })
        .await
    }

    async fn tell(&mut self) -> Result<()> {
        let create = async |nodes: &Nodes| {
            curl::send("POST", &nodes.marathon("/v2/apps"), &app(2, "one")).await
        };
        self.acknowledged(create, 201, 409).await.context("create")?;
        self.settled(2, "one").await?;

        let put = async |nodes: &Nodes, body: Value| {
            curl::send("PUT", &nodes.marathon("/v2/apps//story?force=true"), &body).await
        };
        self.acknowledged(async |nodes| put(nodes, json!({"instances": 3})).await, 200, 200)
            .await
            .context("scale")?;
        self.settled(3, "one").await?;
        self.acknowledged(async |nodes| put(nodes, app(3, "two")).await, 200, 200)
            .await
            .context("upgrade")?;
        self.settled(3, "two").await?;

        let delete =
            async |nodes: &Nodes| curl::delete(&nodes.marathon("/v2/apps//story?force=true")).await;
        self.acknowledged(delete, 200, 404).await.context("delete")?;
        self.gone().await
    }
}

#[tokio::test]
async fn a_master_that_ends_after_any_durable_write_loses_and_doubles_nothing() -> Result<()> {
    for writes in 1..MOST_WRITES {
        let mut story = Story::begin(writes)?;
        let told = async { story.tell().await }.await;
        let outcome = match told {
            Ok(()) => starts::check(&story.nodes, TASKS).await,
            failed => failed,
        };
        outcome.with_context(|| {
            format!("the master ended after durable write {writes}\n{}", story.nodes.log("master"))
        })?;
        let has_ended = story.has_ended;
        story.end().await?;
        if !has_ended {
            ensure!(writes > 10, "the story takes {writes} durable writes only");
            return Ok(());
        }
    }
    bail!("the story takes more than {MOST_WRITES} durable writes")
}
