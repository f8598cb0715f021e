//! Payloads of the event stream, member for member as in marathon.md §15.4 to §15.7.

use serde_json::{Value, json};

use super::world::{World, app, id, world};
use crate::command::AppChange;

const CREATED: &str = "2023-11-14T22:13:21.000Z";

/// The events so far as JSON, ids of deployments and instances replaced by names.
fn payloads(world: &mut World) -> Vec<Value> {
    let snapshot = world.core.snapshot();
    let instances: Vec<String> =
        snapshot.instances.values().flat_map(|all| all.keys()).map(ToString::to_string).collect();
    let events = std::mem::take(&mut world.events);
    let values = events.iter().map(|event| serde_json::to_value(event).unwrap());
    values
        .map(|mut value| {
            let id = value["plan"]["id"].as_str().map(ToOwned::to_owned);
            let mut text = std::mem::take(&mut value).to_string();
            if let Some(id) = id {
                text = text.replace(&id, "DEPLOYMENT");
            }
            for (number, instance) in instances.iter().enumerate() {
                text = text.replace(instance.as_str(), &format!("INSTANCE{number}"));
            }
            serde_json::from_str(&text).unwrap()
        })
        .collect()
}

fn plan(steps: &[&str], version: &str) -> Value {
    let steps: Vec<Value> = steps.iter().map(|action| step(action)).collect();
    json!({"id": "DEPLOYMENT", "steps": steps, "version": version})
}

fn step(action: &str) -> Value {
    json!({"actions": [{"action": action, "app": "/nginx"}]})
}

fn fixed() -> Value {
    json!({"container": {"type": "DOCKER", "docker": {"image": "docker.io/nginx"},
        "portMappings": [{"containerPort": 80, "hostPort": 31003, "servicePort": 33180}]}})
}

#[test]
fn the_events_from_post_to_running_are_the_references() {
    let mut world = world(1);
    world.events.clear();
    world.create(app("/nginx", 1, fixed())).unwrap();
    world.settle();
    let both = ["StartApplication", "ScaleApplication"];
    let info = |kind: &str, current: &str| {
        json!({"eventType": kind, "plan": plan(&both, CREATED), "currentStep": step(current),
            "timestamp": CREATED})
    };
    let changed = |condition: &str, agent: Option<&str>, host: Option<&str>| {
        json!({"eventType": "instance_changed_event", "instanceId": "INSTANCE0", "condition": condition,
            "runSpecId": "/nginx", "agentId": agent, "host": host, "runSpecVersion": CREATED,
            "timestamp": CREATED})
    };
    let on_agent = |condition: &str| changed(condition, Some("S0"), Some("host0"));
    let status = |state: &str| {
        json!({"eventType": "status_update_event", "slaveId": "S0", "taskId": "INSTANCE0._app.1",
            "taskStatus": state, "message": "", "appId": "/nginx", "host": "host0", "ipAddresses": [],
            "ports": [31003], "version": CREATED, "timestamp": CREATED})
    };
    assert_eq!(
        payloads(&mut world),
        [
            json!({"eventType": "group_change_success", "groupId": "/", "version": CREATED,
                "timestamp": CREATED}),
            info("deployment_info", "StartApplication"),
            info("deployment_step_success", "StartApplication"),
            info("deployment_info", "ScaleApplication"),
            changed("Scheduled", None, None),
            on_agent("Provisioned"),
            status("TASK_STARTING"),
            on_agent("Starting"),
            status("TASK_RUNNING"),
            on_agent("Running"),
            info("deployment_step_success", "ScaleApplication"),
            json!({"eventType": "deployment_success", "id": "DEPLOYMENT",
                "plan": plan(&both, CREATED), "timestamp": CREATED}),
        ]
    );
}

#[test]
fn a_refused_change_tells_the_texts_of_the_reference() {
    let mut world = world(0);
    world.create(app("/nginx", 1, fixed())).unwrap();
    world.events.clear();
    world.scale("/nginx", 2).unwrap_err();
    let reason = "App is locked by one or more deployments. Override with the option '?force=true'. \
        View details at '/v2/deployments/<DEPLOYMENT_ID>'.";
    let version = "2023-11-14T22:13:21.001Z";
    assert_eq!(
        payloads(&mut world),
        [
            json!({"eventType": "deployment_failed", "id": "DEPLOYMENT",
                "plan": plan(&["ScaleApplication"], version), "timestamp": CREATED, "reason": reason}),
            json!({"eventType": "group_change_failed", "groupId": "/", "version": version,
                "reason": reason, "timestamp": CREATED}),
        ]
    );
}

#[test]
fn an_overridden_deployment_says_that_it_was_cancelled() {
    let mut world = world(0);
    world.create(app("/nginx", 1, fixed())).unwrap();
    world.events.clear();
    world.change(vec![AppChange::Delete(id("/nginx"))], true).unwrap();
    let told = payloads(&mut world);
    assert_eq!(told[0]["eventType"], "deployment_failed");
    assert_eq!(told[0]["reason"], "The upgrade has been cancelled");
    let kinds: Vec<_> = told[1..].iter().map(|event| event["eventType"].clone()).collect();
    assert_eq!(
        kinds,
        [
            "group_change_success",
            "deployment_info",
            "instance_changed_event",
            "app_terminated_event",
            "deployment_step_success",
            "deployment_success"
        ]
    );
}

#[test]
fn the_group_told_is_the_parent_of_the_app() {
    let mut world = world(0);
    world.events.clear();
    world.create(app("/web/prod/nginx", 0, json!({}))).unwrap();
    assert_eq!(payloads(&mut world)[0]["groupId"], "/web/prod");
}

#[test]
fn coming_and_going_of_the_master_is_told() {
    let mut world = world(0);
    assert_eq!(
        payloads(&mut world),
        [json!({"eventType": "scheduler_registered_event", "frameworkId": "F",
            "master": "10.0.0.1:5050", "timestamp": CREATED})]
    );
    world.send(crate::Command::Disconnected);
    world.send(crate::Command::Disconnected);
    world.subscribe();
    assert_eq!(
        payloads(&mut world),
        [
            json!({"eventType": "scheduler_disconnected_event", "timestamp": CREATED}),
            json!({"eventType": "scheduler_reregistered_event", "master": "10.0.0.1:5050",
                "timestamp": CREATED}),
        ]
    );
}

#[test]
fn the_message_and_the_addresses_of_an_update_are_told() {
    let mut world = world(1);
    world.holds_tasks = true;
    world.create(app("/nginx", 1, fixed())).unwrap();
    world.settle();
    world.events.clear();
    let task = world.live_tasks().pop().unwrap();
    let agent = model::AgentId::new("S0");
    let mut running = super::world::update(&task, &agent, model::TaskState::Running);
    running.message = Some("up".to_owned());
    running.addresses = vec!["172.17.0.2".parse().unwrap(), "fd00::2".parse().unwrap()];
    world.send(crate::Command::StatusUpdate(running));
    let told = payloads(&mut world);
    assert_eq!(told[0]["message"], "up");
    assert_eq!(
        told[0]["ipAddresses"],
        json!([{"ipAddress": "172.17.0.2", "protocol": "IPv4"},
            {"ipAddress": "fd00::2", "protocol": "IPv6"}])
    );
}
