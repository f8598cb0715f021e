//! Requests, service ports, limits.

use serde_json::json;

use super::world::{app, id, world};
use crate::Command;
use crate::command::{AppChange, Caller, ChangeApps};
use crate::effect::{Effect, Refusal};

#[test]
fn service_ports_are_allocated_from_the_lowest_free_number_and_kept() {
    let mut world = world(1);
    world.create(app("/a", 0, json!({}))).unwrap();
    world.create(app("/b", 0, json!({}))).unwrap();
    world.put(app("/a", 0, json!({"labels": {"x": "y"}}))).unwrap();
    let ports = |app: &str| world.core.snapshot().apps[&id(app)].definition.spec.service_ports();
    assert_eq!((ports("/a"), ports("/b")), (vec![10_000], vec![10_001]));
}

#[test]
fn versions_never_repeat_within_a_millisecond() {
    let mut world = world(1);
    let first = world.create(app("/a", 0, json!({}))).unwrap();
    let second = world.create(app("/b", 0, json!({}))).unwrap();
    assert!(second.version > first.version);
}

#[test]
fn old_versions_are_dropped_beyond_the_newest_ten() {
    let mut world = world(1);
    world.create(app("/a", 1, json!({}))).unwrap();
    for number in 0..20 {
        world.settle();
        let force = true;
        let spec = Box::new(app("/a", 1, json!({"labels": {"n": number.to_string()}})));
        world.change(vec![AppChange::Put { spec, based_on: None }], force).unwrap();
    }
    world.pass(std::time::Duration::from_secs(5));
    let stored = world.core.snapshot().versions[&id("/a")].len();
    assert!((11..=12).contains(&stored), "{stored}");
    assert_eq!(world.records.keys().filter(|path| path.contains("/versions/")).count(), stored);
}

#[test]
fn the_hundred_and_first_deployment_is_refused() {
    let mut world = world(0);
    for number in 0..100 {
        world.create(app(&format!("/a{number}"), 1, json!({}))).unwrap();
    }
    let refused = world.create(app("/more", 1, json!({})));
    assert_eq!(refused, Err(Refusal::TooManyDeployments(100)));
}

#[test]
fn apps_that_wait_for_each_other_are_refused() {
    let mut world = world(0);
    world.create(app("/a", 0, json!({}))).unwrap();
    world.create(app("/b", 0, json!({"dependencies": ["/a"]}))).unwrap();
    let refused = world.put(app("/a", 0, json!({"dependencies": ["/b"]})));
    assert_eq!(refused, Err(Refusal::CyclicDependencies));
}

#[test]
fn a_posted_app_is_told_with_its_caller_as_stored() {
    let mut world = world(0);
    let effects = world.send(Command::ChangeApps(ChangeApps {
        request: model::RequestId(7),
        changes: vec![AppChange::Create(app("/a", 0, json!({})))],
        force: false,
        caller: Some(Caller { ip: "10.0.0.99".to_owned(), uri: "/v2/apps".to_owned() }),
    }));
    let event = effects.iter().find_map(|effect| {
        let Effect::Publish(event) = effect else { return None };
        (event.event_type() == "api_post_event").then_some(event)
    });
    let event = serde_json::to_value(event.unwrap()).unwrap();
    assert_eq!(event["clientIp"], "10.0.0.99");
    assert_eq!(event["appDefinition"]["id"], "/a");
    assert_eq!(event["appDefinition"]["container"]["portMappings"][0]["servicePort"], 10_000);
}
