use std::future::pending;
use std::path::Path;
use std::sync::atomic::AtomicI64;

use proptest::prelude::*;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::record::Caller;

/// Longest wait for anything in these tests.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

struct Running {
    history: History,
    stop: oneshot::Sender<()>,
    writer: JoinHandle<()>,
}

fn settings(folder: &Path) -> Settings {
    let mut settings = Settings::new(folder.join("history.sqlite"), std::sync::Arc::new(|| 1_000));
    settings.busy_timeout = std::time::Duration::from_millis(50);
    settings.tend_every = std::time::Duration::from_millis(20);
    settings
}

fn start(settings: Settings) -> Running {
    let (history, writer) = open(settings);
    let (stop, stopped) = oneshot::channel();
    let writer = tokio::spawn(writer.run(async {
        let _ = stopped.await;
    }));
    Running { history, stop, writer }
}

impl Running {
    async fn stop(self) {
        let _ = self.stop.send(());
        self.writer.await.unwrap();
    }

    /// Waits until these tasks, newest first, and no others can be read.
    async fn shows(&self, wanted: &[&str]) {
        self.until(async || {
            let page = self.history.tasks(&TaskFilter::default(), &PageQuery::default()).await;
            let rows = page.ok()?.rows;
            rows.iter().map(|row| row.task_id.as_str()).eq(wanted.iter().copied()).then_some(())
        })
        .await;
    }

    async fn until<T>(&self, probe: impl AsyncFn() -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = probe().await {
                    return found;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the value comes in time")
    }

    async fn status(&self, is_wanted: impl Fn(&Status) -> bool) -> Status {
        let mut status = self.history.status();
        let wanted = tokio::time::timeout(PATIENCE, status.wait_for(|status| is_wanted(status)));
        wanted.await.expect("the status comes in time").unwrap().clone()
    }
}

fn task(epoch: i64, sequence: i64, id: &str) -> Record {
    Record::Task(Box::new(TaskRecord {
        epoch,
        sequence,
        framework_id: "f".to_owned(),
        task_id: id.to_owned(),
        agent_id: "S1".to_owned(),
        state: "TASK_FINISHED".to_owned(),
        ended_ms: 500,
        resources: "cpus:0.2; mem:32".to_owned(),
        recorded_ms: 900,
        ..TaskRecord::default()
    }))
}

fn deployment(outcome: Outcome, ended_ms: Option<i64>) -> Record {
    Record::Deployment(Box::new(DeploymentRecord {
        version_ms: 10,
        deployment_id: "d".to_owned(),
        apps: r#"["/a"]"#.to_owned(),
        steps: "[]".to_owned(),
        outcome,
        ended_ms,
        recorded_ms: 900,
        ..DeploymentRecord::default()
    }))
}

#[tokio::test]
async fn what_is_recorded_survives_a_restart_and_is_never_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(settings(folder.path()));
    first.history.record(task(1, 0, "a"));
    first.history.record(task(1, 0, "a"));
    first.history.record(task(1, 1, "b"));
    first.shows(&["b", "a"]).await;
    first.stop().await;
    let second = start(settings(folder.path()));
    // A later leadership sees the same end again, as an agent reports it until it is acknowledged.
    second.history.record(task(2, 0, "b"));
    second.history.record(task(2, 1, "c"));
    second.shows(&["c", "b", "a"]).await;
    assert_eq!(*second.history.status().borrow(), Status::default());
    second.stop().await;
}

