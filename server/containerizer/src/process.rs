//! Commands without an image, as plain trees of processes: each under an `ekiden-executor` that outlives the agent.
//!
//! All that is known of a command lies in a folder of its own (see the crate `executor`): a call looks there, acts and forgets. The
//! executor starts the command at most once and ends it on demand; here are its cgroups made, its executor started, watched and, when it
//! was itself killed, cleaned up after.

mod cgroups;
mod inside;
mod memory;
mod program;
mod task_folder;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use agent_core::container::{
    BoundVolume, ContainerSpec, Exit, FoundContainer, FoundState, Inspection, Kind, ProcessExit,
    ProcessSpec,
};
use executor::{Identity, Limit, Spec, Volume};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, getrlimit, pidfd_open, setrlimit};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt as _, Interest};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use self::cgroups::Cgroups;
use self::task_folder::{State, TaskFolder};
use crate::{Containerizer, EngineInfo, Error, Pull, Pulled, account};

/// How long an executor may take until its command's program runs.
const START: Duration = Duration::from_secs(60);

/// How long processes may take to end once they have been killed.
const DEATH: Duration = Duration::from_secs(60);

/// Pause between two looks where the system cannot wake us.
const LOOK: Duration = Duration::from_millis(20);

/// How often the removal of what is still in use is tried.
const REMOVALS: u32 = 50;

/// The limit of open files before this process raised its own; commands get this one.
static OPEN_FILES: OnceLock<Rlimit> = OnceLock::new();

/// Where commands and their program are kept.
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    /// A folder of the agent's own, for the commands and the executor's program; made when it is missing.
    pub folder: PathBuf,
    /// Name of the cgroup, below `ekiden`, under which the commands are put, together with those of nobody else.
    pub cgroup: String,
}

/// Runs commands as plain trees of processes.
#[derive(Debug, Clone)]
pub struct Process(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tasks: PathBuf,
    program: PathBuf,
    cgroups: Cgroups,
}

