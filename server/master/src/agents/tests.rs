use model::TaskState;
use wire::link::{self, agent_frame, master_frame, refused};

use crate::fixture::{
    cluster, description, events, frames, offers, persisted_at, reply, task, told, updates,
};
use crate::{Command, Effect, LinkId, Reply};

const TOTAL: &str = "cpus:4;mem:1000;ports:[31000-31009]";

fn position(effects: &[Effect], wanted: impl Fn(&Effect) -> bool) -> usize {
    effects.iter().position(wanted).expect("the effect is there")
}

#[test]
fn an_agent_is_admitted_durably_before_it_hears_of_it() {
    let mut cluster = cluster();
    let effects = cluster.register(TOTAL);
    let told = position(&effects, |effect| matches!(effect, Effect::SendFrame { .. }));
    assert!(persisted_at(&effects) < told);
    let master_frame::Body::Registered(registered) = frames(&effects)[0] else {
        panic!("the agent is registered")
    };
    assert_eq!(registered.agent_id.value, "m-S0");
    assert_eq!((registered.terms.ping_timeout_ms, registered.terms.max_pings), (3_000, 5));
    assert!(cluster.records.contains_key("/master/agents/m-S0"));
}

#[test]
fn an_agent_that_missed_the_answer_keeps_its_id() {
    let mut cluster = cluster().agent(TOTAL);
    cluster.close_link("m-S0");
    let register = link::Register { agent: description(5051, TOTAL), nonce: "nonce-0".into() };
    let link = cluster.open_link();
    let effects = cluster.first_frame(link, agent_frame::Body::Register(register));
    // It has no id to come back with, so it is answered as a new one.
    let master_frame::Body::Registered(back) = frames(&effects)[0] else {
        panic!("the agent is registered")
    };
    assert_eq!(back.agent_id.value, "m-S0");
    assert_eq!(cluster.master.agents.registered.len(), 1);
}

#[test]
fn an_agent_is_pinged_and_stays_while_it_answers() {
    let mut cluster = cluster().agent(TOTAL);
    let effects = cluster.wait_with_pongs(LinkId(0), 60);
    let pings = frames(&effects)
        .into_iter()
        .filter(|frame| matches!(frame, master_frame::Body::Ping(_)))
        .count();
    assert_eq!(pings, 20);
    assert!(cluster.the_agent("m-S0").is_connected());
}

#[test]
fn a_silent_agent_is_unreachable_after_fifteen_seconds() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.wait(14);
    assert!(cluster.the_agent("m-S0").is_connected());
    cluster.wait(4); // Its last frame came with the update, so the fifth unanswered ping is at 15 s.
    assert!(cluster.master.agents.registered.is_empty());
    assert!(cluster.master.agents.unreachable.contains_key("m-S0"));
}

#[test]
fn losing_an_agent_is_durable_before_frameworks_hear_of_it() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_link("m-S0");
    let effects = cluster.wait(15);
    assert_eq!(told(&effects), ["TASK_UNREACHABLE: Agent m-S0 is unreachable"]);
    let update = position(
        &effects,
        |effect| matches!(effect, Effect::SendEvent { event, .. } if event.update.is_some()),
    );
    let failure = position(
        &effects,
        |effect| matches!(effect, Effect::SendEvent { event, .. } if event.failure.is_some()),
    );
    assert!(persisted_at(&effects) < update && update < failure);
    assert!(updates(&effects)[0].unreachable_time.is_some());
    assert!(updates(&effects)[0].uuid.is_none());
}

#[test]
fn a_closed_link_takes_the_offers_back_at_once() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    let effects = cluster.close_link("m-S0");
    let rescinded: Vec<_> =
        events(&effects).into_iter().filter_map(|event| event.rescind.as_ref()).collect();
    assert_eq!(rescinded[0].offer_id.value, offer.as_str());
    assert!(cluster.master.offers.is_empty());
    assert!(offers(&cluster.wait(14)).is_empty());
}

