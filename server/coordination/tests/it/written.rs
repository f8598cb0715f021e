//! Data folders that earlier programs wrote: every later program starts from them and has what was acknowledged.
//!
//! `fixtures/first` has a log of the first format. `fixtures/second` was written by `examples/data_folder.rs`: log,
//! vote, `acknowledged` and snapshots, whose log begins behind the oldest of them. The ends of its files that are
//! zeros are left out and added here. A change of a format adds a fixture and never replaces one.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use coordination::{Config, CreateMode, Election, Node, NodeId, Session, StartError};
use model::{RecordWrite, Timestamp};

/// Bytes of the fixture's segments.
const SEGMENT: usize = 4 << 10;

fn config(folder: &Path) -> Config {
    let config = Config::new(NodeId(1), folder, || Timestamp::from_millis(1));
    Config { segment_bytes: 64 << 10, snapshot_log_bytes: 64 << 10, ..config }
}

/// What a file has when it is whole, unless it is as large as it was stored.
fn whole_size(name: &str) -> usize {
    match name {
        "vote" => 8 << 10,
        "acknowledged" => 1 << 10,
        segment if segment.ends_with(".segment") => SEGMENT,
        _ => 0,
    }
}

/// Copies a fixture into a folder of its own and makes its files whole.
fn unpacked(fixture: &str) -> tempfile::TempDir {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture);
    let folder = tempfile::tempdir().unwrap();
    for below in ["", "log", "snapshots"] {
        std::fs::create_dir_all(folder.path().join(below)).unwrap();
        for file in std::fs::read_dir(fixture.join(below)).into_iter().flatten() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                let mut bytes = std::fs::read(file.path()).unwrap();
                let whole = whole_size(file.file_name().to_str().unwrap());
                bytes.resize(whole.max(bytes.len()), 0);
                std::fs::write(folder.path().join(below).join(file.file_name()), bytes).unwrap();
            }
        }
    }
    folder
}

fn records(session: &Session, prefix: &str) -> BTreeMap<String, Bytes> {
    let loaded = session.load(prefix);
    loaded.iter().map(|(path, value)| (path.to_owned(), value.clone())).collect()
}

/// The records of two rounds of which each fifth write deleted the one before its own.
fn expected(prefix: &str, writes: u32, first_deleted: u32) -> BTreeMap<String, Bytes> {
    let all = (0..2).flat_map(|round| (0..writes).map(move |index| (round, index)));
    all.filter(|(_, index)| index % 5 != first_deleted)
        .map(|(round, index)| {
            let value = Bytes::from(format!("value {round} {index}"));
            (format!("{prefix}/{round}/{index:02}"), value)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_the_first_format_starts_and_has_what_was_acknowledged() {
    let folder = unpacked("first");
    for _ in 0..2 {
        let node = Node::start(config(folder.path())).await.unwrap();
        let session = node.session();
        assert_eq!(records(&session, "/old"), expected("/old", 20, 3));
        let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
        session.write(&leadership.fence, vec![RecordWrite::put("/new", "x")]).await.unwrap();
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_snapshots_starts_and_has_what_was_acknowledged() {
    let folder = unpacked("second");
    for round in 0..2 {
        let node = Node::start(config(folder.path())).await.unwrap();
        let session = node.session();
        assert_eq!(records(&session, "/written"), expected("/written", 100, 3));
        let data = |path: &str| session.node(path).map(|node| node.data);
        assert_eq!(data("/kept"), Some(Bytes::from_static(b"set 1")));
        assert_eq!(data("/kept/n-0000000000"), Some(Bytes::from_static(b"first")));
        assert_eq!(data("/kept/n-0000000001"), Some(Bytes::from_static(b"second")));
        // Ephemeral nodes went with their sessions; their numbers are not given again.
        assert_eq!(data("/kept/gone-0000000003"), None);
        let (path, _) =
            session.create("/kept/n-", "", CreateMode::EphemeralSequential).await.unwrap();
        assert_eq!(*path, format!("/kept/n-{:010}", 4 + round));
        assert_eq!(*session.leader(Election::Mesos).borrow(), None);
        let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
        session.write(&leadership.fence, vec![RecordWrite::put("/new", "x")]).await.unwrap();
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_folder_with_snapshots_is_not_enough() {
    let folder = unpacked("second");
    std::fs::remove_dir_all(folder.path().join("snapshots")).unwrap();
    let error = Node::start(config(folder.path())).await.unwrap_err();
    let StartError::Log(reason) = &error else { panic!("{error}") };
    assert!(reason.to_string().contains("no snapshot holds the entries up to"), "{reason}");
}
