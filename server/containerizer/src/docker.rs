//! The Docker engine, through its API on a Unix socket.
//!
//! A connection is made for each call, so an engine that appears, disappears or restarts needs no ceremony. Every bounded call has a
//! time-out; `wait`, `pull` and the copying of output last as long as what they watch and give up only on silence.

mod create;
mod credentials;
mod hung;
mod images;
mod inside;
mod inspect;
mod output;
mod progress;
mod pull;
mod rotation;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent_core::container::{ContainerSpec, Exit, FoundContainer, FoundState, Inspection};
use bollard::API_DEFAULT_VERSION;
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, KillContainerOptionsBuilder, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder,
    WaitContainerOptionsBuilder,
};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use model::Timestamp;
use tokio::sync::OnceCell;

pub use self::credentials::CredentialFiles;
pub use self::images::{HeldImage, Removal};
pub use self::rotation::OutputLimit;
use crate::{Containerizer, EngineInfo, Error, Pull, Pulled};

/// How often a container is asked for whose name an earlier attempt holds, and the pause between.
const NAME_ATTEMPTS: u32 = 100;
const NAME_RETRY: Duration = Duration::from_millis(100);

/// Where the engine is and how long it may think.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    /// Unix socket of the engine.
    pub socket: PathBuf,
    /// Longest wait for the answer to an ordinary call.
    pub call_timeout: Duration,
    /// Longest silence during a pull.
    pub pull_stall_timeout: Duration,
    /// Pause before an engine that does not answer is asked again.
    pub retry_pause: Duration,
    /// Name of the cgroup under which the containers are put, together with those of nobody else; the engine's own when absent.
    pub cgroup: Option<String>,
    /// Credentials for registries, besides those in a sandbox.
    pub credentials: CredentialFiles,
    /// How large `stdout` of a sandbox may become; as large as it is when absent.
    pub stdout_limit: Option<OutputLimit>,
    /// The same for `stderr`.
    pub stderr_limit: Option<OutputLimit>,
}

impl Default for DockerConfig {
    fn default() -> Self {
        Self {
            socket: PathBuf::from("/var/run/docker.sock"),
            call_timeout: Duration::from_secs(60),
            pull_stall_timeout: Duration::from_secs(300),
            retry_pause: Duration::from_secs(1),
            cgroup: None,
            credentials: CredentialFiles::default(),
            stdout_limit: None,
            stderr_limit: None,
        }
    }
}

/// A Docker engine, version 17.06 or newer.
#[derive(Debug, Clone)]
pub struct Docker {
    config: DockerConfig,
    cgroup_parent: Arc<OnceCell<Option<String>>>,
    /// Names of containers that this process has made and not had started.
    made: Arc<Mutex<BTreeSet<String>>>,
}

impl Docker {
    /// Names an engine; whether it answers shows in the first call.
    #[must_use]
    pub fn new(config: DockerConfig) -> Self {
        Self { config, cgroup_parent: Arc::default(), made: Arc::default() }
    }

    /// Ends a container as the loss of its machine would, without asking it; one that has ended or is unknown is no error.
    ///
    /// # Errors
    /// When the engine does not answer, or refuses.
    pub async fn kill(&self, name: &str) -> Result<(), Error> {
        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
        let operation = format!("kill container `{name}`");
        let killed = self
            .call(&operation, self.config.call_timeout, async |client| {
                client.kill_container(name, Some(options)).await
            })
            .await;
        match killed {
            Err(Error::Refused { status: 409, .. }) => Ok(()),
            other => unless_unknown(other),
        }
    }

    fn endpoint(&self) -> String {
        format!("unix://{}", self.config.socket.display())
    }

    /// A client whose answers must begin within `header_timeout`.
    fn client(&self, operation: &str, header_timeout: Duration) -> Result<bollard::Docker, Error> {
        let path = self.config.socket.to_string_lossy();
        bollard::Docker::connect_with_unix(
            &path,
            header_timeout.as_secs().max(1),
            API_DEFAULT_VERSION,
        )
        .map_err(|source| self.error(operation, header_timeout, source))
    }

    /// Runs one bounded call.
    async fn call<T, F>(
        &self,
        operation: &str,
        limit: Duration,
        call: impl FnOnce(bollard::Docker) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, bollard::errors::Error>>,
    {
        let client = self.client(operation, limit)?;
        match tokio::time::timeout(limit, call(client)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(source)) => Err(self.error(operation, limit, source)),
            Err(_) => Err(self.timed_out(operation, limit)),
        }
    }

    fn timed_out(&self, operation: &str, after: Duration) -> Error {
        Error::TimedOut { endpoint: self.endpoint(), operation: operation.to_owned(), after }
    }

