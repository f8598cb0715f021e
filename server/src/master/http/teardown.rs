//! `POST /teardown`: an operator ends a framework.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use master_core::{Command, Reply};

use super::super::Shared;
use super::answer::{self, Query};

/// The largest body: one id.
const MAX_BODY: usize = 64 * 1_024;

/// Reads `frameworkId=…` from the body, whatever its content type says, as the original does.
pub(super) async fn teardown(shared: Arc<Shared>, request: Request) -> Response {
    let Some(leading) = shared.leading() else {
        let uri = request.uri();
        let path = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
        return answer::not_leading(&shared, path);
    };
    if request.method() != Method::POST {
        return answer::method_not_allowed("POST", request.method());
    }
    let Ok(body) = to_bytes(request.into_body(), MAX_BODY).await else {
        return answer::text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
    };
    let form = Query::of(std::str::from_utf8(&body).ok());
    let Some(framework) = form.get("frameworkId") else {
        let problem = "Missing 'frameworkId' query parameter in the request body";
        return answer::text(StatusCode::BAD_REQUEST, problem);
    };
    if let Some(why) = shared.storage.no_room() {
        return answer::no_room(&why);
    }
    let framework = framework.into();
    match leading.call(|request| Command::Teardown { request, framework }).await {
        Ok(Reply::Accepted | Reply::Done) => StatusCode::OK.into_response(),
        Ok(Reply::Refused(refusal)) => answer::text(StatusCode::BAD_REQUEST, refusal.to_string()),
        Err(busy) => answer::text(StatusCode::SERVICE_UNAVAILABLE, busy.to_string()),
    }
}
