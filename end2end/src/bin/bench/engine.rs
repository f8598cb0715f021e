//! A Docker engine's API on its Unix socket, as far as the benchmarks need it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// The version of the API that both sides speak.
const VERSION: &str = "/v1.41";

/// An engine.
#[derive(Clone)]
pub(crate) struct Engine {
    socket: PathBuf,
}

impl Engine {
    pub(crate) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// One request, which must be answered with success.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let answer = self.text(method, path, body).await?;
        Ok(serde_json::from_str(answer.trim()).unwrap_or(Value::Null))
    }

    /// The same, with the answer as it comes.
    pub(crate) async fn text(&self, method: &str, path: &str, body: &Value) -> Result<String> {
        let mut stream =
            UnixStream::connect(&self.socket).await.context("no Docker engine answers")?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        // Of an older HTTP, so that the answer comes in one piece.
        let request = format!(
            "{method} {VERSION}{path} HTTP/1.0\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no head")?;
        let status = head.split_whitespace().nth(1).context("the answer has no status")?;
        ensure!(status.starts_with('2'), "{method} {path} answers {status}: {body}");
        Ok(body.to_owned())
    }

    /// The ends of containers, from now on.
    pub(crate) async fn ends(&self) -> Result<Ends> {
        let mut stream = UnixStream::connect(&self.socket).await?;
        let filters = "%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22die%22%5D%7D";
        let request =
            format!("GET {VERSION}/events?filters={filters} HTTP/1.1\r\nHost: docker\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        // The engine sends its head once it listens.
        while line != "\r\n" {
            line.clear();
            ensure!(lines.read_line(&mut line).await? > 0, "the engine's events have ended");
        }
        Ok(Ends(lines))
    }
}

/// The stream of containers that end.
pub(crate) struct Ends(BufReader<UnixStream>);

impl Ends {
    /// Reads on until `count` containers have ended.
    pub(crate) async fn of(&mut self, count: usize) -> Result<()> {
        let mut left = count;
        let mut line = String::new();
        while left > 0 {
            line.clear();
            if self.0.read_line(&mut line).await? == 0 {
                bail!("the engine's events ended");
            }
            if line.contains("\"Action\":\"die\"") {
                left -= 1;
            }
        }
        Ok(())
    }
}
