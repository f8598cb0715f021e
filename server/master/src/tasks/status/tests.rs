use model::TaskState;
use wire::link::master_frame;

use crate::fixture::{cluster, frames, offers, resources, task, told, updates, uuid};

const TOTAL: &str = "cpus:4;mem:1000;ports:[31000-31009]";

#[test]
fn an_update_is_passed_on_as_it_came() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let effects = cluster.update("m-S0", "t", TaskState::Running, 2);
    let status = updates(&effects)[0];
    assert_eq!(status.uuid, Some(uuid(2)));
    assert_eq!(status.data.as_deref(), Some(&b"inspect"[..]));
    let kept = cluster.the_task("t");
    assert_eq!(kept.forwarded, Some((TaskState::Running, uuid(2))));
    assert!(kept.statuses.iter().all(|status| status.data.is_none()));
    assert_eq!(kept.statuses.len(), 1, "one status per run of the same state");
}

#[test]
fn a_terminal_update_frees_the_resources_at_once() {
    let mut cluster =
        cluster().agent(TOTAL).framework("F").running("t", "cpus:1;ports:[31005-31005]");
    let effects = cluster.update("m-S0", "t", TaskState::Finished, 2);
    assert!(cluster.the_agent("m-S0").used.is_empty());
    assert_eq!(offers(&effects).len(), 1, "more than what was refused is free now");
    assert_eq!(cluster.the_task("t").state, TaskState::Finished, "it stays until acknowledged");
    assert_eq!(cluster.master.counters.tasks_finished, 1);
}

#[test]
fn a_repeated_terminal_update_counts_once() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.update("m-S0", "t", TaskState::Failed, 2);
    let effects = cluster.update("m-S0", "t", TaskState::Failed, 2);
    assert_eq!(updates(&effects).len(), 1);
    assert_eq!(cluster.master.counters.tasks_failed, 1);
    assert_eq!(
        cluster.the_agent("m-S0").free(),
        resources(TOTAL).checked_sub(&cluster.the_agent("m-S0").offered).unwrap()
    );
}

#[test]
fn an_update_of_a_task_that_is_not_known_is_passed_on_too() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let effects = cluster.update("m-S0", "x", TaskState::Failed, 2);
    assert_eq!(updates(&effects).len(), 1, "or the agent would send it for ever");
    assert_eq!(cluster.master.counters.invalid_status_updates, 1);
}

#[test]
fn an_update_while_the_framework_is_away_is_kept_by_the_agent() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_stream(0);
    let effects = cluster.update("m-S0", "t", TaskState::Finished, 2);
    assert!(updates(&effects).is_empty());
    assert_eq!(cluster.the_task("t").state, TaskState::Finished);
    assert!(frames(&effects).is_empty(), "nothing is acknowledged in the framework's name");
}

#[test]
fn a_task_whose_id_runs_elsewhere_by_now_is_killed_on_the_returning_agent() {
    let mut cluster = cluster().agent(TOTAL).agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_link("m-S0");
    cluster.wait(20);
    // The framework may not use an unreachable task's id again, but a new master does not know it.
    let mut cluster = cluster.fail_over();
    let mut info = crate::fixture::framework_info("F");
    info.id = Some(wire::mesos::v1::FrameworkId { value: "m-0000".into() });
    cluster.subscribe(info);
    cluster.reregister("m-S1", TOTAL, &[(task("t@m-S1", "cpus:1"), TaskState::Running)]);
    let effects = cluster.reregister("m-S0", TOTAL, &[(task("t", "cpus:1"), TaskState::Running)]);
    assert!(matches!(frames(&effects)[1], master_frame::Body::KillTask(_)));
    assert_eq!(cluster.the_task("t").agent.as_str(), "m-S1");
    assert!(told(&effects).is_empty());
}

#[test]
fn a_framework_that_does_not_know_partitions_is_told_lost_by_agents_too() {
    let mut cluster = cluster().agent(TOTAL);
    let mut info = crate::fixture::framework_info("F");
    info.capabilities.clear();
    cluster.subscribe(info);
    let mut cluster = cluster.running("t", "cpus:1");
    let effects = cluster.update("m-S0", "t", TaskState::Gone, 2);
    assert_eq!(updates(&effects)[0].state, TaskState::Lost.number());
    assert_eq!(cluster.the_task("t").state, TaskState::Lost);
    assert_eq!(cluster.master.counters.tasks_lost, 1);
}

#[test]
fn an_update_for_a_framework_that_has_ended_ends_its_tasks_at_the_agent() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let teardown =
        crate::Command::Teardown { request: model::RequestId(9), framework: "m-0000".into() };
    cluster.apply(teardown);
    let effects = cluster.update("m-S0", "t", TaskState::Running, 2);
    assert!(updates(&effects).is_empty());
    assert!(matches!(
        frames(&effects)[..],
        [master_frame::Body::ShutdownFramework(over)] if over.framework_id.value == "m-0000"
    ));
}

#[test]
fn a_task_that_has_ended_at_its_agent_frees_what_it_held_before_that_is_reported() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let link = cluster.the_agent("m-S0").link.unwrap();
    let mut update = wire::link::UpdateStatus {
        framework_id: wire::mesos::v1::FrameworkId { value: "m-0000".into() },
        latest_state: TaskState::Finished.number(),
        ..wire::link::UpdateStatus::default()
    };
    update.status.task_id.value = "t".into();
    update.status.state = TaskState::Running.number();
    update.status.uuid = Some(uuid(2));
    let effects = cluster.frame(link, wire::link::agent_frame::Body::UpdateStatus(update));
    assert_eq!(updates(&effects)[0].state, TaskState::Running.number(), "in order");
    assert!(cluster.the_agent("m-S0").used.is_empty());
    let kept = cluster.the_task("t");
    assert_eq!(
        (kept.state, kept.forwarded.clone().unwrap().0),
        (TaskState::Finished, TaskState::Running)
    );
}

#[test]
fn an_older_update_does_not_bring_a_task_back_to_life() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.update("m-S0", "t", TaskState::Failed, 2);
    cluster.update("m-S0", "t", TaskState::Running, 3);
    assert_eq!(cluster.the_task("t").state, TaskState::Failed);
    assert!(cluster.the_agent("m-S0").used.is_empty());
    assert_eq!(cluster.master.counters.tasks_failed, 1);
}

#[test]
fn an_agent_says_nothing_about_the_tasks_of_another() {
    let mut cluster = cluster().agent(TOTAL).agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.update("m-S1", "t", TaskState::Failed, 2);
    assert_eq!(cluster.the_task("t").state, TaskState::Running);
    assert_eq!(cluster.the_agent("m-S0").used, resources("cpus:1"));
    assert_eq!(cluster.master.counters.invalid_status_updates, 1);
}