#[tokio::test]
async fn a_task_is_read_as_it_was_recorded_and_found_by_each_of_its_marks() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(settings(folder.path()));
    let whole = TaskRecord {
        epoch: 7,
        sequence: 3,
        framework_id: "f".to_owned(),
        framework: "marathon".to_owned(),
        task_id: "web.1".to_owned(),
        name: "web".to_owned(),
        role: "*".to_owned(),
        agent_id: "S1".to_owned(),
        host: Some("node1".to_owned()),
        executor_id: "web.1".to_owned(),
        container: Some("mesos-1".to_owned()),
        state: "TASK_FAILED".to_owned(),
        reason: Some("REASON_COMMAND_EXECUTOR_FAILED".to_owned()),
        message: Some("exited with 1".to_owned()),
        started_ms: Some(100),
        ended_ms: 500,
        resources: "cpus:0.2; mem:32".to_owned(),
        recorded_ms: 900,
    };
    running.history.record(Record::Task(Box::new(whole.clone())));
    running.shows(&["web.1"]).await;
    let found = async |filter: TaskFilter| {
        running.history.tasks(&filter, &PageQuery::default()).await.unwrap().rows
    };
    let text = |text: &str| Some(text.to_owned());
    let none = TaskFilter::default;
    for (filter, other) in [
        (
            TaskFilter { framework: text("f"), ..none() },
            TaskFilter { framework: text("g"), ..none() },
        ),
        (TaskFilter { task: text("web.1"), ..none() }, TaskFilter { task: text("web"), ..none() }),
        (TaskFilter { agent: text("S1"), ..none() }, TaskFilter { agent: text("S2"), ..none() }),
        (
            TaskFilter { state: text("TASK_FAILED"), ..none() },
            TaskFilter { state: text("TASK_KILLED"), ..none() },
        ),
        (
            TaskFilter { since_ms: Some(500), ..none() },
            TaskFilter { since_ms: Some(501), ..none() },
        ),
        (
            TaskFilter { until_ms: Some(501), ..none() },
            TaskFilter { until_ms: Some(500), ..none() },
        ),
        (
            TaskFilter { before_epoch: Some(8), ..none() },
            TaskFilter { before_epoch: Some(7), ..none() },
        ),
    ] {
        assert_eq!(found(filter.clone()).await, std::slice::from_ref(&whole), "{filter:?}");
        assert!(found(other.clone()).await.is_empty(), "{other:?}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_deployment_gets_its_outcome_once() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(settings(folder.path()));
    let outcome = async |wanted: Outcome| {
        running
            .until(async || {
                let filter = DeploymentFilter { outcome: Some(wanted), ..Default::default() };
                let page = running.history.deployments(&filter, &PageQuery::default()).await;
                page.ok()?.rows.pop()
            })
            .await
    };
    running.history.record(deployment(Outcome::Running, None));
    outcome(Outcome::Running).await;
    running.history.record(Record::Resumed { running: vec!["d".to_owned()], at_ms: 15 });
    running.history.record(Record::Resumed { running: Vec::new(), at_ms: 20 });
    assert_eq!(outcome(Outcome::Unseen).await.ended_ms, Some(20));
    running.history.record(deployment(Outcome::Succeeded, Some(18)));
    assert_eq!(outcome(Outcome::Succeeded).await.ended_ms, Some(18));
    running.history.record(deployment(Outcome::Running, None));
    running.history.record(deployment(Outcome::Failed, Some(99)));
    running.history.record(task(1, 0, "barrier"));
    running.shows(&["barrier"]).await;
    assert_eq!(outcome(Outcome::Succeeded).await.ended_ms, Some(18), "a known outcome stays");
    running.stop().await;
}

#[tokio::test]
async fn who_asked_for_a_version_is_added_when_it_becomes_known() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(settings(folder.path()));
    let version = |caller| {
        Record::Version(Box::new(VersionRecord {
            version_ms: 10,
            app_id: "/a".to_owned(),
            definition: "{}".to_owned(),
            caller,
            recorded_ms: 900,
        }))
    };
    let who = Caller { client_ip: Some("10.0.0.9".to_owned()), uri: Some("/v2/apps".to_owned()) };
    running.history.record(version(Caller::default()));
    running.history.record(version(who.clone()));
    running.history.record(version(Caller::default()));
    running.history.record(task(1, 0, "barrier"));
    running.shows(&["barrier"]).await;
    let filter = VersionFilter { app: Some("/a".to_owned()), ..VersionFilter::default() };
    let page = running.history.versions(&filter, &PageQuery::default()).await.unwrap();
    assert_eq!(page.rows.len(), 1);
    assert_eq!(page.rows[0].caller, who);
    running.stop().await;
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_a_new_one_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    std::fs::write(&path, "this is no database ".repeat(500)).unwrap();
    let beside = |name: &str| folder.path().join(name);
    for name in ["history.sqlite.damaged-7", "history.sqlite.damaged-999", "history.sqlite.mine"] {
        std::fs::write(beside(name), "old").unwrap();
    }
    let running = start(settings(folder.path()));
    running.history.record(task(1, 0, "a"));
    running.shows(&["a"]).await;
    running.stop().await;
    // Of the damaged ones the newest is kept.
    assert!(!beside("history.sqlite.damaged-7").exists());
    assert!(!beside("history.sqlite.damaged-999").exists());
    assert!(beside("history.sqlite.mine").exists());
    let aside = std::fs::read(folder.path().join("history.sqlite.damaged-1000")).unwrap();
    assert!(aside.starts_with(b"this is no database"));
}

