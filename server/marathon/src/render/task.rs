//! Tasks, as JSON and as the lines of old load balancers.

use std::fmt::Write as _;
use std::net::IpAddr;

use wire::marathon::{HealthCheckResult, IpAddress, ReadinessCheckResult, ReadinessResponse, Task};

use crate::health::Health;
use crate::instance::{Condition, Instance};
use crate::matching::ports;
use crate::run_spec::RunSpec;
use crate::snapshot::{App, Snapshot};

/// The task that an instance has or had; `None` before its first launch.
///
/// A task that ended and waits for relaunch is still shown, without times, version and ports.
/// Source: marathon.md §4.2.
pub fn task(instance: &Instance) -> Option<Task> {
    let task = instance.task.as_ref()?;
    let is_active = instance.condition.is_active();
    let state = instance.task_state().map_or("TASK_STAGING", model::TaskState::name);
    Some(Task {
        app_id: instance.app.to_string(),
        check_result: instance.checks.found.map(super::check::check_result),
        health_check_results: health_check_results(instance),
        host: task.host.to_string(),
        id: task.id.to_string(),
        ip_addresses: task.addresses.iter().copied().map(address).collect(),
        ports: if is_active { ports::of_host(&task.ports) } else { Vec::new() },
        service_ports: Vec::new(),
        slave_id: Some(task.agent.to_string()),
        state: state.to_owned(),
        staged_at: is_active.then(|| task.staged_at.to_rfc3339_millis()),
        started_at: task.started_at.filter(|_| is_active).map(|time| time.to_rfc3339_millis()),
        version: is_active.then(|| instance.version.to_rfc3339_millis()),
        local_volumes: Vec::new(),
        region: None,
        zone: None,
        role: task.role.to_string(),
    })
}

/// What is known of each check, in the order of the definition; checks without a result are left out.
fn health_check_results(instance: &Instance) -> Vec<HealthCheckResult> {
    let time = |at: Option<model::Timestamp>| at.map(|at| at.to_rfc3339_millis());
    let known = instance.checks.results.iter().flatten();
    let result = |health: &Health| HealthCheckResult {
        alive: health.is_alive,
        consecutive_failures: health.consecutive_failures,
        first_success: time(health.first_success),
        last_success: time(health.last_success),
        last_failure: time(health.last_failure),
        last_failure_cause: health.last_failure_cause.clone(),
        // Compat: the plain id, not the log form of the original (marathon.md §4.2).
        instance_id: instance.id.to_string(),
    };
    known.map(result).collect()
}

/// What the readiness checks of an app's instances have found.
pub fn readiness_results(snapshot: &Snapshot, app: &model::AppId) -> Vec<ReadinessCheckResult> {
    let result = |instance: &Instance| {
        let found = instance.checks.readiness.as_ref()?;
        let answer = found.last_answer.as_ref();
        Some(ReadinessCheckResult {
            name: found.name.clone(),
            task_id: instance.task.as_ref()?.id.to_string(),
            ready: found.is_ready,
            last_response: answer.map(|answer| ReadinessResponse {
                status: answer.status,
                content_type: answer.content_type.clone(),
                body: answer.body.clone(),
            }),
        })
    };
    snapshot.instances_of(app).filter_map(|instance| result(instance)).collect()
}

/// The tasks of one app, without service ports.
pub fn tasks_of(snapshot: &Snapshot, app: &model::AppId) -> Vec<Task> {
    snapshot.instances_of(app).filter_map(|instance| task(instance)).collect()
}

/// `GET /v2/tasks`: the tasks of all apps whose instances are in one of `conditions` (of all when empty).
pub fn all_tasks(snapshot: &Snapshot, conditions: &[Condition]) -> Vec<Task> {
    let is_wanted =
        |instance: &Instance| conditions.is_empty() || conditions.contains(&instance.condition);
    let mut tasks = Vec::new();
    for (id, app) in &snapshot.apps {
        let service_ports = app.definition.spec.service_ports();
        let wanted = snapshot.instances_of(id).filter(|instance| is_wanted(instance));
        tasks.extend(
            wanted
                .filter_map(|instance| task(instance))
                .map(|task| Task { service_ports: service_ports.clone(), ..task }),
        );
    }
    tasks
}

/// One line per app and service port, as old scripts read it: fields and line end in TAB.
///
/// Source: marathon.md §4.5. Only running instances count; an app without any still has its lines.
pub fn tasks_text<'a>(
    snapshot: &Snapshot,
    apps: impl IntoIterator<Item = (&'a model::AppId, &'a std::sync::Arc<App>)>,
) -> String {
    let mut text = String::new();
    for (id, app) in apps {
        let running: Vec<&Instance> = snapshot
            .instances_of(id)
            .map(AsRef::as_ref)
            .filter(|instance| instance.condition == Condition::Running)
            .collect();
        write_lines(&mut text, &app.definition.spec, &running);
    }
    text
}

fn write_lines(text: &mut String, spec: &RunSpec, running: &[&Instance]) {
    let path = spec.id().safe_path();
    let service_ports = spec.service_ports();
    let tasks = || running.iter().filter_map(|instance| instance.task.as_ref());
    if service_ports.is_empty() {
        let hosts = tasks().map(|task| task.host.to_string()).collect();
        write_line(text, &path, " ", hosts);
    }
    for (index, service_port) in service_ports.iter().enumerate() {
        let addresses = tasks()
            .map(|task| format!("{}:{}", task.host, task.ports.get(index).unwrap_or(&0)))
            .collect();
        write_line(text, &path, &service_port.to_string(), addresses);
    }
}

fn write_line(text: &mut String, path: &str, port: &str, mut addresses: Vec<String>) {
    addresses.sort_unstable();
    let _ = write!(text, "{path}\t{port}\t");
    for address in addresses {
        let _ = write!(text, "{address}\t");
    }
    text.push('\n');
}

fn address(ip: IpAddr) -> IpAddress {
    let protocol = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
    IpAddress { ip_address: ip.to_string(), protocol: protocol.to_owned() }
}
