//! Bodies of the reference (marathon.md §15.2, §15.3, §15.8).

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;
use model::{AgentId, AppId, InstanceId, Instant, Role, TaskId, TaskState, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::deployment::{Action, ActionKind, Deployment, DeploymentPlan, DeploymentStep};
use crate::effect::Deploying;
use crate::identity::DeploymentId;
use crate::instance::{Condition, Counts, Goal, Instance, Task};
use crate::queue::{OfferStatistics, QueueEntry, RejectReason};
use crate::run_spec::{RunSpec, VersionInfo, VersionedRunSpec, read};
use crate::snapshot::{App, Snapshot, TaskFailure};

const RUNNING: &str = "nginx.instance-3f6a2c10-8d1e-11ee-9c41-02420a000001";
const STAGED: &str = "nginx.instance-f9b51d72-8d1f-11ee-9c41-02420a000001";
const DEPLOYMENT: &str = "8c1c5b0e-2f57-4d0b-a7a3-51d0a3f1b2c2";

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn nginx() -> RunSpec {
    let file = include_bytes!("../../tests/fixtures/nginx-fixed-port.json");
    RunSpec::parse(read(file).unwrap()).unwrap().with_instances(2)
}

fn definition_at(version: &str) -> Arc<VersionedRunSpec> {
    let created = time("2023-11-27T08:15:02.417Z");
    let info = VersionInfo { last_scaling_at: time(version), last_config_change_at: created };
    Arc::new(VersionedRunSpec { spec: nginx(), version: time(version), info })
}

fn instance(id: &str, host: &str, agent: &str, state: Option<TaskState>) -> Arc<Instance> {
    let is_running = state == Some(TaskState::Running);
    let version = if is_running { "2023-11-27T08:15:02.417Z" } else { "2023-11-27T08:20:41.050Z" };
    Arc::new(Instance {
        id: InstanceId::new(id),
        app: AppId::parse("/nginx").unwrap(),
        version: time(version),
        goal: Goal::Running,
        condition: if is_running { Condition::Running } else { Condition::Provisioned },
        since: time(version),
        incarnation: 1,
        task: Some(Task {
            id: TaskId::new(format!("{id}._app.1")),
            agent: AgentId::new(format!("5a1c0f5e-1d3b-4c55-9a0e-7a2f6d1e0b01-{agent}")),
            host: host.into(),
            attributes: Arc::default(),
            role: Role::any(),
            state,
            staged_at: time("2023-11-27T08:15:03.020Z"),
            started_at: is_running.then(|| time("2023-11-27T08:15:06.311Z")),
            ports: vec![31_030],
            addresses: if is_running { vec!["172.17.0.2".parse().unwrap()] } else { Vec::new() },
            news: None,
        }),
        healthy: None,
        checks: Default::default(),
    })
}

/// One task runs, the second was just accepted; the deployment that scales is in its only step.
fn scaling() -> Snapshot {
    let id = AppId::parse("/nginx").unwrap();
    let instances = [
        instance(RUNNING, "10.0.0.11", "S0", Some(TaskState::Running)),
        instance(STAGED, "10.0.0.13", "S2", None),
    ];
    let mut counts = Counts::default();
    for instance in &instances {
        counts.add(Counts::of(instance));
    }
    let definition = definition_at("2023-11-27T08:20:41.050Z");
    let deployment = DeploymentId::new(DEPLOYMENT);
    let action = Action { kind: ActionKind::Scale, app: id.clone() };
    let steps = vec![DeploymentStep { actions: vec![action] }];
    let plan = DeploymentPlan::new(deployment.clone(), definition.version, steps, Vec::new());
    let by_id = instances.into_iter().map(|instance| (instance.id.clone(), instance)).collect();
    Snapshot {
        apps: OrdMap::unit(id.clone(), Arc::new(App { definition, counts, last_failure: None })),
        instances: OrdMap::unit(id.clone(), by_id),
        deployments: OrdMap::unit(
            deployment.clone(),
            Arc::new(Deployment { plan: Arc::new(plan), current_step: 1 }),
        ),
        locks: OrdMap::unit(id, deployment),
        ..Snapshot::default()
    }
}

fn json_of(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn only_app(snapshot: &Snapshot) -> &Arc<App> {
    snapshot.apps.values().next().unwrap()
}

#[test]
fn an_app_that_is_being_scaled() {
    let snapshot = scaling();
    let body = json_of(app_with_status(&snapshot, only_app(&snapshot), Embed::SINGLE));
    let running = json!({
        "appId": "/nginx", "healthCheckResults": [], "host": "10.0.0.11",
        "id": format!("{RUNNING}._app.1"),
        "ipAddresses": [{"ipAddress": "172.17.0.2", "protocol": "IPv4"}], "ports": [31030],
        "servicePorts": [], "slaveId": "5a1c0f5e-1d3b-4c55-9a0e-7a2f6d1e0b01-S0",
        "state": "TASK_RUNNING", "stagedAt": "2023-11-27T08:15:03.020Z",
        "startedAt": "2023-11-27T08:15:06.311Z", "version": "2023-11-27T08:15:02.417Z",
        "localVolumes": [], "role": "*",
    });
    let staged = json!({
        "appId": "/nginx", "healthCheckResults": [], "host": "10.0.0.13",
        "id": format!("{STAGED}._app.1"), "ipAddresses": [], "ports": [31030],
        "servicePorts": [], "slaveId": "5a1c0f5e-1d3b-4c55-9a0e-7a2f6d1e0b01-S2",
        "state": "TASK_STAGING", "stagedAt": "2023-11-27T08:15:03.020Z",
        "version": "2023-11-27T08:20:41.050Z", "localVolumes": [], "role": "*",
    });
    assert_eq!(
        body,
        json!({
            "id": "/nginx", "backoffFactor": 1.15, "backoffSeconds": 1,
            "constraints": [["hostname", "UNIQUE"]],
            "container": {
                "type": "DOCKER",
                "docker": {"forcePullImage": false, "image": "docker.io/nginx", "parameters": [], "privileged": false},
                "volumes": [],
                "portMappings": [{"containerPort": 80, "hostPort": 31030, "labels": {}, "protocol": "tcp", "servicePort": 33180}],
            },
            "cpus": 0.2, "disk": 0.0, "executor": "", "instances": 2, "labels": {},
            "maxLaunchDelaySeconds": 300, "mem": 32.0, "gpus": 0,
            "networks": [{"mode": "container/bridge"}], "requirePorts": false,
            "upgradeStrategy": {"maximumOverCapacity": 1.0, "minimumHealthCapacity": 1.0},
            "version": "2023-11-27T08:20:41.050Z",
            "versionInfo": {"lastScalingAt": "2023-11-27T08:20:41.050Z", "lastConfigChangeAt": "2023-11-27T08:15:02.417Z"},
            "killSelection": "YOUNGEST_FIRST",
            "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}, "role": "*",
            "tasksStaged": 1, "tasksRunning": 1, "tasksHealthy": 0, "tasksUnhealthy": 0,
            "deployments": [{"id": DEPLOYMENT}], "tasks": [running, staged],
        })
    );
}

#[test]
fn embeds_add_to_what_is_always_there() {
    let snapshot = scaling();
    let list = json_of(app_with_status(&snapshot, only_app(&snapshot), Embed::LIST));
    assert_eq!((list.get("tasks"), &list["tasksRunning"]), (None, &json!(1)));
    let embed = ["apps.tasks", "nonsense"].iter().fold(Embed::LIST, |all, name| all.with(name));
    let with_tasks = json_of(app_with_status(&snapshot, only_app(&snapshot), embed));
    assert_eq!(with_tasks["tasks"].as_array().unwrap().len(), 2);
}

#[test]
fn the_last_failure_is_shown_if_there_was_one() {
    let snapshot = scaling();
    let failure = TaskFailure {
        task: TaskId::new(format!("{RUNNING}._app.1")),
        state: TaskState::Failed,
        message: "Container exited with status 137".to_owned(),
        host: "10.0.0.11".to_owned(),
        agent: Some(AgentId::new("5a1c0f5e-1d3b-4c55-9a0e-7a2f6d1e0b01-S0")),
        version: time("2023-11-27T08:15:02.417Z"),
        timestamp: time("2023-11-27T09:02:11.004Z"),
    };
    let app = App { last_failure: Some(Arc::new(failure)), ..(**only_app(&snapshot)).clone() };
    let body = json_of(app_with_status(&snapshot, &app, Embed::SINGLE));
    assert_eq!(
        body["lastTaskFailure"],
        json!({
            "appId": "/nginx", "host": "10.0.0.11", "message": "Container exited with status 137",
            "state": "TASK_FAILED", "taskId": format!("{RUNNING}._app.1"),
            "timestamp": "2023-11-27T09:02:11.004Z", "version": "2023-11-27T08:15:02.417Z",
            "slaveId": "5a1c0f5e-1d3b-4c55-9a0e-7a2f6d1e0b01-S0",
        })
    );
}

#[test]
fn a_created_app_has_no_version_info_and_no_service_port_yet() {
    let deploying = Deploying {
        id: DeploymentId::new(DEPLOYMENT),
        version: time("2023-11-27T08:15:02.417Z"),
        apps: vec![definition_at("2023-11-27T08:15:02.417Z")],
    };
    let body = json_of(created_app(&nginx().with_instances(1), &deploying));
    assert_eq!((body.get("versionInfo"), body.get("tasks")), (None, None));
    assert_eq!(body["version"], "2023-11-27T08:15:02.417Z");
    assert_eq!(body["deployments"], json!([{"id": DEPLOYMENT}]));
    let result = json_of(deployment_result(&deploying));
    assert_eq!(result, json!({"deploymentId": DEPLOYMENT, "version": "2023-11-27T08:15:02.417Z"}));
}

#[test]
fn a_running_deployment() {
    let snapshot = scaling();
    assert_eq!(
        json_of(deployments(&snapshot)),
        json!([{
            "id": DEPLOYMENT, "steps": [{"actions": [{"action": "ScaleApplication", "app": "/nginx"}]}],
            "version": "2023-11-27T08:20:41.050Z", "affectedApps": ["/nginx"], "affectedPods": [],
            "currentActions": [{"action": "ScaleApplication", "app": "/nginx", "readinessCheckResults": []}],
            "currentStep": 1, "totalSteps": 1,
        }])
    );
    let accepted =
        Deployment { current_step: 0, ..(**snapshot.deployments.values().next().unwrap()).clone() };
    let body = json_of(deployment(&Snapshot::default(), &accepted));
    assert_eq!((&body["currentStep"], &body["currentActions"]), (&json!(0), &json!([])));
}

#[test]
fn the_text_form_lists_running_tasks_with_a_tab_before_each_line_end() {
    let snapshot = scaling();
    assert_eq!(tasks_text(&snapshot, &snapshot.apps), "nginx\t33180\t10.0.0.11:31030\t\n");
    assert_eq!(json_of(all_tasks(&snapshot, &[]))[0]["servicePorts"], json!([33180]));
    assert_eq!(all_tasks(&snapshot, &[Condition::Running]).len(), 1);
}

#[test]
fn a_task_that_waits_for_relaunch_keeps_only_its_state() {
    let running = instance(RUNNING, "10.0.0.11", "S0", Some(TaskState::Running));
    let mut failed = Instance { condition: Condition::Failed, ..(*running).clone() };
    failed.task.as_mut().unwrap().state = Some(TaskState::Failed);
    let body = json_of(task(&failed).unwrap());
    assert_eq!((&body["state"], &body["ports"]), (&json!("TASK_FAILED"), &json!([])));
    for member in ["stagedAt", "startedAt", "version"] {
        assert_eq!(body.get(member), None, "{member}");
    }
    failed.task = None;
    assert_eq!(task(&failed), None);
}

#[test]
fn the_queue_says_why_an_app_waits() {
    let mut snapshot = scaling();
    let id = AppId::parse("/nginx").unwrap();
    let offers = OfferStatistics {
        processed: 15,
        unused: 12,
        last_unused_at: Some(time("2023-11-27T08:56:40.512Z")),
        last_used_at: None,
        declined: BTreeMap::from([(RejectReason::UnfulfilledConstraint, 12)]),
        last_unused: OrdMap::new(),
    };
    let entry = QueueEntry {
        app: id.clone(),
        count: 1,
        since: time("2023-11-27T08:50:00.141Z"),
        delayed_until: Some(Instant::from_millis(12_500)),
        offers: Arc::new(offers),
    };
    snapshot.queue.insert(id, Arc::new(entry));
    let body = json_of(launch_queue(&snapshot, Instant::from_secs(10), false));
    let item = &body["queue"][0];
    assert_eq!(item["delay"], json!({"timeLeftSeconds": 2, "overdue": false}));
    assert_eq!((&item["count"], &item["role"]), (&json!(1), &json!("*")));
    assert_eq!((item.get("lastUnusedOffers"), item["app"].get("tasks")), (None, None));
    let summary = &item["processedOffersSummary"];
    assert_eq!(summary.get("lastUsedOfferAt"), None);
    let steps = summary["rejectSummaryLaunchAttempt"].as_array().unwrap();
    assert_eq!(steps.len(), 10);
    assert_eq!(
        steps[1],
        json!({"reason": "UnfulfilledConstraint", "declined": 12, "processed": 15})
    );
    assert_eq!(
        steps[9],
        json!({"reason": "DeclinedScarceResources", "declined": 0, "processed": 3})
    );
    let with_offers = json_of(launch_queue(&snapshot, Instant::ZERO, true));
    assert_eq!(with_offers["queue"][0]["lastUnusedOffers"], json!([]));
}
