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
        news: None,
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

/// The host ports that an app with these mappings gets of an offer; 0 for none.
fn host_ports(network: Value, mappings: Value, offered: &str) -> Option<Vec<u16>> {
    let container = json!({"docker": {"image": "x"}, "portMappings": mappings});
    let definition = definition(json!({"networks": [network], "container": container}));
    numbers(&definition, offered)
}

fn numbers(definition: &VersionedRunSpec, offered: &str) -> Option<Vec<u16>> {
    let resources = format!("cpus:2;mem:64;ports:[{offered}]");
    let offer = Offer { resources: Resources::parse(&resources).unwrap(), ..offer("h", "") };
    let none: [Instance; 0] = [];
    let given =
        place(definition, &offer, &offer.resources, none.iter(), &mut Entropy::new(7)).ok()?;
    let used = offer.resources.ports().checked_sub(&given.left.ports()).unwrap();
    assert_eq!(ports::as_ranges(&given.ports), used, "what is used is taken from the offer");
    Some(given.ports)
}

#[test]
fn each_form_of_a_mapping_gets_its_host_port_whatever_its_transport() {
    let bridge = || json!({"mode": "container/bridge"});
    let named = || json!({"name": "blue"});
    for protocol in ["tcp", "udp", "udp,tcp"] {
        for container_port in [0, 80] {
            let with = |host_port: Value| json!([{"containerPort": container_port, "hostPort": host_port, "protocol": protocol}]);
            for (network, host_port, expected) in [
                (bridge(), json!(null), 31_000),
                (bridge(), json!(0), 31_000),
                (bridge(), json!(31_007), 31_007),
                (named(), json!(null), 0),
                (named(), json!(0), 31_000),
                (named(), json!(31_007), 31_007),
            ] {
                let exact = match expected {
                    // It is the only one left to choose.
                    31_000 => "31000-31000",
                    _ => "31000-31000,31007-31007",
                };
                let given = host_ports(network.clone(), with(host_port.clone()), exact);
                assert_eq!(given, Some(vec![expected]), "{network} {host_port}");
                let elsewhere = host_ports(network, with(host_port.clone()), "31001-31001");
                let wanted = match expected {
                    0 => Some(vec![0]),
                    31_007 => None,
                    _ => Some(vec![31_001]),
                };
                assert_eq!(elsewhere, wanted, "{host_port}");
            }
        }
    }
}

#[test]
fn one_port_of_a_container_may_be_mapped_by_transport() {
    let rows = |tcp: Value, udp: Value| {
        json!([{"containerPort": 53, "hostPort": tcp, "protocol": "tcp"},
            {"containerPort": 53, "hostPort": udp, "protocol": "udp"}])
    };
    for network in [json!({"mode": "container/bridge"}), json!({"name": "blue"})] {
        let given = |tcp, udp, offered| host_ports(network.clone(), rows(tcp, udp), offered);
        // One number serves both transports.
        let both = given(json!(31_000), json!(31_000), "31000-31000");
        assert_eq!(both, Some(vec![31_000, 31_000]));
        assert_eq!(given(json!(31_000), json!(31_001), "31000-31001"), Some(vec![31_000, 31_001]));
        // A fixed number is not given away to the other.
        assert_eq!(given(json!(31_000), json!(0), "31000-31001"), Some(vec![31_000, 31_001]));
        assert_eq!(given(json!(0), json!(31_000), "31000-31001"), Some(vec![31_001, 31_000]));
        assert_eq!(given(json!(31_000), json!(0), "31000-31000"), None);
    }
}

#[test]
fn ports_of_host_networking_are_numbers_of_the_offer_unless_they_are_required() {
    let host = |more: Value| {
        let mut posted = json!({"networks": null, "container": {"docker": {"image": "x"}}});
        posted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        definition(posted)
    };
    let one = |required: bool| {
        host(json!({"portDefinitions": [{"port": 31_005}], "requirePorts": required}))
    };
    assert_eq!(numbers(&one(false), "31001-31001"), Some(vec![31_001]), "a service port alone");
    assert_eq!(numbers(&one(true), "31001-31001"), None);
    assert_eq!(numbers(&one(true), "31001-31009"), Some(vec![31_005]));
    assert_eq!(numbers(&host(json!({})), "31001-31001"), Some(vec![31_001]), "the default one");
    assert_eq!(numbers(&host(json!({"portDefinitions": []})), "31001-31001"), Some(Vec::new()));
}

