//! The states of a Mesos task.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a task stands. Numbers and names are those of the protobuf enum (mesos.md §1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaskState {
    /// Accepted by the master, not yet known to an executor.
    Staging,
    /// The executor has it; for Docker the container is being made.
    Starting,
    /// It runs.
    Running,
    /// A kill is under way.
    Killing,
    /// Ended with exit code 0.
    Finished,
    /// Ended otherwise, or did not start.
    Failed,
    /// Ended on request.
    Killed,
    /// The description was bad.
    Error,
    /// What frameworks that are not partition-aware get for the next five.
    Lost,
    /// Never launched, because of something passing.
    Dropped,
    /// Its agent cannot be reached; it may come back.
    Unreachable,
    /// Was on an agent and is no longer there.
    Gone,
    /// The operator declared its agent gone.
    GoneByOperator,
    /// Neither the task nor its agent is known (answers to reconciliation only).
    Unknown,
}

impl TaskState {
    /// All states.
    pub const ALL: [Self; 14] = [
        Self::Staging,
        Self::Starting,
        Self::Running,
        Self::Killing,
        Self::Finished,
        Self::Failed,
        Self::Killed,
        Self::Error,
        Self::Lost,
        Self::Dropped,
        Self::Unreachable,
        Self::Gone,
        Self::GoneByOperator,
        Self::Unknown,
    ];

    /// The name on the wire, such as `TASK_RUNNING`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Staging => "TASK_STAGING",
            Self::Starting => "TASK_STARTING",
            Self::Running => "TASK_RUNNING",
            Self::Killing => "TASK_KILLING",
            Self::Finished => "TASK_FINISHED",
            Self::Failed => "TASK_FAILED",
            Self::Killed => "TASK_KILLED",
            Self::Error => "TASK_ERROR",
            Self::Lost => "TASK_LOST",
            Self::Dropped => "TASK_DROPPED",
            Self::Unreachable => "TASK_UNREACHABLE",
            Self::Gone => "TASK_GONE",
            Self::GoneByOperator => "TASK_GONE_BY_OPERATOR",
            Self::Unknown => "TASK_UNKNOWN",
        }
    }

    /// The state of that name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The number of the protobuf enum.
    pub const fn number(self) -> i32 {
        match self {
            Self::Starting => 0,
            Self::Running => 1,
            Self::Finished => 2,
            Self::Failed => 3,
            Self::Killed => 4,
            Self::Lost => 5,
            Self::Staging => 6,
            Self::Error => 7,
            Self::Killing => 8,
            Self::Dropped => 9,
            Self::Unreachable => 10,
            Self::Gone => 11,
            Self::GoneByOperator => 12,
            Self::Unknown => 13,
        }
    }

    /// The state of that protobuf number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }

    /// Whether the task has ended for good and holds no resources.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Finished
            | Self::Failed
            | Self::Killed
            | Self::Error
            | Self::Lost
            | Self::Dropped
            | Self::Gone
            | Self::GoneByOperator => true,
            Self::Staging
            | Self::Starting
            | Self::Running
            | Self::Killing
            | Self::Unreachable
            | Self::Unknown => false,
        }
    }

    /// What a framework that is not partition-aware is told.
    #[must_use]
    pub const fn without_partition_awareness(self) -> Self {
        match self {
            Self::Dropped
            | Self::Unreachable
            | Self::Gone
            | Self::GoneByOperator
            | Self::Unknown => Self::Lost,
            Self::Staging
            | Self::Starting
            | Self::Running
            | Self::Killing
            | Self::Finished
            | Self::Failed
            | Self::Killed
            | Self::Error
            | Self::Lost => self,
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for state in TaskState::ALL {
            assert_eq!(TaskState::from_name(state.name()), Some(state));
            assert_eq!(TaskState::from_number(state.number()), Some(state));
        }
        assert_eq!(TaskState::from_number(14), None);
    }

    #[test]
    fn an_unreachable_task_may_come_back() {
        assert!(!TaskState::Unreachable.is_terminal());
        assert_eq!(TaskState::Unreachable.without_partition_awareness(), TaskState::Lost);
    }
}
