//! The plain check of a definition, and what it has found of a task.

use wire::marathon;

use crate::health;
use crate::run_spec::{Check, CheckPort, ExecCommand, Question};

/// The check as answered.
pub(super) fn check(check: &Check) -> marathon::Check {
    let answered = marathon::Check {
        interval_seconds: check.interval.as_secs(),
        timeout_seconds: check.timeout.as_secs(),
        delay_seconds: check.delay.as_secs(),
        ..marathon::Check::default()
    };
    let (port, port_index) = match check.question.port() {
        Some(CheckPort::Number(number)) => (Some(number), None),
        Some(CheckPort::Index(index)) => (None, Some(index)),
        None => (None, None),
    };
    match &check.question {
        Question::Http { path, .. } => {
            let (path, scheme) = (path.clone(), "HTTP".to_owned());
            let http = Some(marathon::HttpCheck { port, port_index, path, scheme });
            marathon::Check { http, ..answered }
        }
        Question::Tcp { .. } => {
            marathon::Check { tcp: Some(marathon::TcpCheck { port, port_index }), ..answered }
        }
        Question::Exec(command) => {
            let command = match command {
                ExecCommand::Shell(shell) => {
                    marathon::ExecCommand { shell: Some(shell.clone()), argv: None }
                }
                ExecCommand::Argv(argv) => {
                    marathon::ExecCommand { shell: None, argv: Some(argv.clone()) }
                }
            };
            marathon::Check { exec: Some(marathon::ExecCheck { command }), ..answered }
        }
    }
}

/// What it last found.
///
/// Compat: nothing stands in it when there was no answer, as in the original.
pub(super) fn check_result(found: health::CheckResult) -> marathon::CheckResult {
    use health::CheckResult::{Command, Http, Tcp};
    let nothing = marathon::CheckResult::default();
    match found {
        Http { status } => marathon::CheckResult {
            http: status.map(|status_code| marathon::HttpCheckResult { status_code }),
            ..nothing
        },
        Tcp { succeeded } => marathon::CheckResult {
            tcp: succeeded.map(|succeeded| marathon::TcpCheckResult { succeeded }),
            ..nothing
        },
        Command { exit_code } => marathon::CheckResult {
            command: exit_code.map(|exit_code| marathon::CommandCheckResult { exit_code }),
            ..nothing
        },
    }
}
