//! Sandboxes of ended tasks, removed when they are old: the older the fuller the disk is.
//!
//! Nothing is remembered: every time all sandboxes are looked at, so that a restart forgets none. A sandbox of a task that lives, or whose
//! end the framework has not acknowledged, is never touched. Age is counted from the end of the task as the agent's records tell it, which
//! no task can change; of a task that they hold no more, from the time of the sandbox's folder, which the agent set at its end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use agent_core::Snapshot;
use model::Timestamp;
use tokio::sync::watch;
use tracing::{debug, info};

use super::config::Retention;
use super::work_dir;
use crate::clock::Clock;

/// No sandbox goes whose task has ended more recently, however full the disk is.
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
        let (work_dir, snapshot, now) = (work_dir.clone(), snapshot.clone(), clock.wall());
        let swept = tokio::task::spawn_blocking(move || {
            let age = allowed_age(retention, usage(&work_dir));
            sweep(&work_dir, || known(&snapshot.borrow()), age, now)
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
    let (work_dir, known, now) = (work_dir.to_owned(), known(snapshot), clock.wall());
    let age = allowed_age(retention, 1.0);
    tokio::task::spawn_blocking(move || sweep(&work_dir, || known, age, now)).await.unwrap_or(0)
}

/// What the agent's records say of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    /// Its task lives, or its end is not acknowledged.
    Live,
    /// Its task ended then, in seconds since 1970.
    Ended(f64),
}

