//! What was acknowledged is there after a restart, in order, with a new epoch.

use std::collections::BTreeMap;

use bytes::Bytes;
use coordination::{
    CLUSTER_RECORD, Election, Leadership, MAX_RECORD_BYTES, Node, Refusal, Session, StartError,
    WriteError,
};
use model::RecordWrite;

use crate::{config, node};

async fn lead(session: &Session) -> Leadership {
    session.campaign(Election::Mesos, Bytes::from_static(b"{}")).await.unwrap()
}

fn records(session: &Session, prefix: &str) -> BTreeMap<String, Bytes> {
    let loaded = session.load(prefix);
    let records = loaded.iter().filter(|(path, _)| *path != CLUSTER_RECORD);
    records.map(|(path, value)| (path.to_owned(), value.clone())).collect()
}

fn put(index: usize) -> RecordWrite {
    RecordWrite::put(format!("/master/agents/{index:04}"), index.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_seen_by_the_next_load_and_not_by_an_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let session = node.session();
    let leadership = lead(&session).await;
    let before = session.load("/master");
    let zxid = session.write(&leadership.fence, vec![put(1)]).await.unwrap();
    assert_eq!(before.iter().count(), 0);
    assert_eq!(session.load("/master").iter().count(), 1);
    assert_eq!(session.load("/master").zxid(), zxid);
    assert!(before.zxid() < zxid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_every_record_and_a_higher_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let mut epoch = model::Epoch(0);
    for round in 0..3 {
        let node = node(folder.path()).await;
        let session = node.session();
        assert_eq!(records(&session, "/master").len(), round * 100);
        assert_eq!(
            *session.leader(Election::Mesos).borrow(),
            None,
            "the former process leads no more"
        );
        let leadership = lead(&session).await;
        assert!(leadership.epoch > epoch);
        epoch = leadership.epoch;
        for index in round * 100..(round + 1) * 100 {
            session.write(&leadership.fence, vec![put(index)]).await.unwrap();
        }
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_dropped_without_a_stop_finds_its_records_too() {
    let folder = tempfile::tempdir().unwrap();
    let first = node(folder.path()).await;
    let session = first.session();
    let leadership = lead(&session).await;
    session.write(&leadership.fence, vec![put(7)]).await.unwrap();
    drop((leadership, session, first));
    let second = start_when_free(folder.path()).await;
    assert_eq!(records(&second.session(), "/").len(), 1);
    assert_eq!(*second.session().leader(Election::Mesos).borrow(), None);
    lead(&second.session()).await;
}

/// The dropped node's threads hold the folder for a moment longer.
async fn start_when_free(folder: &std::path::Path) -> Node {
    loop {
        match Node::start(config(folder)).await {
            Ok(node) => return node,
            Err(StartError::DataDir(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_writes_apply_in_the_order_of_their_proposals() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let session = node.session();
    let leadership = lead(&session).await;
    let mut pending = Vec::new();
    for index in 0..200_u32 {
        let write = vec![RecordWrite::put("/last", index.to_string())];
        pending.push(session.propose(&leadership.fence, write).await);
    }
    let mut last = None;
    for write in pending {
        let zxid = write.await.unwrap();
        assert!(Some(zxid) > last);
        last = Some(zxid);
    }
    assert_eq!(records(&session, "/last")["/last"], "199");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_write_is_undone_as_a_whole_and_nothing_of_its_leadership_follows() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let session = node.session();
    let large = RecordWrite::put("/large", vec![0; MAX_RECORD_BYTES + 1]);
    let blob = Bytes::from(vec![0; MAX_RECORD_BYTES]);
    let many = (0..64).map(|index| RecordWrite::put(format!("/{index}"), blob.clone()));
    for failing in [vec![put(1), large], many.collect()] {
        let leadership = lead(&session).await;
        let fence = &leadership.fence;
        let failing = session.propose(fence, failing).await;
        let following = session.propose(fence, vec![put(2)]).await;
        let error = failing.await.unwrap_err();
        let is_expected =
            matches!(error, WriteError::Refused(Refusal::Record(_)) | WriteError::TooLarge { .. });
        assert!(is_expected, "{error:?}");
        assert_eq!(following.await, Err(WriteError::AfterFailure));
        assert!(records(&session, "/").is_empty());
        leadership.resign().await;
    }
    session.write(&lead(&session).await.fence, vec![put(1)]).await.unwrap();
    assert_eq!(records(&session, "/").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_in_the_folder_is_told_who_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let _node = node(folder.path()).await;
    let error = Node::start(config(folder.path())).await.unwrap_err();
    let StartError::DataDir(reason) = &error else { panic!("{error}") };
    assert!(reason.to_string().contains(&std::process::id().to_string()), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_memory_has_dropped_are_replayed_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let first = node(folder.path()).await;
    let session = first.session();
    let leadership = lead(&session).await;
    // 24 MiB through segments of 8 MiB and a memory of 4 MiB.
    for index in 0..24_u8 {
        let write = RecordWrite::put(format!("/blobs/{index}"), vec![index; MAX_RECORD_BYTES]);
        session.write(&leadership.fence, vec![write]).await.unwrap();
    }
    first.shutdown().await;
    let second = node(folder.path()).await;
    let found = records(&second.session(), "/blobs");
    assert_eq!(found.len(), 24);
    assert!((0..24_u8).all(|index| found[&format!("/blobs/{index}")][5] == index));
}
