//! Health and readiness checks as they are posted, refused and answered (marathon.md §6.4, §6.5, §14).

use serde_json::{Value, json};

use super::{nginx, refused, rendered, spec, with};

fn checks(checks: Value) -> Value {
    with(nginx(), json!({"healthChecks": checks}))
}

#[track_caller]
fn refuses(app: &Value, path: &str, error: &str) {
    let (status, body) = refused(app);
    assert_eq!(status, 422);
    assert_eq!(body["details"], json!([{"path": path, "errors": [error]}]), "{app}");
}

#[test]
fn a_check_without_members_has_the_defaults_of_the_reference() {
    assert_eq!(
        rendered(&checks(json!([{}])))["healthChecks"],
        json!([{"gracePeriodSeconds": 300, "ignoreHttp1xx": false, "intervalSeconds": 60,
            "maxConsecutiveFailures": 3, "portIndex": 0, "protocol": "HTTP", "ipProtocol": "IPv4",
            "timeoutSeconds": 20, "delaySeconds": 15}])
    );
    assert!(rendered(&nginx()).get("healthChecks").is_none());
    assert!(rendered(&nginx()).get("readinessChecks").is_none());
}

#[test]
fn every_protocol_keeps_its_members_and_reads_back() {
    for (posted, members) in [
        (
            json!({"protocol": "HTTP", "path": "/health", "ignoreHttp1xx": true}),
            json!({"path": "/health", "ignoreHttp1xx": true, "portIndex": 0}),
        ),
        (json!({"protocol": "HTTPS", "port": 8443}), json!({"port": 8443, "ignoreHttp1xx": false})),
        (json!({"protocol": "TCP", "path": "/dropped"}), json!({"portIndex": 0})),
        (json!({"protocol": "MESOS_HTTP", "path": "/"}), json!({"path": "/", "portIndex": 0})),
        (json!({"protocol": "MESOS_HTTPS", "portIndex": 0.0}), json!({"portIndex": 0})),
        (
            json!({"protocol": "MESOS_TCP", "ipProtocol": "IPv6"}),
            json!({"portIndex": 0, "ipProtocol": "IPv6"}),
        ),
        (
            json!({"protocol": "COMMAND", "command": {"value": "true"}}),
            json!({"command": {"value": "true"}}),
        ),
    ] {
        let defaults = json!({"gracePeriodSeconds": 300, "intervalSeconds": 60, "maxConsecutiveFailures": 3,
            "ipProtocol": "IPv4", "timeoutSeconds": 20, "delaySeconds": 15, "protocol": posted["protocol"]});
        let answered = rendered(&checks(json!([posted])));
        assert_eq!(answered["healthChecks"], json!([with(defaults, members)]), "{posted}");
        let again = spec(&answered);
        assert_eq!(again, spec(&checks(json!([posted]))));
        assert_eq!(crate::run_spec::RunSpec::restore(&again.to_record()).unwrap(), again);
    }
}

#[test]
fn an_update_replaces_all_checks_and_is_an_upgrade() {
    let old = spec(&checks(json!([{"path": "/a"}, {"protocol": "TCP"}])));
    let update = |body: Value| old.merged(serde_json::from_value(body).unwrap()).unwrap();
    assert_eq!(update(json!({"instances": 3})).health_checks(), old.health_checks());
    let new = update(json!({"healthChecks": [{"path": "/b"}]}));
    assert_eq!(new.health_checks().len(), 1);
    assert!(new.is_upgrade_from(&old));
}