#[test]
fn an_agent_back_in_time_goes_on_as_if_nothing_had_happened() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_link("m-S0");
    cluster.wait(10);
    let held = [(task("t", "cpus:1"), TaskState::Running)];
    let effects = cluster.reregister("m-S0", TOTAL, &held);
    assert!(told(&effects).is_empty());
    assert_eq!(offers(&effects).len(), 1);
    assert_eq!(cluster.the_task("t").state, TaskState::Running);
    let link = cluster.the_agent("m-S0").link.unwrap();
    cluster.wait_with_pongs(link, 10);
    assert!(cluster.the_agent("m-S0").is_connected(), "the old deadline is void");
}

#[test]
fn a_second_link_replaces_the_first() {
    let mut cluster = cluster().agent(TOTAL);
    let effects = cluster.reregister("m-S0", TOTAL, &[]);
    assert!(effects.contains(&Effect::CloseLink { link: LinkId(0) }));
    cluster.apply(Command::LinkClosed { link: LinkId(0) });
    assert_eq!(cluster.the_agent("m-S0").link, Some(LinkId(1)));
}

#[test]
fn an_unreachable_agent_comes_back_with_its_tasks() {
    let mut cluster =
        cluster().agent(TOTAL).framework("F").running("t", "cpus:1;ports:[31001-31001]");
    cluster.close_link("m-S0");
    cluster.wait(20);
    assert_eq!(cluster.the_framework().unreachable_tasks.len(), 1);
    let held = [(task("t", "cpus:1;ports:[31001-31001]"), TaskState::Running)];
    let effects = cluster.reregister("m-S0", TOTAL, &held);
    assert_eq!(told(&effects), ["TASK_RUNNING: Agent reregistered"]);
    assert!(cluster.the_framework().unreachable_tasks.is_empty());
    assert_eq!(
        cluster.the_agent("m-S0").used,
        crate::fixture::resources("cpus:1;ports:[31001-31001]")
    );
    assert!(cluster.master.agents.unreachable.is_empty());
}

#[test]
fn a_task_that_never_arrived_is_dropped_when_the_agent_returns() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    cluster.accept(&[offer], &[task("t", "cpus:1")]);
    cluster.close_link("m-S0");
    let effects = cluster.reregister("m-S0", TOTAL, &[]);
    assert_eq!(told(&effects), ["TASK_DROPPED: Reconciliation: Task is unknown to the agent"]);
    assert_eq!(offers(&effects).len(), 1, "what it held is free again");
}

#[test]
fn a_task_that_ran_and_is_not_there_any_more_is_gone() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let effects = cluster.reregister("m-S0", TOTAL, &[]);
    assert_eq!(told(&effects), ["TASK_GONE: Reconciliation: Task is unknown to the agent"]);
    assert_eq!(cluster.the_framework().completed_tasks.len(), 1);
}

#[test]
fn a_task_that_the_agent_holds_is_booked_where_one_that_it_lost_was() {
    let port = "cpus:1;ports:[31001-31001]";
    let mut cluster = cluster().agent(TOTAL).framework("F").running("younger", port);
    let held = [(task("older", port), TaskState::Running)];
    let effects = cluster.reregister("m-S0", TOTAL, &held);
    assert_eq!(told(&effects), ["TASK_GONE: Reconciliation: Task is unknown to the agent"]);
    assert_eq!(cluster.the_agent("m-S0").used, crate::fixture::resources(port));
}

#[test]
fn a_new_agent_at_the_same_address_replaces_the_old_one() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let register = link::Register { agent: description(5051, TOTAL), nonce: "other".into() };
    let link = cluster.open_link();
    let effects = cluster.first_frame(link, agent_frame::Body::Register(register));
    assert_eq!(
        told(&effects),
        ["TASK_LOST: Agent node removed: a new agent registered at the same address"]
    );
    assert_eq!(cluster.master.agents.registered.keys().next().unwrap().as_str(), "m-S1");
    assert!(!cluster.records.contains_key("/master/agents/m-S0"));
}

