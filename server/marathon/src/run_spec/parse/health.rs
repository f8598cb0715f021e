//! Health and readiness checks: defaults, and rules that need the ports beside them.

use std::time::Duration;

use wire::marathon::{PostedApp, PostedHealthCheck, PostedReadinessCheck};

use super::container::is_docker;
use crate::run_spec::{
    CheckPort, HealthCheck, IpProtocol, Probe, Prober, ReadinessCheck, Scheme, Violations,
};

/// What the checks of an app may refer to.
pub(super) struct Ports<'a> {
    /// How many ports are declared.
    pub(super) count: usize,
    /// Their names.
    pub(super) names: Vec<&'a str>,
}

/// The health checks; what is wrong is noted.
pub(super) fn health_checks(
    posted: &PostedApp,
    ports: &Ports<'_>,
    found: &mut Violations,
) -> Vec<HealthCheck> {
    let given = posted.health_checks.iter().flatten().enumerate();
    let checks: Vec<HealthCheck> =
        given.map(|(index, check)| health_check(index, check, posted, ports, found)).collect();
    let of_mesos = || checks.iter().filter(|check| check.prober() == Prober::Mesos);
    // Compat: several commands pass, and only the first one is used.
    let only_commands = of_mesos().all(|check| matches!(check.probe, Probe::Command(_)));
    let error = "AppDefinition can contain at most one Mesos health check";
    found.check(of_mesos().count() > 1 && !only_commands, "/", error);
    checks
}

fn health_check(
    index: usize,
    given: &PostedHealthCheck,
    posted: &PostedApp,
    ports: &Ports<'_>,
    found: &mut Violations,
) -> HealthCheck {
    let path = format!("/healthChecks({index})");
    let protocol = given.protocol.as_deref().unwrap_or("HTTP");
    let probe = probe(given, protocol, &path, ports, found);
    let is_v6 = given.ip_protocol.as_deref() == Some(IpProtocol::V6.name());
    let is_docker = posted.container.as_ref().is_some_and(is_docker);
    let error =
        "IPv6 can only be used for container type DOCKER and Mesos http/https/tcp health checks";
    found.check(is_v6 && !(is_docker && protocol.starts_with("MESOS_")), &path, error);
    HealthCheck {
        probe,
        grace_period: seconds(given.grace_period_seconds, 300),
        interval: seconds(given.interval_seconds, 60),
        timeout: seconds(given.timeout_seconds, 20),
        delay: seconds(given.delay_seconds, 15),
        max_consecutive_failures: given
            .max_consecutive_failures
            .map_or(3, |count| u32::try_from(count).unwrap_or(u32::MAX)),
        ip_protocol: if is_v6 { IpProtocol::V6 } else { IpProtocol::V4 },
    }
}

/// Compat: members of another protocol, such as the path of a TCP check, are dropped as in the original.
fn probe(
    given: &PostedHealthCheck,
    protocol: &str,
    path: &str,
    ports: &Ports<'_>,
    found: &mut Violations,
) -> Probe {
    let is_command = protocol == "COMMAND";
    let command = given.command.as_ref().map(|command| command.value.clone());
    let error = "a command is needed with protocol COMMAND, and only there";
    found.check(command.is_some() != is_command, format!("{path}/command"), error);
    if is_command {
        return Probe::Command(command.unwrap_or_default());
    }
    let port = match given.port.and_then(|port| u16::try_from(port).ok()) {
        Some(number) => CheckPort::Number(number),
        None => {
            let index = given.port_index.unwrap_or(0);
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let error = "Health check port indices must address an element of the ports array or container port mappings.";
            found.check(index as usize >= ports.count, path, error);
            CheckPort::Index(index)
        }
    };
    let by = if protocol.starts_with("MESOS_") { Prober::Mesos } else { Prober::Marathon };
    match protocol.trim_start_matches("MESOS_") {
        "TCP" => Probe::Tcp { by, port },
        scheme => Probe::Http {
            by,
            scheme: if scheme == "HTTPS" { Scheme::Https } else { Scheme::Http },
            path: given.path.clone(),
            port,
            // Compat: the last version of the original loses the value; the versions before honour it.
            ignore_1xx: by == Prober::Marathon && given.ignore_http1xx.unwrap_or(false),
        },
    }
}

/// The readiness check, if there is one; what is wrong is noted.
pub(super) fn readiness_check(
    posted: &PostedApp,
    ports: &Ports<'_>,
    found: &mut Violations,
) -> Option<ReadinessCheck> {
    let given = posted.readiness_checks.as_deref().unwrap_or_default();
    found.check(given.len() > 1, "/readinessChecks", "at most one readiness check is possible");
    let check = readiness(given.first()?);
    let path = "/readinessChecks(0)";
    let error = format!("No port definition reference for portName {}", check.port_name);
    let is_known = ports.names.contains(&check.port_name.as_str());
    found.check(!is_known, format!("{path}/portName"), error);
    let (timeout, interval) = (check.timeout.as_secs(), check.interval.as_secs());
    let error = format!("got {timeout}, expected less than {interval}");
    found.check(timeout >= interval, format!("{path}/timeoutSeconds"), error);
    Some(check)
}

fn readiness(given: &PostedReadinessCheck) -> ReadinessCheck {
    let text =
        |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
    let statuses = given.http_status_codes_for_ready.as_ref();
    ReadinessCheck {
        name: text(&given.name, "readinessCheck"),
        scheme: match given.protocol.as_deref() {
            Some("HTTPS") => Scheme::Https,
            Some(_) | None => Scheme::Http,
        },
        path: text(&given.path, "/"),
        port_name: text(&given.port_name, "http-api"),
        interval: seconds(given.interval_seconds, 30),
        timeout: seconds(given.timeout_seconds, 10),
        ready_statuses: match statuses {
            Some(given) => given.iter().filter_map(|code| u16::try_from(*code).ok()).collect(),
            None => [200].into(),
        },
        preserve_last_response: given.preserve_last_response.unwrap_or(false),
    }
}

fn seconds(given: Option<i64>, default: u64) -> Duration {
    Duration::from_secs(given.map_or(default, |count| u64::try_from(count).unwrap_or(0)))
}
