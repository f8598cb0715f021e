//! Checks of a task by its agent: what is asked, how often, and how failures are counted (mesos.md §5.4).
//!
//! A health check is judged and may end its task; a plain check is only told. Both are read from the `TaskInfo` here;
//! `HealthCount` counts, and neither knows a clock, an engine or a socket.

use std::time::Duration;

use model::ContainerId;
use wire::mesos::v1;

use crate::task::TaskKey;

/// Which of the two checks of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckKind {
    /// `TaskInfo.health_check`.
    Health,
    /// `TaskInfo.check`.
    Status,
}

/// A question to a task, to be answered with `Command::Probed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The task.
    pub task: TaskKey,
    /// Identity of the run.
    pub container: ContainerId,
    /// Name of its container.
    pub name: String,
    /// Which check asks.
    pub kind: CheckKind,
    /// Tells this question from others of the process.
    pub number: u64,
    /// What is asked.
    pub question: Question,
    /// How long the answer may take; as long as it wants when absent.
    pub timeout: Option<Duration>,
}

/// What is asked of a task, beside it: in its network, or in its container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The exit code of a command.
    Command {
        /// The command line with the program first.
        line: Vec<String>,
        /// Variables on top of the task's own.
        environment: Vec<(String, String)>,
    },
    /// The status of a GET request to loopback; redirects are followed, certificates are not looked at.
    Http {
        /// TLS first.
        is_tls: bool,
        /// The task's port.
        port: u16,
        /// Begins with `/`.
        path: String,
        /// Over IPv6.
        is_v6: bool,
    },
    /// Whether a connection to loopback is accepted.
    Tcp {
        /// The task's port.
        port: u16,
        /// Over IPv6.
        is_v6: bool,
    },
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The command ended with this code.
    Exited(i32),
    /// The HTTP status.
    Answered(u16),
    /// The connection was accepted.
    Connected,
    /// There was no answer, and why.
    Failed(String),
    /// The question could not be put; that says nothing about the task.
    NotAsked(String),
}

/// How a check is performed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) question: Question,
    pub(crate) delay: Duration,
    pub(crate) interval: Duration,
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) most_failures: u32,
}

impl Plan {
    /// Reads a health check; the error says what is wrong with it.
    pub(crate) fn of_health(check: &v1::HealthCheck) -> Result<Self, String> {
        use v1::health_check::Type;
        let question = match check.r#type() {
            Type::Command => command(check.command.as_ref())?,
            Type::Http => {
                let http = check.http.as_ref().ok_or("an HTTP health check without `http`")?;
                let is_tls = match http.scheme.as_deref() {
                    None | Some("http") => false,
                    Some("https") => true,
                    Some(other) => return Err(format!("unknown scheme `{other}`")),
                };
                let is_v6 = http.protocol() == v1::network_info::Protocol::IPv6;
                Question::Http {
                    is_tls,
                    port: port(http.port)?,
                    path: path(http.path.as_deref()),
                    is_v6,
                }
            }
            Type::Tcp => {
                let tcp = check.tcp.as_ref().ok_or("a TCP health check without `tcp`")?;
                let is_v6 = tcp.protocol() == v1::network_info::Protocol::IPv6;
                Question::Tcp { port: port(tcp.port)?, is_v6 }
            }
            Type::Unknown => return Err("a health check without a known `type`".to_owned()),
        };
        Ok(Self {
            question,
            delay: seconds(check.delay_seconds())?,
            interval: interval(check.interval_seconds())?,
            timeout: Some(seconds(check.timeout_seconds())?).filter(|limit| !limit.is_zero()),
            grace: seconds(check.grace_period_seconds())?,
            most_failures: check.consecutive_failures(),
        })
    }

    /// Reads a plain check.
    pub(crate) fn of_check(check: &v1::CheckInfo) -> Result<Self, String> {
        use v1::check_info::Type;
        let question = match check.r#type() {
            Type::Command => {
                let of_command = check.command.as_ref().map(|check| &check.command);
                command(of_command)?
            }
            Type::Http => {
                let http = check.http.as_ref().ok_or("an HTTP check without `http`")?;
                let (port, path) = (port(http.port)?, path(http.path.as_deref()));
                Question::Http { is_tls: false, port, path, is_v6: false }
            }
            Type::Tcp => {
                let tcp = check.tcp.as_ref().ok_or("a TCP check without `tcp`")?;
                Question::Tcp { port: port(tcp.port)?, is_v6: false }
            }
            Type::Unknown => return Err("a check without a known `type`".to_owned()),
        };
        Ok(Self {
            question,
            delay: seconds(check.delay_seconds())?,
            interval: interval(check.interval_seconds())?,
            timeout: Some(seconds(check.timeout_seconds())?).filter(|limit| !limit.is_zero()),
            grace: Duration::ZERO,
            most_failures: 0,
        })
    }
}

