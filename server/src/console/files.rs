//! Sandboxes over HTTP: browser → this node → agent, so that a browser never needs to reach an agent.
//!
//! The paths `browse`, `read` and `download` exist at an agent (`/files/…`) and at a master (`/ui/api/v1/agents/{id}/files/…`)
//! with the same questions and answers, so one client serves both consoles; only its base address differs.

use std::time::Duration;

use app::ConsoleError;
use app::backend::Answer;
use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use wire::console::{FileChunk, FileEntry, escape};

/// How long an agent may take to begin its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest JSON answer that is read.
const MAX_BODY: usize = 16 << 20;
/// What a decoder writes for bytes that are no UTF-8.
const REPLACEMENT: char = '\u{fffd}';

/// Sends whole files; apart from the backend traits, since the app knows no responses.
pub(crate) trait Download: Send + Sync + 'static {
    /// The whole file as a response.
    fn download(&self, agent: String, path: String) -> Answer<'_, Response>;
}

/// Reads sandboxes of agents by HTTP.
#[derive(Debug, Clone)]
pub(crate) struct AgentHttp {
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl AgentHttp {
    /// A client with a pool of connections of its own.
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_secs(2)));
        connector.set_nodelay(true);
        Self { client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    /// The entries of a folder; `base` ends before `/browse`.
    pub(crate) async fn browse(
        &self,
        base: &str,
        path: &str,
    ) -> Result<Vec<FileEntry>, ConsoleError> {
        self.json(&format!("{base}/browse?path={}", escape(path))).await
    }

    /// A part of a file; a character cut at the end is left for the next part.
    pub(crate) async fn read(
        &self,
        base: &str,
        path: &str,
        offset: i64,
        length: u64,
    ) -> Result<FileChunk, ConsoleError> {
        let address = format!("{base}/read?path={}&offset={offset}&length={length}", escape(path));
        let mut chunk: FileChunk = self.json(&address).await?;
        leave_cut_character(&mut chunk.data);
        Ok(chunk)
    }

    /// A whole file, passed on as it comes.
    pub(crate) async fn download(&self, base: &str, path: &str) -> Result<Response, ConsoleError> {
        let answer = self.get(&format!("{base}/download?path={}", escape(path))).await?;
        let length = answer.headers().get(CONTENT_LENGTH).cloned();
        let mut response = Body::new(answer.into_body()).into_response();
        let name = path.rsplit('/').next().unwrap_or_default();
        let headers = response.headers_mut();
        // Never shown in this origin, whatever it holds.
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let disposition = format!("attachment; filename*=UTF-8''{}", escape(name));
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            headers.insert(CONTENT_DISPOSITION, disposition);
        }
        if let Some(length) = length {
            headers.insert(CONTENT_LENGTH, length);
        }
        Ok(response)
    }

    /// Any JSON by GET.
    pub(crate) async fn json<T: DeserializeOwned>(&self, address: &str) -> Result<T, ConsoleError> {
        let answer = self.get(address).await?;
        let body = body_of(answer).await?;
        serde_json::from_slice(&body)
            .map_err(|error| unavailable(format!("unexpected reply from {address}: {error}")))
    }

    async fn get(&self, address: &str) -> Result<Response<Incoming>, ConsoleError> {
        let refused =
            |error: &dyn std::fmt::Display| unavailable(format!("cannot reach {address}: {error}"));
        let uri: Uri = address.parse().map_err(|error| refused(&error))?;
        let request = Request::get(uri).body(Empty::new()).map_err(|error| refused(&error))?;
        let answer = tokio::time::timeout(PATIENCE, self.client.request(request)).await;
        let answer =
            answer.map_err(|_| refused(&"no answer in time"))?.map_err(|error| refused(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let said = String::from_utf8_lossy(&body_of(answer).await?).into_owned();
        // A master's answer is already one of ours.
        Err(serde_json::from_str(&said).unwrap_or_else(|_| match status {
            StatusCode::NOT_FOUND => {
                ConsoleError::NotFound { what: said.trim_end_matches(" not found").to_owned() }
            }
            status if status.is_client_error() => ConsoleError::Refused { message: said },
            status => unavailable(format!("{address} answered {status}: {said}")),
        }))
    }
}

fn unavailable(reason: String) -> ConsoleError {
    ConsoleError::Unavailable { reason }
}

async fn body_of(answer: Response<Incoming>) -> Result<Bytes, ConsoleError> {
    let body = Limited::new(answer.into_body(), MAX_BODY).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| unavailable(format!("the answer broke off: {error}")))
}

/// A part that was cut inside a character ends with replacement characters; the next part begins with the whole one.
///
/// The reader counts on `offset` plus the text's length being the next offset.
fn leave_cut_character(data: &mut String) {
    let whole = data.trim_end_matches(REPLACEMENT).len();
    // A part of nothing else is kept, or the reader would never get past it.
    if whole > 0 {
        data.truncate(whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_cut_in_two_is_left_for_the_next_part() {
        let mut part = String::from_utf8_lossy(&"中文日志".as_bytes()[..7]).into_owned();
        leave_cut_character(&mut part);
        assert_eq!(part, "中文");
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_the_reader() {
        let mut part = String::from_utf8_lossy(b"\xff\xfe").into_owned();
        leave_cut_character(&mut part);
        assert_eq!(part, "\u{fffd}\u{fffd}");
    }
}
