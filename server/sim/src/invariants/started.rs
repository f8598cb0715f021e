//! No task is started twice, and no task ever has two containers.
//!
//! Source: design D5 ("a second RunTask of a known id is answered with its state") and D10 ("no task lost or
//! started twice").
//!
//! A container that somebody removed by hand is forgiven: an agent that was not there when it ran cannot tell it
//! from one that was never made, and makes it (again).

use std::collections::BTreeMap;

use model::TaskId;

use crate::world::Violation;

/// What every engine was told.
#[derive(Debug, Default)]
pub(crate) struct Started {
    containers: BTreeMap<TaskId, String>,
    starts: BTreeMap<TaskId, u32>,
}

impl Started {
    /// A container is made for a task.
    pub(crate) fn created(&mut self, task: &TaskId, name: &str) -> Option<Violation> {
        let known = self.containers.entry(task.clone()).or_insert_with(|| name.to_owned());
        (known != name).then(|| Violation {
            invariant: "started",
            found: format!("task {task} has two containers: {known} and {name}"),
        })
    }

    /// Somebody removes the container of a task behind the agent's back.
    pub(crate) fn removed_by_hand(&mut self, task: &TaskId) {
        self.starts.remove(task);
    }

    /// The container of a task begins to run.
    pub(crate) fn started(&mut self, task: &TaskId) -> Option<Violation> {
        let starts = self.starts.entry(task.clone()).or_default();
        *starts += 1;
        (*starts > 1).then(|| Violation {
            invariant: "started",
            found: format!("task {task} is started {starts} times"),
        })
    }
}
