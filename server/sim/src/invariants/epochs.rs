//! An agent never follows a master of a lower epoch than it has followed before.
//!
//! Source: design D2.5 and D5 ("agents keep the highest and refuse lower").

use std::collections::BTreeMap;

use model::Epoch;

use crate::world::World;

/// Who led when, and whom each agent follows.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    of_masters: BTreeMap<String, Epoch>,
    followed: BTreeMap<usize, Epoch>,
}

impl Epochs {
    /// A master begins to lead.
    pub(crate) fn elected(&mut self, master: &str, epoch: Epoch) {
        self.of_masters.insert(master.to_owned(), epoch);
    }
}

impl World {
    /// After an agent's turn.
    pub(crate) fn check_agent(&mut self, machine: usize) {
        let Some(agent) = &self.machines[machine].agent else { return };
        let snapshot = agent.core.snapshot();
        let master = snapshot.master.as_ref().filter(|_| snapshot.is_registered);
        let epochs = &mut self.check.epochs;
        let Some(epoch) = master.and_then(|master| epochs.of_masters.get(&master.id)).copied()
        else {
            return;
        };
        let highest = epochs.followed.entry(machine).or_insert(epoch);
        if epoch < *highest {
            let (epoch, highest) = (epoch.0, highest.0);
            let found = format!("agent {machine} follows epoch {epoch:#x} after {highest:#x}");
            return self.fail("epochs", found);
        }
        *highest = epoch;
    }
}