#[test]
fn an_agent_that_followed_a_later_leader_is_refused() {
    let mut cluster = cluster();
    let register = link::Register { agent: description(5051, TOTAL), nonce: "x".into() };
    let link = cluster.open_link();
    let body = Some(agent_frame::Body::Register(register));
    let frame = Box::new(link::AgentFrame { epoch: 8, link: 0, body });
    let effects = cluster.apply(Command::AgentFrame { link, frame });
    let master_frame::Body::Refused(refused) = frames(&effects)[0] else { panic!("refused") };
    assert_eq!(refused.reason(), refused::Reason::NotLeading);
    assert!(effects.contains(&Effect::CloseLink { link }));
    assert!(cluster.master.agents.registered.is_empty());
}

#[test]
fn frames_of_another_epoch_are_dropped() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let body = Some(agent_frame::Body::Pong(link::Pong { sequence: 1 }));
    let frame = Box::new(link::AgentFrame { epoch: 6, link: 0, body });
    cluster.apply(Command::AgentFrame { link: LinkId(0), frame });
    assert_eq!(cluster.master.counters.dropped_messages, 1);
}

#[test]
fn an_agent_without_resources_that_make_sense_is_refused() {
    let mut cluster = cluster();
    let mut agent = description(5051, TOTAL);
    agent.info.resources[0].role = Some("web".into());
    let link = cluster.open_link();
    let register = link::Register { agent, nonce: "x".into() };
    let effects = cluster.first_frame(link, agent_frame::Body::Register(register));
    let master_frame::Body::Refused(refused) = frames(&effects)[0] else { panic!("refused") };
    assert_eq!(refused.reason(), refused::Reason::Invalid);
    assert!(refused.message.contains("not supported"));
}

#[test]
fn a_kill_for_an_absent_agent_is_sent_when_it_is_back() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_link("m-S0");
    let effects = cluster.call(crate::tasks::kill_call("t", None));
    assert_eq!(reply(&effects), Reply::Accepted);
    assert!(frames(&effects).is_empty());
    let held = [(task("t", "cpus:1"), TaskState::Running)];
    let effects = cluster.reregister("m-S0", TOTAL, &held);
    assert!(
        matches!(frames(&effects)[1], master_frame::Body::KillTask(kill) if kill.task_id.value == "t")
    );
}

#[test]
fn a_task_that_does_not_come_back_with_its_agent_is_gone() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    cluster.close_link("m-S0");
    cluster.wait(20);
    let effects = cluster.reregister("m-S0", TOTAL, &[]);
    assert_eq!(told(&effects), ["TASK_GONE: Reconciliation: Task is unknown to the agent"]);
    assert!(cluster.the_framework().unreachable_tasks.is_empty());
    assert_eq!(cluster.the_framework().completed_tasks[0].state, TaskState::Gone);
    let offer = cluster.offer_on("m-S0");
    cluster.accept(&[offer], &[task("t", "cpus:1")]);
    assert_eq!(cluster.the_task("t").state, TaskState::Staging, "the id can be used again");
}

#[test]
fn frameworks_that_know_no_partitions_are_told_lost_and_keep_their_task() {
    let mut cluster = cluster().agent(TOTAL);
    let mut info = crate::fixture::framework_info("F");
    info.capabilities.clear();
    cluster.subscribe(info);
    let mut cluster = cluster.running("t", "cpus:1");
    cluster.close_link("m-S0");
    assert_eq!(told(&cluster.wait(15)), ["TASK_LOST: Agent m-S0 is unreachable"]);
    assert_eq!(cluster.master.counters.tasks_lost, 1);
    let held = [(task("t", "cpus:1"), TaskState::Running)];
    let effects = cluster.reregister("m-S0", TOTAL, &held);
    assert_eq!(told(&effects), ["TASK_RUNNING: Agent reregistered"]);
    assert!(!frames(&effects).iter().any(|f| matches!(f, master_frame::Body::KillTask(_))));
    assert_eq!(cluster.the_agent("m-S0").used, crate::fixture::resources("cpus:1"));
}

