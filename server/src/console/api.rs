//! `/ui/api/v1`: the pages' data as JSON, for the browser's side of the consoles and for scripts.

use std::sync::Arc;

use app::{AppsBackend, ClusterBackend, ConsoleError, FilesBackend};
use axum::Json;
use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use wire::console::{AppsQuery, ListQuery, PartQuery, SearchQuery, TaskScope, query_pairs};

use super::files::{Asked, Download, MAX_READ};

/// Answers JSON, or says why not.
fn reply<T: Serialize>(answer: Result<T, ConsoleError>) -> Response {
    match answer {
        Ok(body) => Json(body).into_response(),
        Err(error) => refusal(&error),
    }
}

/// The status and body of an error.
pub(super) fn refusal(error: &ConsoleError) -> Response {
    let status = match error {
        ConsoleError::NotFound { .. } => StatusCode::NOT_FOUND,
        ConsoleError::Refused { .. } => StatusCode::BAD_REQUEST,
        ConsoleError::Unavailable { .. } | ConsoleError::Offline { .. } => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ConsoleError::Late => StatusCode::GATEWAY_TIMEOUT,
    };
    (status, Json(error)).into_response()
}

/// Any path under `/ui/api` that does not exist.
pub(super) async fn unknown(uri: Uri) -> Response {
    refusal(&ConsoleError::NotFound { what: format!("`{}`", uri.path()) })
}

/// One value of a query string; empty when it is missing.
fn value(query: Option<&str>, name: &str) -> String {
    query_pairs(query.unwrap_or_default())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
        .unwrap_or_default()
}

fn list(query: Option<&str>, prefix: &str) -> ListQuery {
    ListQuery::from_query(query.unwrap_or_default(), prefix)
}

/// What the cluster console reads.
pub(super) fn cluster_routes(backend: Arc<dyn ClusterBackend>) -> Router {
    type Shared = axum::extract::State<Arc<dyn ClusterBackend>>;
    let home = |backend: Shared, RawQuery(query): RawQuery| async move {
        let query = query.as_deref();
        reply(backend.home(list(query, ""), list(query, "u-"), list(query, "c-")).await)
    };
    let tasks = |backend: Shared, RawQuery(query): RawQuery| async move {
        let query = query.as_deref();
        let named = value(query, "scope");
        let scope =
            if named.is_empty() { Some(TaskScope::Active) } else { TaskScope::from_name(&named) };
        match scope {
            Some(scope) => reply(backend.tasks(scope, list(query, "")).await),
            None => refusal(&ConsoleError::Refused {
                message: format!(
                    "scope is `{named}`, but must be active, unreachable or completed"
                ),
            }),
        }
    };
    Router::new()
        .route("/cluster", get(|backend: Shared| async move { reply(backend.overview().await) }))
        .route("/home", get(home))
        .route("/tasks", get(tasks))
        .route(
            "/agents",
            get(|backend: Shared, RawQuery(query): RawQuery| async move {
                reply(backend.agents(list(query.as_deref(), "")).await)
            }),
        )
        .route(
            "/agents/{id}",
            get(|backend: Shared, Path(id): Path<String>| async move { reply(backend.agent(id).await) }),
        )
        .route(
            "/frameworks",
            get(|backend: Shared, RawQuery(query): RawQuery| async move {
                reply(backend.frameworks(list(query.as_deref(), "")).await)
            }),
        )
        .with_state(backend)
}

/// What the application console reads.
pub(super) fn apps_routes(backend: Arc<dyn AppsBackend>) -> Router {
    type Shared = axum::extract::State<Arc<dyn AppsBackend>>;
    let apps = |backend: Shared, RawQuery(query): RawQuery| async move {
        reply(backend.apps(AppsQuery::from_query(query.as_deref().unwrap_or_default())).await)
    };
    let app = |backend: Shared, RawQuery(query): RawQuery| async move {
        reply(backend.app(value(query.as_deref(), "id")).await)
    };
    Router::new()
        .route("/apps", get(apps))
        .route("/app", get(app))
        .route(
            "/deployments",
            get(|backend: Shared| async move { reply(backend.deployments().await) }),
        )
        .with_state(backend)
}

/// Files, whole or in part, on both consoles.
pub(super) fn download_routes(backend: Arc<dyn Download>) -> Router {
    type Shared = axum::extract::State<Arc<dyn Download>>;
    let download = |backend: Shared,
                    Path(agent): Path<String>,
                    RawQuery(query): RawQuery,
                    headers: HeaderMap| async move {
        let asked = Asked::of(agent, query.as_deref().unwrap_or_default(), &headers);
        match backend.download(asked).await {
            Ok(response) => response,
            Err(error) => refusal(&error),
        }
    };
    Router::new().route("/agents/{id}/files/download", get(download)).with_state(backend)
}

/// Sandboxes, on both consoles.
pub(super) fn files_routes(backend: Arc<dyn FilesBackend>) -> Router {
    type Shared = axum::extract::State<Arc<dyn FilesBackend>>;
    let browse = |backend: Shared, Path(agent): Path<String>, RawQuery(query): RawQuery| async move {
        reply(backend.browse(agent, value(query.as_deref(), "path")).await)
    };
    let read = |backend: Shared, Path(agent): Path<String>, RawQuery(query): RawQuery| async move {
        let query = query.as_deref();
        let number = |name: &str| value(query, name).parse().ok();
        let offset = value(query, "offset").parse().unwrap_or(0);
        reply(
            backend
                .read(PartQuery {
                    agent,
                    path: value(query, "path"),
                    offset,
                    // From the end a length has to be said; without one only the size is asked for.
                    length: number("length").unwrap_or(if offset < 0 { 0 } else { MAX_READ }),
                    wait: number("wait").unwrap_or(0),
                })
                .await,
        )
    };
    let search = |backend: Shared, Path(agent): Path<String>, RawQuery(query): RawQuery| async move {
        match search_query(agent, query.as_deref()) {
            Ok(query) => reply(backend.search(query).await),
            Err(error) => refusal(&error),
        }
    };
    let sandbox = |backend: Shared, Path(agent): Path<String>, RawQuery(query): RawQuery| async move {
        let query = query.as_deref();
        reply(backend.sandbox(agent, value(query, "framework"), value(query, "executor")).await)
    };
    Router::new()
        .route("/agents/{id}/files/browse", get(browse))
        .route("/agents/{id}/files/read", get(read))
        .route("/agents/{id}/files/search", get(search))
        .route("/agents/{id}/sandbox", get(sandbox))
        .with_state(backend)
}

/// What is searched for; the text is judged by the agent, which has the rules.
fn search_query(agent: String, query: Option<&str>) -> Result<SearchQuery, ConsoleError> {
    let refused = |name: &str, wanted: &str, found: &str| ConsoleError::Refused {
        message: format!("{name} is `{found}`, but must be {wanted}"),
    };
    let offset = match value(query, "offset").as_str() {
        "" => 0,
        text => text.parse().map_err(|_| refused("offset", "a number of bytes", text))?,
    };
    let is_back = match value(query, "back").as_str() {
        "" | "false" => false,
        "true" => true,
        text => return Err(refused("back", "true or false", text)),
    };
    let (path, text) = (value(query, "path"), value(query, "text"));
    Ok(SearchQuery { agent, path, text, offset, is_back })
}
