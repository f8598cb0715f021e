//! Health checks: what is asked, how often, and when a task is given up (marathon.md §6.4).

use std::time::Duration;

/// One element of `healthChecks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked, and by whom.
    pub probe: Probe,
    /// How long failures count for nothing before the first success.
    pub grace_period: Duration,
    /// Time between two probes.
    pub interval: Duration,
    /// How long a probe may take.
    pub timeout: Duration,
    /// Time before the first probe of a Mesos check.
    pub delay: Duration,
    /// Failures in a row that are forgiven; 0 = all, for checks of Marathon.
    pub max_consecutive_failures: u32,
    /// Which addresses a Mesos check uses.
    pub ip_protocol: IpProtocol,
}

/// What a health check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// An HTTP request; 200 to 399 is good.
    Http {
        /// Who asks.
        by: Prober,
        /// With TLS or without.
        scheme: Scheme,
        /// What is asked for; `/` when absent.
        path: Option<String>,
        /// Where.
        port: CheckPort,
        /// Answers 100 to 199 say nothing.
        ignore_1xx: bool,
    },
    /// A connection that is accepted is good.
    Tcp {
        /// Who asks.
        by: Prober,
        /// Where.
        port: CheckPort,
    },
    /// A shell command in the container, run by the agent; exit code 0 is good.
    Command(String),
}

/// Who performs a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prober {
    /// Marathon, over the network.
    Marathon,
    /// The agent, beside the task.
    Mesos,
}

/// Plain HTTP or HTTP over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http`.
    Http,
    /// `https`; certificates are not looked at.
    Https,
}

impl Scheme {
    /// As in URLs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Which port a check asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckPort {
    /// This number.
    Number(u16),
    /// A declared port, counted from 0.
    Index(u32),
}

/// Version of the internet protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IpProtocol {
    /// `IPv4`.
    #[default]
    V4,
    /// `IPv6`.
    V6,
}

impl IpProtocol {
    /// As Marathon writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }

    /// Reads Marathon's form.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::V4, Self::V6].into_iter().find(|protocol| protocol.name() == name)
    }
}

impl HealthCheck {
    /// The values of `protocol`.
    pub const PROTOCOLS: [&'static str; 7] =
        ["HTTP", "HTTPS", "TCP", "COMMAND", "MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP"];

    /// The value of `protocol`.
    pub fn protocol(&self) -> &'static str {
        match &self.probe {
            Probe::Http { by: Prober::Marathon, scheme: Scheme::Http, .. } => "HTTP",
            Probe::Http { by: Prober::Marathon, scheme: Scheme::Https, .. } => "HTTPS",
            Probe::Http { by: Prober::Mesos, scheme: Scheme::Http, .. } => "MESOS_HTTP",
            Probe::Http { by: Prober::Mesos, scheme: Scheme::Https, .. } => "MESOS_HTTPS",
            Probe::Tcp { by: Prober::Marathon, .. } => "TCP",
            Probe::Tcp { by: Prober::Mesos, .. } => "MESOS_TCP",
            Probe::Command(_) => "COMMAND",
        }
    }

    /// Who performs it.
    pub fn prober(&self) -> Prober {
        match &self.probe {
            Probe::Http { by, .. } | Probe::Tcp { by, .. } => *by,
            Probe::Command(_) => Prober::Mesos,
        }
    }
}
