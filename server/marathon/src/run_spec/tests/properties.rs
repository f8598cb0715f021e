//! What is rendered reads back as the same definition, and validation never panics.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::render;
use crate::run_spec::{RunSpec, read};

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![Just(0), 1..=65_535_u16]
}

fn word() -> impl Strategy<Value = String> {
    "[a-z0-9]([-a-z0-9]{0,6}[a-z0-9])?"
}

fn constraint() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(["hostname", "UNIQUE", ""])),
        word().prop_map(|value| json!(["rack", "CLUSTER", value])),
        (1..9_u8).prop_map(|count| json!(["rack", "GROUP_BY", count.to_string()])),
        "[a-z.*]{1,5}".prop_map(|pattern| json!(["rack", "LIKE", format!("a{pattern}")])),
        (0..9_u8).prop_map(|count| json!(["rack", "MAX_PER", count.to_string()])),
    ]
}

fn check() -> impl Strategy<Value = Value> {
    let question = prop_oneof![
        (1..=65_535_u16, option::of("/[a-z?=]{0,6}"))
            .prop_map(|(port, path)| json!({"http": {"port": port, "path": path}})),
        (0..2_u8).prop_map(|index| json!({"http": {"portIndex": index}})),
        (0..2_u8).prop_map(|index| json!({"tcp": {"portIndex": index}})),
        "[ -~]{1,9}".prop_map(|line| json!({"exec": {"command": {"shell": line}}})),
        vec("[ -~]{1,9}", 1..3).prop_map(|argv| json!({"exec": {"command": {"argv": argv}}})),
    ];
    (question, 1..900_u32, 0..900_u32, 0..900_u32).prop_map(|(mut check, interval, timeout, delay)| {
        let times = json!({"intervalSeconds": interval, "timeoutSeconds": timeout, "delaySeconds": delay});
        let Value::Object(times) = times else { unreachable!() };
        check.as_object_mut().unwrap().extend(times);
        check
    })
}

/// A command that the agent runs itself, with two ports.
fn own_command() -> impl Strategy<Value = Value> {
    let volume = (word(), word(), "RO|RW").prop_map(|(source, target, mode)| {
        json!({"containerPath": target, "hostPath": format!("/{source}"), "mode": mode})
    });
    (vec(volume, 0..3), option::of(check())).prop_map(|(volumes, check)| {
        json!({"cmd": "sleep 1", "args": null, "check": check, "networks": [{"mode": "host"}],
            "portDefinitions": [{"port": 0}, {"port": 0}],
            "container": {"type": "MESOS", "volumes": volumes}})
    })
}

fn ports() -> impl Strategy<Value = Value> {
    let mapping = (port(), port(), port(), "tcp|udp|udp,tcp");
    let host = (vec((0..3_u16, "tcp|udp"), 0..1), any::<bool>());
    prop_oneof![
        own_command(),
        vec(mapping, 0..4).prop_map(|mappings| {
            let list: Vec<_> = mappings
                .into_iter()
                .map(|(container, host, service, protocol)| {
                    json!({"containerPort": container, "hostPort": host, "servicePort": service, "protocol": protocol})
                })
                .collect();
            json!({"container": {"docker": {"image": "a", "network": "BRIDGE", "portMappings": list}}})
        }),
        (vec((port(), option::of(port()), port()), 0..4), word()).prop_map(|(mappings, name)| {
            let list: Vec<_> = mappings
                .into_iter()
                .map(|(container, host, service)| {
                    json!({"containerPort": container, "hostPort": host, "servicePort": service, "networkNames": [name]})
                })
                .collect();
            json!({"networks": [{"name": name, "labels": {"a": "b"}}], "container": {
                "docker": {"image": "a", "privileged": true, "parameters": [{"key": "env", "value": "A=1"}]},
                "volumes": [{"containerPath": "/a", "hostPath": "b", "mode": "RO"}], "portMappings": list}})
        }),
        host.prop_map(|(definitions, required)| {
            let list: Vec<_> = definitions
                .into_iter()
                .map(|(port, protocol)| json!({"port": port, "protocol": protocol}))
                .collect();
            json!({"container": {"docker": {"image": "a", "forcePullImage": true}}, "networks": [{"mode": "host"}],
                "portDefinitions": list, "requirePorts": required})
        }),
    ]
}

