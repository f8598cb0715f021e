//! A cluster of one's own, started as a person starts it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use xtask::{
    Workspace,
    up::{self, Options, Profile},
};

use crate::{
    commands,
    containers::{self, CLUSTER_LABEL, Container},
    curl::{self, Reply},
    network::Network,
    waiting::until,
};

/// How long a cluster may take until its consoles answer and its agents have registered.
const START: Duration = Duration::from_secs(60);

/// A running cluster; dropping it stops its processes and removes its containers.
#[derive(Debug)]
pub struct Cluster {
    program: PathBuf,
    options: Options,
    more: Vec<String>,
    variables: Vec<(String, String)>,
    network: Network,
    data: TempDir,
    process: Option<Child>,
}

impl Cluster {
    /// Starts a master and `agents` agents on a network and in a folder of their own.
    pub async fn start(agents: u8) -> Result<Self> {
        Self::start_with(agents, &[]).await
    }

    /// The same with more words after `ekiden local`.
    pub async fn start_with(agents: u8, more: &[&str]) -> Result<Self> {
        let mut cluster = Self::prepare(agents, more)?;
        cluster.run().await?;
        Ok(cluster)
    }

    /// The same, not yet started.
    pub fn prepare(agents: u8, more: &[&str]) -> Result<Self> {
        let (network, data) = (Network::take()?, TempDir::with_prefix("ekiden-")?);
        let mut cluster = Self::over(data, network, agents)?;
        cluster.more = more.iter().map(|word| (*word).to_owned()).collect();
        Ok(cluster)
    }

    /// One over data that is there already, on the network where it was made; not yet started.
    pub fn over(data: TempDir, network: Network, agents: u8) -> Result<Self> {
        let options = Options {
            agents,
            fresh: false,
            data: Some(data.path().to_path_buf()),
            net: network.start(),
        };
        Ok(Self {
            program: program()?,
            options,
            more: Vec::new(),
            variables: Vec::new(),
            network,
            data,
            process: None,
        })
    }

    /// Sets a variable of the environment, such as a flag of the agents, for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Has it started from another file than the tests' program.
    pub fn start_from(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// The command that starts it.
    pub fn command(&self) -> Result<Command> {
        let mut command =
            Command::from(up::command(&Workspace::locate()?, &self.program, &self.options));
        command.args(&self.more).envs(self.variables.iter().cloned());
        Ok(command)
    }

    /// Starts the processes over the data that is there.
    pub async fn run(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the cluster runs already");
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut command = self.command()?;
        // It ends with this test, however that ends: the pipe closes.
        command.arg("--follow_stdin").stdin(Stdio::piped());
        command.stdout(log.try_clone()?).stderr(log).process_group(0);
        self.process = Some(
            command
                .spawn()
                .with_context(|| format!("could not start {}", self.program.display()))?,
        );
        let agents = usize::from(self.options.agents);
        let answer = until("the cluster answers", START, async || {
            if let Some(process) = self.process.as_mut() {
                let end = process.try_wait()?;
                // Nothing to wait for any more; said by the deadline's error, with the log.
                ensure!(end.is_none(), "`ekiden local` ended: {end:?}");
            }
            let slaves = curl::get(&self.master("/slaves")).await?.expect(200)?;
            let active = slaves["slaves"]
                .as_array()
                .map_or(0, |slaves| slaves.iter().filter(|slave| slave["active"] == true).count());
            ensure!(active == agents, "{active} of {agents} agents are active");
            let ping = curl::get(&self.marathon("/ping")).await?;
            ensure!(ping.status == 200, "/ping answers {}", ping.status);
            Ok(())
        });
        answer.await.with_context(|| self.logs())
    }

    /// Starts the processes anew with `--fresh`.
    pub async fn run_fresh(&mut self) -> Result<()> {
        self.options.fresh = true;
        let outcome = self.run().await;
        self.options.fresh = false;
        outcome
    }

    /// Stops all processes as Ctrl-C does; data and containers stay.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let pid = process.id().context("the cluster has ended by itself")?;
        let signalled = Command::new("kill").args(["-INT", &pid.to_string()]).status().await?;
        ensure!(signalled.success(), "could not signal the cluster");
        let ended = tokio::time::timeout(Duration::from_secs(30), process.wait()).await;
        ensure!(
            ended.context("the cluster did not stop within 30 s")??.success(),
            "the cluster ended in failure"
        );
        Ok(())
    }

    /// `ekiden local kill|stop|start NODE`.
    pub async fn order(&self, order: &str, node: &str) -> Result<String> {
        self.words(&["local", order, node, "--data"]).await
    }

    /// Runs the program with `words` and the data folder; what it said.
    async fn words(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(words).arg(self.data.path()).stdin(Stdio::null());
        let output = command.output().await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + String::from_utf8_lossy(&output.stderr).as_ref();
        ensure!(output.status.success(), "`ekiden {}`: {said}", words.join(" "));
        Ok(said)
    }

