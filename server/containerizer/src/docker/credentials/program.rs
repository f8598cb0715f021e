//! Programs that keep credentials for Docker (`docker-credential-…`), asked as its command line does.
//!
//! They run as the agent's user with its environment, so only the agent's own configuration may name one.
//!
//! Source: docker/docker-credential-helpers: README.md, client/client.go; docker/cli: cli/config/credentials/native_store.go.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// How long a program may think.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest answer that is read.
const LONGEST: u64 = 64 << 10;

/// What the programs write for a registry that they do not know.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The user name that stands for an identity token in place of a password.
const TOKEN: &str = "<token>";

/// An answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Kept {
    pub(super) username: String,
    pub(super) secret: String,
}

impl Kept {
    /// Whether the secret is an identity token.
    pub(super) fn is_token(&self) -> bool {
        self.username == TOKEN
    }
}

/// Asks the program `docker-credential-{name}` for the credentials of `server`.
///
/// # Errors
/// When there is no such program, it fails, or it answers something else; the text holds nothing of its output.
pub(super) async fn ask(name: &str, server: &str) -> Result<Option<Kept>, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(format!("`{}` is no name of a credential program", name.escape_debug()));
    }
    let program = format!("docker-credential-{name}");
    let answer = tokio::time::timeout(PATIENCE, run(&program, server)).await;
    let (is_success, output) = answer
        .map_err(|_| format!("`{program}` did not answer within {} s", PATIENCE.as_secs()))?
        .map_err(|error| format!("`{program}` could not be asked: {error}"))?;
    if !is_success {
        let is_unknown = String::from_utf8_lossy(&output).trim() == NOT_FOUND;
        return if is_unknown { Ok(None) } else { Err(format!("`{program}` failed")) };
    }
    let kept = serde_json::from_slice(&output);
    kept.map(Some).map_err(|_| format!("`{program}` answered something else than credentials"))
}

async fn run(program: &str, server: &str) -> std::io::Result<(bool, Vec<u8>)> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    if let Some(mut stdin) = stdin {
        // One that does not read the name says so by its answer.
        let _ = stdin.write_all(format!("{server}\n").as_bytes()).await;
    }
    let mut output = Vec::new();
    if let Some(stdout) = stdout {
        stdout.take(LONGEST).read_to_end(&mut output).await?;
    }
    Ok((child.wait().await?.success(), output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_is_a_path_is_refused_and_a_missing_program_is_told() {
        for (name, told) in [
            ("../../bin/sh", "is no name"),
            ("", "is no name"),
            ("ekiden-nobody", "`docker-credential-ekiden-nobody` could not be asked"),
        ] {
            let error = ask(name, "a.b").await.err().unwrap();
            assert!(error.contains(told), "{error}");
        }
    }
}
