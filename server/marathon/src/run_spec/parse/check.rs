//! The plain check: one kind of question, and a port that is declared.

use std::time::Duration;

use wire::marathon::{self, PostedApp, PostedCheck};

use super::health::Ports;
use super::unbuilt;
use crate::run_spec::check::{Check, ExecCommand, Question};
use crate::run_spec::{CheckPort, Violations};

const PATH: &str = "/check";

/// The check, if there is one; what is wrong is noted.
pub(super) fn parse(
    posted: &PostedApp,
    is_docker: bool,
    ports: &Ports<'_>,
    found: &mut Violations,
) -> Option<Check> {
    let given = posted.check.as_ref()?;
    found.check(is_docker, "/", "AppDefinition must not use 'checks' if using docker");
    let question = question(given, ports, found)?;
    Some(Check {
        question,
        interval: seconds(given.interval_seconds, 60),
        timeout: seconds(given.timeout_seconds, 20),
        delay: seconds(given.delay_seconds, 15),
    })
}

fn question(given: &PostedCheck, ports: &Ports<'_>, found: &mut Violations) -> Option<Question> {
    match (&given.http, &given.tcp, &given.exec) {
        (Some(http), None, None) => {
            // Compat: Mesos has no scheme for plain checks, and the original fails on this one.
            let is_https = http.scheme.as_deref() == Some("HTTPS");
            found.check(is_https, format!("{PATH}/http/scheme"), unbuilt::text("HTTPS"));
            let port = port(http.port, http.port_index, ports, found);
            Some(Question::Http { path: http.path.clone(), port })
        }
        (None, Some(tcp), None) => {
            Some(Question::Tcp { port: port(tcp.port, tcp.port_index, ports, found) })
        }
        (None, None, Some(exec)) => {
            let command = exec.command.as_ref().and_then(command);
            let error = "must be either a shell command or an argv that names a program";
            found.check(command.is_none(), format!("{PATH}/exec/command"), error);
            command.map(Question::Exec)
        }
        _ => {
            found.add(PATH, "must be exactly one of http, tcp and exec");
            None
        }
    }
}

/// A port that names neither a number nor an index is the first one declared, as with health checks.
fn port(
    number: Option<i64>,
    index: Option<i64>,
    ports: &Ports<'_>,
    found: &mut Violations,
) -> CheckPort {
    if let Some(number) = number.and_then(|number| u16::try_from(number).ok()) {
        return CheckPort::Number(number);
    }
    let index = u32::try_from(index.unwrap_or(0)).unwrap_or(u32::MAX);
    let error =
        "check port index must address an element of the ports array or container port mappings.";
    found.check(index as usize >= ports.count, PATH, error);
    CheckPort::Index(index)
}

fn command(given: &marathon::ExecCommand) -> Option<ExecCommand> {
    match (&given.shell, &given.argv) {
        (Some(shell), None) if !shell.is_empty() => Some(ExecCommand::Shell(shell.clone())),
        (None, Some(argv)) if argv.first().is_some_and(|program| !program.is_empty()) => {
            Some(ExecCommand::Argv(argv.clone()))
        }
        _ => None,
    }
}

fn seconds(given: Option<i64>, default: u64) -> Duration {
    Duration::from_secs(given.map_or(default, |count| u64::try_from(count).unwrap_or(0)))
}
