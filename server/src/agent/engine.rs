//! Container work: each launch, watch and stop is a task of its own that reports back by a command.
//!
//! A task that the process's stop cuts off reports nothing; the journal and the engine tell the next process where it stood.

mod commands;
mod fetching;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent_core::container::Exit;
use agent_core::{Command, Launch, LaunchFailure, TaskKey, Watched};
use containerizer::{Containerizer as _, Engines, Error, Fetcher, Pull, Pulled};
use futures_util::future::BoxFuture;
use model::ContainerId;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use self::fetching::Fetching;
use super::images::Images;
use super::work_dir;

/// Containers that are made and started at the same time; the engine works them off one by one beyond a few.
const STARTS_AT_ONCE: usize = 16;

/// Commands that are started at the same time; more would only take turns on the processors.
const PROCESS_STARTS_AT_ONCE: usize = 16;

/// Containers that the engine is asked about at the same time, of which nobody here knows when they ended.
const ENDS_AT_ONCE: usize = 4;

/// Pause before an engine that did not answer is asked again.
const RETRY: Duration = Duration::from_secs(2);

/// How often an image that is gone again when its container is made is pulled.
const PULLS: u32 = 3;

/// How long an ended container's last output may take before its end is reported.
const LAST_OUTPUT: Duration = Duration::from_secs(30);

/// Time between two pieces of news about a pull.
const PROGRESS: Duration = Duration::from_secs(3);

/// Pause before a sandbox that could not be written is written again.
const REWRITE: Duration = Duration::from_secs(5);

/// The containers of this agent.
#[derive(Clone)]
pub(super) struct Containers {
    engine: Engines,
    fetcher: Arc<Fetcher>,
    images: Option<Images>,
    inbox: mpsc::Sender<Command>,
    starts: Arc<Semaphore>,
    process_starts: Arc<Semaphore>,
    ends: Arc<Semaphore>,
    /// Launches under way, so that they can be called off.
    launches: Arc<Mutex<BTreeMap<ContainerId, CancellationToken>>>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

/// What brings what a container needs before it is made.
pub(super) struct Preparing {
    /// Brings files into sandboxes.
    pub(super) fetcher: Fetcher,
    /// Remembers what was pulled.
    pub(super) images: Option<Images>,
}

impl Containers {
    pub(super) fn new(
        engine: Engines,
        preparing: Preparing,
        inbox: mpsc::Sender<Command>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self {
            engine,
            fetcher: Arc::new(preparing.fetcher),
            images: preparing.images,
            inbox,
            starts: Arc::new(Semaphore::new(STARTS_AT_ONCE)),
            process_starts: Arc::new(Semaphore::new(PROCESS_STARTS_AT_ONCE)),
            ends: Arc::new(Semaphore::new(ENDS_AT_ONCE)),
            launches: Arc::default(),
            tracker,
            stop,
        }
    }

    /// Makes the sandbox, pulls, makes and starts the container, and describes it.
    pub(super) fn launch(&self, launch: Launch) {
        let cancel = CancellationToken::new();
        self.launches().insert(launch.container.clone(), cancel.clone());
        let this = self.clone();
        self.spawn(async move {
            let (task, container) = (launch.task.clone(), launch.container.clone());
            let outcome = this.start(&launch, &cancel).await;
            this.launches().remove(&container);
            this.report(match outcome {
                Ok(inspection) => Command::ContainerLaunched(task, container, inspection),
                Err(failure) => Command::LaunchFailed(task, container, failure),
            })
            .await;
        });
    }

    /// Calls a launch off; without effect once the container has been started.
    pub(super) fn cancel(&self, container: &ContainerId) {
        if let Some(launch) = self.launches().get(container) {
            launch.cancel();
        }
    }

    /// Describes a container that was found running.
    pub(super) fn describe(&self, watched: Watched) {
        let this = self.clone();
        self.spawn(async move {
            let command = loop {
                match this.engine.inspect(&watched.name).await {
                    Ok(inspection) => {
                        break Command::ContainerLaunched(
                            watched.task,
                            watched.container,
                            inspection,
                        );
                    }
                    Err(Error::UnknownContainer { .. }) => {
                        break Command::ContainerEnded(
                            watched.task,
                            watched.container,
                            Exit::Vanished,
                        );
                    }
                    Err(error) => {
                        debug!("container `{}` is described again: {error}", watched.name)
                    }
                }
                tokio::time::sleep(RETRY).await;
            };
            this.report(command).await;
        });
    }

    /// Copies a container's output and reports its end.
    pub(super) fn watch(&self, watched: Watched) {
        let this = self.clone();
        self.spawn(async move {
            let copied = this.clone();
            let (name, sandbox) = (watched.name.clone(), watched.sandbox.clone());
            let copy =
                this.spawn(async move { copied.copy_output(&name, Path::new(&sandbox)).await });
            let exit = this.engine.wait(&watched.name).await;
            if tokio::time::timeout(LAST_OUTPUT, copy).await.is_err() {
                debug!(
                    "the end of `{}` is reported before its last output is copied",
                    watched.name
                );
            }
            let sandbox = watched.sandbox.clone();
            let touched =
                tokio::task::spawn_blocking(move || work_dir::mark_end(Path::new(&sandbox)));
            if let Ok(Err(error)) = touched.await {
                debug!("could not note the end in `{}`: {error}", watched.sandbox);
            }
            this.report(Command::ContainerEnded(watched.task, watched.container, exit)).await;
        });
    }

