//! Docker containers: volumes, options of the engine, and networks in their old and new forms.

use serde_json::{Value, json};

use super::{nginx, refused, rendered, spec, with};
use crate::run_spec::Networking;

/// The first violation: path and message.
#[track_caller]
fn violation(change: Value) -> (String, String) {
    let (status, body) = refused(&with(nginx(), change.clone()));
    assert_eq!(status, 422, "{change}");
    let first = &body["details"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&first["path"]), text(&first["errors"][0]))
}

fn volumes(list: Value) -> Value {
    json!({"container": {"docker": {"image": "a", "network": "BRIDGE"}, "volumes": list}})
}

#[test]
fn volumes_of_the_agent_are_kept_as_they_are() {
    let list = json!([
        {"containerPath": "/data", "hostPath": "/srv/data", "mode": "RO"},
        {"containerPath": "/var/cache", "hostPath": "cache", "mode": "RW"},
        {"containerPath": "conf", "hostPath": "/etc/app", "mode": "RO"},
    ]);
    let app = with(nginx(), volumes(list.clone()));
    assert_eq!(rendered(&app)["container"]["volumes"], list);
}

#[test]
fn volumes_that_cannot_be_had_are_refused_with_the_reason() {
    let one = |volume: Value| violation(volumes(json!([volume])));
    let at = |name: &str| format!("/container/volumes(0){name}");
    for (volume, path, error) in [
        (
            json!({"containerPath": "/a", "hostPath": "", "mode": "RO"}),
            at("/hostPath"),
            "must not be empty",
        ),
        (
            json!({"containerPath": "", "hostPath": "/a", "mode": "RO"}),
            at("/containerPath"),
            "must not be empty",
        ),
        (
            json!({"containerPath": "/a", "hostPath": "/a", "mode": "WO"}),
            at("/mode"),
            "error.unknown.enum.literal",
        ),
        (
            json!({"containerPath": "/a", "hostPath": "/a"}),
            at("/mode"),
            "'mode' is undefined on object",
        ),
        (
            json!({"containerPath": "/a", "mode": "RO"}),
            at("/hostPath"),
            "'hostPath' is undefined on object",
        ),
        (
            json!({"containerPath": "a", "hostPath": "b", "mode": "RO"}),
            at(""),
            "Both host_path 'b' and container_path 'a' of a volume are relative",
        ),
        (
            json!({"containerPath": "a", "mode": "RW", "persistent": {"size": 10}}),
            at(""),
            "a persistent volume is not supported yet",
        ),
        (
            json!({"containerPath": "/a", "mode": "RW", "external": {"name": "v", "provider": "dvdi"}}),
            at(""),
            "an external volume is not supported yet",
        ),
        (
            json!({"containerPath": "/a", "secret": "s"}),
            at(""),
            "Feature secrets is not enabled. Enable with --enable_features secrets)",
        ),
    ] {
        assert_eq!(one(volume.clone()), (path, error.to_owned()), "{volume}");
    }
}

#[test]
fn a_user_is_kept() {
    let app = with(nginx(), json!({"user": "www-data"}));
    assert_eq!(rendered(&app)["user"], "www-data");
    assert_eq!(rendered(&with(nginx(), json!({"user": ""}))).get("user"), None);
}

#[test]
fn options_of_the_engine_are_kept_in_their_order() {
    let parameters = json!([
        {"key": "hostname", "value": "web"}, {"key": "env", "value": "A=1"}, {"key": "env", "value": "B=2"},
    ]);
    let docker =
        json!({"image": "a", "network": "BRIDGE", "privileged": true, "parameters": parameters});
    let app = rendered(&with(nginx(), json!({"container": {"docker": docker}})));
    assert_eq!(app["container"]["docker"]["parameters"], parameters);
    assert_eq!(app["container"]["docker"]["privileged"], true);
    let broken = json!({"container": {"docker": {"image": "a", "parameters": [{"key": "env"}]}}});
    let (path, error) = violation(broken);
    assert_eq!(path, "/container/docker/parameters(0)/value");
    assert_eq!(error, "'value' is undefined on object");
}

