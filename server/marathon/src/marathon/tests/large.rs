//! Changes of many apps: no record grows with them, and they are taken up again like small ones.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use model::TaskState;
use serde_json::json;

use super::world::{World, app, id, world, world_of};
use crate::command::{AfterKill, AppChange, TaskSelection};
use crate::effect::{Refusal, Reply};
use crate::instance::Condition;
use crate::records::{self, Head, Path};
use crate::run_spec::RunSpec;

/// Marathon's records of deployments.
fn of_deployments(world: &World) -> BTreeMap<String, Bytes> {
    let records =
        world.records.iter().filter(|(path, _)| path.starts_with("/marathon/deployments/"));
    records.map(|(path, value)| (path.clone(), value.clone())).collect()
}

fn put(spec: RunSpec) -> AppChange {
    AppChange::Put { spec: Box::new(spec), based_on: None }
}

#[test]
fn ten_thousand_apps_in_one_change_are_stored_in_small_records_and_go_on_after_a_restart() {
    let mut world = world(1);
    let base = AppChange::Create(app("/base", 1, json!({})));
    let many = (0..10_000).map(|n| {
        let more = json!({"dependencies": ["/base"]});
        AppChange::Create(app(&format!("/many/app-{n:05}"), u32::from(n < 5), more))
    });
    let deploying = world.change([base].into_iter().chain(many).collect(), false).unwrap();
    assert_eq!(deploying.apps.len(), 10_001);
    let largest = world.records.iter().max_by_key(|(_, value)| value.len()).unwrap();
    assert!(largest.1.len() < 1_000, "{} has {} bytes", largest.0, largest.1.len());
    assert_eq!(of_deployments(&world).len(), 1 + 10_001);

    world.restart();
    assert_eq!(world.core.snapshot().locks.len(), 10_001);
    let plan = world.deployments()[0].plan.clone();
    let actions: Vec<usize> = plan.steps.iter().map(|step| step.actions.len()).collect();
    assert_eq!(actions, [10_001, 1, 10_000]);
    world.settle();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.live_tasks().len(), 6);
    assert!(world.deployments().is_empty() && of_deployments(&world).is_empty());
    assert_eq!(world.recovered().unwrap().snapshot().apps.len(), 10_001);
}

#[test]
fn a_step_writes_the_head_alone_and_the_end_deletes_every_part() {
    let mut world = world(1);
    world.holds_tasks = true;
    let changes = vec![
        AppChange::Create(app("/a", 1, json!({}))),
        AppChange::Create(app("/b", 1, json!({"dependencies": ["/a"]}))),
    ];
    world.change(changes, false).unwrap();
    let stored = of_deployments(&world);
    assert_eq!(stored.len(), 3, "a head and a part for each app: {stored:?}");
    world.settle();
    world.written.clear();
    comes_up(&mut world);
    world.written.retain(|path| path.starts_with("/marathon/deployments/"));
    assert_eq!(world.written, [stored.keys().next().unwrap().as_str()]);
    world.pass(Duration::from_secs(1));
    comes_up(&mut world);
    assert!(of_deployments(&world).is_empty(), "{:?}", of_deployments(&world));
}

/// Every task runs.
fn comes_up(world: &mut World) {
    for task in world.live_tasks() {
        world.set_state(&task, TaskState::Running);
    }
    world.settle();
}

/// What the version before this one would have stored of the running deployment.
fn in_the_first_form(world: &mut World) {
    let id = world.deployments()[0].plan.id.clone();
    let path = Path::Deployment(id.clone()).to_string();
    let Ok(Head::V2(head)) = records::read_head(&path, &world.records[&path]) else { panic!() };
    let mut parts = BTreeMap::new();
    for number in 0..head.parts {
        let path = Path::DeploymentPart(id.clone(), number).to_string();
        let value = world.records.remove(&path).unwrap();
        parts.insert((id.clone(), number), records::read_part(&path, &value).unwrap());
    }
    let whole = Head::V1(head.assemble(&id, &mut parts).unwrap());
    world.records.insert(path, postcard::to_stdvec(&whole).unwrap().into());
}

