//! Wires the services of one process: what `ekiden master` and `ekiden agent` consist of.
//!
//! Sockets are bound before anything is started, so that a busy port changes nothing. The end comes in order:
//! no new connections, streams closed, services drained, and the replicated log last.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use containerizer::CredentialFiles;
use coordination::{Node, NodeId};
use model::{Attributes, Resources};
use store::History;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use wire::console::Topic;

use crate::agent::{self, AgentConfig, Engine, Retention};
use crate::build_info::{Build, MESOS_VERSION};
use crate::clock::Clock;
use crate::cluster_secret::ClusterSecret;
use crate::console::apps::{AppsConsole, MasterFiles};
use crate::console::cluster::{ClusterConsole, Past, ProcessFacts};
use crate::console::{self, ChangeFeed, ConsoleConfig};
use crate::flags::{AgentFlags, MasterFlags};
use crate::marathon::{self, MarathonConfig};
use crate::master::{self, MasterConfig};
use crate::{history, listen, shutdown};

/// The one voter that a cluster has so far.
const FIRST_NODE: NodeId = NodeId(1);
/// How long a page waits for its data before it is sent without (design D11).
const PAGE_DEADLINE: Duration = Duration::from_millis(300);

/// What every service of a process shares.
struct Process {
    tracker: TaskTracker,
    stop: CancellationToken,
    follow_stdin: bool,
}

impl Process {
    fn new(follow_stdin: bool) -> Self {
        Self { tracker: TaskTracker::new(), stop: CancellationToken::new(), follow_stdin }
    }

    /// Serves `routers` until the process is told to stop, or a service gives up; then drains.
    async fn serve(self, sockets: Vec<(tokio::net::TcpListener, Router)>) -> anyhow::Result<()> {
        for (listener, router) in sockets {
            let serving = listen::serve(listener, router, self.tracker.clone(), self.stop.clone());
            self.tracker.spawn(serving);
        }
        let gave_up = tokio::select! {
            reason = shutdown::requested(self.follow_stdin) => {
                info!("stopping on {}", reason?);
                false
            }
            () = self.stop.cancelled() => true,
        };
        shutdown::drain(&self.stop, &self.tracker).await;
        anyhow::ensure!(!gave_up, "a service of this process has given up; its log says why");
        Ok(())
    }
}

/// Says once what an open listener means.
fn warn_when_open(address: SocketAddr) {
    if !address.ip().is_loopback() {
        warn!(
            %address,
            "{address} is reachable from other machines and asks for no credentials: whoever reaches it controls the cluster"
        );
    }
}

/// Runs a master node until it is told to stop.
pub(crate) async fn master(flags: MasterFlags) -> anyhow::Result<()> {
    // What the flags say is checked before any port is bound.
    let settings = flags.marathon.settings()?;
    let mesos_address = SocketAddr::new(flags.ip, flags.port);
    let marathon_address = SocketAddr::new(flags.ip, flags.http_port);
    let mesos_listener = listen::bind(mesos_address).await?;
    let marathon_listener = listen::bind(marathon_address).await?;
    warn_when_open(mesos_address);
    let process = Process::new(flags.follow_stdin);
    let secret = master_secret(&flags)?;
    let config = coordination::Config {
        exit_after_durable_write: flags.exit_after_durable_write,
        stall_durable_writes_for: flags.stall_durable_writes_for.clone(),
        ..coordination::Config::new(FIRST_NODE, &flags.work_dir, || Clock.wall())
    };
    let node = Node::start(config)
        .await
        .with_context(|| format!("cannot start on the data in {}", flags.work_dir.display()))?;
    process.tracker.spawn(stop_with(node.stopped(), process.stop.clone()));
    let (history, writer) = history::open(&flags.work_dir, flags.history_bounds(), Clock);
    // When the writer dies records are skipped and counted; nothing else depends on it.
    process.tracker.spawn(writer.run(process.stop.clone().cancelled_owned()));
    let consoles = ConsoleConfig {
        cluster_port: flags.port,
        apps_port: flags.http_port,
        deadline: PAGE_DEADLINE,
        wall_ms: Arc::new(|| u64::try_from(Clock.wall().as_millis()).unwrap_or(0)),
        stop: process.stop.clone(),
    };
    let mesos = mesos_router(&flags, secret, &node, &process, &history, consoles.clone());
    let marathon = marathon_router(&flags, settings, &node, &process, &history, consoles);
    let outcome = process.serve(vec![(mesos_listener, mesos), (marathon_listener, marathon)]).await;
    node.shutdown().await;
    outcome
}

