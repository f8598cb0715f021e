//! Updates reach the framework in the order of each task, none is left out, and none is acknowledged unseen.
//!
//! Source: mesos.md §1.4; design D5 ("one update in flight per task").

use std::collections::{BTreeMap, BTreeSet};

use agent_core::{Command, TaskKey};
use model::{TaskId, TaskState};
use wire::link::{UpdateStatus, master_frame};

use crate::world::{Violation, World};

/// An update that an agent has sent from its journal.
#[derive(Debug)]
struct Sent {
    uuid: Vec<u8>,
    machine: usize,
}

/// All updates that were sent, and what became of them.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    sent: BTreeMap<TaskId, Vec<Sent>>,
    states: BTreeMap<Vec<u8>, TaskState>,
    heard: BTreeSet<Vec<u8>>,
}

impl Updates {
    fn sent(&mut self, machine: usize, task: TaskId, uuid: &[u8], state: TaskState) {
        if self.states.insert(uuid.to_vec(), state).is_none() {
            self.sent.entry(task).or_default().push(Sent { uuid: uuid.to_vec(), machine });
        }
    }

    /// The state that an update tells.
    pub(crate) fn state_of(&self, uuid: &[u8]) -> Option<TaskState> {
        self.states.get(uuid).copied()
    }

    /// Whether an update tells the end of its task.
    pub(crate) fn is_terminal(&self, uuid: &[u8]) -> bool {
        self.state_of(uuid).is_some_and(TaskState::is_terminal)
    }

    /// A framework is told: every update before this one must have been told before.
    pub(crate) fn heard(&mut self, task: &TaskId, uuid: &[u8]) -> Option<Violation> {
        let sent = self.sent.get(task)?;
        let position = sent.iter().position(|update| update.uuid == uuid)?;
        let skipped = sent[..position].iter().find(|update| !self.heard.contains(&update.uuid));
        let found = skipped.map(|update| Violation {
            invariant: "updates",
            found: format!(
                "update {:?} of {task} is told before {:?}, which was sent first",
                self.state_of(uuid),
                self.state_of(&update.uuid)
            ),
        });
        self.heard.insert(uuid.to_vec());
        found
    }

    /// A machine has lost its power: the updates that it sent and nobody heard may be gone with its journal.
    pub(crate) fn machine_died(&mut self, machine: usize) {
        let (heard, states) = (&self.heard, &mut self.states);
        for sent in self.sent.values_mut() {
            sent.retain(|update| {
                let is_kept = update.machine != machine || heard.contains(&update.uuid);
                if !is_kept {
                    states.remove(&update.uuid);
                }
                is_kept
            });
        }
    }

    fn acknowledged(&self, uuid: &[u8]) -> Option<Violation> {
        let state = self.state_of(uuid)?;
        (!self.heard.contains(uuid)).then(|| Violation {
            invariant: "updates",
            found: format!("update {state:?} is acknowledged and no framework has seen it"),
        })
    }
}

impl super::Checks {
    /// Looks at a command before an agent's core gets it.
    pub(crate) fn acknowledgement(&self, command: &Command) -> Option<Violation> {
        let Command::FrameArrived(_, frame) = command else { return None };
        let Some(master_frame::Body::AcknowledgeUpdate(seen)) = &frame.body else { return None };
        self.updates.acknowledged(&seen.uuid)
    }
}

impl World {
    /// An agent sends an update. What it says of tasks that it does not hold is told once and not remembered.
    pub(crate) fn note_update(&mut self, machine: usize, update: &UpdateStatus) {
        let Some(agent) = &self.machines[machine].agent else { return };
        let key = TaskKey {
            framework: update.framework_id.value.as_str().into(),
            task: update.status.task_id.value.as_str().into(),
        };
        let snapshot = agent.core.snapshot();
        let Some(task) = snapshot.tasks.get(&key) else { return };
        let Some(uuid) = update.status.uuid.as_ref() else { return };
        let is_remembered = task.updates.iter().any(|pending| pending.uuid.as_ref() == Some(uuid));
        let state = TaskState::from_number(update.status.state);
        if let Some(state) = state.filter(|_| is_remembered) {
            self.check.updates.sent(machine, key.task, uuid, state);
        }
    }
}