#[test]
fn rules_of_health_checks_are_refused_with_the_messages_of_the_reference() {
    const INDEX: &str = "Health check port indices must address an element of the ports array or container port mappings.";
    const V6: &str =
        "IPv6 can only be used for container type DOCKER and Mesos http/https/tcp health checks";
    refuses(&checks(json!([{"portIndex": 1}])), "/healthChecks(0)", INDEX);
    let none =
        json!({"container": {"docker": {"image": "a", "network": "HOST"}}, "portDefinitions": []});
    refuses(&with(checks(json!([{}])), none.clone()), "/healthChecks(0)", INDEX);
    assert_eq!(spec(&with(checks(json!([{"port": 80}])), none)).health_checks().len(), 1);
    refuses(&checks(json!([{"ipProtocol": "IPv6"}])), "/healthChecks(0)", V6);
    refuses(
        &checks(json!([{"protocol": "MESOS_TCP"}, {"protocol": "MESOS_HTTP"}])),
        "/",
        "AppDefinition can contain at most one Mesos health check",
    );
    let commands = json!([{"protocol": "COMMAND", "command": {"value": "a"}}, {"protocol": "COMMAND", "command": {"value": "b"}}]);
    assert_eq!(spec(&checks(commands)).health_checks().len(), 2);
    let needed = "a command is needed with protocol COMMAND, and only there";
    refuses(&checks(json!([{"protocol": "COMMAND"}])), "/healthChecks(0)/command", needed);
    refuses(&checks(json!([{"command": {"value": "a"}}])), "/healthChecks(0)/command", needed);
}

#[test]
fn members_outside_of_the_schema_are_named() {
    for (check, path, error) in [
        (json!({"protocol": "UDP"}), "/protocol", "error.unknown.enum.literal"),
        (json!({"ipProtocol": "IPX"}), "/ipProtocol", "error.unknown.enum.literal"),
        (json!({"port": 0}), "/port", "error.min"),
        (json!({"port": 65_536}), "/port", "error.max"),
        (json!({"portIndex": -1}), "/portIndex", "error.min"),
        (json!({"gracePeriodSeconds": -1}), "/gracePeriodSeconds", "error.min"),
        (json!({"intervalSeconds": 0}), "/intervalSeconds", "error.min"),
        (json!({"timeoutSeconds": 0}), "/timeoutSeconds", "error.min"),
        (json!({"maxConsecutiveFailures": -1}), "/maxConsecutiveFailures", "error.min"),
        (json!({"delaySeconds": -1}), "/delaySeconds", "error.min"),
        (json!({"path": ""}), "/path", "error.minLength"),
        (json!({"path": "/a b"}), "/path", "error.pattern"),
        (json!({"intervalSeconds": "5"}), "/intervalSeconds", "error.expected.jsnumber"),
        (json!({"command": "true"}), "/command", "error.expected.jsobject"),
    ] {
        refuses(&checks(json!([{}, check])), &format!("/healthChecks(1){path}"), error);
    }
}

#[test]
fn a_readiness_check_names_a_port_and_waits_no_longer_than_its_interval() {
    let named = json!({"container": {"docker": {"image": "a", "network": "BRIDGE",
        "portMappings": [{"containerPort": 80, "name": "http-api"}, {"containerPort": 81, "name": "admin"}]}}});
    let readiness =
        |check: Value| with(with(nginx(), named.clone()), json!({"readinessChecks": [check]}));
    assert_eq!(
        rendered(&readiness(json!({})))["readinessChecks"],
        json!([{"name": "readinessCheck", "protocol": "HTTP", "path": "/", "portName": "http-api",
            "intervalSeconds": 30, "timeoutSeconds": 10, "httpStatusCodesForReady": [200],
            "preserveLastResponse": false}])
    );
    let full = json!({"name": "up", "protocol": "HTTPS", "path": "/ready", "portName": "admin",
        "intervalSeconds": 5, "timeoutSeconds": 4, "httpStatusCodesForReady": [200, 204], "preserveLastResponse": true});
    let answered = rendered(&readiness(full.clone()));
    assert_eq!(answered["readinessChecks"], json!([full]));
    assert_eq!(spec(&answered), spec(&readiness(full)));
    let path = "/readinessChecks(0)";
    refuses(
        &readiness(json!({"portName": "x"})),
        &format!("{path}/portName"),
        "No port definition reference for portName x",
    );
    refuses(
        &readiness(json!({"timeoutSeconds": 30})),
        &format!("{path}/timeoutSeconds"),
        "got 30, expected less than 30",
    );
    refuses(
        &readiness(json!({"protocol": "TCP"})),
        &format!("{path}/protocol"),
        "error.unknown.enum.literal",
    );
    refuses(
        &readiness(json!({"httpStatusCodesForReady": []})),
        &format!("{path}/httpStatusCodesForReady"),
        "error.minLength",
    );
    let twice = with(with(nginx(), named), json!({"readinessChecks": [{}, {}]}));
    refuses(&twice, "/readinessChecks", "at most one readiness check is possible");
}
