//! Questions to a running command: another one beside it, as its user, in its sandbox and under its limits.
//!
//! The executor's program runs it and ends all of it when this end of the pipe closes, which dropping the future does, or when the
//! command that is asked about has ended. Connections go to the host's network, which commands share.

use std::process::Stdio;

use executor::{Ending, How, Question};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::Process;
use super::task_folder::State;
use crate::Error;
use crate::inside::Inside;

impl Inside for Process {
    fn run<'a>(
        &'a self,
        name: &'a str,
        line: &'a [String],
        environment: &'a [(String, String)],
    ) -> BoxFuture<'a, Result<i64, Error>> {
        let question = Question { line: line.to_vec(), environment: environment.to_vec() };
        self.ask(name, question).boxed()
    }
}

impl Process {
    /// Lasts as long as the command beside does; whoever calls it sets a limit.
    async fn ask(&self, name: &str, question: Question) -> Result<i64, Error> {
        if !matches!(self.state(name).await?, State::Runs(_)) {
            return Err(Error::UnknownContainer { name: name.to_owned() });
        }
        let folder = self.0.folder(name);
        let mut executor = Command::new(&self.0.program)
            .arg("ask")
            .arg(folder.path())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("start", &self.0.program))?;
        let (Some(mut asked), Some(mut answer)) = (executor.stdin.take(), executor.stdout.take())
        else {
            return Err(Error::Launch { message: "the executor has no pipes".to_owned() });
        };
        let mut bytes = Vec::new();
        let told = async {
            asked.write_all(&question.to_bytes()).await?;
            answer.read_to_end(&mut bytes).await
        };
        told.await.map_err(Error::io("ask", &self.0.program))?;
        // Held until here: its end would have ended the command.
        drop(asked);
        let ending = Ending::from_bytes(&bytes)
            .map_err(|error| Error::Launch { message: format!("the executor said {error}") })?;
        match ending.how {
            How::Exited(status) => Ok(i64::from(status)),
            // As a shell tells it, and Docker.
            How::Signaled(signal) => Ok(128 + i64::from(signal)),
            How::Failed(message) => Err(Error::Beside { message }),
        }
    }
}
