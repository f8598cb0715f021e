//! The scheduler API's messages from and to the core's values (mesos.md §4).

use std::sync::Arc;

use model::v1::{attributes_from_v1, resources_from_v1};
use model::{AgentId, FrameworkId, OfferId, Resources, Role, TaskId, TaskState, Timestamp};
use wire::mesos::v1;
use wire::mesos::v1::scheduler::call::{self, Type};

use crate::command::StatusUpdate;
use crate::effect::{Call, Launch};
use crate::health::CheckResult;
use crate::offer::Offer;
use crate::task_info::task_info;

/// A call as it goes over the wire.
pub fn call_to_v1(call: &Call, framework: &FrameworkId) -> v1::scheduler::Call {
    let mut message = v1::scheduler::Call {
        framework_id: Some(v1::FrameworkId { value: framework.to_string() }),
        ..v1::scheduler::Call::default()
    };
    let kind = match call {
        Call::Accept { offer, launches, refuse } => {
            message.accept = Some(call::Accept {
                offer_ids: vec![offer_id(offer)],
                operations: vec![launch_operation(launches)],
                filters: Some(filters(*refuse)),
            });
            Type::Accept
        }
        Call::Decline { offers, refuse } => {
            message.decline = Some(call::Decline {
                offer_ids: offers.iter().map(offer_id).collect(),
                filters: Some(filters(*refuse)),
            });
            Type::Decline
        }
        Call::Revive => Type::Revive,
        Call::Suppress => Type::Suppress,
        Call::Kill { task, agent } => {
            let agent_id = agent.as_ref().map(agent_id);
            message.kill = Some(call::Kill { task_id: task_id(task), agent_id, kill_policy: None });
            Type::Kill
        }
        Call::Acknowledge { agent, task, uuid } => {
            message.acknowledge = Some(call::Acknowledge {
                agent_id: agent_id(agent),
                task_id: task_id(task),
                uuid: bytes::Bytes::copy_from_slice(uuid),
            });
            Type::Acknowledge
        }
        Call::Reconcile(tasks) => {
            let tasks = tasks.iter().map(|(task, agent)| call::reconcile::Task {
                task_id: task_id(task),
                agent_id: agent.as_ref().map(agent_id),
            });
            message.reconcile = Some(call::Reconcile { tasks: tasks.collect() });
            Type::Reconcile
        }
    };
    message.r#type = Some(kind.into());
    message
}

fn launch_operation(launches: &[Launch]) -> v1::offer::Operation {
    let task_infos = launches.iter().filter_map(task_info).collect();
    v1::offer::Operation {
        r#type: Some(v1::offer::operation::Type::Launch.into()),
        launch: Some(v1::offer::operation::Launch { task_infos }),
        ..v1::offer::Operation::default()
    }
}

fn filters(refuse: std::time::Duration) -> v1::Filters {
    v1::Filters { refuse_seconds: Some(refuse.as_secs_f64()) }
}

fn offer_id(offer: &OfferId) -> v1::OfferId {
    v1::OfferId { value: offer.to_string() }
}

fn task_id(task: &TaskId) -> v1::TaskId {
    v1::TaskId { value: task.to_string() }
}

fn agent_id(agent: &AgentId) -> v1::AgentId {
    v1::AgentId { value: agent.to_string() }
}

/// An offer; resources that cannot be used yet, such as reserved ones, are left out.
pub fn offer_from_v1(offer: &v1::Offer) -> Offer {
    let usable =
        offer.resources.iter().filter_map(|one| resources_from_v1(std::slice::from_ref(one)).ok());
    let resources = usable.fold(Resources::new(), |sum, one| sum.checked_add(&one).unwrap_or(sum));
    let role = offer.allocation_info.as_ref().and_then(|info| info.role.as_deref());
    Offer {
        id: OfferId::new(offer.id.value.as_str()),
        agent: AgentId::new(offer.agent_id.value.as_str()),
        host: Arc::from(offer.hostname.as_str()),
        resources,
        attributes: Arc::new(attributes_from_v1(&offer.attributes)),
        role: role.map_or_else(Role::any, Role::from),
    }
}

/// A status; `None` when its state is none that we know.
pub fn status_from_v1(status: &v1::TaskStatus) -> Option<StatusUpdate> {
    let reason = status.reason.and_then(|reason| v1::task_status::Reason::try_from(reason).ok());
    let networks = status.container_status.iter().flat_map(|status| &status.network_infos);
    let addresses = networks.flat_map(|network| &network.ip_addresses);
    let addresses = addresses.filter_map(|address| address.ip_address.as_ref()?.parse().ok());
    let unreachable = status.unreachable_time.as_ref().map(|time| time.nanoseconds / 1_000_000);
    Some(StatusUpdate {
        task: TaskId::new(status.task_id.value.as_str()),
        agent: status.agent_id.as_ref().map(|agent| AgentId::new(agent.value.as_str())),
        state: TaskState::from_number(status.state)?,
        reason: reason.map(|reason| reason.as_str_name().to_owned()),
        message: status.message.clone(),
        uuid: status.uuid.as_ref().map(|uuid| Arc::from(&uuid[..])),
        healthy: status.healthy,
        check: status.check_status.as_ref().and_then(check_result),
        addresses: addresses.collect(),
        unreachable_since: unreachable.map(Timestamp::from_millis),
    })
}

