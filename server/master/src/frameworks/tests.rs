use model::TaskState;
use wire::link::master_frame;
use wire::mesos::v1::scheduler::{Call, call};
use wire::mesos::v1::{self as pb};

use crate::effect::Refusal;
use crate::fixture::{
    cluster, events, frames, framework_info, offers, persisted_at, reply, task, told, updates, uuid,
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
    assert_eq!(told(&effects), ["TASK_RUNNING: "], "it has not acknowledged that yet");
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

fn acknowledge(task: &str, n: u8) -> Call {
    let acknowledge = call::Acknowledge {
        agent_id: pb::AgentId { value: "m-S0".into() },
        task_id: pb::TaskId { value: task.into() },
        uuid: uuid(n),
    };
    Call { acknowledge: Some(acknowledge), ..of(call::Type::Acknowledge) }
}

#[test]
fn updates_that_a_framework_missed_are_sent_again_when_it_is_back() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.call(acknowledge("t", 1));
    cluster.close_stream(0);
    cluster.update("m-S0", "t", TaskState::Finished, 2);
    let effects = cluster.subscribe(known("F"));
    assert!(events(&effects)[0].subscribed.is_some(), "SUBSCRIBED comes first");
    let statuses = updates(&effects);
    assert_eq!(statuses.len(), 1, "what was acknowledged is not repeated");
    assert_eq!((statuses[0].state, statuses[0].uuid.clone()), (2, Some(uuid(2))));
    assert_eq!(statuses[0].data.as_deref(), Some(&b"inspect"[..]));
    cluster.call(acknowledge("t", 2));
    assert!(updates(&cluster.subscribe(known("F"))).is_empty());
    assert!(cluster.the_framework().completed_tasks[0].pending.is_none());
}

#[test]
fn an_update_sent_to_a_stream_that_broke_is_sent_again() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let effects = cluster.subscribe(known("F"));
    assert_eq!(updates(&effects)[0].uuid, Some(uuid(1)));
    cluster.call(acknowledge("t", 9));
    let effects = cluster.subscribe(known("F"));
    assert_eq!(updates(&effects).len(), 1, "an acknowledgement of something else ends nothing");
}

#[test]
fn the_time_to_come_back_begins_anew_with_each_disconnect() {
    let mut cluster = cluster().framework("F");
    cluster.close_stream(0);
    cluster.wait(90);
    cluster.subscribe(known("F"));
    cluster.close_stream(1);
    cluster.wait(90); // 180 s after the first, 90 s after the second disconnect, of 100 s.
    assert!(cluster.master.frameworks.get(&"m-0000".into()).is_some());
    cluster.wait(10);
    assert!(cluster.master.frameworks.get(&"m-0000".into()).is_none());
}

#[test]
fn only_so_many_ended_frameworks_are_remembered() {
    let mut cluster = cluster();
    std::sync::Arc::make_mut(&mut cluster.master.config).max_completed_frameworks = 2;
    for n in 0..4 {
        cluster.subscribe(pb::FrameworkInfo { failover_timeout: None, ..framework_info("F") });
        cluster.close_stream(n);
    }
    let kept: Vec<_> =
        cluster.master.frameworks.completed.iter().map(|f| f.id.to_string()).collect();
    assert_eq!(kept, ["m-0002", "m-0003"]);
    assert!(cluster.records.is_empty());
}

#[test]
fn a_refused_change_of_a_framework_changes_nothing() {
    let mut cluster = cluster().framework("F");
    let before = cluster.the_framework();
    for (framework_info, field) in [
        (pb::FrameworkInfo { user: "x".into(), ..known("G") }, "user"),
        (pb::FrameworkInfo { checkpoint: Some(false), ..known("G") }, "checkpoint"),
        (pb::FrameworkInfo { principal: Some("x".into()), ..known("G") }, "principal"),
    ] {
        let update = call::UpdateFramework { framework_info, ..Default::default() };
        let call = Call { update_framework: Some(update), ..of(call::Type::UpdateFramework) };
        let problem = format!("Updating 'FrameworkInfo.{field}' is unsupported");
        assert_eq!(reply(&cluster.call(call)), Reply::Refused(Refusal::Invalid(problem)));
    }
    assert!(std::sync::Arc::ptr_eq(&before, &cluster.the_framework()));
}

#[test]
fn a_role_given_up_takes_its_offers_along() {
    let capability = pb::framework_info::Capability {
        r#type: Some(pb::framework_info::capability::Type::MultiRole.into()),
    };
    let with = |roles: &[&str]| pb::FrameworkInfo {
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        capabilities: vec![capability],
        ..known("F")
    };
    let mut cluster = cluster().agent(TOTAL);
    cluster.subscribe(pb::FrameworkInfo { id: None, ..with(&["a"]) });
    let offer = cluster.offer_on("m-S0");
    let update = call::UpdateFramework { framework_info: with(&["b"]), ..Default::default() };
    let effects =
        cluster.call(Call { update_framework: Some(update), ..of(call::Type::UpdateFramework) });
    let rescinded: Vec<_> =
        events(&effects).into_iter().filter_map(|e| e.rescind.as_ref()).collect();
    assert_eq!(rescinded[0].offer_id.value, offer.as_str());
    let role = offers(&effects)[0].allocation_info.as_ref().unwrap().role.clone();
    assert_eq!(role.as_deref(), Some("b"), "and is offered in the new one");
}
