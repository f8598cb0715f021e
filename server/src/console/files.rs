//! Sandboxes over HTTP: browser → this node → agent, so that a browser never needs to reach an agent.
//!
//! The paths `browse`, `search` and `download` exist at an agent (`/files/…`) and at a master (`/ui/api/v1/agents/{id}/files/…`) with the same
//! questions and answers, so one client serves both consoles; only its base address differs. Parts of files are read by
//! `download` with a range, since the text of an agent's `read` has lost where its bytes were.

use std::time::Duration;

use app::ConsoleError;
use app::backend::Answer;
use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName,
    IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use wire::console::{FileEntry, FilePart, Found, PartQuery, SearchQuery, escape, query_pairs};

/// How long an agent may take to begin its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest JSON answer that is read.
const MAX_BODY: usize = 16 << 20;
/// The most bytes that one part carries.
pub(super) const MAX_READ: u64 = 65_536;
/// The least that is asked of an agent: one character.
const LEAST_READ: u64 = 4;
/// What a download takes along from the reader's request, and what from the agent's answer.
const ASKED: [HeaderName; 2] = [RANGE, IF_RANGE];
const TOLD: [HeaderName; 3] = [CONTENT_LENGTH, CONTENT_RANGE, ACCEPT_RANGES];

/// A file that somebody wants to have.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The agent's id.
    pub(crate) agent: String,
    /// The file's path there.
    path: String,
    /// Seconds to wait for the range to begin; see the agent's `/files/download`.
    wait: u64,
    /// The part that is wanted.
    headers: HeaderMap,
}

impl Asked {
    /// What a request asks for.
    pub(super) fn of(agent: String, query: &str, headers: &HeaderMap) -> Self {
        let value =
            |name: &str| query_pairs(query).find(|(key, _)| key == name).map(|(_, value)| value);
        let wait = value("wait").and_then(|text| text.parse().ok()).unwrap_or(0);
        let path = value("path").unwrap_or_default();
        Self { agent, path, wait, headers: some_of(headers, ASKED) }
    }
}

