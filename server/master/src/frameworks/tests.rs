use model::TaskState;
use wire::link::master_frame;
use wire::mesos::v1::scheduler::{Call, call};
use wire::mesos::v1::{self as pb};

use crate::effect::Refusal;
use crate::fixture::{
    cluster, events, frames, framework_info, offers, persisted_at, reply, task, told,
};
use crate::{Effect, Reply, StreamId};

const TOTAL: &str = "cpus:4;mem:1000;ports:[31000-31009]";

fn known(name: &str) -> pb::FrameworkInfo {
    let id = Some(pb::FrameworkId { value: "m-0000".into() });
    pb::FrameworkInfo { id, ..framework_info(name) }
}

fn of(r#type: call::Type) -> Call {
    Call { r#type: Some(r#type.into()), ..Call::default() }
}

fn error_of(effects: &[Effect]) -> String {
    let mut errors = events(effects).into_iter().filter_map(|event| event.error.as_ref());
    errors.next().expect("an ERROR was sent").message.clone()
}

#[test]
fn a_framework_is_stored_before_it_hears_that_it_is_subscribed() {
    let mut cluster = cluster();
    let effects = cluster.subscribe(framework_info("F"));
    let sent = effects.iter().position(|e| matches!(e, Effect::SendEvent { .. })).unwrap();
    assert!(persisted_at(&effects) < sent);
    let subscribed = events(&effects)[0].subscribed.as_ref().unwrap();
    assert_eq!(subscribed.framework_id.value, "m-0000");
    assert_eq!(subscribed.heartbeat_interval_seconds, Some(15.0));
    assert_eq!(subscribed.master_info.as_ref().unwrap().id, "m");
    assert!(cluster.records.contains_key("/master/frameworks/m-0000"));
}

#[test]
fn a_new_framework_gets_everything_that_is_free() {
    let mut cluster = cluster().agent(TOTAL);
    let effects = cluster.subscribe(framework_info("F"));
    let offers = offers(&effects);
    assert_eq!(offers.len(), 1);
    assert_eq!(offers[0].id.value, "m-O0");
    assert_eq!(offers[0].url.as_ref().unwrap().path.as_deref(), Some("/slave(1)"));
    assert!(offers[0].allocation_info.is_none(), "the framework does not know several roles");
}

#[test]
fn the_second_connection_of_a_framework_takes_over() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let effects = cluster.subscribe(known("F"));
    assert_eq!(error_of(&effects), "Framework failed over");
    assert!(effects.contains(&Effect::CloseStream { stream: StreamId::new("stream-0") }));
    assert_eq!(offers(&effects).len(), 1, "its offers are made anew");
    cluster.close_stream(0);
    assert!(cluster.the_framework().is_connected(), "the old stream's end is nobody's loss");
}

#[test]
fn calls_need_the_current_stream() {
    let mut cluster = cluster().framework("F");
    let refused = |effects: &[Effect]| match reply(effects) {
        Reply::Refused(refusal) => refusal.to_string(),
        Reply::Accepted | Reply::Done => panic!("the call was accepted"),
    };
    let revive = || of(call::Type::Revive);
    let other = Some(StreamId::new("other"));
    assert_eq!(
        refused(&cluster.call_by(other.clone(), "x", revive())),
        "Framework cannot be found"
    );
    assert_eq!(
        refused(&cluster.call_by(None, "m-0000", revive())),
        "All non-subscribe calls should include the 'Mesos-Stream-Id' header"
    );
    assert_eq!(
        refused(&cluster.call_by(other.clone(), "m-0000", revive())),
        "The stream ID 'other' included in this request didn't match the stream ID currently \
         associated with framework ID m-0000"
    );
    cluster.close_stream(0);
    assert_eq!(refused(&cluster.call_by(other, "m-0000", revive())), "Framework is not subscribed");
}

#[test]
fn a_disconnected_framework_loses_its_offers_and_keeps_its_tasks() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_stream(0);
    assert!(cluster.master.offers.is_empty());
    cluster.wait(10);
    assert_eq!(cluster.the_task("t").state, TaskState::Running);
    let effects = cluster.subscribe(known("F"));
    assert!(told(&effects).is_empty());
    assert_eq!(cluster.the_framework().tasks.len(), 1);
}

#[test]
fn a_framework_that_stays_away_is_removed_with_its_tasks() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_stream(0);
    let link = crate::LinkId(0);
    cluster.wait_with_pongs(link, 99);
    assert!(cluster.master.frameworks.get(&"m-0000".into()).is_some());
    let effects = cluster.wait_with_pongs(link, 2);
    let shut_down =
        |frame: &&master_frame::Body| matches!(frame, master_frame::Body::ShutdownFramework(_));
    assert_eq!(frames(&effects).into_iter().filter(shut_down).count(), 1);
    assert!(cluster.the_agent("m-S0").used.is_empty());
    let completed = &cluster.master.frameworks.completed[0];
    assert_eq!(completed.completed_tasks[0].state, TaskState::Killed);
    let last = completed.completed_tasks[0].statuses.last().unwrap();
    assert_eq!(last.message(), "Framework m-0000 removed");
    assert!(!cluster.records.contains_key("/master/frameworks/m-0000"));
}

