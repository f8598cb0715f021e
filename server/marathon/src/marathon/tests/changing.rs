//! Requests, service ports, limits.

use std::time::Duration;

use serde_json::json;

use super::world::{World, app, id, world, world_of};
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
fn a_service_port_is_not_handed_on_within_one_change() {
    let mut world = world(1);
    world.create(app("/a", 0, json!({}))).unwrap();
    let swap = vec![AppChange::Delete(id("/a")), AppChange::Create(app("/b", 0, json!({})))];
    world.change(swap, false).unwrap();
    let ports = |app: &str| world.core.snapshot().apps[&id(app)].definition.spec.service_ports();
    assert_eq!(ports("/b"), [10_001], "neither the old nor the new tree may have it");
    world.create(app("/c", 0, json!({}))).unwrap();
    let ports = |app: &str| world.core.snapshot().apps[&id(app)].definition.spec.service_ports();
    assert_eq!(ports("/c"), [10_000], "now it is free");
    world.restart();
    world.create(app("/d", 0, json!({}))).unwrap();
    let ports = |app: &str| world.core.snapshot().apps[&id(app)].definition.spec.service_ports();
    assert_eq!(ports("/d"), [10_002]);
}

#[test]
fn versions_never_repeat_within_a_millisecond() {
    let mut world = world(1);
    let first = world.create(app("/a", 0, json!({}))).unwrap();
    let second = world.create(app("/b", 0, json!({}))).unwrap();
    assert!(second.version > first.version);
}

#[test]
fn the_newest_ten_versions_are_kept_and_those_in_use() {
    let mut world = world_of(&["cpus:1;mem:64;ports:[31000-31000]"]);
    let first = world.create(app("/a", 1, json!({}))).unwrap().version;
    world.settle();
    // The only port is taken: the first version runs on, however often the definition changes.
    let labelled = |number: usize| app("/a", 1, json!({"labels": {"n": number.to_string()}}));
    for number in 0..20 {
        let spec = Box::new(labelled(number));
        world.change(vec![AppChange::Put { spec, based_on: None }], true).unwrap();
        world.pass(Duration::from_secs(1));
    }
    let versions = |world: &World| -> Vec<_> {
        world.core.snapshot().versions[&id("/a")].keys().copied().collect()
    };
    assert_eq!((versions(&world).len(), versions(&world)[0]), (11, first));
    // Recreated at last, nothing runs the first version any more.
    let recreate =
        json!({"upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}});
    let spec = Box::new(app("/a", 1, recreate));
    world.change(vec![AppChange::Put { spec, based_on: None }], true).unwrap();
    world.pass(Duration::from_secs(5));
    world.put(app("/a", 1, json!({}))).unwrap();
    let kept = versions(&world);
    assert!(!kept.contains(&first) && kept.len() == 10, "{}", kept.len());
    assert_eq!(world.records.keys().filter(|path| path.contains("/versions/")).count(), 10);
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
