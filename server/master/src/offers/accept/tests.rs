use model::TaskState;
use wire::link::master_frame;
use wire::mesos::v1 as pb;
use wire::mesos::v1::scheduler::{Call, call};
use wire::mesos::v1::task_status::Reason;

use crate::fixture::{
    cluster, events, frames, offered, offers, reply, resources, task, told, updates,
};
use crate::{Command, Effect, Reply};

const TOTAL: &str = "cpus:4;mem:1000;ports:[31000-31009]";

fn run_tasks(effects: &[Effect]) -> Vec<&wire::link::RunTask> {
    frames(effects)
        .into_iter()
        .filter_map(|frame| match frame {
            master_frame::Body::RunTask(run) => Some(run.as_ref()),
            master_frame::Body::Registered(_)
            | master_frame::Body::Reregistered(_)
            | master_frame::Body::Refused(_)
            | master_frame::Body::Ping(_)
            | master_frame::Body::KillTask(_)
            | master_frame::Body::AcknowledgeUpdate(_)
            | master_frame::Body::UpdateFramework(_)
            | master_frame::Body::ShutdownFramework(_)
            | master_frame::Body::Shutdown(_) => None,
        })
        .collect()
}

#[test]
fn a_task_is_sent_to_the_offers_agent() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    let effects = cluster.accept(&[offer], &[task("t", "cpus:1;ports:[31003-31003]")]);
    assert_eq!(reply(&effects), Reply::Accepted);
    let run = run_tasks(&effects)[0];
    assert_eq!((run.task.task_id.value.as_str(), run.launch_id.as_str()), ("t", "m-L0"));
    assert_eq!(run.framework.id.as_ref().unwrap().value, "m-0000");
    let allocated = run.task.resources[0].allocation_info.as_ref().unwrap();
    assert_eq!(allocated.role.as_deref(), Some("*"));
    let agent = cluster.the_agent("m-S0");
    assert_eq!(agent.used, resources("cpus:1;ports:[31003-31003]"));
    assert_eq!(cluster.the_task("t").state, TaskState::Staging);
}

#[test]
fn several_tasks_share_an_offer_and_the_rest_is_filtered() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    let effects = cluster.accept(&[offer], &[task("a", "cpus:1"), task("b", "cpus:2")]);
    assert_eq!(run_tasks(&effects).len(), 2);
    assert!(offers(&effects).is_empty(), "the rest is refused for five seconds");
    assert!(offers(&cluster.wait(4)).is_empty());
    let rest = cluster.wait(1);
    assert_eq!(offered(&rest), resources("cpus:1;mem:1000;ports:[31000-31009]"));
}

#[test]
fn a_task_that_wants_too_much_is_an_error_and_stops_no_other() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    let effects =
        cluster.accept(&[offer], &[task("a", "cpus:3"), task("b", "cpus:2"), task("c", "cpus:1")]);
    assert_eq!(run_tasks(&effects).len(), 2);
    let errors = told(&effects);
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].starts_with("TASK_ERROR: Task uses more resources cpus:2 than available cpus:1")
    );
    assert_eq!(updates(&effects)[0].reason(), Reason::TaskInvalid);
    assert_eq!(cluster.master.counters.tasks_error, 1);
}

#[test]
fn an_offer_is_used_once() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    cluster.accept(std::slice::from_ref(&offer), &[task("a", "cpus:1")]);
    let effects = cluster.accept(&[offer], &[task("b", "cpus:1")]);
    assert_eq!(
        told(&effects),
        ["TASK_DROPPED: Task launched with invalid offers: Offer m-O0 is no longer valid"]
    );
    assert_eq!(updates(&effects)[0].reason(), Reason::InvalidOffers);
    assert!(updates(&effects)[0].uuid.is_none());
    assert!(run_tasks(&effects).is_empty());
}

#[test]
fn a_void_call_gives_the_offers_that_stand_back_without_a_filter() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    let effects = cluster.accept(&[offer, "m-O99".into()], &[task("t", "cpus:1")]);
    assert_eq!(told(&effects).len(), 1);
    assert_eq!(offers(&effects)[0].id.value, "m-O1");
}

