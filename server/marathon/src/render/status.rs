//! Apps with what becomes of them: counts, deployments, tasks, the last failure.

use wire::marathon::{App, DeploymentRef, TaskFailure};

use super::{definition, readiness_results, tasks_of};
use crate::effect::Deploying;
use crate::snapshot::{self, Snapshot};

/// Which runtime members an app is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Embed {
    /// `tasks`.
    pub tasks: bool,
    /// `tasksStaged` and the other counts.
    pub counts: bool,
    /// `deployments`.
    pub deployments: bool,
    /// `readinessCheckResults`, while a deployment changes the app.
    pub readiness: bool,
    /// `lastTaskFailure`, if there was one.
    pub last_task_failure: bool,
}

impl Embed {
    /// What a list of apps always has.
    pub const LIST: Self = Self {
        tasks: false,
        counts: true,
        deployments: true,
        readiness: false,
        last_task_failure: false,
    };
    /// What a single app always has.
    pub const SINGLE: Self = Self {
        tasks: true,
        counts: true,
        deployments: true,
        readiness: false,
        last_task_failure: true,
    };

    /// Adds what a value of the `embed` parameter asks for; unknown ones are ignored.
    #[must_use]
    pub fn with(mut self, name: &str) -> Self {
        let name = ["group.apps.", "apps.", "app."]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix))
            .unwrap_or(name);
        match name {
            "tasks" => (self.tasks, self.deployments) = (true, true),
            "counts" => self.counts = true,
            "deployments" => self.deployments = true,
            "readiness" => self.readiness = true,
            "lastTaskFailure" => self.last_task_failure = true,
            "failures" => {
                (self.tasks, self.deployments, self.last_task_failure) = (true, true, true);
            }
            _ => {}
        }
        self
    }
}

/// An app of the group tree with the runtime members of `embed`.
pub fn app_with_status(snapshot: &Snapshot, app: &snapshot::App, embed: Embed) -> App {
    let id = app.definition.spec.id();
    let counts = embed.counts.then_some(app.counts);
    let failure = app.last_failure.as_ref().filter(|_| embed.last_task_failure);
    App {
        tasks_staged: counts.map(|counts| counts.staged),
        tasks_running: counts.map(|counts| counts.running),
        tasks_healthy: counts.map(|counts| counts.healthy),
        tasks_unhealthy: counts.map(|counts| counts.unhealthy),
        deployments: embed.deployments.then(|| {
            let lock = snapshot.locks.get(id).into_iter();
            lock.map(|deployment| DeploymentRef { id: deployment.to_string() }).collect()
        }),
        readiness_check_results: (embed.readiness && snapshot.locks.contains_key(id))
            .then(|| readiness_results(snapshot, id)),
        tasks: embed.tasks.then(|| tasks_of(snapshot, id)),
        last_task_failure: failure.map(|failure| task_failure(id, failure)),
        ..super::app(&app.definition)
    }
}

/// The answer to a POST: the definition as posted, service ports not allocated yet.
///
/// Compat: `versionInfo` and `tasks` are left out, the counts are 0 (marathon.md §4.3).
pub fn created_app(posted: &crate::run_spec::RunSpec, deploying: &Deploying) -> App {
    App {
        version: Some(deploying.version.to_rfc3339_millis()),
        tasks_staged: Some(0),
        tasks_running: Some(0),
        tasks_healthy: Some(0),
        tasks_unhealthy: Some(0),
        deployments: Some(vec![DeploymentRef { id: deploying.id.to_string() }]),
        ..definition(posted)
    }
}

fn task_failure(app: &model::AppId, failure: &snapshot::TaskFailure) -> TaskFailure {
    TaskFailure {
        app_id: app.to_string(),
        host: failure.host.clone(),
        message: failure.message.clone(),
        state: failure.state.name().to_owned(),
        task_id: failure.task.to_string(),
        timestamp: failure.timestamp.to_rfc3339_millis(),
        version: failure.version.to_rfc3339_millis(),
        slave_id: failure.agent.as_ref().map(ToString::to_string),
    }
}
