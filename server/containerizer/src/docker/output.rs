//! A container's output, copied into the files `stdout` and `stderr` of its sandbox, whole and once.
//!
//! The engine keeps each stream's bytes in order (`json-file`), so what was written *is* the position in its stream ([`OutputFile`]): after
//! a restart of the agent, of the engine, or a broken connection, the copy begins anew and skips what the files have had.
//! A followed log may end a moment before its last lines are read, therefore a last pass follows once the container has ended.

use std::path::Path;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt;

use super::rotation::{OutputFile, OutputLimit};
use super::{Docker, Pauses};
use crate::Error;

/// Pieces of output that are written together when they have already arrived.
const PIECES_AT_ONCE: usize = 256;

/// What an engine says of a log driver whose log cannot be read back.
const UNREADABLE: &str = "does not support reading";

impl Docker {
    pub(super) async fn copy_until_ended(&self, name: &str, sandbox: &Path) -> Result<(), Error> {
        let mut pauses = Pauses::up_to(self.config.retry_pause);
        loop {
            let began = tokio::time::Instant::now();
            match self.copy_once(name, sandbox, true).await {
                Err(error @ Error::Sandbox { .. }) => return Err(error),
                Err(Error::UnknownContainer { .. }) => return Ok(()),
                Err(Error::Refused { message, .. }) if message.contains(UNREADABLE) => {
                    tracing::warn!(container.name = %name, "the output of `{name}` is not in its sandbox: {message}");
                    return Ok(());
                }
                Ok(()) | Err(_) => {}
            }
            match self.exit(name).await {
                Ok(Some(_ended)) => match self.copy_once(name, sandbox, false).await {
                    Ok(()) | Err(Error::UnknownContainer { .. }) => return Ok(()),
                    Err(error @ Error::Sandbox { .. }) => return Err(error),
                    Err(error) => {
                        tracing::debug!(container.name = %name, "the output of `{name}` is read again: {error}")
                    }
                },
                Ok(None) => {}
                Err(Error::UnknownContainer { .. }) => return Ok(()),
                Err(error) => {
                    tracing::debug!(container.name = %name, "the output of `{name}` is read again: {error}")
                }
            }
            pauses.next(began.elapsed()).await;
        }
    }

    async fn copy_once(&self, name: &str, sandbox: &Path, follow: bool) -> Result<(), Error> {
        let operation = format!("read the output of container `{name}`");
        let mut stdout = Copy::open(name, sandbox, "stdout", self.config.stdout_limit).await?;
        let mut stderr = Copy::open(name, sandbox, "stderr", self.config.stderr_limit).await?;
        let client = self.client(&operation, self.config.call_timeout)?;
        let options = LogsOptionsBuilder::new().follow(follow).stdout(true).stderr(true).build();
        let mut pieces = Box::pin(client.logs(name, Some(options)).ready_chunks(PIECES_AT_ONCE));
        while let Some(arrived) = pieces.next().await {
            for piece in arrived {
                match piece {
                    Ok(LogOutput::StdErr { message }) => stderr.take(&message),
                    Ok(LogOutput::StdOut { message } | LogOutput::Console { message }) => {
                        stdout.take(&message)
                    }
                    Ok(LogOutput::StdIn { .. }) => {}
                    Err(source) => {
                        stdout.write().await?;
                        stderr.write().await?;
                        return Err(super::unknown_container(name)(self.error(
                            &operation,
                            self.config.call_timeout,
                            source,
                        )));
                    }
                }
            }
            stdout.write().await?;
            stderr.write().await?;
        }
        Ok(())
    }
}

/// One of the two files while it is being filled.
struct Copy<'a> {
    container: &'a str,
    path: String,
    file: OutputFile,
    /// Bytes of the stream that are written already.
    skip: u64,
    pending: Vec<u8>,
}

impl<'a> Copy<'a> {
    async fn open(
        container: &'a str,
        sandbox: &Path,
        stream: &str,
        limit: Option<OutputLimit>,
    ) -> Result<Self, Error> {
        let path = sandbox.join(stream);
        let shown = path.display().to_string();
        let failed =
            |source| Error::Sandbox { name: container.to_owned(), path: shown.clone(), source };
        let file = OutputFile::open(path, limit).await.map_err(failed)?;
        let skip = file.position();
        Ok(Self { container, path: shown, file, skip, pending: Vec::new() })
    }

    fn take(&mut self, message: &[u8]) {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(message.len());
        self.skip -= skipped as u64;
        self.pending.extend_from_slice(&message[skipped..]);
    }

    async fn write(&mut self) -> Result<(), Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.file.write(&self.pending).await.map_err(|source| Error::Sandbox {
            name: self.container.to_owned(),
            path: self.path.clone(),
            source,
        })?;
        self.pending.clear();
        Ok(())
    }
}