#[test]
fn offers_of_two_agents_cannot_be_used_together() {
    let mut cluster = cluster().agent(TOTAL).agent(TOTAL).framework("F");
    let both = [cluster.offer_on("m-S0"), cluster.offer_on("m-S1")];
    let effects = cluster.accept(&both, &[task("t", "cpus:1")]);
    assert!(told(&effects)[0].contains("Aggregated offers must belong to one single agent"));
}

#[test]
fn two_offers_of_one_agent_are_used_together() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("a", "cpus:2");
    cluster.wait_with_pongs(crate::LinkId(0), 6);
    let first = cluster.offer_on("m-S0");
    cluster.update("m-S0", "a", TaskState::Finished, 2);
    let offers: Vec<_> = cluster.master.offers.keys().cloned().collect();
    assert_eq!(offers.len(), 2);
    assert!(offers.contains(&first));
    let effects = cluster.accept(&offers, &[task("b", "cpus:4")]);
    assert_eq!(run_tasks(&effects).len(), 1);
}

#[test]
fn another_frameworks_offer_is_not_valid() {
    let mut cluster = cluster().agent(TOTAL).framework("G").framework("F");
    let offer = cluster.offer_on("m-S0");
    let owner = cluster.master.offers.get(&offer).unwrap().framework.clone();
    assert_eq!(owner.as_str(), "m-0000");
    let stream = Some(crate::StreamId::new("stream-1"));
    let decline = call::Decline {
        offer_ids: vec![pb::OfferId { value: offer.to_string() }],
        ..call::Decline::default()
    };
    let r#type = Some(call::Type::Decline.into());
    cluster.call_by(stream, "m-0001", Call { r#type, decline: Some(decline), ..Call::default() });
    assert!(cluster.master.offers.contains_key(&offer), "it cannot be declined either");
}

#[test]
fn a_declined_offer_comes_back_after_the_time_given() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    let decline = call::Decline {
        offer_ids: vec![pb::OfferId { value: offer.to_string() }],
        filters: Some(pb::Filters { refuse_seconds: Some(60.0) }),
    };
    let r#type = Some(call::Type::Decline.into());
    cluster.call(Call { r#type, decline: Some(decline), ..Call::default() });
    let link = crate::LinkId(0);
    assert!(offers(&cluster.wait_with_pongs(link, 59)).is_empty());
    assert_eq!(offers(&cluster.wait_with_pongs(link, 1)).len(), 1);
}

#[test]
fn a_duplicate_task_id_is_an_error() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.wait_with_pongs(crate::LinkId(0), 5);
    let offer = cluster.offer_on("m-S0");
    let effects = cluster.accept(&[offer], &[task("t", "cpus:1")]);
    assert_eq!(told(&effects), ["TASK_ERROR: Task has duplicate ID: t"]);
    assert_eq!(cluster.the_task("t").state, TaskState::Running);
}

#[test]
fn operations_that_do_not_exist_yet_are_answered() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    let operation = pb::offer::Operation {
        r#type: Some(pb::offer::operation::Type::Reserve.into()),
        id: Some(pb::OperationId { value: "op".into() }),
        ..Default::default()
    };
    let accept = call::Accept {
        offer_ids: vec![pb::OfferId { value: offer.to_string() }],
        operations: vec![operation],
        filters: None,
    };
    let r#type = Some(call::Type::Accept.into());
    let effects = cluster.call(Call { r#type, accept: Some(accept), ..Call::default() });
    let status = &events(&effects)[0].update_operation_status.as_ref().unwrap().status;
    assert_eq!(status.state(), pb::OperationState::OperationError);
    assert_eq!(status.message(), "Operation RESERVE is not supported");
}

#[test]
fn a_rescinded_offer_cannot_be_used() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    cluster.apply(Command::LinkClosed { link: crate::LinkId(0) });
    let effects = cluster.accept(&[offer], &[task("t", "cpus:1")]);
    assert_eq!(updates(&effects)[0].reason(), Reason::InvalidOffers);
}

#[test]
fn frameworks_that_are_not_partition_aware_are_told_lost() {
    let mut cluster = cluster();
    let mut info = crate::fixture::framework_info("F");
    info.capabilities.clear();
    cluster.subscribe(info);
    let effects = cluster.accept(&["m-O9".into()], &[task("t", "cpus:1")]);
    assert!(told(&effects)[0].starts_with("TASK_LOST"));
    assert_eq!(cluster.master.counters.tasks_lost, 1);
}
