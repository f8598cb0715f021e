//! Bodies of the reference, byte for byte where the order of members shows (marathon.md §15).

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

/// Reads `body` and writes it again.
fn again<T: serde::Serialize + DeserializeOwned>(body: &Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(body.clone()).unwrap()).unwrap()
}

const PLAN: &str = r#"{"id":"8c1c5b0e","steps":[{"actions":[{"action":"ScaleApplication","app":"/nginx"}]}],"version":"2023-11-27T08:20:41.050Z"}"#;

fn plan() -> Value {
    serde_json::from_str(PLAN).unwrap()
}

/// As the reference shows it (marathon.md §15.4).
fn health_check() -> Value {
    json!({"gracePeriodSeconds": 300, "ignoreHttp1xx": false, "intervalSeconds": 60,
        "maxConsecutiveFailures": 3, "path": "/", "portIndex": 0, "protocol": "HTTP",
        "ipProtocol": "IPv4", "timeoutSeconds": 20, "delaySeconds": 15})
}

/// One event of each kind that is sent, as the reference shows it.
fn events() -> Vec<Value> {
    let time = "2023-11-27T08:20:44.916Z";
    let step = &plan()["steps"][0];
    vec![
        json!({"plan": plan(), "currentStep": step, "eventType": "deployment_info", "timestamp": time}),
        json!({"plan": plan(), "currentStep": step, "eventType": "deployment_step_success", "timestamp": time}),
        json!({"plan": plan(), "currentStep": step, "eventType": "deployment_step_failure", "timestamp": time}),
        json!({"id": "8c1c5b0e", "plan": plan(), "eventType": "deployment_success", "timestamp": time}),
        json!({"id": "8c1c5b0e", "plan": plan(), "eventType": "deployment_failed", "timestamp": time, "reason": "x"}),
        json!({"groupId": "/", "version": time, "eventType": "group_change_success", "timestamp": time}),
        json!({"groupId": "/", "version": time, "reason": "x", "eventType": "group_change_failed", "timestamp": time}),
        json!({"instanceId": "nginx.instance-1", "condition": "Scheduled", "runSpecId": "/nginx", "agentId": null,
            "host": null, "runSpecVersion": time, "timestamp": time, "eventType": "instance_changed_event"}),
        json!({"instanceId": "nginx.instance-1", "runSpecId": "/nginx", "condition": "Killed", "timestamp": time,
            "eventType": "unknown_instance_terminated_event"}),
        json!({"slaveId": "S0", "taskId": "t", "taskStatus": "TASK_RUNNING", "message": "", "appId": "/nginx",
            "host": "10.0.0.11", "ipAddresses": [{"ipAddress": "172.17.0.2", "protocol": "IPv4"}], "ports": [31030],
            "version": time, "eventType": "status_update_event", "timestamp": time}),
        json!({"appId": "/nginx", "eventType": "app_terminated_event", "timestamp": time}),
        json!({"instanceId": "nginx.instance-1", "runSpecId": "/nginx", "healthy": null, "runSpecVersion": time,
            "timestamp": time, "eventType": "instance_health_changed_event"}),
        json!({"appId": "/nginx", "eventType": "add_health_check_event", "healthCheck": health_check(),
            "timestamp": time, "version": time}),
        json!({"appId": "/nginx", "eventType": "remove_health_check_event", "timestamp": time}),
        json!({"appId": "/nginx", "eventType": "failed_health_check_event", "healthCheck": health_check(),
            "taskId": "nginx.instance-1", "timestamp": time}),
        json!({"appId": "/nginx", "instanceId": "nginx.instance-1", "taskId": "nginx.instance-1._app.1",
            "version": time, "alive": true, "eventType": "health_status_changed_event", "timestamp": time}),
        json!({"appId": "/nginx", "taskId": "nginx.instance-1._app.1", "instanceId": "nginx.instance-1",
            "version": time, "reason": "503 Service Unavailable", "host": "10.0.0.11", "slaveId": "S0",
            "eventType": "unhealthy_instance_kill_event", "timestamp": time}),
        json!({"frameworkId": "f", "master": "10.0.0.1:5050", "eventType": "scheduler_registered_event", "timestamp": time}),
        json!({"master": "10.0.0.1:5050", "eventType": "scheduler_reregistered_event", "timestamp": time}),
        json!({"eventType": "scheduler_disconnected_event", "timestamp": time}),
        json!({"remoteAddress": "10.0.0.9", "eventType": "event_stream_attached", "timestamp": time}),
        json!({"remoteAddress": "10.0.0.9", "eventType": "event_stream_detached", "timestamp": time}),
    ]
}

#[test]
fn every_event_reads_back_and_knows_its_type() {
    for body in events() {
        let event: Event = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(body["eventType"], event.event_type());
        assert_eq!(serde_json::to_value(&event).unwrap(), body);
    }
}

#[test]
fn an_app_is_written_without_what_is_absent() {
    let app = App { id: "/a".to_owned(), cpus: 1.0, ..App::default() };
    let text = serde_json::to_string(&app).unwrap();
    assert!(
        text.starts_with(r#"{"id":"/a","backoffFactor":0.0,"backoffSeconds":0,"cpus":1.0,"#),
        "{text}"
    );
    for absent in ["cmd", "env", "versionInfo", "tasks", "portDefinitions", "acceptedResourceRoles"]
    {
        assert!(!text.contains(&format!("\"{absent}\"")), "{absent} in {text}");
    }
    assert_eq!(serde_json::from_str::<App>(&text).unwrap(), app);
}

#[test]
fn a_deployment_and_its_plan_keep_the_order_of_their_members() {
    let body = again::<DeploymentPlan>(&plan());
    let plan: DeploymentPlan = serde_json::from_value(body).unwrap();
    assert_eq!(serde_json::to_string(&plan).unwrap(), PLAN);
}

#[test]
fn error_details_are_a_text_a_list_or_absent() {
    for body in [
        json!({"message": "Invalid JSON", "details": "Unexpected end-of-input"}),
        json!({"message": "App '/nope' does not exist", "details": []}),
        json!({"message": "Object is not valid", "details": [{"path": "/", "errors": ["x"]}]}),
        json!({"message": "App is locked", "deployments": [{"id": "8c1c5b0e"}]}),
    ] {
        assert_eq!(again::<ErrorBody>(&body), body);
    }
}

#[test]
fn null_is_absent_and_unknown_members_are_ignored() {
    let posted: PostedApp =
        serde_json::from_value(json!({"id": "/a", "cmd": null, "labels": null, "tasksRunning": 3}))
            .unwrap();
    assert_eq!(posted, PostedApp { id: Some("/a".to_owned()), ..PostedApp::default() });
}

#[test]
fn integral_floats_are_integers() {
    let instances = |value: Value| {
        serde_json::from_value::<PostedApp>(json!({"instances": value}))
            .map(|posted| posted.instances)
    };
    assert_eq!(instances(json!(2.0)).unwrap(), Some(2));
    assert_eq!(instances(json!(-3)).unwrap(), Some(-3));
    assert_eq!(instances(json!(null)).unwrap(), None);
    for bad in [json!(0.5), json!("2"), json!(1e300), json!(true)] {
        assert!(instances(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn an_unreachable_strategy_is_a_window_or_a_text() {
    for body in [json!("disabled"), json!({"inactiveAfterSeconds": 5, "expungeAfterSeconds": 10})] {
        assert_eq!(again::<UnreachableStrategy>(&body), body);
        assert_eq!(again::<PostedUnreachableStrategy>(&body), body);
    }
}
