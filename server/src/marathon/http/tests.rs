//! Requests against the bare core: what clients get, and what the core was told.

mod changes;
mod cluster;
mod reads;
mod streams;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(super) use cluster::Cluster;

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and `message`.
    #[track_caller]
    pub(super) fn error(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["message"].as_str().unwrap().to_owned())
    }
}

/// Sends one request; a body is sent as JSON.
pub(super) async fn send(router: &Router, method: &str, path: &str, body: Option<Value>) -> Answer {
    let request = Request::builder().method(method).uri(path).header("host", "10.0.0.1:8080");
    let request = match body {
        Some(body) => {
            request.header("content-type", "application/json").body(Body::from(body.to_string()))
        }
        None => request.body(Body::empty()),
    };
    raw(router, request.unwrap()).await
}

pub(super) async fn raw(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, text }
}

pub(super) async fn get(router: &Router, path: &str) -> Answer {
    send(router, "GET", path, None).await
}

/// The guide's nginx.json.
pub(super) fn nginx() -> Value {
    json!({
        "id": "nginx", "cpus": 0.2, "mem": 32.0, "instances": 1,
        "constraints": [["hostname", "UNIQUE", ""]],
        "container": {"type": "DOCKER", "docker": {
            "image": "docker.io/nginx", "network": "BRIDGE",
            "portMappings": [{"containerPort": 80, "hostPort": 0, "servicePort": 0, "protocol": "tcp"}],
        }},
    })
}
