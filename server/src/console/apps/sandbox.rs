//! Sandboxes for the application console, read through the leading master's HTTP API alone.

use std::sync::Arc;

use app::ConsoleError;
use app::backend::Answer;
use axum::response::Response;
use wire::console::{FileEntry, FilePart, Found, PartQuery, SandboxPath, SearchQuery, escape};

use crate::console::files::{AgentHttp, Asked};

/// Where the leading master is: `host:port`.
pub(crate) type LeadingMaster = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Asks the leading master; cheap to clone.
#[derive(Clone)]
pub(crate) struct MasterFiles {
    master: LeadingMaster,
    client: AgentHttp,
}

impl std::fmt::Debug for MasterFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterFiles").finish_non_exhaustive()
    }
}

impl MasterFiles {
    /// Asks whichever master `master` names at the time.
    pub(crate) fn new(master: LeadingMaster) -> Self {
        Self { master, client: AgentHttp::new() }
    }

    /// The address of an agent at the leading master, without a trailing slash.
    fn agent(&self, agent: &str) -> Result<String, ConsoleError> {
        let master = (self.master)().ok_or_else(|| ConsoleError::Unavailable {
            reason: "no Mesos master leads".to_owned(),
        })?;
        Ok(format!("http://{master}/ui/api/v1/agents/{}", escape(agent)))
    }

    fn files(&self, agent: &str) -> Result<String, ConsoleError> {
        Ok(format!("{}/files", self.agent(agent)?))
    }

    /// The entries of a folder on an agent.
    pub(super) fn browse(&self, agent: String, path: String) -> Answer<'_, Vec<FileEntry>> {
        Box::pin(async move { self.client.browse(&self.files(&agent)?, &path).await })
    }

    /// A part of a file on an agent.
    pub(super) fn read(&self, query: PartQuery) -> Answer<'_, FilePart> {
        Box::pin(async move { self.client.read(&self.files(&query.agent)?, &query).await })
    }

    /// The nearest match in a file on an agent, or where to go on.
    pub(super) fn search(&self, query: SearchQuery) -> Answer<'_, Found> {
        Box::pin(async move { self.client.search(&self.files(&query.agent)?, &query).await })
    }

    /// A file of an agent, whole or in part.
    pub(super) fn download(&self, asked: Asked) -> Answer<'_, Response> {
        Box::pin(async move { self.client.download(&self.files(&asked.agent)?, &asked).await })
    }

    /// Where an executor's sandbox is.
    pub(super) fn sandbox(
        &self,
        agent: String,
        framework: String,
        executor: String,
    ) -> Answer<'_, SandboxPath> {
        Box::pin(async move {
            let (framework, executor) = (escape(&framework), escape(&executor));
            let query = format!("/sandbox?framework={framework}&executor={executor}");
            self.client.json(&format!("{}{query}", self.agent(&agent)?)).await
        })
    }
}
