//! HTTP to one master: the event stream, and calls beside it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prost::Message as _;
use wire::mesos::v1::scheduler::{Call, Event};
use wire::recordio;

/// The media type of the messages.
const PROTOBUF: &str = "application/x-protobuf";
/// Names the stream that a call belongs to.
const STREAM_ID: &str = "mesos-stream-id";
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// Largest event: offers of many agents, or one status with its data.
const MAX_EVENT: usize = 64 << 20;
/// Longest part of an error's body that is kept.
const MAX_MESSAGE: usize = 512;

/// Why a subscription or a call failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("the master cannot be reached: {0}")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    #[error("the master did not answer within {} s", ANSWER_TIMEOUT.as_secs())]
    NoAnswer,
    #[error("the master answered {status}: {message}")]
    Status { status: StatusCode, message: String },
    #[error("another master leads: {0}")]
    Redirected(String),
    #[error("the answer to SUBSCRIBE names no stream")]
    NoStreamId,
    #[error("the event stream broke: {0}")]
    Broken(#[source] hyper::Error),
    #[error("the master closed the event stream")]
    Closed,
    #[error("nothing was heard from the master for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the event stream is no RecordIO: {0}")]
    Framing(#[from] recordio::Malformed),
    #[error("an event cannot be read: {0}")]
    Event(#[from] prost::DecodeError),
}

impl ConnectionError {
    /// Whether the master has taken nothing for the moment.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Status { status: StatusCode::SERVICE_UNAVAILABLE, .. })
    }
}

/// One master; calls share its kept-alive connections.
pub(super) struct Connection {
    client: Client<HttpConnector, Full<Bytes>>,
    address: String,
}

impl Connection {
    pub(super) fn new(address: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, address: address.to_owned() }
    }

    /// `host:port`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Opens the event stream.
    pub(super) async fn subscribe(&self, call: &Call) -> Result<Subscription, ConnectionError> {
        let response = self.post(call, None).await?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response).await);
        }
        let stream_id = response.headers().get(STREAM_ID).and_then(|id| id.to_str().ok());
        let stream_id = stream_id.ok_or(ConnectionError::NoStreamId)?.to_owned();
        let decoder = recordio::Decoder::new(MAX_EVENT);
        Ok(Subscription { stream_id, body: response.into_body(), decoder })
    }

    /// Sends one call of a stream and waits until the master has taken it.
    pub(super) async fn call(&self, stream_id: &str, call: &Call) -> Result<(), ConnectionError> {
        let response = self.post(call, Some(stream_id)).await?;
        if response.status().is_success() {
            // The empty body is read to its end, so that the connection can be used again.
            let _ = response.into_body().collect().await;
            return Ok(());
        }
        Err(refusal(response).await)
    }

    async fn post(
        &self,
        call: &Call,
        stream_id: Option<&str>,
    ) -> Result<Response<Incoming>, ConnectionError> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{}/api/v1/scheduler", self.address))
            .header(CONTENT_TYPE, PROTOBUF)
            .header(ACCEPT, PROTOBUF);
        if let Some(stream_id) = stream_id {
            request = request.header(STREAM_ID, stream_id);
        }
        let body = Full::new(Bytes::from(call.encode_to_vec()));
        let request = request.body(body).map_err(|error| ConnectionError::Status {
            status: StatusCode::BAD_REQUEST,
            message: format!("`{}` is no address: {error}", self.address),
        })?;
        match tokio::time::timeout(ANSWER_TIMEOUT, self.client.request(request)).await {
            Ok(answer) => answer.map_err(ConnectionError::Unreachable),
            Err(_) => Err(ConnectionError::NoAnswer),
        }
    }
}

/// The error that an answer other than success means.
async fn refusal(response: Response<Incoming>) -> ConnectionError {
    let status = response.status();
    let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
    if let (true, Some(location)) = (status.is_redirection(), location) {
        return ConnectionError::Redirected(location.to_owned());
    }
    let body = http_body_util::Limited::new(response.into_body(), MAX_MESSAGE);
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    ConnectionError::Status { status, message: String::from_utf8_lossy(&bytes).into_owned() }
}

/// An open event stream.
pub(super) struct Subscription {
    pub(super) stream_id: String,
    body: Incoming,
    decoder: recordio::Decoder,
}

impl Subscription {
    /// The next event, which must come within `silence`.
    pub(super) async fn next(&mut self, silence: Duration) -> Result<Event, ConnectionError> {
        loop {
            if let Some(frame) = self.decoder.next_frame()? {
                return Ok(Event::decode(frame)?);
            }
            let frame = tokio::time::timeout(silence, self.body.frame());
            match frame.await.map_err(|_| ConnectionError::Silent(silence))? {
                None => return Err(ConnectionError::Closed),
                Some(Err(error)) => return Err(ConnectionError::Broken(error)),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.decoder.feed(data);
                    }
                }
            }
        }
    }
}
