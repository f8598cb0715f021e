//! Health and readiness checks of a definition.

use wire::marathon;

use crate::run_spec::{CheckPort, HealthCheck, Probe, Prober, ReadinessCheck, Scheme};

/// A health check as answered and in events.
pub fn health_check(check: &HealthCheck) -> marathon::HealthCheck {
    let (path, port, ignore, command) = match &check.probe {
        Probe::Http { by, path, port, ignore_1xx, .. } => {
            let ignore = (*by == Prober::Marathon).then_some(*ignore_1xx);
            (path.clone(), Some(*port), ignore, None)
        }
        Probe::Tcp { port, .. } => (None, Some(*port), None, None),
        Probe::Command(value) => {
            (None, None, None, Some(marathon::CheckCommand { value: value.clone() }))
        }
    };
    marathon::HealthCheck {
        command,
        grace_period_seconds: check.grace_period.as_secs(),
        ignore_http1xx: ignore,
        interval_seconds: check.interval.as_secs(),
        max_consecutive_failures: check.max_consecutive_failures,
        path,
        port: port.and_then(|port| match port {
            CheckPort::Number(number) => Some(number),
            CheckPort::Index(_) => None,
        }),
        port_index: port.and_then(|port| match port {
            CheckPort::Index(index) => Some(index),
            CheckPort::Number(_) => None,
        }),
        protocol: check.protocol().to_owned(),
        ip_protocol: check.ip_protocol.name().to_owned(),
        timeout_seconds: check.timeout.as_secs(),
        delay_seconds: check.delay.as_secs(),
    }
}

pub(super) fn readiness_check(check: &ReadinessCheck) -> marathon::ReadinessCheck {
    marathon::ReadinessCheck {
        name: check.name.clone(),
        protocol: match check.scheme {
            Scheme::Http => "HTTP",
            Scheme::Https => "HTTPS",
        }
        .to_owned(),
        path: check.path.clone(),
        port_name: check.port_name.clone(),
        interval_seconds: check.interval.as_secs(),
        timeout_seconds: check.timeout.as_secs(),
        http_status_codes_for_ready: check.ready_statuses.iter().copied().collect(),
        preserve_last_response: check.preserve_last_response,
    }
}
