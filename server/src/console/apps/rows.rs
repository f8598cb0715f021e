//! One application or deployment of the snapshot as a row.

use marathon_core::deployment::{Action, Deployment};
use marathon_core::health::CheckResult;
use marathon_core::instance::{Condition, Instance};
use marathon_core::run_spec::Command;
use marathon_core::snapshot::{App, Snapshot};
use model::{AppId, Instant, Timestamp};
use wire::console::{
    ActionRow, AppRow, AppStatus, CheckRow, DeploymentRow, Endpoint, InstanceRow, Tally,
};

/// A wall clock reading for the browser.
pub(super) fn millis(time: Timestamp) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(0)
}

/// What is known of an app's instances.
pub(super) fn tally(app: &App) -> Tally {
    Tally {
        wanted: app.definition.spec.instances(),
        running: app.counts.running,
        staged: app.counts.staged,
        healthy: app.counts.healthy,
        unhealthy: app.counts.unhealthy,
    }
}

/// The first that fits, from the top: Delayed, Waiting, Deploying, Suspended, Running.
///
/// The queue counts before the deployment: an app in back-off during its first deployment is delayed. Instances of an entry
/// that were given an offer moments ago wait for their status, not for an offer.
fn status(snapshot: &Snapshot, now: Instant, app: &App) -> AppStatus {
    let id = app.definition.spec.id();
    if let Some(entry) = snapshot.queue.get(id) {
        if !entry.is_overdue(now) {
            return AppStatus::Delayed;
        }
        if waits_for_offer(snapshot, id) {
            return AppStatus::Waiting;
        }
    }
    if snapshot.locks.contains_key(id) {
        AppStatus::Deploying
    } else if app.definition.spec.instances() == 0 && app.counts.running == 0 {
        AppStatus::Suspended
    } else if app.counts.running > 0 {
        AppStatus::Running
    } else {
        AppStatus::Unscheduled
    }
}

fn waits_for_offer(snapshot: &Snapshot, app: &AppId) -> bool {
    snapshot.instances_of(app).any(|instance| instance.waits_for_launch())
}

/// An application in the list.
pub(super) fn app_row(snapshot: &Snapshot, now: Instant, app: &App) -> AppRow {
    let spec = &app.definition.spec;
    let status = status(snapshot, now, app);
    let shares = f64::from(spec.instances());
    let running = snapshot.locks.get(spec.id()).and_then(|id| snapshot.deployments.get(id));
    let ready = snapshot.instances_of(spec.id()).filter(|one| one.condition == Condition::Running);
    let endpoints: Vec<Endpoint> = ready
        .filter_map(|instance| instance.task.as_ref())
        .flat_map(|task| {
            task.ports.iter().map(|port| Endpoint { host: task.host.to_string(), port: *port })
        })
        .collect();
    AppRow {
        id: spec.id().to_string(),
        image: spec.docker().map(|it| it.image.clone()).filter(|image| !image.is_empty()),
        cmd: match spec.command() {
            Command::Shell(shell) => Some(shell.clone()),
            Command::Arguments(words) => Some(words.join(" ")),
            Command::OfImage => None,
        },
        labels: spec
            .labels()
            .iter()
            .map(|(key, value)| match value.as_str() {
                "" => key.clone(),
                value => format!("{key}:{value}"),
            })
            .collect(),
        cpus: spec.cpus().to_f64() * shares,
        mem: spec.mem().to_f64() * shares,
        delay_seconds: (status == AppStatus::Delayed)
            .then(|| snapshot.queue.get(spec.id()).map(|entry| entry.seconds_left(now)))
            .flatten(),
        step: running
            .filter(|_| status == AppStatus::Deploying)
            .map(|deployment| (count(deployment.current_step), count(deployment.plan.steps.len()))),
        status,
        tally: tally(app),
        endpoint_count: count(endpoints.len()),
        endpoints: endpoints.into_iter().take(AppRow::ENDPOINTS).collect(),
        version: app.definition.version.to_rfc3339_millis(),
    }
}

/// An instance that has, or had, a task.
pub(super) fn instance_row(instance: &Instance) -> Option<InstanceRow> {
    let task = instance.task.as_ref()?;
    Some(InstanceRow {
        task: task.id.to_string(),
        host: task.host.to_string(),
        agent: task.agent.to_string(),
        ports: if instance.condition.is_active() { task.ports.clone() } else { Vec::new() },
        state: instance.task_state().map_or("TASK_STAGING", model::TaskState::name).to_owned(),
        condition: instance.condition.name().to_owned(),
        healthy: instance.healthy,
        check: instance.checks.found.map(check_row),
        version: instance.version.to_rfc3339_millis(),
        version_ms: millis(instance.version),
        staged_ms: millis(task.staged_at),
        started_ms: task.started_at.map(millis),
        news: task.news.as_deref().map(str::to_owned),
    })
}

fn check_row(found: CheckResult) -> CheckRow {
    match found {
        CheckResult::Http { status } => CheckRow::Http(status),
        CheckResult::Tcp { succeeded } => CheckRow::Tcp(succeeded),
        CheckResult::Command { exit_code } => CheckRow::Command(exit_code),
    }
}

/// A running deployment.
pub(super) fn deployment_row(
    snapshot: &Snapshot,
    now: Instant,
    deployment: &Deployment,
) -> DeploymentRow {
    let plan = &deployment.plan;
    let action = |action: &Action| {
        let intent = plan.intents.iter().find(|intent| intent.app == action.app);
        let instances = |spec: Option<&std::sync::Arc<_>>| {
            spec.map_or(0, |spec: &std::sync::Arc<marathon_core::run_spec::VersionedRunSpec>| {
                spec.spec.instances()
            })
        };
        ActionRow {
            action: action.kind.name().to_owned(),
            app: action.app.to_string(),
            tally: snapshot.apps.get(&action.app).map(|app| tally(app)),
            instances: (
                instances(intent.and_then(|intent| intent.original.as_ref())),
                instances(intent.and_then(|intent| intent.target.as_ref())),
            ),
        }
    };
    let stuck = |id: &&AppId| {
        let status = snapshot.apps.get(*id).map(|app| status(snapshot, now, app));
        matches!(status, Some(AppStatus::Waiting | AppStatus::Delayed))
    };
    let affected = deployment.affected();
    DeploymentRow {
        id: plan.id.to_string(),
        stuck: affected.iter().copied().filter(stuck).map(ToString::to_string).collect(),
        apps: affected.into_iter().map(ToString::to_string).collect(),
        started_ms: millis(plan.version),
        steps: plan.steps.iter().map(|step| step.actions.iter().map(action).collect()).collect(),
        current_step: count(deployment.current_step),
    }
}

pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
