//! How changes are cut into entries, and what a failure does to those after it.

use std::sync::atomic::{AtomicU64, Ordering};

use zookeeper_core::{MAX_RECORD_BYTES, MAX_STAGED_BYTES, NodeId};

use super::*;
use crate::log::FileDisk;
use crate::raft::{Image, StateStore};

#[test]
fn a_large_change_is_cut_into_parts_in_order() {
    let record = |index: usize| RecordWrite::put(format!("/{index}"), vec![0; 300 << 10]);
    let parts = cut((0..7).map(record).collect(), CHUNK_BYTES);
    assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    let paths: Vec<_> = parts.iter().flatten().map(|record| record.path.as_str()).collect();
    assert_eq!(paths, ["/0", "/1", "/2", "/3", "/4", "/5", "/6"]);
    assert!(cut(Vec::new(), CHUNK_BYTES).is_empty());
}

#[test]
fn the_bytes_of_entries_stay_what_they_were() {
    let records = || vec![RecordWrite::put("/b", "y")];
    let create = Operation::Create {
        path: "/a".into(),
        data: bytes::Bytes::from_static(b"x"),
        mode: zookeeper_core::CreateMode::EphemeralSequential,
    };
    let write = Write {
        session: SessionId(7),
        sequence: 3,
        answered: 2,
        fence: None,
        operations: vec![create],
        records: records(),
    };
    let chunk = Chunk { session: SessionId(7), sequence: 3, index: 1, records: records() };
    let written = b"\x07\x03\x02\x00\x01\x00\x02/a\x01x\x03\x01\x02/b\x01\x01y";
    let cases = [
        (1, Command::Write(write.clone()), [b"\x02\x02", &written[..]].concat()),
        (2, Command::Stage(chunk), b"\x02\x04\x07\x03\x01\x01\x02/b\x01\x01y".to_vec()),
        (
            2,
            Command::WriteStaged { write, chunks: 9 },
            [b"\x02\x05", &written[..], b"\x09"].concat(),
        ),
    ];
    for (format, command, bytes) in cases {
        let entry = Entry { time: Timestamp::from_millis(1), command };
        let proposal = Proposal::new(&entry).unwrap();
        assert_eq!((proposal.format, &*proposal.body), (format, &*bytes), "{entry:?}");
        assert_eq!(proposal.entry(), Ok(entry));
    }
}

#[test]
fn a_chunk_with_the_largest_record_fits_into_an_entry_and_a_change_into_what_may_be_staged() {
    const { assert!(CHUNK_BYTES + MAX_RECORD_BYTES < MAX_ENTRY_BYTES) };
    assert_eq!(u64::try_from(MAX_CHANGE_BYTES), Ok(MAX_STAGED_BYTES));
}

/// Plays raft: a test reads what is proposed and decides it.
#[derive(Clone)]
struct Scripted {
    leader: Arc<AtomicU64>,
    proposed: mpsc::UnboundedSender<(Entry, u64, Decide)>,
}

type Decide = oneshot::Sender<Result<Option<Outcome>, WriteError>>;

impl Consensus for Scripted {
    type Leader = u64;
    type Applied = BoxFuture<'static, Result<Option<Outcome>, WriteError>>;

    fn leader(&self) -> Option<u64> {
        Some(self.leader.load(Ordering::SeqCst))
    }

    async fn propose(&self, proposal: Proposal, leader: &u64) -> Result<Self::Applied, WriteError> {
        let (decide, decided) = oneshot::channel();
        self.proposed.send((proposal.entry().unwrap(), *leader, decide)).unwrap();
        Ok(Box::pin(async move { decided.await.unwrap_or(Err(WriteError::Stopped)) }))
    }
}

/// The proposing task over a log on disk that only counts its room.
struct Scene {
    proposer: Proposer,
    leader: Arc<AtomicU64>,
    proposed: mpsc::UnboundedReceiver<(Entry, u64, Decide)>,
    log: LogStore,
    folder: tempfile::TempDir,
}

