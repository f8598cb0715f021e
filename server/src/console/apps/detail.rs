//! One application with its instances and versions; the running deployments.

use marathon_core::{Snapshot, render};
use model::{AppId, Instant};
use wire::console::{AppDetail, DeploymentList, VersionRow};

use super::rows::{app_row, deployment_row, instance_row, millis};

/// Everything about one application; `None` when it does not exist.
pub(super) fn app(snapshot: &Snapshot, now: Instant, id: &AppId) -> Option<AppDetail> {
    let app = snapshot.apps.get(id)?;
    let versions = snapshot.versions.get(id);
    let with_status = render::app_with_status(snapshot, app, render::Embed::SINGLE);
    let entry = snapshot.queue.get(id);
    let running = snapshot.locks.get(id).and_then(|id| snapshot.deployments.get(id));
    Some(AppDetail {
        row: app_row(snapshot, now, app),
        instances: snapshot.instances_of(id).filter_map(|one| instance_row(one)).collect(),
        versions: versions
            .into_iter()
            .flat_map(|versions| versions.values().rev())
            .take(AppDetail::VERSIONS)
            .map(|versioned| VersionRow {
                version: versioned.version.to_rfc3339_millis(),
                version_ms: millis(versioned.version),
                definition: render::definition(&versioned.spec),
            })
            .collect(),
        last_scaling_ms: millis(app.definition.info.last_scaling_at),
        last_config_change_ms: millis(app.definition.info.last_config_change_at),
        queue: entry.map(|entry| render::queue_item(entry, app, now, true)),
        waiting_since_ms: entry.map(|entry| millis(entry.since)),
        last_failure: with_status.last_task_failure,
        deployment: running.map(|deployment| deployment_row(snapshot, now, deployment)),
        framework: snapshot.framework.as_ref().map(ToString::to_string),
    })
}

/// Running deployments, the oldest first.
pub(super) fn deployments(snapshot: &Snapshot, now: Instant) -> DeploymentList {
    let running = snapshot.deployments.values();
    let mut rows: Vec<_> = running.map(|one| deployment_row(snapshot, now, one)).collect();
    rows.sort_by(|a, b| a.started_ms.cmp(&b.started_ms).then_with(|| a.id.cmp(&b.id)));
    DeploymentList { rows }
}