fn known(snapshot: &Snapshot) -> BTreeMap<PathBuf, Known> {
    let of_task = |task: &agent_core::Task| {
        let ended = task.ended_at().filter(|_| task.is_complete());
        (PathBuf::from(&task.sandbox), ended.map_or(Known::Live, Known::Ended))
    };
    snapshot.tasks.values().map(|task| of_task(task)).collect()
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

/// Removes the sandboxes of tasks that ended `age` ago; how many there were.
///
/// `known` is asked once the sandboxes are listed: a task is in the records before its sandbox is made.
fn sweep(
    work_dir: &Path,
    known: impl FnOnce() -> BTreeMap<PathBuf, Known>,
    age: Duration,
    now: Timestamp,
) -> usize {
    let executors = executors(work_dir);
    let known = known();
    let mut removed = 0;
    for Executor { framework, executor, runs } in executors {
        let old = runs.into_iter().filter(|run| is_old(run, known.get(run), age, now));
        let gone = old.filter(|run| remove(run)).count();
        if gone > 0 {
            removed += gone;
            remove_if_empty(&executor.join("runs"), &executor, &framework);
        }
    }
    removed
}

/// The folders of one executor's sandboxes.
struct Executor {
    framework: PathBuf,
    executor: PathBuf,
    runs: Vec<PathBuf>,
}

fn executors(work_dir: &Path) -> Vec<Executor> {
    let mut found = Vec::new();
    for agent in folders(&work_dir.join("slaves")) {
        for framework in folders(&agent.join("frameworks")) {
            for executor in folders(&framework.join("executors")) {
                let runs = folders(&executor.join("runs"));
                found.push(Executor { framework: framework.clone(), executor, runs });
            }
        }
    }
    found
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let is_folder = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.filter(is_folder).map(|entry| entry.path()).collect()
}

fn is_old(run: &Path, known: Option<&Known>, age: Duration, now: Timestamp) -> bool {
    let now = now.as_secs_f64();
    let since = match known {
        Some(Known::Live) => return false,
        Some(Known::Ended(ended)) => now - ended,
        None => {
            let Some(marked) = marked(run) else { return false };
            if marked > now {
                // Nobody but a task puts it there; from here on it counts.
                if let Err(error) = work_dir::mark_end(run) {
                    debug!("could not note an end in `{}`: {error}", run.display());
                }
            }
            now - marked
        }
    };
    since >= 0.0 && since >= age.as_secs_f64()
}

/// The time of a sandbox's folder, in seconds since 1970.
fn marked(run: &Path) -> Option<f64> {
    let time = std::fs::symlink_metadata(run).ok()?.modified().ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs_f64())
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
        work_dir::make_sandbox(&path).unwrap();
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

    fn nothing_known() -> BTreeMap<PathBuf, Known> {
        BTreeMap::new()
    }

    #[test]
    fn old_sandboxes_go_and_live_ones_stay() {
        let work_dir = TempDir::new().unwrap();
        let (ended, lives) = (sandbox(&work_dir, "a", "1"), sandbox(&work_dir, "b", "2"));
        let live = || BTreeMap::from([(lives.clone(), Known::Live)]);
        let age = Duration::from_secs(500);
        assert_eq!(sweep(work_dir.path(), live, age, in_seconds(400)), 0);
        assert!(ended.exists());
        assert_eq!(sweep(work_dir.path(), live, age, in_seconds(600)), 1);
        assert!(!ended.exists() && lives.exists());
        assert!(!work_dir.path().join("slaves/S0/frameworks/F/executors/a").exists());
        assert_eq!(sweep(work_dir.path(), nothing_known, age, in_seconds(600)), 1);
        assert!(!work_dir.path().join("slaves/S0/frameworks/F").exists());
        assert!(work_dir.path().join("slaves/S0").exists(), "the agent's own folder stays");
    }

    /// Gives a path a time of its own, as its owner may.
    fn touch(path: &Path, seconds: u64) {
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        let times = std::fs::FileTimes::new().set_modified(time);
        std::fs::File::open(path).unwrap().set_times(times).unwrap();
    }

    const YEAR_2099: u64 = 4_070_908_800;

    #[test]
    fn a_task_cannot_keep_its_sandbox_by_its_times_or_by_links() {
        let work_dir = TempDir::new().unwrap();
        let run = sandbox(&work_dir, "a", "1");
        for path in [&run, &run.join("stdout"), &run.join("stderr")] {
            touch(path, YEAR_2099);
        }
        std::fs::remove_file(run.join("stdout")).unwrap();
        // Its time is that of each look at it.
        std::os::unix::fs::symlink("/proc/uptime", run.join("stdout")).unwrap();
        touch(&run, YEAR_2099);
        let ended = in_seconds(0).as_secs_f64();
        let known = || BTreeMap::from([(run.clone(), Known::Ended(ended))]);
        let age = Duration::from_secs(500);
        assert_eq!(sweep(work_dir.path(), known, age, in_seconds(400)), 0);
        assert_eq!(sweep(work_dir.path(), known, age, in_seconds(600)), 1);
        assert!(!run.exists());
    }

    #[test]
    fn the_sandbox_of_a_forgotten_task_goes_in_its_time_whatever_time_the_task_gave_it() {
        let work_dir = TempDir::new().unwrap();
        let run = sandbox(&work_dir, "a", "1");
        std::fs::remove_file(run.join("stdout")).unwrap();
        std::os::unix::fs::symlink("/proc/uptime", run.join("stdout")).unwrap();
        touch(&run, YEAR_2099);
        let age = Duration::from_secs(500);
        assert_eq!(sweep(work_dir.path(), nothing_known, age, in_seconds(0)), 0);
        assert_eq!(sweep(work_dir.path(), nothing_known, age, in_seconds(400)), 0);
        assert_eq!(sweep(work_dir.path(), nothing_known, age, in_seconds(600)), 1);
    }

    #[test]
    fn a_sandbox_that_was_made_while_the_others_were_listed_is_known() {
        let work_dir = TempDir::new().unwrap();
        let run = sandbox(&work_dir, "a", "1");
        // What was fetched has given it the time of its archive.
        touch(&run, 1_000_000_000);
        let known = || {
            let new = sandbox(&work_dir, "b", "2");
            touch(&new, 1_000_000_000);
            BTreeMap::from([(run.clone(), Known::Live)])
        };
        assert_eq!(sweep(work_dir.path(), known, Duration::ZERO, in_seconds(0)), 0);
        assert!(run.exists());
    }

    #[test]
    fn a_link_in_a_sandbox_is_not_followed() {
        let (work_dir, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let precious = elsewhere.path().join("precious");
        std::fs::write(&precious, "x").unwrap();
        let ended = sandbox(&work_dir, "a", "1");
        std::os::unix::fs::symlink(elsewhere.path(), ended.join("link")).unwrap();
        assert_eq!(sweep(work_dir.path(), nothing_known, Duration::ZERO, in_seconds(1)), 1);
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
        assert_eq!(sweep(work_dir.path(), nothing_known, age, in_seconds(600)), 1);
    }
}
