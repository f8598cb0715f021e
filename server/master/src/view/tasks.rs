//! Tasks, and the `/tasks` endpoint.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use wire::mesos::v0;
use wire::mesos::v1::{self as pb};

use crate::snapshot::Snapshot;
use crate::tasks::Task;
use crate::view::amounts::summary;

/// What of `/tasks` is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskQuery {
    /// At most this many; `None` for all.
    pub limit: Option<usize>,
    /// After leaving out this many.
    pub offset: usize,
    /// Oldest first; newest first otherwise.
    pub is_ascending: bool,
    /// Only of this framework.
    pub framework: Option<String>,
    /// Only those of this id.
    pub task: Option<String>,
}

impl Default for TaskQuery {
    fn default() -> Self {
        Self { limit: Some(100), offset: 0, is_ascending: false, framework: None, task: None }
    }
}

/// The answer of `/tasks`.
///
/// Sorted by the time of the first status; tasks without one come last in descending order and first in
/// ascending order.
pub fn tasks(snapshot: &Snapshot, query: &TaskQuery) -> v0::Tasks {
    let frameworks = snapshot.frameworks.values().chain(&snapshot.completed_frameworks);
    let wanted = frameworks
        .filter(|framework| query.framework.as_ref().is_none_or(|id| framework.id.as_str() == id));
    let mut tasks: Vec<_> = wanted
        .flat_map(|framework| {
            let active = framework.tasks.values().chain(framework.unreachable_tasks.values());
            active.chain(&framework.completed_tasks)
        })
        .filter(|task| query.task.as_ref().is_none_or(|id| task.id.as_str() == id))
        .collect();
    tasks.sort_by(|a, b| {
        let order = by_first_status(a, b);
        if query.is_ascending { order } else { order.reverse() }
    });
    let page = tasks.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX));
    v0::Tasks { tasks: page.map(|found| task(found)).collect() }
}

fn by_first_status(a: &Task, b: &Task) -> Ordering {
    let first = |task: &Task| task.statuses.first().and_then(|status| status.timestamp);
    match (first(a), first(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

pub(crate) fn task(task: &Task) -> v0::Task {
    let description = &task.description;
    v0::Task {
        id: task.id.to_string(),
        name: description.name.clone(),
        framework_id: task.framework.to_string(),
        executor_id: description
            .executor_id
            .as_ref()
            .map(|id| id.value.clone())
            .unwrap_or_default(),
        slave_id: task.agent.to_string(),
        state: task.state.name().to_owned(),
        resources: summary(&task.resources),
        limits: limits(&description.limits),
        role: Some(task.role.to_string()),
        statuses: task.statuses.iter().map(|one| status(one)).collect(),
        user: description.user.clone(),
        labels: labels(description.labels.as_ref()),
        discovery: embedded(description.discovery.as_ref()),
        container: embedded(description.container.as_ref()),
        health_check: embedded(description.health_check.as_ref()),
    }
}

/// JSON has no number without end; the text is that of protobuf's JSON.
fn limits(limits: &BTreeMap<String, pb::value::Scalar>) -> Option<BTreeMap<String, Value>> {
    let value = |amount: f64| if amount.is_finite() { amount.into() } else { "Infinity".into() };
    let values = limits.iter().map(|(name, scalar)| (name.clone(), value(scalar.value)));
    (!limits.is_empty()).then(|| values.collect())
}

pub(crate) fn labels(labels: Option<&pb::Labels>) -> Vec<v0::Label> {
    labels
        .into_iter()
        .flat_map(|labels| &labels.labels)
        .map(|label| v0::Label { key: label.key.clone(), value: label.value.clone() })
        .collect()
}

/// A v1 message as it stands in v0 JSON.
fn embedded<T: Serialize>(message: Option<&T>) -> Option<Value> {
    message.and_then(|message| serde_json::to_value(message).ok())
}

fn status(status: &pb::TaskStatus) -> v0::TaskStatus {
    v0::TaskStatus {
        state: model::TaskState::from_number(status.state)
            .map_or_else(String::new, |state| state.name().to_owned()),
        timestamp: status.timestamp.unwrap_or_default(),
        labels: labels(status.labels.as_ref()),
        container_status: status.container_status.as_ref().map(container_status),
        healthy: status.healthy,
    }
}

fn container_status(status: &pb::ContainerStatus) -> v0::ContainerStatus {
    v0::ContainerStatus {
        container_id: status.container_id.as_ref().map(container_id),
        network_infos: status.network_infos.iter().map(network_info).collect(),
        cgroup_info: embedded(status.cgroup_info.as_ref()),
    }
}

fn container_id(id: &pb::ContainerId) -> v0::ContainerId {
    let parent = id.parent.as_deref().map(|parent| Box::new(container_id(parent)));
    v0::ContainerId { value: id.value.clone(), parent }
}

fn network_info(info: &pb::NetworkInfo) -> v0::NetworkInfo {
    v0::NetworkInfo {
        ip_addresses: info
            .ip_addresses
            .iter()
            .map(|address| v0::IpAddress {
                protocol: Some(address.protocol().as_str_name().to_owned()),
                ip_address: address.ip_address.clone(),
            })
            .collect(),
        name: info.name.clone(),
        groups: info.groups.clone(),
        labels: embedded(info.labels.as_ref()),
        port_mappings: info
            .port_mappings
            .iter()
            .filter_map(|mapping| embedded(Some(mapping)))
            .collect(),
    }
}
