use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AgentId, Attributes, Role, TaskId, TaskState};
use serde_json::json;

use super::*;
use crate::deployment::{Action, ActionKind, Deployment, DeploymentPlan, DeploymentStep, Intent};
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
            news: None,
        }),
        healthy: Some(true),
        checks: Default::default(),
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

/// What is stored of a plan, and put together again.
fn stored_and_read(plan: DeploymentPlan, current_step: usize, size: usize) -> StoredDeployment {
    let id = plan.id.clone();
    let written = put_parts(&plan, size);
    let mut parts = BTreeMap::new();
    for write in &written {
        let Some(Path::DeploymentPart(of, number)) = Path::parse(&write.path) else { panic!() };
        assert_eq!(of, id);
        parts.insert((of, number), read_part(&write.path, write.value.as_ref().unwrap()).unwrap());
    }
    let count = u32::try_from(written.len()).unwrap();
    let head = put_head(&Deployment { plan: Arc::new(plan), current_step }, count);
    let Ok(Head::V2(head)) = read_head(&head.path, &head.value.unwrap()) else { panic!() };
    let read = head.assemble(&id, &mut parts).unwrap();
    assert!(parts.is_empty(), "every part is used");
    read
}

proptest::proptest! {
    #[test]
    fn a_deployment_reads_back_from_parts_of_any_size(
        apps in proptest::collection::vec((0..4_u8, 1..4_i64, 0..3_usize), 0..20),
        size in 1..8_usize,
        current_step in 1..5_usize,
    ) {
        let definition = |app: &AppId, version: i64| {
            let posted = json!({"id": app.to_string(),
                "container": {"docker": {"image": "x", "network": "BRIDGE"}}});
            let spec = RunSpec::parse(serde_json::from_value(posted).unwrap()).unwrap();
            Arc::new(VersionedRunSpec::new(spec, Timestamp::from_millis(version)))
        };
        // Whatever plan there may be: in any step, with any action, also with two.
        let mut steps = vec![DeploymentStep { actions: Vec::new() }; 4];
        let mut intents = Vec::new();
        for (number, (step, version, more)) in apps.iter().enumerate() {
            let app = id(&format!("/app-{number:02}"));
            let kinds = [ActionKind::Start, ActionKind::Scale, ActionKind::Restart, ActionKind::Stop];
            for (at, kind) in kinds.into_iter().enumerate().take(more + 1) {
                let step = (usize::from(*step) + at) % 4;
                steps[step].actions.push(Action { kind, app: app.clone() });
            }
            let original = (version % 2 == 0).then(|| definition(&app, version - 1));
            let target = (version % 3 != 0).then(|| definition(&app, *version));
            intents.push(Intent { app, original, target });
        }
        while steps.last().is_some_and(|step| step.actions.is_empty()) {
            steps.pop();
        }
        let wanted_steps: Vec<Vec<(String, AppId)>> = steps.iter().map(|step| {
            step.actions.iter().map(|a| (a.kind.name().to_owned(), a.app.clone())).collect()
        }).collect();
        let version = Timestamp::from_millis(9);
        let plan = DeploymentPlan::new(DeploymentId::new("d"), version, steps, intents.clone());
        let read = stored_and_read(plan, current_step, size);
        proptest::prop_assert_eq!(read.steps, wanted_steps);
        proptest::prop_assert_eq!((read.version, read.current_step), (version, current_step));
        let of = |definition: Option<Arc<VersionedRunSpec>>| definition.map(|d| d.version);
        let wanted: Vec<_> =
            intents.into_iter().map(|i| (i.app, of(i.original), of(i.target))).collect();
        proptest::prop_assert_eq!(read.intents, wanted);
    }
}
