use model::TaskState;
use wire::link::master_frame;

use crate::fixture::{cluster, frames, task, told};
use crate::tasks::kill_call;

const TOTAL: &str = "cpus:4;mem:1000";

#[test]
fn a_kill_reaches_the_tasks_agent() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let effects = cluster.call(kill_call("t", None));
    assert!(matches!(
        frames(&effects)[0],
        master_frame::Body::KillTask(kill) if kill.task_id.value == "t"
    ));
}

#[test]
fn a_kill_that_names_another_agent_is_ignored() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let effects = cluster.call(kill_call("t", Some("m-S9")));
    assert!(frames(&effects).is_empty() && told(&effects).is_empty());
}

#[test]
fn a_kill_of_an_unknown_task_is_answered_as_reconciliation_is() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let effects = cluster.call(kill_call("x", Some("m-S0")));
    assert_eq!(told(&effects), ["TASK_GONE: Reconciliation: Task is unknown to the agent"]);
    let effects = cluster.call(kill_call("x", None));
    assert_eq!(told(&effects), ["TASK_UNKNOWN: Reconciliation: Task is unknown"]);
}

#[test]
fn a_kill_waits_for_an_agent_that_is_not_back_after_a_change_of_the_leader() {
    for named in [Some("m-S0"), None] {
        let cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
        let mut cluster = cluster.fail_over();
        let mut info = crate::fixture::framework_info("F");
        info.id = Some(wire::mesos::v1::FrameworkId { value: "m-0000".into() });
        cluster.subscribe(info);
        let effects = cluster.call(kill_call("t", named));
        assert!(told(&effects).is_empty());
        let held = [(task("t", "cpus:1"), TaskState::Running)];
        let effects = cluster.reregister("m-S0", TOTAL, &held);
        assert!(matches!(frames(&effects)[1], master_frame::Body::KillTask(_)), "{named:?}");
    }
}

#[test]
fn a_waiting_kill_is_answered_when_its_agent_does_not_bring_the_task() {
    for named in [Some("m-S0"), None] {
        let mut cluster = cluster().agent(TOTAL).framework("F").fail_over();
        cluster.resubscribe();
        assert!(told(&cluster.call(kill_call("t", named))).is_empty());
        let answer = told(&cluster.reregister("m-S0", TOTAL, &[]));
        let (state, what) = match named {
            Some(_) => ("TASK_GONE", "Task is unknown to the agent"),
            None => ("TASK_UNKNOWN", "Task is unknown"),
        };
        assert_eq!(answer, [format!("{state}: Reconciliation: {what}")]);
        assert!(cluster.master.agents.waiting_kills.is_empty());
    }
}

#[test]
fn a_kill_without_an_agent_waits_for_the_last_one() {
    let mut cluster = cluster().agent(TOTAL).agent(TOTAL).framework("F").fail_over();
    cluster.resubscribe();
    cluster.call(kill_call("t", None));
    assert!(told(&cluster.reregister("m-S0", TOTAL, &[])).is_empty());
    let held = [(task("t@m-S1", "cpus:1"), TaskState::Running)];
    let effects = cluster.reregister("m-S1", TOTAL, &held);
    assert!(told(&effects).is_empty());
    let is_kill = |frame: &&master_frame::Body| matches!(frame, master_frame::Body::KillTask(_));
    assert_eq!(frames(&effects).into_iter().filter(is_kill).count(), 1);
}

#[test]
fn a_waiting_kill_is_answered_when_its_agent_stays_away() {
    let mut cluster = cluster().agent(TOTAL).framework("F").fail_over();
    cluster.resubscribe();
    cluster.call(kill_call("t", Some("m-S0")));
    let effects = cluster.wait(61);
    assert_eq!(told(&effects), ["TASK_UNREACHABLE: Reconciliation: Task is unreachable"]);
}
