//! `/metrics`: figures under the names that the original's dashboards use.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use marathon_core::Snapshot;
use marathon_core::instance::Counts;
use serde_json::{Map, Value, json};

use super::Api;
use super::error::ApiError;

/// Apps in the group tree.
const APPS: &str = "marathon.apps.active.gauge";
/// Running deployments.
const DEPLOYMENTS: &str = "marathon.deployments.active.gauge";
/// Instances whose task runs.
const RUNNING: &str = "marathon.instances.running.gauge";
/// Instances whose task is accepted but not started.
const STAGED: &str = "marathon.instances.staged.gauge";
/// Readers of the event stream.
const EVENT_STREAMS: &str = "marathon.http.event-streams.active.gauge";

/// `/metrics`.
pub(super) async fn snapshot(State(api): State<Api>, method: Method) -> Result<Response, ApiError> {
    if !matches!(method, Method::GET | Method::HEAD) {
        return Err(ApiError::method_not_allowed());
    }
    let snapshot = api.snapshot().await?;
    let body = json!({
        "version": "4.0.0",
        "gauges": gauges(&snapshot, api.backend.readers()),
        "counters": {}, "histograms": {}, "meters": {}, "timers": {},
    });
    Ok(Json(body).into_response())
}

fn gauges(snapshot: &Snapshot, readers: usize) -> Map<String, Value> {
    let counts = snapshot.apps.values().map(|app| app.counts);
    let (running, staged) = counts.fold((0, 0), |(running, staged), counts: Counts| {
        (running + counts.running, staged + counts.staged)
    });
    let gauge = |name: &str, value: Value| (name.to_owned(), json!({"value": value}));
    Map::from_iter([
        gauge(APPS, snapshot.apps.len().into()),
        gauge(DEPLOYMENTS, snapshot.deployments.len().into()),
        gauge(RUNNING, running.into()),
        gauge(STAGED, staged.into()),
        gauge(EVENT_STREAMS, readers.into()),
    ])
}
