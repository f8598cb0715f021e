//! The five files of the deployment guide and the normal forms they get (marathon.md §15.1).

use serde_json::{Value, json};

use super::{nginx, rendered, spec, with};
use crate::run_spec::{Command, Networking};

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The members that the three container apps of the guide share in their answer.
fn answer(id: &str, image: &str, cpus: f64, mem: f64, mapping: Value) -> Value {
    json!({
        "id": id, "backoffFactor": 1.15, "backoffSeconds": 1, "constraints": [["hostname", "UNIQUE"]],
        "container": {
            "type": "DOCKER",
            "docker": {"forcePullImage": false, "image": image, "parameters": [], "privileged": false},
            "volumes": [],
            "portMappings": [with(json!({"labels": {}, "protocol": "tcp"}), mapping)],
        },
        "cpus": cpus, "disk": 0.0, "executor": "", "instances": 1, "labels": {},
        "maxLaunchDelaySeconds": 300, "mem": mem, "gpus": 0, "networks": [{"mode": "container/bridge"}],
        "requirePorts": false,
        "upgradeStrategy": {"maximumOverCapacity": 1.0, "minimumHealthCapacity": 1.0},
        "killSelection": "YOUNGEST_FIRST",
        "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}, "role": "*",
    })
}

#[test]
fn nginx_gets_a_dynamic_host_port() {
    let app = fixture(include_str!("../../../tests/fixtures/nginx.json"));
    let mapping = json!({"containerPort": 80, "hostPort": 0, "servicePort": 0});
    assert_eq!(rendered(&app), answer("/nginx", "docker.io/nginx", 0.2, 32.0, mapping));
}

#[test]
fn nginx_keeps_its_fixed_host_port() {
    let app = fixture(include_str!("../../../tests/fixtures/nginx-fixed-port.json"));
    let mapping = json!({"containerPort": 80, "hostPort": 31030, "servicePort": 33180});
    assert_eq!(rendered(&app), answer("/nginx", "docker.io/nginx", 0.2, 32.0, mapping));
}

#[test]
fn tomcat_is_accepted() {
    let app = fixture(include_str!("../../../tests/fixtures/tomcat.json"));
    let mapping = json!({"containerPort": 8080, "hostPort": 0, "servicePort": 0});
    assert_eq!(rendered(&app), answer("/tomcat", "docker.io/tomcat", 1.0, 128.0, mapping));
}

#[test]
fn members_are_sent_in_the_originals_order() {
    let app = fixture(include_str!("../../../tests/fixtures/nginx.json"));
    let text = serde_json::to_string(&crate::render::definition(&spec(&app))).unwrap();
    assert!(
        text.starts_with(
            r#"{"id":"/nginx","backoffFactor":1.15,"backoffSeconds":1,"constraints":[["hostname","UNIQUE"]],"container":{"type":"DOCKER","docker":{"forcePullImage":false,"image":"docker.io/nginx","parameters":[],"privileged":false},"volumes":[],"portMappings":[{"containerPort":80,"hostPort":0,"labels":{},"protocol":"tcp","servicePort":0}]},"cpus":0.2,"disk":0.0,"executor":"","instances":1,"labels":{},"maxLaunchDelaySeconds":300,"mem":32.0,"gpus":0,"networks""#
        ),
        "{text}"
    );
}

#[test]
fn nginx_sees_a_folder_of_its_agent() {
    let app = fixture(include_str!("../../../tests/fixtures/nginx-volume.json"));
    let mapping = json!({"containerPort": 80, "hostPort": 0, "servicePort": 0});
    let mut expected = answer("/nginx", "docker.io/nginx", 1.0, 128.0, mapping);
    expected.as_object_mut().unwrap().remove("constraints");
    expected["container"]["volumes"] = json!([
        {"containerPath": "/usr/share/nginx/html", "hostPath": "/opt/web/www", "mode": "RW"}
    ]);
    assert_eq!(rendered(&app), expected);
}

