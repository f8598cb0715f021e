//! An acknowledged app is never lost, and an acknowledged deletion stays.
//!
//! Source: design D6 ("app version, app pointer … before the HTTP reply") and D7 (a client reads its own writes).

use crate::client::Known;
use crate::world::World;

impl World {
    /// Compares the state that a leading Marathon shows with what clients were told.
    pub(crate) fn check_apps(&mut self, node: usize) {
        let Some(marathon) = &self.nodes[node].marathon else { return };
        let shown = &marathon.published;
        let mut wrong = None;
        for app in self.client.apps.keys().cloned().collect::<Vec<_>>() {
            let found: Known = shown.apps.get(&app).map(|app| {
                let spec = &app.definition.spec;
                (spec.instances(), spec.env().get("MARK").cloned().unwrap_or_default())
            });
            let is_waiting = self.client.is_waiting(&app);
            let Some(possible) = self.client.apps.get_mut(&app) else { continue };
            if !possible.contains(&found) {
                wrong = Some(format!("app {app} is {found:?} and should be {possible:?}"));
            } else if !is_waiting {
                *possible = vec![found];
            }
        }
        if let Some(found) = wrong {
            self.fail("definitions", found);
        }
    }
}
