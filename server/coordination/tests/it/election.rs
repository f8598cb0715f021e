//! Standing, leading, losing and fencing.

use bytes::Bytes;
use coordination::{Election, Refusal, SessionError, WriteError};
use model::RecordWrite;

use crate::standing_node;

#[tokio::test(flavor = "multi_thread")]
async fn the_only_candidate_leads_and_is_seen_to_lead() {
    let (_folder, node) = standing_node().await;
    let session = node.session();
    let mut leader = session.leader(Election::Mesos);
    assert_eq!(*leader.borrow_and_update(), None);
    let leadership = session.campaign(Election::Mesos, Bytes::from_static(b"{}")).await.unwrap();
    assert_eq!(*leader.borrow_and_update(), Some(Bytes::from_static(b"{}")));
    assert_eq!(&*leadership.fence.node, "/mesos/json.info_0000000000");
    assert_eq!(leadership.fence.session, session.id());
    drop(leadership);
    leader.wait_for(Option::is_none).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_elections_are_held_apart() {
    let (_folder, node) = standing_node().await;
    let session = node.session();
    let (mesos, marathon) = tokio::join!(
        session.campaign(Election::Mesos, Bytes::from_static(b"m")),
        session.campaign(Election::Marathon, Bytes::from_static(b"host:8080")),
    );
    let (mesos, marathon) = (mesos.unwrap(), marathon.unwrap());
    assert_ne!(mesos.epoch, marathon.epoch);
    assert!(marathon.fence.node.starts_with("/marathon/leader-curator/_c_"));
    assert_eq!(
        *session.leader(Election::Marathon).borrow(),
        Some(Bytes::from_static(b"host:8080"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_candidate_leads_with_a_higher_epoch_and_the_former_is_fenced() {
    let (_folder, node) = standing_node().await;
    let session = node.session();
    let first = session.campaign(Election::Mesos, Bytes::from_static(b"1")).await.unwrap();
    let next = tokio::spawn({
        let session = session.clone();
        async move { session.campaign(Election::Mesos, Bytes::from_static(b"2")).await.unwrap() }
    });
    let write = || vec![RecordWrite::put("/master/a", Bytes::from_static(b"x"))];
    session.write(&first.fence, write()).await.unwrap();
    let (epoch, fence) = (first.epoch, first.fence.clone());
    first.resign().await;
    let second = next.await.unwrap();
    assert!(second.epoch > epoch);
    let refused = session.write(&fence, write()).await.unwrap_err();
    assert!(matches!(refused, WriteError::Refused(Refusal::Deposed { .. })), "{refused:?}");
    session.write(&second.fence, write()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leadership_is_lost_when_the_node_stops() {
    let (_folder, node) = standing_node().await;
    let session = node.session();
    let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
    node.shutdown().await;
    leadership.lost().await;
    let error = session.write(&leadership.fence, Vec::new()).await.unwrap_err();
    assert_eq!(error, WriteError::Stopped);
    let error = session.campaign(Election::Mesos, Bytes::new()).await.unwrap_err();
    assert_eq!(error, SessionError::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_campaign_leaves_no_candidate() {
    let (_folder, node) = standing_node().await;
    let session = node.session();
    let first = session.campaign(Election::Mesos, Bytes::from_static(b"1")).await.unwrap();
    // Dropped at every stage of its way: before its node is asked for, while it is made, and after.
    for polls in 0..20 {
        let mut campaign = Box::pin(session.campaign(Election::Mesos, Bytes::from_static(b"2")));
        for _ in 0..polls {
            assert!(futures_util::poll!(&mut campaign).is_pending(), "the first still leads");
            tokio::task::yield_now().await;
        }
        if polls % 5 == 0 {
            session.write(&first.fence, Vec::new()).await.unwrap();
        }
    }
    first.resign().await;
    let third = session.campaign(Election::Mesos, Bytes::from_static(b"3")).await.unwrap();
    assert_eq!(*session.leader(Election::Mesos).borrow(), Some(Bytes::from_static(b"3")));
    drop(third);
}