#[test]
fn without_a_failover_timeout_a_disconnect_is_the_end() {
    let mut cluster = cluster().agent(TOTAL);
    cluster.subscribe(pb::FrameworkInfo { failover_timeout: None, ..framework_info("F") });
    cluster.close_stream(0);
    assert_eq!(cluster.master.frameworks.completed.len(), 1);
}

#[test]
fn a_removed_framework_cannot_come_back() {
    let mut cluster = cluster().framework("F");
    let effects = cluster.call(of(call::Type::Teardown));
    assert_eq!(reply(&effects), Reply::Accepted);
    let effects = cluster.subscribe(known("F"));
    assert_eq!(error_of(&effects), "Framework has been removed");
}

#[test]
fn an_operator_ends_a_framework_by_its_id() {
    let mut cluster = cluster().framework("F");
    let teardown = |framework: &str| crate::Command::Teardown {
        request: model::RequestId(9),
        framework: framework.into(),
    };
    let refusal = Reply::Refused(Refusal::NoSuchFramework);
    assert_eq!(reply(&cluster.apply(teardown("x"))), refusal);
    assert_eq!(reply(&cluster.apply(teardown("m-0000"))), Reply::Done);
    assert_eq!(reply(&cluster.apply(teardown("m-0000"))), refusal);
}

#[test]
fn an_agent_with_tasks_of_a_removed_framework_is_told_to_end_them() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_link("m-S0");
    cluster.call(of(call::Type::Teardown));
    let held = [(task("t", "cpus:1"), TaskState::Running)];
    let effects = cluster.reregister("m-S0", TOTAL, &held);
    assert!(matches!(frames(&effects)[1], master_frame::Body::ShutdownFramework(_)));
    assert!(cluster.the_agent("m-S0").tasks.is_empty());
}

#[test]
fn a_bad_description_is_refused_with_an_error_event() {
    let mut cluster = cluster();
    let effects = cluster
        .subscribe(pb::FrameworkInfo { failover_timeout: Some(-1.0), ..framework_info("F") });
    assert_eq!(error_of(&effects), "The framework failover_timeout (-1) is invalid");
    assert!(effects.contains(&Effect::CloseStream { stream: StreamId::new("stream-0") }));
    assert!(cluster.records.is_empty());
}

#[test]
fn the_user_of_a_framework_does_not_change_when_it_comes_back() {
    let mut cluster = cluster().framework("F");
    let info = pb::FrameworkInfo { user: "nobody".into(), name: "G".into(), ..known("F") };
    cluster.subscribe(info);
    assert_eq!(cluster.the_framework().info.user, "root");
    assert_eq!(cluster.the_framework().info.name, "G");
}

#[test]
fn the_principal_of_a_framework_cannot_change() {
    let mut cluster = cluster().framework("F");
    let info = pb::FrameworkInfo { principal: Some("other".into()), ..known("F") };
    let effects = cluster.subscribe(info);
    assert_eq!(error_of(&effects), "Changing framework's principal is not allowed.");
    assert!(cluster.the_framework().is_connected());
}

#[test]
fn agents_learn_what_a_framework_says_about_itself_now() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let update = call::UpdateFramework { framework_info: known("new name"), ..Default::default() };
    let call = Call { update_framework: Some(update), ..of(call::Type::UpdateFramework) };
    let effects = cluster.call(call);
    assert_eq!(reply(&effects), Reply::Done);
    assert!(matches!(
        frames(&effects)[0],
        master_frame::Body::UpdateFramework(update) if update.framework.name == "new name"
    ));
}

#[test]
fn suppressing_and_reviving_turn_offers_off_and_on() {
    let mut cluster = cluster().framework("F");
    cluster.call(of(call::Type::Suppress));
    assert!(offers(&cluster.register(TOTAL)).is_empty());
    assert_eq!(offers(&cluster.call(of(call::Type::Revive))).len(), 1);
}

#[test]
fn what_does_not_exist_yet_is_refused_and_not_swallowed() {
    let mut cluster = cluster().framework("F");
    for r#type in [call::Type::Shutdown, call::Type::Message, call::Type::ReconcileOperations] {
        let effects = cluster.call(of(r#type));
        assert!(matches!(reply(&effects), Reply::Refused(Refusal::NotImplemented(_))));
    }
}
