//! An acknowledged app is never lost, and an acknowledged deletion stays.
//!
//! Source: design D6 ("app version, app pointer … before the HTTP reply") and D7 (a client reads its own writes).

use marathon_core::Snapshot;
use model::AppId;

use crate::client::Known;
use crate::world::World;

fn shown(snapshot: &Snapshot, app: &AppId) -> Known {
    snapshot.apps.get(app).map(|app| {
        let spec = &app.definition.spec;
        (spec.instances(), spec.env().get("MARK").cloned().unwrap_or_default())
    })
}

impl World {
    /// What a client reads was answered to nobody as anything else: whoever answers leads, or has just led.
    pub(crate) fn check_read(&mut self, node: usize, app: &AppId) {
        let Some(marathon) = &self.nodes[node].marathon else { return };
        let found = shown(&marathon.published, app);
        let Some(possible) = self.client.apps.get(app) else { return };
        if !possible.contains(&found) {
            let found = format!("app {app} is read as {found:?} and should be {possible:?}");
            self.fail("definitions", found);
        }
    }

    /// Compares the state that a leading Marathon shows with what clients were told.
    pub(crate) fn check_apps(&mut self, node: usize) {
        let Some(marathon) = &self.nodes[node].marathon else { return };
        let published = &marathon.published;
        let mut wrong = None;
        for app in self.client.apps.keys().cloned().collect::<Vec<_>>() {
            let found = shown(published, &app);
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
