//! The JSON of the classic endpoints, from a [`Snapshot`].
//!
//! Sources: mesos.md §2.2-§2.6, §2.10; apache/mesos: src/master/readonly_handler.cpp, src/common/http.cpp.

mod agents;
mod amounts;
mod frameworks;
mod metrics;
mod roles;
mod state;
mod tasks;

#[cfg(test)]
mod tests;

pub use agents::{AGENT_CAPABILITIES, recovered_slaves, slaves};
pub use frameworks::frameworks;
pub use metrics::metrics;
pub use roles::roles;
pub use state::{Facts, state, state_summary};
pub use tasks::{TaskQuery, tasks};

use crate::Snapshot;
use model::Timestamp;

/// Seconds with fraction, as the original writes times.
fn seconds(time: Timestamp) -> f64 {
    time.as_secs_f64()
}

impl Snapshot {
    /// How many agents are connected, and how many are registered and not connected.
    pub fn agent_counts(&self) -> (usize, usize) {
        let connected = self.agents.values().filter(|agent| agent.is_connected()).count();
        (connected, self.agents.len() - connected)
    }
}