#[tokio::test]
async fn a_file_of_another_program_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let foreign = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut foreign = SqliteConnection::connect_with(&foreign).await.unwrap();
    sqlx::query("CREATE TABLE deployments (x)").execute(&mut foreign).await.unwrap();
    foreign.close().await.unwrap();
    let running = start(settings(folder.path()));
    running.history.record(task(1, 0, "a"));
    running.shows(&["a"]).await;
    running.stop().await;
    assert!(folder.path().join("history.sqlite.damaged-1000").exists());
}

#[tokio::test]
async fn damage_in_the_middle_is_set_aside_once_it_is_met() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let first = start(settings(folder.path()));
    for sequence in 0..200 {
        first.history.record(task(1, sequence, &format!("t{sequence}")));
    }
    first
        .until(async || {
            let page = PageQuery { limit: Some(500), cursor: None };
            let page = first.history.tasks(&TaskFilter::default(), &page).await.ok()?;
            (page.rows.len() == 200).then_some(())
        })
        .await;
    first.stop().await;
    let mut bytes = std::fs::read(&path).unwrap();
    let head = 4_096;
    bytes[head..].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let second = start(settings(folder.path()));
    second.history.record(task(2, 0, "after"));
    second.shows(&["after"]).await;
    second.stop().await;
    assert!(folder.path().join("history.sqlite.damaged-1000").exists());
}

#[tokio::test]
async fn a_value_that_does_not_parse_costs_its_page_and_not_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(settings(folder.path()));
    running.history.record(task(1, 0, "a"));
    running.shows(&["a"]).await;
    let path = folder.path().join("history.sqlite");
    let other = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut other = SqliteConnection::connect_with(&other).await.unwrap();
    sqlx::query("UPDATE completed_tasks SET name = x'ff'").execute(&mut other).await.unwrap();
    let page = running.history.tasks(&TaskFilter::default(), &PageQuery::default()).await;
    assert!(matches!(page, Err(ReadError::Sql(_))), "{page:?}");
    running.history.record(task(1, 1, "b"));
    let only = TaskFilter { task: Some("b".to_owned()), ..TaskFilter::default() };
    running
        .until(async || {
            let page = running.history.tasks(&only, &PageQuery::default()).await.ok()?;
            (page.rows.len() == 1).then_some(())
        })
        .await;
    sqlx::query("UPDATE completed_tasks SET name = 'n'").execute(&mut other).await.unwrap();
    running.shows(&["b", "a"]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_file_deleted_while_running_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let running = start(settings(folder.path()));
    running.history.record(task(1, 0, "a"));
    running.shows(&["a"]).await;
    std::fs::remove_file(&path).unwrap();
    running.history.record(task(1, 1, "b"));
    running.shows(&["b"]).await;
    running.stop().await;
    let again = start(settings(folder.path()));
    again.shows(&["b"]).await;
    again.stop().await;
}

