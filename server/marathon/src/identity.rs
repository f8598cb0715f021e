//! How instances, tasks and deployments are named, and how a name is read back.
//!
//! An instance id is `<safe path>.instance-<uuid>`, a task id `<instance id>._app.<incarnation>`
//! (marathon.md §1.2). Path segments hold no underscore, so the app's id can be read from both.

use std::fmt;
use std::sync::Arc;

use model::{AppId, InstanceId, TaskId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::entropy::Entropy;

/// The anonymous container of an app within its task ids.
const ANONYMOUS_CONTAINER: &str = "_app";

/// One change being rolled out: a random uuid minted by the core.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeploymentId(Arc<str>);

impl DeploymentId {
    /// Takes a text that names a deployment.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The id as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn mint(entropy: &mut Entropy) -> Self {
        Self(entropy.random_uuid().into())
    }
}

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn mint_instance(app: &AppId, wall: Timestamp, entropy: &mut Entropy) -> InstanceId {
    InstanceId::new(format!("{}.instance-{}", app.safe_path(), entropy.time_uuid(wall)))
}

/// The id of the task that is the `incarnation`-th run of `instance`.
pub fn task_of(instance: &InstanceId, incarnation: u64) -> TaskId {
    TaskId::new(format!("{instance}.{ANONYMOUS_CONTAINER}.{incarnation}"))
}

/// The app whose instance this is; `None` when the text is no instance id.
pub fn app_of(instance: &InstanceId) -> Option<AppId> {
    let (path, uuid) = instance.as_str().rsplit_once('.')?;
    if !(uuid.starts_with("instance-") || uuid.starts_with("marathon-")) {
        return None;
    }
    AppId::parse(&format!("/{}", path.replace('_', "/"))).ok()
}

/// The instance and the incarnation of a task; a form without incarnation counts as the first run.
///
/// Source: marathon.md §1.2, "Parse order" (the forms of 1.5 and later; older ones name no instance).
pub fn instance_of(task: &TaskId) -> Option<(InstanceId, u64)> {
    let text = task.as_str();
    let (rest, incarnation) = match text.rsplit_once('.') {
        Some((rest, number)) if number.bytes().all(|b| b.is_ascii_digit()) => {
            (rest, number.parse().ok()?)
        }
        Some(_) | None => (text, 1),
    };
    let instance =
        InstanceId::new(rest.strip_suffix(ANONYMOUS_CONTAINER)?.strip_suffix(['.', '_'])?);
    app_of(&instance)?;
    Some((instance, incarnation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_id_leads_back_to_its_instance_and_app() {
        let app = AppId::parse("/web/prod.eu/nginx").unwrap();
        let mut entropy = Entropy::new(3);
        let instance = mint_instance(&app, Timestamp::from_millis(1_700_000_000_000), &mut entropy);
        assert!(instance.as_str().starts_with("web_prod.eu_nginx.instance-"));
        let task = task_of(&instance, 12);
        assert!(task.as_str().ends_with("._app.12"));
        assert_eq!(instance_of(&task), Some((instance.clone(), 12)));
        assert_eq!(app_of(&instance), Some(app));
    }

    #[test]
    fn foreign_task_ids_are_no_instances() {
        for text in ["", "task", "nginx.f1a121be-2e79-11e8", "nginx.instance-1.web.1", "a.b._app.1"]
        {
            assert_eq!(instance_of(&TaskId::new(text)), None, "{text}");
        }
        let without_incarnation = TaskId::new("nginx.instance-c0caec0a._app");
        assert_eq!(instance_of(&without_incarnation).map(|(_, run)| run), Some(1));
    }
}