#[test]
fn without_mappings_there_is_one_by_default_and_none_where_none_are_wanted() {
    let given = |network: Value, mappings| host_ports(network, mappings, "31001-31001");
    let bridge = || json!({"mode": "container/bridge"});
    assert_eq!(given(bridge(), Value::Null), Some(vec![31_001]));
    assert_eq!(given(bridge(), json!([])), Some(Vec::new()));
    let named = || json!({"name": "blue"});
    assert_eq!(given(named(), Value::Null), Some(vec![0]), "none on the agent");
    assert_eq!(given(named(), json!([])), Some(Vec::new()));
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

/// What a constraint promises of the values of all instances that were placed by it.
fn keeps(operator: &str, number: usize, values: &[String]) -> bool {
    let counts = values.iter().fold(std::collections::BTreeMap::new(), |mut counts, value| {
        *counts.entry(value.as_str()).or_insert(0_usize) += 1;
        counts
    });
    let most = counts.values().copied().max().unwrap_or(0);
    match operator {
        "UNIQUE" => most <= 1,
        "MAX_PER" => most <= number,
        "CLUSTER" => counts.len() <= 1,
        // Even over the groups once there is no room for a further one; without a number, over those there are.
        "GROUP_BY" => {
            counts.len() <= number && most <= values.len().div_ceil(counts.len().max(1)).max(1) + 1
        }
        _ => unreachable!("no such operator"),
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_offered_the_placed_instances_keep_their_constraint(
        operator in proptest::sample::select(vec!["UNIQUE", "MAX_PER", "CLUSTER", "GROUP_BY"]),
        number in 1..5_usize,
        instances in 1..9_u32,
        racks in proptest::collection::vec(0..5_u8, 1..40),
    ) {
        let constraint = match operator {
            "UNIQUE" | "CLUSTER" => json!(["rack", operator]),
            _ => json!(["rack", operator, number.to_string()]),
        };
        let definition = definition(json!({"instances": instances, "constraints": [constraint]}));
        let (mut placed, mut values) = (Vec::new(), Vec::new());
        for rack in racks {
            let offer = offer(&format!("h-{rack}"), &format!("rack:r{rack}"));
            if values.len() < instances as usize && fits(&definition, &offer, &placed) {
                placed.push(on(&offer));
                values.push(format!("r{rack}"));
            }
            proptest::prop_assert!(keeps(operator, number, &values), "{} {}: {:?}", operator, number, values);
        }
        if operator == "GROUP_BY" && values.len() == instances as usize {
            // All are placed: no group has two more than another that could have taken one.
            let of = |group: u8| values.iter().filter(|v| **v == format!("r{group}")).count();
            let counts: Vec<usize> = (0..5).map(of).filter(|count| *count > 0).collect();
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            let share = instances as usize / number;
            proptest::prop_assert!(*most <= share + 1 && *least <= *most, "{:?}", values);
        }
    }

    #[test]
    fn a_placement_gives_each_port_mapping_a_port_of_the_offer_of_its_own(
        wanted in 1..5_u16,
        free in proptest::collection::btree_set(31_000..31_020_u16, 0..8),
        seed in proptest::prelude::any::<u64>(),
    ) {
        let mappings: Vec<Value> = (0..wanted).map(|n| json!({"containerPort": 80 + n})).collect();
        let definition = definition(json!({"container": {"docker": {"image": "x"}, "portMappings": mappings}}));
        let ports: Vec<String> = free.iter().map(|port| format!("{port}-{port}")).collect();
        let text = format!("cpus:2;mem:64;ports:[{}]", ports.join(","));
        let resources = if free.is_empty() { "cpus:2;mem:64".to_owned() } else { text };
        let offer = Offer { resources: Resources::parse(&resources).unwrap(), ..offer("h", "") };
        let none: [Instance; 0] = [];
        let placed =
            place(&definition, &offer, &offer.resources, none.iter(), &mut Entropy::new(seed.into()));
        proptest::prop_assert_eq!(placed.is_ok(), free.len() >= usize::from(wanted));
        if let Ok(placement) = placed {
            let given: std::collections::BTreeSet<u16> = placement.ports.iter().copied().collect();
            proptest::prop_assert_eq!(given.len(), usize::from(wanted), "no port twice");
            proptest::prop_assert!(given.is_subset(&free));
        }
    }
}
