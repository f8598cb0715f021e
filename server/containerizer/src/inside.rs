//! What it takes to ask a running task beside it: a command in its container, a connection in its network.
//!
//! The defaults are those of a task that shares everything with the agent; an engine that isolates overrides them.

use std::path::PathBuf;

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
