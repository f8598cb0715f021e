//! The agent link's frames.

use proptest::prelude::*;
use prost::Message;
use wire::link::{
    AgentFrame, Disjointed, HeldTask, Joiner, MAX_FRAME, MasterFrame, Pong, Reregister, RunTask,
    agent_frame, master_frame, split,
};
use wire::mesos::v1::{AgentId, FrameworkInfo, Task, TaskId, TaskInfo};
use wire::recordio::{self, Decoder};

#[test]
fn frames_cross_the_link() {
    let task = TaskInfo { task_id: TaskId { value: "web.1".into() }, ..TaskInfo::default() };
    let run = RunTask { framework: FrameworkInfo::default(), task, launch_id: "L1".into() };
    let frame =
        MasterFrame { epoch: 7, link: 2, body: Some(master_frame::Body::RunTask(Box::new(run))) };
    let mut decoder = Decoder::new(MAX_FRAME);
    decoder.feed(&recordio::encode(&frame.encode_to_vec()));
    let received = decoder.next_frame().expect("no frame is too long").unwrap();
    assert_eq!(MasterFrame::decode(received).unwrap(), frame);
}

#[test]
fn a_body_of_a_later_version_reads_as_none() {
    let mut bytes =
        AgentFrame { epoch: 7, link: 2, body: Some(agent_frame::Body::Pong(Pong { sequence: 1 })) }
            .encode_to_vec();
    // The body's key, field 6 with a length, becomes that of a field 15, which nobody uses yet.
    let key = bytes.iter().position(|&byte| byte == 6 << 3 | 2).unwrap();
    bytes[key] = 15 << 3 | 2;
    let frame = AgentFrame::decode(bytes.as_slice()).unwrap();
    assert_eq!((frame.epoch, frame.link, frame.body), (7, 2, None));
}

/// A re-registration with tasks and frameworks whose names have these lengths.
fn reregistration(tasks: &[usize], frameworks: &[usize]) -> AgentFrame {
    let name = |(number, length): (usize, &usize)| number.to_string() + &"x".repeat(*length);
    let task = |name| HeldTask { task: Task { name, ..Task::default() }, ..HeldTask::default() };
    let framework = |name| FrameworkInfo { name, ..FrameworkInfo::default() };
    let told = Reregister {
        agent_id: AgentId { value: "S0".into() },
        tasks: tasks.iter().enumerate().map(name).map(task).collect(),
        frameworks: frameworks.iter().enumerate().map(name).map(framework).collect(),
        ..Reregister::default()
    };
    AgentFrame { epoch: 7, link: 0, body: Some(agent_frame::Body::Reregister(told)) }
}

/// What a master reads of the frame that an agent sends; checks that nothing is too long for a frame.
fn crossed(frame: AgentFrame) -> Vec<AgentFrame> {
    let (mut decoder, mut joiner) = (Decoder::new(MAX_FRAME), Joiner::default());
    let mut received = Vec::new();
    for part in split(frame) {
        decoder.feed(&recordio::encode(&part.encode_to_vec()));
        while let Some(bytes) = decoder.next_frame().expect("no frame is too long") {
            let frame = AgentFrame::decode(bytes).expect("it is whole");
            received.extend(joiner.take(frame).expect("the parts follow one another"));
        }
    }
    received
}

#[test]
fn a_re_registration_of_ten_thousand_tasks_with_long_data_crosses_the_link() {
    let frame = reregistration(&[16 << 10; 10_000], &[100; 1_000]);
    assert!(frame.encoded_len() > 9 * MAX_FRAME);
    assert!(split(frame.clone()).iter().all(|part| part.encoded_len() < 2 << 20));
    assert_eq!(crossed(frame.clone()), [frame]);
}

#[test]
fn what_fits_into_a_frame_is_sent_as_before() {
    let short = reregistration(&[1 << 20; 7], &[]);
    assert_eq!(split(short.clone()), [short]);
    let pong =
        AgentFrame { epoch: 7, link: 2, body: Some(agent_frame::Body::Pong(Pong { sequence: 1 })) };
    assert_eq!(split(pong.clone()), [pong]);
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let parts = split(reregistration(&[1 << 20; 10], &[]));
    let joined = |frames: &[&AgentFrame]| {
        let mut joiner = Joiner::default();
        frames.iter().map(|frame| joiner.take((*frame).clone())).collect::<Result<Vec<_>, _>>()
    };
    let pong = AgentFrame {
        body: Some(agent_frame::Body::Pong(Pong { sequence: 1 })),
        ..parts[0].clone()
    };
    assert_eq!(joined(&[&parts[0], &pong]), Err(Disjointed::Interrupted));
    assert_eq!(joined(&[&parts[0], &reregistration(&[], &[])]), Err(Disjointed::Interrupted));
    let of_another_link = AgentFrame { link: 3, ..parts[1].clone() };
    assert_eq!(joined(&[&parts[0], &of_another_link]), Err(Disjointed::Mixed));
    let mut of_another_agent = parts[1].clone();
    if let Some(agent_frame::Body::ReregisterPart(part)) = &mut of_another_agent.body {
        part.part.agent_id.value = "S1".into();
    }
    assert_eq!(joined(&[&parts[0], &of_another_agent]), Err(Disjointed::Mixed));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

    #[test]
    fn whatever_its_size_a_re_registration_arrives_whole_and_once(
        tasks in prop::collection::vec(prop_oneof![1_usize..100, 1_usize..3_000_000], 0..20),
        frameworks in prop::collection::vec(prop_oneof![1_usize..100, 1_usize..3_000_000], 0..5),
    ) {
        let frame = reregistration(&tasks, &frameworks);
        prop_assert_eq!(crossed(frame.clone()), [frame]);
    }
}
