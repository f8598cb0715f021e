//! What was reported as ended never runs, neither now nor later.
//!
//! Source: mesos.md §1.3 (terminal states are final); design D5 (the list of a returning agent is complete, so a
//! task that is not on it is gone).

use std::collections::BTreeMap;

use marathon_core::command::StatusUpdate;
use model::{TaskId, TaskState};

use super::updates::Updates;
use crate::world::{Violation, World};

/// Tasks whose end somebody was told of.
#[derive(Debug, Default)]
pub(crate) struct Terminal {
    ended: BTreeMap<TaskId, TaskState>,
}

impl Terminal {
    /// The framework acknowledges an update.
    pub(crate) fn acknowledged(&mut self, updates: &Updates, task: &TaskId, uuid: &[u8]) {
        if let Some(state) = updates.state_of(uuid).filter(|state| state.is_terminal()) {
            self.ended.entry(task.clone()).or_insert(state);
        }
    }

    /// The container of a task begins to run.
    pub(crate) fn started(&self, task: &TaskId) -> Option<Violation> {
        let state = self.ended.get(task)?;
        Some(Violation {
            invariant: "terminal",
            found: format!("task {task} is started after it was reported as {state:?}"),
        })
    }
}

impl World {
    /// A framework is told that a task has ended.
    ///
    /// A launch fails at once when its engine does not answer, though the engine may have started the container
    /// (ARCHITECTURE.md, 2026-11-29): it is removed when the engine answers again, which convergence waits for.
    pub(crate) fn check_ended(&mut self, update: &StatusUpdate) {
        self.check.terminal.ended.entry(update.task.clone()).or_insert(update.state);
        let of_launches = ["REASON_CONTAINER_LAUNCH_FAILED", "REASON_TASK_KILLED_DURING_LAUNCH"];
        let is_launch = update.reason.as_deref().is_some_and(|why| of_launches.contains(&why));
        for (number, machine) in self.machines.iter().enumerate() {
            if is_launch && (machine.engine.hangs() || machine.engine.is_down) {
                continue;
            }
            let mut containers = machine.engine.containers.values();
            if containers.any(|container| container.is_running() && container.task() == update.task)
            {
                let (task, state) = (&update.task, update.state);
                let why = update.message.as_deref().unwrap_or_default();
                let found = format!(
                    "task {task} is reported as {state:?} ({why}) and runs on machine {number}"
                );
                return self.fail("terminal", found);
            }
        }
    }
}
