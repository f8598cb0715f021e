//! `/state` of the agent, from a snapshot.
//!
//! Docker tasks have no executor of their own; as in the original each is shown under an executor that has the task's id.

use agent_core::{Phase, Snapshot, Task};
use model::v1::resources_from_v1;
use model::{FrameworkId, Quantity, Resources, Scalar};
use serde_json::Value;
use wire::mesos::v0::{
    AgentExecutor, AgentFramework, AgentState, ContainerId, ContainerStatus, IpAddress, Label,
    NetworkInfo, OtherQuantity, QueuedTask, ResourceSummary, TaskStatus,
};
use wire::mesos::{v0, v1};

use super::Api;
use crate::build_info::Build;

/// What an executor adds to its tasks' resources: 0.1 cpus and 32 MB.
const EXECUTOR_CPUS_THOUSANDTHS: i64 = 100;
const EXECUTOR_MEM_THOUSANDTHS: i64 = 32_000;

/// Longest command text that is shown whole.
const COMMAND_SHOWN: usize = 15;

pub(super) fn state(api: &Api) -> AgentState {
    let (shared, snapshot) = (&api.shared, api.snapshot());
    let info = &snapshot.settings.description.info;
    let (live, ended) = frameworks(&snapshot);
    AgentState {
        version: Build::this().classic(),
        start_time: shared.started.as_secs_f64(),
        id: snapshot.id.as_ref().map(ToString::to_string).unwrap_or_default(),
        pid: shared.pid.clone(),
        hostname: shared.hostname.clone(),
        capabilities: capabilities(&snapshot),
        resources: summary(&info.resources),
        unreserved_resources: summary(&info.resources),
        unreserved_resources_full: info
            .resources
            .iter()
            .filter_map(|resource| serde_json::to_value(resource).ok())
            .collect(),
        unreserved_resources_allocated: summed(live_tasks(&snapshot).map(resources_of)),
        attributes: info.attributes.iter().map(attribute).collect(),
        master_hostname: snapshot.master.as_ref().and_then(|master| master.hostname.clone()),
        flags: shared.flags.clone(),
        frameworks: live,
        completed_frameworks: ended,
        ..AgentState::default()
    }
}