/// `None` when it says of no kind that we know.
fn check_result(status: &v1::CheckStatusInfo) -> Option<CheckResult> {
    use v1::check_info::Type;
    match status.r#type() {
        Type::Http => {
            let status = status.http.as_ref().and_then(|http| http.status_code);
            Some(CheckResult::Http { status })
        }
        Type::Tcp => {
            let succeeded = status.tcp.as_ref().and_then(|tcp| tcp.succeeded);
            Some(CheckResult::Tcp { succeeded })
        }
        Type::Command => {
            let exit_code = status.command.as_ref().and_then(|command| command.exit_code);
            Some(CheckResult::Command { exit_code })
        }
        Type::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prost::Message as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_offer_is_read_without_what_cannot_be_used() {
        let offer: v1::Offer = serde_json::from_value(json!({
            "id": {"value": "M-O7"}, "framework_id": {"value": "M-0000"},
            "agent_id": {"value": "M-S0"}, "hostname": "agent1",
            "allocation_info": {"role": "*"},
            "attributes": [{"name": "rack", "type": "TEXT", "text": {"value": "a"}}],
            "resources": [
                {"name": "cpus", "type": "SCALAR", "scalar": {"value": 4.0}, "role": "*"},
                {"name": "cpus", "type": "SCALAR", "scalar": {"value": 2.0}, "role": "db"},
                {"name": "ports", "type": "RANGES",
                    "ranges": {"range": [{"begin": 31000, "end": 32000}]}}]
        }))
        .unwrap();
        let offer = offer_from_v1(&offer);
        assert_eq!(offer.resources, Resources::parse("cpus:4;ports:[31000-32000]").unwrap());
        assert_eq!(offer.attributes.get("rack").unwrap().to_string(), "a");
        assert_eq!((offer.role, &*offer.host), (Role::any(), "agent1"));
    }

    #[test]
    fn a_status_keeps_what_orchestration_needs() {
        let status: v1::TaskStatus = serde_json::from_value(json!({
            "task_id": {"value": "t"}, "state": "TASK_RUNNING", "agent_id": {"value": "M-S0"},
            "reason": "REASON_RECONCILIATION", "source": "SOURCE_MASTER",
            "uuid": "AAECAwQFBgcICQoLDA0ODw==",
            "container_status": {"network_infos": [{"ip_addresses": [
                {"protocol": "IPv4", "ip_address": "172.17.0.2"}]}]}
        }))
        .unwrap();
        let status = status_from_v1(&status).unwrap();
        assert_eq!(status.state, TaskState::Running);
        assert_eq!(status.reason.as_deref(), Some("REASON_RECONCILIATION"));
        assert_eq!(status.addresses, ["172.17.0.2".parse::<std::net::IpAddr>().unwrap()]);
        assert_eq!(status.uuid.unwrap().len(), 16);
    }

    #[test]
    fn what_a_plain_check_has_found_is_kept_with_or_without_an_answer() {
        let found = |check_status: serde_json::Value| {
            let status = serde_json::from_value(json!({
                "task_id": {"value": "t"}, "state": "TASK_RUNNING", "check_status": check_status}));
            status_from_v1(&status.unwrap()).unwrap().check
        };
        use CheckResult::{Command, Http, Tcp};
        for (status, expected) in [
            (json!({"type": "HTTP", "http": {"status_code": 503}}), Http { status: Some(503) }),
            (json!({"type": "HTTP", "http": {}}), Http { status: None }),
            (json!({"type": "TCP", "tcp": {"succeeded": false}}), Tcp { succeeded: Some(false) }),
            (
                json!({"type": "COMMAND", "command": {"exit_code": 3}}),
                Command { exit_code: Some(3) },
            ),
            (json!({"type": "COMMAND", "command": {}}), Command { exit_code: None }),
        ] {
            assert_eq!(found(status.clone()), Some(expected), "{status}");
        }
        assert_eq!(found(json!({})), None);
        assert_eq!(found(serde_json::Value::Null), None);
    }

    #[test]
    fn calls_survive_the_wire() {
        let framework = FrameworkId::new("M-0000");
        let calls = [
            (Call::Revive, "REVIVE"),
            (Call::Suppress, "SUPPRESS"),
            (Call::Reconcile(vec![(TaskId::new("t"), Some(AgentId::new("S")))]), "RECONCILE"),
            (Call::Kill { task: TaskId::new("t"), agent: None }, "KILL"),
            (
                Call::Decline { offers: vec![OfferId::new("O")], refuse: Duration::from_secs(120) },
                "DECLINE",
            ),
            (
                Call::Acknowledge {
                    agent: AgentId::new("S"),
                    task: TaskId::new("t"),
                    uuid: Arc::from([7_u8; 16]),
                },
                "ACKNOWLEDGE",
            ),
            (
                Call::Accept {
                    offer: OfferId::new("O"),
                    launches: Vec::new(),
                    refuse: Duration::ZERO,
                },
                "ACCEPT",
            ),
        ];
        for (call, name) in calls {
            let message = call_to_v1(&call, &framework);
            let read = v1::scheduler::Call::decode(message.encode_to_vec().as_slice()).unwrap();
            assert_eq!(read, message);
            let json = serde_json::to_value(&message).unwrap();
            assert_eq!(json["type"], name);
            assert_eq!(json["framework_id"]["value"], "M-0000");
        }
    }
}
