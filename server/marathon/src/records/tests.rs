use std::sync::Arc;

use model::{AgentId, Attributes, Role, TaskId, TaskState};
use serde_json::json;

use super::*;
use crate::identity::{self, DeploymentId};
use crate::instance::{Condition, Goal, Task};
use crate::run_spec::RunSpec;

fn id(app: &str) -> AppId {
    AppId::parse(app).unwrap()
}

#[test]
fn every_path_reads_back() {
    let paths = [
        (Path::Framework, "/marathon/framework"),
        (Path::Root, "/marathon/root"),
        (Path::Pointer(id("/web/nginx")), "/marathon/apps/web_nginx/current"),
        (Path::Failure(id("/web/nginx")), "/marathon/apps/web_nginx/failure"),
        (
            Path::Version(id("/web/nginx"), Timestamp::from_millis(7)),
            "/marathon/apps/web_nginx/versions/7",
        ),
        (Path::Instance(InstanceId::new("a.instance-1")), "/marathon/instances/a.instance-1"),
        (Path::Deployment(DeploymentId::new("d")), "/marathon/deployments/d"),
        (Path::DeploymentPart(DeploymentId::new("d"), 12), "/marathon/deployments/d/12"),
    ];
    for (path, text) in paths {
        assert_eq!(path.to_string(), text);
        assert_eq!(Path::parse(text), Some(path));
    }
    for folder in ["/marathon", "/marathon/apps", "/marathon/apps/a", "/master/root"] {
        assert_eq!(Path::parse(folder), None, "{folder}");
    }
}

#[test]
fn an_instance_reads_back_as_it_was() {
    let id = InstanceId::new("web_nginx.instance-c0caec0a");
    let at = Timestamp::from_millis(1_700_000_000_000);
    let instance = Instance {
        app: identity::app_of(&id).unwrap(),
        version: at,
        goal: Goal::Decommissioned,
        condition: Condition::UnreachableInactive,
        since: at,
        incarnation: 3,
        task: Some(Task {
            id: TaskId::new("web_nginx.instance-c0caec0a._app.3"),
            agent: AgentId::new("M-S0"),
            host: "10.0.0.11".into(),
            attributes: Arc::new(Attributes::parse("rack:a;level:4").unwrap()),
            role: Role::any(),
            state: Some(TaskState::Unreachable),
            staged_at: at,
            started_at: Some(at),
            ports: vec![31_000, 31_001],
            addresses: vec!["172.17.0.2".parse().unwrap(), "::1".parse().unwrap()],
        }),
        healthy: Some(true),
        id: id.clone(),
    };
    let write = put_instance(&instance);
    assert_eq!(read_instance(&write.path, id, &write.value.unwrap()), Ok(instance));
}

#[test]
fn a_definition_reads_back_and_must_be_the_apps_own() {
    let posted = json!({"id": "/web/nginx", "cpus": 0.2, "labels": {"a": "b"},
        "constraints": [["hostname", "UNIQUE", ""]],
        "container": {"docker": {"image": "nginx", "network": "BRIDGE",
            "portMappings": [{"containerPort": 80, "servicePort": 33180}]}}});
    let spec = RunSpec::parse(serde_json::from_value(posted).unwrap()).unwrap();
    let definition = VersionedRunSpec::new(spec, Timestamp::from_millis(5));
    let write = put_version(&definition);
    let bytes = write.value.unwrap();
    assert_eq!(read_version(&write.path, &id("/web/nginx"), &bytes), Ok(definition));
    let error = read_version(&write.path, &id("/other"), &bytes).unwrap_err();
    assert!(error.reason.contains("/web/nginx"), "{error}");
}

/// Bytes as the first version wrote them; later ones must go on reading them.
#[test]
fn records_of_the_first_version_are_read() {
    let root = Bytes::from_static(&[0, 128, 208, 149, 255, 188, 49]);
    assert_eq!(read("/marathon/root", &root), Ok(Timestamp::from_millis(850_000_000_000)));
    let framework = Bytes::from_static(b"\x00\x06M-0000");
    assert_eq!(read("/marathon/framework", &framework), Ok(FrameworkId::new("M-0000")));

    let path = "/marathon/instances/nginx.instance-1";
    let bytes = Bytes::from_static(include_bytes!("golden/instance.v1"));
    let instance = read_instance(path, InstanceId::new("nginx.instance-1"), &bytes).unwrap();
    assert_eq!((instance.condition, instance.incarnation), (Condition::Provisioned, 2));
    assert_eq!(instance.task.unwrap().ports, [31_030]);

    let path = "/marathon/apps/nginx/versions/5";
    let bytes = Bytes::from_static(include_bytes!("golden/version.v1"));
    let definition = read_version(path, &id("/nginx"), &bytes).unwrap();
    assert_eq!(definition.spec.service_ports(), [33_180]);

    let bytes = Bytes::from_static(include_bytes!("golden/deployment.v1"));
    let Ok(Head::V1(deployment)) = read_head("/marathon/deployments/d", &bytes) else { panic!() };
    assert_eq!(deployment.current_step, 2);
    assert_eq!(deployment.steps[0], [("StartApplication".to_owned(), id("/nginx"))]);
}

#[test]
fn a_damaged_record_names_its_path() {
    let error = read::<Timestamp>("/marathon/root", &Bytes::from_static(&[1])).unwrap_err();
    assert!(error.to_string().starts_with("record `/marathon/root` cannot be read: "));
}