    /// Asks a container to end. Of one without a task nobody would ask again, so that is done here until the engine has answered.
    pub(super) fn stop(&self, task: Option<(TaskKey, ContainerId)>, name: String, grace: Duration) {
        let this = self.clone();
        self.spawn(async move {
            let stopped = match &task {
                Some(_) => this.engine.stop(&name, grace).await,
                None => until_answered(|| this.engine.stop(&name, grace)).await,
            };
            match (stopped, task) {
                (Ok(()), _) => {}
                (Err(error), Some((task, container))) => {
                    this.report(Command::StopFailed(task, container, error.to_string())).await;
                }
                (Err(error), None) => warn!("container `{name}` could not be stopped: {error}"),
            }
        });
    }

    /// Removes a container, as soon as the engine answers.
    pub(super) fn remove(&self, name: String) {
        let this = self.clone();
        self.spawn(async move {
            if let Err(error) = until_answered(|| this.engine.remove(&name)).await {
                warn!("container `{name}` could not be removed: {error}");
            }
        });
    }

    /// Removes the container of a launch that came to nothing and reports that, as soon as the engine answers.
    pub(super) fn discard(&self, task: TaskKey, container: ContainerId, name: String) {
        let this = self.clone();
        self.spawn(async move {
            // Once the engine has answered, a start that came before has been carried out or refused.
            let mut removed = this.engine.remove(&name).await;
            if removed.as_ref().is_err_and(Error::is_retryable) {
                this.report(Command::DiscardDelayed(task.clone(), container.clone())).await;
                tokio::time::sleep(RETRY).await;
                removed = until_answered(|| this.engine.remove(&name)).await;
            }
            if let Err(error) = removed {
                warn!("container `{name}` could not be removed: {error}");
            }
            this.report(Command::ContainerDiscarded(task, container)).await;
        });
    }

    /// Lists the containers of this agent, as soon as the engine answers.
    pub(super) fn find(&self, label: &'static str, value: String) {
        let this = self.clone();
        self.spawn(async move {
            let found = loop {
                match this.engine.containers(label, &value).await {
                    Ok(found) => break found,
                    Err(error) => {
                        debug!("the engine is asked again for this agent's containers: {error}")
                    }
                }
                tokio::time::sleep(RETRY).await;
            };
            this.report(Command::ContainersFound(found)).await;
        });
    }

    /// Asks when a container ended, as soon as the engine answers.
    pub(super) fn find_end(&self, name: String) {
        let this = self.clone();
        self.spawn(async move {
            let ended = {
                let _turn = this.ends.acquire().await;
                match until_answered(|| this.engine.ended(&name)).await {
                    Ok(ended) => ended,
                    Err(error) => {
                        debug!("nobody knows when container `{name}` ended: {error}");
                        None
                    }
                }
            };
            this.report(Command::EndFound(name, ended)).await;
        });
    }

    async fn start(
        &self,
        launch: &Launch,
        cancel: &CancellationToken,
    ) -> Result<agent_core::container::Inspection, LaunchFailure> {
        let spec = &launch.spec;
        make_sandbox(&spec.sandbox, spec.sandbox_owner.as_deref()).await?;
        // Before the pull: what is fetched may hold the registry's credentials.
        let fetching = Fetching {
            task: &launch.task,
            items: &launch.fetch,
            sandbox: &spec.sandbox,
            user: spec.sandbox_owner.as_deref(),
        };
        self.fetch(fetching, cancel).await?;
        let _held = self.images.as_ref().map(|images| images.hold(&spec.image));
        let _turn = self.create(launch, cancel).await?;
        if cancel.is_cancelled() {
            return Err(LaunchFailure::Cancelled);
        }
        self.engine.start(&spec.name).await.map_err(|error| self.failed(launch, &error))?;
        self.describe_started(launch, cancel).await
    }

    /// Makes the container of an image that is there then; a turn to start it.
    async fn create(
        &self,
        launch: &Launch,
        cancel: &CancellationToken,
    ) -> Result<Option<SemaphorePermit<'_>>, LaunchFailure> {
        let mut pulls = 0;
        loop {
            self.pull(launch, cancel).await?;
            pulls += 1;
            self.report(Command::ImageReady(launch.task.clone(), launch.container.clone())).await;
            let turn = self.starts.acquire().await.ok();
            if cancel.is_cancelled() {
                return Err(LaunchFailure::Cancelled);
            }
            match self.engine.create(&launch.spec).await {
                Ok(()) => return Ok(turn),
                // Somebody has removed it since it was there: another agent of this engine, or a person.
                Err(error) if error.is_missing_image() && pulls < PULLS => {
                    debug!("the image of `{}` is pulled again: {error}", launch.spec.name);
                }
                Err(error) => return Err(self.failed(launch, &error)),
            }
        }
    }

