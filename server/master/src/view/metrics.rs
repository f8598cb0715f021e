//! `/metrics/snapshot`: what exists, with the original's names.

use std::collections::BTreeMap;

use model::TaskState;

use crate::counters::Counters;
use crate::snapshot::Snapshot;
use crate::view::amounts::Sum;

/// The master's metrics; without a leadership everything counted is 0, as in the original.
///
/// Figures of the machine and of the process are the caller's to add.
pub fn metrics(snapshot: Option<&Snapshot>) -> BTreeMap<String, f64> {
    let mut metrics = BTreeMap::new();
    let counters = snapshot.map(|snapshot| snapshot.counters).unwrap_or_default();
    for (name, value) in counted(&counters) {
        metrics.insert(name.to_owned(), float(value));
    }
    metrics.insert("master/elected".to_owned(), f64::from(u8::from(snapshot.is_some())));
    agents(&mut metrics, snapshot);
    frameworks(&mut metrics, snapshot);
    resources(&mut metrics, snapshot);
    metrics
}

#[expect(clippy::cast_precision_loss, reason = "counters stay far below 2^53")]
fn float(value: impl TryInto<u64>) -> f64 {
    value.try_into().unwrap_or(u64::MAX) as f64
}

fn agents(metrics: &mut BTreeMap<String, f64>, snapshot: Option<&Snapshot>) {
    let (connected, disconnected) = snapshot.map(Snapshot::agent_counts).unwrap_or_default();
    let unreachable = snapshot.map_or(0, |snapshot| snapshot.unreachable_agents.len());
    for (name, value) in [
        ("active", connected),
        ("connected", connected),
        ("inactive", disconnected),
        ("disconnected", disconnected),
        ("unreachable", unreachable),
    ] {
        metrics.insert(format!("master/slaves_{name}"), float(value));
    }
}

fn frameworks(metrics: &mut BTreeMap<String, f64>, snapshot: Option<&Snapshot>) {
    let (mut connected, mut disconnected) = (0_u64, 0_u64);
    let mut tasks: BTreeMap<TaskState, u64> = BTreeMap::new();
    for framework in snapshot.into_iter().flat_map(|snapshot| snapshot.frameworks.values()) {
        *(if framework.is_connected() { &mut connected } else { &mut disconnected }) += 1;
        let all = framework.tasks.values().chain(framework.unreachable_tasks.values());
        for task in all {
            *tasks.entry(task.state).or_default() += 1;
        }
    }
    for (name, value) in [
        ("active", connected),
        ("connected", connected),
        ("inactive", disconnected),
        ("disconnected", disconnected),
    ] {
        metrics.insert(format!("master/frameworks_{name}"), float(value));
    }
    for (name, state) in [
        ("staging", TaskState::Staging),
        ("starting", TaskState::Starting),
        ("running", TaskState::Running),
        ("killing", TaskState::Killing),
        ("unreachable", TaskState::Unreachable),
    ] {
        let value = tasks.get(&state).copied().unwrap_or_default();
        metrics.insert(format!("master/tasks_{name}"), float(value));
    }
    let offers = snapshot.map_or(0, |snapshot| snapshot.offers.len());
    metrics.insert("master/outstanding_offers".to_owned(), float(offers));
}

fn resources(metrics: &mut BTreeMap<String, f64>, snapshot: Option<&Snapshot>) {
    let (mut total, mut used, mut offered) = (Sum::default(), Sum::default(), Sum::default());
    for agent in snapshot.into_iter().flat_map(|snapshot| snapshot.agents.values()) {
        total.add(&agent.total);
        used.add(&agent.used);
        offered.add(&agent.offered);
    }
    for name in ["cpus", "gpus", "mem", "disk"] {
        let (all, held) = (total.scalar(name), used.scalar(name));
        let percent = if all > 0.0 { held / all } else { 0.0 };
        metrics.insert(format!("master/{name}_total"), all);
        metrics.insert(format!("master/{name}_used"), held);
        metrics.insert(format!("master/{name}_percent"), percent);
        // Nothing is revocable here, so these are truly 0.
        for kind in ["total", "used", "percent"] {
            metrics.insert(format!("master/{name}_revocable_{kind}"), 0.0);
        }
        let taken = held + offered.scalar(name);
        metrics.insert(format!("allocator/mesos/resources/{name}/total"), all);
        metrics.insert(format!("allocator/mesos/resources/{name}/offered_or_allocated"), taken);
    }
}

fn counted(counters: &Counters) -> [(&'static str, u64); 37] {
    let c = counters;
    [
        ("master/tasks_finished", c.tasks_finished),
        ("master/tasks_failed", c.tasks_failed),
        ("master/tasks_killed", c.tasks_killed),
        ("master/tasks_lost", c.tasks_lost),
        ("master/tasks_error", c.tasks_error),
        ("master/tasks_dropped", c.tasks_dropped),
        ("master/tasks_gone", c.tasks_gone),
        ("master/tasks_gone_by_operator", c.tasks_gone_by_operator),
        ("master/slave_registrations", c.slave_registrations),
        ("master/slave_reregistrations", c.slave_reregistrations),
        ("master/slave_removals", c.slave_removals),
        ("master/slave_removals/reason_unhealthy", c.slave_removals_reason_unhealthy),
        ("master/slave_removals/reason_registered", c.slave_removals_reason_registered),
        ("master/slave_unreachable_scheduled", c.slave_unreachable_scheduled),
        ("master/slave_unreachable_completed", c.slave_unreachable_completed),
        ("master/recovery_slave_removals", c.recovery_slave_removals),
        ("master/dropped_messages", c.dropped_messages),
        ("master/valid_status_updates", c.valid_status_updates),
        ("master/invalid_status_updates", c.invalid_status_updates),
        ("master/valid_status_update_acknowledgements", c.valid_status_update_acknowledgements),
        ("master/invalid_status_update_acknowledgements", c.invalid_status_update_acknowledgements),
        ("master/messages_register_framework", c.messages_register_framework),
        ("master/messages_reregister_framework", c.messages_reregister_framework),
        ("master/messages_unregister_framework", c.messages_unregister_framework),
        ("master/messages_kill_task", c.messages_kill_task),
        ("master/messages_status_update_acknowledgement", c.messages_status_update_acknowledgement),
        ("master/messages_resource_request", c.messages_resource_request),
        ("master/messages_launch_tasks", c.messages_launch_tasks),
        ("master/messages_decline_offers", c.messages_decline_offers),
        ("master/messages_revive_offers", c.messages_revive_offers),
        ("master/messages_suppress_offers", c.messages_suppress_offers),
        ("master/messages_reconcile_tasks", c.messages_reconcile_tasks),
        ("master/messages_framework_to_executor", c.messages_framework_to_executor),
        ("master/messages_register_slave", c.messages_register_slave),
        ("master/messages_reregister_slave", c.messages_reregister_slave),
        ("master/messages_status_update", c.messages_status_update),
        ("allocator/mesos/allocation_runs", c.allocation_runs),
    ]
}
