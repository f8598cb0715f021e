//! The application console's data: Marathon's snapshot as rows, sandboxes through the leading master.

mod changes;
mod detail;
mod list;
mod logs;
mod rows;
mod sandbox;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use app::backend::Answer;
use app::{AppsBackend, ConsoleError, FilesBackend};
use axum::response::Response;
use coordination::NoRoom;
use marathon_core::Snapshot;
use model::{AppId, Instant};
use wire::console::{
    AppDetail, AppList, AppsQuery, DeploymentList, FileEntry, FilePart, Found, PartQuery,
    SandboxPath, SearchQuery,
};

use super::files::{Asked, Download};
use crate::marathon::Handle;

pub(crate) use changes::mark_changes;
pub(super) use logs::routes as log_routes;
pub(crate) use sandbox::MasterFiles;

/// Where the latest state of Marathon is to be had.
pub(crate) trait Marathon: Send + Sync + 'static {
    /// The latest stored state; `None` while this process does not lead.
    fn snapshot(&self) -> Option<Arc<Snapshot>>;
    /// The monotonic time, as snapshots use it.
    fn now(&self) -> Instant;
    /// Why there is no room to store changes; `None` while there is.
    fn no_room(&self) -> Option<NoRoom> {
        None
    }
}

impl Marathon for Handle {
    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        Self::snapshot(self)
    }

    fn now(&self) -> Instant {
        Self::now(self)
    }

    fn no_room(&self) -> Option<NoRoom> {
        Self::no_room(self)
    }
}

/// What the application console shows, on the process that leads.
pub(crate) struct AppsConsole {
    marathon: Arc<dyn Marathon>,
    files: MasterFiles,
}

impl std::fmt::Debug for AppsConsole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppsConsole").finish_non_exhaustive()
    }
}

impl AppsConsole {
    /// A console over `marathon`; `files` asks the leading master about sandboxes.
    pub(crate) fn new(marathon: Arc<dyn Marathon>, files: MasterFiles) -> Self {
        Self { marathon, files }
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot, Instant) -> Result<T, ConsoleError>,
    ) -> Answer<'_, T> {
        let answer = match self.marathon.snapshot() {
            Some(snapshot) => read(&snapshot, self.marathon.now()),
            None => Err(ConsoleError::Unavailable {
                reason: "Could not determine the current leader".to_owned(),
            }),
        };
        Box::pin(std::future::ready(answer))
    }
}

impl AppsBackend for AppsConsole {
    fn apps(&self, query: AppsQuery) -> Answer<'_, AppList> {
        let (disk_full, log_problem) = super::told(self.marathon.no_room());
        self.read(|snapshot, now| {
            Ok(AppList { disk_full, log_problem, ..list::apps(snapshot, now, &query) })
        })
    }

    fn app(&self, id: String) -> Answer<'_, Option<AppDetail>> {
        self.read(|snapshot, now| {
            Ok(AppId::parse(&id).ok().and_then(|id| detail::app(snapshot, now, &id)))
        })
    }

    fn deployments(&self) -> Answer<'_, DeploymentList> {
        self.read(|snapshot, now| Ok(detail::deployments(snapshot, now)))
    }

    fn log_place(&self, task: String) -> Answer<'_, app::backend::LogPlace> {
        self.read(|snapshot, _| {
            logs::place(snapshot, &task)
                .ok_or_else(|| ConsoleError::NotFound { what: format!("Task '{task}'") })
        })
    }
}

impl Download for AppsConsole {
    fn download(&self, asked: Asked) -> Answer<'_, Response> {
        self.files.download(asked)
    }
}

impl FilesBackend for AppsConsole {
    fn browse(&self, agent: String, path: String) -> Answer<'_, Vec<FileEntry>> {
        self.files.browse(agent, path)
    }

    fn read(&self, query: PartQuery) -> Answer<'_, FilePart> {
        self.files.read(query)
    }

    fn search(&self, query: SearchQuery) -> Answer<'_, Found> {
        self.files.search(query)
    }

    fn sandbox(
        &self,
        agent: String,
        framework: String,
        executor: String,
    ) -> Answer<'_, SandboxPath> {
        self.files.sandbox(agent, framework, executor)
    }
}