#[test]
fn a_shell_task_has_no_container_and_the_hosts_network() {
    let app = fixture(include_str!("../../../tests/fixtures/basic-0.json"));
    let wanted = json!({
        "id": "/basic-0", "backoffFactor": 1.15, "backoffSeconds": 1, "constraints": [],
        "cmd": "while [ true ] ; do echo 'Hello hello' >> /mnt/test ; sleep 5 ; done",
        "cpus": 0.1, "disk": 0.0, "executor": "", "instances": 1, "labels": {},
        "maxLaunchDelaySeconds": 300, "mem": 10.0, "gpus": 0, "networks": [{"mode": "host"}],
        "portDefinitions": [{"port": 0, "name": "default", "protocol": "tcp"}],
        "requirePorts": false,
        "upgradeStrategy": {"maximumOverCapacity": 1.0, "minimumHealthCapacity": 1.0},
        "killSelection": "YOUNGEST_FIRST",
        "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}, "role": "*",
    });
    let mut found = rendered(&app);
    // Whether an app without constraints shows an empty list is no matter of this file.
    found.as_object_mut().unwrap().entry("constraints").or_insert_with(|| json!([]));
    assert_eq!(found, wanted);
    assert_eq!(spec(&app).container(), None);
}

#[test]
fn both_network_forms_mean_the_same() {
    let new = json!({
        "id": "nginx", "cpus": 0.2, "mem": 32, "networks": [{"mode": "container/bridge"}],
        "container": {"type": "DOCKER", "docker": {"image": "nginx"}, "portMappings": [{"containerPort": 80, "hostPort": 0}]},
    });
    assert_eq!(spec(&new), spec(&nginx()));
    let mut superset = new.clone();
    superset["container"]["docker"]["network"] = json!("BRIDGE");
    superset["container"]["docker"]["portMappings"] = new["container"]["portMappings"].clone();
    assert_eq!(spec(&superset), spec(&new), "what a client sends back twice is no contradiction");
}

#[test]
fn a_bridge_without_mappings_gets_one_and_an_empty_list_means_none() {
    let bridge = |container: Value| {
        rendered(&json!({"id": "/a", "networks": [{"mode": "container/bridge"}], "container": container}))
            ["container"]["portMappings"]
            .clone()
    };
    assert_eq!(
        bridge(json!({"docker": {"image": "a"}})),
        json!([{"containerPort": 0, "hostPort": 0, "labels": {}, "name": "default", "protocol": "tcp", "servicePort": 0}])
    );
    assert_eq!(bridge(json!({"docker": {"image": "a"}, "portMappings": []})), json!([]));
}

#[test]
fn host_networking_has_port_definitions() {
    let host = |more: Value| {
        rendered(&with(json!({"id": "/a", "container": {"docker": {"image": "a"}}}), more))
    };
    let default = host(json!({}));
    assert_eq!(default["networks"], json!([{"mode": "host"}]));
    assert_eq!(
        default["portDefinitions"],
        json!([{"port": 0, "name": "default", "protocol": "tcp"}])
    );
    assert_eq!(default["container"].get("portMappings"), None);
    let ports = host(json!({"ports": [9000, 0], "requirePorts": true}));
    assert_eq!(
        ports["portDefinitions"],
        json!([{"port": 9000, "protocol": "tcp"}, {"port": 0, "protocol": "tcp"}])
    );
    assert_eq!(ports["requirePorts"], true);
    assert_eq!(host(json!({"portDefinitions": []}))["portDefinitions"], json!([]));
    let dropped = json!({"container": {"docker": {"image": "a", "network": "HOST", "portMappings": [{"containerPort": 1}]}}});
    assert_eq!(host(dropped)["container"].get("portMappings"), None);
}

#[test]
fn old_ports_beside_a_bridge_widen_the_mappings() {
    let app = spec(&with(nginx(), json!({"ports": [0, 0]})));
    let Networking::Bridge { port_mappings, .. } = app.networking() else { panic!("{app:?}") };
    assert_eq!(port_mappings.len(), 2);
}

#[test]
fn commands_are_told_apart() {
    assert_eq!(spec(&nginx()).command(), &Command::OfImage);
    let shell = spec(&with(nginx(), json!({"cmd": "sleep 1"})));
    assert_eq!(shell.command(), &Command::Shell("sleep 1".to_owned()));
    let args = spec(&with(nginx(), json!({"args": ["-g", "x"]})));
    assert_eq!(args.command(), &Command::Arguments(vec!["-g".to_owned(), "x".to_owned()]));
}
