//! The messages and paths of every rule (marathon.md §2.3, §13.6, §14, §15.7).

use serde_json::{Value, json};

use super::{nginx, parse, refused, spec, with};
use crate::run_spec::{Refusal, read};

/// `{"path", "errors": [error]}` under the message.
fn body(message: &str, path: &str, error: &str) -> (u16, Value) {
    (422, json!({"message": message, "details": [{"path": path, "errors": [error]}]}))
}

#[track_caller]
fn refuses_schema(change: Value, path: &str, error: &str) {
    assert_eq!(
        refused(&with(nginx(), change.clone())),
        body("Invalid JSON", path, error),
        "{change}"
    );
}

#[track_caller]
fn refuses(change: Value, path: &str, error: &str) {
    let definition = with(nginx(), change.clone());
    assert_eq!(refused(&definition), body("Object is not valid", path, error), "{change}");
}

#[test]
fn wrong_types_are_named_at_their_path() {
    for (change, path, error) in [
        (json!({"id": 1}), "/id", "error.expected.jsstring"),
        (json!({"cmd": ["a"]}), "/cmd", "error.expected.jsstring"),
        (json!({"cpus": "1"}), "/cpus", "error.expected.jsnumber"),
        (json!({"instances": "1"}), "/instances", "error.expected.jsnumber"),
        (json!({"instances": 0.1}), "/instances", "error.expected.int"),
        (json!({"requirePorts": "yes"}), "/requirePorts", "error.expected.jsboolean"),
        (json!({"args": "a"}), "/args", "error.expected.jsarray"),
        (
            json!({"constraints": [["a", "UNIQUE"], "x"]}),
            "/constraints(1)",
            "error.expected.jsarray",
        ),
        (json!({"labels": {"a": 1}}), "/labels/a", "error.expected.jsstring"),
        (json!({"labels": "a"}), "/labels", "error.expected.jsobject"),
        (json!({"env": {"A": 1}}), "/env/A", "error.expected.jsstring"),
        (json!({"container": "nginx"}), "/container", "error.expected.jsobject"),
        (
            json!({"container": {"docker": {"image": 1}}}),
            "/container/docker/image",
            "error.expected.jsstring",
        ),
        (json!({"unreachableStrategy": 3}), "/unreachableStrategy", "error.expected.jsobject"),
    ] {
        refuses_schema(change, path, error);
    }
}

#[test]
fn all_wrong_types_are_reported_together() {
    let (status, body) = refused(&json!({"id": 1, "cpus": "x", "mem": 32}));
    assert_eq!(status, 422);
    let mut paths: Vec<_> =
        body["details"].as_array().unwrap().iter().map(|entry| entry["path"].clone()).collect();
    paths.sort_by_key(ToString::to_string);
    assert_eq!(paths, [json!("/cpus"), json!("/id")]);
}

