//! The agent link's frames.

use prost::Message;
use wire::link::{AgentFrame, MasterFrame, Pong, RunTask, agent_frame, master_frame};
use wire::mesos::v1::{FrameworkInfo, TaskId, TaskInfo};
use wire::recordio::{self, Decoder};

#[test]
fn frames_cross_the_link() {
    let task = TaskInfo { task_id: TaskId { value: "web.1".into() }, ..TaskInfo::default() };
    let run = RunTask { framework: FrameworkInfo::default(), task, launch_id: "L1".into() };
    let frame =
        MasterFrame { epoch: 7, link: 2, body: Some(master_frame::Body::RunTask(Box::new(run))) };
    let mut decoder = Decoder::new(wire::link::MAX_FRAME);
    decoder.feed(&recordio::encode(&frame.encode_to_vec()));
    let received = decoder.next_frame().unwrap().unwrap();
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
