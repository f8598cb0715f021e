//! Marathon's REST API (`/v2` on 8080), as clients of the original know it.
//!
//! A handler reads the request, converts it with `marathon_core::run_spec`, sends one command to the core
//! or looks at the latest stored snapshot, and renders the answer. Errors have the original's status and
//! body; nothing here answers HTML. Endpoints of the original that are not built answer 501.
//!
//! Invariant: a handler never holds state of its own; two processes would answer alike.

mod apps;
mod backend;
mod body;
mod change;
mod deployments;
mod error;
mod events;
mod guard;
mod info;
mod label_selector;
mod member;
mod metrics;
mod negotiate;
mod query;
mod queue;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, Uri};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use marathon_core::Snapshot;
use marathon_core::run_spec::name_networks;
use tokio_util::sync::CancellationToken;
use wire::marathon::PostedApp;

pub(crate) use backend::Backend;
pub(crate) use guard::Access;

use self::error::ApiError;

/// How long a request waits for this process to become able to answer.
const LEADER_WAIT: Duration = Duration::from_millis(2_500);
/// How often it looks meanwhile.
const LEADER_POLL: Duration = Duration::from_millis(50);

/// What every handler gets.
#[derive(Clone)]
pub(crate) struct Api {
    backend: Arc<dyn Backend>,
    access: Arc<Access>,
    stop: CancellationToken,
    leader_wait: Duration,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("access", &self.access).finish_non_exhaustive()
    }
}

impl Api {
    /// An API on top of `backend`; event streams end when `stop` is cancelled.
    pub(crate) fn new(backend: Arc<dyn Backend>, access: Access, stop: CancellationToken) -> Self {
        Self { backend, access: Arc::new(access), stop, leader_wait: LEADER_WAIT }
    }

    /// Gives the container networks of what was posted the name that they have by default, if there is one.
    fn name_networks(&self, posted: &mut PostedApp) {
        if let Some(name) = &self.backend.config().core.default_network_name {
            name_networks(posted, name);
        }
    }

    /// The latest stored state. Waits a little while no leader is known, as the original does.
    async fn snapshot(&self) -> Result<Arc<Snapshot>, ApiError> {
        let mut waited = Duration::ZERO;
        loop {
            if let Some(snapshot) = self.backend.snapshot() {
                return Ok(snapshot);
            }
            if waited >= self.leader_wait {
                return Err(ApiError::not_leading());
            }
            tokio::time::sleep(LEADER_POLL).await;
            waited += LEADER_POLL;
        }
    }
}

/// All routes of the API, with answers in JSON for every other path; `ours` is served beside them, under the
/// same guard.
pub(crate) fn router(api: Api, ours: Router) -> Router {
    Router::new()
        .route("/v2/apps", any(apps::collection))
        .route("/v2/apps/", any(apps::collection))
        .route("/v2/apps/{*rest}", any(member::dispatch))
        .route("/v2/tasks", any(tasks::collection))
        .route("/v2/tasks/delete", any(tasks::delete_named))
        .route("/v2/deployments", any(deployments::collection))
        .route("/v2/deployments/{id}", any(deployments::member))
        .route("/v2/queue", any(queue::collection))
        .route("/v2/queue/{*rest}", any(queue::delay))
        .route("/v2/events", any(events::stream))
        .route("/v2/info", any(info::info))
        .route("/v2/leader", any(info::leader))
        .route("/ping", any(info::ping))
        .route("/metrics", any(metrics::snapshot))
        .merge(ours.with_state(()))
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(api.clone(), guard::answer_headers))
        .layer(middleware::from_fn_with_state(api.clone(), guard::admit))
        .layer(middleware::from_fn(body::pretty))
        .layer(DefaultBodyLimit::disable())
        .with_state(api)
}

/// First segments below `/v2` that the original serves and we do not yet.
const NOT_BUILT: [&str; 7] =
    ["groups", "pods", "plugins", "schemas", "artifacts", "eventSubscriptions", "apps"];

/// Any other path.
async fn unknown(State(_): State<Api>, method: Method, uri: Uri) -> Response {
    let below = uri.path().strip_prefix("/v2/").unwrap_or_default();
    let first = below.split('/').next().unwrap_or_default();
    if NOT_BUILT.contains(&first) {
        return ApiError::not_built(&method, &uri).into_response();
    }
    ApiError::unknown_uri(&uri).into_response()
}

#[cfg(test)]
mod tests;