impl Process {
    /// Unpacks the executor, finds the cgroups that can be used, and raises this process's own limit of open files: it watches each command.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn open(config: &ProcessConfig) -> Result<Self, Error> {
        let tasks = config.folder.join("tasks");
        std::fs::create_dir_all(&tasks).map_err(Error::io("make", &tasks))?;
        let programs = config.folder.join("programs");
        let program =
            program::unpack(&programs).map_err(Error::io("unpack the executor to", &programs))?;
        let before = OPEN_FILES.get_or_init(|| getrlimit(Resource::Nofile));
        // Where that is refused the limit stays, and is met only by very many commands.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: before.maximum, ..*before });
        let cgroups = Cgroups::find(&config.cgroup);
        Ok(Self(Arc::new(Inner { tasks, program, cgroups })))
    }

    /// Lists the commands, ended ones included.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn list(&self) -> Result<Vec<FoundContainer>, Error> {
        self.blocking(Inner::list).await
    }

    /// Ends every command at once, as the death of the machine would; how many there were.
    ///
    /// # Errors
    /// When one of them does not end.
    pub async fn kill_all(&self) -> Result<usize, Error> {
        let found = self.list().await?;
        let ends = found.iter().map(|found| self.stop_command(&found.name, Duration::ZERO));
        futures_util::future::try_join_all(ends).await?;
        Ok(found.iter().filter(|found| found.state == FoundState::Running).count())
    }

    /// Runs a piece of file work where it may take its time.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.0);
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(done) => done,
            Err(broken) => Err(Error::Launch { message: broken.to_string() }),
        }
    }

    async fn state(&self, name: &str) -> Result<State, Error> {
        let folder = self.0.folder(name);
        self.blocking(move |_| {
            folder.state().map_err(Error::io("read the state of", folder.path()))
        })
        .await
    }

    async fn start_command(&self, name: &str) -> Result<(), Error> {
        let folder = self.0.folder(name);
        let mut executor = Command::new(&self.0.program)
            .arg("run")
            .arg(folder.path())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("start", &self.0.program))?;
        let mut said = String::new();
        if let Some(mut output) = executor.stdout.take() {
            match timeout(START, output.read_to_string(&mut said)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => said = format!("the executor cannot be heard: {error}"),
                Err(_) => said = format!("the executor did not answer in {} s", START.as_secs()),
            }
        }
        // The runtime waits for it when it ends; it may well outlive this process.
        drop(executor);
        match said.as_str() {
            executor::STARTED => Ok(()),
            executor::CLAIMED => match self.state(name).await? {
                State::Runs(_) | State::Ended(_) => Ok(()),
                State::Unknown | State::Made | State::Abandoned => {
                    Err(Error::UnknownContainer { name: name.to_owned() })
                }
            },
            "" => Err(Error::Launch {
                message: "the executor ended before the command was started".to_owned(),
            }),
            message => Err(Error::Launch { message: message.to_owned() }),
        }
    }

    async fn stop_command(&self, name: &str, grace: Duration) -> Result<(), Error> {
        let stopped = timeout(grace.saturating_add(DEATH), self.end(name, grace)).await;
        stopped.unwrap_or_else(|_| Err(Error::Undying { name: name.to_owned(), after: DEATH }))
    }

    async fn end(&self, name: &str, grace: Duration) -> Result<(), Error> {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let mut is_told = false;
        loop {
            match self.state(name).await? {
                State::Unknown | State::Ended(_) => return Ok(()),
                State::Made => {
                    let folder = self.0.folder(name);
                    self.blocking(move |_| {
                        folder.fence().map_err(Error::io("give up", folder.path()))
                    })
                    .await?;
                }
                State::Abandoned => return self.clean_up(name).await,
                State::Runs(_) if !is_told => {
                    let folder = self.0.folder(name);
                    is_told = self
                        .blocking(move |_| {
                            folder.order_stop(grace_ms).map_err(Error::io("stop", folder.path()))
                        })
                        .await?;
                    if !is_told {
                        sleep(LOOK).await;
                    }
                }
                State::Runs(executor) => ended(&executor).await,
            }
        }
    }

    /// Ends what is left of a command whose executor was killed.
    async fn clean_up(&self, name: &str) -> Result<(), Error> {
        loop {
            let folder = self.0.folder(name);
            let killed =
                self.blocking(move |inner| Ok(folder.kill_leftovers(&inner.cgroups))).await?;
            if killed == 0 {
                return Ok(());
            }
            sleep(LOOK).await;
        }
    }

    async fn wait_for_exit(&self, name: &str) -> Exit {
        loop {
            match self.state(name).await {
                Ok(State::Unknown) => return Exit::Vanished,
                Ok(State::Ended(exit)) => return Exit::Process(exit),
                Ok(State::Runs(executor)) => ended(&executor).await,
                Ok(State::Made) => sleep(LOOK * 10).await,
                Ok(State::Abandoned) => {
                    if let Err(error) = self.clean_up(name).await {
                        tracing::warn!("what `{name}` left behind could not be ended: {error}");
                    }
                    return Exit::Process(ProcessExit::Unknown);
                }
                Err(error) => {
                    tracing::warn!("cannot tell whether `{name}` still runs: {error}");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn remove_command(&self, name: &str) -> Result<(), Error> {
        self.stop_command(name, Duration::ZERO).await?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (folder, of_cgroup) = (self.0.folder(name), name.to_owned());
            let removed = self.blocking(move |inner| {
                inner.cgroups.remove(&of_cgroup)?;
                folder.remove().map_err(Error::io("remove", folder.path()))
            });
            match removed.await {
                // The system may take a moment to forget the last process.
                Err(Error::Io { .. }) if attempts < REMOVALS => sleep(LOOK).await,
                removed => return removed,
            }
        }
    }
}

impl Inner {
    fn folder(&self, name: &str) -> TaskFolder {
        TaskFolder::new(&self.tasks, name)
    }

    fn create(
        &self,
        spec: &ProcessSpec,
        account: Option<(u32, u32, Vec<u32>)>,
    ) -> Result<(), Error> {
        let folder = self.folder(&spec.name);
        let state = folder.state().map_err(Error::io("read the state of", folder.path()))?;
        if !matches!(state, State::Unknown | State::Made) {
            return Ok(());
        }
        let made = self.cgroups.make(spec)?;
        let mut limits: Vec<Limit> = spec
            .limits
            .iter()
            .map(|limit| Limit { name: limit.name.clone(), soft: limit.soft, hard: limit.hard })
            .collect();
        let has_own = limits.iter().any(|limit| limit.name == "NOFILE");
        if let Some(before) = OPEN_FILES.get().filter(|_| !has_own) {
            let Rlimit { current, maximum } = *before;
            limits.push(Limit { name: "NOFILE".to_owned(), soft: current, hard: maximum });
        }
        let oom_score_adj = spec.memory_reservation_bytes.and_then(memory::oom_score_adj);
        let spec = Spec {
            program: spec.program.clone(),
            arguments: spec.arguments.clone(),
            environment: spec.environment.clone(),
            sandbox: PathBuf::from(&spec.sandbox),
            user: spec.user.clone(),
            account,
            limits,
            cgroups: made.folders,
            memory: made.memory,
            pids: made.pids,
            volumes: spec.volumes.iter().map(volume).collect(),
            oom_score_adj,
        };
        folder.make(&spec).map_err(Error::io("write", folder.path()))
    }

    fn list(&self) -> Result<Vec<FoundContainer>, Error> {
        let entries = std::fs::read_dir(&self.tasks).map_err(Error::io("list", &self.tasks))?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Error::io("list", &self.tasks))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if Kind::of_name(&name) != Kind::Process {
                continue;
            }
            let folder = self.folder(&name);
            let state = folder.state().map_err(Error::io("read the state of", folder.path()))?;
            if let Some(state) = state.found() {
                found.push(FoundContainer { name, labels: Default::default(), state });
            }
        }
        Ok(found)
    }
}

