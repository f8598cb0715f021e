//! A child process that ends, or whose disk fails, at a chosen durable write.

use std::process::{Command, Output};

use super::*;
use crate::log::disk::EXIT_AFTER_WRITE;

/// Tells the child what to do: a folder, and after how many groups to end.
const FOLDER: &str = "EKIDEN_TEST_CRASHED_LOG";
const GROUPS: &str = "EKIDEN_TEST_CRASHED_LOG_GROUPS";

/// Fails the syncs after the given number, and halts as the real one does.
#[derive(Debug, Clone)]
struct FailingDisk {
    inner: FileDisk,
    syncs_left: u64,
}

impl Disk for FailingDisk {
    fn fill(&mut self, file: &mut File, bytes: u64) -> io::Result<()> {
        self.inner.fill(file, bytes)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        let left = self.syncs_left.checked_sub(1);
        self.syncs_left = left.ok_or_else(|| io::Error::other("the disk is on fire"))?;
        self.inner.sync(file)
    }

    fn halt(&mut self, sentence: &str) {
        eprintln!("{sentence}");
        self.inner.halt(sentence);
    }
}

async fn write_for_ever(disk: impl Disk, folder: &Path) {
    let mut log = LogStore::open(disk, folder, CLUSTER, SEGMENT, ()).unwrap();
    for index in 1.. {
        append(&mut log, vec![entry(index, 100)]).await;
        println!("acknowledged {index}");
    }
}

/// The child that exits after a durable write. As a test of its own it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_writer_that_exits() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let groups = std::env::var(GROUPS).unwrap().parse().unwrap();
    write_for_ever(FileDisk::with_faults(Some(groups), None), folder.as_ref()).await;
}

/// The child whose disk fails. As a test of its own it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_writer_whose_disk_fails() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let disk = FailingDisk { inner: FileDisk::default(), syncs_left: 5 };
    write_for_ever(disk, folder.as_ref()).await;
}

fn child(name: &str, folder: &Path, groups: u64) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("log::tests::crash::{name}"), "--nocapture"])
        .env(FOLDER, folder)
        .env(GROUPS, groups.to_string())
        .output()
        .unwrap()
}

fn acknowledged(output: &Output) -> u64 {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("acknowledged "));
    lines.next_back().map_or(0, |index| index.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_exits_after_a_durable_write_has_told_nobody_of_it() {
    for groups in [1, 2, 7] {
        let folder = tempfile::tempdir().unwrap();
        let output = child("the_writer_that_exits", folder.path(), groups);
        assert_eq!(output.status.code(), Some(EXIT_AFTER_WRITE), "{output:?}");
        assert_eq!(acknowledged(&output), groups - 1);
        // There was no vote, which a log with entries must have.
        let error = open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("there is no vote"), "{error}");
        let (mut file, _) =
            super::super::vote_file::VoteFile::open(folder.path(), CLUSTER, true, 0).unwrap();
        let vote = VoteOf::<TypeConfig>::new_committed(1, 1);
        file.save(&mut FileDisk::default(), &vote).unwrap();
        let log = open(folder.path()).unwrap();
        assert_eq!(indexes(&log).await, (1..=groups).collect::<Vec<_>>(), "and it is durable");
        log.close().await;
    }
}

#[test]
fn a_failed_sync_ends_the_process_with_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let output = child("the_writer_whose_disk_fails", folder.path(), 0);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(acknowledged(&output), 5);
    let errors = String::from_utf8(output.stderr).unwrap();
    let [sentence] = errors.lines().collect::<Vec<_>>()[..] else { panic!("{errors}") };
    assert!(
        sentence.contains("cannot sync") && sentence.contains("the disk is on fire"),
        "{sentence}"
    );
}
