//! Why an engine did not do what it was asked.
//!
//! The messages reach the framework as the task's message, so they carry the engine's own words and name what was tried.

use std::time::Duration;

/// Why a call to an engine failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing listens where the engine should be, or the connection broke.
    #[error("no Docker engine answers at {endpoint} ({operation}): {reason}")]
    Unreachable {
        /// Socket of the engine.
        endpoint: String,
        /// What was tried.
        operation: String,
        /// What the system said.
        reason: String,
    },
    /// The engine accepted the call and did not answer in time.
    #[error("the Docker engine at {endpoint} did not answer within {} s ({operation})", after.as_secs())]
    TimedOut {
        /// Socket of the engine.
        endpoint: String,
        /// What was tried.
        operation: String,
        /// How long the call waited.
        after: Duration,
    },
    /// The image could not be pulled.
    #[error("failed to pull image `{image}`: {message}")]
    Pull {
        /// The image as the framework named it.
        image: String,
        /// The engine's words.
        message: String,
    },
    /// The engine knows no such container.
    #[error("the Docker engine knows no container `{name}`")]
    UnknownContainer {
        /// The container's name.
        name: String,
    },
    /// The engine refused the call.
    #[error("the Docker engine refused to {operation}: {message}")]
    Refused {
        /// What was tried.
        operation: String,
        /// HTTP status of the answer.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// The engine's answer could not be understood.
    #[error("the Docker engine's answer made no sense ({operation}): {message}")]
    Malformed {
        /// What was tried.
        operation: String,
        /// What was wrong with it.
        message: String,
    },
    /// A command could not be started.
    #[error("{message}")]
    Launch {
        /// Why, in its executor's words.
        message: String,
    },
    /// A command beside a running one could not be run: it cannot be found, say.
    #[error("{message}")]
    Beside {
        /// Why, in its executor's words.
        message: String,
    },
    /// A command did not end, though it was killed.
    #[error("the processes of `{name}` have not ended {} s after they were killed", after.as_secs())]
    Undying {
        /// The command's name.
        name: String,
        /// How long was waited.
        after: Duration,
    },
    /// Something of a command's own could not be read or written.
    #[error("could not {operation} `{path}`: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// This agent cannot do it.
    #[error("this agent runs no {what}: see its --containerizers")]
    Unsupported {
        /// What it does not run.
        what: &'static str,
    },
    /// The sandbox could not be written.
    #[error("could not write the output of `{name}` to `{path}`")]
    Sandbox {
        /// The container's name.
        name: String,
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Says whether the same call may succeed later without anybody changing the task.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Unreachable { .. }
            | Error::TimedOut { .. }
            | Error::Malformed { .. }
            | Error::Undying { .. }
            | Error::Io { .. } => true,
            Error::Refused { status, .. } => *status >= 500,
            Error::Pull { .. }
            | Error::UnknownContainer { .. }
            | Error::Launch { .. }
            | Error::Beside { .. }
            | Error::Unsupported { .. }
            | Error::Sandbox { .. } => false,
        }
    }

    /// Whether whoever was asked has said so; otherwise it may do what it was asked for all the same.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        !matches!(
            self,
            Error::Unreachable { .. } | Error::TimedOut { .. } | Error::Malformed { .. }
        )
    }

    /// Whether a container could not be made because its image is not there (any more).
    ///
    /// Source: moby/moby: daemon/images/image.go (`ErrImageDoesNotExist`).
    #[must_use]
    pub fn is_missing_image(&self) -> bool {
        matches!(self, Error::Refused { status: 404, message, .. }
            if message.to_ascii_lowercase().contains("no such image"))
    }

    pub(crate) fn io(
        operation: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Error::Io { operation, path, source }
    }
}
