use model::TaskState;
use wire::mesos::v1 as pb;
use wire::mesos::v1::scheduler::Call;
use wire::mesos::v1::scheduler::call::{self, reconcile};
use wire::mesos::v1::task_status::{Reason, Source};

use crate::fixture::{Cluster, cluster, framework_info, task, told, updates};

const TOTAL: &str = "cpus:4;mem:1000";

fn reconcile(cluster: &mut Cluster, tasks: &[(&str, Option<&str>)]) -> Vec<crate::Effect> {
    let tasks = tasks.iter().map(|(id, agent)| reconcile::Task {
        task_id: pb::TaskId { value: (*id).into() },
        agent_id: agent.map(|agent| pb::AgentId { value: agent.into() }),
    });
    let reconcile = Some(call::Reconcile { tasks: tasks.collect() });
    let r#type = Some(call::Type::Reconcile.into());
    cluster.call(Call { r#type, reconcile, ..Call::default() })
}

#[test]
fn asking_for_nothing_answers_for_everything() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let effects = reconcile(&mut cluster, &[]);
    assert_eq!(told(&effects), ["TASK_RUNNING: Reconciliation: Latest task state"]);
    let status = updates(&effects)[0];
    assert_eq!((status.source(), status.reason()), (Source::Master, Reason::Reconciliation));
    assert!(status.uuid.is_none() && status.data.is_none() && status.executor_id.is_none());
}

#[test]
fn a_known_task_is_answered_with_its_last_forwarded_state() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_stream(0);
    cluster.resubscribe();
    let effects = reconcile(&mut cluster, &[("t", None)]);
    assert_eq!(told(&effects), ["TASK_RUNNING: Reconciliation: Latest task state"]);
}

#[test]
fn the_task_of_an_agent_that_is_not_back_yet_is_not_answered() {
    let cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let mut cluster = cluster.fail_over();
    cluster.resubscribe();
    assert!(told(&reconcile(&mut cluster, &[("t", Some("m-S0"))])).is_empty());
    assert!(told(&reconcile(&mut cluster, &[("t", None)])).is_empty());
    cluster.reregister("m-S0", TOTAL, &[(task("t", "cpus:1"), TaskState::Running)]);
    let effects = reconcile(&mut cluster, &[("t", Some("m-S0"))]);
    assert_eq!(told(&effects), ["TASK_RUNNING: Reconciliation: Latest task state"]);
}

#[test]
fn each_of_the_rules_has_its_own_answer() {
    let mut cluster = cluster().agent(TOTAL).agent(TOTAL).framework("F");
    cluster.close_link("m-S1");
    let other = crate::LinkId(0);
    cluster.wait_with_pongs(other, 20);
    cluster.master.agents.gone.insert("m-S8".into());
    for (agent, answer) in [
        (Some("m-S0"), "TASK_GONE: Reconciliation: Task is unknown to the agent"),
        (Some("m-S1"), "TASK_UNREACHABLE: Reconciliation: Task is unreachable"),
        (Some("m-S8"), "TASK_GONE_BY_OPERATOR: Reconciliation: Task is gone"),
        (Some("m-S9"), "TASK_UNKNOWN: Reconciliation: Task is unknown"),
        (None, "TASK_UNKNOWN: Reconciliation: Task is unknown"),
    ] {
        assert_eq!(told(&reconcile(&mut cluster, &[("x", agent)])), [answer]);
    }
}

#[test]
fn an_unreachable_task_is_answered_with_the_time_of_the_loss() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_link("m-S0");
    cluster.wait(20);
    for asked in [vec![], vec![("t", None)], vec![("t", Some("m-S0"))]] {
        let effects = reconcile(&mut cluster, &asked);
        assert_eq!(told(&effects), ["TASK_UNREACHABLE: Reconciliation: Task is unreachable"]);
        assert!(updates(&effects)[0].unreachable_time.is_some());
    }
}

#[test]
fn a_task_that_waits_for_its_last_acknowledgement_is_still_known() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.update("m-S0", "t", TaskState::Finished, 2);
    for asked in [vec![], vec![("t", None)]] {
        let effects = reconcile(&mut cluster, &asked);
        assert_eq!(told(&effects), ["TASK_FINISHED: Reconciliation: Latest task state"]);
    }
    let acknowledge = call::Acknowledge {
        agent_id: pb::AgentId { value: "m-S0".into() },
        task_id: pb::TaskId { value: "t".into() },
        uuid: crate::fixture::uuid(2),
    };
    let r#type = Some(call::Type::Acknowledge.into());
    cluster.call(Call { r#type, acknowledge: Some(acknowledge), ..Call::default() });
    assert!(told(&reconcile(&mut cluster, &[])).is_empty());
    let effects = reconcile(&mut cluster, &[("t", None)]);
    assert_eq!(told(&effects), ["TASK_UNKNOWN: Reconciliation: Task is unknown"]);
}

#[test]
fn frameworks_that_know_no_partitions_are_answered_lost() {
    let mut cluster = cluster();
    let mut info = framework_info("F");
    info.capabilities.clear();
    cluster.subscribe(info);
    let effects = reconcile(&mut cluster, &[("x", None)]);
    assert_eq!(told(&effects), ["TASK_LOST: Reconciliation: Task is unknown"]);
}
