//! The agent's HTTP API on 5051: what tools, consoles and the master's sandbox links read.
//!
//! Every path is served under `/` and under `/slave(1)/`, the parentheses percent-encoded or not, with or without a trailing slash, and
//! the old `.json` names are aliases. All answers come from the snapshot; none waits for the driver.

mod files;
mod guard;
mod metrics;
mod state;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use agent_core::Snapshot;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use model::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use wire::mesos::v0;

use super::config::AgentConfig;
use crate::build_info::Build;
use crate::clock::Clock;

/// Bodies from this size on are compressed for those who can take it.
const WORTH_COMPRESSING: u16 = 1_024;

/// So many readers wait for files to grow; the others are answered at once.
const MAX_WAITING: usize = 256;

/// So many searches through files run at a time; the others wait for their turn.
const MAX_SEARCHING: usize = 2;

/// What the handlers read.
#[derive(Clone)]
pub(super) struct Api {
    shared: Arc<Shared>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
}

struct Shared {
    pid: String,
    hostname: String,
    /// The master as it was named, `HOST:PORT`.
    master: String,
    work_dir: PathBuf,
    flags: BTreeMap<String, String>,
    started: Timestamp,
    clock: Clock,
    /// Readers that may wait for a file to grow.
    waiting: Semaphore,
    /// Turns of those who search a file.
    searching: Arc<Semaphore>,
}

impl Api {
    pub(super) fn new(
        config: &AgentConfig,
        work_dir: PathBuf,
        started: Timestamp,
        clock: Clock,
        snapshot: watch::Receiver<Arc<Snapshot>>,
    ) -> Self {
        let shared = Shared {
            pid: format!("slave(1)@{}:{}", config.ip, config.port),
            hostname: config.hostname.clone(),
            master: config.master.clone(),
            work_dir,
            flags: config.flags.iter().cloned().collect(),
            started,
            clock,
            waiting: Semaphore::new(MAX_WAITING),
            searching: Arc::new(Semaphore::new(MAX_SEARCHING)),
        };
        Self { shared: Arc::new(shared), snapshot }
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }
}

/// The routes of the agent.
pub(super) fn router(api: Api) -> Router {
    let is_json = |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| {
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json")
    };
    Router::new().fallback(answer).with_state(api).layer(
        CompressionLayer::new().compress_when(SizeAbove::new(WORTH_COMPRESSING).and(is_json)),
    )
}

async fn answer(State(api): State<Api>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let text = format!(
            "405 Method Not Allowed. Expecting one of {{ 'GET' }}, but received '{}'.",
            request.method()
        );
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")], text).into_response();
    }
    let query = Query::of(request.uri().query().unwrap_or_default());
    if let Some(problem) = guard::refusal(&api, request.headers(), &query) {
        return (StatusCode::FORBIDDEN, problem).into_response();
    }
    match endpoint(request.uri().path()).as_str() {
        "/state" => json(&query, &state::state(&api)),
        "/flags" => json(&query, &v0::Flags { flags: api.shared.flags.clone() }),
        "/version" => json(&query, &Build::this().classic()),
        "/health" => StatusCode::OK.into_response(),
        "/metrics/snapshot" => json(&query, &metrics::snapshot(&api)),
        "/files/browse" => files::browse(&api, &query).await,
        "/files/read" => files::read(&api, &query).await,
        "/files/search" => files::search(&api, &query).await,
        "/files/download" => files::download(&api, &query, request.headers()).await,
        path => {
            let body =
                serde_json::json!({ "message": format!("this agent has no endpoint {path}") });
            (StatusCode::NOT_FOUND, axum::Json(body)).into_response()
        }
    }
}

/// The name of the endpoint behind any of its spellings.
fn endpoint(path: &str) -> String {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let path = path.strip_prefix("/slave(1)").filter(|rest| rest.starts_with('/')).unwrap_or(&path);
    let path = path.trim_end_matches('/');
    // Compat: the names of Mesos up to 1.7 (mesos.md, trap 4).
    path.strip_suffix(".json").unwrap_or(path).to_owned()
}

/// The parameters of a request.
struct Query(BTreeMap<String, String>);

impl Query {
    fn of(text: &str) -> Self {
        let decode = |part: &str| {
            let part = part.replace('+', " ");
            percent_decode_str(&part).decode_utf8_lossy().into_owned()
        };
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(k, v)| (decode(k), decode(v)))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// A JSON answer, wrapped in a call when the classic console asks for that.
fn json(query: &Query, value: &impl Serialize) -> Response {
    let body = match serde_json::to_string(value) {
        Ok(body) => body,
        Err(error) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
        }
    };
    match query.get("jsonp") {
        None => ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body)
            .into_response(),
        Some(callback) if is_callback(callback) => (
            [(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript"))],
            format!("{callback}({body});"),
        )
            .into_response(),
        Some(_) => {
            (StatusCode::BAD_REQUEST, "'jsonp' is not the name of a function").into_response()
        }
    }
}

/// Whether a text is nothing but the name of a function, such as `angular.callbacks._0`.
fn is_callback(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.' | '[' | ']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_endpoint_is_understood() {
        for path in
            ["/state", "/state/", "/state.json", "/slave(1)/state", "/slave%281%29/state.json"]
        {
            assert_eq!(endpoint(path), "/state", "{path}");
        }
        assert_eq!(endpoint("/slave(1)"), "/slave(1)");
        assert_eq!(endpoint("/files/read.json"), "/files/read");
    }

    #[test]
    fn only_a_functions_name_is_called_back() {
        assert!(is_callback("angular.callbacks._0"));
        assert!(!is_callback("alert(1)//"));
        assert!(!is_callback(""));
    }

    #[test]
    fn parameters_are_decoded() {
        let query = Query::of("path=%2Fa+b%2Fc&offset=-1&empty");
        assert_eq!(query.get("path"), Some("/a b/c"));
        assert_eq!(query.get("offset"), Some("-1"));
        assert_eq!(query.get("empty"), Some(""));
    }
}
