//! A process killed with -9 while it writes: nothing that it acknowledged is lost.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use bytes::Bytes;
use coordination::Election;
use model::RecordWrite;

use crate::node;

/// Tells the child where to write.
const FOLDER: &str = "EKIDEN_TEST_KILLED_WRITER";
/// Acknowledgements before the kill.
const ACKNOWLEDGED: usize = 300;

/// The child: writes as fast as it can, prints each index once its write is acknowledged, never ends.
///
/// As a test of its own it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_writer_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let node = node(folder.as_ref()).await;
    let session = node.session();
    let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
    let mut pending = std::collections::VecDeque::new();
    for index in 0_u32.. {
        let write = vec![RecordWrite::put(format!("/killed/{index:06}"), index.to_string())];
        pending.push_back((index, session.propose(&leadership.fence, write).await));
        if pending.len() == 8
            && let Some((index, write)) = pending.pop_front()
        {
            write.await.unwrap();
            println!("acknowledged {index}");
            std::io::stdout().flush().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_writing_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut least = 0;
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::the_writer_that_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acknowledged = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<usize>().ok());
        let last = acknowledged.take(ACKNOWLEDGED).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(last + 1, ACKNOWLEDGED);
        least = least.max(last + 1);

        let node = node(folder.path()).await;
        let loaded = node.session().load("/killed");
        let found: Vec<_> = loaded.iter().map(|(path, _)| path.to_owned()).collect();
        assert!(found.len() >= least, "{} of {least} are there", found.len());
        for (index, path) in found.iter().enumerate() {
            assert_eq!(*path, format!("/killed/{index:06}"), "there is no hole");
        }
        node.shutdown().await;
    }
}
