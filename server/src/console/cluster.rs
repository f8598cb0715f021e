//! The cluster console's data, read from the leading master's published state.
//!
//! Reads never queue behind anything: every answer is built from one immutable snapshot. Where this process does not lead,
//! there is nothing to show yet.

mod rows;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use app::backend::Answer;
use app::{ClusterBackend, ConsoleError, FilesBackend};
use master_core::Snapshot;
use model::AgentId;
use tokio::sync::watch;
use wire::console::{
    AgentDetail, AgentRow, FileEntry, FilePart, Found, Frameworks, Home, ListQuery, Overview, Page,
    PartQuery, SandboxPath, SearchQuery, TaskRow, TaskScope, Topic,
};

pub(crate) use self::rows::{amount_of, task_row};
use super::events::ChangeFeed;
use super::files::{AgentHttp, Asked, Download};
use super::lists::page_of;
use crate::history::Earlier;

/// What the master publishes; `None` while this process does not lead.
pub(crate) type Published = watch::Receiver<Option<Arc<Snapshot>>>;

/// What the home page says about this process and not about the cluster's state.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProcessFacts {
    /// `--cluster`.
    pub(crate) cluster: Option<String>,
    /// `host:port` of this process's own 5050.
    pub(crate) server: String,
    /// The Mesos version that it speaks.
    pub(crate) version: String,
    /// When it was built, in milliseconds since the Unix epoch.
    pub(crate) built_ms: Option<u64>,
    /// Who built it.
    pub(crate) built_by: Option<String>,
    /// When it started.
    pub(crate) started_ms: u64,
    /// It listens off loopback and asks for no credentials.
    pub(crate) open_without_credentials: bool,
    /// Whether there is room to store changes.
    pub(crate) storage: coordination::Storage,
}

/// The cluster console of a process with a master.
#[derive(Debug)]
pub(crate) struct ClusterConsole {
    published: Published,
    facts: ProcessFacts,
    past: Option<Past>,
    http: AgentHttp,
}

/// What the console shows of history.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    /// Tasks that ended before the present master was elected.
    pub(crate) earlier: Earlier,
    /// How history fares.
    pub(crate) status: watch::Receiver<store::Status>,
}

impl ClusterConsole {
    /// The console of the master that publishes `published`.
    pub(crate) fn new(published: Published, facts: ProcessFacts) -> Self {
        Self { published, facts, past: None, http: AgentHttp::new() }
    }

    /// The same console, which also shows what was before this master.
    pub(crate) fn with_past(self, past: Past) -> Self {
        Self { past: Some(past), ..self }
    }

    fn overview_of(&self, snapshot: &Snapshot) -> Overview {
        let problem = self.past.as_ref().and_then(|past| past.status.borrow().problem.clone());
        Overview { history_problem: problem, ..rows::overview(snapshot, &self.facts) }
    }

    /// Tasks that have ended: those that the master remembers, and those of masters before it.
    fn completed(&self, snapshot: &Snapshot) -> Vec<TaskRow> {
        let mut tasks = rows::tasks(snapshot, TaskScope::Completed);
        if let Some(past) = &self.past {
            let earlier = Arc::clone(&past.earlier.borrow());
            tasks.extend(rows::earlier(snapshot, &earlier, &tasks));
        }
        tasks
    }

    fn tasks_of(&self, snapshot: &Snapshot, scope: TaskScope) -> Vec<TaskRow> {
        match scope {
            TaskScope::Completed => self.completed(snapshot),
            TaskScope::Active | TaskScope::Unreachable => rows::tasks(snapshot, scope),
        }
    }

    fn read<T>(&self, build: impl FnOnce(&Snapshot) -> Result<T, ConsoleError>) -> Answer<'_, T>
    where
        T: Send + 'static,
    {
        // Borrowed for the blink of a clone: the sender waits for borrowers.
        let snapshot = self.published.borrow().clone();
        let answer = match snapshot {
            Some(snapshot) => build(&snapshot),
            None => Err(no_leader()),
        };
        Box::pin(std::future::ready(answer))
    }

    /// Where an agent's files are served.
    fn files_of(&self, agent: &str) -> Result<String, ConsoleError> {
        let snapshot = self.published.borrow().clone().ok_or_else(no_leader)?;
        let known = snapshot.agents.get(&AgentId::from(agent)).ok_or_else(|| no_agent(agent))?;
        Ok(format!("http://{}/files", rows::host_and_port(known.ip(), known.port())))
    }
}

fn no_leader() -> ConsoleError {
    ConsoleError::Unavailable { reason: "No master is currently leading ...".to_owned() }
}

fn no_agent(id: &str) -> ConsoleError {
    ConsoleError::NotFound { what: format!("agent `{id}`") }
}

