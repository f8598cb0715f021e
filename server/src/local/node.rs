//! One node of a local cluster: what it is to be, and its process.

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{ChildStdin, Command};
use tokio::sync::{mpsc, watch};

use super::data::DataFolder;
use crate::flags::LocalFlags;

/// How long a node may take after SIGTERM before it gets SIGKILL.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a node is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) address: Ipv4Addr,
    pub(super) ports: Vec<u16>,
}

impl Plan {
    /// All nodes that the flags ask for.
    pub(super) fn all(flags: &LocalFlags) -> Vec<Self> {
        let master =
            Self { name: "master-1".into(), address: flags.net.host(1), ports: vec![5050, 8080] };
        let agents = (1..=flags.agents).map(|n| Self {
            name: format!("agent-{n}"),
            address: flags.net.host(10 + n),
            ports: vec![5051],
        });
        std::iter::once(master).chain(agents).collect()
    }

    pub(super) fn is_agent(&self) -> bool {
        self.name.starts_with("agent-")
    }

    /// The sockets that the node will listen on.
    pub(super) fn sockets(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.ports.iter().map(|port| SocketAddr::from((self.address, *port)))
    }

    fn arguments(&self, flags: &LocalFlags, data: &DataFolder) -> Vec<String> {
        let work_dir = data.work_dir(&self.name);
        let mut arguments = vec![
            if self.is_agent() { "agent" } else { "master" }.to_owned(),
            format!("--ip={}", self.address),
            format!("--work_dir={}", work_dir.display()),
            format!("--cluster_secret_file={}", data.secret().display()),
            "--follow_stdin".to_owned(),
        ];
        if self.is_agent() {
            arguments.push(format!("--master={}:5050", flags.net.host(1)));
            arguments.push(format!("--docker_socket={}", flags.docker_socket.display()));
            arguments.push(format!("--cluster_label={}", data.cluster()));
            arguments.push(format!("--containerizers={}", flags.containerizers()));
        } else {
            arguments.push("--cluster=local".to_owned());
        }
        arguments
    }
}

/// A node's process has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) node: String,
    pub(super) pid: u32,
    pub(super) status: ExitStatus,
}

/// A running node. Dropping it closes its standard input, which it takes as the order to stop.
#[derive(Debug)]
pub(super) struct Node {
    plan: Plan,
    pid: Option<u32>,
    stdin: Option<ChildStdin>,
    gone: watch::Receiver<bool>,
}

impl Node {
    /// Starts the process; its output goes to the node's log, its end to `ended`.
    pub(super) fn start(
        program: &Path,
        plan: Plan,
        flags: &LocalFlags,
        data: &DataFolder,
        ended: mpsc::Sender<Ended>,
    ) -> anyhow::Result<Self> {
        let path = data.log(&plan.name);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot open the log {}", path.display()))?;
        let mut child = Command::new(program)
            .args(plan.arguments(flags, data))
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C at the terminal is for the parent, which stops its nodes in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {} from {}", plan.name, program.display()))?;
        let pid = child.id();
        let stdin = child.stdin.take();
        let (gone_sender, gone) = watch::channel(false);
        let node = plan.name.clone();
        tokio::spawn(async move {
            let status = child.wait().await;
            let _ = gone_sender.send(true);
            if let (Ok(status), Some(pid)) = (status, pid) {
                // The supervisor is gone only when everything stops.
                let _ = ended.send(Ended { node, pid, status }).await;
            }
        });
        Ok(Self { plan, pid, stdin, gone })
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// SIGTERM, and SIGKILL when that does not end it.
    pub(super) async fn stop(mut self) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(PATIENCE, self.wait()).await.is_err() {
            self.kill().await;
        }
    }

    /// SIGKILL; returns when the process has gone.
    pub(super) async fn kill(mut self) {
        self.signal(Signal::KILL);
        self.wait().await;
    }

    async fn wait(&mut self) {
        // An error means that the waiting task ended, which it does after the process.
        let _ = self.gone.wait_for(|gone| *gone).await;
        self.stdin = None;
    }

    fn signal(&self, signal: Signal) {
        let pid = self.pid.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| !*self.gone.borrow())
            && let Err(error) = kill_process(pid, signal)
        {
            tracing::warn!(%error, "cannot signal {}: {error}", self.plan.name);
        }
    }
}
