//! The plain check of an app, which Mesos performs and nobody judges: as posted, as answered, and what it has found.

use serde::{Deserialize, Serialize};

use super::number::whole;

/// `check` as posted: one of `http`, `tcp` and `exec`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedCheck {
    /// A request whose status is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<PostedHttpCheck>,
    /// A connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<PostedTcpCheck>,
    /// A command whose exit code is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<PostedExecCheck>,
    /// Time between two questions, default 60.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<i64>,
    /// How long an answer may take, default 20.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i64>,
    /// Time before the first question, default 15.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<i64>,
}

/// `check.http` as posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedHttpCheck {
    /// Port; goes before `portIndex`.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub port: Option<i64>,
    /// Which of the declared ports.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub port_index: Option<i64>,
    /// What is asked for, default `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `HTTP` (default) or `HTTPS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
}

/// `check.tcp` as posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedTcpCheck {
    /// Port; goes before `portIndex`.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub port: Option<i64>,
    /// Which of the declared ports.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub port_index: Option<i64>,
}

/// `check.exec` as posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PostedExecCheck {
    /// What is run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<ExecCommand>,
}

/// `check.exec.command`: one of both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecCommand {
    /// Run by `/bin/sh -c`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// A program and its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
}

/// `check` as answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Check {
    /// A request whose status is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpCheck>,
    /// A connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpCheck>,
    /// A command whose exit code is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<ExecCheck>,
    /// Time between two questions.
    pub interval_seconds: u64,
    /// How long an answer may take.
    pub timeout_seconds: u64,
    /// Time before the first question.
    pub delay_seconds: u64,
}

/// `check.http` as answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpCheck {
    /// Port, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Which of the declared ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_index: Option<u32>,
    /// What is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `HTTP`.
    pub scheme: String,
}

/// `check.tcp` as answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpCheck {
    /// Port, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Which of the declared ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_index: Option<u32>,
}

/// `check.exec` as answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecCheck {
    /// What is run.
    pub command: ExecCommand,
}

/// `checkResult` of a task: what its check last found; without a member when there was no answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckResult {
    /// Of an HTTP check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpCheckResult>,
    /// Of a TCP check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpCheckResult>,
    /// Of a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandCheckResult>,
}

/// `checkResult.http`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpCheckResult {
    /// Status of the answer.
    pub status_code: u32,
}

/// `checkResult.tcp`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TcpCheckResult {
    /// Whether the connection was accepted.
    pub succeeded: bool,
}

/// `checkResult.command`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CommandCheckResult {
    /// Of the command.
    pub exit_code: i32,
}
