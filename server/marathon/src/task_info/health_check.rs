//! The health check that Mesos performs for us (mesos.md §5.4).

use wire::mesos::v1;
use wire::mesos::v1::health_check::{HttpCheckInfo, TcpCheckInfo, Type};

use crate::endpoint;
use crate::instance::Task;
use crate::run_spec::{HealthCheck, IpProtocol, Probe, Prober, RunSpec};

/// The first check of Mesos; `None` without one.
pub(super) fn of_task(spec: &RunSpec, task: &Task) -> Option<v1::HealthCheck> {
    let check = spec.health_checks().iter().find(|check| check.prober() == Prober::Mesos)?;
    let port = endpoint::port_of(check);
    let port = port.and_then(|port| endpoint::beside_task(spec, task, port)).map(u32::from);
    let mut described = v1::HealthCheck {
        delay_seconds: Some(check.delay.as_secs_f64()),
        interval_seconds: Some(check.interval.as_secs_f64()),
        timeout_seconds: Some(check.timeout.as_secs_f64()),
        consecutive_failures: Some(check.max_consecutive_failures),
        grace_period_seconds: Some(check.grace_period.as_secs_f64()),
        ..v1::HealthCheck::default()
    };
    match &check.probe {
        Probe::Http { scheme, path, .. } => {
            described.r#type = Some(Type::Http.into());
            described.http = Some(HttpCheckInfo {
                protocol: Some(protocol(check)),
                scheme: Some(scheme.name().to_owned()),
                port: port?,
                path: path.clone(),
                ..HttpCheckInfo::default()
            });
        }
        Probe::Tcp { .. } => {
            described.r#type = Some(Type::Tcp.into());
            described.tcp = Some(TcpCheckInfo { protocol: Some(protocol(check)), port: port? });
        }
        Probe::Command(value) => {
            described.r#type = Some(Type::Command.into());
            described.command = Some(v1::CommandInfo {
                shell: Some(true),
                value: Some(value.clone()),
                ..v1::CommandInfo::default()
            });
        }
    }
    Some(described)
}

fn protocol(check: &HealthCheck) -> i32 {
    match check.ip_protocol {
        IpProtocol::V4 => v1::network_info::Protocol::IPv4.into(),
        IpProtocol::V6 => v1::network_info::Protocol::IPv6.into(),
    }
}