#[tokio::test]
async fn a_log_without_its_file_is_not_applied_to_the_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let (history, writer) = open(settings(folder.path()));
    let killed = tokio::spawn(writer.run(pending()));
    history.record(task(1, 0, "a"));
    let running = Running { history, stop: oneshot::channel().0, writer: tokio::spawn(async {}) };
    running.shows(&["a"]).await;
    let log = std::fs::read(folder.path().join("history.sqlite-wal")).unwrap();
    killed.abort();
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("history.sqlite-wal"), log).unwrap();
    assert!(path.exists());
    let later = start(settings(other.path()));
    later.history.record(task(2, 0, "b"));
    later.shows(&["b"]).await;
    later.stop().await;
}

#[tokio::test]
async fn a_slow_file_costs_records_and_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.queue = 8;
    let path = settings.path.clone();
    let running = start(settings);
    running.history.record(task(1, 0, "a"));
    running.shows(&["a"]).await;
    let other = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut other = SqliteConnection::connect_with(&other).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    // Nothing here waits: on this test's one thread the writer does not even run meanwhile.
    for sequence in 1..=100 {
        running.history.record(task(1, sequence, &format!("t{sequence}")));
    }
    let status = running.status(|status| status.skipped >= 100).await;
    assert_eq!(status.skipped, 100, "92 found the queue full, 8 were refused by the file");
    assert!(status.problem.unwrap().contains("too slow"));
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    running.history.record(task(1, 101, "b"));
    running.shows(&["b", "a"]).await;
    let status = running.status(|status| status.problem.is_none()).await;
    assert_eq!(status.skipped, 100);
    running.stop().await;
}

#[tokio::test]
async fn whoever_waits_for_room_takes_none_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (history, writer) = open(Settings { queue: 8, ..settings(folder.path()) });
    for sequence in 0..6 {
        history.record(task(1, sequence, "early"));
    }
    let room = history.clone();
    let mut waiting = Box::pin(async move { room.has_room().await });
    let is_early = tokio::time::timeout(std::time::Duration::ZERO, &mut waiting).await;
    assert!(is_early.is_err(), "most of the queue is taken");
    for sequence in 6..8 {
        history.record(task(1, sequence, "urgent"));
    }
    assert_eq!(history.status().borrow().skipped, 0);
    let (stop, stopped) = oneshot::channel();
    let writer = tokio::spawn(writer.run(async {
        let _ = stopped.await;
    }));
    waiting.await;
    Running { history: history.clone(), stop, writer }.stop().await;
    // Without a writer there is nothing to wait for.
    history.has_room().await;
}

#[tokio::test]
async fn a_folder_that_is_not_there_costs_records_until_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("later");
    let running = start(settings(&missing));
    running.history.record(task(1, 0, "a"));
    let status = running.status(|status| status.skipped == 1).await;
    assert!(status.problem.is_some());
    let page = running.history.tasks(&TaskFilter::default(), &PageQuery::default()).await;
    assert!(matches!(page, Err(ReadError::Closed)));
    std::fs::create_dir(&missing).unwrap();
    running.history.record(task(1, 1, "b"));
    running.shows(&["b"]).await;
    assert_eq!(running.status(|status| status.problem.is_none()).await.skipped, 1);
    running.stop().await;
}

#[tokio::test]
async fn what_is_too_old_is_deleted_while_nothing_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let now = std::sync::Arc::new(AtomicI64::new(1_000));
    let mut settings = settings(folder.path());
    settings.max_age = std::time::Duration::from_secs(1);
    let clock = std::sync::Arc::clone(&now);
    settings.now_ms = std::sync::Arc::new(move || clock.load(std::sync::atomic::Ordering::Relaxed));
    let running = start(settings);
    running.history.record(task(1, 0, "a"));
    running.history.record(deployment(Outcome::Succeeded, Some(11)));
    running.shows(&["a"]).await;
    now.store(1_901, std::sync::atomic::Ordering::Relaxed);
    running.shows(&[]).await;
    running
        .until(async || {
            let filter = DeploymentFilter::default();
            let page = running.history.deployments(&filter, &PageQuery::default()).await.ok()?;
            page.rows.is_empty().then_some(())
        })
        .await;
    running.stop().await;
}

