//! Changes that do not fit into one entry.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use bytes::Bytes;
use coordination::{Election, Event, MAX_RECORD_BYTES, Namespace};
use model::RecordWrite;

use crate::{node, standing_node};

/// Tells the child where to write.
const FOLDER: &str = "EKIDEN_TEST_KILLED_LARGE_WRITER";
/// Records of one change, half a megabyte each.
const RECORDS: usize = 12;

fn change(round: u8) -> Vec<RecordWrite> {
    let value = Bytes::from(vec![round; MAX_RECORD_BYTES / 2]);
    (0..RECORDS).map(|index| RecordWrite::put(format!("/large/{index}"), value.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_many_entries_is_seen_at_once_and_in_its_place_in_the_order() {
    let (_folder, node) = standing_node().await;
    let session = node.session();
    let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
    let mut follower = session.subscribe(Namespace::Platform, "/");
    follower.next().await.unwrap();
    let before = vec![RecordWrite::put("/large/0", "before")];
    let after = vec![RecordWrite::put("/large/1", "after")];
    let mut pending = Vec::new();
    for records in [before, change(1), after] {
        pending.push(session.propose(&leadership.fence, records).await);
    }
    let mut zxids = Vec::new();
    for write in pending {
        zxids.push(write.await.unwrap());
    }
    assert!(zxids.is_sorted());
    for (zxid, count) in zxids.into_iter().zip([1, RECORDS, 1]) {
        let Some(Event::Changed { zxid: seen, changes }) = follower.next().await else {
            panic!("nothing was missed")
        };
        assert_eq!((seen, changes.len()), (zxid, count));
    }
    let loaded = session.load("/large");
    let values: Vec<_> = loaded.iter().map(|(_, value)| value.len()).collect();
    assert_eq!(values.len(), RECORDS);
    assert_eq!(values[1], "after".len());
}

/// The child: writes large changes one after the other and says which are acknowledged.
///
/// As a test of its own it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_large_writer_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let node = node(folder.as_ref()).await;
    let session = node.session();
    let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
    let last = session.load("/large").iter().next().map_or(0, |(_, value)| value[0]);
    for round in last + 1.. {
        println!("proposing {round}");
        std::io::stdout().flush().unwrap();
        session.write(&leadership.fence, change(round)).await.unwrap();
        println!("acknowledged {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_the_entries_of_a_change_leaves_all_of_it_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for lines in [1, 3, 4, 5] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "large::the_large_writer_that_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = output
            .map_while(Result::ok)
            .filter(|line| line.starts_with("proposing") || line.starts_with("acknowledged"));
        let told: Vec<_> = told.take(lines).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        let number = |line: &String| line.split_once(' ').unwrap().1.parse::<u8>().unwrap();
        let acknowledged = told.iter().rfind(|line| line.starts_with('a')).map_or(0, number);
        let node = node(folder.path()).await;
        let loaded = node.session().load("/large");
        let found: Vec<_> = loaded.iter().map(|(_, value)| value.clone()).collect();
        let round = found.first().map_or(0, |value| value[0]);
        assert!(round >= acknowledged);
        assert!(found.len() == if round == 0 { 0 } else { RECORDS }, "{} records", found.len());
        assert!(found.iter().all(|value| value[0] == round), "one change, not parts of two");
        node.shutdown().await;
    }
}