prop_compose! {
    fn app()(
        id in vec(word(), 1..4),
        quantities in (1..100_000_u32, 0..10_000_000_u32, 0..1_000_000_u32),
        instances in 0..1_000_u32,
        command in prop_oneof![
            Just(json!({})),
            "[ -~]{1,20}".prop_map(|cmd| json!({"cmd": cmd})),
            vec("[ -~]{0,9}", 1..4).prop_map(|args| json!({"args": args})),
        ],
        constraints in vec(constraint(), 0..4),
        ports in ports(),
        env in btree_map("[A-Z_]{1,6}", ".{0,9}", 0..4),
        labels in btree_map("[a-zA-Z.]{1,6}", ".{0,9}", 0..4),
        times in (0..900_u32, 1_000..5_000_u32, 0..9_000_u32, option::of(0..600_u32)),
        shares in (0..=100_u8, 0..=100_u8),
        unreachable in prop_oneof![
            Just(json!("disabled")),
            (0..500_u32, 0..500_u32).prop_map(|(inactive, more)| {
                json!({"inactiveAfterSeconds": inactive, "expungeAfterSeconds": inactive + more})
            }),
        ],
        selection in "YOUNGEST_FIRST|OLDEST_FIRST",
        dependencies in vec(word(), 0..3),
    ) -> Value {
        let mut members = json!({
            "id": format!("/{}", id.join("/")),
            "cpus": f64::from(quantities.0) / 1_000.0, "mem": f64::from(quantities.1) / 1_000.0,
            "disk": f64::from(quantities.2) / 1_000.0, "instances": instances,
            "constraints": constraints, "env": env, "labels": labels,
            "backoffSeconds": times.0, "backoffFactor": f64::from(times.1) / 1_000.0,
            "maxLaunchDelaySeconds": times.2, "taskKillGracePeriodSeconds": times.3,
            "upgradeStrategy": {
                "minimumHealthCapacity": f64::from(shares.0) / 100.0,
                "maximumOverCapacity": f64::from(shares.1) / 100.0,
            },
            "unreachableStrategy": unreachable, "killSelection": selection, "dependencies": dependencies,
        });
        for more in [command, ports] {
            let Value::Object(more) = more else { unreachable!() };
            members.as_object_mut().unwrap().extend(more);
        }
        members
    }
}

/// Any JSON at all, under the names of an app's members.
fn nonsense() -> impl Strategy<Value = Value> {
    let names = "id|cmd|args|cpus|instances|constraints|container|networks|ports|portDefinitions|env|labels|unreachableStrategy|docker|portMappings|image|network|type";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[/a-zA-Z.]{0,8}|BRIDGE|HOST|container".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(names, inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_rendered_reads_back(app in app()) {
        let parsed = read(app.to_string().as_bytes()).and_then(RunSpec::parse);
        // A name may have turned out reserved.
        prop_assume!(!matches!(&parsed, Err(refusal) if refusal.to_string().contains("reserved")));
        let spec = parsed.unwrap_or_else(|refusal| panic!("{refusal}: {app}"));
        let text = serde_json::to_vec(&render::definition(&spec)).unwrap();
        let again = RunSpec::parse(read(&text).unwrap()).unwrap();
        prop_assert_eq!(&again, &spec);
        prop_assert_eq!(&RunSpec::restore(&spec.to_record()).unwrap(), &spec);
        prop_assert_eq!(spec.merged(Default::default()).unwrap(), spec);
    }

    #[test]
    fn no_input_panics(body in nonsense()) {
        let _ = read(body.to_string().as_bytes()).and_then(RunSpec::parse);
    }
}
