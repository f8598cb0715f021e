use model::TaskState;
use wire::link::master_frame;
use wire::mesos::v1 as pb;

use crate::fixture::{
    Cluster, cluster, events, frames, framework_info, offered, offers, resources, task, told,
};
use crate::record::{AgentRecord, Record, Standing};
use crate::{Config, Connection, Master};

const TOTAL: &str = "cpus:4;mem:1000";

fn failed_over() -> Cluster {
    cluster().agent(TOTAL).framework("F").running("t", "cpus:1").fail_over()
}

#[test]
fn frameworks_and_agents_are_known_again_from_their_records() {
    let cluster = failed_over();
    let framework = cluster.the_framework();
    assert!(matches!(framework.connection, Connection::Recovered(_)));
    assert_eq!(framework.info.name, "F");
    let snapshot = cluster.master.snapshot();
    assert!(snapshot.agents.is_empty());
    assert_eq!(snapshot.recovered_agents.keys().next().unwrap().as_str(), "m-S0");
}

#[test]
fn a_returning_agent_brings_its_tasks_and_the_rest_is_offered() {
    let mut cluster = failed_over();
    cluster.resubscribe();
    let held = [(task("t", "cpus:1"), TaskState::Running)];
    let effects = cluster.reregister("m-S0", TOTAL, &held);
    assert!(told(&effects).is_empty());
    assert_eq!(cluster.the_task("t").state, TaskState::Running);
    assert_eq!(cluster.the_agent("m-S0").used, resources("cpus:1"));
    assert_eq!(offered(&effects), resources("cpus:3;mem:1000"));
}

#[test]
fn offers_carry_the_new_masters_id() {
    let mut cluster = failed_over();
    cluster.resubscribe();
    let effects = cluster.reregister("m-S0", TOTAL, &[]);
    assert_eq!(offers(&effects)[0].id.value, "n-O0");
    let effects = cluster.accept(&["m-O0".into()], &[task("x", "cpus:1")]);
    assert!(told(&effects)[0].contains("Offer m-O0 is no longer valid"));
}

#[test]
fn an_agent_that_stays_away_for_a_minute_is_unreachable() {
    let mut cluster = failed_over();
    cluster.resubscribe();
    assert!(events(&cluster.wait(58)).iter().all(|event| event.failure.is_none()));
    let effects = cluster.wait(3);
    assert!(events(&effects).iter().any(|event| event.failure.is_some()));
    assert!(cluster.master.agents.unreachable.contains_key("m-S0"));
    let Record::Agent(record) =
        Record::read("/master/agents/m-S0", &cluster.records["/master/agents/m-S0"]).unwrap()
    else {
        panic!("an agent's record")
    };
    assert!(matches!(record.standing, Standing::Unreachable(_)));
}

#[test]
fn an_agent_that_returns_in_time_is_not_given_up() {
    let mut cluster = failed_over();
    cluster.reregister("m-S0", TOTAL, &[]);
    let link = cluster.the_agent("m-S0").link.unwrap();
    cluster.wait_with_pongs(link, 70);
    assert!(cluster.the_agent("m-S0").is_connected());
}

#[test]
fn a_framework_without_a_failover_timeout_survives_the_change_of_the_leader() {
    let mut cluster = cluster();
    cluster.subscribe(pb::FrameworkInfo { failover_timeout: None, ..framework_info("F") });
    let mut cluster = cluster.fail_over();
    cluster.wait(59);
    assert!(cluster.master.frameworks.get(&"m-0000".into()).is_some());
    cluster.wait(2);
    assert!(cluster.master.frameworks.get(&"m-0000".into()).is_none());
}

#[test]
fn agents_of_a_lost_registry_bring_their_frameworks_along() {
    let mut cluster = cluster();
    let held = [(task("t", "cpus:1"), TaskState::Running)];
    cluster.reregister("m-S0", TOTAL, &held);
    assert!(cluster.the_framework().is_recovered());
    assert_eq!(cluster.the_task("t").state, TaskState::Running);
    assert!(cluster.records.contains_key("/master/agents/m-S0"));
}

