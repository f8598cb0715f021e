//! A whole process stopped for two seconds, as a machine that swaps or a debugger stops it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bytes::Bytes;
use coordination::Election;
use model::RecordWrite;
use rustix::process::{Pid, Signal, kill_process};

use crate::node;

/// Tells the child where to write.
const FOLDER: &str = "EKIDEN_TEST_PAUSED_WRITER";

/// The child: leads, writes while it holds its lease, and says what it sees. As a test of its own it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_writer_that_is_paused() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let node = node(folder.as_ref()).await;
    let session = node.session();
    let mut next = session.load("/paused").iter().count();
    loop {
        let leadership = session.campaign(Election::Mesos, Bytes::new()).await.unwrap();
        let lease = leadership.lease();
        println!("leads {}", leadership.epoch.0);
        loop {
            if !lease.is_held() {
                println!("suspended");
                tokio::select! {
                    () = lease.held() => println!("resumed"),
                    () = leadership.lost() => break,
                }
            }
            let write = vec![RecordWrite::put(format!("/paused/{next:06}"), next.to_string())];
            match session.write(&leadership.fence, write).await {
                Ok(_) => println!("acknowledged {next}"),
                Err(error) => {
                    println!("refused {error}");
                    break;
                }
            }
            next += 1;
            std::io::stdout().flush().unwrap();
        }
    }
}

struct Paused {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Paused {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "pause::the_writer_that_is_paused", "--nocapture"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            output.map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines, seen: Vec::new() }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Reads until so many writes are acknowledged.
    fn until_acknowledged(&mut self, count: usize) {
        while self.acknowledged().count() < count {
            self.seen.push(self.lines.recv().expect("the child goes on"));
        }
    }

    fn acknowledged(&self) -> impl Iterator<Item = usize> {
        self.seen.iter().filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok())
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_stopped_for_two_seconds_goes_on_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut paused = Paused::start(folder.path());
    paused.until_acknowledged(50);
    paused.signal(Signal::STOP);
    tokio::time::sleep(Duration::from_secs(2)).await;
    // What it had said before it was stopped; anything later comes after the gap.
    let before: Vec<_> = paused.lines.try_iter().collect();
    paused.seen.extend(before);
    let before = paused.acknowledged().count();
    paused.signal(Signal::CONT);
    paused.until_acknowledged(before + 50);
    let last = paused.acknowledged().last().unwrap();
    assert!(paused.acknowledged().eq(0..=last), "each write once and in order");
    assert!(paused.seen.iter().all(|line| !line.starts_with("refused")), "{:?}", paused.seen);
    // It may find that its lease had ended or be given a new one before it looks; it never leads twice.
    assert_eq!(paused.seen.iter().filter(|line| line.starts_with("leads")).count(), 1);
    drop(paused);
    let node = node(folder.path()).await;
    assert!(node.session().load("/paused").iter().count() > last);
}
