//! `/metrics/snapshot` of the agent: the original's names, for what is measured here.
//!
//! What is not measured is absent rather than zero.

use std::collections::BTreeMap;

use agent_core::{Phase, Snapshot};
use model::{Resources, TaskState};
use sysinfo::System;
use wire::mesos::v1;

use super::Api;
use super::state::{live_tasks, resources_of, sum};

/// The agent's measurements by name.
pub(super) fn snapshot(api: &Api) -> BTreeMap<String, f64> {
    let snapshot = api.snapshot();
    let mut all = BTreeMap::new();
    let uptime = api.shared.clock.wall().as_secs_f64() - api.shared.started.as_secs_f64();
    all.insert("slave/uptime_secs".to_owned(), uptime.max(0.0));
    all.insert("slave/registered".to_owned(), f64::from(u8::from(snapshot.is_registered)));
    resources(&snapshot, &mut all);
    tasks(&snapshot, &mut all);
    system(&mut all);
    all
}

fn resources(snapshot: &Snapshot, all: &mut BTreeMap<String, f64>) {
    let total = model::v1::resources_from_v1(&snapshot.settings.description.info.resources)
        .unwrap_or_default();
    let used = sum(live_tasks(snapshot).map(resources_of));
    for name in ["cpus", "mem", "disk", "gpus"] {
        let amount = |resources: &Resources| resources.scalar(name).to_f64();
        let (total, used) = (amount(&total), amount(&used));
        let percent = if total > 0.0 { used / total } else { 0.0 };
        all.insert(format!("slave/{name}_total"), total);
        all.insert(format!("slave/{name}_used"), used);
        all.insert(format!("slave/{name}_percent"), percent);
    }
}

fn tasks(snapshot: &Snapshot, all: &mut BTreeMap<String, f64>) {
    let live =
        |state: TaskState| count(live_tasks(snapshot).filter(|task| task.state == state).count());
    for state in [TaskState::Staging, TaskState::Starting, TaskState::Running, TaskState::Killing] {
        all.insert(name(state), live(state));
    }
    let counters = [
        TaskState::Finished,
        TaskState::Failed,
        TaskState::Killed,
        TaskState::Lost,
        TaskState::Gone,
    ];
    for state in counters {
        let ended = snapshot.ended.get(&state).copied().unwrap_or(0);
        all.insert(name(state), f64::from(u32::try_from(ended).unwrap_or(u32::MAX)));
    }
    let running = live_tasks(snapshot).filter(|task| task.phase == Phase::Running).count();
    all.insert("slave/executors_running".to_owned(), count(running));
    let frameworks: std::collections::BTreeSet<_> =
        live_tasks(snapshot).map(|task| &task.key.framework).collect();
    all.insert("slave/frameworks_active".to_owned(), count(frameworks.len()));
    let launch_failed = v1::task_status::Reason::ContainerLaunchFailed as i32;
    let failures = snapshot
        .tasks
        .values()
        .flat_map(|task| &task.statuses)
        .filter(|status| status.reason == Some(launch_failed));
    all.insert("slave/container_launch_errors".to_owned(), count(failures.count()));
}

/// `TASK_RUNNING` is counted as `slave/tasks_running`.
fn name(state: TaskState) -> String {
    format!("slave/tasks_{}", state.name().trim_start_matches("TASK_").to_ascii_lowercase())
}

/// What the machine says of itself; a figure that it does not give is absent.
fn system(all: &mut BTreeMap<String, f64>) {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    all.insert("system/cpus_total".to_owned(), count(cpus));
    if let Ok(load) = System::load_average() {
        all.insert("system/load_1min".to_owned(), load.one);
        all.insert("system/load_5min".to_owned(), load.five);
        all.insert("system/load_15min".to_owned(), load.fifteen);
    }
    if let Ok(mut system) = System::new() {
        system.refresh_memory();
        all.insert("system/mem_total_bytes".to_owned(), bytes(system.total_memory()));
        all.insert("system/mem_free_bytes".to_owned(), bytes(system.free_memory()));
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "no machine has 2^53 bytes of memory")]
fn bytes(number: u64) -> f64 {
    number as f64
}