/// Sends files; apart from the backend traits, since the app knows no responses.
pub(crate) trait Download: Send + Sync + 'static {
    /// The file as a response.
    fn download(&self, asked: Asked) -> Answer<'_, Response>;
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

    /// A part of a file, out of its very bytes: positions in the text are positions in the file.
    pub(crate) async fn read(
        &self,
        base: &str,
        query: &PartQuery,
    ) -> Result<FilePart, ConsoleError> {
        let length = query.length.clamp(LEAST_READ, MAX_READ);
        let begin = u64::try_from(query.offset).ok();
        let range = match begin {
            Some(begin) => format!("bytes={begin}-{}", begin.saturating_add(length - 1)),
            None => format!("bytes=-{length}"),
        };
        let address = format!("{base}/download?path={}&wait={}", escape(&query.path), query.wait);
        let headers = HeaderMap::from_iter([(RANGE, header(&range)?)]);
        let answer = self.ask(&address, headers).await?;
        let (first, size) = content_range(&answer).ok_or_else(|| {
            unavailable(format!("{address} answered {} without a range", answer.status()))
        })?;
        let Some(first) = first else {
            return Ok(FilePart::of(begin.unwrap_or(size), &[], size));
        };
        if query.length == 0 {
            return Ok(FilePart::of(begin.unwrap_or(size), &[], size));
        }
        let body = body_of(answer).await?;
        Ok(FilePart::of(first, &body, size))
    }

    /// The nearest match in a file, or where to go on.
    pub(crate) async fn search(
        &self,
        base: &str,
        query: &SearchQuery,
    ) -> Result<Found, ConsoleError> {
        let (path, text) = (escape(&query.path), escape(&query.text));
        let (offset, is_back) = (query.offset, query.is_back);
        let asked = format!("path={path}&text={text}&offset={offset}&back={is_back}");
        self.json(&format!("{base}/search?{asked}")).await
    }

    /// A file, passed on as it comes.
    pub(crate) async fn download(
        &self,
        base: &str,
        asked: &Asked,
    ) -> Result<Response, ConsoleError> {
        let address = format!("{base}/download?path={}&wait={}", escape(&asked.path), asked.wait);
        let answer = self.ask(&address, asked.headers.clone()).await?;
        let status = answer.status();
        let told = some_of(answer.headers(), TOLD);
        let mut response = (status, told, Body::new(answer.into_body())).into_response();
        let name = asked.path.rsplit('/').next().unwrap_or_default();
        let headers = response.headers_mut();
        // Never shown in this origin, whatever it holds.
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let disposition = format!("attachment; filename*=UTF-8''{}", escape(name));
        headers.insert(CONTENT_DISPOSITION, header(&disposition)?);
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
        self.ask(address, HeaderMap::new()).await
    }

    /// An answer with what was asked for, or the one that says that the file does not reach so far.
    async fn ask(
        &self,
        address: &str,
        headers: HeaderMap,
    ) -> Result<Response<Incoming>, ConsoleError> {
        let refused =
            |error: &dyn std::fmt::Display| unavailable(format!("cannot reach {address}: {error}"));
        let uri: Uri = address.parse().map_err(|error| refused(&error))?;
        let mut request = Request::get(uri).body(Empty::new()).map_err(|error| refused(&error))?;
        request.headers_mut().extend(headers);
        let answer = tokio::time::timeout(PATIENCE, self.client.request(request)).await;
        let answer =
            answer.map_err(|_| refused(&"no answer in time"))?.map_err(|error| refused(&error))?;
        let status = answer.status();
        if status.is_success() || status == StatusCode::RANGE_NOT_SATISFIABLE {
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

/// The headers of these names.
fn some_of<const N: usize>(headers: &HeaderMap, names: [HeaderName; N]) -> HeaderMap {
    let known = names.into_iter().filter_map(|name| {
        let value = headers.get(&name)?.clone();
        Some((name, value))
    });
    known.collect()
}

fn header(text: &str) -> Result<HeaderValue, ConsoleError> {
    HeaderValue::from_str(text)
        .map_err(|error| ConsoleError::Refused { message: format!("`{text}`: {error}") })
}

/// The first byte that an answer carries, if it carries any, and the file's size.
fn content_range(answer: &Response<Incoming>) -> Option<(Option<u64>, u64)> {
    range_told(answer.headers().get(CONTENT_RANGE)?.to_str().ok()?)
}

fn range_told(text: &str) -> Option<(Option<u64>, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let first = match range {
        "*" => None,
        range => Some(range.split_once('-')?.0.parse().ok()?),
    };
    Some((first, size.parse().ok()?))
}

fn unavailable(reason: String) -> ConsoleError {
    ConsoleError::Unavailable { reason }
}

async fn body_of(answer: Response<Incoming>) -> Result<Bytes, ConsoleError> {
    let body = Limited::new(answer.into_body(), MAX_BODY).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| unavailable(format!("the answer broke off: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_says_of_a_range_is_read() {
        assert_eq!(range_told("bytes 5-9/100"), Some((Some(5), 100)));
        assert_eq!(range_told("bytes */100"), Some((None, 100)));
        for other in ["", "bytes", "bytes 5-9/*", "lines 1-2/3", "bytes x-9/100"] {
            assert_eq!(range_told(other), None, "{other}");
        }
    }

    #[test]
    fn a_download_takes_the_range_along_and_nothing_else() {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static("bytes=0-1"));
        headers.insert("cookie", HeaderValue::from_static("theme=dark"));
        let asked = Asked::of("S1".to_owned(), "path=%2Fa&wait=3", &headers);
        assert_eq!((asked.path.as_str(), asked.wait), ("/a", 3));
        assert_eq!(asked.headers.len(), 1);
        assert_eq!(Asked::of("S1".to_owned(), "wait=x", &HeaderMap::new()).wait, 0);
    }
}