    /// `ekiden local kill NODE --process_only`: SIGKILL to the process alone.
    pub async fn kill_process(&self, node: &str) -> Result<String> {
        self.words(&["local", "kill", node, "--process_only", "--data"]).await
    }

    /// The network it lives on.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// An address on the master, port 5050.
    pub fn master(&self, path: &str) -> String {
        format!("http://{}:5050{path}", self.network.address(1))
    }

    /// An address on Marathon, port 8080.
    pub fn marathon(&self, path: &str) -> String {
        format!("http://{}:8080{path}", self.network.address(1))
    }

    /// The address of the agent `number`, counted from 1.
    pub fn agent_host(&self, number: u8) -> String {
        self.network.address(10 + number).to_string()
    }

    /// The process ids of the cluster's nodes.
    pub fn nodes(&self) -> Result<Vec<u32>> {
        let local =
            self.process.as_ref().and_then(Child::id).context("the cluster does not run")?;
        let file = format!("/proc/{local}/task/{local}/children");
        let children =
            fs::read_to_string(&file).with_context(|| format!("could not read {file}"))?;
        Ok(children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect())
    }

    /// The folder of the cluster's data.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The cluster's id, which its containers carry as a label.
    pub fn id(&self) -> Result<String> {
        let file = self.data.path().join("cluster-id");
        let id = fs::read_to_string(&file)
            .with_context(|| format!("could not read {}", file.display()))?;
        Ok(id.trim().to_owned())
    }

    /// The cluster's containers as the engine knows them, ended ones included.
    pub async fn containers(&self) -> Result<Vec<Container>> {
        containers::labelled(CLUSTER_LABEL, &self.id()?).await
    }

    /// The cluster's running containers of an image.
    pub async fn running(&self, image: &str) -> Result<Vec<Container>> {
        let all = self.containers().await?;
        Ok(all
            .into_iter()
            .filter(|container| container.image() == image && container.state() == "running")
            .collect())
    }

    /// Posts an application as the guide does.
    pub async fn post(&self, file: &Path) -> Result<Reply> {
        let data = format!("@{}", file.display());
        curl::curl(&[
            "-X",
            "POST",
            &self.marathon("/v2/apps"),
            "-d",
            &data,
            "-H",
            "Content-type: application/json",
        ])
        .await
    }

    /// The application, which must exist.
    pub async fn app(&self, id: &str) -> Result<Value> {
        Ok(curl::get(&self.marathon(&format!("/v2/apps/{id}"))).await?.expect(200)?["app"].take())
    }

    /// Waits until the application runs `instances` and nothing is being deployed to it; returns it.
    pub async fn settled(&self, id: &str, instances: u64) -> Result<Value> {
        let what = format!("{instances} instances of `{id}` run");
        let settled = until(&what, Duration::from_secs(180), async || {
            let app = self.app(id).await?;
            let (running, deployments) = (&app["tasksRunning"], &app["deployments"]);
            let is_idle = deployments.as_array().is_some_and(Vec::is_empty);
            ensure!(
                running == instances && is_idle,
                "{running} run, deployments are {deployments}"
            );
            Ok(app)
        });
        settled.await.with_context(|| self.logs())
    }

    /// Waits until no deployment runs.
    pub async fn idle(&self) -> Result<()> {
        let idle = until("no deployment runs", Duration::from_secs(60), async || {
            let deployments = curl::get(&self.marathon("/v2/deployments")).await?.expect(200)?;
            ensure!(deployments == serde_json::json!([]), "{deployments}");
            Ok(())
        });
        idle.await.with_context(|| self.logs())
    }

    /// What `ekiden local` has printed.
    pub fn printed(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.data.path().join("local.log")
    }

    /// The ends of all logs, for a failure's story.
    fn logs(&self) -> String {
        let mut files = vec![self.log()];
        let folder = fs::read_dir(self.data.path().join("logs")).into_iter().flatten();
        files.extend(folder.flatten().map(|entry| entry.path()));
        let ends = files.iter().map(|file| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!(
                "--- {}\n{}",
                file.display(),
                lines[lines.len().saturating_sub(30)..].join("\n")
            )
        });
        ends.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Its nodes follow its pipe; killing it alone would leave none of them either.
            drop(process.stdin.take());
            let _ = process.start_kill();
        }
        commands::end_all(self.data.path());
        if let Ok(id) = self.id() {
            containers::remove_labelled(CLUSTER_LABEL, &id);
        }
    }
}

/// The server that `cargo xtask test` has built, or one built now by the same steps.
pub fn program() -> Result<PathBuf> {
    match env::var_os("EKIDEN_PROGRAM") {
        Some(program) => Ok(PathBuf::from(program)),
        None => Ok(up::build(&Workspace::locate()?, Profile::Ci)?),
    }
}