#[test]
fn what_agents_of_a_lost_registry_brought_outlives_the_next_change_of_the_leader() {
    let mut cluster = cluster();
    let held = [(task("t", "cpus:1"), TaskState::Running)];
    cluster.reregister("m-S0", TOTAL, &held);
    let mut cluster = cluster.fail_over();
    let effects = cluster.reregister("m-S0", TOTAL, &held);
    assert_eq!(frames(&effects).len(), 1, "nothing but the answer: its framework is not ended");
    assert_eq!(cluster.the_task("t").state, TaskState::Running);
}

#[test]
fn unreadable_records_stop_the_recovery() {
    let config: Config = crate::fixture::config("m");
    let records = [("/master/agents/m-S0", &b"\xff"[..])];
    let now = model::Instant::ZERO;
    assert!(Master::recover(config, now, model::Timestamp::from_millis(0), records).is_err());
}

#[test]
fn a_framework_that_ended_before_does_not_come_back_with_an_agent() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_link("m-S0");
    let r#type = Some(pb::scheduler::call::Type::Teardown.into());
    cluster.call(pb::scheduler::Call { r#type, ..Default::default() });
    let mut cluster = cluster.fail_over();
    let effects = cluster.reregister("m-S0", TOTAL, &[(task("t", "cpus:1"), TaskState::Running)]);
    let is_shut_down = |frame: &&master_frame::Body| {
        matches!(frame, master_frame::Body::ShutdownFramework(over)
            if over.framework_id.value == "m-0000")
    };
    assert!(frames(&effects).iter().any(is_shut_down));
    assert!(cluster.master.frameworks.known.is_empty());
    assert!(cluster.the_agent("m-S0").used.is_empty());
}

#[test]
fn an_agent_that_the_operator_gave_up_stays_out_under_the_next_leader() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let Record::Agent(record) =
        Record::read("/master/agents/m-S0", &cluster.records["/master/agents/m-S0"]).unwrap()
    else {
        panic!("an agent's record")
    };
    let standing = Standing::Gone(model::Timestamp::from_millis(5));
    let write = AgentRecord { standing, ..*record }.put();
    cluster.records.insert(write.path, write.value.unwrap());
    let mut cluster = cluster.fail_over();
    let effects = cluster.reregister("m-S0", TOTAL, &[(task("t", "cpus:1"), TaskState::Running)]);
    let master_frame::Body::Refused(refused) = frames(&effects)[0] else { panic!("refused") };
    assert_eq!(refused.reason(), wire::link::refused::Reason::AgentGone);
    assert!(cluster.master.agents.registered.is_empty());
}

#[test]
fn an_unreachable_agent_is_still_so_under_the_next_leader_and_may_return() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_link("m-S0");
    cluster.wait(20);
    let mut cluster = cluster.fail_over();
    cluster.resubscribe();
    assert!(cluster.master.agents.unreachable.contains_key("m-S0"));
    let effects = cluster.reregister("m-S0", TOTAL, &[(task("t", "cpus:1"), TaskState::Running)]);
    assert_eq!(told(&effects), ["TASK_RUNNING: Agent reregistered"]);
    assert!(cluster.master.agents.unreachable.is_empty());
}

#[test]
fn updates_that_come_before_the_framework_are_kept_for_it() {
    let mut cluster = failed_over();
    cluster.reregister("m-S0", TOTAL, &[(task("t", "cpus:1"), TaskState::Running)]);
    cluster.update("m-S0", "t", TaskState::Failed, 4);
    let effects = cluster.resubscribe();
    assert_eq!(crate::fixture::updates(&effects)[0].uuid, Some(crate::fixture::uuid(4)));
}

#[test]
fn calls_on_a_stream_of_the_earlier_leader_are_refused() {
    let mut cluster = failed_over();
    let r#type = Some(pb::scheduler::call::Type::Revive.into());
    let call = || pb::scheduler::Call { r#type, ..Default::default() };
    let old = Some(crate::StreamId::new("stream-0"));
    let refusal = |effects: &[crate::Effect]| match crate::fixture::reply(effects) {
        crate::Reply::Refused(refusal) => refusal,
        crate::Reply::Accepted | crate::Reply::Done => panic!("the call was accepted"),
    };
    let effects = cluster.call_by(old.clone(), "m-0000", call());
    assert_eq!(refusal(&effects), crate::Refusal::NotSubscribed);
    cluster.resubscribe();
    let effects = cluster.call_by(old, "m-0000", call());
    assert!(matches!(refusal(&effects), crate::Refusal::OtherStream { .. }));
}
