//! What the schema demands of health and readiness checks (marathon.md §6.4, §6.5).

use wire::marathon::{PostedApp, PostedHealthCheck, PostedReadinessCheck};

use super::{MAX_INT, NO_LITERAL, NO_MATCH, TOO_SHORT, is_name, within};
use crate::run_spec::{HealthCheck, IpProtocol, Violations};

pub(super) fn check(found: &mut Violations, posted: &PostedApp) {
    for (index, check) in posted.health_checks.iter().flatten().enumerate() {
        check_health_check(found, &format!("/healthChecks({index})"), check);
    }
    for (index, check) in posted.readiness_checks.iter().flatten().enumerate() {
        check_readiness_check(found, &format!("/readinessChecks({index})"), check);
    }
}

fn check_health_check(found: &mut Violations, path: &str, check: &PostedHealthCheck) {
    let is_other = |given: &Option<String>, known: &[&str]| {
        given.as_deref().is_some_and(|given| !known.contains(&given))
    };
    let protocols = HealthCheck::PROTOCOLS;
    found.check(is_other(&check.protocol, &protocols), format!("{path}/protocol"), NO_LITERAL);
    let protocols = [IpProtocol::V4.name(), IpProtocol::V6.name()];
    let is_unknown = is_other(&check.ip_protocol, &protocols);
    found.check(is_unknown, format!("{path}/ipProtocol"), NO_LITERAL);
    check_path(found, path, check.path.as_deref());
    let is_empty = check.command.as_ref().is_some_and(|command| command.value.is_empty());
    found.check(is_empty, format!("{path}/command/value"), TOO_SHORT);
    // Compat: the original takes an interval or a time-out of 0, with which it probes without end or never succeeds.
    for (name, number, min, max) in [
        ("port", check.port, 1, 65_535),
        ("portIndex", check.port_index, 0, MAX_INT),
        ("gracePeriodSeconds", check.grace_period_seconds, 0, MAX_INT),
        ("intervalSeconds", check.interval_seconds, 1, MAX_INT),
        ("timeoutSeconds", check.timeout_seconds, 1, MAX_INT),
        ("maxConsecutiveFailures", check.max_consecutive_failures, 0, MAX_INT),
        ("delaySeconds", check.delay_seconds, 0, MAX_INT),
    ] {
        within(found, format!("{path}/{name}"), number, min, max);
    }
}

fn check_readiness_check(found: &mut Violations, path: &str, check: &PostedReadinessCheck) {
    let is_unknown =
        check.protocol.as_deref().is_some_and(|given| !matches!(given, "HTTP" | "HTTPS"));
    found.check(is_unknown, format!("{path}/protocol"), NO_LITERAL);
    check_path(found, path, check.path.as_deref());
    let is_empty = check.name.as_ref().is_some_and(String::is_empty);
    found.check(is_empty, format!("{path}/name"), TOO_SHORT);
    if let Some(name) = &check.port_name {
        found.check(!is_name(name, "-"), format!("{path}/portName"), NO_MATCH);
    }
    within(found, format!("{path}/intervalSeconds"), check.interval_seconds, 1, MAX_INT);
    within(found, format!("{path}/timeoutSeconds"), check.timeout_seconds, 1, MAX_INT);
    let statuses = check.http_status_codes_for_ready.as_ref();
    let name = "httpStatusCodesForReady";
    found.check(statuses.is_some_and(Vec::is_empty), format!("{path}/{name}"), TOO_SHORT);
    for (index, status) in statuses.into_iter().flatten().enumerate() {
        within(found, format!("{path}/{name}({index})"), Some(*status), 100, 999);
    }
}

/// A path goes into a request as it is.
pub(super) fn check_path(found: &mut Violations, path: &str, given: Option<&str>) {
    let Some(given) = given else { return };
    found.check(given.is_empty(), format!("{path}/path"), TOO_SHORT);
    let is_broken = given.bytes().any(|byte| !byte.is_ascii_graphic());
    found.check(is_broken, format!("{path}/path"), NO_MATCH);
}
