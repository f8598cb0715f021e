//! Plain HTTP/1.1 over a socket: so little that what is measured is the server.

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Sends one request on `stream` and returns status and body. The connection is used once.
pub(crate) async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Result<(u16, String)> {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no head")?;
    let status = head.split_whitespace().nth(1).context("the answer has no status")?.parse()?;
    Ok((status, body.to_owned()))
}

/// One request to `host:port` that must succeed.
pub(crate) async fn request(
    authority: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Result<String> {
    let stream = TcpStream::connect(authority).await?;
    let (status, answer) = exchange(stream, authority, method, path, body).await?;
    ensure!((200..300).contains(&status), "{method} {path} answers {status}: {answer}");
    Ok(answer)
}

/// Marathon's event stream.
pub(crate) struct Events(BufReader<TcpStream>);

impl Events {
    /// Subscribes; returns once the server has attached the subscriber.
    pub(crate) async fn subscribe(authority: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(authority).await?;
        let request = format!(
            "GET /v2/events HTTP/1.1\r\nHost: {authority}\r\nAccept: text/event-stream\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut events = Self(BufReader::new(stream));
        events.until(|line| line.contains("event_stream_attached")).await?;
        Ok(events)
    }

    /// Reads on until `count` updates to `TASK_RUNNING` have come.
    pub(crate) async fn running(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            self.until(|line| {
                line.contains("\"status_update_event\"") && line.contains("\"TASK_RUNNING\"")
            })
            .await?;
        }
        Ok(())
    }

    /// Reads on until a task has failed.
    pub(crate) async fn failed(&mut self) -> Result<()> {
        self.until(|line| {
            line.contains("\"status_update_event\"") && line.contains("\"TASK_FAILED\"")
        })
        .await
    }

    /// Reads on until a deployment has succeeded.
    pub(crate) async fn deployed(&mut self) -> Result<()> {
        self.until(|line| line.contains("\"deployment_success\"")).await
    }

    async fn until(&mut self, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line).await? == 0 {
                bail!("the event stream ended");
            }
            if wanted(&line) {
                return Ok(());
            }
        }
    }
}
