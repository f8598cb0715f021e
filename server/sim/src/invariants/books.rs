//! On every agent offered + used + free = total, as far as the master's picture shows it.
//!
//! Source: ARCHITECTURE.md, invariant of `server/master`.

use master_core::Snapshot;
use model::Resources;

use crate::world::World;

fn sum<'a>(mut all: impl Iterator<Item = &'a Resources>) -> Option<Resources> {
    all.try_fold(Resources::new(), |sum, more| sum.checked_add(more))
}

impl World {
    /// After a batch of the master.
    pub(crate) fn check_books(&mut self, snapshot: &Snapshot) {
        for agent in snapshot.agents.values() {
            let tasks = snapshot.tasks().filter(|t| t.agent == agent.id && !t.state.is_terminal());
            let used = sum(tasks.map(|task| &task.resources));
            let offers = snapshot.offers.values().filter(|offer| offer.agent == agent.id);
            let offered = sum(offers.map(|offer| &offer.resources));
            let is_right = used.as_ref() == Some(&agent.used)
                && offered.as_ref() == Some(&agent.offered)
                && agent.used.checked_add(&agent.offered).is_some_and(|held| {
                    held.checked_add(&agent.free()).as_ref() == Some(&agent.total)
                });
            if !is_right {
                let found = format!(
                    "agent {} has {}; booked as used {}, offered {}; tasks hold {used:?}, offers {offered:?}",
                    agent.id, agent.total, agent.used, agent.offered
                );
                return self.fail("books", found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::world::Options;

    #[test]
    fn a_wrong_sum_is_found() {
        let mut world = World::new(5, Options::default());
        while world.nodes[0].master.as_ref().is_none_or(|m| m.published.agents.is_empty()) {
            world.run_until(world.now + std::time::Duration::from_millis(100));
        }
        let mut snapshot = world.nodes[0].master.as_ref().unwrap().published.clone();
        world.check_books(&snapshot);
        assert_eq!(world.violation, None);
        let id = snapshot.agents.keys().next().unwrap().clone();
        let agent = snapshot.agents.get_mut(&id).unwrap();
        Arc::make_mut(agent).used = Resources::parse("cpus:0.1").unwrap();
        world.check_books(&snapshot);
        assert_eq!(world.violation.unwrap().invariant, "books");
    }
}
