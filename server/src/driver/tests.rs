//! The driver with a core that counts, on a real node with one voter.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use coordination::{Config, Election, Leadership, Node, NodeId};
use model::{Instant, RecordWrite, Timestamp};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::*;

mod full;
use crate::clock::Clock;

/// Adds up; remembers durable sums and answers with the sum.
#[derive(Debug, Default)]
struct Adder {
    sum: u64,
}

#[derive(Debug)]
enum Add {
    Durably(u64, oneshot::Sender<u64>),
    /// Stores a megabyte of its own.
    Bulky(u64, oneshot::Sender<u64>),
    Lightly(u64, oneshot::Sender<u64>),
}

#[derive(Debug)]
enum AdderEffect {
    Persist(RecordWrite),
    Answer(oneshot::Sender<u64>, u64),
}

impl Core for Adder {
    type Command = Add;
    type Effect = AdderEffect;
    type Snapshot = u64;

    fn apply(&mut self, _now: Instant, command: Add) -> Vec<AdderEffect> {
        let sum = |core: &mut Self, amount| {
            core.sum += amount;
            core.sum
        };
        let (write, to) = match command {
            Add::Durably(amount, to) => {
                let sum = sum(self, amount);
                (Some(RecordWrite::put("/adder/sum", sum.to_string())), to)
            }
            Add::Bulky(amount, to) => {
                let path = format!("/adder/{}", sum(self, amount));
                (Some(RecordWrite::put(path, vec![0; 1 << 20])), to)
            }
            Add::Lightly(amount, to) => {
                sum(self, amount);
                (None, to)
            }
        };
        let persist = write.map(AdderEffect::Persist);
        persist.into_iter().chain([AdderEffect::Answer(to, self.sum)]).collect()
    }

    fn snapshot(&self) -> u64 {
        self.sum
    }
}

impl Persisting for AdderEffect {
    fn into_write(self) -> Result<RecordWrite, Self> {
        match self {
            Self::Persist(write) => Ok(write),
            answer @ Self::Answer(..) => Err(answer),
        }
    }
}

/// Answers, and notes the order of the answers.
struct Answers(mpsc::UnboundedSender<u64>);

impl Ports for Answers {
    type Effect = AdderEffect;

    fn release(&mut self, effect: AdderEffect) {
        if let AdderEffect::Answer(to, sum) = effect {
            let _ = self.0.send(sum);
            let _ = to.send(sum);
        }
    }
}

struct Cluster {
    folder: tempfile::TempDir,
    node: Node,
    leadership: Leadership,
}

impl Cluster {
    async fn start() -> Self {
        Self::start_with(|| Clock.now()).await
    }

    async fn start_with(boot_clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::new(NodeId(1), folder.path(), || Timestamp::from_millis(0));
        let boot_clock = Arc::new(boot_clock);
        let config = Config { segment_bytes: 8 << 20, boot_clock, ..config };
        let node = Node::start(config).await.unwrap();
        let session = node.session();
        let leadership = session.campaign(Election::Mesos, bytes::Bytes::new()).await.unwrap();
        Self { folder, node, leadership }
    }

    fn journal(&self) -> Fenced {
        Fenced::new(self.node.session(), &self.leadership)
    }

    fn stored_sum(&self) -> Option<String> {
        let loaded = self.node.session().load("/adder");
        loaded.iter().next().map(|(_, value)| String::from_utf8(value.to_vec()).unwrap())
    }
}

struct Running {
    handle: Handle<Adder>,
    answers: mpsc::UnboundedReceiver<u64>,
    ended: tokio::task::JoinHandle<Ended>,
    stop: CancellationToken,
}

fn run_adder(journal: impl Journal) -> Running {
    let core = Adder::default();
    let (handle, inbox) = channel(&core, 2_048, journal.lease());
    let (sender, answers) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let driver = run(core, inbox, Answers(sender), journal, || Instant::ZERO, stop.clone());
    Running { handle, answers, ended: tokio::spawn(driver), stop }
}

/// Lets proposals through one by one, and fails all from a given one on.
struct Gate {
    inner: Fenced,
    open: Arc<Semaphore>,
    proposed: Arc<AtomicUsize>,
    fails_from: usize,
    waiting: Arc<Mutex<usize>>,
}

impl Journal for Gate {
    type Pending = Pin<Box<dyn Future<Output = Result<Zxid, WriteError>> + Send>>;

    fn lease(&self) -> Lease {
        self.inner.lease()
    }

    async fn propose(&self, writes: Vec<RecordWrite>) -> Self::Pending {
        let number = self.proposed.fetch_add(1, Ordering::SeqCst);
        *self.waiting.lock().unwrap() += 1;
        let (open, waiting) = (Arc::clone(&self.open), Arc::clone(&self.waiting));
        let fails = number >= self.fails_from;
        let write = if fails { None } else { Some(self.inner.propose(writes).await) };
        Box::pin(async move {
            open.acquire().await.unwrap().forget();
            *waiting.lock().unwrap() -= 1;
            match write {
                Some(write) => write.await,
                None => Err(WriteError::NotLeading),
            }
        })
    }
}

