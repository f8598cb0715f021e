//! Admission, liveness, epochs, and updates until they are acknowledged.

use model::TaskState;
use wire::link::{Ping, Refused, Registered, agent_frame, master_frame, refused};
use wire::mesos::v1;

use super::harness::*;
use crate::{Command, ConnectionId, Effect, Entry, Record};

fn closed(effects: &[Effect]) -> Option<&str> {
    effects.iter().find_map(|e| {
        if let Effect::CloseLink { reason, .. } = e { Some(reason.as_str()) } else { None }
    })
}

#[test]
fn a_new_agent_registers_with_its_nonce_and_keeps_its_id() {
    let mut harness = Harness::new();
    let opened = harness.open();
    let [agent_frame::Body::Register(register)] = &frames(&opened)[..] else {
        panic!("{opened:?}")
    };
    assert_eq!(register.nonce, "nonce");
    let effects = harness.answer(master_frame::Body::Registered(Registered {
        agent_id: v1::AgentId { value: "S5".to_owned() },
        terms: terms(),
        master: None,
    }));
    assert_eq!(effects[0], Effect::Journal(Record::V1(Entry::Admitted { agent: "S5".into() })));
    harness.restart();
    let opened = harness.open();
    let [agent_frame::Body::Reregister(again)] = &frames(&opened)[..] else { panic!("{opened:?}") };
    assert_eq!(again.agent_id.value, "S5");
    assert_eq!(again.agent.info.id.as_ref().unwrap().value, "S5");
}

