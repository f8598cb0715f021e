use model::TaskState;
use wire::link::master_frame;
use wire::mesos::v1 as pb;
use wire::mesos::v1::scheduler::{Call, call};

use crate::fixture::{Cluster, cluster, frames, task, uuid};

const TOTAL: &str = "cpus:4;mem:1000";

fn acknowledge(cluster: &mut Cluster, agent: &str, id: &str, n: u8) -> Vec<crate::Effect> {
    let acknowledge = call::Acknowledge {
        agent_id: pb::AgentId { value: agent.into() },
        task_id: pb::TaskId { value: id.into() },
        uuid: uuid(n),
    };
    let r#type = Some(call::Type::Acknowledge.into());
    cluster.call(Call { r#type, acknowledge: Some(acknowledge), ..Call::default() })
}

#[test]
fn an_acknowledgement_reaches_the_agent() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let effects = acknowledge(&mut cluster, "m-S0", "t", 1);
    assert!(matches!(
        frames(&effects)[0],
        master_frame::Body::AcknowledgeUpdate(update) if update.uuid == uuid(1)
    ));
    assert_eq!(cluster.master.counters.valid_status_update_acknowledgements, 1);
    assert_eq!(cluster.the_task("t").state, TaskState::Running);
}

#[test]
fn a_task_is_history_once_its_last_update_is_acknowledged() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.update("m-S0", "t", TaskState::Finished, 2);
    acknowledge(&mut cluster, "m-S0", "t", 1);
    assert_eq!(cluster.the_framework().tasks.len(), 1, "that was the one before");
    acknowledge(&mut cluster, "m-S0", "t", 2);
    let framework = cluster.the_framework();
    assert!(framework.tasks.is_empty());
    assert_eq!(framework.completed_tasks[0].state, TaskState::Finished);
    assert!(cluster.the_agent("m-S0").tasks.is_empty());
}

#[test]
fn an_acknowledgement_of_what_was_never_forwarded_is_dropped() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    cluster.accept(&[offer], &[task("t", "cpus:1")]);
    let effects = acknowledge(&mut cluster, "m-S0", "t", 1);
    assert!(frames(&effects).is_empty());
    assert_eq!(cluster.master.counters.invalid_status_update_acknowledgements, 1);
}

#[test]
fn an_acknowledgement_for_an_absent_agent_is_dropped() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_link("m-S0");
    assert!(frames(&acknowledge(&mut cluster, "m-S0", "t", 1)).is_empty());
    assert!(frames(&acknowledge(&mut cluster, "m-S7", "t", 1)).is_empty());
    assert_eq!(cluster.master.counters.invalid_status_update_acknowledgements, 2);
}

#[test]
fn an_acknowledgement_of_a_task_not_known_is_passed_on() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    assert_eq!(frames(&acknowledge(&mut cluster, "m-S0", "x", 1)).len(), 1);
}

#[test]
fn history_is_bounded() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    std::sync::Arc::make_mut(&mut cluster.master.config).max_completed_tasks = 2;
    for n in 0..3 {
        let id = format!("t{n}");
        let offer = cluster.offer_on("m-S0");
        cluster.accept(&[offer], &[task(&id, "cpus:1")]);
        cluster.update("m-S0", &id, TaskState::Finished, n);
        acknowledge(&mut cluster, "m-S0", &id, n);
    }
    let kept: Vec<_> =
        cluster.the_framework().completed_tasks.iter().map(|t| t.id.to_string()).collect();
    assert_eq!(kept, ["t1", "t2"]);
}

#[test]
fn an_acknowledgement_of_an_earlier_state_does_not_end_a_task_that_has_ended() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let link = cluster.the_agent("m-S0").link.unwrap();
    let mut update = wire::link::UpdateStatus {
        framework_id: pb::FrameworkId { value: "m-0000".into() },
        latest_state: TaskState::Finished.number(),
        ..wire::link::UpdateStatus::default()
    };
    update.status.task_id.value = "t".into();
    update.status.state = TaskState::Running.number();
    update.status.uuid = Some(uuid(1));
    cluster.frame(link, wire::link::agent_frame::Body::UpdateStatus(update));
    acknowledge(&mut cluster, "m-S0", "t", 1);
    assert_eq!(cluster.the_task("t").state, TaskState::Finished, "the last update is to come");
    cluster.update("m-S0", "t", TaskState::Finished, 2);
    acknowledge(&mut cluster, "m-S0", "t", 2);
    assert!(cluster.the_framework().tasks.is_empty());
}

#[test]
fn a_repeated_acknowledgement_is_passed_on_and_changes_nothing() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.update("m-S0", "t", TaskState::Finished, 2);
    acknowledge(&mut cluster, "m-S0", "t", 2);
    let effects = acknowledge(&mut cluster, "m-S0", "t", 2);
    assert_eq!(frames(&effects).len(), 1, "the agent ignores what does not fit");
    assert_eq!(cluster.the_framework().completed_tasks.len(), 1);
}