const SEGMENT: u64 = 4 << 20;

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = LogStore::open(FileDisk::default(), folder.path(), 1, SEGMENT, ()).unwrap();
        let published = Published::new();
        let mut image = Image::default();
        let session = Command::OpenSession { session: SessionId(1), node: NodeId(1) };
        let level = Write {
            session: SessionId(1),
            sequence: 0,
            answered: 0,
            fence: None,
            operations: Vec::new(),
            records: vec![features::record(CHUNKS_SINCE)],
        };
        for command in [session, Command::Write(level)] {
            image.state.apply(1, &Entry { time: Timestamp::from_millis(0), command });
        }
        let _ = StateStore::restored(Arc::clone(&published), image);
        let clock = Arc::new(|| model::Instant::ZERO);
        let standing = Arc::new(Standing::new(SessionId(1), clock, Arc::clone(&published)));
        let (proposer, inbox) = Proposer::channel(log.room().clone());
        let (leader, (sender, proposed)) = (Arc::<AtomicU64>::default(), mpsc::unbounded_channel());
        let proposals = Proposals {
            raft: Scripted { leader: Arc::clone(&leader), proposed: sender },
            log: log.clone(),
            standing,
            published,
            wall_clock: Arc::new(|| Timestamp::from_millis(0)),
        };
        tokio::spawn(proposals.run(inbox));
        Self { proposer, leader, proposed, log, folder }
    }

    async fn ask(&self, fence: Option<&str>, path: &str, bytes: usize) -> PendingWrite {
        let fence = fence.map(|node| Fence {
            session: SessionId(1),
            node: node.into(),
            epoch: model::Epoch(1),
        });
        let value = vec![0; bytes.min(1 << 19)];
        let count = bytes.div_ceil(1 << 19).max(1);
        let records =
            (0..count).map(|part| RecordWrite::put(format!("{path}/{part}"), value.clone()));
        let changes = Changes { fence, records: records.collect(), ..Changes::default() };
        self.proposer.propose(changes).await
    }

    /// The next proposal: the paths of its records, the time of leadership, and how to decide it.
    async fn next(&mut self) -> (String, u64, Decide) {
        let (entry, leader, decide) = self.proposed.recv().await.unwrap();
        let records = match entry.command {
            Command::Write(write) | Command::WriteStaged { write, .. } => write.records,
            Command::Stage(chunk) => chunk.records,
            other => panic!("{other:?}"),
        };
        (records[0].path.clone(), leader, decide)
    }

    /// Lets the task do all that it can.
    async fn rest(&self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}

fn applied() -> Result<Option<Outcome>, WriteError> {
    Ok(Some(Outcome::Applied { zxid: Zxid::default(), results: Vec::new() }))
}

#[tokio::test]
async fn after_a_write_that_raft_lost_the_leadership_writes_nothing_more() {
    let mut scene = Scene::new();
    let one = scene.ask(Some("/one"), "/a", 1).await;
    let (path, _, lose) = scene.next().await;
    assert_eq!(path, "/a/0");
    // The node leads again before anybody has looked, and the next write waits already.
    lose.send(Err(WriteError::NotLeading)).unwrap();
    let next = scene.ask(Some("/one"), "/b", 1).await;
    let other = scene.ask(Some("/two"), "/c", 1).await;
    let unfenced = scene.ask(None, "/d", 1).await;
    for expected in ["/c/0", "/d/0"] {
        let (path, _, decide) = scene.next().await;
        assert_eq!(path, expected, "nothing of the first leadership is proposed");
        decide.send(applied()).unwrap();
    }
    assert_eq!(one.await, Err(WriteError::NotLeading));
    assert_eq!(next.await, Err(WriteError::AfterFailure));
    assert!(other.await.is_ok() && unfenced.await.is_ok());
    // Nor is it later.
    assert_eq!(scene.ask(Some("/one"), "/e", 1).await.await, Err(WriteError::AfterFailure));
}

