//! The plain check as it is posted, refused and answered (marathon.md §6.1, §14).

use serde_json::{Value, json};

use super::{nginx, refused, rendered, spec, with};
use crate::run_spec::RunSpec;

/// A command with two ports and this check.
fn checked(check: Value) -> Value {
    json!({"id": "/basic", "cmd": "sleep 1", "check": check,
        "portDefinitions": [{"port": 0}, {"port": 0}]})
}

#[track_caller]
fn refuses(app: &Value, path: &str, error: &str) {
    let (status, body) = refused(app);
    assert_eq!(status, 422);
    assert_eq!(body["details"], json!([{"path": path, "errors": [error]}]), "{app}");
}

#[test]
fn a_check_keeps_every_member_and_reads_back() {
    let times = json!({"intervalSeconds": 60, "timeoutSeconds": 20, "delaySeconds": 15});
    for (posted, answered) in [
        (json!({"http": {}}), json!({"http": {"portIndex": 0, "scheme": "HTTP"}})),
        (
            json!({"http": {"portIndex": 1, "path": "/up?a=b", "scheme": "HTTP"}}),
            json!({"http": {"portIndex": 1, "path": "/up?a=b", "scheme": "HTTP"}}),
        ),
        // The number goes before the index.
        (
            json!({"http": {"port": 8080, "portIndex": 7}}),
            json!({"http": {"port": 8080, "scheme": "HTTP"}}),
        ),
        (json!({"tcp": {}}), json!({"tcp": {"portIndex": 0}})),
        (json!({"tcp": {"portIndex": 1.0}}), json!({"tcp": {"portIndex": 1}})),
        (json!({"tcp": {"port": 65_535}}), json!({"tcp": {"port": 65_535}})),
        (
            json!({"exec": {"command": {"shell": "test -e up"}}}),
            json!({"exec": {"command": {"shell": "test -e up"}}}),
        ),
        (
            json!({"exec": {"command": {"argv": ["test", "-e", ""]}}}),
            json!({"exec": {"command": {"argv": ["test", "-e", ""]}}}),
        ),
        (
            json!({"tcp": {}, "intervalSeconds": 1, "timeoutSeconds": 0, "delaySeconds": 0}),
            json!({"tcp": {"portIndex": 0}, "intervalSeconds": 1, "timeoutSeconds": 0, "delaySeconds": 0}),
        ),
    ] {
        let app = rendered(&checked(posted.clone()));
        assert_eq!(app["check"], with(times.clone(), answered), "{posted}");
        let again = spec(&app);
        assert_eq!(again, spec(&checked(posted)));
        assert_eq!(RunSpec::restore(&again.to_record()).unwrap(), again);
    }
    assert_eq!(rendered(&checked(Value::Null)).get("check"), None);
}

#[test]
fn records_of_the_time_before_there_were_checks_are_read() {
    let old = br#"{"id":"/basic","cmd":"sleep 1","instances":2}"#;
    let restored = RunSpec::restore(old).unwrap();
    assert_eq!((restored.check(), restored.instances()), (None, 2));
}

#[test]
fn an_update_replaces_the_check_and_is_an_upgrade() {
    let old = spec(&checked(json!({"tcp": {}, "delaySeconds": 1})));
    let update = |body: Value| old.merged(serde_json::from_value(body).unwrap()).unwrap();
    assert_eq!(update(json!({"instances": 3})).check(), old.check());
    let new = update(json!({"check": {"tcp": {}}}));
    assert_eq!(new, spec(&checked(json!({"tcp": {}}))));
    assert!(new.is_upgrade_from(&old));
}

#[test]
fn rules_of_the_check_are_refused_with_the_messages_of_the_reference() {
    let docker = with(nginx(), json!({"check": {"tcp": {}}}));
    refuses(&docker, "/", "AppDefinition must not use 'checks' if using docker");
    const INDEX: &str =
        "check port index must address an element of the ports array or container port mappings.";
    refuses(&checked(json!({"tcp": {"portIndex": 2}})), "/check", INDEX);
    refuses(&checked(json!({"http": {"portIndex": 2}})), "/check", INDEX);
    let portless = |check| with(checked(check), json!({"portDefinitions": []}));
    refuses(&portless(json!({"http": {}})), "/check", INDEX);
    for check in [json!({"http": {"port": 80}}), json!({"exec": {"command": {"shell": "true"}}})] {
        assert!(spec(&portless(check)).check().is_some());
    }
    const ONE: &str = "must be exactly one of http, tcp and exec";
    for check in [
        json!({}),
        json!({"delaySeconds": 1}),
        json!({"http": {}, "tcp": {}}),
        json!({"tcp": {}, "exec": {"command": {"shell": "true"}}}),
    ] {
        refuses(&checked(check), "/check", ONE);
    }
    const COMMAND: &str = "must be either a shell command or an argv that names a program";
    for exec in [
        json!({}),
        json!({"command": {}}),
        json!({"command": {"shell": ""}}),
        json!({"command": {"argv": []}}),
        json!({"command": {"argv": ["", "a"]}}),
        json!({"command": {"shell": "true", "argv": ["true"]}}),
    ] {
        refuses(&checked(json!({"exec": exec})), "/check/exec/command", COMMAND);
    }
    let https = checked(json!({"http": {"scheme": "HTTPS"}}));
    refuses(&https, "/check/http/scheme", "HTTPS is not supported yet");
}

#[test]
fn members_outside_of_the_schema_are_named() {
    for (check, path, error) in [
        (json!({"intervalSeconds": 0}), "/intervalSeconds", "error.min"),
        (json!({"timeoutSeconds": -1}), "/timeoutSeconds", "error.min"),
        (json!({"delaySeconds": -1}), "/delaySeconds", "error.min"),
        (json!({"delaySeconds": 0.5}), "/delaySeconds", "error.expected.int"),
        (json!({"http": {"port": 0}}), "/http/port", "error.min"),
        (json!({"http": {"port": 65_536}}), "/http/port", "error.max"),
        (json!({"http": {"portIndex": -1}}), "/http/portIndex", "error.min"),
        (json!({"http": {"path": ""}}), "/http/path", "error.minLength"),
        (json!({"http": {"path": "/a b"}}), "/http/path", "error.pattern"),
        (json!({"http": {"scheme": "FTP"}}), "/http/scheme", "error.unknown.enum.literal"),
        (json!({"tcp": {"port": 0}}), "/tcp/port", "error.min"),
        (json!({"tcp": {"portIndex": -1}}), "/tcp/portIndex", "error.min"),
        (json!({"tcp": true}), "/tcp", "error.expected.jsobject"),
        (
            json!({"exec": {"command": {"argv": "a"}}}),
            "/exec/command/argv",
            "error.expected.jsarray",
        ),
    ] {
        refuses(&checked(check), &format!("/check{path}"), error);
    }
}