    fn error(&self, operation: &str, limit: Duration, source: bollard::errors::Error) -> Error {
        use bollard::errors::Error as Engine;
        let operation = operation.to_owned();
        match source {
            Engine::DockerResponseServerError { status_code, message } => Error::Refused {
                operation,
                status: status_code,
                message: message.trim().to_owned(),
            },
            Engine::DockerStreamError { error } => {
                Error::Refused { operation, status: 500, message: error }
            }
            Engine::RequestTimeoutError => {
                Error::TimedOut { endpoint: self.endpoint(), operation, after: limit }
            }
            Engine::SocketNotFoundError(path) => Error::Unreachable {
                endpoint: self.endpoint(),
                operation,
                reason: format!("there is no socket `{path}`"),
            },
            other @ (Engine::JsonDataError { .. }
            | Engine::JsonSerdeError { .. }
            | Engine::StrParseError { .. }) => {
                Error::Malformed { operation, message: other.to_string() }
            }
            other => {
                Error::Unreachable { endpoint: self.endpoint(), operation, reason: chain(&other) }
            }
        }
    }
}

/// The whole chain of an error in one line; the innermost part usually says what is the matter.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let part = source.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = source.source();
    }
    text
}

/// Turns the engine's 404 into the error that names the container, unless something else is missing, such as its network.
fn unknown_container(name: &str) -> impl FnOnce(Error) -> Error {
    move |error| match error {
        Error::Refused { status: 404, message, .. } if is_about_container(&message) => {
            Error::UnknownContainer { name: name.to_owned() }
        }
        other => other,
    }
}

/// Source: moby/moby: daemon/container.go (`containerNotFound`), daemon/errors.go.
fn is_about_container(message: &str) -> bool {
    message.to_ascii_lowercase().contains("no such container")
}

/// Takes an unknown container as done.
fn unless_unknown(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::Refused { status: 404, .. } | Error::UnknownContainer { .. }) => Ok(()),
        other => other,
    }
}

fn found(summary: ContainerSummary) -> Option<FoundContainer> {
    let name = summary.names?.into_iter().next()?.trim_start_matches('/').to_owned();
    let state = match summary.state? {
        ContainerSummaryStateEnum::CREATED => FoundState::Created,
        ContainerSummaryStateEnum::RUNNING
        | ContainerSummaryStateEnum::PAUSED
        | ContainerSummaryStateEnum::RESTARTING
        | ContainerSummaryStateEnum::STOPPING => FoundState::Running,
        ContainerSummaryStateEnum::EXITED
        | ContainerSummaryStateEnum::REMOVING
        | ContainerSummaryStateEnum::DEAD
        | ContainerSummaryStateEnum::EMPTY => FoundState::Exited,
    };
    Some(FoundContainer {
        name,
        labels: summary.labels.unwrap_or_default().into_iter().collect(),
        state,
    })
}

impl Docker {
    /// Makes the container, or finds that an earlier attempt of ours, whose answer was lost, has made it.
    async fn create_container(&self, spec: &ContainerSpec) -> Result<(), Error> {
        let mut attempts = 0;
        loop {
            let refused = match self.try_to_create(spec).await {
                Ok(()) => {
                    self.made().insert(spec.name.clone());
                    return Ok(());
                }
                Err(refused @ Error::Refused { status: 409, .. }) => refused,
                Err(other) => return Err(other),
            };
            attempts += 1;
            match self.labels(&spec.name).await {
                // The image may add labels of its own.
                Ok(labels)
                    if spec.labels.iter().all(|(key, value)| labels.get(key) == Some(value)) =>
                {
                    return Ok(());
                }
                // The name is given away already, to an attempt that the engine is still busy with.
                Err(Error::UnknownContainer { .. }) if attempts < NAME_ATTEMPTS => {
                    tokio::time::sleep(NAME_RETRY).await;
                }
                Ok(_) | Err(_) => return Err(refused),
            }
        }
    }