    /// Makes sure that the image is there, and tells how far that has come.
    async fn pull(&self, launch: &Launch, cancel: &CancellationToken) -> Result<(), LaunchFailure> {
        let spec = &launch.spec;
        let (told, news) = watch::channel(String::new());
        let progress = move |text| drop(told.send_replace(text));
        let order = Pull {
            image: &spec.image,
            force: spec.force_pull,
            sandbox: Path::new(&spec.sandbox),
            progress: &progress,
        };
        let pulled = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(LaunchFailure::Cancelled),
            pulled = self.engine.pull(&order) => pulled,
            never = self.tell_progress(launch, news) => match never {},
        };
        let pulled = pulled.map_err(|error| self.failed(launch, &error))?;
        if let (Pulled::Image, Some(images)) = (pulled, &self.images) {
            images.note(&spec.image).await;
        }
        Ok(())
    }

    /// Tells now and then how far a pull has come, for as long as it takes.
    async fn tell_progress(
        &self,
        launch: &Launch,
        mut news: watch::Receiver<String>,
    ) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(PROGRESS).await;
            if news.has_changed().unwrap_or(false) {
                let text = news.borrow_and_update().clone();
                let (task, container) = (launch.task.clone(), launch.container.clone());
                self.report(Command::ImageProgress(task, container, text)).await;
            }
        }
    }

    /// Describes a container that has just been started: an engine that falls silent now does not make that a failure.
    async fn describe_started(
        &self,
        launch: &Launch,
        cancel: &CancellationToken,
    ) -> Result<agent_core::container::Inspection, LaunchFailure> {
        loop {
            match self.engine.inspect(&launch.spec.name).await {
                Ok(inspection) => return Ok(inspection),
                Err(error) if error.is_retryable() => {
                    debug!("container `{}` is described again: {error}", launch.spec.name);
                }
                Err(error) => return Err(self.failed(launch, &error)),
            }
            tokio::select! {
                () = cancel.cancelled() => return Err(LaunchFailure::Cancelled),
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    /// The failure for the framework; its text also goes to the sandbox, where people look first.
    fn failed(&self, launch: &Launch, error: &Error) -> LaunchFailure {
        let message = self.note_failure(&launch.task, &launch.spec.sandbox, error.to_string());
        if error.is_answer() {
            LaunchFailure::Failed(message)
        } else {
            LaunchFailure::NoAnswer(message)
        }
    }

    fn failed_in(&self, task: &TaskKey, sandbox: &str, message: String) -> LaunchFailure {
        LaunchFailure::Failed(self.note_failure(task, sandbox, message))
    }

    fn note_failure(&self, task: &TaskKey, sandbox: &str, message: String) -> String {
        warn!(task.id = %task.task, "task `{}` could not be launched: {message}", task.task);
        let sandbox = sandbox.to_owned();
        let note = format!("Failed to launch container: {message}");
        self.tracker.spawn_blocking(move || {
            if let Err(error) = work_dir::note_failure(Path::new(&sandbox), &note) {
                debug!("could not note a failure in `{sandbox}`: {error}");
            }
        });
        message
    }

    async fn copy_output(&self, name: &str, sandbox: &Path) {
        while let Err(error) = self.engine.copy_output(name, sandbox).await {
            warn!("the output of `{name}` is copied again in a while: {error}");
            tokio::time::sleep(REWRITE).await;
        }
    }

    async fn report(&self, command: Command) {
        if self.inbox.send(command).await.is_err() {
            debug!("the agent has stopped before it heard of its container");
        }
    }

    /// Runs a piece of work until it is done or the process stops; containers run on either way.
    fn spawn(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::JoinHandle<()> {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
        })
    }

    fn launches(&self) -> std::sync::MutexGuard<'_, BTreeMap<ContainerId, CancellationToken>> {
        self.launches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a sandbox, and makes `owner` its owner.
async fn make_sandbox(sandbox: &str, owner: Option<&str>) -> Result<(), LaunchFailure> {
    let failed = |error: &dyn std::fmt::Display| LaunchFailure::Failed(error.to_string());
    let owner = match owner {
        Some(owner) => Some(work_dir::ids(owner).await.map_err(|error| failed(&error))?),
        None => None,
    };
    let sandbox = sandbox.to_owned();
    let made = tokio::task::spawn_blocking(move || {
        let sandbox = Path::new(&sandbox);
        work_dir::make_sandbox(sandbox)?;
        owner.map_or(Ok(()), |owner| work_dir::give_sandbox(sandbox, owner))
    });
    made.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}

/// Repeats a call until the engine has answered it, one way or the other.
async fn until_answered<'a, T>(
    call: impl Fn() -> BoxFuture<'a, Result<T, Error>>,
) -> Result<T, Error> {
    loop {
        match call().await {
            Err(error) if error.is_retryable() => debug!("the engine is asked again: {error}"),
            answered => return answered,
        }
        tokio::time::sleep(RETRY).await;
    }
}