#[test]
fn members_outside_of_the_schema_are_named() {
    for (change, path, error) in [
        (json!({"id": "/Foo_Bar"}), "/id", "error.pattern"),
        (json!({"id": "a..b"}), "/id", "error.pattern"),
        (json!({"id": ""}), "/id", "error.minLength"),
        (json!({"cmd": ""}), "/cmd", "error.minLength"),
        (json!({"cpus": 0}), "/cpus", "error.min"),
        (json!({"cpus": -1}), "/cpus", "error.min"),
        (json!({"cpus": 1e300}), "/cpus", "error.max"),
        (json!({"mem": -0.1}), "/mem", "error.min"),
        (json!({"disk": -1}), "/disk", "error.min"),
        (json!({"gpus": -1}), "/gpus", "error.min"),
        (json!({"instances": -1}), "/instances", "error.min"),
        (json!({"instances": 200_001}), "/instances", "error.max"),
        (json!({"backoffSeconds": -1}), "/backoffSeconds", "error.min"),
        (json!({"backoffFactor": 0.5}), "/backoffFactor", "error.min"),
        (json!({"maxLaunchDelaySeconds": -1}), "/maxLaunchDelaySeconds", "error.min"),
        (json!({"taskKillGracePeriodSeconds": -1}), "/taskKillGracePeriodSeconds", "error.min"),
        (json!({"killSelection": "RANDOM"}), "/killSelection", "error.unknown.enum.literal"),
        (json!({"acceptedResourceRoles": []}), "/acceptedResourceRoles", "error.minLength"),
        (
            json!({"upgradeStrategy": {"minimumHealthCapacity": 1.5}}),
            "/upgradeStrategy/minimumHealthCapacity",
            "error.max",
        ),
        (
            json!({"upgradeStrategy": {"maximumOverCapacity": -0.5}}),
            "/upgradeStrategy/maximumOverCapacity",
            "error.min",
        ),
        (
            json!({"unreachableStrategy": "later"}),
            "/unreachableStrategy",
            "error.unknown.enum.literal",
        ),
        (
            json!({"networks": [{"mode": "mesh"}]}),
            "/networks(0)/mode",
            "error.unknown.enum.literal",
        ),
        (json!({"container": {"type": "LXC"}}), "/container/type", "error.unknown.enum.literal"),
        (
            json!({"container": {"docker": {}}}),
            "/container/docker/image",
            "'image' is undefined on object",
        ),
        (
            json!({"container": {"docker": {"image": "a", "network": "MESH"}}}),
            "/container/docker/network",
            "error.unknown.enum.literal",
        ),
        (
            json!({"container": {"docker": {"image": "a"}, "portMappings": [{"containerPort": 65_536}]}}),
            "/container/portMappings(0)/containerPort",
            "error.max",
        ),
        (
            json!({"container": {"docker": {"image": "a", "portMappings": [{"hostPort": -1}]}}}),
            "/container/docker/portMappings(0)/hostPort",
            "error.min",
        ),
        (
            json!({"container": {"docker": {"image": "a"}, "portMappings": [{"protocol": "sctp"}]}}),
            "/container/portMappings(0)/protocol",
            "error.unknown.enum.literal",
        ),
        (
            json!({"container": {"docker": {"image": "a"}, "portMappings": [{"name": "a_b"}]}}),
            "/container/portMappings(0)/name",
            "error.pattern",
        ),
    ] {
        refuses_schema(change, path, error);
    }
}

#[test]
fn no_body_and_malformed_json_are_400() {
    let refusal = read::<Value>(b" \n").unwrap_err();
    assert_eq!(refusal, Refusal::Empty);
    assert_eq!(refusal.status(), 400);
    assert_eq!(refusal.body().message, "Please specify data in JSON format");
    for text in [r#"{"id":"/x","#, "{\"id\":\"/x\" # comment\n}", "nginx"] {
        let refusal = read::<Value>(text.as_bytes()).unwrap_err();
        assert_eq!((refusal.status(), refusal.body().message.as_str()), (400, "Invalid JSON"));
        let body = serde_json::to_value(refusal.body()).unwrap();
        assert!(body["details"].is_string(), "{body}");
    }
}

#[test]
fn constraints_are_checked_one_by_one() {
    const OPERATORS: &str = "operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER, UNLIKE or IS";
    const GROUP_BY: &str = "GROUP BY must define an integer value or else no value at all";
    const PATTERN: &str = "LIKE and UNLIKE require a non-empty, regular expression value";
    for (constraint, error) in [
        (json!(["hostname"]), "Each constraint must have either 2 or 3 fields"),
        (json!(["a", "LIKE", "b", "c"]), "Each constraint must have either 2 or 3 fields"),
        (json!(["", "UNIQUE"]), "missing field for constraint declaration"),
        (json!(["hostname", "NEAR"]), OPERATORS),
        (json!(["hostname", "UNIQUE", "x"]), "UNIQUE does not accept a value"),
        (json!(["rack", "GROUP_BY", "three"]), GROUP_BY),
        (json!(["rack", "GROUP_BY", "0"]), GROUP_BY),
        (json!(["rack", "MAX_PER"]), "MAX_PER requires an integer value"),
        (json!(["rack", "MAX_PER", "many"]), "MAX_PER requires an integer value"),
        (json!(["rack", "LIKE"]), PATTERN),
        (json!(["rack", "UNLIKE", ""]), PATTERN),
        (json!(["rack", "LIKE", "*"]), "is not a valid regular expression"),
    ] {
        refuses(json!({"constraints": [["a", "LIKE", "b"], constraint]}), "/constraints(1)", error);
    }
    let (_, body) = refused(&with(nginx(), json!({"constraints": [["a", "IS", "é"]]})));
    let text = body["details"][0]["errors"][0].as_str().unwrap();
    assert!(text.starts_with("IS only supports Mesos text and float values"), "{text}");
}

