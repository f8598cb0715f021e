//! The master's work folder on a real file system that becomes full, is restarted on, and gets room again.
//!
//! What was acknowledged is counted by asking for every single app; what was refused must not exist.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use end2end::{
    curl::{self, Reply, get, send},
    nodes::Nodes,
    small_disk::SmallDisk,
    waiting::until,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Child;

const PATIENCE: Duration = Duration::from_secs(60);
/// One segment of the log has 64 MiB, and the next is made when it is half full: here there is room for both.
const DISK_MIB: u32 = 160;
/// Bytes that one app adds to the log, at least.
const APP_BYTES: usize = 700_000;
/// More apps than half a segment holds: if none of them is refused, nothing ever is.
const MOST_APPS: usize = 64;
/// What clients are told.
const REASON: &str = "the disk is full: the log cannot grow";
/// What the master logs of an agent that it cannot admit.
const TURNED_AWAY: &str = "asked an agent at ";
const BANNER: &str = r#"data-testid="disk-strip""#;

/// A master alone on a small disk, and the apps that it has acknowledged.
///
/// The process goes first, then the disk, then the folder that it is mounted in.
struct Story {
    master: Child,
    disk: SmallDisk,
    nodes: Nodes,
    bodies: TempDir,
    acknowledged: BTreeSet<usize>,
    refused: BTreeSet<usize>,
}

impl Story {
    async fn begin() -> Result<Self> {
        let nodes = Nodes::prepare()?;
        let disk = SmallDisk::mount(&nodes.work_dir("master"), DISK_MIB)?;
        let master = nodes.master(&[])?;
        let (acknowledged, refused) = (BTreeSet::new(), BTreeSet::new());
        let bodies = TempDir::new()?;
        let story = Self { master, disk, nodes, bodies, acknowledged, refused };
        story.leads().await?;
        Ok(story)
    }

    /// Waits until both services answer from their state.
    async fn leads(&self) -> Result<()> {
        until("both services answer from their state", PATIENCE, async || {
            get(&self.nodes.mesos("/state")).await?.expect(200)?;
            get(&self.nodes.marathon("/v2/deployments")).await?.expect(200)?;
            Ok(())
        })
        .await
    }

    /// Kills the master with SIGKILL and starts it on the same disk.
    async fn restart(&mut self) -> Result<()> {
        self.master.kill().await?;
        self.master = self.nodes.master(&[])?;
        self.leads().await
    }

    /// Posts a large app without instances; whether it was acknowledged.
    async fn post(&mut self, number: usize) -> Result<bool> {
        let body = self.body(number)?;
        let data = format!("@{}", body.display());
        let apps = self.nodes.marathon("/v2/apps");
        let kind = "Content-Type: application/json";
        let reply = curl::curl(&["-X", "POST", &apps, "-H", kind, "-d", &data]).await?;
        fs::remove_file(body)?;
        match reply.status {
            201 => self.acknowledged.insert(number),
            503 => {
                ensure!(reply.body.contains(REASON), "it was refused with {}", reply.body);
                self.refused.insert(number);
                return Ok(false);
            }
            other => bail!("app {number} was answered {other}: {}", reply.body),
        };
        Ok(true)
    }

    fn body(&self, number: usize) -> Result<PathBuf> {
        let app = json!({
            "id": format!("/large-{number}"), "cmd": "true", "instances": 0,
            "container": {"type": "DOCKER", "docker": {"image": "busybox", "network": "HOST"}},
            "env": {"FILLING": "x".repeat(APP_BYTES)},
        });
        let path = self.bodies.path().join(number.to_string());
        fs::write(&path, app.to_string())?;
        Ok(path)
    }

    /// Posts apps from `first` on until one is refused; its number.
    async fn post_until_refused(&mut self, first: usize) -> Result<usize> {
        for number in first..first + MOST_APPS {
            if !self.post(number).await? {
                return Ok(number);
            }
        }
        bail!("{MOST_APPS} apps were acknowledged on a full disk")
    }