#[test]
fn a_ping_is_answered_with_its_number() {
    let mut harness = Harness::admitted();
    let effects = harness.answer(master_frame::Body::Ping(Ping { sequence: 42 }));
    let [agent_frame::Body::Pong(pong)] = &frames(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(pong.sequence, 42);
}

#[test]
fn a_silent_master_is_left_after_all_pings_are_missed() {
    let mut harness = Harness::admitted();
    harness.now = harness.now + std::time::Duration::from_secs(10);
    harness.answer(master_frame::Body::Ping(Ping { sequence: 1 }));
    assert_eq!(closed(&harness.pass(5)), None, "it was heard 5 s ago");
    assert!(closed(&harness.pass(10)).unwrap().contains("silent for 15 s"));
}

#[test]
fn a_master_that_does_not_answer_the_registration_is_left() {
    let mut harness = Harness::new();
    harness.open();
    assert!(closed(&harness.pass(15)).is_some());
}

#[test]
fn a_master_of_the_past_is_refused() {
    let mut harness = Harness::admitted();
    harness.close();
    harness.open();
    let answer = master_frame::Body::Reregistered(wire::link::Reregistered {
        agent_id: v1::AgentId { value: "S5".to_owned() },
        terms: terms(),
        master: None,
    });
    let effects = harness.answer_as(EPOCH - 1, answer);
    assert!(closed(&effects).unwrap().contains("epoch 6"));
    assert!(harness.run("nginx.1").is_empty(), "and its orders are not followed");
}

#[test]
fn the_highest_epoch_is_remembered_over_a_restart() {
    let mut harness = Harness::admitted();
    harness.restart();
    let opened = harness.open();
    let Effect::Send(_, frame) = &opened[0] else { panic!("{opened:?}") };
    assert_eq!(frame.epoch, EPOCH);
}

#[test]
fn frames_of_an_older_connection_mean_nothing() {
    let mut harness = Harness::admitted();
    harness.reconnect();
    let frame = wire::link::MasterFrame {
        epoch: EPOCH,
        link: 1,
        body: Some(master_frame::Body::Ping(Ping { sequence: 1 })),
    };
    assert!(harness.apply(Command::FrameArrived(ConnectionId(1), Box::new(frame))).is_empty());
}

#[test]
fn a_refusal_says_when_to_come_again() {
    let mut harness = Harness::admitted();
    harness.close();
    harness.open();
    let effects = harness.answer(master_frame::Body::Refused(Refused {
        reason: Some(refused::Reason::Busy as i32),
        message: "later".to_owned(),
        retry_after_ms: Some(700),
    }));
    let wait = effects.iter().find_map(|e| {
        if let Effect::CloseLink { retry_after, .. } = e { *retry_after } else { None }
    });
    assert_eq!(wait, Some(std::time::Duration::from_millis(700)));
}

#[test]
fn an_agent_that_the_master_never_admitted_begins_anew() {
    let mut harness = Harness::admitted();
    harness.running("nginx.1");
    harness.close();
    harness.open();
    let effects = harness.answer(master_frame::Body::Refused(Refused {
        reason: Some(refused::Reason::AgentUnknown as i32),
        message: "who are you".to_owned(),
        retry_after_ms: None,
    }));
    assert!(effects.iter().any(|e| matches!(e, Effect::Stop { .. })), "nobody wants its tasks");
    let opened = harness.open();
    assert!(matches!(&frames(&opened)[..], [agent_frame::Body::Register(_)]));
    harness.restart();
    assert!(harness.agent.id().is_none());
}

#[test]
fn an_update_is_sent_again_until_it_is_acknowledged() {
    let mut harness = Harness::admitted();
    let launch = launch(&harness.run("nginx.1"));
    let first = update(&harness.apply(Command::ImageReady(launch.task, launch.container)));
    let again = |seconds: u64, harness: &mut Harness| {
        // Pings keep the link alive.
        harness.answer(master_frame::Body::Ping(Ping { sequence: 1 }));
        updates(&harness.pass(seconds))
    };
    assert_eq!(again(9, &mut harness), []);
    assert_eq!(again(1, &mut harness), std::slice::from_ref(&first));
    assert_eq!(again(10, &mut harness), []);
    assert_eq!(again(10, &mut harness), std::slice::from_ref(&first));
    harness.acknowledge_head("nginx.1");
    assert_eq!(again(14, &mut harness), []);
    assert_eq!(again(14, &mut harness), []);
    assert_eq!(state_of(&first), TaskState::Starting);
}

#[test]
fn a_new_link_carries_every_task_and_the_oldest_updates_at_once() {
    let mut harness = Harness::admitted();
    harness.running("a");
    let launch = launch(&harness.run("b"));
    harness.apply(Command::ImageReady(launch.task, launch.container));
    harness.close();
    let container = harness.agent.snapshot().tasks[&key("a")].container.clone();
    assert!(updates(&harness.ended("a", &container, 1)).is_empty(), "there is no link");
    let (told, effects) = harness.reconnect();
    let tasks: Vec<_> = told
        .tasks
        .iter()
        .map(|held| (held.task.task_id.value.as_str(), held.unacknowledged.len()))
        .collect();
    assert_eq!(tasks, [("a", 1), ("b", 1)]);
    assert_eq!(told.frameworks.len(), 1);
    let states: Vec<_> = updates(&effects).iter().map(state_of).collect();
    assert_eq!(states, [TaskState::Failed, TaskState::Starting]);
}

#[test]
fn an_acknowledgement_for_another_update_changes_nothing() {
    let mut harness = Harness::admitted();
    let launch = launch(&harness.run("nginx.1"));
    let first = update(&harness.apply(Command::ImageReady(launch.task, launch.container)));
    assert!(harness.acknowledge("nginx.1", &[9; 16]).is_empty());
    assert!(harness.acknowledge("stranger", &first.status.uuid.clone().unwrap()).is_empty());
    let uuid = first.status.uuid.unwrap();
    assert_eq!(harness.acknowledge("nginx.1", &uuid).len(), 1);
    assert!(harness.acknowledge("nginx.1", &uuid).is_empty(), "twice");
}

#[test]
fn a_re_registration_carries_no_data_and_the_updates_that_follow_it_do() {
    let mut harness = Harness::admitted();
    let launch = launch(&harness.run("nginx.1"));
    harness.apply(Command::ImageReady(launch.task.clone(), launch.container.clone()));
    harness.acknowledge_head("nginx.1");
    harness.apply(Command::ContainerLaunched(launch.task, launch.container, inspection()));
    harness.close();
    let (told, effects) = harness.reconnect();
    let [waiting] = &told.tasks[0].unacknowledged[..] else { panic!("{told:?}") };
    let sent = update(&effects).status;
    assert_eq!((&waiting.data, &waiting.uuid), (&None, &sent.uuid));
    assert!(sent.data.is_some());
}