#[test]
fn empty_third_values_count_as_none() {
    for operator in ["UNIQUE", "CLUSTER", "GROUP_BY"] {
        let app = spec(&with(nginx(), json!({"constraints": [["hostname", operator, ""]]})));
        assert_eq!(app.constraints()[0].operator.value(), None, "{operator}");
        assert_eq!(app.constraints()[0].operator.name(), operator);
    }
}

#[test]
fn ids_that_collide_with_the_api_are_refused() {
    refuses(
        json!({"id": "/a/restart"}),
        "/id",
        "must not end with any of the following reserved keywords: restart, tasks, versions, ., ..",
    );
    refuses(json!({"id": "/"}), "/", "must not be root");
    let (status, body) = refused(&with(nginx(), json!({"id": "/../x"})));
    assert_eq!(status, 422);
    assert_eq!(body["details"][0]["path"], "/id");
    let (_, body) = refused(&json!({"container": {"docker": {"image": "nginx"}}}));
    assert_eq!(body["details"][0]["path"], "/id");
}

#[test]
fn a_command_or_a_container_is_needed_but_not_two_commands() {
    const EITHER: &str =
        "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.";
    assert_eq!(refused(&json!({"id": "/x"})), body("Object is not valid", "/", EITHER));
    refuses(json!({"cmd": "sleep 1", "args": ["a"]}), "/", EITHER);
    let (_, both) = refused(&json!({"id": "/x", "constraints": [["hostname", "NEAR"]]}));
    assert_eq!(both["details"].as_array().unwrap().len(), 2, "{both}");
}

#[test]
fn old_and_new_network_forms_must_not_contradict() {
    let docker = |more: Value| with(json!({"image": "nginx"}), more);
    refuses(
        json!({"networks": [{"mode": "host"}], "container": {"docker": docker(json!({"network": "BRIDGE"}))}}),
        "/",
        "must not specify both container.docker.network and networks",
    );
    refuses(
        json!({"container": {"docker": docker(json!({"network": "NONE"}))}}),
        "/",
        "unsupported docker network type NONE",
    );
    refuses(
        json!({"container": {
            "docker": docker(json!({"network": "BRIDGE", "portMappings": [{"containerPort": 80}]})),
            "portMappings": [{"containerPort": 81}],
        }}),
        "/",
        "cannot specify both portMappings and docker.portMappings",
    );
    refuses(
        json!({"networks": [{"mode": "host"}], "container": {"docker": docker(json!({})), "portMappings": [{}]}}),
        "/",
        "portMappings are not allowed with host-networking",
    );
    refuses(
        json!({"portDefinitions": [{"port": 0}]}),
        "/",
        "portDefinitions are only allowed with host-networking",
    );
    refuses(
        json!({"networks": [{"mode": "host"}, {"mode": "container/bridge"}], "container": {"docker": docker(json!({}))}}),
        "/networks",
        "May specify a single host network, single bridge network, or else 1-to-n container networks",
    );
}

