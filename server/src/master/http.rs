//! The master's HTTP API: scheduler calls, agent links, and the classic endpoints.
//!
//! Mesos answers a path by the handler of its longest registered prefix, so paths are resolved here and
//! not by routes: `/master/X` is `/X`, a trailing slash and what follows a known path count for nothing.
//! `/` and `/ui` belong to the console.

mod answer;
mod classic;
mod guard;
mod link;
mod metrics;
mod paths;
mod scheduler;
mod teardown;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{any, get};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate as _, SizeAbove};
use tower_http::set_header::SetResponseHeaderLayer;

use self::paths::Endpoint;
use super::Shared;

type Server = State<Arc<Shared>>;

/// The smallest body that is worth compressing, as in the original.
const COMPRESS_FROM: u16 = 1_024;

/// Everything on the master's port but the console; `ours` is served beside it, under the same guard.
pub(crate) fn router(shared: Arc<Shared>, ours: Router) -> Router {
    let server = HeaderValue::from_static(concat!("ekiden/", env!("CARGO_PKG_VERSION")));
    let is_no_stream = |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| {
        !headers.contains_key(scheduler::STREAM_ID)
    };
    let compression =
        CompressionLayer::new().compress_when(SizeAbove::new(COMPRESS_FROM).and(is_no_stream));
    Router::new()
        .route("/{*path}", any(dispatch))
        .layer(compression)
        .route("/ekiden/v1/version", get(classic::own_version))
        .route(wire::link::PATH, get(link::open))
        .merge(ours.with_state(()))
        .layer(from_fn_with_state(Arc::clone(&shared), guard::admit))
        .layer(SetResponseHeaderLayer::if_not_present(header::SERVER, server))
        .with_state(shared)
}

async fn dispatch(State(shared): Server, request: Request) -> Response {
    let Some(endpoint) = paths::endpoint(request.uri().path()) else {
        return answer::unknown(request.uri().path());
    };
    shared.settled().await;
    match endpoint {
        Endpoint::Scheduler => scheduler::call(shared, request).await,
        Endpoint::Teardown => teardown::teardown(shared, request).await,
        Endpoint::Classic(endpoint) => {
            let (parts, _) = request.into_parts();
            classic::answer(&shared, endpoint, &parts.method, &parts.uri).await
        }
    }
}

#[cfg(test)]
mod tests;