#[test]
fn a_deployment_in_the_first_form_is_taken_up_and_stored_in_parts_wherever_a_process_dies() {
    for last in 0..12 {
        let mut world = world(2);
        world.holds_tasks = true;
        world.create(app("/old", 1, json!({}))).unwrap();
        world.settle();
        comes_up(&mut world);
        let changes = vec![
            AppChange::Create(app("/a", 1, json!({}))),
            AppChange::Create(app("/b", 2, json!({"dependencies": ["/a"]}))),
            put(app("/old", 1, json!({"labels": {"a": "b"}}))),
        ];
        world.change(changes, false).unwrap();
        in_the_first_form(&mut world);
        world.dies_after = Some(world.performed + last);
        world.restart();
        assert_eq!(world.deployments().len(), 1, "death after {last}");
        assert_eq!(of_deployments(&world).len(), 4, "death after {last}");
        assert_eq!(world.core.snapshot().locks.len(), 3);
        world.holds_tasks = false;
        comes_up(&mut world);
        for _ in 0..3 {
            world.pass(Duration::from_secs(30));
        }
        assert!(of_deployments(&world).is_empty(), "death after {last}");
        assert_eq!(world.conditions("/b"), [Condition::Running; 2], "death after {last}");
        assert_eq!(world.conditions("/old"), [Condition::Running]);
        let old = world.core.snapshot().apps[&id("/old")].definition.clone();
        assert_eq!(old.spec.labels()["a"], "b");
    }
}

#[test]
fn a_missing_part_is_damage_and_one_without_a_head_is_swept_away() {
    let mut world = world(0);
    let changes = vec![
        AppChange::Create(app("/a", 1, json!({}))),
        AppChange::Create(app("/b", 1, json!({}))),
    ];
    let deploying = world.change(changes, false).unwrap();
    let part = Path::DeploymentPart(deploying.id, 1).to_string();
    let value = world.records.remove(&part).unwrap();
    let error = world.recovered().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("record `{part}` cannot be read: its deployment counts on it and it is missing")
    );
    world.records.insert(part, value.clone());
    world.records.insert("/marathon/deployments/never-decided/0".to_owned(), value);
    world.restart();
    assert_eq!(of_deployments(&world).len(), 3);
    assert!(!of_deployments(&world).keys().any(|path| path.contains("never-decided")));
}

#[test]
fn the_end_of_many_instances_is_spread_over_commands_and_goes_on_after_a_restart() {
    let mut world = world_of(&["cpus:40;mem:10240;disk:1000;ports:[31000-31099]"]);
    world.create(app("/a", 20, json!({}))).unwrap();
    world.pass(Duration::from_secs(2));
    assert_eq!(world.live_tasks().len(), 20);
    world.loses_kills = true;
    world.written.clear();
    world.change(vec![AppChange::Delete(id("/a"))], false).unwrap();
    let ending = |world: &World| {
        world.written.iter().filter(|path| path.starts_with("/marathon/instances/")).count()
    };
    assert_eq!(ending(&world), 3, "{:?}", world.written);
    world.restart();
    assert!(ending(&world) > 3, "{:?}", world.written);
    world.loses_kills = false;
    world.pass(Duration::from_secs(31));
    assert!(world.live_tasks().is_empty() && world.deployments().is_empty());
    assert!(!world.records.keys().any(|path| path.starts_with("/marathon/instances/")));
}

#[test]
fn more_kills_than_one_request_may_order_are_refused_and_change_nothing() {
    let mut world = world(1);
    world.create(app("/a", 9, json!({}))).unwrap();
    world.pass(Duration::from_secs(2));
    for after in [AfterKill::Relaunch, AfterKill::Wipe, AfterKill::Scale] {
        world.written.clear();
        let all = TaskSelection::OfApp { app: id("/a"), host: None };
        let Reply::Refused(refusal) = world.kill(all, after) else { panic!("{after:?}") };
        assert_eq!(refusal, Refusal::TooManyKills { count: 9, most: 8 });
        assert!(world.written.is_empty() && world.live_tasks().len() == 9);
    }
}