#[tokio::test]
async fn the_oldest_make_room_and_the_file_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.max_bytes = 256 << 10;
    let path = settings.path.clone();
    let running = start(settings);
    let last = 4_000;
    for sequence in 0..=last {
        let mut record = task(1, sequence, &format!("t{sequence}"));
        if let Record::Task(task) = &mut record {
            task.message = Some("x".repeat(400));
            task.recorded_ms = sequence;
        }
        running.history.record(record);
        tokio::task::yield_now().await;
    }
    let newest = format!("t{last}");
    running
        .until(async || {
            let page = PageQuery { limit: Some(1_000), cursor: None };
            let page = running.history.tasks(&TaskFilter::default(), &page).await.ok()?;
            (page.rows.first()?.task_id == newest && page.rows.len() < 600).then_some(())
        })
        .await;
    assert_eq!(running.history.status().borrow().skipped, 0);
    running.stop().await;
    let size = std::fs::metadata(path).unwrap().len();
    assert!(size < 2 << 20, "{size} bytes for 256 KiB of content; unbounded it would be 3 MB");
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(settings(folder.path()));
    running.shows(&[]).await;
    let readers = running.history.shared.readers().unwrap();
    let refused = sqlx::query("DELETE FROM completed_tasks").execute(&readers).await.unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
    running.stop().await;
}

#[tokio::test]
async fn a_cursor_that_no_page_gave_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(settings(folder.path()));
    running.shows(&[]).await;
    for cursor in ["", "x", "1", "1-x", "x-1"] {
        let page = PageQuery { limit: None, cursor: Some(cursor.to_owned()) };
        let refused = running.history.tasks(&TaskFilter::default(), &page).await;
        assert!(matches!(refused, Err(ReadError::Cursor(_))), "{cursor}");
    }
    running.stop().await;
}

/// Any order of records, some of them repeated: app number, version and task position.
fn records() -> impl Strategy<Value = Vec<(i64, i64, u8)>> {
    prop::collection::vec((0..4_i64, 0..12_i64, 0..4_u8), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pages_show_each_record_once_and_in_order(records in records(), limit in 1..9_u32) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(read_back(records, limit))?;
    }
}

async fn read_back(records: Vec<(i64, i64, u8)>, limit: u32) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let running = start(settings(folder.path()));
    let mut tasks = std::collections::BTreeSet::new();
    let mut versions = std::collections::BTreeSet::new();
    for (epoch, sequence, app) in records {
        let mut record = task(epoch, sequence, &format!("t{epoch}-{sequence}"));
        if let Record::Task(task) = &mut record {
            task.recorded_ms = 900;
        }
        running.history.record(record);
        tasks.insert((epoch, sequence));
        let app_id = format!("/a-{app}");
        versions.insert((std::cmp::Reverse(sequence), app_id.clone()));
        running.history.record(Record::Version(Box::new(VersionRecord {
            version_ms: sequence,
            app_id,
            definition: "{}".to_owned(),
            recorded_ms: 900,
            ..VersionRecord::default()
        })));
    }
    running.history.record(task(-1, 0, "last"));
    running
        .until(async || {
            let filter = TaskFilter { task: Some("last".to_owned()), ..TaskFilter::default() };
            let page = running.history.tasks(&filter, &PageQuery::default()).await.ok()?;
            (page.rows.len() == 1).then_some(())
        })
        .await;
    tasks.insert((-1, 0));
    let mut seen = Vec::new();
    let mut query = PageQuery { limit: Some(limit), cursor: None };
    loop {
        let page = running.history.tasks(&TaskFilter::default(), &query).await.unwrap();
        prop_assert!(page.rows.len() <= limit as usize);
        seen.extend(page.rows.iter().map(|row| (row.epoch, row.sequence)));
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    prop_assert_eq!(seen, tasks.into_iter().rev().collect::<Vec<_>>());
    let mut seen = Vec::new();
    loop {
        let page = running.history.versions(&VersionFilter::default(), &query).await.unwrap();
        seen.extend(
            page.rows.into_iter().map(|row| (std::cmp::Reverse(row.version_ms), row.app_id)),
        );
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    prop_assert_eq!(seen, versions.into_iter().collect::<Vec<_>>());
    running.stop().await;
    Ok(())
}