#[test]
fn port_names_and_numbers_are_unique() {
    let bridge = |mappings: Value| json!({"container": {"docker": {"image": "a", "network": "BRIDGE", "portMappings": mappings}}});
    refuses(
        bridge(json!([{"name": "a"}, {"name": "a"}])),
        "/container/portMappings",
        "Port names must be unique.",
    );
    let host = |more: Value| {
        with(json!({"container": {"docker": {"image": "a", "network": "HOST"}}}), more)
    };
    let twice = json!({"portDefinitions": [{"port": 8080}, {"port": 8080}]});
    refuses(host(twice), "/portDefinitions", "Ports must be unique.");
    let named = json!({"portDefinitions": [{"name": "a"}, {"name": "a"}]});
    refuses(host(named), "/portDefinitions", "Port names must be unique.");
    refuses(host(json!({"ports": [1, 1]})), "/", "ports must be unique");
}

#[test]
fn strategies_and_roles_have_limits() {
    refuses(
        json!({"unreachableStrategy": {"inactiveAfterSeconds": 5, "expungeAfterSeconds": 3}}),
        "/unreachableStrategy/inactiveAfterSeconds",
        "inactiveAfterSeconds (5) must be less or equal to expungeAfterSeconds, which is 3",
    );
    refuses(
        json!({"acceptedResourceRoles": ["web"]}),
        "/acceptedResourceRoles",
        "acceptedResourceRoles can only contain * and *",
    );
    refuses(json!({"role": "web"}), "/role", "got web, expected one of: *");
    refuses(
        json!({"labels": {"MARATHON_SINGLE_INSTANCE_APP": "true"}, "instances": 2}),
        "/",
        "Single instance app may only have one instance",
    );
}

#[test]
fn members_without_effect_are_refused_by_name() {
    let docker = |more: Value| json!({"container": {"docker": with(json!({"image": "a", "network": "BRIDGE"}), more)}});
    for (change, path) in [
        (json!({"storeUrls": ["a"]}), "/storeUrls"),
        (json!({"residency": {"taskLostBehavior": "WAIT_FOREVER"}}), "/residency"),
        (json!({"executorResources": {"cpus": 1}}), "/executorResources"),
        (json!({"executor": "/bin/run"}), "/executor"),
        (json!({"tty": true}), "/tty"),
        (json!({"secrets": {"a": {"source": "b"}}}), "/secrets"),
        (json!({"env": {"A": {"secret": "a"}}}), "/env"),
        (json!({"gpus": 1}), "/"),
        (docker(json!({"pullConfig": {"secret": "a"}})), "/container/docker/pullConfig"),
        (docker(json!({"credential": {"principal": "a"}})), "/container/docker/credential"),
        (
            json!({"container": {"type": "MESOS", "docker": {"image": "a"}}, "networks": [{"mode": "host"}]}),
            "/container/type",
        ),
        (
            json!({"container": {"docker": {"image": "a", "network": "USER"}}, "networks": null}),
            "/networks",
        ),
    ] {
        let (status, body) = refused(&with(nginx(), change.clone()));
        assert_eq!((status, body["message"].as_str()), (422, Some("Object is not valid")));
        assert_eq!(body["details"][0]["path"], path, "{change}: {body}");
    }
    let networks = json!([{"mode": "container/bridge"}]);
    let (_, shell) = refused(&json!({"id": "/x", "cmd": "sleep 1", "networks": networks}));
    assert_eq!(shell["details"][0]["path"], "/networks");
}

#[test]
fn members_without_effect_pass_when_they_say_nothing() {
    let blank = json!({
        "healthChecks": [], "readinessChecks": [], "check": null, "fetch": [], "uris": [],
        "storeUrls": [], "ipAddress": null, "residency": null, "executor": "", "user": null,
        "tty": false, "secrets": {}, "gpus": 0, "cmd": null, "args": [], "versionInfo": {}, "nonsense": 1,
        "container": {
            "type": "docker", "volumes": [],
            "docker": {"image": "a", "network": "bridge", "privileged": false, "parameters": [], "pullConfig": null},
        },
    });
    assert!(parse(&with(nginx(), blank)).is_ok());
}
