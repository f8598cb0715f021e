//! Flags of `ekiden master`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::marathon::MarathonFlags;
use crate::history::Bounds;

/// Flags of the Mesos master (`MESOS_*`) and of Marathon (`MARATHON_*`), which share the process.
#[derive(Debug, Clone, Args)]
#[command(rename_all = "snake_case")]
pub(crate) struct MasterFlags {
    /// Address to listen on, for both services.
    #[arg(long, env = "MESOS_IP", default_value = "127.0.0.1")]
    pub(crate) ip: IpAddr,
    /// Port of the Mesos master and its console.
    #[arg(long, env = "MESOS_PORT", default_value_t = 5050)]
    pub(crate) port: u16,
    /// Name under which clients and agents reach this node; the address when absent.
    #[arg(long, env = "MESOS_HOSTNAME")]
    pub(crate) hostname: Option<String>,
    /// Human-readable name of the cluster, shown in the consoles.
    #[arg(long, env = "MESOS_CLUSTER")]
    pub(crate) cluster: Option<String>,
    /// Folder of the replicated log and of the history.
    #[arg(long, env = "MESOS_WORK_DIR", default_value = "/var/lib/ekiden/master")]
    pub(crate) work_dir: PathBuf,
    /// File of 32 random bytes that agents on other machines must know. Without it, a master that listens off loopback makes `cluster_secret` in its work folder.
    #[arg(long, env = "EKIDEN_CLUSTER_SECRET_FILE")]
    pub(crate) cluster_secret_file: Option<PathBuf>,
    /// Port of Marathon and its console.
    #[arg(long, env = "MARATHON_HTTP_PORT", default_value_t = 8080)]
    pub(crate) http_port: u16,
    /// Marathon's limits and times.
    #[command(flatten)]
    pub(crate) marathon: MarathonFlags,
    /// Days that history is kept: tasks that ended, versions of apps, deployments.
    #[arg(long, env = "MESOS_HISTORY_MAX_DAYS", default_value_t = 30)]
    pub(crate) history_max_days: u32,
    /// MiB that history may take in the work folder; the oldest goes first.
    #[arg(long, env = "MESOS_HISTORY_MAX_MB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) history_max_mb: u32,
    /// Ends the process with status 86 right after this many batches of the log are durable, before anybody is
    /// told; for tests of what a crash leaves behind.
    #[arg(long, hide = true, value_name = "N")]
    pub(crate) exit_after_durable_write: Option<u64>,
    /// Makes nothing of the log durable while this file is there; for tests of a disk that is slow.
    #[arg(long, hide = true, value_name = "FILE")]
    pub(crate) stall_durable_writes_for: Option<PathBuf>,
    /// Stops when standard input closes (`ekiden local` holds the other end).
    #[arg(long, hide = true)]
    pub(crate) follow_stdin: bool,
}

impl MasterFlags {
    /// Every flag and its value, as `/flags` shows them.
    pub(crate) fn shown(&self) -> BTreeMap<String, String> {
        [
            ("cluster", self.cluster.clone().unwrap_or_default()),
            ("history_max_days", self.history_max_days.to_string()),
            ("history_max_mb", self.history_max_mb.to_string()),
            ("hostname", self.hostname.clone().unwrap_or_default()),
            ("ip", self.ip.to_string()),
            ("port", self.port.to_string()),
            ("work_dir", self.work_dir.display().to_string()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// How much history is kept.
    pub(crate) fn history_bounds(&self) -> Bounds {
        Bounds {
            max_age: Duration::from_secs(u64::from(self.history_max_days) * 24 * 60 * 60),
            max_bytes: u64::from(self.history_max_mb) << 20,
        }
    }

    /// The name to advertise.
    pub(crate) fn advertised_host(&self) -> String {
        self.hostname.clone().unwrap_or_else(|| self.ip.to_string())
    }
}
