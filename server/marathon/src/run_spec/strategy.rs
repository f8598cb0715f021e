//! How an app behaves over time: back-off, restarts, unreachable agents, scaling down.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Delay between launches after failures: `initial`, then each time `factor` more, at most `max`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// Delay after the first failure.
    pub initial: Duration,
    /// Growth per further failure, at least 1.
    pub factor: f64,
    /// Longest delay.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Duration::from_secs(1), factor: 1.15, max: Duration::from_secs(300) }
    }
}

/// Capacities kept during a restart, each a share of the instances in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct UpgradeStrategy {
    /// Share that must stay healthy; the number of instances is rounded up.
    pub minimum_health_capacity: f64,
    /// Share that may run in excess; the number of instances is rounded down.
    pub maximum_over_capacity: f64,
}

impl Default for UpgradeStrategy {
    fn default() -> Self {
        Self { minimum_health_capacity: 1.0, maximum_over_capacity: 1.0 }
    }
}

/// What happens with instances on an unreachable agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnreachableStrategy {
    /// Wait for ever.
    Disabled,
    /// Replace after one time, forget after another; `inactive_after` is never longer.
    Window {
        /// Time until a replacement starts.
        inactive_after: Duration,
        /// Time until the instance is forgotten.
        expunge_after: Duration,
    },
}

impl Default for UnreachableStrategy {
    fn default() -> Self {
        Self::Window { inactive_after: Duration::ZERO, expunge_after: Duration::ZERO }
    }
}

/// Which of equal instances goes first when scaling down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum KillSelection {
    /// The one that runs shortest.
    #[default]
    YoungestFirst,
    /// The one that runs longest.
    OldestFirst,
}

impl KillSelection {
    /// As Marathon writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::YoungestFirst => "YOUNGEST_FIRST",
            Self::OldestFirst => "OLDEST_FIRST",
        }
    }

    /// Reads Marathon's form, in any case of letters.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::YoungestFirst, Self::OldestFirst]
            .into_iter()
            .find(|selection| selection.name().eq_ignore_ascii_case(name))
    }
}