fn gate(cluster: &Cluster, fails_from: usize) -> (Gate, Arc<Semaphore>, Arc<AtomicUsize>) {
    let (open, proposed) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let gate = Gate {
        inner: cluster.journal(),
        open: Arc::clone(&open),
        proposed: Arc::clone(&proposed),
        fails_from,
        waiting: Arc::default(),
    };
    (gate, open, proposed)
}

async fn add(
    handle: &Handle<Adder>,
    add: fn(u64, oneshot::Sender<u64>) -> Add,
) -> oneshot::Receiver<u64> {
    let (to, answer) = oneshot::channel();
    handle.send(add(1, to)).await.unwrap();
    answer
}

/// Waits until the driver has made `count` proposals and took nothing more for a while of its own turns.
async fn proposals_made(proposed: &AtomicUsize, count: usize) {
    while proposed.load(Ordering::SeqCst) < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_in_order_and_a_reader_sees_its_own_write() {
    let cluster = Cluster::start().await;
    let mut running = run_adder(cluster.journal());
    for round in 0..50 {
        let kind = if round % 3 == 0 { Add::Lightly } else { Add::Durably };
        let sum = add(&running.handle, kind).await.await.unwrap();
        assert_eq!(sum, round + 1);
        assert!(*running.handle.snapshot() >= sum);
    }
    assert_eq!(cluster.stored_sum().as_deref(), Some("50"));
    let mut last = 0;
    while let Ok(sum) = running.answers.try_recv() {
        assert_eq!(sum, last + 1);
        last = sum;
    }
    running.stop.cancel();
    assert_eq!(running.ended.await.unwrap(), Ended::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_and_snapshot_wait_for_the_commit_also_those_of_later_batches() {
    let cluster = Cluster::start().await;
    let (gate, open, proposed) = gate(&cluster, usize::MAX);
    let mut running = run_adder(gate);
    let first = add(&running.handle, Add::Durably).await;
    proposals_made(&proposed, 1).await;
    // This one needs no write, yet it stands on the first and must not overtake it.
    let mut second = add(&running.handle, Add::Lightly).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(second.try_recv().is_err());
    assert!(running.answers.try_recv().is_err());
    assert_eq!(*running.handle.snapshot(), 0);
    open.add_permits(1);
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (1, 2));
    assert_eq!(*running.handle.snapshot(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_eight_batches_are_in_flight_and_the_rest_becomes_one_batch() {
    let cluster = Cluster::start().await;
    let (gate, open, proposed) = gate(&cluster, usize::MAX);
    let running = run_adder(gate);
    let mut answers = Vec::new();
    for count in 1..=8 {
        answers.push(add(&running.handle, Add::Durably).await);
        proposals_made(&proposed, count).await;
    }
    for _ in 0..20 {
        answers.push(add(&running.handle, Add::Durably).await);
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(proposed.load(Ordering::SeqCst), 8);
    open.add_permits(100);
    for (sum, answer) in (1..).zip(answers) {
        assert_eq!(answer.await.unwrap(), sum);
    }
    // The twenty waited together, so one or two proposals carried them.
    assert!(proposed.load(Ordering::SeqCst) <= 10);
    assert_eq!(cluster.stored_sum().as_deref(), Some("28"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_write_ends_the_driver_and_nothing_of_it_gets_out() {
    let cluster = Cluster::start().await;
    let (gate, open, proposed) = gate(&cluster, 1);
    let mut running = run_adder(gate);
    open.add_permits(1);
    assert_eq!(add(&running.handle, Add::Durably).await.await.unwrap(), 1);
    let second = add(&running.handle, Add::Durably).await;
    proposals_made(&proposed, 2).await;
    let third = add(&running.handle, Add::Lightly).await;
    open.add_permits(1);
    assert_eq!(running.ended.await.unwrap(), Ended::WriteFailed(WriteError::NotLeading));
    assert!(second.await.is_err() && third.await.is_err());
    assert_eq!(*running.handle.snapshot(), 1);
    assert_eq!(running.answers.recv().await, Some(1));
    assert_eq!(running.answers.recv().await, None);
    let (to, _) = oneshot::channel();
    assert_eq!(running.handle.send(Add::Lightly(1, to)).await, Err(Busy::Stopped));
}

/// A leader's journal of which nobody watches the lease.
struct Unwatched(Fenced);

impl Journal for Unwatched {
    type Pending = PendingWrite;

    async fn propose(&self, writes: Vec<RecordWrite>) -> Self::Pending {
        self.0.propose(writes).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposed_leaders_driver_is_silent_until_it_is_dropped() {
    let cluster = Cluster::start().await;
    let mut running = run_adder(cluster.journal());
    let Cluster { folder: _folder, node: _node, leadership } = cluster;
    leadership.resign().await;
    let answer = add(&running.handle, Add::Lightly).await;
    assert!(futures_util::poll!(&mut Box::pin(running.handle.lease().held())).is_pending());
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(running.answers.try_recv().is_err());
    running.ended.abort();
    assert!(answer.await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_whose_write_the_fence_refuses_ends() {
    let cluster = Cluster::start().await;
    let running = run_adder(Unwatched(cluster.journal()));
    let Cluster { folder: _folder, node, leadership } = cluster;
    leadership.resign().await;
    let answer = add(&running.handle, Add::Durably).await;
    assert!(answer.await.is_err());
    assert!(matches!(running.ended.await.unwrap(), Ended::WriteFailed(WriteError::Refused(_))));
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_commands_that_each_persist_cost_few_commits() {
    let cluster = Cluster::start().await;
    let (gate, open, proposed) = gate(&cluster, usize::MAX);
    let running = run_adder(gate);
    let mut answers = Vec::new();
    for _ in 0..1_000 {
        answers.push(add(&running.handle, Add::Durably).await);
    }
    open.add_permits(1_000);
    for (sum, answer) in (1..).zip(answers) {
        assert_eq!(answer.await.unwrap(), sum);
    }
    let commits = proposed.load(Ordering::SeqCst);
    assert!(commits <= 20, "{commits} commits");
    assert_eq!(cluster.stored_sum().as_deref(), Some("1000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_one_proposal_whatever_its_size_and_ends_before_it_is_too_large() {
    let cluster = Cluster::start().await;
    let (gate, open, proposed) = gate(&cluster, usize::MAX);
    open.add_permits(1_000);
    let core = Adder::default();
    let (handle, inbox) = channel(&core, 64, gate.lease());
    let mut answers = Vec::new();
    for _ in 0..40 {
        let (to, answer) = oneshot::channel();
        handle.send(Add::Bulky(1, to)).await.unwrap();
        answers.push(answer);
    }
    let (sender, _released) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let driver = run(core, inbox, Answers(sender), gate, || Instant::ZERO, stop.clone());
    let running = tokio::spawn(driver);
    for (sum, answer) in (1..).zip(answers) {
        assert_eq!(answer.await.unwrap(), sum);
    }
    // 40 MiB in batches of 16: each a change of its own, larger than an entry.
    assert_eq!(proposed.load(Ordering::SeqCst), 3);
    assert_eq!(cluster.node.session().load("/adder").iter().count(), 40);
    stop.cancel();
    assert_eq!(running.await.unwrap(), Ended::Stopped);
}

/// A boot-time clock that can be stopped in its tracks or made to race; then no lease lasts.
#[derive(Debug, Default)]
struct RacingClock {
    millis: AtomicU64,
    races: AtomicBool,
}

impl RacingClock {
    fn read(&self) -> Instant {
        let step = if self.races.load(Ordering::SeqCst) { 1_000 } else { 0 };
        Instant::from_millis(self.millis.fetch_add(step, Ordering::SeqCst) + step)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_driver_says_nothing_keeps_its_core_and_goes_on_with_the_lease() {
    let clock = Arc::new(RacingClock::default());
    let shown = Arc::clone(&clock);
    let cluster = Cluster::start_with(move || shown.read()).await;
    let (gate, open, _) = gate(&cluster, usize::MAX);
    let mut running = run_adder(gate);
    open.add_permits(1);
    assert_eq!(add(&running.handle, Add::Durably).await.await.unwrap(), 1);
    assert_eq!(running.answers.recv().await, Some(1));
    // One write has been proposed when the lease lapses, and commits without it; others wait behind.
    let mut second = add(&running.handle, Add::Durably).await;
    clock.races.store(true, Ordering::SeqCst);
    open.add_permits(100);
    let mut third = add(&running.handle, Add::Lightly).await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(!running.handle.lease().is_held());
    assert!(second.try_recv().is_err() && third.try_recv().is_err());
    assert!(running.answers.try_recv().is_err());
    assert_eq!(*running.handle.snapshot(), 1);
    clock.races.store(false, Ordering::SeqCst);
    assert_eq!((second.await.unwrap(), third.await.unwrap()), (2, 3));
    assert_eq!(cluster.stored_sum().as_deref(), Some("2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_lease_a_driver_answers_nothing_that_needs_no_write_either() {
    let clock = Arc::new(RacingClock::default());
    let shown = Arc::clone(&clock);
    let cluster = Cluster::start_with(move || shown.read()).await;
    let running = run_adder(cluster.journal());
    assert_eq!(add(&running.handle, Add::Lightly).await.await.unwrap(), 1);
    clock.races.store(true, Ordering::SeqCst);
    // Another process may lead by now: what this one knows may be of the past.
    let mut answer = add(&running.handle, Add::Lightly).await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(answer.try_recv().is_err());
    clock.races.store(false, Ordering::SeqCst);
    assert_eq!(answer.await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_driver_can_be_stopped() {
    let clock = Arc::new(RacingClock::default());
    let shown = Arc::clone(&clock);
    let cluster = Cluster::start_with(move || shown.read()).await;
    let running = run_adder(cluster.journal());
    clock.races.store(true, Ordering::SeqCst);
    let answer = add(&running.handle, Add::Durably).await;
    running.stop.cancel();
    assert_eq!(running.ended.await.unwrap(), Ended::Stopped);
    assert!(answer.await.is_err());
}
