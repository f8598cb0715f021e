//! One question to a task over HTTP, HTTPS or TCP: for Marathon's own checks and for those of the agent.
//!
//! Nothing here waits for long by itself or decides what an answer means: the caller sets the time limit, makes the
//! connection and judges. Certificates are not looked at, as in the originals: a check asks whether a task serves,
//! not who it is.

mod tls;

use std::pin::pin;

use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("`{host}` is no name that TLS could ask for")]
    Name { host: String },
    #[error("no TLS connection: {0}")]
    Tls(#[source] std::io::Error),
    #[error("`{path}` cannot be asked for: {source}")]
    Request { path: String, source: http::Error },
    #[error("no HTTP answer: {0}")]
    Http(#[from] hyper::Error),
}

/// A GET request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HttpQuestion<'a> {
    /// TLS first.
    pub(crate) is_tls: bool,
    /// For the `Host` header and TLS.
    pub(crate) host: &'a str,
    /// For the `Host` header.
    pub(crate) port: u16,
    /// Begins with `/`.
    pub(crate) path: &'a str,
    /// How much of the answer's body is read.
    pub(crate) body_limit: usize,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    /// The words beside the status.
    pub(crate) reason: String,
    /// Media type, `""` without one.
    pub(crate) content_type: String,
    /// Where a redirect points.
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

impl HttpQuestion<'_> {
    /// Asks over a connection that stands.
    pub(crate) async fn ask(self, stream: TcpStream) -> Result<HttpAnswer, Error> {
        if !self.is_tls {
            return self.exchange(stream).await;
        }
        let stream = tls::connect(self.host, stream).await?;
        self.exchange(stream).await
    }

    async fn exchange<S>(self, stream: S) -> Result<HttpAnswer, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = http::Request::get(self.path)
            .header(header::HOST, authority(self.host, self.port))
            .header(header::USER_AGENT, "ekiden")
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|source| Error::Request { path: self.path.to_owned(), source })?;
        let mut answer = pin!(async {
            let response = sender.send_request(request).await?;
            self.read(response).await
        });
        let mut connection = pin!(connection);
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            // What came before the end is still to be read; an error shows there too.
            _ = &mut connection => {}
        }
        answer.await
    }

    async fn read(
        self,
        response: http::Response<hyper::body::Incoming>,
    ) -> Result<HttpAnswer, Error> {
        let status = response.status();
        let text = |name| {
            let value = response.headers().get(name);
            value.and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim().to_owned();
        let location = text(header::LOCATION);
        let mut body = Vec::new();
        let mut frames = response.into_body();
        while body.len() < self.body_limit {
            let Some(frame) = frames.frame().await else { break };
            if let Ok(data) = frame?.into_data() {
                let room = self.body_limit - body.len();
                body.extend_from_slice(&data[..data.len().min(room)]);
            }
        }
        Ok(HttpAnswer {
            status: status.as_u16(),
            reason: status.canonical_reason().unwrap_or_default().to_owned(),
            content_type,
            location,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

/// `host:port`, with brackets around an IPv6 address.
fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
pub(crate) mod tests;
