//! What the master has counted since it leads; the names are those of `/metrics/snapshot`.

use model::TaskState;

/// Counters that only rise, from 0 with each leadership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each field is the metric master/<name> of the original")]
pub struct Counters {
    pub tasks_finished: u64,
    pub tasks_failed: u64,
    pub tasks_killed: u64,
    pub tasks_lost: u64,
    pub tasks_error: u64,
    pub tasks_dropped: u64,
    pub tasks_gone: u64,
    pub tasks_gone_by_operator: u64,
    pub slave_registrations: u64,
    pub slave_reregistrations: u64,
    pub slave_removals: u64,
    pub slave_removals_reason_unhealthy: u64,
    pub slave_removals_reason_registered: u64,
    pub slave_unreachable_scheduled: u64,
    pub slave_unreachable_completed: u64,
    pub recovery_slave_removals: u64,
    pub dropped_messages: u64,
    pub valid_status_updates: u64,
    pub invalid_status_updates: u64,
    pub valid_status_update_acknowledgements: u64,
    pub invalid_status_update_acknowledgements: u64,
    pub messages_register_framework: u64,
    pub messages_reregister_framework: u64,
    pub messages_unregister_framework: u64,
    pub messages_kill_task: u64,
    pub messages_status_update_acknowledgement: u64,
    pub messages_resource_request: u64,
    pub messages_launch_tasks: u64,
    pub messages_decline_offers: u64,
    pub messages_revive_offers: u64,
    pub messages_suppress_offers: u64,
    pub messages_reconcile_tasks: u64,
    pub messages_framework_to_executor: u64,
    pub messages_register_slave: u64,
    pub messages_reregister_slave: u64,
    pub messages_status_update: u64,
    pub allocation_runs: u64,
}

impl Counters {
    /// Counts a task that has ended.
    pub(crate) fn task_ended(&mut self, state: TaskState) {
        let counter = match state {
            TaskState::Finished => &mut self.tasks_finished,
            TaskState::Failed => &mut self.tasks_failed,
            TaskState::Killed => &mut self.tasks_killed,
            TaskState::Lost => &mut self.tasks_lost,
            TaskState::Error => &mut self.tasks_error,
            TaskState::Dropped => &mut self.tasks_dropped,
            TaskState::Gone => &mut self.tasks_gone,
            TaskState::GoneByOperator => &mut self.tasks_gone_by_operator,
            TaskState::Staging
            | TaskState::Starting
            | TaskState::Running
            | TaskState::Killing
            | TaskState::Unreachable
            | TaskState::Unknown => return,
        };
        *counter += 1;
    }
}
