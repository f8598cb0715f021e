//! Images: present or pulled.
//!
//! A pull lasts as long as the registry makes progress and is given up after a silence. Its failure is the task's failure, told in the
//! engine's words, since only they say what is wrong with a name, a registry or the network.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::credentials;
use super::progress::{Progress, Step};
use super::{Docker, chain};
use crate::{Error, Pull, Pulled};

impl Docker {
    pub(super) async fn pull_image(&self, order: &Pull<'_>) -> Result<Pulled, Error> {
        let image = order.image;
        if !order.force && self.has_image(image).await? {
            return Ok(Pulled::Nothing);
        }
        tracing::info!(image, "pulling image `{image}`");
        let failed = |message: String| Error::Pull { image: image.to_owned(), message };
        let found = credentials::find(image, order.sandbox, &self.config.credentials).await;
        let found = found.map_err(failed)?;
        let pulled = self.pull_with(order, found.header).await;
        match (pulled, found.note) {
            (Err(Error::Pull { image, message }), Some(note)) => {
                Err(Error::Pull { image, message: format!("{message} ({note})") })
            }
            (pulled, _) => pulled,
        }
    }

    async fn pull_with(
        &self,
        order: &Pull<'_>,
        credentials: Option<String>,
    ) -> Result<Pulled, Error> {
        let image = order.image;
        let failed = |message: String| Error::Pull { image: image.to_owned(), message };
        let operation = format!("pull image `{image}`");
        let silence = self.config.pull_stall_timeout;
        let (name, tag) = with_tag(image);
        let path = format!(
            "/images/create?fromImage={}&tag={}",
            encoded(name),
            encoded(tag.unwrap_or(""))
        );
        let unreachable = |error: &dyn std::error::Error| Error::Unreachable {
            endpoint: self.endpoint(),
            operation: operation.clone(),
            reason: chain(error),
        };
        let connected = UnixStream::connect(&self.config.socket).await;
        let stream = connected.map_err(|error| unreachable(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unreachable(&error))?;
        let mut request = http::Request::post(path).header(http::header::HOST, "docker");
        if let Some(credentials) = credentials {
            request = request.header("X-Registry-Auth", credentials);
        }
        let request =
            request.body(Empty::<Bytes>::new()).map_err(|error| failed(error.to_string()))?;
        let exchange = async {
            let answered = tokio::time::timeout(silence, sender.send_request(request)).await;
            let response = answered
                .map_err(|_| self.timed_out(&operation, silence))?
                .map_err(|error| unreachable(&error))?;
            follow(order, silence, response).await
        };
        tokio::pin!(exchange);
        tokio::pin!(connection);
        // The connection is driven here, beside the exchange: there is no task to outlive the call.
        tokio::select! {
            biased;
            done = &mut exchange => done,
            _ended = &mut connection => exchange.await,
        }
    }

    async fn has_image(&self, image: &str) -> Result<bool, Error> {
        let operation = format!("look for image `{image}`");
        let (name, tag) = with_tag(image);
        let reference = tag.map_or_else(|| name.to_owned(), |tag| format!("{name}:{tag}"));
        let found = self
            .call(&operation, self.config.call_timeout, async |client| {
                client.inspect_image(&reference).await
            })
            .await;
        match found {
            Ok(_) => Ok(true),
            Err(Error::Refused { status: 404, .. }) => Ok(false),
            Err(other) => Err(as_pull(image, other)),
        }
    }
}

/// Reads the steps of a pull to its end.
async fn follow(
    order: &Pull<'_>,
    silence: Duration,
    response: http::Response<Incoming>,
) -> Result<Pulled, Error> {
    let failed = |message: String| Error::Pull { image: order.image.to_owned(), message };
    let (is_success, mut body) = (response.status().is_success(), response.into_body());
    let (mut progress, mut received) = (Progress::default(), Vec::new());
    loop {
        let frame = match tokio::time::timeout(silence, body.frame()).await {
            Err(_) => return Err(failed(format!("no progress for {} s", silence.as_secs()))),
            Ok(None) => break,
            Ok(Some(Err(error))) => return Err(failed(chain(&error))),
            Ok(Some(Ok(frame))) => frame,
        };
        received.extend_from_slice(frame.data_ref().map(Bytes::as_ref).unwrap_or_default());
        if !is_success {
            continue;
        }
        while let Some(end) = received.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = received.drain(..=end).collect();
            take(&line, order, &mut progress)?;
        }
    }
    if is_success {
        take(&received, order, &mut progress)?;
        return Ok(progress.outcome());
    }
    let refusal = serde_json::from_slice::<super::inspect::Refusal>(&received);
    let text = || String::from_utf8_lossy(&received).into_owned();
    Err(failed(refusal.map_or_else(|_| text(), |refusal| refusal.message)))
}

/// Takes note of one line; what is no step says nothing.
fn take(line: &[u8], order: &Pull<'_>, progress: &mut Progress) -> Result<(), Error> {
    let Ok(step) = serde_json::from_slice::<Step>(line) else { return Ok(()) };
    if let Some(message) = step.error {
        return Err(Error::Pull { image: order.image.to_owned(), message });
    }
    progress.take(&step);
    (order.progress)(progress.text(order.image));
    Ok(())
}

/// As it may stand in the query of a URL.
fn encoded(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                safe.push(byte.into());
            }
            _ => {
                let _ = write!(safe, "%{byte:02X}");
            }
        }
    }
    safe
}

/// An answer of the engine about an image is the pull's failure; an engine that does not answer stays what it is.
fn as_pull(image: &str, error: Error) -> Error {
    match error {
        Error::Refused { message, .. } | Error::Malformed { message, .. } => {
            Error::Pull { image: image.to_owned(), message }
        }
        other => other,
    }
}

/// Splits an image reference into what names it and the tag to ask for; without tag and digest that is `latest`.
fn with_tag(image: &str) -> (&str, Option<&str>) {
    let last = image.rfind('/').map_or(0, |slash| slash + 1);
    if image[last..].contains('@') {
        return (image, None);
    }
    match image[last..].split_once(':') {
        Some((name, tag)) => (&image[..last + name.len()], Some(tag)),
        None => (image, Some("latest")),
    }
}

#[cfg(test)]
mod tests {
    use super::with_tag;

    #[test]
    fn an_image_without_a_tag_means_latest() {
        assert_eq!(with_tag("docker.io/nginx"), ("docker.io/nginx", Some("latest")));
        assert_eq!(with_tag("nginx"), ("nginx", Some("latest")));
    }

    #[test]
    fn a_registrys_port_is_not_a_tag() {
        assert_eq!(with_tag("127.0.0.1:5000/web"), ("127.0.0.1:5000/web", Some("latest")));
        assert_eq!(with_tag("127.0.0.1:5000/web:2"), ("127.0.0.1:5000/web", Some("2")));
    }

    #[test]
    fn a_name_stands_in_a_query_whatever_it_holds() {
        assert_eq!(super::encoded("127.0.0.1:5000/a b&c"), "127.0.0.1%3A5000%2Fa%20b%26c");
    }

    #[test]
    fn a_digest_is_left_alone() {
        assert_eq!(with_tag("nginx@sha256:00"), ("nginx@sha256:00", None));
    }
}
