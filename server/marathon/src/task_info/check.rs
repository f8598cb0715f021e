//! The plain check that Mesos performs for us (mesos.md §5.4).

use wire::mesos::v1;
use wire::mesos::v1::check_info::{Command, Http, Tcp, Type};

use crate::endpoint;
use crate::instance::Task;
use crate::run_spec::{ExecCommand, Question, RunSpec};

/// The check of the task; `None` without one.
pub(super) fn of_task(spec: &RunSpec, task: &Task) -> Option<v1::CheckInfo> {
    let check = spec.check()?;
    let port = check.question.port();
    let port = port.and_then(|port| endpoint::beside_task(spec, task, port)).map(u32::from);
    let mut described = v1::CheckInfo {
        delay_seconds: Some(check.delay.as_secs_f64()),
        interval_seconds: Some(check.interval.as_secs_f64()),
        timeout_seconds: Some(check.timeout.as_secs_f64()),
        ..v1::CheckInfo::default()
    };
    match &check.question {
        Question::Http { path, .. } => {
            described.r#type = Some(Type::Http.into());
            described.http = Some(Http { port: port?, path: path.clone() });
        }
        Question::Tcp { .. } => {
            described.r#type = Some(Type::Tcp.into());
            described.tcp = Some(Tcp { port: port? });
        }
        Question::Exec(exec) => {
            described.r#type = Some(Type::Command.into());
            described.command = Some(Command { command: command(exec) });
        }
    }
    Some(described)
}

fn command(exec: &ExecCommand) -> v1::CommandInfo {
    let (shell, value, arguments) = match exec {
        ExecCommand::Shell(line) => (true, Some(line.clone()), Vec::new()),
        ExecCommand::Argv(argv) => (false, argv.first().cloned(), argv.clone()),
    };
    v1::CommandInfo { shell: Some(shell), value, arguments, ..v1::CommandInfo::default() }
}
