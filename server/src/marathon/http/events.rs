//! `/v2/events`: what happens, as server-sent events.
//!
//! Each reader has a bounded buffer; one that falls behind is disconnected, as in the original since 1.8.
//! Streams end when the process stops. Nothing is replayed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio_util::sync::CancellationToken;
use wire::marathon::{Event, EventStreamAttached};

use super::backend::Backend;
use super::change::remote_ip;
use super::error::ApiError;
use super::query::Query;
use super::{Api, negotiate};
use crate::marathon::EventStream;

/// A blank line is sent after this long without an event.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// One reader.
struct Reader {
    events: EventStream,
    wanted: Vec<String>,
    /// Held for what its drop tells.
    _attached: Attached,
    stop: CancellationToken,
}

/// Tells the others when this reader is gone.
struct Attached {
    backend: Arc<dyn Backend>,
    remote: String,
}

impl Attached {
    fn event(&self) -> EventStreamAttached {
        let timestamp = self.backend.wall().to_rfc3339_millis();
        EventStreamAttached { remote_address: self.remote.clone(), timestamp }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.backend.publish(Event::EventStreamDetached(self.event()));
    }
}

impl Reader {
    /// The next bytes for the client; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                event = self.events.next() => {
                    let event = event?;
                    if self.wants(&event) {
                        return frame(&event);
                    }
                }
                () = tokio::time::sleep(HEARTBEAT) => return Some(Bytes::from_static(b"\r\n")),
            }
        }
    }

    fn wants(&self, event: &Event) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|kind| kind == event.event_type())
    }
}

fn frame(event: &Event) -> Option<Bytes> {
    let data = serde_json::to_string(event).ok()?;
    Some(format!("event: {}\r\ndata: {data}\r\n\r\n", event.event_type()).into())
}

/// `/v2/events`.
pub(super) async fn stream(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    // Compat: without the right Accept the original's servlet does not know the method.
    if request.method() != Method::GET || !negotiate::names(request.headers(), EVENT_STREAM) {
        return Err(ApiError::method_not_allowed());
    }
    if api.backend.snapshot().is_none() {
        return redirect(&api, &request);
    }
    let wanted = Query::of(request.uri()).all("event_type").map(ToOwned::to_owned).collect();
    let events = api.backend.events();
    let remote = remote_ip(request.extensions());
    let attached = Attached { backend: Arc::clone(&api.backend), remote };
    api.backend.publish(Event::EventStreamAttached(attached.event()));
    let reader = Reader { events, wanted, _attached: attached, stop: api.stop };
    let frames = stream::unfold(reader, |mut reader| async move {
        let bytes = reader.next().await?;
        Some((Ok::<_, Infallible>(bytes), reader))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream;charset=utf-8")];
    Ok((headers, Body::from_stream(frames)).into_response())
}

const EVENT_STREAM: &str = "text/event-stream";

/// Only the leader has events; others name it.
fn redirect(api: &Api, request: &Request) -> Result<Response, ApiError> {
    let own = api.backend.config().address();
    let leader = api.backend.leader().filter(|leader| *leader != own);
    let leader = leader.ok_or_else(ApiError::not_leading)?;
    let path = request.uri().path_and_query().map_or("/v2/events", |path| path.as_str());
    let location = format!("http://{leader}{path}");
    Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
}
