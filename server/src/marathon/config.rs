//! What Marathon is started with.

use std::time::Duration;

/// Marathon's configuration; defaults follow the original's flags (marathon.md §10).
#[derive(Debug, Clone)]
pub(crate) struct MarathonConfig {
    /// `--hostname`: the name by which others reach this process.
    pub(crate) hostname: String,
    /// `--http_port`.
    pub(crate) http_port: u16,
    /// `--master`, as shown in `/v2/info`.
    pub(crate) master: String,
    /// `--zk`, as shown in `/v2/info`.
    pub(crate) zk: String,
    /// `--webui_url`; `http://<hostname>:<port>` when absent.
    pub(crate) webui_url: Option<String>,
    /// `--framework_name`.
    pub(crate) framework_name: String,
    /// `--mesos_user`.
    pub(crate) mesos_user: String,
    /// `--failover_timeout`.
    pub(crate) failover_timeout: Duration,
    /// `--event_stream_max_outstanding_messages`.
    pub(crate) event_stream_capacity: usize,
    /// What the core is told of flags.
    pub(crate) core: marathon_core::Settings,
}

impl MarathonConfig {
    /// The defaults for a process reached as `hostname:http_port`.
    pub(crate) fn new(hostname: impl Into<String>, http_port: u16) -> Self {
        Self {
            hostname: hostname.into(),
            http_port,
            master: "zk://localhost:2181/mesos".to_owned(),
            zk: "zk://localhost:2181/marathon".to_owned(),
            webui_url: None,
            framework_name: "marathon".to_owned(),
            mesos_user: "root".to_owned(),
            failover_timeout: Duration::from_secs(604_800),
            event_stream_capacity: 1_024,
            core: marathon_core::Settings::default(),
        }
    }

    /// `host:port`, the content of our election node and the value of `/v2/leader`.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.hostname, self.http_port)
    }

    /// The address that Mesos' console links to.
    pub(crate) fn webui_url(&self) -> String {
        self.webui_url.clone().unwrap_or_else(|| format!("http://{}", self.address()))
    }
}