#[tokio::test]
async fn an_operation_that_was_refused_ends_no_leadership_and_a_lost_chunk_does() {
    let mut scene = Scene::new();
    for (refusal, goes_on) in [
        (Refusal::Failed { index: 0, code: zookeeper_core::ErrorCode::NoNode }, true),
        (Refusal::Incomplete { sequence: 1, chunks: 1 }, false),
    ] {
        let refused = scene.ask(Some("/one"), "/a", 1).await;
        let (_, _, decide) = scene.next().await;
        decide.send(Ok(Some(Outcome::Refused(refusal.clone())))).unwrap();
        let next = scene.ask(Some("/one"), "/b", 1).await;
        assert_eq!(refused.await, Err(WriteError::Refused(refusal)));
        if goes_on {
            let (_, _, decide) = scene.next().await;
            decide.send(applied()).unwrap();
        }
        assert_eq!(next.await.is_ok(), goes_on);
    }
}

#[tokio::test]
async fn what_was_proposed_in_one_time_of_leadership_is_settled_before_the_next_is_used() {
    let mut scene = Scene::new();
    for (term, first) in [(1, Err(WriteError::NotLeading)), (2, applied())] {
        let node = format!("/{term}");
        let one = scene.ask(Some(&node), "/a", 1).await;
        let (_, before, decide) = scene.next().await;
        assert_eq!(before, term - 1);
        scene.leader.store(term, Ordering::SeqCst);
        let two = scene.ask(Some(&node), "/b", 1).await;
        scene.rest().await;
        assert!(scene.proposed.try_recv().is_err(), "it is not known yet what became of the first");
        let is_applied = first.is_ok();
        decide.send(first).unwrap();
        assert_eq!(one.await.is_ok(), is_applied);
        if is_applied {
            let (_, now, decide) = scene.next().await;
            assert_eq!(now, term);
            decide.send(applied()).unwrap();
        }
        assert_eq!(two.await.is_ok(), is_applied);
    }
}

/// Decides everything as applied; gives the paths.
async fn apply_all(scene: &mut Scene, pending: PendingWrite) -> (usize, Result<Zxid, WriteError>) {
    let mut pending = std::pin::pin!(pending);
    let mut count = 0;
    loop {
        tokio::select! {
            result = &mut pending => return (count, result),
            (_, _, decide) = scene.next() => {
                count += 1;
                // Nobody asks what became of a chunk.
                let _ = decide.send(applied());
            }
        }
    }
}

#[tokio::test]
async fn of_a_change_that_does_not_fit_on_a_full_disk_not_even_the_first_entry_is_proposed() {
    let mut scene = Scene::new();
    // The next segment cannot be made: its temporary name is taken. Nobody knows that yet.
    let taken = scene.folder.path().join("0000000002.new");
    std::fs::create_dir(&taken).unwrap();
    let small = scene.ask(Some("/one"), "/small", 2 << 20).await;
    let (count, small) = apply_all(&mut scene, small).await;
    assert!(small.is_ok() && count > 1, "{count} entries");
    assert!(!scene.log.storage().is_full());
    let large = scene.ask(Some("/one"), "/large", 7 << 19).await;
    let (count, large) = apply_all(&mut scene, large).await;
    assert!(matches!(large, Err(WriteError::NoRoom(NoRoom::Failed(_)))), "{large:?}");
    assert_eq!(count, 0);
    assert!(scene.log.storage().is_full(), "now it is known");
    std::fs::remove_dir(&taken).unwrap();
    scene.log.storage().room().await;
    let large = scene.ask(Some("/two"), "/large", 7 << 19).await;
    let (count, large) = apply_all(&mut scene, large).await;
    assert!(large.is_ok() && count > 3, "{count} entries");
}

#[tokio::test]
async fn a_change_that_fits_only_when_those_before_it_are_written_waits_for_them() {
    let mut scene = Scene::new();
    std::fs::create_dir(scene.folder.path().join("0000000002.new")).unwrap();
    let one = scene.ask(Some("/one"), "/one", 1 << 19).await;
    let two = scene.ask(Some("/one"), "/two", 5 << 19).await;
    let (path, _, decide) = scene.next().await;
    assert_eq!(path, "/one/0");
    scene.rest().await;
    assert!(scene.proposed.try_recv().is_err());
    decide.send(applied()).unwrap();
    assert!(one.await.is_ok());
    assert!(apply_all(&mut scene, two).await.1.is_ok());
}
