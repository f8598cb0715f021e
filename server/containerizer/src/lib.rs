//! Containers, behind one trait: what the agent needs of an engine, and three engines.
//!
//! [`Docker`] drives a Docker engine through its API; [`Process`] runs commands without an image as plain trees of processes, each under
//! an executor of its own; [`Engines`] hands each container to the one that runs it; [`NoOp`] starts nothing and exists for benchmarks and simulations only.
//! Each call is one step of a launch or a kill and can be repeated: what is already so is no error. The steps' order is the agent's
//! business (`agent-core` journals a step before it is taken); nothing here remembers a container between calls, the engine does.
#![forbid(unsafe_code)]

pub mod account;
mod docker;
mod engines;
mod error;
mod fetcher;
mod inside;
mod noop;
mod process;

use std::path::Path;
use std::time::Duration;

use agent_core::container::{ContainerSpec, Exit, FoundContainer, Inspection, ProcessSpec};
use futures_util::future::BoxFuture;
use model::Timestamp;

pub use crate::docker::{CredentialFiles, Docker, DockerConfig, HeldImage, OutputLimit, Removal};
pub use crate::engines::Engines;
pub use crate::error::Error;
pub use crate::fetcher::{FetchError, Fetcher, FetcherConfig, Owner};
pub use crate::inside::{ByKind, Inside, TaskNetwork};
pub use crate::noop::NoOp;
pub use crate::process::{Process, ProcessConfig};
pub use executor::sandbox;

/// What an engine says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// Version of the engine, e.g. `20.10.24`.
    pub version: String,
    /// Version of the API it speaks, e.g. `1.41`.
    pub api_version: String,
}

/// An image to be pulled.
#[derive(Clone, Copy)]
pub struct Pull<'a> {
    /// Its reference, as the framework wrote it.
    pub image: &'a str,
    /// Pulls even when it is present.
    pub force: bool,
    /// The task's sandbox, which may hold credentials.
    pub sandbox: &'a Path,
    /// Is told from time to time how far the pull has come, in a line for people.
    pub progress: &'a (dyn Fn(String) + Send + Sync),
}

impl<'a> Pull<'a> {
    /// A pull of which nobody wants to know how far it has come.
    #[must_use]
    pub fn quiet(image: &'a str, force: bool, sandbox: &'a Path) -> Self {
        Self { image, force, sandbox, progress: &|_| {} }
    }
}

impl std::fmt::Debug for Pull<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pull")
            .field("image", &self.image)
            .field("force", &self.force)
            .finish_non_exhaustive()
    }
}

/// What a pull has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// The image was there, or the registry had no newer one.
    Nothing,
    /// The image has come, and the engine did not have it before.
    Image,
}

/// An engine that runs containers for one agent.
///
/// No method is cancelled half-way by its own means: dropping a future leaves the engine to finish what it was told.
pub trait Containerizer: std::fmt::Debug + Send + Sync + 'static {
    /// Asks the engine who it is; the way to find out that none answers.
    fn probe(&self) -> BoxFuture<'_, Result<EngineInfo, Error>>;

    /// Makes sure that the image is present: pulls it when it is missing, or always when the order says so.
    fn pull<'a>(&'a self, order: &'a Pull<'a>) -> BoxFuture<'a, Result<Pulled, Error>>;

    /// Makes the container without starting it; a container of that name and the same agent directory is taken as made.
    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<(), Error>>;

    /// Makes a command without starting it; one of that name is taken as made.
    fn create_process<'a>(&'a self, spec: &'a ProcessSpec) -> BoxFuture<'a, Result<(), Error>> {
        let _ = spec;
        Box::pin(async { Err(Error::Unsupported { what: "commands without a container" }) })
    }

    /// Starts a made container; one that runs already, or has ended, is left alone.
    fn start<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// Describes a container.
    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Inspection, Error>>;

    /// Asks the container to end, kills it after `grace`, and returns once it has ended; one that has ended or is unknown is no error.
    fn stop<'a>(&'a self, name: &'a str, grace: Duration) -> BoxFuture<'a, Result<(), Error>>;

    /// Waits until the container has ended, through restarts of the engine.
    fn wait<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Exit>;

    /// Removes an ended container and its anonymous volumes; an unknown one is no error.
    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// Lists the containers that carry `label` with `value`, ended ones included.
    fn containers<'a>(
        &'a self,
        label: &'a str,
        value: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundContainer>, Error>>;

    /// When an ended container ended; nothing where the engine cannot tell, or it has not.
    fn ended<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, Error>> {
        let _ = name;
        Box::pin(async { Ok(None) })
    }

    /// Copies the container's output into `stdout` and `stderr` of `sandbox` until the container has ended and everything is copied.
    ///
    /// What was written already is not written again, whatever became of the process that wrote it.
    fn copy_output<'a>(
        &'a self,
        name: &'a str,
        sandbox: &'a Path,
    ) -> BoxFuture<'a, Result<(), Error>>;
}
