//! The JSON rules of Mesos' converter, one test each.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wire::mesos::v1::scheduler::{AttributeConstraint, Call, attribute_constraint, call};
use wire::mesos::v1::{
    CommandInfo, ContainerInfo, Environment, Filters, FrameworkInfo, HealthCheck, Labels,
    MasterInfo, Resource, TaskInfo, TaskStatus, container_info, framework_info, network_info,
    value,
};

fn read<T: DeserializeOwned>(document: Value) -> T {
    serde_json::from_value(document).expect("the document is accepted")
}

fn refusal<T: DeserializeOwned + std::fmt::Debug>(document: Value) -> String {
    serde_json::from_value::<T>(document).expect_err("the document is refused").to_string()
}

#[test]
fn numbers_and_booleans_may_be_quoted() {
    let check: HealthCheck = read(json!({
        "delay_seconds": "1.5", "consecutive_failures": "4", "http": { "port": "80" }
    }));
    assert_eq!(check.delay_seconds, Some(1.5));
    assert_eq!(check.consecutive_failures, Some(4));
    assert_eq!(check.http.unwrap().port, 80);
    assert_eq!(read::<CommandInfo>(json!({ "shell": "false" })).shell, Some(false));
}

#[test]
fn a_quoted_text_that_is_no_number_is_refused() {
    assert!(refusal::<Filters>(json!({ "refuse_seconds": "soon" })).contains("soon"));
    assert!(refusal::<CommandInfo>(json!({ "shell": "perhaps" })).contains("perhaps"));
    assert!(refusal::<CommandInfo>(json!({ "shell": 1 })).contains("a boolean"));
}

#[test]
fn whole_numbers_may_have_a_point_but_no_fraction_and_must_fit() {
    let port = |number: Value| json!({ "http": { "port": number } });
    assert_eq!(read::<HealthCheck>(port(json!(80.0))).http.unwrap().port, 80);
    for wrong in [json!(80.5), json!(-1), json!(1e300), json!(4_294_967_296_u64)] {
        assert!(refusal::<HealthCheck>(port(wrong)).contains("a number in range"));
    }
}

