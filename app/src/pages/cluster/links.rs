//! Addresses of the cluster console's pages.

use wire::console::{TaskRow, escape};

/// An agent's page.
pub(super) fn agent(id: &str) -> String {
    format!("/ui/agents/{}", escape(id))
}

/// A task's sandbox; the server looks up where it is and redirects.
pub(super) fn sandbox(task: &TaskRow) -> String {
    format!(
        "/ui/agents/{}/frameworks/{}/executors/{}/tasks/{}/browse",
        escape(&task.agent_id),
        escape(&task.framework_id),
        escape(&task.executor_id),
        escape(&task.id)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_escaped() {
        assert_eq!(agent("a/b"), "/ui/agents/a%2Fb");
    }
}
