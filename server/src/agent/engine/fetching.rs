//! The files that a task wants in its sandbox.

use std::path::Path;

use agent_core::fetch::FetchItem;
use agent_core::{LaunchFailure, TaskKey};
use containerizer::Owner;
use tokio_util::sync::CancellationToken;

use super::Containers;
use crate::agent::work_dir;

/// Whose files go where.
pub(super) struct Fetching<'a> {
    pub(super) task: &'a TaskKey,
    pub(super) items: &'a [FetchItem],
    pub(super) sandbox: &'a str,
    /// Who owns the sandbox; the agent's own user when absent.
    pub(super) user: Option<&'a str>,
}

impl Containers {
    /// Fetches everything, unless the launch is called off meanwhile; nothing waits for a fetch but its own task.
    pub(super) async fn fetch(
        &self,
        fetching: Fetching<'_>,
        cancel: &CancellationToken,
    ) -> Result<(), LaunchFailure> {
        let Fetching { task, items, sandbox, user } = fetching;
        if items.is_empty() {
            return Ok(());
        }
        let failed = |why: String| self.failed_in(task, sandbox, why);
        let owner = match user {
            Some(user) => {
                let (uid, gid) =
                    work_dir::ids(user).await.map_err(|error| failed(error.to_string()))?;
                Some(Owner { uid, gid })
            }
            None => None,
        };
        let fetched = self.fetcher.fetch(items, Path::new(sandbox), owner);
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(LaunchFailure::Cancelled),
            fetched = fetched => fetched.map_err(|error| failed(error.to_string())),
        }
    }
}