fn capabilities(snapshot: &Snapshot) -> Vec<String> {
    let all = &snapshot.settings.description.capabilities;
    all.iter()
        .filter_map(|capability| {
            v1::agent_info::capability::Type::try_from(capability.r#type?).ok()
        })
        .map(|capability| capability.as_str_name().to_owned())
        .collect()
}

fn attribute(attribute: &v1::Attribute) -> (String, Value) {
    let value = match (&attribute.scalar, &attribute.text, &attribute.ranges) {
        (Some(scalar), ..) => Value::from(scalar.value),
        (_, Some(text), _) => Value::from(text.value.as_str()),
        (.., Some(ranges)) => {
            let numbers = model::Ranges::from_pairs(
                ranges.range.iter().map(|range| (range.begin, range.end)),
            );
            Value::from(numbers.to_string())
        }
        (None, None, None) => Value::Null,
    };
    (attribute.name.clone(), value)
}

pub(super) fn live_tasks(snapshot: &Snapshot) -> impl Iterator<Item = &Task> {
    snapshot.tasks.values().map(AsRef::as_ref).filter(|task| task.phase != Phase::Ended)
}

/// Frameworks with live tasks, and those with ended ones only.
fn frameworks(snapshot: &Snapshot) -> (Vec<AgentFramework>, Vec<AgentFramework>) {
    snapshot
        .frameworks
        .iter()
        .map(|(id, info)| framework(snapshot, id, info))
        .filter(|framework| {
            !framework.executors.is_empty() || !framework.completed_executors.is_empty()
        })
        .partition(|framework| !framework.executors.is_empty())
}

fn framework(snapshot: &Snapshot, id: &FrameworkId, info: &v1::FrameworkInfo) -> AgentFramework {
    let multi_role = info.capabilities.iter().any(|capability| {
        capability.r#type == Some(v1::framework_info::capability::Type::MultiRole as i32)
    });
    let (executors, completed_executors) = snapshot
        .tasks
        .values()
        .filter(|task| task.key.framework == *id)
        .map(|task| executor(snapshot, task))
        .partition(|executor| executor.completed_tasks.is_empty());
    AgentFramework {
        id: id.to_string(),
        name: info.name.clone(),
        user: info.user.clone(),
        failover_timeout: info.failover_timeout.unwrap_or(0.0),
        checkpoint: info.checkpoint.unwrap_or(false),
        hostname: info.hostname.clone().unwrap_or_default(),
        principal: info.principal.clone(),
        role: (!multi_role).then(|| role_of(info).to_owned()),
        roles: multi_role.then(|| info.roles.clone()),
        executors,
        completed_executors,
    }
}

fn role_of(info: &v1::FrameworkInfo) -> &str {
    info.role.as_deref().unwrap_or("*")
}

fn executor(snapshot: &Snapshot, task: &Task) -> AgentExecutor {
    let allowance = Resources::new()
        .with(
            "cpus",
            Quantity::Scalar(
                Scalar::from_thousandths(EXECUTOR_CPUS_THOUSANDTHS).unwrap_or(Scalar::ZERO),
            ),
        )
        .with(
            "mem",
            Quantity::Scalar(
                Scalar::from_thousandths(EXECUTOR_MEM_THOUSANDTHS).unwrap_or(Scalar::ZERO),
            ),
        );
    let is_ended = task.phase == Phase::Ended;
    let mut executor = AgentExecutor {
        id: task.key.task.to_string(),
        name: format!(
            "Command Executor (Task: {}) (Command: {})",
            task.key.task,
            command(&task.info)
        ),
        source: task.key.task.to_string(),
        container: task.container.to_string(),
        directory: task.sandbox.clone(),
        role: role(&task.info),
        labels: labels(task.info.labels.as_ref()),
        discovery: task
            .info
            .discovery
            .as_ref()
            .and_then(|discovery| serde_json::to_value(discovery).ok()),
        ..AgentExecutor::default()
    };
    if is_ended {
        executor.resources = summary_of(&allowance);
        executor.completed_tasks.push(shown(snapshot, task));
        return executor;
    }
    executor.resources = summed([allowance, resources_of(task)].into_iter());
    if task.phase == Phase::Pulling {
        executor.queued_tasks.push(queued(snapshot, task));
    } else {
        executor.tasks.push(shown(snapshot, task));
    }
    executor
}

/// The command as the executor's name shows it: long text is cut to twelve characters.
fn command(info: &v1::TaskInfo) -> String {
    let Some(command) = &info.command else {
        return "NO EXECUTABLE".to_owned();
    };
    let cut = |text: &str| {
        if text.chars().count() <= COMMAND_SHOWN {
            return text.to_owned();
        }
        let beginning: String = text.chars().take(COMMAND_SHOWN - 3).collect();
        format!("{beginning}...")
    };
    match (command.shell.unwrap_or(true), &command.value) {
        (true, None) => "NO COMMAND".to_owned(),
        (true, Some(value)) => format!("sh -c '{}'", cut(value)),
        (false, None) => "NO EXECUTABLE".to_owned(),
        (false, Some(value)) => {
            let words: Vec<&str> = [value.as_str()]
                .into_iter()
                .chain(command.arguments.iter().map(String::as_str))
                .collect();
            format!("[{}]", cut(&words.join(", ")))
        }
    }
}

fn shown(snapshot: &Snapshot, task: &Task) -> v0::Task {
    let info = &task.info;
    v0::Task {
        id: task.key.task.to_string(),
        name: info.name.clone(),
        framework_id: task.key.framework.to_string(),
        executor_id: String::new(),
        slave_id: snapshot.id.as_ref().map(ToString::to_string).unwrap_or_default(),
        state: task.state.name().to_owned(),
        resources: summary(&info.resources),
        role: role(info),
        statuses: task.statuses.iter().map(status).collect(),
        labels: labels(info.labels.as_ref()),
        discovery: info
            .discovery
            .as_ref()
            .and_then(|discovery| serde_json::to_value(discovery).ok()),
        container: info
            .container
            .as_ref()
            .and_then(|container| serde_json::to_value(container).ok()),
        ..v0::Task::default()
    }
}

fn queued(snapshot: &Snapshot, task: &Task) -> QueuedTask {
    QueuedTask {
        id: task.key.task.to_string(),
        name: task.info.name.clone(),
        slave_id: snapshot.id.as_ref().map(ToString::to_string).unwrap_or_default(),
        resources: summary(&task.info.resources),
        role: role(&task.info),
        command: task.info.command.as_ref().and_then(|command| serde_json::to_value(command).ok()),
        executor_id: Some(String::new()),
        discovery: task
            .info
            .discovery
            .as_ref()
            .and_then(|discovery| serde_json::to_value(discovery).ok()),
    }
}

fn status(status: &v1::TaskStatus) -> TaskStatus {
    let container_status = status.container_status.as_ref().map(|container| ContainerStatus {
        container_id: container
            .container_id
            .as_ref()
            .map(|id| ContainerId { value: id.value.clone(), parent: None }),
        network_infos: container.network_infos.iter().map(network_info).collect(),
        cgroup_info: None,
    });
    TaskStatus {
        state: model::TaskState::from_number(status.state)
            .unwrap_or(model::TaskState::Unknown)
            .name()
            .to_owned(),
        timestamp: status.timestamp.unwrap_or_default(),
        labels: labels(status.labels.as_ref()),
        container_status,
        healthy: status.healthy,
    }
}

fn network_info(info: &v1::NetworkInfo) -> NetworkInfo {
    let address = |address: &v1::network_info::IpAddress| IpAddress {
        protocol: Some(address.protocol().as_str_name().to_owned()),
        ip_address: address.ip_address.clone(),
    };
    NetworkInfo {
        ip_addresses: info.ip_addresses.iter().map(address).collect(),
        name: info.name.clone(),
        ..NetworkInfo::default()
    }
}

fn labels(labels: Option<&v1::Labels>) -> Vec<Label> {
    let all = labels.into_iter().flat_map(|labels| &labels.labels);
    all.map(|label| Label { key: label.key.clone(), value: label.value.clone() }).collect()
}

fn role(info: &v1::TaskInfo) -> Option<String> {
    let allocated =
        info.resources.iter().find_map(|resource| resource.allocation_info.as_ref()?.role.clone());
    Some(allocated.unwrap_or_else(|| "*".to_owned()))
}

pub(super) fn resources_of(task: &Task) -> Resources {
    resources_from_v1(&task.info.resources).unwrap_or_default()
}

fn summary(resources: &[v1::Resource]) -> ResourceSummary {
    summary_of(&resources_from_v1(resources).unwrap_or_default())
}

fn summed(all: impl Iterator<Item = Resources>) -> ResourceSummary {
    summary_of(&sum(all))
}

/// The sum of amounts; what cannot be added (a port twice) is left out.
pub(super) fn sum(all: impl Iterator<Item = Resources>) -> Resources {
    all.fold(Resources::new(), |sum, more| sum.checked_add(&more).unwrap_or(sum))
}

fn summary_of(resources: &Resources) -> ResourceSummary {
    let mut summary = ResourceSummary::default();
    for (name, quantity) in resources.iter() {
        match (name, quantity) {
            ("cpus", Quantity::Scalar(amount)) => summary.cpus = amount.to_f64(),
            ("mem", Quantity::Scalar(amount)) => summary.mem = amount.to_f64(),
            ("disk", Quantity::Scalar(amount)) => summary.disk = amount.to_f64(),
            ("gpus", Quantity::Scalar(amount)) => summary.gpus = amount.to_f64(),
            // Compat: one port is written as a range too (mesos.md, trap 7).
            ("ports", Quantity::Ranges(ports)) => summary.ports = Some(ranges(ports)),
            (_, Quantity::Scalar(amount)) => {
                summary.others.insert(name.to_owned(), OtherQuantity::Scalar(amount.to_f64()));
            }
            (_, Quantity::Ranges(numbers)) => {
                summary.others.insert(name.to_owned(), OtherQuantity::Text(ranges(numbers)));
            }
            (_, Quantity::Set(items)) => {
                let items: Vec<&str> = items.iter().map(String::as_str).collect();
                summary.others.insert(
                    name.to_owned(),
                    OtherQuantity::Text(format!("{{{}}}", items.join(", "))),
                );
            }
        }
    }
    summary
}

fn ranges(numbers: &model::Ranges) -> String {
    let pairs: Vec<String> = numbers.pairs().map(|(begin, end)| format!("{begin}-{end}")).collect();
    format!("[{}]", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_port_is_shown_as_a_range() {
        let resources = Resources::parse("cpus:0.5;mem:64;ports:[31030-31030]").unwrap();
        let summary = serde_json::to_value(summary_of(&resources)).unwrap();
        assert_eq!(
            summary,
            serde_json::json!({"cpus": 0.5, "gpus": 0.0, "mem": 64.0, "disk": 0.0, "ports": "[31030-31030]"})
        );
    }

    #[test]
    fn the_executors_name_tells_the_command() {
        let info =
            |command: Option<v1::CommandInfo>| v1::TaskInfo { command, ..v1::TaskInfo::default() };
        let shell = |text: &str| v1::CommandInfo {
            value: Some(text.to_owned()),
            ..v1::CommandInfo::default()
        };
        assert_eq!(command(&info(None)), "NO EXECUTABLE");
        assert_eq!(command(&info(Some(shell("sleep 5; echo done")))), "sh -c 'sleep 5; ech...'");
        let image = v1::CommandInfo { shell: Some(false), ..v1::CommandInfo::default() };
        assert_eq!(command(&info(Some(image))), "NO EXECUTABLE");
    }
}