#[test]
fn sixty_four_bit_integers_are_numbers() {
    let range = json!({ "begin": 1, "end": u64::MAX });
    let range: value::Range = read(range);
    assert_eq!(serde_json::to_string(&range).unwrap(), r#"{"begin":1,"end":18446744073709551615}"#);
}

#[test]
fn infinity_is_a_text_because_json_has_no_number_for_it() {
    let scalar: value::Scalar = read(json!({ "value": "Infinity" }));
    assert!(scalar.value.is_infinite());
    assert_eq!(serde_json::to_value(scalar).unwrap(), json!({ "value": "Infinity" }));
}

#[test]
fn a_text_is_not_made_from_a_number() {
    assert!(refusal::<Labels>(json!({ "labels": [{ "key": 5 }] })).contains("a string"));
}

#[test]
fn null_is_unset() {
    let framework: FrameworkInfo = read(json!({
        "user": "root", "name": "marathon", "id": null, "roles": null, "capabilities": null,
        "failover_timeout": null, "offer_filters": null
    }));
    assert_eq!(framework.id, None);
    assert!(framework.roles.is_empty() && framework.capabilities.is_empty());
    assert_eq!(framework.failover_timeout, None);
}

#[test]
fn a_required_field_must_be_there() {
    assert!(refusal::<FrameworkInfo>(json!({ "user": "root" })).contains("name"));
    assert!(refusal::<FrameworkInfo>(json!({ "user": "root", "name": null })).contains("null"));
}

#[test]
fn keys_that_nobody_knows_are_skipped() {
    let filters: Filters = read(json!({ "refuse_seconds": 1.0, "mood": { "of": ["the", "day"] } }));
    assert_eq!(filters.refuse_seconds, Some(1.0));
}

#[test]
fn a_lone_value_is_a_list_of_one() {
    let framework: FrameworkInfo = read(json!({
        "user": "root", "name": "marathon", "roles": "web",
        "capabilities": { "type": "MULTI_ROLE" }
    }));
    assert_eq!(framework.roles, ["web"]);
    assert_eq!(framework.capabilities[0].r#type(), framework_info::capability::Type::MultiRole);
}

#[test]
fn a_list_is_no_single_value() {
    assert!(refusal::<Call>(json!({ "framework_id": [{ "value": "F" }] })).contains("an object"));
    assert!(refusal::<Call>(json!({ "framework_id": ["F"] })).contains("an object"));
    assert!(refusal::<Call>(json!({ "type": ["REVIVE"] })).contains("name of an enum"));
    assert!(refusal::<Filters>(json!({ "refuse_seconds": [1.0] })).contains("a number"));
}

#[test]
fn a_list_holds_no_lists() {
    let labels = json!({ "labels": [["tier", "front"]] });
    assert!(refusal::<Labels>(labels).contains("an object"));
}

#[test]
fn an_enum_is_not_given_by_number() {
    assert!(refusal::<Call>(json!({ "type": 1 })).contains("name of an enum"));
}

#[test]
fn an_unknown_enum_name_counts_as_unset_where_it_may_be_unset() {
    assert_eq!(read::<Call>(json!({ "type": "SING" })).r#type, None);
    let status = json!({ "task_id": { "value": "T" }, "state": "TASK_SINGING" });
    assert!(refusal::<TaskStatus>(status).contains("unknown name"));
}

#[test]
fn an_enum_number_without_a_name_is_not_written() {
    let call = Call { r#type: Some(1_000), ..Call::default() };
    assert_eq!(serde_json::to_value(&call).unwrap(), json!({}));
}

#[test]
fn defaults_are_written_even_when_unset() {
    assert_eq!(
        serde_json::to_value(HealthCheck::default()).unwrap(),
        json!({
            "delay_seconds": 15.0, "interval_seconds": 10.0, "timeout_seconds": 20.0,
            "consecutive_failures": 3, "grace_period_seconds": 10.0
        })
    );
    let container = ContainerInfo {
        r#type: container_info::Type::Docker as i32,
        docker: Some(container_info::DockerInfo { image: "nginx".into(), ..Default::default() }),
        ..ContainerInfo::default()
    };
    assert_eq!(
        serde_json::to_value(&container).unwrap()["docker"],
        json!({ "image": "nginx", "network": "HOST", "privileged": false })
    );
    let address = network_info::IpAddress::default();
    assert_eq!(serde_json::to_value(&address).unwrap(), json!({ "protocol": "IPv4" }));
}

#[test]
fn reading_does_not_fill_defaults_in() {
    let check: HealthCheck = read(json!({}));
    assert_eq!(check, HealthCheck::default());
    assert_eq!(check.consecutive_failures, None);
    assert_eq!(check.consecutive_failures(), 3);
}

#[test]
fn the_two_deprecated_roles_are_not_written_when_unset() {
    let framework = FrameworkInfo::default();
    assert_eq!(
        serde_json::to_value(&framework).unwrap(),
        json!({ "user": "", "name": "", "failover_timeout": 0.0, "checkpoint": false })
    );
    let resource = Resource { name: "cpus".into(), ..Resource::default() };
    assert_eq!(
        serde_json::to_value(&resource).unwrap(),
        json!({ "name": "cpus", "type": "SCALAR" })
    );
}

#[test]
fn a_required_field_with_a_default_must_still_be_given() {
    assert!(refusal::<MasterInfo>(json!({ "id": "M", "ip": 1 })).contains("port"));
}

#[test]
fn bytes_are_base64_with_or_without_padding() {
    let status = |uuid: &str| {
        read::<TaskStatus>(json!({
            "task_id": { "value": "T" }, "state": "TASK_RUNNING", "uuid": uuid
        }))
    };
    assert_eq!(status("AQI=").uuid.as_deref(), Some([1, 2].as_slice()));
    assert_eq!(status("AQI").uuid, status("AQI=").uuid);
    assert_eq!(serde_json::to_value(status("AQI")).unwrap()["uuid"], "AQI=");
}

#[test]
fn bytes_that_are_no_base64_are_refused() {
    let acknowledge = json!({ "acknowledge": {
        "agent_id": { "value": "S" }, "task_id": { "value": "T" }, "uuid": "!"
    } });
    assert!(refusal::<Call>(acknowledge).contains("base64"));
}

#[test]
fn a_map_has_free_keys() {
    let task: TaskInfo = read(json!({
        "name": "web", "task_id": { "value": "T" }, "agent_id": { "value": "S" },
        "limits": { "cpus": { "value": "2" }, "mem": null }
    }));
    assert_eq!(task.limits["cpus"], value::Scalar { value: 2.0 });
    assert_eq!(task.limits.len(), 1);
}

#[test]
fn a_choice_is_one_key_of_its_message() {
    let document = json!({
        "selector": { "attribute_name": "rack" },
        "predicate": { "text_equals": { "value": "r1" } }
    });
    let constraint: AttributeConstraint = read(document.clone());
    assert_eq!(
        constraint.selector.selector,
        Some(attribute_constraint::selector::Selector::AttributeName("rack".into()))
    );
    assert_eq!(serde_json::to_value(&constraint).unwrap(), document);
    let hostname = json!({ "pseudoattribute_type": "HOSTNAME" });
    let selector: attribute_constraint::Selector = read(hostname.clone());
    assert_eq!(serde_json::to_value(&selector).unwrap(), hostname);
    assert_eq!(read::<attribute_constraint::Selector>(json!({})).selector, None);
}

#[test]
fn a_choice_that_cannot_be_read_counts_as_not_made() {
    let predicate = json!({ "text_equals": { "value": 5 } });
    assert_eq!(read::<attribute_constraint::Predicate>(predicate).predicate, None);
}

#[test]
fn empty_lists_and_maps_are_left_out() {
    let environment = Environment::default();
    assert_eq!(serde_json::to_value(&environment).unwrap(), json!({}));
    let accept = call::Accept::default();
    assert_eq!(serde_json::to_value(&accept).unwrap(), json!({}));
}
