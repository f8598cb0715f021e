use std::sync::Arc;

use model::{AgentId, Attributes, InstanceId, OfferId, Resources, Role, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::identity;
use crate::instance::{Condition, Goal, Task};
use crate::run_spec::RunSpec;

const CONFIGURATION: Timestamp = Timestamp::from_millis(1_000);

fn definition(more: Value) -> VersionedRunSpec {
    let mut posted = json!({"id": "/a", "cpus": 1, "mem": 32, "instances": 3,
        "networks": [{"mode": "container/bridge"}],
        "container": {"docker": {"image": "x"}, "portMappings": [{"containerPort": 80}]}});
    posted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let spec = RunSpec::parse(serde_json::from_value(posted).unwrap()).unwrap();
    VersionedRunSpec::new(spec, CONFIGURATION)
}

fn constrained(constraint: Value) -> VersionedRunSpec {
    definition(json!({"constraints": [constraint]}))
}

fn offer(host: &str, attributes: &str) -> Offer {
    Offer {
        id: OfferId::new("O"),
        agent: AgentId::new(format!("S-{host}")),
        host: host.into(),
        resources: Resources::parse("cpus:2;mem:64;ports:[31000-31001]").unwrap(),
        attributes: Arc::new(Attributes::parse(attributes).unwrap()),
        role: Role::any(),
    }
}

/// An instance that runs where `offer` comes from.
fn on(offer: &Offer) -> Instance {
    let id = InstanceId::new("a.instance-1");
    let task = Task {
        id: identity::task_of(&id, 1),
        agent: offer.agent.clone(),
        host: Arc::clone(&offer.host),
        attributes: Arc::clone(&offer.attributes),
        role: Role::any(),
        state: None,
        staged_at: CONFIGURATION,
        started_at: None,
        ports: Vec::new(),
        addresses: Vec::new(),
    };
    Instance {
        app: identity::app_of(&id).unwrap(),
        id,
        version: CONFIGURATION,
        goal: Goal::Running,
        condition: Condition::Running,
        since: CONFIGURATION,
        incarnation: 1,
        task: Some(task),
        healthy: None,
        checks: Default::default(),
    }
}

fn fits(definition: &VersionedRunSpec, offer: &Offer, placed: &[Instance]) -> bool {
    let left = &offer.resources;
    place(definition, offer, left, placed.iter(), &mut Entropy::new(1)).is_ok()
}

#[test]
fn a_placement_takes_its_resources_and_a_port_from_the_offer() {
    let offer = offer("h", "");
    let placed = place(
        &definition(json!({})),
        &offer,
        &offer.resources,
        std::iter::empty(),
        &mut Entropy::new(5),
    );
    let placed = placed.unwrap();
    assert_eq!(placed.ports.len(), 1);
    assert_eq!(
        (placed.left.cpus(), placed.left.mem()),
        (model::Scalar::from_units(1), model::Scalar::from_units(32))
    );
    assert_eq!(placed.left.ports().len(), 1);
}

#[test]
fn everything_that_speaks_against_an_offer_is_named_in_the_order_of_the_funnel() {
    let wants = definition(json!({"cpus": 3, "mem": 65, "disk": 1,
        "constraints": [["hostname", "LIKE", "other"]]}));
    let offer = offer("h", "");
    let reasons = place(&wants, &offer, &offer.resources, std::iter::empty(), &mut Entropy::new(1));
    assert_eq!(
        reasons.unwrap_err(),
        [
            RejectReason::UnfulfilledConstraint,
            RejectReason::InsufficientCpus,
            RejectReason::InsufficientMemory,
            RejectReason::InsufficientDisk,
        ]
    );
}

#[test]
fn resources_of_another_role_are_not_used() {
    let foreign = Offer { role: Role::new("db"), ..offer("h", "") };
    assert!(!fits(&definition(json!({})), &foreign, &[]));
}

#[test]
fn unique_and_max_per_count_the_instances_of_the_same_value() {
    let (here, there) = (offer("h1", "rack:a"), offer("h2", "rack:a"));
    let placed = [on(&here)];
    assert!(!fits(&constrained(json!(["hostname", "UNIQUE"])), &here, &placed));
    assert!(fits(&constrained(json!(["hostname", "UNIQUE"])), &there, &placed));
    assert!(!fits(&constrained(json!(["rack", "UNIQUE"])), &there, &placed));
    assert!(fits(&constrained(json!(["rack", "MAX_PER", "2"])), &there, &placed));
    assert!(!fits(&constrained(json!(["rack", "MAX_PER", "1"])), &there, &placed));
}

#[test]
fn only_instances_of_this_configuration_that_are_somewhere_count() {
    let here = offer("h", "");
    let unique = constrained(json!(["hostname", "UNIQUE"]));
    let with = |change: fn(&mut Instance)| {
        let mut instance = on(&here);
        change(&mut instance);
        fits(&unique, &here, &[instance])
    };
    assert!(with(|i| i.version = Timestamp::from_millis(999)));
    assert!(with(|i| i.condition = Condition::Unreachable));
    assert!(with(|i| i.condition = Condition::Failed), "it waits for launch");
    assert!(with(|i| i.condition = Condition::Gone));
    assert!(!with(|i| i.condition = Condition::UnreachableInactive));
    assert!(!with(|i| i.goal = Goal::Decommissioned));
}

#[test]
fn cluster_keeps_to_one_value() {
    let (a, b) = (offer("h1", "rack:a"), offer("h2", "rack:b"));
    assert!(fits(&constrained(json!(["rack", "CLUSTER", "b"])), &b, &[]));
    assert!(!fits(&constrained(json!(["rack", "CLUSTER", "b"])), &a, &[]));
    let any = constrained(json!(["rack", "CLUSTER"]));
    assert!(fits(&any, &a, &[]) && fits(&any, &a, &[on(&a)]));
    assert!(!fits(&any, &b, &[on(&a)]));
}

#[test]
fn patterns_match_the_whole_value_and_unlike_accepts_agents_without_it() {
    let here = offer("web-1", "level:4;keys:[1-5]");
    assert!(fits(&constrained(json!(["hostname", "LIKE", "web-.*"])), &here, &[]));
    assert!(!fits(&constrained(json!(["hostname", "LIKE", "web"])), &here, &[]));
    assert!(!fits(&constrained(json!(["hostname", "UNLIKE", "web-.*"])), &here, &[]));
    assert!(fits(&constrained(json!(["absent", "UNLIKE", ".*"])), &here, &[]));
    assert!(!fits(&constrained(json!(["absent", "LIKE", ".*"])), &here, &[]));
    assert!(fits(&constrained(json!(["level", "IS", "4.0"])), &here, &[]));
    assert!(!fits(&constrained(json!(["level", "IS", "5"])), &here, &[]));
}

#[test]
fn group_by_spreads_evenly_over_the_groups_given() {
    let racks = ["a", "b", "c"].map(|rack| offer(&format!("h-{rack}"), &format!("rack:{rack}")));
    let three = constrained(json!(["rack", "GROUP_BY", "3"]));
    let placed = [on(&racks[0])];
    assert_eq!(racks.each_ref().map(|rack| fits(&three, rack, &placed)), [false, true, true]);
    let four = definition(json!({"instances": 4, "constraints": [["rack", "GROUP_BY", "3"]]}));
    let all: Vec<Instance> = racks.iter().map(on).collect();
    assert!(racks.iter().all(|rack| fits(&four, rack, &all)), "any of them once");
    let mut one_more = all;
    one_more.push(on(&racks[0]));
    assert!(!racks.iter().any(|rack| fits(&four, rack, &one_more)));
    let open = constrained(json!(["rack", "GROUP_BY"]));
    assert!(!fits(&open, &racks[0], &[on(&racks[0]), on(&racks[0]), on(&racks[1])]));
    assert!(fits(&open, &racks[1], &[on(&racks[0]), on(&racks[0]), on(&racks[1])]));
}
