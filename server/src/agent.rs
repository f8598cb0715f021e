//! The Mesos agent of this process: the driver of `agent-core`, its link to the master, its files and its HTTP API (5051).
//!
//! [`start`] recovers the agent from its work directory and sets everything going; the caller binds the socket and serves the router.
//! Containers do not belong to the process: stopping it leaves them running, and the next start finds them again.

mod config;
mod driver;
mod engine;
mod full_disk;
mod http;
mod images;
mod journal;
mod link;
mod machine;
mod ports;
mod prober;
mod reconfiguration;
mod sandboxes;
mod work_dir;

use std::path::Path;
use std::sync::Arc;

use agent_core::{Agent, Settings};
use bytes::Bytes;
use containerizer::{
    ByKind, Containerizer, Docker, DockerConfig, Engines, Fetcher, FetcherConfig, Inside, NoOp,
    Process, ProcessConfig,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

pub(crate) use self::config::{AgentConfig, Commands, Engine, Fetching, ImageGc, Retention};

use self::driver::Driver;
use self::engine::{Containers, Preparing};
use self::http::Api;
use self::images::Images;
use self::link::Link;
use self::ports::Ports;
use self::prober::Prober;
use self::reconfiguration::Offered;
use self::work_dir::WorkDir;
use crate::clock::Clock;

/// Commands that wait for the driver; whoever brings one more waits.
const INBOX: usize = 4_096;

/// Why an agent could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    WorkDir(#[from] work_dir::Error),
    #[error(transparent)]
    Journal(#[from] journal::Error),
    #[error("the journal `{path}` does not fit this version")]
    Unreadable {
        path: String,
        #[source]
        source: agent_core::UnreadableRecord,
    },
    #[error(transparent)]
    Machine(#[from] machine::Error),
    #[error("this agent cannot run commands: {0}")]
    Commands(#[source] containerizer::Error),
    #[error("the cache of fetched files in `{path}` cannot be used: {source}")]
    Fetcher { path: String, source: std::io::Error },
}

/// A running agent.
pub(crate) struct Service {
    /// What to serve on the agent's port.
    pub(crate) router: axum::Router,
}

/// Recovers the agent and starts its driver and its link; both run until `stop`.
///
/// A fault after which nothing may be started any more (the journal cannot be written, other than for want of space), or the master's order to end, cancels `stop`.
pub(crate) async fn start(
    config: AgentConfig,
    clock: Clock,
    tracker: TaskTracker,
    stop: CancellationToken,
) -> Result<Service, StartError> {
    let started = clock.wall();
    let mut work_dir = WorkDir::open(&config)?;
    let records = work_dir.read_journal(&config).await?;
    let resources = machine::resources(&config.resources, work_dir.path())?;
    work_dir.offer(Offered::new(&resources, &config.attributes));
    let settings = settings(&config, &work_dir, &resources);
    let core = Agent::recover(settings, rand::random(), records).map_err(|source| {
        StartError::Unreadable { path: work_dir.journal().display().to_string(), source }
    })?;
    if let Some(id) = core.id() {
        work_dir.reconcile(id.as_str(), config.reconfiguration)?;
    }
    let (journal, first_records) =
        full_disk::begin_journal(&work_dir, &core, config.retention, clock).await?;
    match core.id() {
        Some(id) => {
            info!(agent.id = %id, "agent `{id}` recovered from {}", work_dir.path().display())
        }
        None => info!(
            "a new agent in {}; it registers with {}",
            work_dir.path().display(),
            config.master
        ),
    }

    let process = commands(&config, &work_dir)?;
    let inside = inside(&config, process.clone());
    let engines = engines(&config, &work_dir, process, &tracker, stop.clone());
    let (inbox, commands) = mpsc::channel(INBOX);
    let (publisher, snapshot) = watch::channel(Arc::new(core.snapshot()));
    let master =
        link::Master { address: config.master.clone(), secret: config.cluster_secret.clone() };
    let link = Link::spawn(master, inbox.clone(), &tracker, stop.clone());
    let prober = Prober::new(inside, inbox.clone(), tracker.clone(), stop.clone());
    let fetcher = fetcher(&config, &work_dir)?;
    let images = images(&config, &work_dir);
    if let Some((images, gc)) = images.clone().zip(config.image_gc.clone()) {
        tracker.spawn(until_stopped(async move { images.collect(gc).await }, stop.clone()));
    }
    let preparing = Preparing { fetcher, images };
    let containers = Containers::new(engines, preparing, inbox, tracker.clone(), stop.clone());
    let label = ("ekiden.agent-dir", work_dir.identity().to_owned());
    let ports = Ports::new(clock, link, containers, prober, label, stop.clone());
    tracker.spawn(until_stopped(
        sandboxes::collect(work_dir.path().to_owned(), config.retention, clock, snapshot.clone()),
        stop.clone(),
    ));
    let api = Api::new(&config, work_dir.path().to_owned(), started, clock, snapshot);
    let mut driver = Driver {
        core,
        clock,
        journal,
        work_dir,
        ports,
        commands,
        publisher,
        stop: stop.clone(),
        first_records,
        has_room: true,
    };
    tracker.spawn(async move {
        if let Err(error) = driver.run().await {
            error!("the agent cannot go on and ends; its containers run on: {error}");
            driver.stop.cancel();
        }
    });
    Ok(Service { router: http::router(api) })
}

fn settings(config: &AgentConfig, work_dir: &WorkDir, resources: &model::Resources) -> Settings {
    Settings {
        description: machine::description(config, resources),
        ip: config.ip.to_string(),
        work_dir: work_dir.path().display().to_string(),
        cluster: config.cluster.clone(),
        directory_id: work_dir.identity().to_owned(),
        nonce: Bytes::copy_from_slice(work_dir.nonce()),
        runs_docker: config.engine != Engine::None,
        runs_processes: config.commands.are_run || config.engine == Engine::NoOp,
        switches_user: config.commands.switch_user && rustix::process::geteuid().is_root(),
        bounds_cpu: config.bounds_cpu,
        max_processes: config.commands.max_processes,
        executor_environment: config.commands.environment.clone(),
        sandbox_mount: config.sandbox_mount.clone(),
        kill_grace: config.kill_grace,
        docker_stop_timeout: config.docker_stop_timeout,
        container_dns: config.container_dns.clone(),
        remove_delay: config.remove_delay,
        max_completed_tasks: config.max_completed_tasks,
    }
}

/// What runs the commands of the agent with that work directory.
pub(crate) fn processes(work_dir: &Path, identity: &str) -> Result<Process, containerizer::Error> {
    Process::open(&ProcessConfig {
        folder: work_dir.join("meta").join("commands"),
        cgroup: format!("commands-{identity}"),
    })
}

/// What brings files into sandboxes; its cache is this agent's alone.
fn fetcher(config: &AgentConfig, work_dir: &WorkDir) -> Result<Fetcher, StartError> {
    let fetching = &config.fetching;
    let cache_dir = match &fetching.cache_dir {
        Some(shared) => shared.join(work_dir.identity()),
        None => work_dir.path().join("fetched"),
    };
    let path = cache_dir.display().to_string();
    Fetcher::new(FetcherConfig {
        cache_dir,
        cache_size: fetching.cache_size,
        stall_timeout: fetching.stall_timeout,
        frameworks_home: fetching.frameworks_home.clone(),
        limit: fetching.size_limit,
    })
    .map_err(|source| StartError::Fetcher { path, source })
}

/// What runs this agent's commands, when the configuration asks for it.
fn commands(config: &AgentConfig, work_dir: &WorkDir) -> Result<Option<Process>, StartError> {
    if !config.commands.are_run {
        return Ok(None);
    }
    if config.commands.switch_user && !rustix::process::geteuid().is_root() {
        warn!("commands run as the agent's own user: only root can switch (--switch_user)");
    }
    let process = processes(work_dir.path(), work_dir.identity());
    process.map(Some).map_err(StartError::Commands)
}

/// The engines that the configuration asks for; one that does not answer is told now, and asked again for each container.
fn engines(
    config: &AgentConfig,
    work_dir: &WorkDir,
    process: Option<Process>,
    tracker: &TaskTracker,
    stop: CancellationToken,
) -> Engines {
    let process = process.map(|process| Arc::new(process) as Arc<dyn Containerizer>);
    let mut engines = Engines { docker: None, process };
    match config.engine {
        Engine::Docker => {
            let docker = Docker::new(DockerConfig {
                socket: config.docker_socket.clone(),
                cgroup: Some(format!("agent-{}", work_dir.identity())),
                credentials: config.credentials.clone(),
                stdout_limit: config.output_limits[0],
                stderr_limit: config.output_limits[1],
                ..DockerConfig::default()
            });
            let probed = docker.clone();
            // An engine that hangs must not keep the agent from its master.
            tracker.spawn(until_stopped(async move { probe(&probed).await }, stop));
            engines.docker = Some(Arc::new(docker));
        }
        Engine::NoOp => {
            warn!("containers are only pretended (containerizer `noop`): for benchmarks alone");
            let pretended: Arc<dyn Containerizer> = Arc::new(NoOp::new());
            engines = Engines { docker: Some(Arc::clone(&pretended)), process: Some(pretended) };
        }
        Engine::None if !config.commands.are_run => {
            warn!("no task can be run: there is no containerizer (--containerizers)");
        }
        Engine::None => {}
    }
    engines
}

/// A Docker engine for questions that have nothing to do with this agent's containers.
fn plain_docker(config: &AgentConfig) -> Docker {
    let socket = config.docker_socket.clone();
    Docker::new(DockerConfig { socket, ..DockerConfig::default() })
}

/// What this agent has pulled, where a Docker engine does that.
fn images(config: &AgentConfig, work_dir: &WorkDir) -> Option<Images> {
    let meta = work_dir.path().join("meta");
    (config.engine == Engine::Docker)
        .then(|| Images::open(plain_docker(config), meta.join("pulled-images.json")))
}

/// How the tasks of these engines are asked.
fn inside(config: &AgentConfig, process: Option<Process>) -> Arc<dyn Inside> {
    let process = process.map(|process| Arc::new(process) as Arc<dyn Inside>);
    match config.engine {
        Engine::Docker => {
            Arc::new(ByKind { docker: Some(Arc::new(plain_docker(config))), process })
        }
        Engine::NoOp => Arc::new(NoOp::new()),
        Engine::None => Arc::new(ByKind { docker: None, process }),
    }
}

/// Runs `work` for as long as the process is not told to stop.
async fn until_stopped(work: impl Future<Output = ()>, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

async fn probe(docker: &Docker) {
    match docker.probe().await {
        Ok(engine) => {
            info!("Docker engine {} answers (API {})", engine.version, engine.api_version)
        }
        Err(error) => {
            warn!("no container can be started until the Docker engine answers: {error}");
        }
    }
}

#[cfg(test)]
mod tests;
