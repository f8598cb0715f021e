//! Containers of type MESOS: commands with volumes, which the agent runs itself.

use serde_json::{Value, json};

use super::{refused, rendered, spec, with};
use crate::run_spec::{RunSpec, Volume};

/// A command with a container of type MESOS that has the members of `more`.
fn command(more: Value) -> Value {
    let container = with(json!({"type": "MESOS"}), more);
    json!({"id": "/basic", "cmd": "sleep 1", "container": container})
}

#[track_caller]
fn refuses(app: &Value, path: &str, error: &str) {
    let (status, body) = refused(app);
    assert_eq!(status, 422);
    assert_eq!(body["details"], json!([{"path": path, "errors": [error]}]), "{app}");
}

#[test]
fn a_command_keeps_its_volumes_in_every_form_without_an_image() {
    let volumes = json!([
        {"containerPath": "data", "hostPath": "/srv/data", "mode": "RO"},
        {"containerPath": "/opt/own", "hostPath": "own", "mode": "RW"},
    ]);
    let wanted = json!({"type": "MESOS", "volumes": volumes});
    for docker in [
        json!({}),
        json!({"docker": null}),
        json!({"docker": {}}),
        json!({"docker": {"image": ""}}),
        json!({"docker": {"parameters": [], "privileged": false, "forcePullImage": false}}),
        json!({"docker": {"network": "HOST"}}),
        json!({"type": "mesos"}),
    ] {
        let app = command(with(docker.clone(), json!({"volumes": volumes})));
        let answered = rendered(&app);
        assert_eq!(answered["container"], wanted, "{docker}");
        assert_eq!(answered["networks"], json!([{"mode": "host"}]));
        assert_eq!(answered["portDefinitions"][0]["name"], "default");
        let spec = spec(&app);
        assert_eq!(spec.docker(), None);
        let volume = |source: &str, target: &str, is_writable| Volume {
            host_path: source.to_owned(),
            container_path: target.to_owned(),
            is_writable,
        };
        assert_eq!(
            spec.container().unwrap().volumes,
            [volume("/srv/data", "data", false), volume("own", "/opt/own", true)]
        );
        assert_eq!(RunSpec::restore(&spec.to_record()).unwrap(), spec);
    }
    let bare = rendered(&command(json!({})));
    assert_eq!(bare["container"], json!({"type": "MESOS", "volumes": []}));
}

#[test]
fn a_command_needs_something_to_run() {
    let error = "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.";
    let nothing = json!({"id": "/basic", "container": {"type": "MESOS"}});
    refuses(&nothing, "/", error);
    assert!(spec(&with(nothing, json!({"args": ["sleep", "1"]}))).container().is_some());
}

#[test]
fn what_needs_an_image_or_a_network_of_its_own_is_refused_with_the_reason() {
    const OF_DOCKER: &str = "is only possible with container type DOCKER";
    const NETWORK: &str = "a network of its own without a Docker container is not supported yet";
    for (docker, path, error) in [
        (
            json!({"image": "busybox"}),
            "/container/type",
            "an image in the MESOS containerizer is not supported yet",
        ),
        (json!({"privileged": true}), "/container/docker/privileged", OF_DOCKER),
        (json!({"forcePullImage": true}), "/container/docker/forcePullImage", OF_DOCKER),
        (
            json!({"parameters": [{"key": "env", "value": "A=1"}]}),
            "/container/docker/parameters",
            OF_DOCKER,
        ),
        (json!({"network": "BRIDGE"}), "/networks", NETWORK),
    ] {
        refuses(&command(json!({"docker": docker})), path, error);
    }
    for network in [json!({"mode": "container/bridge"}), json!({"name": "blue"})] {
        refuses(&with(command(json!({})), json!({"networks": [network]})), "/networks", NETWORK);
    }
    let host = with(command(json!({})), json!({"networks": [{"mode": "host"}]}));
    assert_eq!(spec(&host), spec(&command(json!({}))));
}

#[test]
fn volumes_that_the_agent_would_refuse_are_refused_at_once() {
    let at = |name: &str| format!("/container/volumes(0){name}");
    for (volume, path, error) in [
        (
            json!({"containerPath": "../a", "hostPath": "/a", "mode": "RO"}),
            at("/containerPath"),
            "must not contain `..`",
        ),
        (
            json!({"containerPath": "a", "hostPath": "/a/../b", "mode": "RO"}),
            at("/hostPath"),
            "must not contain `..`",
        ),
        (
            json!({"containerPath": "a", "hostPath": "b", "mode": "RO"}),
            at(""),
            "Both host_path 'b' and container_path 'a' of a volume are relative",
        ),
        (
            json!({"containerPath": "a", "hostPath": "", "mode": "RO"}),
            at("/hostPath"),
            "must not be empty",
        ),
        (
            json!({"containerPath": "a", "mode": "RW", "persistent": {"size": 10}}),
            at(""),
            "a persistent volume is not supported yet",
        ),
    ] {
        let (status, body) = refused(&command(json!({"volumes": [volume]})));
        assert_eq!(status, 422);
        let first = &body["details"][0];
        assert_eq!((&first["path"], &first["errors"][0]), (&json!(path), &json!(error)));
    }
    // Two dots in a name lead nowhere.
    let dotted = json!([{"containerPath": "a..b", "hostPath": "/a/..b", "mode": "RO"}]);
    assert!(spec(&command(json!({"volumes": dotted}))).container().is_some());
}
