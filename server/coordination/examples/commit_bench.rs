//! How long a commit takes beside a plain `fdatasync` on the same disk.
//!
//! Usage: `commit_bench [FOLDER] [WRITES]`. Prints one line per row: name, writes, p50, p99, in microseconds.
//! Both loops write 300 bytes; the floor overwrites zero-filled space, as the log does.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program reads the clock and prints what it measured"
)]

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use coordination::{Config, Election, Node, NodeId};
use model::{RecordWrite, Timestamp};

const BYTES: usize = 300;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    let writes = arguments.next().map_or(Ok(500), |count| count.parse())?;
    let folder = tempfile::tempdir_in(folder)?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(measure(folder.path(), writes))
}

fn row(name: &str, samples: &[Duration]) {
    let mut samples = samples.to_vec();
    samples.sort_unstable();
    let at = |per_mille: usize| {
        samples.get(samples.len() * per_mille / 1_000).map_or(0, Duration::as_micros)
    };
    println!(
        "{name:<24} {:>6} writes  p50 {:>6} us  p99 {:>6} us",
        samples.len(),
        at(500),
        at(990)
    );
}

/// A zero-filled file that is written like the log, with nothing around it.
struct Plain {
    file: File,
    offset: u64,
}

impl Plain {
    fn create(folder: &Path, writes: usize) -> Result<Self, Box<dyn Error>> {
        let file = File::create(folder.join("plain"))?;
        file.write_all_at(&vec![0; writes * 512 + 512], 0)?;
        file.sync_all()?;
        Ok(Self { file, offset: 0 })
    }

    fn write(&mut self) -> Result<Duration, Box<dyn Error>> {
        let begin = Instant::now();
        self.file.write_all_at(&[1; BYTES], self.offset)?;
        self.file.sync_data()?;
        self.offset += 304;
        Ok(begin.elapsed())
    }
}

async fn started(folder: &Path, name: &str) -> Result<Node, Box<dyn Error>> {
    let config = Config::new(NodeId(1), folder.join("node"), || Timestamp::from_millis(0));
    let begin = Instant::now();
    let node = Node::start(config).await?;
    println!("{name:<24} {:>6} ms", begin.elapsed().as_millis());
    Ok(node)
}

async fn measure(folder: &Path, writes: usize) -> Result<(), Box<dyn Error>> {
    let node = started(folder, "first start, leading").await?;
    let session = node.session();
    let leadership = session.campaign(Election::Mesos, Bytes::new()).await?;
    let record =
        |index: usize| vec![RecordWrite::put(format!("/bench/{}", index % 100), vec![1; BYTES])];

    // Both in turns, so that whatever else the machine does hits both.
    let mut plain = Plain::create(folder, writes)?;
    let (mut floor, mut commits) = (Vec::new(), Vec::new());
    for index in 0..writes {
        floor.push(plain.write()?);
        let begin = Instant::now();
        session.write(&leadership.fence, record(index)).await?;
        commits.push(begin.elapsed());
    }
    row("fdatasync", &floor);
    row("commit, 1 in flight", &commits);

    let begin = Instant::now();
    let mut pending = std::collections::VecDeque::new();
    for index in 0..writes * 4 {
        pending.push_back(session.propose(&leadership.fence, record(index)).await);
        if pending.len() == 64
            && let Some(write) = pending.pop_front()
        {
            write.await?;
        }
    }
    for write in pending {
        write.await?;
    }
    let each = begin.elapsed().as_micros() / (writes as u128 * 4);
    println!("{:<24} {:>6} writes  {each:>6} us each", "commit, 64 in flight", writes * 4);
    drop(leadership);
    node.shutdown().await;

    started(folder, "second start, leading").await?.shutdown().await;
    Ok(())
}