/// The secret that agents on other machines must know; a master that other machines reach always has one.
fn master_secret(flags: &MasterFlags) -> anyhow::Result<Option<Arc<ClusterSecret>>> {
    let secret = match &flags.cluster_secret_file {
        Some(path) => ClusterSecret::read(path)?,
        None if flags.ip.is_loopback() => return Ok(None),
        None => {
            let path = flags.work_dir.join("cluster_secret");
            info!(
                "agents on other machines need a copy of {} (--cluster_secret_file)",
                path.display()
            );
            std::fs::create_dir_all(&flags.work_dir)
                .with_context(|| format!("cannot make {}", flags.work_dir.display()))?;
            ClusterSecret::read_or_make(&path)?
        }
    };
    Ok(Some(Arc::new(secret)))
}

/// Stops the process when the replicated log has ended by itself: nothing could be stored any more.
async fn stop_with(log_ended: impl Future<Output = ()>, stop: CancellationToken) {
    tokio::select! {
        () = log_ended => stop.cancel(),
        () = stop.cancelled() => {}
    }
}

/// The Mesos master and the cluster console: everything on 5050.
fn mesos_router(
    flags: &MasterFlags,
    secret: Option<Arc<ClusterSecret>>,
    node: &Node,
    process: &Process,
    history: &History,
    consoles: ConsoleConfig,
) -> Router {
    let build = Build::this();
    let mut config =
        MasterConfig::new(flags.ip, flags.port, flags.advertised_host(), build.clone());
    config.cluster = flags.cluster.clone();
    config.cluster_secret = secret;
    config.flags = flags.shown();
    let facts = ProcessFacts {
        cluster: flags.cluster.clone(),
        server: format!("{}:{}", flags.advertised_host(), flags.port),
        version: MESOS_VERSION.to_owned(),
        built_ms: u64::try_from(build.at.as_millis()).ok(),
        built_by: build.by,
        started_ms: u64::try_from(Clock.wall().as_millis()).unwrap_or(0),
        open_without_credentials: !flags.ip.is_loopback(),
        storage: node.session().storage().clone(),
    };
    let (tracker, stop) = (process.tracker.clone(), process.stop.clone());
    let ours = history::cluster_routes(history.clone());
    let service = master::start(node.session(), config, Clock, tracker, stop, ours);
    let published = service.handle.subscribe();
    let (feed, changes) = ChangeFeed::new();
    follow_storage(node, &feed, process);
    let past = record_tasks(&published, process, history, &feed);
    process.tracker.spawn(until_stopped(
        console::cluster::mark_changes(published.clone(), feed),
        process.stop.clone(),
    ));
    let cluster = Arc::new(ClusterConsole::new(published, facts).with_past(past));
    service.router.merge(console::cluster_router(cluster, changes, consoles))
}

/// Keeps the tasks that end, and gives the console those of masters before this one.
fn record_tasks(
    published: &console::cluster::Published,
    process: &Process,
    history: &History,
    feed: &ChangeFeed,
) -> Past {
    let (publish, earlier) = watch::channel(Arc::default());
    let recording = history::follow_tasks(published.clone(), history.clone(), publish, Clock);
    process.tracker.spawn(until_stopped(recording, process.stop.clone()));
    let past = Past { earlier, status: history.status() };
    let marking = console::cluster::mark_past(past.clone(), feed.clone());
    process.tracker.spawn(until_stopped(marking, process.stop.clone()));
    past
}

/// Marathon and the application console: everything on 8080.
fn marathon_router(
    flags: &MasterFlags,
    settings: marathon_core::Settings,
    node: &Node,
    process: &Process,
    history: &History,
    consoles: ConsoleConfig,
) -> Router {
    let mut config = MarathonConfig::new(flags.advertised_host(), flags.http_port);
    config.core = settings;
    let stop = process.stop.clone();
    let ours = history::apps_routes(history.clone());
    let service = marathon::start(node.session(), config, Clock, &process.tracker, stop, ours);
    let recording = history::follow_changes(service.handle.clone(), history.clone(), Clock);
    process.tracker.spawn(until_stopped(recording, process.stop.clone()));
    let (feed, changes) = ChangeFeed::new();
    follow_storage(node, &feed, process);
    let following = console::apps::mark_changes(service.handle.leading(), feed);
    process.tracker.spawn(until_stopped(following, process.stop.clone()));
    let handle = service.handle.clone();
    let master = move || handle.snapshot()?.master.as_ref().map(ToString::to_string);
    let files = MasterFiles::new(Arc::new(master));
    let apps = Arc::new(AppsConsole::new(Arc::new(service.handle), files));
    service.router.merge(console::apps_router(apps, changes, consoles))
}

/// Has a console's pages read again when the disk has become full, or has room again.
fn follow_storage(node: &Node, feed: &ChangeFeed, process: &Process) {
    let (mut storage, feed) = (node.session().storage().clone(), feed.clone());
    let following = async move {
        loop {
            storage.changed().await;
            feed.mark(&[Topic::Leader]);
        }
    };
    process.tracker.spawn(until_stopped(following, process.stop.clone()));
}