#[test]
fn labels_of_a_bridge_are_kept() {
    let networks = json!([{"mode": "container/bridge", "labels": {"a": "b"}}]);
    let app = json!({"id": "/web", "networks": networks, "container": {"docker": {"image": "a"}}});
    assert_eq!(rendered(&app)["networks"], networks);
}

#[test]
fn all_forms_of_a_named_network_mean_the_same() {
    let new = json!({
        "id": "/web", "networks": [{"mode": "container", "name": "blue", "labels": {"a": "b"}}],
        "container": {"docker": {"image": "a"}, "portMappings": [{"containerPort": 80}]},
    });
    let expected = spec(&new);
    let Networking::Container { network, port_mappings } = expected.networking() else {
        panic!("{expected:?}")
    };
    assert_eq!((network.name.as_str(), port_mappings[0].host_port), ("blue", None));
    let address = json!({"networkName": "blue", "labels": {"a": "b"}});
    for old in [
        json!({
            "id": "/web", "ipAddress": address,
            "container": {"docker": {"image": "a", "network": "USER", "portMappings": [{"containerPort": 80}]}},
        }),
        json!({
            "id": "/web", "ipAddress": address,
            "container": {"docker": {"image": "a", "portMappings": [{"containerPort": 80}]}},
        }),
        with(new.clone(), json!({"ipAddress": address})),
        with(new.clone(), json!({"networks": [{"name": "blue", "labels": {"a": "b"}}]})),
    ] {
        assert_eq!(spec(&old), expected, "{old}");
    }
    let answer = rendered(&new);
    assert_eq!(answer["networks"], new["networks"]);
    assert_eq!(
        answer["container"]["portMappings"],
        json!([{"containerPort": 80, "labels": {}, "protocol": "tcp", "servicePort": 0}]),
        "without a host port there is none"
    );
    assert_eq!(answer.get("portDefinitions"), None);
}

#[test]
fn a_named_network_without_mappings_gets_one_without_a_host_port() {
    let app = json!({"id": "/a", "networks": [{"name": "blue"}], "container": {"docker": {"image": "a"}}});
    assert_eq!(
        rendered(&app)["container"]["portMappings"],
        json!([{"containerPort": 0, "labels": {}, "name": "default", "protocol": "tcp", "servicePort": 0}])
    );
}

#[test]
fn networks_that_contradict_each_other_are_refused() {
    let user = |more: Value| {
        with(json!({"container": {"docker": {"image": "a", "network": "USER"}}}), more)
    };
    for (change, path, error) in [
        (
            user(json!({})),
            "/networks",
            "Network name must be specified when container network is selected.",
        ),
        (
            user(
                json!({"ipAddress": {"networkName": "a", "discovery": {"ports": [{"number": 1}]}}}),
            ),
            "/ipAddress",
            "ipAddress/discovery is not allowed for Docker containers",
        ),
        (
            user(json!({"ipAddress": {"networkName": "a", "groups": ["x"]}})),
            "/ipAddress/groups",
            "groups are not supported",
        ),
        (
            user(json!({"ipAddress": {"networkName": "a"}, "ports": [1]})),
            "/",
            "cannot specify both an IP address and port",
        ),
        (
            json!({"ipAddress": {"networkName": "a"}}),
            "/",
            "must not specify ipAddress beside another container.docker.network than USER",
        ),
        (
            json!({"ipAddress": {"networkName": "a"}, "networks": [{"name": "b"}],
                "container": {"docker": {"image": "a"}}}),
            "/",
            "must not specify both networks and ipAddress",
        ),
        (
            json!({"networks": [{"name": "a"}, {"name": "b"}], "container": {"docker": {"image": "a"}}}),
            "/",
            "may only specify a single container network when using the Docker container engine",
        ),
        (
            json!({"networks": [{"name": "a"}], "container": {"docker": {"image": "a"},
                "portMappings": [{"networkNames": ["b"]}]}}),
            "/container/portMappings(0)/networkNames(0)",
            "is not one of (a)",
        ),
        (
            json!({"networks": [{"name": "a"}], "portDefinitions": [{"port": 0}],
                "container": {"docker": {"image": "a"}}}),
            "/",
            "portDefinitions are only allowed with host-networking",
        ),
    ] {
        assert_eq!(violation(change.clone()), (path.to_owned(), error.to_owned()), "{change}");
    }
}
