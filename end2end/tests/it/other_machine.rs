//! An agent on another machine must know the cluster's secret, and so must its master.
//!
//! The other machine's address is one that is not loopback, on the loopback device of a network namespace of the test's own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use end2end::{cluster, waiting::until};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// Reserved for documentation (RFC 5737), so no real machine has it.
const ADDRESS: &str = "192.0.2.1";
const PATIENCE: Duration = Duration::from_secs(30);

/// A network of its own, as long as its holder's standard input is open.
struct Machine {
    _holder: Child,
    pid: u32,
    program: PathBuf,
    folder: TempDir,
}

impl Machine {
    async fn start() -> Result<Self> {
        let set_up = format!(
            "ip link set lo up && ip address add {ADDRESS}/32 dev lo && echo ready && exec cat"
        );
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", &set_up])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("could not start `unshare`")?;
        let pid = holder.id().context("`unshare` has ended")?;
        let stdout = holder.stdout.take().context("its output is piped")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        ensure!(line.as_deref() == Some("ready"), "no network namespace was made: {line:?}");
        let folder = TempDir::with_prefix("ekiden-")?;
        Ok(Self { _holder: holder, pid, program: cluster::program()?, folder })
    }

    /// A program that runs on this network.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.pid)).arg(program).kill_on_drop(true);
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A node that ends with the test; what it logs goes to `NAME.log`.
    fn node(&self, name: &str, words: &[&str]) -> Result<Child> {
        let log = fs::File::create(self.path(&format!("{name}.log")))?;
        let mut command = self.command(&self.program);
        command.args(words).arg(format!("--work_dir={}", self.path(name).display()));
        command.args([&format!("--ip={ADDRESS}"), "--follow_stdin"]);
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        command.spawn().with_context(|| format!("could not start {name}"))
    }

    fn agent(&self, name: &str, secret: Option<&Path>) -> Result<Child> {
        let master = format!("--master={ADDRESS}:5050");
        let secret = secret.map(|path| format!("--cluster_secret_file={}", path.display()));
        let mut words = vec!["agent", &master, "--containerizers=noop"];
        words.extend(secret.as_deref());
        self.node(name, &words)
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default()
    }

    async fn says(&self, name: &str, words: &str) -> Result<()> {
        until(&format!("{name} says `{words}`"), PATIENCE, async || {
            let log = self.log(name);
            ensure!(log.contains(words), "{log}");
            Ok(())
        })
        .await
    }

    /// Status and body of a request to the master.
    async fn ask(&self, path: &str, words: &[&str]) -> Result<(String, String)> {
        let mut command = self.command("curl");
        command.args(["--silent", "--max-time", "10", "--write-out", "\n%{http_code}"]);
        command.args(words).arg(format!("http://{ADDRESS}:5050{path}"));
        let output = command.stdin(Stdio::null()).output().await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').context("curl tells no status")?;
        Ok((status.to_owned(), body.to_owned()))
    }

    async fn active_agents(&self) -> Result<usize> {
        let (status, body) = self.ask("/slaves", &[]).await?;
        ensure!(status == "200", "{status}: {body}");
        Ok(body.matches("\"active\":true").count())
    }
}

#[tokio::test]
async fn an_agent_of_another_machine_proves_that_it_knows_the_clusters_secret() -> Result<()> {
    let machine = Machine::start().await?;
    let _master = machine.node("master", &["master"])?;
    until("the master leads", PATIENCE, async || {
        let agents = machine.active_agents().await?;
        ensure!(agents == 0, "{agents} agents");
        Ok(())
    })
    .await
    .with_context(|| machine.log("master"))?;

    let mut stranger = machine.agent("stranger", None)?;
    let ended = tokio::time::timeout(PATIENCE, stranger.wait()).await??;
    let words = machine.log("stranger");
    ensure!(!ended.success() && words.contains("--cluster_secret_file"), "{ended}: {words}");

    let upgrade = ["-H", "Connection: upgrade", "-H", "Upgrade: ekiden-agent-link/1"];
    let (status, body) = machine.ask("/ekiden/v1/agent-link", &upgrade).await?;
    ensure!(status == "403" && body.contains("--cluster_secret_file"), "{status}: {body}");

    let secret = machine.path("master").join("cluster_secret");
    let copy = machine.path("copy");
    fs::copy(&secret, &copy).context("the master has made no secret")?;
    let guess = machine.path("guess");
    fs::copy(&secret, &guess)?;
    fs::write(&guess, [7; 32])?;

    let guesser = machine.agent("guesser", Some(&guess))?;
    machine.says("guesser", "did not prove that it knows the cluster's secret").await?;
    ensure!(machine.active_agents().await? == 0, "an agent without the secret was admitted");
    drop(guesser);

    let _member = machine.agent("member", Some(&copy))?;
    until("the agent with the secret is active", PATIENCE, async || {
        let agents = machine.active_agents().await?;
        ensure!(agents == 1, "{agents} agents");
        Ok(())
    })
    .await
    .with_context(|| machine.log("member"))
}
