//! The client namespace through the session, and following both namespaces.

use bytes::Bytes;
use coordination::{
    Change, ChangeKind, CreateMode, EVENT_QUEUE, Election, ErrorCode, Event, Multi, Namespace,
    Refusal, Session, Subscription, WriteError, Zxid,
};
use model::RecordWrite;

use crate::standing_node;

#[tokio::test(flavor = "multi_thread")]
async fn ephemeral_and_sequential_nodes_are_made_and_go_with_the_session() {
    let (folder, node) = standing_node().await;
    let session = node.session();
    session.create("/q", "", CreateMode::Persistent).await.unwrap();
    let mut paths = Vec::new();
    for _ in 0..3 {
        let mode = CreateMode::EphemeralSequential;
        let (path, stat) = session.create("/q/n-", "data", mode).await.unwrap();
        assert_eq!(stat.ephemeral_owner, Some(session.id()));
        paths.push(path);
    }
    let paths: Vec<_> = paths.iter().map(|path| &**path).collect();
    assert_eq!(paths, ["/q/n-0000000000", "/q/n-0000000001", "/q/n-0000000002"]);
    assert_eq!(session.node("/q/n-0000000001").unwrap().data, "data");
    node.shutdown().await;
    let node = crate::node(folder.path()).await;
    let found = node.session().node("/q").unwrap();
    assert!(found.children.is_empty());
    assert_eq!(found.creates, 3, "numbers go on where they were");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_multi_with_a_failing_check_changes_nothing_and_names_the_operation() {
    let (_folder, node) = standing_node().await;
    let session = node.session();
    session.create("/a", "1", CreateMode::Persistent).await.unwrap();
    let multi = |version| {
        let multi = Multi::new().create("/b", "", CreateMode::Persistent);
        multi.check("/a", Some(version)).set("/a", "2", Some(0)).delete("/b", None)
    };
    let refused = session.multi(None, multi(7)).await.unwrap_err();
    let failed = Refusal::Failed { index: 1, code: ErrorCode::BadVersion };
    assert_eq!(refused, WriteError::Refused(failed));
    assert!(session.node("/b").is_none());
    let results = session.multi(None, multi(0)).await.unwrap();
    assert_eq!(results.len(), 4);
    assert_eq!(session.node("/a").unwrap().data, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fenced_multi_ends_with_the_leadership() {
    let (_folder, node) = standing_node().await;
    let session = node.session();
    let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
    let fence = leadership.fence.clone();
    let create = |path: &str| Multi::new().create(path, "", CreateMode::Persistent);
    session.multi(Some(&fence), create("/mesos/one")).await.unwrap();
    leadership.resign().await;
    let refused = session.multi(Some(&fence), create("/mesos/two")).await.unwrap_err();
    assert!(matches!(refused, WriteError::Refused(Refusal::Deposed { .. })), "{refused:?}");
}

async fn resync(subscription: &mut Subscription) -> (Zxid, Vec<String>) {
    match subscription.next().await.unwrap() {
        Event::Resync(loaded) => {
            (loaded.zxid(), loaded.iter().map(|(path, _)| path.to_owned()).collect())
        }
        other @ Event::Changed { .. } => panic!("{other:?}"),
    }
}

async fn changes(subscription: &mut Subscription) -> (Zxid, Vec<Change>) {
    match subscription.next().await.unwrap() {
        Event::Changed { zxid, changes } => (zxid, changes),
        other @ Event::Resync(_) => panic!("{other:?}"),
    }
}

async fn put(session: &Session, fence: &coordination::Fence, paths: &[&str]) -> Zxid {
    let records = paths.iter().map(|path| RecordWrite::put(*path, "x")).collect();
    session.write(fence, records).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_begins_with_everything_and_then_sees_each_entry_as_a_whole() {
    let (_folder, node) = standing_node().await;
    let session = node.session();
    let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
    let fence = &leadership.fence;
    put(&session, fence, &["/master/a", "/marathon/a"]).await;
    let mut records = session.subscribe(Namespace::Platform, "/master");
    let mut nodes = session.subscribe(Namespace::Client, "/mesos");
    assert_eq!(resync(&mut records).await.1, ["/master/a"]);
    let Some(Event::Resync(loaded)) = nodes.next().await else { panic!("a resync comes first") };
    let paths: Vec<_> = loaded.nodes().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/mesos", "/mesos/json.info_0000000000"]);

    put(&session, fence, &["/marathon/b"]).await;
    let zxid = put(&session, fence, &["/master/a", "/master/b", "/marathon/c"]).await;
    let kinds = |changes: Vec<Change>| {
        let kinds = changes.into_iter().map(|change| (change.path.to_string(), change.kind));
        kinds.collect::<Vec<_>>()
    };
    let (seen, changed) = changes(&mut records).await;
    assert_eq!(seen, zxid);
    let wanted = [("/master/a", ChangeKind::Set), ("/master/b", ChangeKind::Created)];
    assert_eq!(kinds(changed), wanted.map(|(path, kind)| (path.to_owned(), kind)));

    leadership.resign().await;
    let gone = ("/mesos/json.info_0000000000".to_owned(), ChangeKind::Deleted);
    assert_eq!(kinds(changes(&mut nodes).await.1), [gone]);
    node.shutdown().await;
    assert!(records.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_falls_behind_delays_nobody_and_reads_everything_again() {
    let (_folder, node) = standing_node().await;
    let session = node.session();
    let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
    let mut slow = session.subscribe(Namespace::Platform, "/r");
    resync(&mut slow).await;
    // More than the queue holds, in entries of 1,000 records, read by nobody.
    let entries = EVENT_QUEUE / 1_000 + 2;
    for entry in 0..entries {
        let records = (0..1_000).map(|index| RecordWrite::put(format!("/r/{entry}/{index}"), "x"));
        session.write(&leadership.fence, records.collect()).await.unwrap();
    }
    let (zxid, paths) = resync(&mut slow).await;
    assert_eq!(paths.len(), entries * 1_000);
    // From there on it follows again, without a gap and without what it has read already.
    let next = put(&session, &leadership.fence, &["/r/next"]).await;
    let (seen, changed) = changes(&mut slow).await;
    assert!(next > zxid && seen == next);
    assert_eq!(changed.len(), 1);
}