/// The numbers of a user that the executor would not find: of a directory service.
async fn directory_account(user: Option<&str>) -> Result<Option<(u32, u32, Vec<u32>)>, Error> {
    let Some(user) = user else { return Ok(None) };
    let local = Path::new("/etc/passwd");
    let users = tokio::fs::read_to_string(local).await.map_err(Error::io("read", local))?;
    if account::is_local(&users, user) {
        return Ok(None);
    }
    let failed = |message| Error::Launch { message };
    let found = account::find(user).await.map_err(|error| failed(error.to_string()))?;
    match found {
        Some(account::Account { user, group, groups }) => Ok(Some((user, group, groups))),
        None => Err(failed(format!("this machine has no user `{user}`"))),
    }
}

fn volume(given: &BoundVolume) -> Volume {
    let BoundVolume { source, target, is_writable } = given;
    Volume { source: source.into(), target: target.into(), is_writable: *is_writable }
}

/// Waits until a process has ended.
async fn ended(process: &Identity) {
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    let handle = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    // Only now is it certain whose number it was.
    if !process.is_alive() {
        return;
    }
    #[expect(
        deprecated,
        reason = "what it asks for holds: an `OwnedFd` stays what it is while it is registered"
    )]
    let registered = handle.map(|handle| AsyncFd::with_interest(handle, Interest::READABLE));
    match registered {
        // The handle becomes readable when the process ends, and never before.
        Some(Ok(handle)) => match handle.readable().await {
            Ok(_) | Err(_) => {}
        },
        // Older kernels; or too many open files.
        Some(Err(_)) | None => sleep(LOOK * 10).await,
    }
}

impl Containerizer for Process {
    fn probe(&self) -> BoxFuture<'_, Result<EngineInfo, Error>> {
        async { Ok(EngineInfo { version: "own".to_owned(), api_version: "none".to_owned() }) }
            .boxed()
    }

    fn pull<'a>(&'a self, _order: &'a Pull<'a>) -> BoxFuture<'a, Result<Pulled, Error>> {
        async { Err(Error::Unsupported { what: "containers from images this way" }) }.boxed()
    }

    fn create<'a>(&'a self, _spec: &'a ContainerSpec) -> BoxFuture<'a, Result<(), Error>> {
        async { Err(Error::Unsupported { what: "containers from images this way" }) }.boxed()
    }

    fn create_process<'a>(&'a self, spec: &'a ProcessSpec) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let account = directory_account(spec.user.as_deref()).await?;
            let spec = spec.clone();
            self.blocking(move |inner| inner.create(&spec, account)).await
        }
        .boxed()
    }

    fn start<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        self.start_command(name).boxed()
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Inspection, Error>> {
        async move {
            match self.state(name).await? {
                State::Unknown | State::Made => {
                    Err(Error::UnknownContainer { name: name.to_owned() })
                }
                State::Runs(_) | State::Ended(_) | State::Abandoned => {
                    Ok(Inspection { json: String::new(), addresses: Vec::new() })
                }
            }
        }
        .boxed()
    }

    fn stop<'a>(&'a self, name: &'a str, grace: Duration) -> BoxFuture<'a, Result<(), Error>> {
        self.stop_command(name, grace).boxed()
    }

    fn wait<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Exit> {
        self.wait_for_exit(name).boxed()
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        self.remove_command(name).boxed()
    }

    /// All commands of the folder are the agent's, so labels do not matter.
    fn containers<'a>(
        &'a self,
        _label: &'a str,
        _value: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundContainer>, Error>> {
        self.list().boxed()
    }

    /// A command writes into its sandbox itself.
    fn copy_output<'a>(
        &'a self,
        _name: &'a str,
        _sandbox: &'a Path,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async { Ok(()) }.boxed()
    }
}
