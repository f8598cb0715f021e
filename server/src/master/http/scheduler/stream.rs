//! The event stream of a framework: records in HTTP chunks, with heartbeats.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use master_core::{Command, StreamId};
use tokio::time::{Interval, MissedTickBehavior, interval};
use wire::mesos::v1::scheduler::{Event, event};

use super::STREAM_ID;
use super::media::Media;
use crate::master::leading::Leading;
use crate::master::streams::Events;

/// Events that are put into one chunk at most.
const CHUNK: usize = 256;

/// A stream that is being read; dropping it tells the core.
struct Reading {
    leading: Arc<Leading>,
    id: StreamId,
    media: Media,
    events: Events,
    /// Beats from the moment of SUBSCRIBED on.
    heartbeats: Option<Interval>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.leading.streams.close(&self.id);
        self.leading.send_soon(Command::StreamClosed { stream: self.id.clone() });
    }
}

/// The answer to SUBSCRIBE.
pub(super) fn response(
    leading: Arc<Leading>,
    id: StreamId,
    media: Media,
    events: Events,
) -> Response {
    let header = HeaderValue::try_from(id.as_str());
    let reading = Reading { leading, id, media, events, heartbeats: None };
    let chunks = stream::unfold(reading, |mut reading| async move {
        let chunk = reading.next().await?;
        Some((Ok::<_, Infallible>(chunk), reading))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    response.headers_mut().insert(CONTENT_TYPE, media.content_type());
    if let Ok(header) = header {
        response.headers_mut().insert(STREAM_ID, header);
    }
    response
}

impl Reading {
    /// The next chunk; `None` when the stream is over.
    async fn next(&mut self) -> Option<Bytes> {
        let mut chunk = BytesMut::new();
        tokio::select! {
            biased;
            () = self.leading.over.cancelled() => return None,
            () = beat(&mut self.heartbeats) => {
                let heartbeat = Event {
                    r#type: Some(event::Type::Heartbeat.into()),
                    ..Event::default()
                };
                self.media.write(&heartbeat, &mut chunk);
            }
            events = self.events.next(CHUNK) => {
                for event in events {
                    self.media.write(&event, &mut chunk);
                    if let Some(subscribed) = &event.subscribed {
                        self.heartbeats = Some(heartbeats(subscribed.heartbeat_interval_seconds()));
                        let beat = Event {
                            r#type: Some(event::Type::Heartbeat.into()),
                            ..Event::default()
                        };
                        self.media.write(&beat, &mut chunk);
                    }
                }
                if chunk.is_empty() {
                    return None;
                }
            }
        }
        // What was released before may be sent only while the leader holds its lease.
        tokio::select! {
            biased;
            () = self.leading.over.cancelled() => None,
            () = self.leading.handle.lease().held() => Some(chunk.freeze()),
        }
    }
}

/// Beats every `seconds`, the first time after that long.
fn heartbeats(seconds: f64) -> Interval {
    let period = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let period = period.max(std::time::Duration::from_millis(1));
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval.reset();
    interval
}

async fn beat(heartbeats: &mut Option<Interval>) {
    match heartbeats {
        Some(heartbeats) => {
            heartbeats.tick().await;
        }
        None => std::future::pending().await,
    }
}