#[test]
fn an_agent_away_for_two_weeks_is_forgotten_with_its_tasks() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    std::sync::Arc::make_mut(&mut cluster.master.config).max_unreachable_age =
        std::time::Duration::from_secs(3_600);
    cluster.close_link("m-S0");
    cluster.wait(3_500);
    assert!(cluster.master.agents.unreachable.contains_key("m-S0"));
    let effects = cluster.wait(1_000);
    assert_eq!(told(&effects), ["TASK_GONE: Agent was unreachable for too long"]);
    assert!(cluster.master.agents.unreachable.is_empty());
    assert!(!cluster.records.contains_key("/master/agents/m-S0"));
    assert!(events(&cluster.wait(10_000)).is_empty(), "nothing is left to look for");
}

#[test]
fn only_so_many_unreachable_agents_are_remembered() {
    let mut cluster = cluster().agent(TOTAL).agent(TOTAL).framework("F").running("t", "cpus:1");
    std::sync::Arc::make_mut(&mut cluster.master.config).max_unreachable_agents = 1;
    cluster.close_link("m-S0");
    cluster.wait_with_pongs(LinkId(1), 20);
    cluster.close_link("m-S1");
    let effects = cluster.wait(20);
    assert_eq!(told(&effects), ["TASK_GONE: Agent was unreachable for too long"]);
    let kept: Vec<_> = cluster.master.agents.unreachable.keys().map(ToString::to_string).collect();
    assert_eq!(kept, ["m-S1"]);
    assert!(!cluster.records.contains_key("/master/agents/m-S0"));
}

#[test]
fn an_empty_nonce_is_nobodys() {
    let mut cluster = cluster();
    cluster.reregister("x-S5", TOTAL, &[]);
    let mut cluster = cluster.fail_over();
    let register = link::Register { agent: description(6000, TOTAL), nonce: "".into() };
    let link = cluster.open_link();
    let effects = cluster.first_frame(link, agent_frame::Body::Register(register));
    assert!(matches!(frames(&effects)[0], master_frame::Body::Registered(_)), "a new agent");
}

#[test]
fn a_returning_agent_may_have_become_larger_or_smaller() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let held = [(task("t", "cpus:1"), TaskState::Running)];
    for (total, free) in [("cpus:8;mem:1000", "cpus:7;mem:1000"), ("cpus:2", "cpus:1")] {
        let effects = cluster.reregister("m-S0", total, &held);
        assert_eq!(crate::fixture::offered(&effects), crate::fixture::resources(free));
    }
    let effects = cluster.reregister("m-S0", "cpus:0.5", &held);
    assert!(offers(&effects).is_empty(), "more is used than there is");
    assert_eq!(cluster.the_task("t").state, TaskState::Running);
}

#[test]
fn a_timer_of_an_older_link_does_nothing() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    cluster.close_link("m-S0");
    cluster.wait(10);
    cluster.reregister("m-S0", TOTAL, &[]);
    cluster.close_link("m-S0");
    cluster.wait(10); // 20 s after the first loss, 10 s after the second.
    assert!(cluster.master.agents.registered.contains_key("m-S0"));
    cluster.wait(5);
    assert!(cluster.master.agents.unreachable.contains_key("m-S0"));
}

#[test]
fn an_agent_that_makes_no_sense_on_return_leaves_the_one_known_as_it_was() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:1");
    let before = cluster.the_agent("m-S0");
    let mut nameless = description(5051, TOTAL);
    nameless.info.hostname.clear();
    let mut reserved = description(5051, TOTAL);
    reserved.info.resources[0].role = Some("web".into());
    for (id, agent) in [("m-S0", nameless), ("m-S0", reserved), ("../x", description(5051, TOTAL))]
    {
        let agent_id = wire::mesos::v1::AgentId { value: id.into() };
        let reregister = link::Reregister { agent_id, agent, ..link::Reregister::default() };
        let link = cluster.open_link();
        let effects = cluster.first_frame(link, agent_frame::Body::Reregister(reregister));
        let [master_frame::Body::Refused(refused)] = frames(&effects)[..] else {
            panic!("refused")
        };
        assert_eq!(refused.reason(), refused::Reason::Invalid);
        assert!(effects.contains(&Effect::CloseLink { link }));
    }
    assert!(std::sync::Arc::ptr_eq(&before, &cluster.the_agent("m-S0")));
    assert_eq!(cluster.the_task("t").state, TaskState::Running);
}
