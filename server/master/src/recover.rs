//! A new leadership, from what the one before made durable.

use model::{Instant, Timestamp};
use tracing::info;

use crate::config::Config;
use crate::effect::Effect;
use crate::master::Master;
use crate::record::{Record, UnreadableRecord};

/// A master that has read its records.
#[derive(Debug)]
pub struct Recovery {
    /// The master.
    pub master: Master,
    /// What must happen before its first command.
    pub effects: Vec<Effect>,
}

impl Master {
    /// Takes over at `now` from the records below [`crate::record::PREFIX`].
    ///
    /// Frameworks and agents have their time to come back from now on. Until an agent is back, its tasks
    /// are unknown and reconciliation about them stays silent.
    ///
    /// # Errors
    /// When a record cannot be read; leading without it could lose tasks.
    pub fn recover<'a>(
        config: Config,
        now: Instant,
        wall: Timestamp,
        records: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Recovery, UnreadableRecord> {
        let mut master = Self::new(config, now, wall);
        for (path, value) in records {
            match Record::read(path, value)? {
                Record::Agent(record) => master.agents.recover(*record),
                Record::Framework(record) => {
                    master.recover_framework(record.id, record.info, record.registered_at);
                }
            }
        }
        info!(
            agents = master.agents.recovered.len(),
            unreachable = master.agents.unreachable.len(),
            frameworks = master.frameworks.known.len(),
            "recovered"
        );
        master.arm_recovery();
        let effects = std::mem::take(&mut master.effects);
        Ok(Recovery { master, effects })
    }
}

#[cfg(test)]
mod tests;
