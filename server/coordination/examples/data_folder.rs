//! Writes the data folder of the fixture `tests/fixtures/second`: `data_folder FOLDER`.
//!
//! What is in it stands in `tests/it/written.rs`. The zeros at the ends of the log's files are left out, since they
//! would be most of it.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use coordination::{Config, CreateMode, Election, Multi, Node, NodeId, StartError};
use model::{RecordWrite, Timestamp};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Small, so that log and snapshots are too.
const SEGMENT_BYTES: u64 = 4 << 10;
/// Starts of the node.
const ROUNDS: u32 = 2;
/// Between two looks at the folder.
const PAUSE: Duration = Duration::from_millis(10);
/// Writes of each.
const WRITES: u32 = 100;

#[tokio::main]
async fn main() -> Outcome {
    let folder = std::env::args().nth(1).ok_or("usage: data_folder FOLDER")?;
    let folder = Path::new(&folder);
    for round in 0..ROUNDS {
        write(folder, round).await?;
    }
    fs::remove_file(folder.join("lock"))?;
    for file in fs::read_dir(folder.join("log"))? {
        let path = file?.path();
        let bytes = fs::read(&path)?;
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        fs::write(&path, &bytes[..used])?;
    }
    Ok(())
}

async fn write(folder: &Path, round: u32) -> Outcome {
    let config = Config::new(NodeId(1), folder, || Timestamp::from_millis(1_790_000_000_000));
    let (segment_bytes, snapshot_log_bytes) = (SEGMENT_BYTES, SEGMENT_BYTES);
    let node = start(Config { segment_bytes, snapshot_log_bytes, ..config }).await?;
    let session = node.session();
    if round == 0 {
        let multi = Multi::new()
            .create("/kept", "folder", CreateMode::Persistent)
            .create("/kept/n-", "first", CreateMode::PersistentSequential)
            .create("/kept/n-", "second", CreateMode::PersistentSequential);
        session.multi(None, multi).await?;
    }
    session.multi(None, Multi::new().set("/kept", format!("set {round}"), None)).await?;
    session.create("/kept/gone-", "", CreateMode::EphemeralSequential).await?;
    let leadership = session.campaign(Election::Mesos, Bytes::from_static(b"leader")).await?;
    for index in 0..WRITES {
        let mut writes = vec![RecordWrite::put(
            format!("/written/{round}/{index:02}"),
            format!("value {round} {index}"),
        )];
        // Each fifth write deletes the record before its own.
        if index % 5 == 4 {
            writes.push(RecordWrite::delete(format!("/written/{round}/{:02}", index - 1)));
        }
        session.write(&leadership.fence, writes).await?;
    }
    // A snapshot of this round is there, and the beginning of the log is gone.
    let snapshots = folder.join("snapshots");
    while written(&snapshots)? <= round || folder.join("log/0000000001.segment").exists() {
        tokio::time::sleep(PAUSE).await;
    }
    node.shutdown().await;
    Ok(())
}

fn written(snapshots: &Path) -> Outcome<u32> {
    let mut count = 0;
    for file in fs::read_dir(snapshots)? {
        count += u32::from(file?.path().extension().is_some_and(|ending| ending == "snapshot"));
    }
    Ok(count)
}

/// Starts a node; the threads of the one before hold the folder for a moment longer.
async fn start(config: Config) -> Outcome<Node> {
    loop {
        match Node::start(config.clone()).await {
            Err(StartError::DataDir(_)) => tokio::time::sleep(PAUSE).await,
            started => return Ok(started?),
        }
    }
}
