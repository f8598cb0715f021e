//! What checks say of one run of an instance, and what each new result changes.
//!
//! Pure counting: `Health::judge` takes a result and the time, and says whether it counts and whether the task
//! is given up. None of it is stored: after a change of leader results come in anew (design D6).

use std::time::Duration;

use model::Timestamp;

use crate::run_spec::{HealthCheck, Prober, RunSpec, Scheme};

/// One check of an instance's definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckId {
    /// A health check, counted from 0.
    Health(u32),
    /// The readiness check.
    Readiness,
}

/// Names one probe; no two have the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProbeId(pub u64);

/// A question to be put to a task; answered by `Command::Probed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeOrder {
    /// Names the question.
    pub id: ProbeId,
    /// What is asked.
    pub question: Question,
    /// Agent's hostname or the container's address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// What is asked of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// A GET request; redirects are not followed, certificates are not looked at.
    Http {
        /// With TLS or without.
        scheme: Scheme,
        /// Begins with `/`.
        path: String,
        /// The answer's body is wanted too.
        wants_body: bool,
    },
    /// To accept a connection.
    Tcp,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The connection was accepted.
    Connected,
    /// An HTTP answer.
    Answered(Answer),
    /// There was no answer, and why.
    Failed(String),
}

/// An answer to an HTTP question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The words beside it, `Service Unavailable`.
    pub reason: String,
    /// Media type, `""` without one.
    pub content_type: String,
    /// The body, as far as it was wanted.
    pub body: String,
}

/// What one result means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    Good,
    Bad(String),
    /// It says nothing.
    Nothing,
}

impl Outcome {
    /// What it means to a health check: 200 to 399 is good.
    pub(crate) fn finding(self, ignores_1xx: bool) -> Finding {
        match self {
            Self::Connected => Finding::Good,
            Self::Answered(answer) if (200..400).contains(&answer.status) => Finding::Good,
            Self::Answered(answer) if ignores_1xx && (100..200).contains(&answer.status) => {
                Finding::Nothing
            }
            Self::Answered(answer) => {
                Finding::Bad(format!("{} {}", answer.status, answer.reason).trim_end().to_owned())
            }
            Self::Failed(cause) => Finding::Bad(cause),
        }
    }
}

/// What one health check has found so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Whether the last result that counted was good.
    pub is_alive: bool,
    /// When it first succeeded.
    pub first_success: Option<Timestamp>,
    /// When it last succeeded.
    pub last_success: Option<Timestamp>,
    /// When it last failed.
    pub last_failure: Option<Timestamp>,
    /// Why it last failed.
    pub last_failure_cause: Option<String>,
    /// Failures since the last success.
    pub consecutive_failures: u32,
}

/// What a result changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// What is known now.
    pub(crate) health: Health,
    /// It was a failure, and it counts.
    pub(crate) has_failed: bool,
    /// So many failures are not forgiven.
    pub(crate) gives_up: bool,
}

impl Health {
    /// Counts one result of a task that has been running for `ran`; `None` when it does not run now.
    ///
    /// Failures count for nothing while the task does not run, and before the first success within the grace
    /// period. The task is given up when as many failures as are forgiven have happened **before** this one.
    ///
    /// Source: marathon.md §8.8 (HealthCheckActor of the original).
    pub(crate) fn judge(
        &self,
        check: &HealthCheck,
        ran: Option<Duration>,
        finding: Finding,
        at: Timestamp,
    ) -> Judgement {
        let unchanged = || Judgement { health: self.clone(), has_failed: false, gives_up: false };
        let cause = match finding {
            Finding::Nothing => return unchanged(),
            Finding::Good => {
                let health = Self {
                    is_alive: true,
                    first_success: self.first_success.or(Some(at)),
                    last_success: Some(at),
                    consecutive_failures: 0,
                    ..self.clone()
                };
                return Judgement { health, ..unchanged() };
            }
            Finding::Bad(cause) => cause,
        };
        let is_ignored =
            ran.is_none_or(|ran| self.first_success.is_none() && ran < check.grace_period);
        if is_ignored {
            return unchanged();
        }
        let forgiven = check.max_consecutive_failures;
        Judgement {
            gives_up: forgiven > 0 && self.consecutive_failures >= forgiven,
            has_failed: true,
            health: Self {
                is_alive: false,
                last_failure: Some(at),
                last_failure_cause: Some(cause),
                consecutive_failures: self.consecutive_failures.saturating_add(1),
                ..self.clone()
            },
        }
    }
}

/// What the readiness check has found so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Name of the check.
    pub name: String,
    /// Whether the task is ready; once it is, it is not asked again.
    pub is_ready: bool,
    /// The last answer, where the check keeps it.
    pub last_answer: Option<Answer>,
}

/// What a plain check of Mesos last found; without a value when there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckResult {
    /// To a request.
    Http {
        /// HTTP status.
        status: Option<u32>,
    },
    /// To a connection.
    Tcp {
        /// Whether it was accepted.
        succeeded: Option<bool>,
    },
    /// To a command.
    Command {
        /// Its exit code.
        exit_code: Option<i32>,
    },
}

/// What the checks of an instance have said about its present run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checks {
    /// What each health check has found, in the order of the definition; `None` before its first result.
    pub results: Vec<Option<Health>>,
    /// What the plain check has found; `None` before its first result, or without one.
    pub found: Option<CheckResult>,
    /// What the readiness check has found; `None` before its first result, or without one.
    pub readiness: Option<Readiness>,
    needs_readiness: bool,
    /// It has served once in this run.
    pub(crate) has_served: bool,
}

impl Checks {
    /// Those of a run that begins.
    pub(crate) fn of(spec: &RunSpec) -> Self {
        Self {
            results: vec![None; spec.health_checks().len()],
            found: None,
            readiness: None,
            needs_readiness: spec.readiness_check().is_some(),
            has_served: false,
        }
    }

    /// Forgets the results: the run has ended.
    pub(crate) fn clear(&mut self) {
        self.results.fill(None);
        self.found = None;
        self.readiness = None;
        self.has_served = false;
    }

    /// Whether there are health checks.
    pub fn has_health_checks(&self) -> bool {
        !self.results.is_empty()
    }

    /// Whether a deployment has to wait for the readiness check.
    pub(crate) fn waits_for_readiness(&self) -> bool {
        self.needs_readiness && !self.readiness.as_ref().is_some_and(|found| found.is_ready)
    }

    /// It became ready before the present process began.
    pub(crate) fn take_as_ready(&mut self) {
        self.needs_readiness = false;
        self.has_served = true;
    }

    /// What all health checks say together: `None` while the answer depends on one without a result.
    pub(crate) fn health(&self) -> Option<bool> {
        let is_alive =
            |result: &Option<Health>| result.as_ref().is_some_and(|health| health.is_alive);
        if self.results.iter().all(is_alive) {
            return Some(true);
        }
        self.results.iter().all(Option::is_some).then_some(false)
    }
}

impl HealthCheck {
    /// The time between the beginning of a run and the first probe of a check by Marathon.
    pub(crate) fn first_delay(&self) -> Duration {
        /// Source: marathon.md §8.8.
        const LONGEST: Duration = Duration::from_secs(5);
        self.interval.min(LONGEST)
    }

    pub(crate) fn is_by_marathon(&self) -> bool {
        self.prober() == Prober::Marathon
    }
}

#[cfg(test)]
mod tests;
