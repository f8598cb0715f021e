//! Links to a task's files by its name alone: looks the sandbox up and leads there.

use std::sync::Arc;

use app::backend::LogPlace;
use app::{AppsBackend, ConsoleError};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use marathon_core::Snapshot;
use model::TaskId;
use wire::console::escape;

use crate::console::api::refusal;

type Backend = State<Arc<dyn AppsBackend>>;

/// Where a task runs, or ran.
pub(super) fn place(snapshot: &Snapshot, task: &str) -> Option<LogPlace> {
    let instance = snapshot.instance_of_task(&TaskId::new(task))?;
    Some(LogPlace {
        agent: instance.agent()?.to_string(),
        framework: snapshot.framework.as_ref()?.to_string(),
        // A task without an executor of its own runs in one that has its name.
        executor: task.to_owned(),
    })
}

/// `/ui/tasks/{task}/…`: the sandbox, one of its files, or its download.
pub(crate) fn routes(backend: Arc<dyn AppsBackend>) -> Router {
    Router::new()
        .route("/ui/tasks/{task}/sandbox", get(sandbox))
        .route("/ui/tasks/{task}/files/{file}", get(view))
        .route("/ui/tasks/{task}/download/{file}", get(download))
        .with_state(backend)
}

async fn sandbox(State(backend): Backend, Path(task): Path<String>) -> Response {
    lead(&*backend, task, |agent, path| {
        format!("/ui/agents/{}/browse?path={}", escape(agent), escape(path))
    })
    .await
}

async fn view(State(backend): Backend, Path((task, file)): Path<(String, String)>) -> Response {
    lead(&*backend, task, |agent, path| {
        format!("/ui/agents/{}/browse?path={}&file={}", escape(agent), escape(path), escape(&file))
    })
    .await
}

async fn download(State(backend): Backend, Path((task, file)): Path<(String, String)>) -> Response {
    lead(&*backend, task, |agent, path| {
        let file = format!("{path}/{file}");
        format!("/ui/api/v1/agents/{}/files/download?path={}", escape(agent), escape(&file))
    })
    .await
}

async fn lead(
    backend: &dyn AppsBackend,
    task: String,
    target: impl FnOnce(&str, &str) -> String,
) -> Response {
    match find(backend, task).await {
        Ok((agent, path)) => Redirect::to(&target(&agent, &path)).into_response(),
        Err(error) => refusal(&error),
    }
}

async fn find(backend: &dyn AppsBackend, task: String) -> Result<(String, String), ConsoleError> {
    let LogPlace { agent, framework, executor } = backend.log_place(task).await?;
    let found = backend.sandbox(agent.clone(), framework, executor).await?;
    Ok((agent, found.path))
}
