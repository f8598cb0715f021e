use serde_json::json;

use super::*;

#[test]
fn the_subscription_says_who_we_are_and_that_tasks_outlive_us() {
    let config = MarathonConfig::new("10.0.0.1", 8080);
    let call = subscribe_call(&config, Some(&FrameworkId::new("M-0000")));
    let json = serde_json::to_value(&call).unwrap();
    assert_eq!(json["type"], "SUBSCRIBE");
    assert_eq!(json["framework_id"]["value"], "M-0000");
    let info = &json["subscribe"]["framework_info"];
    assert_eq!(info["id"]["value"], "M-0000");
    assert_eq!(info["name"], "marathon");
    assert_eq!(info["user"], "root");
    assert_eq!(info["failover_timeout"], 604_800.0);
    assert_eq!(info["checkpoint"], true);
    assert_eq!(info["roles"], json!(["*"]));
    assert_eq!(info["webui_url"], "http://10.0.0.1:8080");
    let kinds: Vec<_> =
        info["capabilities"].as_array().unwrap().iter().map(|c| c["type"].clone()).collect();
    assert_eq!(kinds, ["PARTITION_AWARE", "REGION_AWARE", "MULTI_ROLE"]);
    assert!(subscribe_call(&config, None).framework_id.is_none());
}

fn event(json: serde_json::Value) -> v1::scheduler::Event {
    serde_json::from_value(json).unwrap()
}

#[test]
fn events_become_commands() {
    let subscribed = event(json!({"type": "SUBSCRIBED", "subscribed":
        {"framework_id": {"value": "M-0000"}, "heartbeat_interval_seconds": 15.0}}));
    assert!(matches!(
        command(subscribed, "10.0.0.1:5050"),
        Ok(Some(Command::Subscribed { framework, master }))
            if framework.as_str() == "M-0000" && master == "10.0.0.1:5050"
    ));
    let update = event(json!({"type": "UPDATE", "update": {"status":
        {"task_id": {"value": "t"}, "state": "TASK_RUNNING"}}}));
    assert!(matches!(command(update, "m"), Ok(Some(Command::StatusUpdate(_)))));
    let rescind = event(json!({"type": "RESCIND", "rescind": {"offer_id": {"value": "O"}}}));
    assert!(matches!(command(rescind, "m"), Ok(Some(Command::Rescinded(_)))));
    assert!(matches!(command(event(json!({"type": "HEARTBEAT"})), "m"), Ok(None)));
    let error = event(json!({"type": "ERROR", "error": {"message": REMOVED}}));
    assert_eq!(command(error, "m").unwrap_err(), REMOVED);
}
