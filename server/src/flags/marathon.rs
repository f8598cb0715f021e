//! Flags of Marathon that its core goes by. Times are milliseconds, as in the original (marathon.md §10).

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use marathon_core::Settings;

/// Marathon's limits and times (`MARATHON_*`); what is not given has the default of [`Settings`].
#[derive(Debug, Clone, Default, Args)]
#[command(rename_all = "snake_case")]
pub(crate) struct MarathonFlags {
    /// Lowest service port that is allocated.
    #[arg(long, env = "MARATHON_LOCAL_PORT_MIN")]
    local_port_min: Option<u16>,
    /// Highest service port that is allocated.
    #[arg(long, env = "MARATHON_LOCAL_PORT_MAX")]
    local_port_max: Option<u16>,
    /// Longest time from an accepted offer to the end of Staging and Starting.
    #[arg(long, env = "MARATHON_TASK_LAUNCH_TIMEOUT")]
    task_launch_timeout: Option<u64>,
    /// Longest time from an accepted offer to the first status.
    #[arg(long, env = "MARATHON_TASK_LAUNCH_CONFIRM_TIMEOUT")]
    task_launch_confirm_timeout: Option<u64>,
    /// From the subscription to the second reconciliation of tasks.
    #[arg(long, env = "MARATHON_RECONCILIATION_INITIAL_DELAY")]
    reconciliation_initial_delay: Option<u64>,
    /// Between reconciliations of tasks.
    #[arg(long, env = "MARATHON_RECONCILIATION_INTERVAL")]
    reconciliation_interval: Option<u64>,
    /// Most instances launched on one offer.
    #[arg(long, env = "MARATHON_MAX_INSTANCES_PER_OFFER")]
    max_instances_per_offer: Option<usize>,
    /// How long offers that nothing fits stay away.
    #[arg(long, env = "MARATHON_DECLINE_OFFER_DURATION")]
    decline_offer_duration: Option<u64>,
    /// Least time between two revivals of offers.
    #[arg(long, env = "MARATHON_MIN_REVIVE_OFFERS_INTERVAL")]
    min_revive_offers_interval: Option<u64>,
    /// Most deployments that run at once.
    #[arg(long, env = "MARATHON_MAX_RUNNING_DEPLOYMENTS")]
    max_running_deployments: Option<u32>,
    /// Network of apps that ask for a container network and name none.
    #[arg(long, env = "MARATHON_DEFAULT_NETWORK_NAME")]
    default_network_name: Option<String>,
    /// What the names of the variables HOST, PORT, PORTS, PORT0 … of tasks begin with; other variables keep their names.
    #[arg(long, env = "MARATHON_ENV_VARS_PREFIX", value_parser = beginning_of_names)]
    env_vars_prefix: Option<String>,
    /// Most health and readiness checks by Marathon under way at once.
    #[arg(long, env = "MARATHON_MAX_CONCURRENT_MARATHON_HEALTH_CHECKS", value_parser = at_least_one)]
    max_concurrent_marathon_health_checks: Option<usize>,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("not a number: {error}")),
    }
}

/// The agent refuses tasks with a variable whose name holds a `=`.
fn beginning_of_names(text: &str) -> Result<String, String> {
    if text.contains(['=', '\0']) {
        return Err("no name of a variable can begin so".to_owned());
    }
    Ok(text.to_owned())
}

impl MarathonFlags {
    /// The settings that these flags make of the defaults.
    ///
    /// # Errors
    /// When no service port lies between the lowest and the highest.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        let default = Settings::default();
        let time = |given: Option<u64>, default| given.map_or(default, Duration::from_millis);
        let (lowest, highest) = default.service_ports.clone().into_inner();
        let lowest = self.local_port_min.unwrap_or(lowest);
        let highest = self.local_port_max.unwrap_or(highest);
        anyhow::ensure!(
            lowest <= highest,
            "--local_port_min is {lowest} and --local_port_max is {highest}: the first may not be greater than the second"
        );
        Ok(Settings {
            service_ports: lowest..=highest,
            launch_timeout: time(self.task_launch_timeout, default.launch_timeout),
            launch_confirm_timeout: time(
                self.task_launch_confirm_timeout,
                default.launch_confirm_timeout,
            ),
            reconciliation_initial_delay: time(
                self.reconciliation_initial_delay,
                default.reconciliation_initial_delay,
            ),
            reconciliation_interval: time(
                self.reconciliation_interval,
                default.reconciliation_interval,
            ),
            max_instances_per_offer: self
                .max_instances_per_offer
                .unwrap_or(default.max_instances_per_offer),
            decline_offer_duration: time(
                self.decline_offer_duration,
                default.decline_offer_duration,
            ),
            min_revive_interval: time(self.min_revive_offers_interval, default.min_revive_interval),
            max_running_deployments: self
                .max_running_deployments
                .unwrap_or(default.max_running_deployments),
            default_network_name: self.default_network_name.clone().filter(|name| !name.is_empty()),
            env_vars_prefix: self
                .env_vars_prefix
                .as_deref()
                .map_or(default.env_vars_prefix, Arc::from),
            max_concurrent_probes: self
                .max_concurrent_marathon_health_checks
                .unwrap_or(default.max_concurrent_probes),
            ..default
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        flags: MarathonFlags,
    }

    fn tried(arguments: &[&str]) -> anyhow::Result<Settings> {
        let arguments = std::iter::once("ekiden").chain(arguments.iter().copied());
        Program::try_parse_from(arguments).unwrap().flags.settings()
    }

    fn settings(arguments: &[&str]) -> Settings {
        tried(arguments).unwrap()
    }

    #[test]
    fn service_ports_the_wrong_way_round_are_refused_in_one_sentence() {
        let error = tried(&["--local_port_min=20000", "--local_port_max=10000"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--local_port_min is 20000 and --local_port_max is 10000: the first may not be greater than the second"
        );
        // One flag alone may be wrong against the other's default.
        assert!(tried(&["--local_port_min=30000"]).is_err());
        assert_eq!(settings(&["--local_port_min=20000"]).service_ports, 20_000..=20_000);
    }

    #[test]
    fn without_flags_the_defaults_hold() {
        assert_eq!(settings(&[]), Settings::default());
    }

    #[test]
    fn a_given_flag_takes_effect_and_leaves_the_others() {
        let given = settings(&[
            "--task_launch_timeout=60000",
            "--local_port_max=10010",
            "--default_network_name=blue",
            "--env_vars_prefix=EKIDEN_",
        ]);
        let expected = Settings {
            launch_timeout: Duration::from_secs(60),
            service_ports: 10_000..=10_010,
            default_network_name: Some("blue".to_owned()),
            env_vars_prefix: Arc::from("EKIDEN_"),
            ..Settings::default()
        };
        assert_eq!(given, expected);
    }

    #[test]
    fn a_prefix_that_begins_no_name_of_a_variable_is_refused() {
        let arguments = ["ekiden", "--env_vars_prefix=A=B"];
        let refused = Program::try_parse_from(arguments).map(|program| program.flags).unwrap_err();
        assert!(refused.to_string().contains("no name of a variable can begin so"), "{refused}");
    }
}