/// Runs `work` for as long as the process is not told to stop.
async fn until_stopped(work: impl Future<Output = ()>, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// The secret of the agent's flags. Without one, a master that is known to be elsewhere is a mistake to be told at once.
async fn agent_secret(flags: &AgentFlags) -> anyhow::Result<Option<Arc<ClusterSecret>>> {
    if let Some(path) = &flags.cluster_secret_file {
        return Ok(Some(Arc::new(ClusterSecret::read(path)?)));
    }
    // A name that does not resolve yet is tried again by the link.
    let addresses = tokio::net::lookup_host(&flags.master).await;
    let is_elsewhere =
        addresses.is_ok_and(|mut found| !found.any(|address| address.ip().is_loopback()));
    anyhow::ensure!(
        !is_elsewhere,
        "the master at {} is on another machine: start this agent with --cluster_secret_file, a copy of the master's",
        flags.master
    );
    Ok(None)
}

/// Where the agent finds credentials for registries.
fn credentials(flags: &AgentFlags) -> anyhow::Result<CredentialFiles> {
    let read = |path: &str| {
        std::fs::read_to_string(path)
            .with_context(|| format!("--docker_config: could not read `{path}`"))
    };
    let given =
        match flags.docker_config.as_deref().map(|text| (text, text.strip_prefix("file://"))) {
            Some((_, Some(path))) => Some(read(path)?),
            Some((path, None)) if path.starts_with('/') => Some(read(path)?),
            Some((text, None)) => Some(text.to_owned()),
            None => None,
        };
    if let Some(text) = &given {
        let is_object =
            serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok();
        anyhow::ensure!(is_object, "--docker_config is no JSON object as in Docker's config.json");
    }
    let own = std::env::var_os("HOME").map(|home| Path::new(&home).join(".docker/config.json"));
    Ok(CredentialFiles { given, own })
}

/// Runs an agent until it is told to stop.
pub(crate) async fn agent(flags: AgentFlags) -> anyhow::Result<()> {
    let config = AgentConfig {
        ip: flags.ip,
        port: flags.port,
        hostname: flags.hostname.clone().unwrap_or_else(|| flags.ip.to_string()),
        master: flags.master.clone(),
        cluster_secret: agent_secret(&flags).await?,
        work_dir: flags.work_dir.clone(),
        resources: Resources::parse(&flags.resources).context("--resources")?,
        attributes: Attributes::parse(&flags.attributes).context("--attributes")?,
        reconfiguration: flags
            .reconfiguration_policy
            .parse()
            .context("--reconfiguration_policy")?,
        engine: Engine::of_flag(&flags.containerizers).context("--containerizers")?,
        commands: agent::Commands {
            are_run: flags.containerizers.iter().any(|name| name.trim() == "mesos"),
            switch_user: flags.switch_user,
            max_processes: Some(flags.max_processes_per_task).filter(|most| *most > 0),
            environment: flags.executor_environment_variables.clone().unwrap_or_default().0,
        },
        docker_socket: flags.docker_socket.clone(),
        fetching: agent::Fetching {
            cache_dir: flags.fetcher_cache_dir.clone(),
            cache_size: flags.fetcher_cache_size.0,
            stall_timeout: flags.fetcher_stall_timeout.0,
            frameworks_home: flags.frameworks_home.clone(),
            size_limit: flags.fetcher_size_limit.0,
        },
        bounds_cpu: flags.cgroups_enable_cfs,
        credentials: credentials(&flags)?,
        output_limits: flags.output_limits(),
        remove_delay: flags.docker_remove_delay.0,
        kill_grace: flags.executor_shutdown_grace_period.0,
        docker_stop_timeout: flags.docker_stop_timeout.0,
        sandbox_mount: flags.sandbox_directory.clone(),
        container_dns: flags.default_container_dns.clone().unwrap_or_default().of_agent(),
        max_completed_tasks: flags.max_completed_executors_per_framework,
        retention: Retention {
            delay: flags.gc_delay.0,
            disk_headroom: flags.gc_disk_headroom,
            watch_interval: flags.disk_watch_interval.0,
        },
        image_gc: flags.image_gc_config.of_agent(),
        cluster: flags.cluster_label.clone(),
        flags: flags.shown(),
    };
    anyhow::ensure!(
        (0.0..=1.0).contains(&flags.gc_disk_headroom),
        "--gc_disk_headroom is {} and has to be between 0 and 1",
        flags.gc_disk_headroom
    );
    let address = SocketAddr::new(flags.ip, flags.port);
    let listener = listen::bind(address).await?;
    warn_when_open(address);
    let process = Process::new(flags.follow_stdin);
    let service =
        agent::start(config, Clock, process.tracker.clone(), process.stop.clone()).await?;
    process.serve(vec![(listener, service.router)]).await
}
