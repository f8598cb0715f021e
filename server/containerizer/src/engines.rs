//! Two engines as one: the name of a container says which of them runs it.
//!
//! An engine that the agent was not given refuses to make anything and holds nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent_core::container::{ContainerSpec, Exit, FoundContainer, Inspection, Kind, ProcessSpec};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use model::Timestamp;

use crate::{Containerizer, EngineInfo, Error, Pull, Pulled};

/// The engines of one agent.
#[derive(Debug, Clone, Default)]
pub struct Engines {
    /// Runs containers from images.
    pub docker: Option<Arc<dyn Containerizer>>,
    /// Runs commands without an image.
    pub process: Option<Arc<dyn Containerizer>>,
}

impl Engines {
    /// Lists the commands, which are all the agent's own.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn processes(&self) -> Result<Vec<FoundContainer>, Error> {
        match &self.process {
            Some(engine) => engine.containers("", "").await,
            None => Ok(Vec::new()),
        }
    }

    fn of(&self, name: &str) -> Option<&dyn Containerizer> {
        match Kind::of_name(name) {
            Kind::Docker => self.docker.as_deref(),
            Kind::Process => self.process.as_deref(),
        }
    }

    fn docker(&self) -> Result<&dyn Containerizer, Error> {
        self.docker.as_deref().ok_or(Error::Unsupported { what: "Docker containers" })
    }

    fn known(&self, name: &str) -> Result<&dyn Containerizer, Error> {
        self.of(name).ok_or_else(|| Error::UnknownContainer { name: name.to_owned() })
    }
}

impl Containerizer for Engines {
    fn probe(&self) -> BoxFuture<'_, Result<EngineInfo, Error>> {
        async { self.docker()?.probe().await }.boxed()
    }

    fn pull<'a>(&'a self, order: &'a Pull<'a>) -> BoxFuture<'a, Result<Pulled, Error>> {
        async move { self.docker()?.pull(order).await }.boxed()
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<(), Error>> {
        async move { self.docker()?.create(spec).await }.boxed()
    }

    fn create_process<'a>(&'a self, spec: &'a ProcessSpec) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let what = "commands without a container";
            let engine = self.process.as_deref().ok_or(Error::Unsupported { what })?;
            engine.create_process(spec).await
        }
        .boxed()
    }

    fn start<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        async move { self.known(name)?.start(name).await }.boxed()
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Inspection, Error>> {
        async move { self.known(name)?.inspect(name).await }.boxed()
    }

    fn stop<'a>(&'a self, name: &'a str, grace: Duration) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            match self.of(name) {
                Some(engine) => engine.stop(name, grace).await,
                None => Ok(()),
            }
        }
        .boxed()
    }

    fn wait<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Exit> {
        async move {
            match self.of(name) {
                Some(engine) => engine.wait(name).await,
                None => Exit::Vanished,
            }
        }
        .boxed()
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            match self.of(name) {
                Some(engine) => engine.remove(name).await,
                None => Ok(()),
            }
        }
        .boxed()
    }

    /// Only Docker's: an engine that does not answer must not keep the commands from being found (see [`Engines::processes`]).
    fn containers<'a>(
        &'a self,
        label: &'a str,
        value: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundContainer>, Error>> {
        async move {
            match &self.docker {
                Some(engine) => engine.containers(label, value).await,
                None => Ok(Vec::new()),
            }
        }
        .boxed()
    }

    fn ended<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, Error>> {
        async move { self.known(name)?.ended(name).await }.boxed()
    }

    fn copy_output<'a>(
        &'a self,
        name: &'a str,
        sandbox: &'a Path,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            match self.of(name) {
                Some(engine) => engine.copy_output(name, sandbox).await,
                None => Ok(()),
            }
        }
        .boxed()
    }
}
