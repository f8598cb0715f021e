//! `ekiden local`: a whole cluster on this machine, each node a child process on its own loopback address.
//!
//! The master has .1 and the agents .11 and up of one /24 inside 127.0.0.0/8, all on standard ports. Data,
//! logs and the control socket lie in one folder. A node that ends by itself is reported, not restarted:
//! `ekiden local start NODE` does that. When this process ends, however it ends, its nodes end too (they
//! follow a pipe on their standard input); containers run on and are found again by the next start.

mod containers;
mod control;
mod data;
mod node;
mod preflight;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc;

use self::control::{Order, Request};
use self::data::DataFolder;
use self::node::{Ended, Node, Plan};
use crate::flags::{LocalCommand, LocalFlags};
use crate::shutdown;

/// How long the cluster may take until its consoles answer.
const READY: Duration = Duration::from_secs(30);

/// Runs the cluster, or passes an order to the one that runs.
pub(crate) async fn run(flags: LocalFlags) -> anyhow::Result<()> {
    match &flags.order {
        None => Cluster::start(flags).await,
        Some(LocalCommand::Kill { node, process_only, data }) => {
            let order = if *process_only { Order::KillProcess } else { Order::Kill };
            command(data, order, node).await
        }
        Some(LocalCommand::Stop { node, data }) => command(data, Order::Stop, node).await,
        Some(LocalCommand::Start { node, data }) => command(data, Order::Start, node).await,
    }
}

async fn command(data: &Path, order: Order, node: &str) -> anyhow::Result<()> {
    let answer = control::send(data, order, node).await?;
    say(&answer);
    Ok(())
}

/// Prints one line for the person at the terminal.
fn say(line: &str) {
    // A closed terminal is no reason to stop.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The running nodes.
struct Cluster {
    /// Where nodes are started from: the path of this program, at which an upgrade puts the next one.
    program: PathBuf,
    flags: LocalFlags,
    data: DataFolder,
    nodes: BTreeMap<String, Node>,
    ended: mpsc::Sender<Ended>,
}

impl Cluster {
    async fn start(mut flags: LocalFlags) -> anyhow::Result<()> {
        // Asked before the file can be replaced: the system then names the one that is gone.
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let plans = Plan::all(&flags);
        let data = DataFolder::open(&flags.data)?;
        preflight::ports_are_free(&plans).await?;
        let docker = containers::engine_answers(&flags.docker_socket).await;
        if flags.fresh {
            if docker.is_ok() {
                let removed = containers::remove_all(&flags.docker_socket, data.cluster())
                    .await
                    .context("cannot remove the containers of the old cluster")?;
                if removed > 0 {
                    say(&format!("removed {removed} containers of the old cluster"));
                }
            }
            containers::end_commands(&data).await?;
            data.empty()?;
        }
        if let Err(reason) = &docker {
            if flags.containerizers.is_none() {
                flags.containerizers = Some("mesos".to_owned());
            }
            if flags.has_containerizer("mesos") {
                say(&format!("only commands can run, no Docker containers: {reason}"));
            } else {
                say(&format!("no containers can run: {reason}"));
            }
        }
        let orders = control::listen(data.path())?;
        let (ended, ends) = mpsc::channel(64);
        let mut cluster = Self { program, flags, data, nodes: BTreeMap::new(), ended };
        for plan in plans {
            cluster.launch(plan)?;
        }
        let outcome = cluster.supervise(orders, ends).await;
        cluster.stop_all().await;
        outcome
    }

    fn launch(&mut self, plan: Plan) -> anyhow::Result<()> {
        let name = plan.name.clone();
        let node = Node::start(&self.program, plan, &self.flags, &self.data, self.ended.clone())?;
        self.nodes.insert(name, node);
        Ok(())
    }

    async fn supervise(
        &mut self,
        mut orders: mpsc::Receiver<Request>,
        mut ends: mpsc::Receiver<Ended>,
    ) -> anyhow::Result<()> {
        let mut stop = std::pin::pin!(shutdown::requested(self.flags.follow_stdin));
        let ready = preflight::ready(self.flags.clone());
        let mut ready = std::pin::pin!(tokio::time::timeout(READY, ready));
        let mut announced = false;
        loop {
            tokio::select! {
                reason = &mut stop => {
                    say(&format!("stopping the cluster ({})", reason?));
                    return Ok(());
                }
                answered = &mut ready, if !announced => {
                    announced = true;
                    self.announce(answered.is_ok());
                }
                Some(end) = ends.recv() => self.report(&end),
                Some(request) = orders.recv() => {
                    let answer = self.obey(request.order, &request.node).await;
                    request.answer(answer.map_err(|error| format!("{error:#}")));
                }
            }
        }
    }

    fn announce(&self, answered: bool) {
        if !answered {
            say(&format!(
                "the cluster does not answer after {} s; see {}",
                READY.as_secs(),
                self.data.logs().display()
            ));
            return;
        }
        let master = self.flags.net.host(1);
        say(&format!("cluster console       http://{master}:5050/"));
        say(&format!("application console   http://{master}:8080/ui/"));
        say(&format!("data and logs         {}", self.data.path().display()));
        say("Ctrl-C stops the cluster; its containers and data stay.");
    }

    fn report(&mut self, end: &Ended) {
        // An end that was ordered has taken the node out already.
        let current = self.nodes.get(&end.node).is_some_and(|node| node.pid() == Some(end.pid));
        if current {
            self.nodes.remove(&end.node);
            say(&format!(
                "{} ended ({}); see {}; `ekiden local start {}` starts it again",
                end.node,
                end.status,
                self.data.log(&end.node).display(),
                end.node
            ));
        }
    }

    async fn obey(&mut self, order: Order, name: &str) -> anyhow::Result<String> {
        let plan = Plan::all(&self.flags)
            .into_iter()
            .find(|plan| plan.name == name)
            .with_context(|| format!("this cluster has no node `{name}`"))?;
        if let Order::Start = order {
            anyhow::ensure!(!self.nodes.contains_key(name), "`{name}` runs already");
            self.launch(plan)?;
            return Ok(format!("started {name}"));
        }
        let node = self.nodes.remove(name).with_context(|| format!("`{name}` does not run"))?;
        match order {
            Order::Stop => {
                node.stop().await;
                Ok(format!("stopped {name}"))
            }
            Order::Kill | Order::KillProcess | Order::Start => {
                node.kill().await;
                if !plan.is_agent() || matches!(order, Order::KillProcess) {
                    return Ok(format!("killed {name}"));
                }
                if self.flags.has_containerizer("noop") {
                    return Ok(format!("killed {name} and all that it pretended to run"));
                }
                let work_dir = self.data.work_dir(name);
                let commands = containers::kill_commands(&work_dir).await?;
                let killed = if self.flags.has_containerizer("docker") {
                    containers::kill_agent(&self.flags.docker_socket, &work_dir).await?
                } else {
                    0
                };
                let (killed, commands) =
                    (counted(killed, "container"), counted(commands, "command"));
                Ok(format!("killed {name} and {killed} and {commands}"))
            }
        }
    }

    /// Agents first: their last updates still find the master.
    async fn stop_all(&mut self) {
        let nodes = std::mem::take(&mut self.nodes);
        let (agents, masters): (Vec<_>, Vec<_>) =
            nodes.into_values().partition(|node| node.plan().is_agent());
        for group in [agents, masters] {
            futures_util::future::join_all(group.into_iter().map(Node::stop)).await;
        }
    }
}

/// `1 container`, `2 containers`.
fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