    fn made(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn try_to_create(&self, spec: &ContainerSpec) -> Result<(), Error> {
        let operation = format!("create container `{}`", spec.name);
        let options = CreateContainerOptionsBuilder::new().name(&spec.name).build();
        let cgroup_parent = self.cgroup_parent().await?;
        let response = self
            .call(&operation, self.config.call_timeout, async |client| {
                client.create_container(Some(options), create::body(spec, cgroup_parent)).await
            })
            .await?;
        for warning in response.warnings {
            tracing::warn!(container.name = %spec.name, "the Docker engine warns about `{}`: {warning}", spec.name);
        }
        Ok(())
    }

    /// The cgroup of this agent's containers in the form that the engine's cgroup driver takes.
    async fn cgroup_parent(&self) -> Result<Option<String>, Error> {
        let Some(name) = &self.config.cgroup else {
            return Ok(None);
        };
        let parent = self.cgroup_parent.get_or_try_init(|| async {
            let limit = self.config.call_timeout;
            let info =
                self.call("ask for its cgroups", limit, async |client| client.info().await).await?;
            Ok(create::cgroup_parent(name, info.cgroup_driver))
        });
        parent.await.cloned()
    }

    async fn wait_for_exit(&self, name: &str) -> Exit {
        let operation = format!("wait for container `{name}`");
        let mut pauses = Pauses::up_to(self.config.retry_pause);
        loop {
            let began = tokio::time::Instant::now();
            if let Ok(client) = self.client(&operation, self.config.call_timeout) {
                let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
                // Whatever the stream says, the state is read afterwards: it also knows about memory.
                let _ended_or_broken = client.wait_container(name, Some(options)).next().await;
            }
            match self.exit(name).await {
                Ok(Some(exit)) => return exit,
                Ok(None) => {}
                Err(Error::UnknownContainer { .. }) => return Exit::Vanished,
                Err(error) => {
                    tracing::debug!(container.name = %name, "cannot tell whether `{name}` still runs: {error}")
                }
            }
            pauses.next(began.elapsed()).await;
        }
    }
}

/// Pauses between questions to an engine: short at first, since mostly it is only a moment behind.
struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    const FIRST: Duration = Duration::from_millis(20);

    fn up_to(longest: Duration) -> Self {
        Self { next: Self::FIRST.min(longest), longest }
    }

    /// Waits after an attempt; one that took long was no failure of the moment before.
    async fn next(&mut self, attempt: Duration) {
        if attempt > self.longest {
            *self = Self::up_to(self.longest);
        }
        tokio::time::sleep(self.next).await;
        self.next = self.next.saturating_mul(2).min(self.longest);
    }
}

impl Containerizer for Docker {
    fn probe(&self) -> BoxFuture<'_, Result<EngineInfo, Error>> {
        async {
            let limit = self.config.call_timeout.min(Duration::from_secs(10));
            let version = self
                .call("ask for its version", limit, async |client| client.version().await)
                .await?;
            Ok(EngineInfo {
                version: version.version.unwrap_or_default(),
                api_version: version.api_version.unwrap_or_default(),
            })
        }
        .boxed()
    }

    fn pull<'a>(&'a self, order: &'a Pull<'a>) -> BoxFuture<'a, Result<Pulled, Error>> {
        self.pull_image(order).boxed()
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<(), Error>> {
        self.create_container(spec).boxed()
    }

    fn start<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            // The engine would start once more what has ended. What a process of this agent before has made it may also have had started,
            // and not have heard of that.
            let is_new = self.made().remove(name);
            if !is_new && self.has_begun(name).await? {
                return Ok(());
            }
            let operation = format!("start container `{name}`");
            self.call(&operation, self.config.call_timeout, async |client| {
                client.start_container(name, None::<StartContainerOptions>).await
            })
            .await
            .map_err(unknown_container(name))
        }
        .boxed()
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Inspection, Error>> {
        self.inspect_container(name).boxed()
    }

    fn stop<'a>(&'a self, name: &'a str, grace: Duration) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let seconds = i32::try_from(grace.as_millis().div_ceil(1_000)).unwrap_or(i32::MAX);
            let options = StopContainerOptionsBuilder::new().t(seconds).build();
            let limit = grace.saturating_add(self.config.call_timeout);
            let operation = format!("stop container `{name}`");
            let stopped = self
                .call(&operation, limit, async |client| {
                    client.stop_container(name, Some(options)).await
                })
                .await;
            unless_unknown(stopped)
        }
        .boxed()
    }

    fn wait<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Exit> {
        self.wait_for_exit(name).boxed()
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            let operation = format!("remove container `{name}`");
            let removed = self
                .call(&operation, self.config.call_timeout, async |client| {
                    client.remove_container(name, Some(options)).await
                })
                .await;
            self.made().remove(name);
            unless_unknown(removed)
        }
        .boxed()
    }

    fn containers<'a>(
        &'a self,
        label: &'a str,
        value: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundContainer>, Error>> {
        async move {
            let filters = [("label".to_owned(), vec![format!("{label}={value}")])].into();
            let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
            let summaries = self
                .call("list containers", self.config.call_timeout, async |client| {
                    client.list_containers(Some(options)).await
                })
                .await?;
            Ok(summaries.into_iter().filter_map(found).collect())
        }
        .boxed()
    }

    fn ended<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, Error>> {
        self.end(name).boxed()
    }

    fn copy_output<'a>(
        &'a self,
        name: &'a str,
        sandbox: &'a Path,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.copy_until_ended(name, sandbox).boxed()
    }
}
