//! The launch queue: what waits and why, and clearing a back-off.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use marathon_core::effect::Reply;
use marathon_core::{Command, render};
use percent_encoding::percent_decode_str;

use super::Api;
use super::change::unexpected;
use super::error::ApiError;
use super::member::change_id;
use super::query::Query;

/// `/v2/queue`.
pub(super) async fn collection(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(ApiError::method_not_allowed());
    }
    let with_offers =
        Query::of(request.uri()).all("embed").any(|embed| embed == "lastUnusedOffers");
    let snapshot = api.snapshot().await?;
    let queue = render::launch_queue(&snapshot, api.backend.now(), with_offers);
    Ok(Json(queue).into_response())
}

/// `/v2/queue/{id…}/delay`.
pub(super) async fn delay(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let path = request.uri().path().strip_prefix("/v2/queue").unwrap_or_default();
    let path = percent_decode_str(path).decode_utf8_lossy();
    let Some(id) = path.trim_end_matches('/').strip_suffix("/delay") else {
        return Err(ApiError::unknown_uri(request.uri()));
    };
    if request.method() != Method::DELETE {
        return Err(ApiError::method_not_allowed());
    }
    let app = change_id(id)?;
    api.snapshot().await?;
    let command = move |request| Command::ResetDelay { request, app };
    match api.backend.ask(Box::new(command)).await? {
        Reply::Done => Ok(StatusCode::NO_CONTENT.into_response()),
        Reply::Refused(refusal) => Err(refusal.into()),
        Reply::Deploying(_) | Reply::Killing { .. } => Err(unexpected()),
    }
}
