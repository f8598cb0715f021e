//! Sandboxes of ended tasks, removed when they are old: the older the fuller the disk is.
//!
//! Nothing is remembered: every time all sandboxes are looked at, so that a restart forgets none. A sandbox of a task that lives, or whose
//! end the framework has not acknowledged, is never touched.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use agent_core::Snapshot;
use model::Timestamp;
use tokio::sync::watch;
use tracing::{debug, info};

use super::config::Retention;
use crate::clock::Clock;

/// No sandbox goes that was written to more recently, however full the disk is: its task may be about to start.
const YOUNGEST: Duration = Duration::from_secs(60);

/// Looks for old sandboxes again and again.
pub(super) async fn collect(
    work_dir: PathBuf,
    retention: Retention,
    clock: Clock,
    snapshot: watch::Receiver<Arc<Snapshot>>,
) {
    loop {
        tokio::time::sleep(retention.watch_interval).await;
        // The time first: what is made after this look at the living ones is younger than it.
        let (work_dir, now) = (work_dir.clone(), clock.wall());
        let live = live(&snapshot.borrow());
        let swept = tokio::task::spawn_blocking(move || {
            let age = allowed_age(retention, usage(&work_dir));
            sweep(&work_dir, &live, age, now)
        });
        match swept.await {
            Ok(0) => {}
            Ok(removed) => info!("removed {removed} old sandboxes"),
            Err(error) => debug!("old sandboxes could not be looked for: {error}"),
        }
    }
}

/// Removes at once what may go on a full disk; how many sandboxes that were.
pub(super) async fn make_room(
    work_dir: &Path,
    retention: Retention,
    clock: Clock,
    snapshot: &Snapshot,
) -> usize {
    let (work_dir, live, now) = (work_dir.to_owned(), live(snapshot), clock.wall());
    let age = allowed_age(retention, 1.0);
    tokio::task::spawn_blocking(move || sweep(&work_dir, &live, age, now)).await.unwrap_or(0)
}

fn live(snapshot: &Snapshot) -> BTreeSet<PathBuf> {
    let held = snapshot.tasks.values().filter(|task| !task.is_complete());
    held.map(|task| PathBuf::from(&task.sandbox)).collect()
}

/// How old a sandbox may become while that part of the disk is in use.
///
/// Source: mesos.md §5.5: `gc_delay × max(0, 1 − gc_disk_headroom − usage)`.
fn allowed_age(retention: Retention, usage: f64) -> Duration {
    let age = retention.delay.mul_f64((1.0 - retention.disk_headroom - usage).clamp(0.0, 1.0));
    age.max(YOUNGEST.min(retention.delay))
}

/// The part of the file system that is in use; none where it cannot be told.
pub(super) fn usage(work_dir: &Path) -> f64 {
    rustix::fs::statvfs(work_dir).map_or(0.0, |space| {
        let part = |blocks: u64| blocks as f64 / space.f_blocks.max(1) as f64;
        1.0 - part(space.f_bavail)
    })
}

/// Removes the sandboxes that have not been written to for `age`; how many there were.
fn sweep(work_dir: &Path, live: &BTreeSet<PathBuf>, age: Duration, now: Timestamp) -> usize {
    let mut removed = 0;
    for agent in folders(&work_dir.join("slaves")) {
        for framework in folders(&agent.join("frameworks")) {
            for executor in folders(&framework.join("executors")) {
                let runs = executor.join("runs");
                let old = folders(&runs)
                    .into_iter()
                    .filter(|run| !live.contains(run) && is_old(run, age, now));
                let gone = old.filter(|run| remove(run)).count();
                if gone > 0 {
                    removed += gone;
                    remove_if_empty(&runs, &executor, &framework);
                }
            }
        }
    }
    removed
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let is_folder = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.filter(is_folder).map(|entry| entry.path()).collect()
}

fn is_old(run: &Path, age: Duration, now: Timestamp) -> bool {
    let written = [run.to_owned(), run.join("stdout"), run.join("stderr")];
    let newest = written
        .iter()
        // Not of what a link leads to: that may be new for ever, or a file system that does not answer.
        .filter_map(|path| std::fs::symlink_metadata(path).ok()?.modified().ok())
        .filter_map(|time| time.duration_since(UNIX_EPOCH).ok())
        .max();
    let now = Duration::from_secs_f64(now.as_secs_f64().max(0.0));
    newest.is_some_and(|newest| now.checked_sub(newest).is_some_and(|since| since >= age))
}

