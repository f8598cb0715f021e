//! The classic endpoints: `/state` and its relatives.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use master_core::Snapshot;
use master_core::view::{self, Facts, TaskQuery};

use super::super::Shared;
use super::answer::{self, Leader, Query};
use super::metrics;
use super::paths::Classic;
use crate::build_info::MESOS_VERSION;

/// Answers a read.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    endpoint: Classic,
    method: &Method,
    uri: &Uri,
) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return answer::method_not_allowed("GET", method);
    }
    let query = Query::of(uri.query());
    match endpoint {
        Classic::Health => StatusCode::OK.into_response(),
        Classic::Version => answer::json(&query, &shared.config.build.classic()),
        Classic::Flags => {
            let flags = wire::mesos::v0::Flags { flags: shared.config.flags.clone() };
            answer::json(&query, &flags)
        }
        Classic::Metrics => metrics::snapshot(shared, &query),
        Classic::Redirect => redirect(shared),
        Classic::State
        | Classic::StateSummary
        | Classic::Slaves
        | Classic::Frameworks
        | Classic::Tasks
        | Classic::Roles => match shared.leading() {
            Some(leading) => {
                let (snapshot, shared) = (leading.snapshot(), Arc::clone(shared));
                // Writing megabytes of JSON takes a while: not on the threads that carry the links.
                let body = tokio::task::spawn_blocking(move || {
                    of_leader(&shared, endpoint, &snapshot, &query)
                });
                body.await.unwrap_or_else(|_| {
                    answer::text(StatusCode::INTERNAL_SERVER_ERROR, "cannot write the answer")
                })
            }
            None => {
                let path = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
                answer::not_leading(shared, path)
            }
        },
    }
}

fn redirect(shared: &Shared) -> Response {
    if shared.leading().is_some() {
        let (host, port) = (&shared.config.hostname, shared.config.port);
        return answer::redirect(&format!("//{host}:{port}"));
    }
    match answer::leader(shared) {
        Leader::Elsewhere(authority) => answer::redirect(&format!("//{authority}")),
        Leader::Recovering => {
            let (host, port) = (&shared.config.hostname, shared.config.port);
            answer::redirect(&format!("//{host}:{port}"))
        }
        Leader::None => answer::text(StatusCode::SERVICE_UNAVAILABLE, "No leader elected"),
    }
}

fn of_leader(shared: &Shared, endpoint: Classic, snapshot: &Snapshot, query: &Query) -> Response {
    match endpoint {
        Classic::State => answer::json(query, &view::state(snapshot, &facts(shared))),
        Classic::StateSummary => {
            answer::json(query, &view::state_summary(snapshot, &facts(shared)))
        }
        Classic::Slaves => answer::json(query, &view::slaves(snapshot, query.get("slave_id"))),
        Classic::Frameworks => {
            answer::json(query, &view::frameworks(snapshot, query.get("framework_id")))
        }
        Classic::Tasks => match task_query(query) {
            Ok(wanted) => answer::json(query, &view::tasks(snapshot, &wanted)),
            Err(problem) => answer::text(StatusCode::BAD_REQUEST, problem),
        },
        Classic::Roles => answer::json(query, &view::roles(snapshot)),
        Classic::Flags
        | Classic::Health
        | Classic::Version
        | Classic::Redirect
        | Classic::Metrics => answer::unknown("/"),
    }
}

fn facts(shared: &Shared) -> Facts {
    Facts {
        version: shared.config.build.classic(),
        started_at: shared.started_at,
        cluster: shared.config.cluster.clone(),
        flags: shared.config.flags.clone(),
    }
}

/// Reads `limit`, `offset`, `order`, `framework_id` and `task_id`; a limit of -1 means all.
fn task_query(query: &Query) -> Result<TaskQuery, String> {
    let number = |name: &str| match query.get(name) {
        Some(text) => text
            .parse::<i64>()
            .map(Some)
            .map_err(|_| format!("Failed to parse '{name}={text}' in query: not a number")),
        None => Ok(None),
    };
    let limit = match number("limit")? {
        Some(limit) => usize::try_from(limit).ok(),
        None => TaskQuery::default().limit,
    };
    Ok(TaskQuery {
        limit,
        offset: number("offset")?.and_then(|offset| usize::try_from(offset).ok()).unwrap_or(0),
        is_ascending: query.get("order") == Some("asc"),
        framework: query.get("framework_id").map(str::to_owned),
        task: query.get("task_id").map(str::to_owned),
    })
}

/// Our own version, beside the one that clients compare.
pub(super) async fn own_version(State(shared): State<Arc<Shared>>) -> Response {
    axum::Json(serde_json::json!({
        "name": "ekiden",
        "version": env!("CARGO_PKG_VERSION"),
        "mesos": MESOS_VERSION,
        "git_sha": shared.config.build.git_sha,
        "build_date": shared.config.build.date(),
    }))
    .into_response()
}
