//! The plain check: what the agent asks of a task and only tells, without judging the answer (marathon.md §6.1).

use std::time::Duration;

use super::CheckPort;

/// The `check` of an app. Whether a task is healthy does not depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is asked.
    pub question: Question,
    /// Time between two questions.
    pub interval: Duration,
    /// How long an answer may take; zero = as long as it takes.
    pub timeout: Duration,
    /// Time before the first question.
    pub delay: Duration,
}

/// What a plain check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// An HTTP request, without TLS; its status is told.
    Http {
        /// What is asked for; `/` when absent.
        path: Option<String>,
        /// Where.
        port: CheckPort,
    },
    /// Whether a connection is accepted.
    Tcp {
        /// Where.
        port: CheckPort,
    },
    /// A command beside the task; its exit code is told.
    Exec(ExecCommand),
}

/// What a plain check runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecCommand {
    /// By `/bin/sh -c`.
    Shell(String),
    /// A program and its arguments; never empty.
    Argv(Vec<String>),
}

impl Question {
    /// The port that is asked; none of a command.
    pub fn port(&self) -> Option<CheckPort> {
        match self {
            Self::Http { port, .. } | Self::Tcp { port } => Some(*port),
            Self::Exec(_) => None,
        }
    }
}
