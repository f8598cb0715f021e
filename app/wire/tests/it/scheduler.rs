//! The scheduler API, from SUBSCRIBE to the last acknowledgement.

use wire::mesos::v1::scheduler::{Call, Event, call, event};
use wire::mesos::v1::{MasterInfo, TaskState, task_status};

use crate::{reads_and_writes, records};

const STREAM: &[u8] = include_bytes!("../golden/scheduler/stream.recordio");

#[test]
fn calls_read_and_write() {
    let subscribe: Call = reads_and_writes(include_str!("../golden/scheduler/subscribe.json"));
    let accept: Call = reads_and_writes(include_str!("../golden/scheduler/accept.json"));
    let acknowledge: Call = reads_and_writes(include_str!("../golden/scheduler/acknowledge.json"));
    let kill: Call = reads_and_writes(include_str!("../golden/scheduler/kill.json"));

    assert_eq!(subscribe.r#type(), call::Type::Subscribe);
    assert_eq!(accept.accept.unwrap().operations[0].launch.as_ref().unwrap().task_infos.len(), 1);
    assert_eq!(acknowledge.acknowledge.unwrap().uuid.len(), 16);
    assert!(kill.kill.unwrap().agent_id.is_some());
}

#[test]
fn events_read_and_write_in_their_frames() {
    let events: Vec<Event> =
        records(STREAM).iter().map(|record| reads_and_writes(record)).collect();

    let kinds: Vec<_> = events.iter().map(Event::r#type).collect();
    use event::Type::{Heartbeat, Offers, Subscribed, Update};
    assert_eq!(kinds, [Subscribed, Heartbeat, Offers, Update, Update, Update]);
    let running = &events[4].update.as_ref().unwrap().status;
    assert_eq!(running.state(), TaskState::TaskRunning);
    assert_eq!(running.data.as_deref(), Some(br#"[{"Id":"b35fff88051e"}]"#.as_slice()));
    let reconciled = &events[5].update.as_ref().unwrap().status;
    assert_eq!(reconciled.reason(), task_status::Reason::Reconciliation);
    assert_eq!(reconciled.uuid, None);
}

#[test]
fn what_is_written_is_the_stream_to_the_byte() {
    // The schema's order of fields makes even the lengths in the documentation come out.
    let mut stream = bytes::BytesMut::new();
    for record in records(STREAM) {
        let event: Event = serde_json::from_str(&record).unwrap();
        wire::recordio::encode_into(&serde_json::to_vec(&event).unwrap(), &mut stream);
    }
    assert_eq!(stream, STREAM);
}

#[test]
fn the_election_nodes_content_reads_and_writes() {
    let master: MasterInfo = reads_and_writes(include_str!("../golden/scheduler/master_info.json"));
    assert_eq!(master.ip, u32::from_le_bytes([10, 0, 0, 11]));
}
