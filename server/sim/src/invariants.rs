//! What must hold after every step; one file for each invariant, each with its source.

mod books;
mod capacity;
mod convergence;
mod definitions;
mod epochs;
mod resources;
mod started;
mod terminal;
mod updates;

use marathon_core::Command;

use self::epochs::Epochs;
use self::started::Started;
use self::terminal::Terminal;
use self::updates::Updates;
use crate::election;
use crate::store::Role;
use crate::world::World;

/// What the invariants remember.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) epochs: Epochs,
    pub(crate) started: Started,
    pub(crate) terminal: Terminal,
    pub(crate) updates: Updates,
}

impl World {
    /// Whether this process leads Marathon, and does not only believe so.
    fn truly_leads_marathon(&self, node: usize) -> bool {
        let leader = election::leader(&self.store.state, Role::Marathon);
        leader.is_some_and(|leader| {
            leader.node == node && leader.session == self.nodes[node].proposer.session
        })
    }

    /// After Marathon has published a state.
    pub(crate) fn check_marathon(&mut self, node: usize, before: &marathon_core::Snapshot) {
        if self.truly_leads_marathon(node) {
            self.check_apps(node);
            self.check_capacity(node, before);
        }
    }

    /// Before a framework's core learns something from the master.
    pub(crate) fn framework_hears(&mut self, command: &Command) {
        let Command::StatusUpdate(update) = command else { return };
        if let Some(uuid) = &update.uuid {
            let found = self.check.updates.heard(&update.task, uuid);
            self.fail_if(found);
        }
        if update.state.is_terminal() {
            self.check_ended(update);
        }
    }
}
