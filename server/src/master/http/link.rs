//! `GET /ekiden/v1/agent-link`: a connection becomes an agent's link.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use hyper_util::rt::TokioIo;
use tracing::debug;

use super::super::{Shared, links};
use super::answer;

/// Upgrades the connection, if this process leads.
pub(super) async fn open(State(shared): State<Arc<Shared>>, mut request: Request) -> Response {
    shared.settled().await;
    let Some(leading) = shared.leading() else {
        return answer::not_leading(&shared, wire::link::PATH);
    };
    if !asks_for_link(request.headers()) {
        let wanted = format!("Expecting 'Upgrade: {}'", wire::link::PROTOCOL);
        let mut response = answer::text(StatusCode::UPGRADE_REQUIRED, wanted);
        say_protocol(response.headers_mut());
        return response;
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let tracker = leading.tracker.clone();
    tracker.spawn(async move {
        match upgrade.await {
            Ok(connection) => links::serve(leading, TokioIo::new(connection)).await,
            Err(error) => debug!("an agent's connection ended before it was a link: {error}"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    say_protocol(response.headers_mut());
    response
}

fn asks_for_link(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(wire::link::PROTOCOL.as_bytes()))
}

fn say_protocol(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(wire::link::PROTOCOL));
}
