//! Tasks: lists, the text form of old load balancers, and kills.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse as _, Response};
use marathon_core::Snapshot;
use marathon_core::command::{AfterKill, Command, KillTasks, TaskSelection};
use marathon_core::effect::Reply;
use marathon_core::instance::Condition;
use marathon_core::render;
use model::{AppId, TaskId};
use serde::Deserialize;
use wire::marathon::{Task, TaskResponse, Tasks};

use super::change::{deployment_result, unexpected};
use super::error::ApiError;
use super::member::{change_id, find, find_below};
use super::query::Query;
use super::{Api, body, negotiate};

/// `/v2/tasks`.
pub(super) async fn collection(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(ApiError::method_not_allowed());
    }
    let snapshot = api.snapshot().await?;
    if negotiate::wants_text(request.headers()) {
        return Ok(text(render::tasks_text(&snapshot, &snapshot.apps)));
    }
    let query = Query::of(request.uri());
    let given = query.all("status").chain(query.all("status[]"));
    let conditions: Vec<Condition> = given
        .filter_map(|status| match status {
            "running" => Some(Condition::Running),
            "staging" => Some(Condition::Staging),
            _ => None,
        })
        .collect();
    Ok(Json(Tasks { tasks: render::all_tasks(&snapshot, &conditions) }).into_response())
}

/// `GET /v2/apps/{id}/tasks`.
pub(super) async fn of_app(api: &Api, id: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    let snapshot = api.snapshot().await?;
    let app = find(&snapshot, id)?.definition.spec.id();
    let selected = snapshot.apps.iter().filter(|(known, _)| *known == app).collect();
    Ok(answer(&snapshot, selected, headers))
}

/// `GET /v2/apps/{group}/*/tasks`.
pub(super) async fn below(
    api: &Api,
    group: &str,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let snapshot = api.snapshot().await?;
    let found = find_below(&snapshot, group)?;
    Ok(answer(&snapshot, found, headers))
}

fn answer(
    snapshot: &Snapshot,
    apps: Vec<(&AppId, &std::sync::Arc<marathon_core::snapshot::App>)>,
    headers: &HeaderMap,
) -> Response {
    if negotiate::wants_text(headers) {
        return text(render::tasks_text(snapshot, apps));
    }
    let tasks = apps.into_iter().flat_map(|(id, _)| render::tasks_of(snapshot, id)).collect();
    Json(Tasks { tasks }).into_response()
}

fn text(lines: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain")], lines).into_response()
}

/// `DELETE /v2/apps/{id}/tasks`.
pub(super) async fn kill_all(api: &Api, id: &str, uri: &Uri) -> Result<Response, ApiError> {
    let query = Query::of(uri);
    let host = query.get("host").filter(|host| *host != "*").map(ToOwned::to_owned);
    let app = change_id(id)?;
    let (instances, deployment) = kill(api, TaskSelection::OfApp { app, host }, uri).await?;
    Ok(deployment.unwrap_or_else(|| Json(Tasks { tasks: instances }).into_response()))
}

/// `DELETE /v2/apps/{id}/tasks/{taskId}`.
pub(super) async fn kill_one(
    api: &Api,
    id: &str,
    task: &str,
    uri: &Uri,
) -> Result<Response, ApiError> {
    let app = change_id(id)?;
    let selection = TaskSelection::One { app, task: TaskId::new(task) };
    let (instances, deployment) = kill(api, selection, uri).await?;
    if let Some(deployment) = deployment {
        return Ok(deployment);
    }
    let task = instances.into_iter().next().ok_or_else(|| ApiError::missing_task(task))?;
    Ok(Json(TaskResponse { task }).into_response())
}

/// Body of `POST /v2/tasks/delete`.
#[derive(Debug, Deserialize)]
struct TaskIds {
    ids: Vec<String>,
}

/// `POST /v2/tasks/delete`.
pub(super) async fn delete_named(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    if request.method() != Method::POST {
        return Err(ApiError::method_not_allowed());
    }
    let uri = request.uri().clone();
    after_kill(&Query::of(&uri))?;
    let TaskIds { ids } = body::json(request).await?;
    if let Some(bad) = ids.iter().find(|id| !id.contains(['.', '_'])) {
        // Compat: the text of the original, class name included.
        return Err(ApiError::bad_request(format!(
            "Invalid task id '{bad}'. [taskId {bad} no valid identifier (of class java.lang.String)]"
        )));
    }
    let tasks = ids.iter().map(|id| TaskId::new(id.as_str())).collect();
    let (instances, deployment) = kill(&api, TaskSelection::Named(tasks), &uri).await?;
    Ok(deployment.unwrap_or_else(|| Json(Tasks { tasks: instances }).into_response()))
}

fn after_kill(query: &Query) -> Result<AfterKill, ApiError> {
    match (query.bool("scale", false)?, query.bool("wipe", false)?) {
        (true, true) => {
            Err(ApiError::bad_request("You cannot use scale and wipe at the same time."))
        }
        (true, false) => Ok(AfterKill::Scale),
        (false, true) => Ok(AfterKill::Wipe),
        (false, false) => Ok(AfterKill::Relaunch),
    }
}

/// Orders the kills; the tasks as they were, and the answer of the deployment that scales down.
async fn kill(
    api: &Api,
    tasks: TaskSelection,
    uri: &Uri,
) -> Result<(Vec<Task>, Option<Response>), ApiError> {
    let query = Query::of(uri);
    let (after, force) = (after_kill(&query)?, query.bool("force", false)?);
    api.snapshot().await?;
    let command = move |request| Command::KillTasks(KillTasks { request, tasks, after, force });
    match api.backend.ask(Box::new(command)).await? {
        Reply::Killing { instances, deployment } => {
            let tasks = instances.iter().filter_map(|instance| render::task(instance)).collect();
            Ok((tasks, deployment.as_ref().map(deployment_result)))
        }
        Reply::Deploying(deploying) => Ok((Vec::new(), Some(deployment_result(&deploying)))),
        Reply::Refused(refusal) => Err(refusal.into()),
        Reply::Done => Err(unexpected()),
    }
}
