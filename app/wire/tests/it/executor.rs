//! The executor API.

use wire::mesos::v1::executor::{Call, Event};

use crate::{reads_and_writes, records};

#[test]
fn calls_read_and_write() {
    let subscribe: Call = reads_and_writes(include_str!("../golden/executor/subscribe.json"));
    let update: Call = reads_and_writes(include_str!("../golden/executor/update.json"));
    assert!(subscribe.subscribe.unwrap().unacknowledged_tasks.is_empty());
    assert!(update.update.is_some());
}

#[test]
fn events_read_and_write_in_their_frames() {
    let events: Vec<Event> = records(include_bytes!("../golden/executor/stream.recordio"))
        .iter()
        .map(|record| reads_and_writes(record))
        .collect();
    assert!(events[0].acknowledged.is_some());
    assert!(events[1].kill.is_some());
}
