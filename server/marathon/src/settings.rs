//! The numbers that orchestration goes by; defaults are the original's flags (marathon.md §10).

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// Limits and times of orchestration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `--local_port_min` and `--local_port_max`: service ports to allocate from.
    pub service_ports: RangeInclusive<u16>,
    /// `--max_instances_per_offer`.
    pub max_instances_per_offer: usize,
    /// `--decline_offer_duration`: how long unused offers stay away.
    pub decline_offer_duration: Duration,
    /// How often an app may be asked about an offer while one batch of offers is matched.
    ///
    /// Compat: the original stops after `--offer_matching_timeout`; a number keeps the core deterministic.
    pub max_match_questions: usize,
    /// How long offers stay away that not every app was asked about; the default filter of Mesos.
    pub short_decline_duration: Duration,
    /// Least time between two revivals.
    ///
    /// Compat: the original waits `--min_revive_offers_interval`, 5 s; design D4 asks for 200 ms.
    pub min_revive_interval: Duration,
    /// `--max_running_deployments`.
    pub max_running_deployments: u32,
    /// How long an unconfirmed kill waits before it is sent again.
    pub kill_retry: Duration,
    /// Most kills sent and not confirmed.
    pub max_kills_in_flight: usize,
    /// `--task_launch_confirm_timeout`: longest time without any status after an accepted offer.
    pub launch_confirm_timeout: Duration,
    /// `--task_launch_timeout`: longest time in Staging or Starting.
    pub launch_timeout: Duration,
    /// How long after subscription no launch is overdue: its news may still be on the way.
    pub overdue_initial_delay: Duration,
    /// Until the states of tasks are asked for again that were not told; doubles up to the initial delay.
    pub confirmation_delay: Duration,
    /// `--reconciliation_initial_delay`: from subscription to the second reconciliation.
    pub reconciliation_initial_delay: Duration,
    /// `--reconciliation_interval`.
    pub reconciliation_interval: Duration,
    /// How long news that need no durable write before they are used may wait for one.
    pub write_behind: Duration,
    /// `--default_network_name`: the container network of definitions that name none.
    pub default_network_name: Option<String>,
    /// `--env_vars_prefix`: what the names of `HOST` and of the ports' variables begin with; empty by default.
    pub env_vars_prefix: Arc<str>,
    /// `--max_concurrent_marathon_health_checks`: most questions to tasks that are out at once.
    pub max_concurrent_probes: usize,
    /// How many of the newest versions of an app are kept, besides older ones in use (design D6).
    pub kept_versions: usize,
    /// Most apps of a deployment that one record holds (design D6).
    pub apps_per_record: usize,
    /// Most instances that one command takes out of service, or whose news it writes; the next ones follow at once.
    /// Together their records stay far below what the log takes in one change.
    pub max_instances_per_command: usize,
    /// Most tasks that a client may kill with one request; all of them are stored before its answer.
    pub max_kills_per_request: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            service_ports: 10_000..=20_000,
            max_instances_per_offer: 5,
            decline_offer_duration: Duration::from_secs(120),
            max_match_questions: 20_000,
            short_decline_duration: Duration::from_secs(5),
            min_revive_interval: Duration::from_millis(200),
            max_running_deployments: 100,
            kill_retry: Duration::from_secs(30),
            max_kills_in_flight: 100,
            launch_confirm_timeout: Duration::from_secs(300),
            launch_timeout: Duration::from_secs(300),
            overdue_initial_delay: Duration::from_secs(30),
            confirmation_delay: Duration::from_millis(500),
            reconciliation_initial_delay: Duration::from_secs(15),
            reconciliation_interval: Duration::from_secs(600),
            write_behind: Duration::from_millis(100),
            default_network_name: None,
            env_vars_prefix: Arc::from(""),
            max_concurrent_probes: 256,
            kept_versions: 10,
            apps_per_record: 256,
            max_instances_per_command: 10_000,
            max_kills_per_request: 50_000,
        }
    }
}
