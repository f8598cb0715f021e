//! Readiness checks: asked only while a deployment waits for new instances (marathon.md §6.5).

use std::collections::BTreeSet;
use std::time::Duration;

use super::Scheme;

/// The element of `readinessChecks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadinessCheck {
    /// Its name in results.
    pub name: String,
    /// With TLS or without.
    pub scheme: Scheme,
    /// What is asked for.
    pub path: String,
    /// Name of the declared port that is asked.
    pub port_name: String,
    /// Time between an answer and the next question.
    pub interval: Duration,
    /// How long a probe may take.
    pub timeout: Duration,
    /// The statuses that mean ready.
    pub ready_statuses: BTreeSet<u16>,
    /// Whether results show the last answer.
    pub preserve_last_response: bool,
}