fn remove(run: &Path) -> bool {
    match std::fs::remove_dir_all(run) {
        Ok(()) => true,
        Err(error) => {
            debug!("the old sandbox `{}` could not be removed: {error}", run.display());
            false
        }
    }
}

/// Removes the folders that hold nothing any more but a `latest` that leads nowhere.
fn remove_if_empty(runs: &Path, executor: &Path, framework: &Path) {
    let latest = runs.join("latest");
    if !latest.exists() {
        let _not_there = std::fs::remove_file(&latest);
    }
    for folder in [runs, executor, &framework.join("executors"), framework] {
        // One that is not empty stays, and so do those above it.
        if std::fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const RETENTION: Retention = Retention {
        delay: Duration::from_secs(1_000),
        disk_headroom: 0.1,
        watch_interval: Duration::from_secs(60),
    };

    fn sandbox(work_dir: &TempDir, task: &str, run: &str) -> PathBuf {
        let path =
            work_dir.path().join(format!("slaves/S0/frameworks/F/executors/{task}/runs/{run}"));
        super::super::work_dir::make_sandbox(&path).unwrap();
        path
    }

    fn in_seconds(seconds: u64) -> Timestamp {
        let now = Clock.wall().as_secs_f64() + Duration::from_secs(seconds).as_secs_f64();
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of this century")]
        Timestamp::from_millis((now * 1_000.0) as i64)
    }

    #[test]
    fn the_fuller_the_disk_the_shorter_a_sandbox_stays() {
        let age = |usage| allowed_age(RETENTION, usage).as_secs();
        assert_eq!([age(0.0), age(0.5), age(0.9), age(1.0)], [900, 400, 60, 60]);
    }

    #[test]
    fn old_sandboxes_go_and_live_ones_stay() {
        let work_dir = TempDir::new().unwrap();
        let (ended, lives) = (sandbox(&work_dir, "a", "1"), sandbox(&work_dir, "b", "2"));
        let live = BTreeSet::from([lives.clone()]);
        let age = Duration::from_secs(500);
        assert_eq!(sweep(work_dir.path(), &live, age, in_seconds(400)), 0);
        assert!(ended.exists());
        assert_eq!(sweep(work_dir.path(), &live, age, in_seconds(600)), 1);
        assert!(!ended.exists() && lives.exists());
        assert!(!work_dir.path().join("slaves/S0/frameworks/F/executors/a").exists());
        assert_eq!(sweep(work_dir.path(), &BTreeSet::new(), age, in_seconds(600)), 1);
        assert!(!work_dir.path().join("slaves/S0/frameworks/F").exists());
        assert!(work_dir.path().join("slaves/S0").exists(), "the agent's own folder stays");
    }

    #[test]
    fn a_link_in_a_sandbox_is_not_followed() {
        let (work_dir, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let precious = elsewhere.path().join("precious");
        std::fs::write(&precious, "x").unwrap();
        let ended = sandbox(&work_dir, "a", "1");
        std::os::unix::fs::symlink(elsewhere.path(), ended.join("link")).unwrap();
        assert_eq!(sweep(work_dir.path(), &BTreeSet::new(), Duration::ZERO, in_seconds(1)), 1);
        assert!(precious.exists());
    }

    #[test]
    fn a_link_to_a_file_that_changes_does_not_keep_a_sandbox() {
        let work_dir = TempDir::new().unwrap();
        let ended = sandbox(&work_dir, "a", "1");
        let future = Clock.wall().as_secs_f64() + 1_000_000.0;
        let young = work_dir.path().join("young");
        let file = std::fs::File::create(&young).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs_f64(future)).unwrap();
        std::fs::remove_file(ended.join("stdout")).unwrap();
        std::os::unix::fs::symlink(&young, ended.join("stdout")).unwrap();
        let age = Duration::from_secs(500);
        assert_eq!(sweep(work_dir.path(), &BTreeSet::new(), age, in_seconds(600)), 1);
    }
}
