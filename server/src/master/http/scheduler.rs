//! `POST /api/v1/scheduler`: calls of frameworks, and their event streams.
//!
//! The checks run in the original's order (mesos.md §4.2); those that need the state are the core's.

mod media;
mod stream;

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use master_core::{Command, Refusal, Reply, StreamId, validation};
use prost::Message as _;
use wire::mesos::v1::scheduler::{Call, call};

use self::media::Media;
use super::super::Shared;
use super::super::leading::Leading;
use super::answer;
use crate::driver::Busy;

/// Names the stream that a call belongs to.
pub(super) const STREAM_ID: HeaderName = HeaderName::from_static("mesos-stream-id");

/// The largest call: an ACCEPT with thousands of tasks.
const MAX_CALL: usize = 16 << 20;

/// Answers one call.
pub(super) async fn call(shared: Arc<Shared>, request: Request) -> Response {
    let Some(leading) = shared.leading() else {
        let uri = request.uri();
        let path = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
        return answer::not_leading(&shared, path);
    };
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST {
        return answer::method_not_allowed("POST", &parts.method);
    }
    let media = match Media::of_content(&parts.headers) {
        Ok(media) => media,
        Err((status, problem)) => return answer::text(status, problem),
    };
    let Ok(body) = to_bytes(body, MAX_CALL).await else {
        return answer::text(StatusCode::PAYLOAD_TOO_LARGE, "the call is too large");
    };
    let call = match parse(media, body) {
        Ok(call) => call,
        Err(problem) => return answer::text(StatusCode::BAD_REQUEST, problem),
    };
    if let Err(problem) = validation::call(&call) {
        let problem = format!("Failed to validate scheduler::Call: {problem}");
        return answer::text(StatusCode::BAD_REQUEST, problem);
    }
    // These are stored before they are answered.
    let is_stored = matches!(
        call.r#type(),
        call::Type::Subscribe | call::Type::Teardown | call::Type::UpdateFramework
    );
    if is_stored && let Some(why) = shared.storage.no_room() {
        return answer::no_room(&why);
    }
    if call.r#type() == call::Type::Subscribe {
        return subscribe(leading, &parts.headers, call).await;
    }
    if call.r#type() == call::Type::Unknown {
        return answer::text(StatusCode::NOT_IMPLEMENTED, "");
    }
    let stream = stream_id(&parts.headers);
    let reply =
        leading.call(|request| Command::Call { request, stream, call: Box::new(call) }).await;
    match reply {
        Ok(Reply::Accepted) => StatusCode::ACCEPTED.into_response(),
        Ok(Reply::Done) => StatusCode::OK.into_response(),
        Ok(Reply::Refused(refusal)) => answer::text(status(&refusal), refusal.to_string()),
        Err(busy) => unavailable(busy),
    }
}

fn parse(media: Media, body: Bytes) -> Result<Call, String> {
    match media {
        Media::Protobuf => {
            Call::decode(body).map_err(|_| "Failed to parse body into Call protobuf".to_owned())
        }
        Media::Json => {
            let value: serde_json::Value = serde_json::from_slice(&body)
                .map_err(|error| format!("Failed to parse body into JSON: {error}"))?;
            serde_json::from_value(value)
                .map_err(|error| format!("Failed to convert JSON into Call protobuf: {error}"))
        }
    }
}

fn stream_id(headers: &HeaderMap) -> Option<StreamId> {
    headers.get(STREAM_ID).and_then(|value| value.to_str().ok()).map(StreamId::new)
}

async fn subscribe(leading: Arc<Leading>, headers: &HeaderMap, call: Call) -> Response {
    let Some(media) = Media::accepted(headers) else {
        let problem = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
        return answer::text(StatusCode::NOT_ACCEPTABLE, problem);
    };
    if headers.contains_key(STREAM_ID) {
        let problem = "Subscribe calls should not include the 'Mesos-Stream-Id' header";
        return answer::text(StatusCode::BAD_REQUEST, problem);
    }
    let id = StreamId::new(uuid::Uuid::new_v4().to_string());
    let events = leading.streams.open(id.clone());
    let subscribe = Box::new(call.subscribe.unwrap_or_default());
    let command = Command::Subscribe { stream: id.clone(), subscribe };
    if let Err(busy) = leading.send(command).await {
        leading.streams.close(&id);
        return unavailable(busy);
    }
    stream::response(leading, id, media, events)
}

/// The status that belongs to a refusal.
fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::FrameworkUnknown
        | Refusal::NoStream
        | Refusal::OtherStream { .. }
        | Refusal::Invalid(_)
        | Refusal::NoSuchFramework => StatusCode::BAD_REQUEST,
        Refusal::NotSubscribed => StatusCode::FORBIDDEN,
        Refusal::NotImplemented(_) => StatusCode::NOT_IMPLEMENTED,
    }
}

fn unavailable(busy: Busy) -> Response {
    let text = match busy {
        Busy::Full => "Too many calls are waiting",
        Busy::Stopped => "No leader elected",
    };
    answer::text(StatusCode::SERVICE_UNAVAILABLE, text)
}
