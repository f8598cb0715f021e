//! How long a commit takes beside a plain `fdatasync` on the same disk, and how long a start takes.
//!
//! Usage: `commit_bench [FOLDER] [WRITES] [ENTRIES]`. Prints a Markdown table. Everything writes 300 bytes; the floor
//! overwrites zero-filled space, as the log does, and is measured in turns with what it is the floor of.
#![expect(
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program reads the clock and prints what it measured"
)]

use std::collections::VecDeque;
use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use coordination::{Config, Election, Leadership, Node, NodeId, SNAPSHOT_LOG_BYTES, Session};
use futures_util::future::try_join_all;
use model::{RecordWrite, Timestamp};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const BYTES: usize = 300;
/// Commands of one batch, each of which persists.
const BATCH: usize = 1_000;

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    let writes = arguments.next().map_or(Ok(500), |count| count.parse())?;
    let entries = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let folder = tempfile::tempdir_in(folder)?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(measure(folder.path(), writes, entries))
}

/// Samples in their order.
struct Samples(Vec<Duration>);

impl Samples {
    fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        Self(samples)
    }

    /// Milliseconds.
    fn at(&self, per_mille: usize) -> f64 {
        let sample = self.0.get(self.0.len() * per_mille / 1_000);
        sample.map_or(0.0, |sample| sample.as_secs_f64() * 1e3)
    }

    fn p50(&self) -> f64 {
        self.at(500)
    }

    fn text(&self) -> String {
        let (p50, p99) = (self.p50(), self.at(990));
        format!("p50 {p50:.2} ms, p99 {p99:.2} ms ({} writes)", self.0.len())
    }
}

fn row(what: &str, ours: &str, floor: &str) {
    println!("| {what} | {ours} | {floor} |");
}

/// A zero-filled file that is written like the log, with nothing around it.
struct Plain {
    file: File,
    offset: u64,
}

impl Plain {
    fn create(folder: &Path, writes: usize) -> Outcome<Self> {
        let file = File::create(folder.join("plain"))?;
        file.write_all_at(&vec![0; writes * 512 + 512], 0)?;
        file.sync_all()?;
        Ok(Self { file, offset: 0 })
    }

    fn write(&mut self) -> Outcome<Duration> {
        let begin = Instant::now();
        self.file.write_all_at(&[1; BYTES], self.offset)?;
        self.file.sync_data()?;
        self.offset += 304;
        Ok(begin.elapsed())
    }
}

/// Starts on the folder and says how long it took until the node leads.
async fn started(folder: &Path, name: &str, snapshot_log_bytes: u64) -> Outcome<Node> {
    let config = Config::new(NodeId(1), folder, || Timestamp::from_millis(0));
    let begin = Instant::now();
    let node = Node::start(Config { snapshot_log_bytes, ..config }).await?;
    row(name, &format!("{} ms", begin.elapsed().as_millis()), "");
    Ok(node)
}

fn record(index: usize) -> RecordWrite {
    RecordWrite::put(format!("/bench/{}", index % 10_000), vec![1; BYTES])
}

async fn measure(folder: &Path, writes: usize, entries: usize) -> Outcome {
    println!("| commits of one voter | ours | floor, same run |\n|---|---|---|");
    let data = folder.join("node");
    let node = started(&data, "first start, leading", SNAPSHOT_LOG_BYTES).await?;
    let session = node.session();
    let leadership = session.campaign(Election::Mesos, Bytes::new()).await?;
    one_proposer(folder, &session, &leadership, writes).await?;
    for proposers in [64, 1_024] {
        many_proposers(&session, &leadership, proposers, writes * 4).await?;
    }
    drop(leadership);
    node.shutdown().await;
    restarts(&folder.join("log"), "with the log alone", u64::MAX, entries).await?;
    restarts(&folder.join("snapshot"), "with a snapshot", 4 << 20, entries).await
}

/// Both in turns, so that whatever else the machine does hits both; also many commands in one entry.
async fn one_proposer(
    folder: &Path,
    session: &Session,
    leadership: &Leadership,
    writes: usize,
) -> Outcome {
    let mut plain = Plain::create(folder, writes)?;
    let (mut floor, mut commits, mut batches) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..writes {
        floor.push(plain.write()?);
        let begin = Instant::now();
        session.write(&leadership.fence, vec![record(index)]).await?;
        commits.push(begin.elapsed());
        if index % 20 == 0 {
            let batch = (0..BATCH).map(record).collect();
            let begin = Instant::now();
            session.write(&leadership.fence, batch).await?;
            batches.push(begin.elapsed());
        }
    }
    let (floor, commits, batches) =
        (Samples::of(floor), Samples::of(commits), Samples::of(batches));
    let goal = 2.0 * floor.p50() + 0.2;
    row(
        "a commit, one proposer",
        &commits.text(),
        &format!("fdatasync {}; goal 2 x p50 + 0.2 ms = {goal:.2} ms", floor.text()),
    );
    row(
        &format!("{BATCH} records in one commit, as a driver makes of as many commands"),
        &format!("{}, {:.1} x one commit", batches.text(), batches.p50() / commits.p50()),
        "goal 20 x one commit",
    );
    Ok(())
}

async fn many_proposers(
    session: &Session,
    leadership: &Leadership,
    proposers: usize,
    writes: usize,
) -> Outcome {
    let begin = Instant::now();
    let each = writes.div_ceil(proposers);
    let tasks = (0..proposers).map(|proposer| async move {
        let mut samples = Vec::with_capacity(each);
        for index in 0..each {
            let begin = Instant::now();
            session.write(&leadership.fence, vec![record(proposer + index)]).await?;
            samples.push(begin.elapsed());
        }
        Ok::<_, Box<dyn Error>>(samples)
    });
    let samples: Vec<_> = try_join_all(tasks).await?.concat();
    let each = begin.elapsed().as_secs_f64() * 1e3 / samples.len() as f64;
    let text = Samples::of(samples).text();
    row(&format!("commits, {proposers} proposers"), &format!("{each:.3} ms each, {text}"), "");
    Ok(())
}

/// Fills a log and starts on it again.
async fn restarts(folder: &Path, how: &str, snapshot_log_bytes: u64, entries: usize) -> Outcome {
    let node = Node::start(Config {
        snapshot_log_bytes,
        ..Config::new(NodeId(1), folder, || Timestamp::from_millis(0))
    })
    .await?;
    let session = node.session();
    let leadership = session.campaign(Election::Mesos, Bytes::new()).await?;
    let mut pending = VecDeque::new();
    for index in 0..entries {
        pending.push_back(session.propose(&leadership.fence, vec![record(index)]).await);
        if pending.len() == 256
            && let Some(write) = pending.pop_front()
        {
            write.await?;
        }
    }
    for write in pending {
        write.await?;
    }
    drop(leadership);
    node.shutdown().await;
    let name = format!("restart, {entries} entries, {how}");
    started(folder, &name, snapshot_log_bytes).await?.shutdown().await;
    Ok(())
}
