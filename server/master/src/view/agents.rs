//! Agents, and the `/slaves` endpoint.

use std::collections::BTreeMap;

use model::{AttributeValue, Resources, Role};
use serde_json::Value;
use wire::link::AgentDescription;
use wire::mesos::v0;
use wire::mesos::v1::agent_info::capability;

use crate::agents::Agent;
use crate::convert::{Form, write_resources};
use crate::record::AgentRecord;
use crate::snapshot::Snapshot;
use crate::view::amounts::summary;
use crate::view::seconds;

/// What agents of version 1.11 can do.
pub const AGENT_CAPABILITIES: [&str; 8] = [
    "MULTI_ROLE",
    "HIERARCHICAL_ROLE",
    "RESERVATION_REFINEMENT",
    "RESOURCE_PROVIDER",
    "RESIZE_VOLUME",
    "AGENT_OPERATION_FEEDBACK",
    "AGENT_DRAINING",
    "TASK_RESOURCE_LIMITS",
];

/// The answer of `/slaves`, of one agent when an id is given.
pub fn slaves(snapshot: &Snapshot, id: Option<&str>) -> v0::Slaves {
    let wanted = |agent: &str| id.is_none_or(|id| id == agent);
    let agents = snapshot.agents.values().filter(|agent| wanted(agent.id.as_str()));
    let recovered = recovered_slaves(snapshot).into_iter().filter(|agent| wanted(&agent.id));
    v0::Slaves {
        slaves: agents.map(|agent| slave_full(agent, snapshot)).collect(),
        recovered_slaves: recovered.collect(),
    }
}

/// Agents that have not come back to this leader yet.
pub fn recovered_slaves(snapshot: &Snapshot) -> Vec<v0::SlaveInfo> {
    snapshot.recovered_agents.values().map(|record| recovered(record)).collect()
}

fn recovered(record: &AgentRecord) -> v0::SlaveInfo {
    info(record.id.as_str(), &record.description)
}

fn info(id: &str, description: &AgentDescription) -> v0::SlaveInfo {
    v0::SlaveInfo {
        id: id.to_owned(),
        hostname: description.info.hostname.clone(),
        port: u16::try_from(description.address.port).unwrap_or_default(),
        attributes: attributes(description),
        domain: domain(description),
    }
}

fn attributes(description: &AgentDescription) -> BTreeMap<String, Value> {
    let attributes = model::v1::attributes_from_v1(&description.info.attributes);
    let value = |value: &AttributeValue| match value {
        AttributeValue::Scalar(scalar) => Value::from(scalar.to_f64()),
        other @ (AttributeValue::Ranges(_) | AttributeValue::Text(_)) => {
            Value::from(other.to_string())
        }
    };
    attributes.iter().map(|(name, one)| (name.to_owned(), value(one))).collect()
}

fn domain(description: &AgentDescription) -> Option<v0::Domain> {
    let fault = description.info.domain.as_ref()?.fault_domain.as_ref()?;
    Some(v0::Domain {
        fault_domain: Some(v0::FaultDomain {
            region: v0::Named { name: fault.region.name.clone() },
            zone: v0::Named { name: fault.zone.name.clone() },
        }),
    })
}

pub(crate) fn slave(agent: &Agent) -> v0::Slave {
    let capabilities = agent.description.capabilities.iter().filter_map(|capability| {
        let name = capability::Type::try_from(capability.r#type?).ok()?.as_str_name();
        Some(name.to_owned())
    });
    v0::Slave {
        info: info(agent.id.as_str(), &agent.description),
        pid: agent.pid(),
        registered_time: seconds(agent.registered_at),
        reregistered_time: agent.reregistered_at.map(seconds),
        resources: summary(&agent.total),
        used_resources: summary(&agent.used),
        offered_resources: summary(&agent.offered),
        reserved_resources: BTreeMap::new(),
        unreserved_resources: summary(&agent.total),
        active: agent.is_connected(),
        deactivated: false,
        version: agent.description.version.clone(),
        capabilities: capabilities.collect(),
        drain_info: None,
        estimated_drain_start_time_seconds: None,
    }
}

fn slave_full(agent: &Agent, snapshot: &Snapshot) -> v0::SlaveFull {
    let tasks = agent.tasks.iter().filter_map(|(framework, task)| snapshot.task(framework, task));
    let live = tasks.filter(|task| !task.state.is_terminal());
    let used = live.map(|task| (&task.role, &task.resources));
    let offers = agent.offers.iter().filter_map(|id| snapshot.offers.get(id));
    let offered = offers.map(|offer| (&offer.role, &offer.resources));
    v0::SlaveFull {
        slave: slave(agent),
        full: v0::SlaveResourcesFull {
            reserved_resources_full: BTreeMap::new(),
            unreserved_resources_full: full(&agent.total, None),
            used_resources_full: by_role(used),
            offered_resources_full: by_role(offered),
        },
    }
}

/// One list of what is held in each role.
fn by_role<'a>(held: impl Iterator<Item = (&'a Role, &'a Resources)>) -> Vec<Value> {
    let mut roles: BTreeMap<&Role, Resources> = BTreeMap::new();
    for (role, resources) in held {
        let sum = roles.entry(role).or_default();
        *sum = sum.checked_add(resources).unwrap_or_else(|| sum.clone());
    }
    roles.into_iter().flat_map(|(role, resources)| full(&resources, Some(role))).collect()
}

fn full(resources: &Resources, allocated_to: Option<&Role>) -> Vec<Value> {
    let list = write_resources(resources, Form { allocated_to, is_refined: false });
    list.into_iter().filter_map(|resource| serde_json::to_value(resource).ok()).collect()
}