    /// Whether everything acknowledged can be read, and nothing that was refused.
    async fn check_apps(&self) -> Result<()> {
        let app = async |number: &usize| -> Result<Reply> {
            get(&self.nodes.marathon(&format!("/v2/apps//large-{number}"))).await
        };
        for number in &self.acknowledged {
            let found = app(number).await?.expect(200)?;
            let bytes = found["app"]["env"]["FILLING"].as_str().map_or(0, str::len);
            ensure!(bytes == APP_BYTES, "app {number} has {bytes} bytes left");
        }
        for number in &self.refused {
            let status = app(number).await?.status;
            ensure!(status == 404, "app {number} was refused and is answered {status}");
        }
        Ok(())
    }

    /// Whether both consoles show the banner.
    async fn banners(&self) -> Result<[bool; 2]> {
        let mut shown = [false; 2];
        let pages = [self.nodes.mesos("/"), self.nodes.marathon("/ui/apps")];
        for (page, shown) in pages.iter().zip(&mut shown) {
            let reply = get(page).await?;
            ensure!(reply.status == 200, "{page} answers {}", reply.status);
            *shown = reply.body.contains(BANNER);
        }
        Ok(shown)
    }

    /// What a full disk looks like from outside: changes are refused with the reason, everything else goes on.
    async fn check_full(&self) -> Result<()> {
        ensure!(self.banners().await? == [true; 2], "banners: {:?}", self.banners().await?);
        get(&self.nodes.mesos("/state")).await?.expect(200)?;
        get(&self.nodes.mesos("/slaves")).await?.expect(200)?;
        let small = json!({
            "id": "/small", "cmd": "true", "instances": 0,
            "container": {"type": "DOCKER", "docker": {"image": "busybox", "network": "HOST"}},
        });
        let changes = [
            send("POST", &self.nodes.marathon("/v2/apps"), &small).await?,
            send("PUT", &self.nodes.marathon("/v2/apps//large-0"), &json!({"cpus": 1})).await?,
            curl::delete(&self.nodes.marathon("/v2/apps//large-0")).await?,
            curl::curl(&["-d", "frameworkId=some", &self.nodes.mesos("/teardown")]).await?,
        ];
        for reply in changes {
            let is_refused = reply.status == 503 && reply.body.contains(REASON);
            ensure!(is_refused, "a change is answered {}: {}", reply.status, reply.body);
        }
        self.check_apps().await
    }

    async fn tell(&mut self) -> Result<()> {
        for number in 0..3 {
            ensure!(self.post(number).await?, "app {number} was refused on an empty disk");
        }
        ensure!(self.banners().await? == [false; 2], "there is a banner on an empty disk");
        self.disk.fill()?;
        let refused = self.post_until_refused(3).await?;
        self.check_full().await.context("the disk is full")?;
        // Its admission would have to be stored. The master goes on, and asks it again and again to come back.
        let _agent = self.nodes.agent()?;
        until("a new agent was asked to come back twice", PATIENCE, async || {
            let asked = self.nodes.log("master").matches(TURNED_AWAY).count();
            ensure!(asked >= 2, "it was asked {asked} times");
            Ok(())
        })
        .await?;
        self.check_full().await.context("with a new agent")?;

        self.restart().await.context("a restart on the full disk")?;
        until("the new process has noticed that the disk is full", PATIENCE, async || {
            let shown = self.banners().await?;
            ensure!(shown == [true; 2], "banners: {shown:?}");
            Ok(())
        })
        .await?;
        self.check_full().await.context("after a restart on the full disk")?;

        self.disk.free()?;
        let process = self.master.id();
        until("there is room again", PATIENCE, async || {
            let shown = self.banners().await?;
            ensure!(shown == [false; 2], "banners: {shown:?}");
            Ok(())
        })
        .await?;
        until("the agent is admitted", PATIENCE, async || {
            let slaves = get(&self.nodes.mesos("/slaves")).await?.expect(200)?;
            ensure!(slaves["slaves"][0]["active"] == true, "{slaves}");
            Ok(())
        })
        .await?;
        ensure!(self.post(refused + 1).await?, "a change was refused with room again");
        ensure!(self.master.id() == process && self.master.try_wait()?.is_none(), "it ended");
        self.check_apps().await.context("with room again")?;
        self.restart().await?;
        self.check_apps().await.context("after the last restart")
    }
}

#[tokio::test]
async fn on_a_full_disk_changes_are_refused_reads_go_on_and_nothing_acknowledged_is_lost()
-> Result<()> {
    let mut story = Story::begin().await?;
    let told = story.tell().await;
    told.with_context(|| story.nodes.log("master"))
}