impl FilesBackend for ClusterConsole {
    fn browse(&self, agent: String, path: String) -> Answer<'_, Vec<FileEntry>> {
        Box::pin(async move { self.http.browse(&self.files_of(&agent)?, &path).await })
    }

    fn read(&self, query: PartQuery) -> Answer<'_, FilePart> {
        Box::pin(async move { self.http.read(&self.files_of(&query.agent)?, &query).await })
    }

    fn search(&self, query: SearchQuery) -> Answer<'_, Found> {
        Box::pin(async move { self.http.search(&self.files_of(&query.agent)?, &query).await })
    }

    fn sandbox(
        &self,
        agent: String,
        framework: String,
        executor: String,
    ) -> Answer<'_, SandboxPath> {
        self.read(|snapshot| {
            snapshot.agents.get(&AgentId::from(agent.as_str())).ok_or_else(|| no_agent(&agent))?;
            // An agent gives every sandbox this name beside its long one.
            Ok(SandboxPath {
                path: format!("/frameworks/{framework}/executors/{executor}/runs/latest"),
            })
        })
    }
}

impl Download for ClusterConsole {
    fn download(&self, asked: Asked) -> Answer<'_, axum::response::Response> {
        Box::pin(async move { self.http.download(&self.files_of(&asked.agent)?, &asked).await })
    }
}

impl ClusterBackend for ClusterConsole {
    fn overview(&self) -> Answer<'_, Overview> {
        self.read(|snapshot| Ok(self.overview_of(snapshot)))
    }

    fn home(
        &self,
        active: ListQuery,
        unreachable: ListQuery,
        completed: ListQuery,
    ) -> Answer<'_, Home> {
        self.read(|snapshot| {
            Ok(Home {
                overview: self.overview_of(snapshot),
                active: page_of(rows::tasks(snapshot, TaskScope::Active), &active),
                unreachable: page_of(rows::tasks(snapshot, TaskScope::Unreachable), &unreachable),
                completed: page_of(self.completed(snapshot), &completed),
            })
        })
    }

    fn tasks(&self, scope: TaskScope, query: ListQuery) -> Answer<'_, Page<TaskRow>> {
        self.read(|snapshot| Ok(page_of(self.tasks_of(snapshot, scope), &query)))
    }

    fn agents(&self, query: ListQuery) -> Answer<'_, Page<AgentRow>> {
        self.read(|snapshot| Ok(page_of(rows::agents(snapshot), &query)))
    }

    fn agent(&self, id: String) -> Answer<'_, AgentDetail> {
        self.read(|snapshot| rows::agent(snapshot, &self.facts, &id).ok_or_else(|| no_agent(&id)))
    }

    fn frameworks(&self, query: ListQuery) -> Answer<'_, Frameworks> {
        self.read(|snapshot| {
            let (active, inactive) =
                rows::frameworks(snapshot).into_iter().partition(|row| row.active);
            Ok(Frameworks {
                active: page_of(active, &query),
                inactive: page_of(inactive, &query),
                completed: page_of(rows::completed_frameworks(snapshot), &query),
            })
        })
    }
}

/// Marks what differs from one published state to the next, for as long as the master publishes.
pub(crate) async fn mark_changes(mut published: Published, feed: ChangeFeed) {
    let mut last = published.borrow_and_update().clone();
    while published.changed().await.is_ok() {
        let now = published.borrow_and_update().clone();
        feed.mark(&differences(last.as_deref(), now.as_deref()));
        last = now;
    }
}

/// Marks what the console shows of history when that changes, for as long as history is kept.
pub(crate) async fn mark_past(mut past: Past, feed: ChangeFeed) {
    loop {
        let changed = tokio::select! {
            changed = past.earlier.changed() => changed,
            changed = past.status.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
        feed.mark(&[Topic::Task]);
    }
}

fn differences(old: Option<&Snapshot>, new: Option<&Snapshot>) -> Vec<Topic> {
    let (Some(old), Some(new)) = (old, new) else {
        return vec![Topic::Leader, Topic::Agent, Topic::Framework, Topic::Task];
    };
    let mut topics = Vec::new();
    if old.elected_at != new.elected_at {
        topics.push(Topic::Leader);
    }
    let has_same_agents = old.agents.ptr_eq(&new.agents)
        && old.unreachable_agents.ptr_eq(&new.unreachable_agents)
        && old.recovered_agents.ptr_eq(&new.recovered_agents);
    if !has_same_agents {
        topics.push(Topic::Agent);
    }
    if !old.frameworks.ptr_eq(&new.frameworks) {
        topics.push(Topic::Framework);
        topics.push(Topic::Task);
    }
    topics
}
