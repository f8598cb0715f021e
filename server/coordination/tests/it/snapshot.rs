//! A node whose log is cut by snapshots: bounded on disk, and nothing is lost over restarts.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use coordination::{Config, Election, Node, NodeId, Session, StartError};
use model::{RecordWrite, Timestamp};

const SEGMENT: u64 = 64 << 10;
/// Longest wait for a snapshot.
const PATIENCE: Duration = Duration::from_secs(20);

fn config(folder: &Path) -> Config {
    let config = Config::new(NodeId(1), folder, || Timestamp::from_millis(1));
    Config { segment_bytes: SEGMENT, snapshot_log_bytes: SEGMENT, ..config }
}

/// Bytes of all files below a folder.
fn bytes_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            // A file may be deleted or renamed while the folder is read.
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => bytes_of(&entry.path()),
                Ok(metadata) => metadata.len(),
                Err(_) => 0,
            }
        })
        .sum()
}

/// A dropped node's threads hold the folder for a moment longer.
async fn start_when_free(folder: &Path) -> Node {
    loop {
        match Node::start(config(folder)).await {
            Ok(node) => return node,
            Err(StartError::DataDir(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

fn snapshots(folder: &Path) -> usize {
    let files = std::fs::read_dir(folder.join("snapshots")).unwrap();
    files.filter(|file| file.as_ref().unwrap().path().extension().unwrap() == "snapshot").count()
}

fn records(session: &Session) -> BTreeMap<String, Bytes> {
    let loaded = session.load("/records");
    loaded.iter().map(|(path, value)| (path.to_owned(), value.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_segments_of_writes_stay_within_the_bound_and_survive_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = BTreeMap::new();
    // The state has 40 KiB, and so has a snapshot; 16 KiB are for what lies beside.
    let bound = 3 * SEGMENT + 4 * (44 << 10) + 3 * SEGMENT + (16 << 10);
    let mut written = 0;
    for round in 0..4_u64 {
        let node = start_when_free(folder.path()).await;
        let session = node.session();
        assert_eq!(records(&session), expected, "round {round}");
        let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
        while written < (round + 1) * 5 * SEGMENT {
            let path = format!("/records/{}", written % 20);
            let value = Bytes::from(format!("{written:-<2000}"));
            let write = vec![RecordWrite::put(path.clone(), value.clone())];
            session.write(&leadership.fence, write).await.unwrap();
            expected.insert(path, value);
            written += 2_000;
            // What is written while a snapshot is being written comes on top, for as long as that takes.
            let within = async {
                while bytes_of(folder.path()) >= bound {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(PATIENCE, within).await.expect("the folder stays bounded");
        }
        if round % 2 == 0 {
            node.shutdown().await;
        } else {
            // As after a crash: nothing is closed.
            drop((leadership, session, node));
        }
    }
    // The last node may be about to delete the fourth.
    let three = async {
        while snapshots(folder.path()) != 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, three).await.expect("three snapshots are kept");
    assert!(written >= 20 * SEGMENT);
}
