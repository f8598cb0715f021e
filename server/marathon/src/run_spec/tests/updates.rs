//! Partial updates, versions and service ports.

use model::Timestamp;
use serde_json::{Value, json};

use super::{nginx, spec, with};
use crate::run_spec::{Refusal, RunSpec, VersionedRunSpec, read};

fn merged(old: &Value, update: Value) -> Result<RunSpec, Refusal> {
    spec(old).merged(read(update.to_string().as_bytes()).unwrap())
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

#[test]
fn an_update_replaces_top_level_members_whole() {
    let old = with(nginx(), json!({"env": {"A": "1", "B": "2"}, "labels": {"x": "y"}}));
    let new = merged(&old, json!({"instances": 3, "env": {"A": "5"}, "labels": null})).unwrap();
    assert_eq!(new, spec(&with(old, json!({"instances": 3, "env": {"A": "5"}}))));
}

#[test]
fn an_update_keeps_the_id_and_may_use_the_old_forms() {
    let new = merged(
        &nginx(),
        json!({"id": "/other", "container": {"docker": {"image": "httpd", "network": "BRIDGE"}}}),
    )
    .unwrap();
    assert_eq!(new.id().as_str(), "/nginx");
    assert_eq!(new.docker().unwrap().image, "httpd");
    let host =
        merged(&nginx(), json!({"container": {"docker": {"image": "nginx", "network": "HOST"}}}));
    assert_eq!(host.unwrap().service_ports(), [0], "one default port, no mapping left");
    let back = json!({"id": "/a", "container": {"docker": {"image": "nginx", "network": "HOST"}}, "ports": [7]});
    let bridge = merged(&back, json!({"networks": [{"mode": "container/bridge"}]})).unwrap();
    assert_eq!(bridge.service_ports(), [0]);
}

#[test]
fn an_update_is_validated_as_a_whole() {
    let old = with(nginx(), json!({"args": ["a"]}));
    assert!(merged(&old, json!({"cmd": "sleep 1"})).is_err(), "args stand beside it");
    assert!(merged(&old, json!({"cmd": "sleep 1", "args": []})).is_ok());
    assert!(matches!(merged(&old, json!({"cpus": -1})), Err(Refusal::Schema(_))));
    assert!(matches!(merged(&old, json!({"tty": true})), Err(Refusal::Invalid(_))));
}

#[test]
fn only_instances_are_no_upgrade() {
    let old = VersionedRunSpec::new(spec(&nginx()), at(1));
    let same = old.updated(spec(&nginx()), at(2));
    assert_eq!(same, old, "an unchanged definition keeps its version");
    let scaled = old.updated(old.spec.with_instances(4), at(2));
    assert_eq!((scaled.version, scaled.info.last_scaling_at), (at(2), at(2)));
    assert_eq!(scaled.info.last_config_change_at, at(1));
    let labelled = spec(&with(nginx(), json!({"labels": {"a": "b"}, "instances": 4})));
    assert!(labelled.is_upgrade_from(&scaled.spec));
    let changed = scaled.updated(labelled, at(3));
    assert_eq!((changed.info.last_scaling_at, changed.info.last_config_change_at), (at(3), at(3)));
    let restarted = changed.restarted(at(4));
    assert_eq!((restarted.version, restarted.info.last_config_change_at), (at(4), at(4)));
    assert_eq!(restarted.info.last_scaling_at, at(3));
}

#[test]
fn service_ports_are_the_lowest_free_ones() {
    let two = with(
        nginx(),
        json!({"container": {"docker": {"image": "a", "network": "BRIDGE", "portMappings": [{}, {"servicePort": 9}, {}]}}}),
    );
    let free = || [10_001_u16, 9, 10_003].into_iter();
    let first = spec(&two).with_service_ports(None, free(), 10_000..=20_000).unwrap();
    assert_eq!(first.service_ports(), [10_001, 9, 10_003]);
    let again = spec(&two).with_service_ports(Some(&first), 10_004.., 10_000..=20_000);
    assert_eq!(again.unwrap(), first, "an app keeps the ports it had");
    let only = [10_001].into_iter();
    let error = spec(&two).with_service_ports(None, only, 10_000..=10_002).unwrap_err();
    assert_eq!(error.to_string(), "All ports in the range [10000-10002) are already in use");
}

#[test]
fn relative_dependencies_count_from_the_apps_group() {
    let app =
        spec(&with(nginx(), json!({"id": "/web/nginx", "dependencies": ["db", "/cache", "../x"]})));
    let ids: Vec<_> = app.dependencies().iter().map(|id| id.as_str().to_owned()).collect();
    assert_eq!(ids, ["/cache", "/web/db", "/x"]);
}
