//! A Docker engine of a test's own, to be stopped, killed and started again.
//!
//! It lives in a network namespace of its own, since two engines of one network take each other's bridge away. The namespace outlives the
//! engine: containers that run on find it again. Agents reach the engine through its socket, which no namespace hides.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{
    containers::{self, Container},
    waiting::until,
};

/// How long an engine may take to answer, or to end its containers and itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// An engine; dropping it removes its containers and all that it has made.
#[derive(Debug)]
pub struct OwnEngine {
    folder: TempDir,
    /// Keeps the network namespace.
    namespace: Child,
    flags: Vec<String>,
    daemon: Option<Child>,
}

impl OwnEngine {
    /// Starts an engine with these flags beside those that keep it apart, and gives it an image of the machine's engine.
    pub async fn start(flags: &[&str], image: &str) -> Result<Self> {
        let namespace = Command::new("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("could not start `unshare`")?;
        let mut engine = Self {
            folder: TempDir::with_prefix("ekiden-own-engine-")?,
            namespace,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            daemon: None,
        };
        engine.namespace_is_made().await?;
        // The machine's own settings are for its own engine.
        fs::write(engine.file("daemon.json"), "{}\n")?;
        engine.run().await?;
        engine.take_image(image).await?;
        Ok(engine)
    }

    /// Starts the engine over what it had.
    pub async fn run(&mut self) -> Result<()> {
        ensure!(self.daemon.is_none(), "the engine runs already");
        // One that was killed leaves it, and a number that is in use again would keep the next from starting.
        let _not_there = fs::remove_file(self.file("docker.pid"));
        let log = fs::OpenOptions::new().create(true).append(true).open(self.file("log"))?;
        let pid = self.namespace.id().context("the network namespace is gone")?;
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{pid}/ns/net")).arg("dockerd");
        for (flag, file) in [
            ("--config-file", "daemon.json"),
            ("--data-root", "data"),
            ("--exec-root", "exec"),
            ("--pidfile", "docker.pid"),
        ] {
            command.arg(flag).arg(self.file(file));
        }
        command.args(["--host", &self.host()]).args(&self.flags).stdin(Stdio::null());
        // A swarm would ask a registry, which is out of reach, for every container.
        command.env("DOCKER_SERVICE_PREFER_OFFLINE_IMAGE", "1");
        let daemon = command.stdout(log.try_clone()?).stderr(log).kill_on_drop(true).spawn();
        self.daemon = Some(daemon.context("could not start `dockerd`")?);
        until("the engine answers", PATIENCE, async || self.docker(&["version"]).await.map(drop))
            .await
            .with_context(|| fs::read_to_string(self.file("log")).unwrap_or_default())
    }

    /// Stops the engine as the system does; its containers end with it, unless it was told to let them live.
    pub async fn stop(&mut self) -> Result<()> {
        self.signal("-TERM").await
    }

    /// Kills the engine's process, and with it the helper that it keeps its containers by.
    pub async fn kill(&mut self) -> Result<()> {
        self.signal("-KILL").await?;
        // The helper dies with the engine, but where nobody takes note of its end its number stays, and the next engine waits for it.
        let helper = self.file("exec/containerd/containerd.pid");
        let pid = fs::read_to_string(&helper).context("the engine had no containerd")?;
        let _has_died = Command::new("kill").args(["-KILL", pid.trim()]).status().await?;
        Ok(fs::remove_file(helper)?)
    }

    async fn signal(&mut self, signal: &str) -> Result<()> {
        let mut daemon = self.daemon.take().context("the engine does not run")?;
        let pid = daemon.id().context("the engine has ended by itself")?.to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().await?;
        ensure!(sent.success(), "could not signal the engine");
        let ended = tokio::time::timeout(PATIENCE, daemon.wait()).await;
        ended.context("the engine does not end")??;
        Ok(())
    }

    /// Where agents find the engine.
    pub fn socket(&self) -> PathBuf {
        self.file("docker.sock")
    }

    /// Runs `docker` against this engine.
    pub async fn docker(&self, words: &[&str]) -> Result<String> {
        let host = self.host();
        let words: Vec<&str> = ["--host", &host].into_iter().chain(words.iter().copied()).collect();
        containers::docker(&words).await
    }

    /// All containers that the engine has, those that ended included.
    pub async fn containers(&self) -> Result<Vec<Container>> {
        let ids = self.docker(&["ps", "--all", "--quiet", "--no-trunc"]).await?;
        if ids.trim().is_empty() {
            return Ok(Vec::new());
        }
        let words: Vec<&str> = ["inspect"].into_iter().chain(ids.split_whitespace()).collect();
        Container::all_of(&self.docker(&words).await?)
    }

    async fn take_image(&self, image: &str) -> Result<()> {
        let archive = self.file("image.tar").display().to_string();
        containers::docker(&["save", "--output", &archive, image]).await?;
        self.docker(&["load", "--input", &archive]).await?;
        Ok(fs::remove_file(archive)?)
    }

    async fn namespace_is_made(&mut self) -> Result<()> {
        use tokio::io::AsyncReadExt as _;
        let mut said = [0; 3];
        let output = self.namespace.stdout.as_mut().context("`unshare` has an output")?;
        output.read_exact(&mut said).await.context("no network namespace can be made")?;
        Ok(())
    }

    fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        // Containers first: an engine that lets them live would leave them behind.
        let script = "ids=$(docker --host \"$1\" ps --all --quiet) && [ -n \"$ids\" ] \
                      && docker --host \"$1\" rm --force --volumes $ids";
        let quiet = |command: &mut std::process::Command| {
            let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        };
        quiet(std::process::Command::new("sh").args(["-c", script, "sh", &self.host()]));
        if let Some(pid) = self.daemon.as_ref().and_then(Child::id) {
            quiet(std::process::Command::new("kill").args(["-TERM", &pid.to_string()]));
            // It unmounts what it has mounted; nobody else would.
            let wait = format!(
                "while kill -0 {pid} && ! grep -q 'State:.Z' /proc/{pid}/status; do sleep 0.1; done"
            );
            quiet(std::process::Command::new("timeout").args(["30", "sh", "-c", &wait]));
        }
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        let mounts = mounts.lines().rev().filter_map(|line| line.split(' ').nth(1));
        for mount in mounts.filter(|mount| Path::new(mount).starts_with(self.folder.path())) {
            quiet(std::process::Command::new("umount").arg("--lazy").arg(mount));
        }
    }
}
