//! Requests as the guide makes them: with `curl`.

use std::{collections::BTreeMap, process::Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header values by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub body: String,
}

impl Reply {
    /// The body, which must be JSON and say so.
    pub fn json(&self) -> Result<Value> {
        let kind = self.headers.get("content-type").map_or("", String::as_str);
        ensure!(kind.starts_with("application/json"), "content type `{kind}` of `{}`", self.body);
        serde_json::from_str(&self.body).with_context(|| format!("no JSON: `{}`", self.body))
    }

    /// The JSON body of a reply with `status`.
    pub fn expect(&self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "status {} instead of {status}: {}", self.status, self.body);
        self.json()
    }
}

/// Runs `curl` with `words` and reads the reply it prints.
pub async fn curl(words: &[&str]) -> Result<Reply> {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--include", "--max-time", "30", "--noproxy", "*"])
        .args(words);
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("could not start `curl`")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`curl {}`: {}", words.join(" "), errors.trim());
    parse(&String::from_utf8_lossy(&output.stdout))
}

/// `GET url`.
pub async fn get(url: &str) -> Result<Reply> {
    curl(&[url]).await
}

/// Sends `body` as JSON.
pub async fn send(method: &str, url: &str, body: &Value) -> Result<Reply> {
    curl(&["-X", method, url, "-H", "Content-Type: application/json", "-d", &body.to_string()])
        .await
}

/// `DELETE url`.
pub async fn delete(url: &str) -> Result<Reply> {
    curl(&["-X", "DELETE", url]).await
}

fn parse(text: &str) -> Result<Reply> {
    let (head, body) =
        text.split_once("\r\n\r\n").with_context(|| format!("no HTTP reply: `{text}`"))?;
    let mut lines = head.lines();
    let status: u16 = lines
        .next()
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|code| code.parse().ok())
        .with_context(|| format!("no status line: `{head}`"))?;
    if status == 100 {
        // An interim answer; the real one follows.
        return parse(body);
    }
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers =
        headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    Ok(Reply { status, headers, body: body.to_owned() })
}
