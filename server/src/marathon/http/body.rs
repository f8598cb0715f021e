//! Bodies: reading JSON with the original's rules, and writing it readably on demand.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{self, HeaderMap};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ApiError;
use super::query::Query;

/// Longer bodies are refused.
const MAX_BODY: usize = 4 << 20;

/// Reads a JSON body.
///
/// The content type must be JSON. None at all is taken too, unless a browser sent the request: a page can
/// send a body without content type anywhere without being asked.
pub(super) async fn json<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    check_type(request.headers(), false)?;
    let bytes = read(request).await?;
    Ok(marathon_core::run_spec::read(&bytes)?)
}

/// For a POST that needs no body: any JSON, or nothing.
pub(super) async fn none(request: Request) -> Result<(), ApiError> {
    let has_type = request.headers().contains_key(header::CONTENT_TYPE);
    check_type(request.headers(), true)?;
    let bytes = read(request).await?;
    if bytes.is_empty() || has_type {
        return Ok(());
    }
    Err(ApiError::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

fn check_type(headers: &HeaderMap, may_be_absent: bool) -> Result<(), ApiError> {
    let fits = match headers.get(header::CONTENT_TYPE) {
        Some(value) => {
            let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case("application/json")
        }
        None => may_be_absent || !headers.contains_key(header::ORIGIN),
    };
    if fits { Ok(()) } else { Err(ApiError::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE)) }
}

async fn read(request: Request) -> Result<axum::body::Bytes, ApiError> {
    to_bytes(request.into_body(), MAX_BODY)
        .await
        .map_err(|_| ApiError::plain(StatusCode::PAYLOAD_TOO_LARGE))
}

/// Indents the answer where the request has `pretty`.
pub(super) async fn pretty(request: Request, next: Next) -> Response {
    let is_wanted = Query::of(request.uri()).flag("pretty");
    let response = next.run(request).await;
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    if !(is_wanted && is_json) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return ApiError::plain(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    };
    let indented = serde_json::from_slice::<Value>(&bytes)
        .and_then(|value| serde_json::to_vec_pretty(&value))
        .unwrap_or_else(|_| bytes.to_vec());
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(indented.len()));
    Response::from_parts(parts, Body::from(indented))
}
