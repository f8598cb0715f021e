//! What the consoles may ask of the platform. The server provides it through context; the browser never sees it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use wire::console::{
    AgentDetail, AgentRow, AppDetail, AppList, AppsQuery, DeploymentList, FileEntry, FilePart,
    Found, Frameworks, Home, ListQuery, Overview, Page, PartQuery, SandboxPath, SearchQuery,
    TaskRow, TaskScope,
};

/// Why a page has no data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ConsoleError {
    /// The thing asked for does not exist.
    #[error("{what} does not exist")]
    NotFound {
        /// The thing, as a reader names it: "agent `S1`".
        what: String,
    },
    /// Nobody leads, or the agent cannot be reached; it may pass.
    #[error("{reason}")]
    Unavailable {
        /// A sentence for the reader.
        reason: String,
    },
    /// The data did not come in time for the page.
    #[error("the data did not come in time")]
    Late,
    /// The request makes no sense or is not allowed.
    #[error("{message}")]
    Refused {
        /// A sentence for the reader.
        message: String,
    },
    /// The browser could not reach the server.
    #[error("no connection: {reason}")]
    Offline {
        /// The browser's words.
        reason: String,
    },
}

impl ConsoleError {
    /// Whether asking again may help.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Late | Self::Offline { .. } => true,
            Self::NotFound { .. } | Self::Refused { .. } => false,
        }
    }
}

/// An answer that is on its way.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ConsoleError>>;

/// Files of sandboxes; both consoles show them, always through this node.
pub trait FilesBackend: Send + Sync + 'static {
    /// The entries of a folder on an agent.
    fn browse(&self, agent: String, path: String) -> Answer<'_, Vec<FileEntry>>;
    /// A part of a file on an agent.
    fn read(&self, query: PartQuery) -> Answer<'_, FilePart>;
    /// The nearest match in a file on an agent, or where to go on searching.
    fn search(&self, query: SearchQuery) -> Answer<'_, Found>;
    /// Where a task's sandbox is on its agent.
    fn sandbox(
        &self,
        agent: String,
        framework: String,
        executor: String,
    ) -> Answer<'_, SandboxPath>;
}

/// What the cluster console (5050) shows.
pub trait ClusterBackend: FilesBackend {
    /// The facts beside the tables.
    fn overview(&self) -> Answer<'_, Overview>;
    /// The home page, read at one moment.
    fn home(
        &self,
        active: ListQuery,
        unreachable: ListQuery,
        completed: ListQuery,
    ) -> Answer<'_, Home>;
    /// Tasks of all frameworks.
    fn tasks(&self, scope: TaskScope, query: ListQuery) -> Answer<'_, Page<TaskRow>>;
    /// Agents.
    fn agents(&self, query: ListQuery) -> Answer<'_, Page<AgentRow>>;
    /// One agent.
    fn agent(&self, id: String) -> Answer<'_, AgentDetail>;
    /// Frameworks.
    fn frameworks(&self, query: ListQuery) -> Answer<'_, Frameworks>;
}

/// What the application console (8080) shows.
pub trait AppsBackend: FilesBackend {
    /// Applications.
    fn apps(&self, query: AppsQuery) -> Answer<'_, AppList>;
    /// One application, by its absolute path id; none when it does not exist.
    fn app(&self, id: String) -> Answer<'_, Option<AppDetail>>;
    /// Running deployments.
    fn deployments(&self) -> Answer<'_, DeploymentList>;
    /// Where a task's files are.
    fn log_place(&self, task: String) -> Answer<'_, LogPlace>;
}

/// Where a task runs, or ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPlace {
    /// Agent.
    pub agent: String,
    /// Framework.
    pub framework: String,
    /// Executor.
    pub executor: String,
}

/// How long rendering waits for data; made anew for each question.
///
/// After it the page is sent with its empty state and a notice, since a page without data beats no page.
#[derive(Clone)]
pub struct Deadline(pub Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>);

impl std::fmt::Debug for Deadline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Deadline").finish()
    }
}
