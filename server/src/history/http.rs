//! `/ekiden/v1/history/…`: pages of what has been, as JSON. The shapes stand in `wire::history`.
//!
//! Answers come from this node's file, whoever leads. A parameter that a list does not take is refused, so that
//! a misspelt filter is no filter that matches everything.

use axum::Json;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use model::Timestamp;
use serde_json::json;
use store::{
    DeploymentFilter, DeploymentRecord, History, Outcome, Page, PageQuery, ReadError, TaskFilter,
    TaskRecord, VersionFilter, VersionRecord,
};
use tracing::warn;
use wire::console::query_pairs;
use wire::history::{AppVersion, EndedTask, HistoryPage, PastDeployment};

/// What is served beside the Mesos master.
pub(crate) fn cluster_routes(history: History) -> Router {
    Router::new().route("/ekiden/v1/history/tasks", get(tasks)).with_state(history)
}

/// What is served beside Marathon.
pub(crate) fn apps_routes(history: History) -> Router {
    Router::new()
        .route("/ekiden/v1/history/versions", get(versions))
        .route("/ekiden/v1/history/deployments", get(deployments))
        .with_state(history)
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// The list does not take this parameter.
    #[error("there is no parameter '{0}' here")]
    Parameter(String),
    /// The parameter's value makes no sense.
    #[error("'{value}' is not a value of '{name}'")]
    Value { name: String, value: String },
    /// The page could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Parameter(_) | Self::Value { .. } | Self::Read(ReadError::Cursor(_)) => {
                StatusCode::BAD_REQUEST
            }
            Self::Read(ReadError::Closed) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Read(error @ ReadError::Sql(source)) => {
                warn!("{error}: {source}");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        (status, Json(json!({ "message": self.to_string() }))).into_response()
    }
}

/// Reads a query; `take` is given what is not common to all lists and says whether it knows the name.
fn parse(
    query: Option<&str>,
    mut take: impl FnMut(&str, &str) -> Result<bool, Refusal>,
) -> Result<PageQuery, Refusal> {
    let mut page = PageQuery::default();
    for (name, value) in query_pairs(query.unwrap_or_default()) {
        match name.as_str() {
            "limit" => page.limit = Some(number(&name, &value)?),
            "cursor" => page.cursor = Some(value),
            // Marathon's port indents every answer on request.
            "pretty" => {}
            _ if take(&name, &value)? => {}
            _ => return Err(Refusal::Parameter(name)),
        }
    }
    Ok(page)
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Refusal> {
    let refusal = || Refusal::Value { name: name.to_owned(), value: value.to_owned() };
    value.parse().map_err(|_| refusal())
}

async fn tasks(
    State(history): State<History>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let mut filter = TaskFilter::default();
    let page = parse(query.as_deref(), |name, value| {
        let text = || Some(value.to_owned());
        match name {
            "framework_id" => filter.framework = text(),
            "task_id" => filter.task = text(),
            "agent_id" => filter.agent = text(),
            "state" => filter.state = text(),
            "since_ms" => filter.since_ms = Some(number(name, value)?),
            "until_ms" => filter.until_ms = Some(number(name, value)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(answer(&history, history.tasks(&filter, &page).await?, task))
}

async fn versions(
    State(history): State<History>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let mut filter = VersionFilter::default();
    let page = parse(query.as_deref(), |name, value| {
        match name {
            "app_id" => filter.app = Some(value.to_owned()),
            "since_ms" => filter.since_ms = Some(number(name, value)?),
            "until_ms" => filter.until_ms = Some(number(name, value)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(answer(&history, history.versions(&filter, &page).await?, version))
}

async fn deployments(
    State(history): State<History>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let mut filter = DeploymentFilter::default();
    let page = parse(query.as_deref(), |name, value| {
        match name {
            "app_id" => filter.app = Some(value.to_owned()),
            "outcome" => {
                let outcome = Outcome::from_name(value);
                let refusal = || Refusal::Value { name: name.to_owned(), value: value.to_owned() };
                filter.outcome = Some(outcome.ok_or_else(refusal)?);
            }
            "since_ms" => filter.since_ms = Some(number(name, value)?),
            "until_ms" => filter.until_ms = Some(number(name, value)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(answer(&history, history.deployments(&filter, &page).await?, deployment))
}

fn answer<T, R: serde::Serialize>(
    history: &History,
    page: Page<T>,
    row: impl Fn(T) -> R,
) -> Response {
    let status = history.status().borrow().clone();
    Json(HistoryPage {
        rows: page.rows.into_iter().map(row).collect(),
        next: page.next,
        skipped: status.skipped,
        problem: status.problem,
    })
    .into_response()
}

/// A stored time for readers; none is before 1970.
fn ms(time: i64) -> u64 {
    u64::try_from(time).unwrap_or(0)
}

fn task(task: TaskRecord) -> EndedTask {
    EndedTask {
        framework_id: task.framework_id,
        framework: task.framework,
        task_id: task.task_id,
        name: task.name,
        role: task.role,
        agent_id: task.agent_id,
        host: task.host,
        executor_id: task.executor_id,
        container: task.container,
        state: task.state,
        reason: task.reason,
        message: task.message,
        started_ms: task.started_ms.map(ms),
        ended_ms: ms(task.ended_ms),
        resources: task.resources,
    }
}

fn version(version: VersionRecord) -> AppVersion {
    AppVersion {
        app_id: version.app_id,
        version: Timestamp::from_millis(version.version_ms).to_string(),
        version_ms: ms(version.version_ms),
        definition: serde_json::from_str(&version.definition).unwrap_or_default(),
        client_ip: version.caller.client_ip,
        uri: version.caller.uri,
    }
}

fn deployment(deployment: DeploymentRecord) -> PastDeployment {
    PastDeployment {
        id: deployment.deployment_id,
        version: Timestamp::from_millis(deployment.version_ms).to_string(),
        affected_apps: serde_json::from_str(&deployment.apps).unwrap_or_default(),
        steps: serde_json::from_str(&deployment.steps).unwrap_or_default(),
        outcome: deployment.outcome.name().to_owned(),
        reason: deployment.reason,
        started_ms: ms(deployment.version_ms),
        ended_ms: deployment.ended_ms.map(ms),
        client_ip: deployment.caller.client_ip,
        uri: deployment.caller.uri,
    }
}
