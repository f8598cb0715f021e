//! Limits above the requested resources.

use serde_json::{Value, json};

use super::{nginx, parse, refused, rendered, spec, with};
use crate::run_spec::{Limit, ResourceLimits};

fn limited(limits: Value) -> Value {
    with(nginx(), json!({"cpus": 0.5, "mem": 64, "resourceLimits": limits}))
}

#[test]
fn limits_are_kept_as_they_are_and_empty_ones_are_none() {
    for limits in [
        json!({"cpus": 2.0}),
        json!({"mem": "unlimited"}),
        json!({"cpus": "unlimited", "mem": 64.0}),
    ] {
        assert_eq!(rendered(&limited(limits.clone()))["resourceLimits"], limits);
    }
    let both = spec(&limited(json!({"cpus": "1.5", "mem": null})));
    let wanted =
        ResourceLimits { cpus: Some(Limit::At(model::Scalar::from_f64(1.5).unwrap())), mem: None };
    assert_eq!(both.resource_limits(), Some(wanted));
    assert_eq!(spec(&limited(json!({}))).resource_limits(), None);
    assert_eq!(rendered(&limited(json!({}))).get("resourceLimits"), None);
}

#[test]
fn limits_below_the_request_and_words_are_refused_with_the_originals_words() {
    let below = "resource limit must be greater than or equal to requested resource";
    let invalid = "is an invalid resource limit. It must be 'unlimited' or a number";
    for (limits, path, error) in [
        (json!({"cpus": 0.4}), "/resourceLimits/cpus", format!("{below} (0.5)")),
        (json!({"mem": 63.9}), "/resourceLimits/mem", format!("{below} (64.0)")),
        (json!({"mem": "much"}), "/resourceLimits/mem", format!("'much' {invalid}")),
        (json!({"cpus": true}), "/resourceLimits/cpus", format!("'true' {invalid}")),
        (json!({"disk": 1}), "/resourceLimits", "a limit of disk is not supported yet".into()),
        (json!([1]), "/resourceLimits", "error.expected.jsobject".into()),
    ] {
        let (status, body) = refused(&limited(limits.clone()));
        let first = &body["details"][0];
        assert_eq!(
            (status, &first["path"], &first["errors"][0]),
            (422, &json!(path), &json!(error)),
            "{limits}"
        );
    }
}

/// Compat: the original forgets them in an update that does not repeat them (marathon.md, quirk 29).
#[test]
fn limits_survive_an_update_that_says_nothing_of_them_and_are_an_upgrade_when_changed() {
    let old = parse(&limited(json!({"mem": "unlimited"}))).unwrap();
    let update = |change: Value| old.merged(serde_json::from_value(change).unwrap()).unwrap();
    let scaled = update(json!({"instances": 3}));
    assert_eq!(scaled.resource_limits(), old.resource_limits());
    assert!(!scaled.is_upgrade_from(&old));
    assert!(update(json!({"resourceLimits": {"mem": 128}})).is_upgrade_from(&old));
}