/// Whether the checks of a task can be performed; what of them is ignored is logged.
pub(crate) fn validate(task: &v1::TaskInfo) -> Result<(), String> {
    if let Some(check) = &task.health_check {
        Plan::of_health(check)?;
    }
    if let Some(check) = &task.check {
        Plan::of_check(check)?;
    }
    for field in ignored(task) {
        let task = &task.task_id.value;
        tracing::warn!(task.id = %task, "task `{task}` is checked without regard to `{field}`, as in Mesos");
    }
    Ok(())
}

/// What a task's checks say that changes nothing.
///
/// Compat: the original ignores it: a command of a check runs as its task does, and 200 to 399 are good.
fn ignored(task: &v1::TaskInfo) -> Vec<&'static str> {
    let (health, status) = (task.health_check.as_ref(), task.check.as_ref());
    let has_user =
        |command: &v1::CommandInfo| command.user.as_ref().is_some_and(|it| !it.is_empty());
    let has_uris = |command: &v1::CommandInfo| !command.uris.is_empty();
    let of_health = health.and_then(|check| check.command.as_ref());
    let of_status = status.and_then(|check| check.command.as_ref()).map(|check| &check.command);
    let http = health.and_then(|check| check.http.as_ref());
    let given = [
        ("health_check.http.statuses", http.is_some_and(|http| !http.statuses.is_empty())),
        ("health_check.command.user", of_health.is_some_and(has_user)),
        ("health_check.command.uris", of_health.is_some_and(has_uris)),
        ("check.command.user", of_status.is_some_and(has_user)),
        ("check.command.uris", of_status.is_some_and(has_uris)),
    ];
    given.into_iter().filter(|(_, is_given)| *is_given).map(|(field, _)| field).collect()
}

fn command(command: Option<&v1::CommandInfo>) -> Result<Question, String> {
    let command = command.ok_or("a COMMAND check without `command`")?;
    let value = command.value.clone().ok_or("a COMMAND check without `command.value`")?;
    let line = if command.shell.unwrap_or(true) {
        vec!["/bin/sh".to_owned(), "-c".to_owned(), value]
    } else {
        // As with tasks, the first argument is what the program is called, not what it is given.
        let given = command.arguments.iter().skip(1).cloned();
        std::iter::once(value).chain(given).collect()
    };
    let variables = command.environment.iter().flat_map(|environment| &environment.variables);
    let environment = variables.map(variable).collect::<Result<Vec<_>, _>>()?;
    let has_nul = |text: &String| text.contains('\0');
    if line.iter().any(has_nul)
        || environment.iter().any(|(name, value)| has_nul(name) || has_nul(value))
    {
        return Err("the command of a check contains a NUL".to_owned());
    }
    Ok(Question::Command { line, environment })
}

fn variable(variable: &v1::environment::Variable) -> Result<(String, String), String> {
    use v1::environment::variable::Type;
    let name = &variable.name;
    if variable.secret.is_some() || variable.r#type.is_some_and(|kind| kind == Type::Secret as i32)
    {
        return Err(format!("secret environment variable `{name}` of a check is not supported"));
    }
    if name.is_empty() || name.contains('=') {
        return Err(format!("'{name}' of a check is no name of an environment variable"));
    }
    Ok((name.clone(), variable.value.clone().unwrap_or_default()))
}

fn port(number: u32) -> Result<u16, String> {
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("{number} is no port number"))
}

