//! What it takes to ask a running task beside it: a command in its container, a connection in its network.
//!
//! The defaults are those of a task that shares everything with the agent; an engine that isolates overrides them. [`ByKind`] puts each
//! question to the engine that runs the container.

use std::path::PathBuf;
use std::sync::Arc;

use agent_core::container::Kind;
use futures_util::future::BoxFuture;

use crate::Error;

/// The network of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskNetwork {
    /// The namespace of a network of its own; `None` in the host's.
    pub namespace: Option<PathBuf>,
    /// Addresses by which the host reaches it.
    pub addresses: Vec<String>,
}

/// How an engine lets its containers be asked.
pub trait Inside: std::fmt::Debug + Send + Sync + 'static {
    /// Runs a command line in the container and returns its exit code.
    fn run<'a>(
        &'a self,
        name: &'a str,
        line: &'a [String],
        environment: &'a [(String, String)],
    ) -> BoxFuture<'a, Result<i64, Error>>;

    /// The network in which the container runs.
    fn network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<TaskNetwork, Error>> {
        let _ = name;
        Box::pin(std::future::ready(Ok(TaskNetwork::default())))
    }
}

/// Several engines as one: the name of a container says which of them is asked.
#[derive(Debug, Clone, Default)]
pub struct ByKind {
    /// Runs containers from images.
    pub docker: Option<Arc<dyn Inside>>,
    /// Runs commands without an image.
    pub process: Option<Arc<dyn Inside>>,
}

impl ByKind {
    fn of(&self, name: &str) -> Result<&dyn Inside, Error> {
        let engine = match Kind::of_name(name) {
            Kind::Docker => self.docker.as_deref(),
            Kind::Process => self.process.as_deref(),
        };
        engine.ok_or_else(|| Error::UnknownContainer { name: name.to_owned() })
    }
}

impl Inside for ByKind {
    fn run<'a>(
        &'a self,
        name: &'a str,
        line: &'a [String],
        environment: &'a [(String, String)],
    ) -> BoxFuture<'a, Result<i64, Error>> {
        Box::pin(async move { self.of(name)?.run(name, line, environment).await })
    }

    fn network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<TaskNetwork, Error>> {
        Box::pin(async move { self.of(name)?.network(name).await })
    }
}
