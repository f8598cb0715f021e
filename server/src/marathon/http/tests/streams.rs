//! The event stream.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{Cluster, nginx, send};

/// Opens the stream; `next` gives one event after the other.
async fn open(api: &Router, path: &str) -> Events {
    let request = Request::get(path)
        .header("host", "10.0.0.1:8080")
        .header("accept", "text/event-stream")
        .body(Body::empty());
    let response = api.clone().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream;charset=utf-8");
    Events(response.into_body().into_data_stream())
}

struct Events(axum::body::BodyDataStream);

impl Events {
    /// Name and data of the next event; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        let wait = tokio::time::timeout(Duration::from_secs(5), self.0.next());
        let bytes = wait.await.expect("an event comes")?.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (name, data) = text.strip_suffix("\r\n\r\n").unwrap().split_once("\r\n").unwrap();
        let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        Some((name.strip_prefix("event: ").unwrap().to_owned(), data))
    }
}

#[tokio::test]
async fn a_reader_sees_itself_attached_and_then_what_happens() {
    let (_cluster, api) = Cluster::leading();
    let mut events = open(&api, "/v2/events").await;
    let (name, data) = events.next().await.unwrap();
    assert_eq!(
        (name.as_str(), &data["eventType"]),
        ("event_stream_attached", &Value::from(name.clone()))
    );
    send(&api, "POST", "/v2/apps", Some(nginx())).await;
    let mut names = Vec::new();
    while !names.contains(&"instance_changed_event".to_owned()) {
        let (name, data) = events.next().await.unwrap();
        assert_eq!(data["eventType"], name);
        assert_eq!(data["timestamp"].as_str().unwrap().len(), 24);
        names.push(name);
    }
    for name in ["deployment_info", "group_change_success", "api_post_event"] {
        assert!(names.contains(&name.to_owned()), "{name} in {names:?}");
    }
}

#[tokio::test]
async fn a_reader_may_choose_event_types() {
    let (_cluster, api) = Cluster::leading();
    let mut events =
        open(&api, "/v2/events?event_type=api_post_event&event_type=group_change_success").await;
    send(&api, "POST", "/v2/apps", Some(nginx())).await;
    let (first, _) = events.next().await.unwrap();
    let (second, data) = events.next().await.unwrap();
    assert_eq!((first.as_str(), second.as_str()), ("group_change_success", "api_post_event"));
    assert_eq!(
        (&data["uri"], &data["appDefinition"]["id"]),
        (&"/v2/apps".into(), &"/nginx".into())
    );
}

#[tokio::test]
async fn streams_end_when_the_process_stops_and_others_are_told() {
    let stop = CancellationToken::new();
    let (cluster, api) = Cluster::start(true, stop.clone());
    let mut first = open(&api, "/v2/events").await;
    first.next().await.unwrap();
    let mut second = open(&api, "/v2/events?event_type=event_stream_detached").await;
    drop(first);
    assert_eq!(second.next().await.unwrap().0, "event_stream_detached");
    stop.cancel();
    assert_eq!(second.next().await, None);
    drop(second);
    assert_eq!(crate::marathon::http::Backend::readers(&*cluster), 0);
}