fn path(given: Option<&str>) -> String {
    let given = given.unwrap_or_default();
    if given.starts_with('/') { given.to_owned() } else { format!("/{given}") }
}

fn seconds(number: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(number).map_err(|_| format!("{number} is no time in seconds"))
}

/// Compat: the original probes without a pause where the interval is 0.
fn interval(number: f64) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_millis(100);
    Ok(seconds(number)?.max(LEAST))
}

/// How a health check of one run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HealthCount {
    failures: u32,
    /// It has not succeeded yet.
    is_initial: bool,
}

/// What a result means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nobody needs to hear of it.
    Silence,
    /// The task is healthy, which is news.
    Healthy,
    /// The task is not healthy; it has to end when `kills` says so.
    Unhealthy {
        /// So many failures are too many.
        kills: bool,
    },
}

impl HealthCount {
    /// The count of a run of which `told` was told last; `None` when it has just begun.
    ///
    /// What the process before this one has counted is lost; that it had told of a failure counts as one.
    pub(crate) fn resumed(told: Option<bool>) -> Self {
        Self { failures: u32::from(told == Some(false)), is_initial: told.is_none() }
    }

    /// Counts a success.
    pub(crate) fn success(&mut self) -> Verdict {
        let is_news = self.is_initial || self.failures > 0;
        *self = Self { failures: 0, is_initial: false };
        if is_news { Verdict::Healthy } else { Verdict::Silence }
    }

    /// Counts a failure, `passed` after the checks began.
    ///
    /// Source: apache/mesos: src/checks/health_checker.cpp (`HealthCheckerProcess::failure`): failures are ignored
    /// only before the first success, up to and including the last moment of the grace period.
    pub(crate) fn failure(&mut self, plan: &Plan, passed: Duration) -> Verdict {
        if self.is_initial && !plan.grace.is_zero() && passed <= plan.grace {
            return Verdict::Silence;
        }
        self.failures = self.failures.saturating_add(1);
        Verdict::Unhealthy { kills: self.failures >= plan.most_failures }
    }
}

impl Outcome {
    /// Whether a health check takes it for good; the reason when not. `None`: it says nothing.
    pub(crate) fn judged(&self) -> Option<Result<(), String>> {
        Some(match self {
            Outcome::Exited(0) | Outcome::Connected => Ok(()),
            Outcome::Exited(code) => Err(format!("Command returned {code}")),
            Outcome::Answered(status) if (200..400).contains(status) => Ok(()),
            Outcome::Answered(status) => Err(format!("Unexpected HTTP response code: {status}")),
            Outcome::Failed(cause) => Err(cause.clone()),
            // Compat: the original counts an engine that does not answer against the task.
            Outcome::NotAsked(_) => return None,
        })
    }

    /// What a plain check tells; without a result where there was no answer.
    pub(crate) fn status(&self, question: &Question) -> v1::CheckStatusInfo {
        use v1::check_info::Type;
        use v1::check_status_info::{Command, Http, Tcp};
        let (kind, mut told) = match question {
            Question::Command { .. } => {
                let exit_code = match self {
                    Outcome::Exited(code) => Some(*code),
                    Outcome::Answered(_)
                    | Outcome::Connected
                    | Outcome::Failed(_)
                    | Outcome::NotAsked(_) => None,
                };
                let command = Some(Command { exit_code });
                (Type::Command, v1::CheckStatusInfo { command, ..Default::default() })
            }
            Question::Http { .. } => {
                let status_code = match self {
                    Outcome::Answered(status) => Some(u32::from(*status)),
                    Outcome::Exited(_)
                    | Outcome::Connected
                    | Outcome::Failed(_)
                    | Outcome::NotAsked(_) => None,
                };
                let http = Some(Http { status_code });
                (Type::Http, v1::CheckStatusInfo { http, ..Default::default() })
            }
            Question::Tcp { .. } => {
                let tcp = Some(Tcp { succeeded: Some(*self == Outcome::Connected) });
                (Type::Tcp, v1::CheckStatusInfo { tcp, ..Default::default() })
            }
        };
        told.r#type = Some(kind.into());
        told
    }
}

#[cfg(test)]
mod tests;
