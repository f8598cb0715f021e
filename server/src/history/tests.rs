//! History over real cores, a real file and the consoles' own reading side.

use std::time::Duration;

use app::ClusterBackend as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use master_core::{Command, LinkId, Master, StreamId};
use model::{Epoch, RequestId};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use wire::console::{ListQuery, TaskScope};
use wire::link::{AgentFrame, UpdateStatus, agent_frame};
use wire::mesos::v1 as pb;
use wire::mesos::v1::scheduler::{Call, call};

use super::*;
use crate::console::cluster::tests::{apply, master_of, status};
use crate::console::cluster::{ClusterConsole, Past, ProcessFacts, Published};

mod deployments;

/// Longest wait for anything in these tests.
const PATIENCE: Duration = Duration::from_secs(20);
/// When nginx ended, in seconds.
const ENDED: f64 = 1_795_356_090.0;
/// The UUID of that update, of version 4.
const UPDATE: [u8; 16] = [0x40; 16];

/// The history of one process.
struct Process {
    history: History,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let bounds =
            Bounds { max_age: Duration::from_secs(365 * 24 * 60 * 60), max_bytes: 64 << 20 };
        let (history, writer) = open(folder, bounds, Clock);
        tracker.spawn(writer.run(stop.clone().cancelled_owned()));
        Self { history, stop, tracker }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(PATIENCE, self.tracker.wait()).await.unwrap();
    }

    /// A console of `master`, whose tasks are followed.
    fn console(
        &self,
        master: &Master,
    ) -> (ClusterConsole, watch::Sender<Option<Arc<master_core::Snapshot>>>) {
        let (publish, published): (_, Published) =
            watch::channel(Some(Arc::new(master.snapshot())));
        let (loaded, earlier) = watch::channel(Arc::default());
        let follow = follow_tasks(published.clone(), self.history.clone(), loaded, Clock);
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = follow => {}
            }
        });
        let past = Past { earlier, status: self.history.status() };
        (ClusterConsole::new(published, ProcessFacts::default()).with_past(past), publish)
    }
}

async fn until<T>(probe: impl AsyncFn() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the value comes in time")
}

/// nginx ends, and its framework has seen it.
fn end_nginx(master: &mut Master) {
    tell_end(master);
    let acknowledge = call::Acknowledge {
        agent_id: pb::AgentId { value: "m-S0".to_owned() },
        task_id: pb::TaskId { value: "nginx.1".to_owned() },
        uuid: Bytes::from_static(&UPDATE),
    };
    let call = Call {
        framework_id: Some(pb::FrameworkId { value: "m-0000".to_owned() }),
        r#type: Some(call::Type::Acknowledge.into()),
        acknowledge: Some(acknowledge),
        ..Call::default()
    };
    let stream = Some(StreamId::new("s"));
    apply(master, Command::Call { request: RequestId(1), stream, call: Box::new(call) });
}

fn tell_end(master: &mut Master) {
    let ended = pb::TaskStatus {
        uuid: Some(Bytes::from_static(&UPDATE)),
        reason: Some(pb::task_status::Reason::CommandExecutorFailed.into()),
        message: Some("exited with 1".to_owned()),
        ..status(pb::TaskState::TaskFailed, ENDED)
    };
    let update = UpdateStatus {
        framework_id: pb::FrameworkId { value: "m-0000".to_owned() },
        latest_state: ended.state,
        status: ended,
    };
    // The agent's last link; its registration there was the first frame, which knows neither number yet.
    let (epoch, link) = (master.snapshot().config.epoch.0, 7);
    let body = Some(agent_frame::Body::UpdateStatus(update));
    let frame = Box::new(AgentFrame { epoch, link, body });
    apply(master, Command::AgentFrame { link: LinkId(link), frame });
}

async fn get(router: &Router, path: &str) -> (StatusCode, Value) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

/// The recorded tasks, once there are `count`.
async fn recorded(process: &Process, count: usize) -> Vec<Value> {
    let router = cluster_routes(process.history.clone());
    until(async || {
        let (status, page) = get(&router, "/ekiden/v1/history/tasks").await;
        let rows = page["rows"].as_array().cloned().unwrap_or_default();
        (status == StatusCode::OK && rows.len() == count).then_some(rows)
    })
    .await
}

#[tokio::test]
async fn after_a_restart_the_console_still_shows_the_tasks_of_before() {
    let folder = tempfile::tempdir().unwrap();
    let first = Process::start(folder.path());
    let mut master = master_of(Epoch(7));
    let (_console, publish) = first.console(&master);
    end_nginx(&mut master);
    publish.send_replace(Some(Arc::new(master.snapshot())));
    let rows = recorded(&first, 1).await;
    assert_eq!(rows[0]["task_id"], "nginx.1");
    assert_eq!(rows[0]["framework"], "marathon");
    assert_eq!((&rows[0]["state"], &rows[0]["host"]), (&"TASK_FAILED".into(), &"node0".into()));
    assert_eq!(rows[0]["reason"], "REASON_COMMAND_EXECUTOR_FAILED");
    assert_eq!(rows[0]["message"], "exited with 1");
    assert_eq!(rows[0]["started_ms"], 1_795_356_000_500_u64);
    assert_eq!(rows[0]["ended_ms"], 1_795_356_090_000_u64);
    assert_eq!(rows[0]["resources"], "cpus:0.2; mem:32");
    first.stop().await;

    let second = Process::start(folder.path());
    let mut later = master_of(Epoch(8));
    // What this master itself saw end is not from history.
    apply(&mut later, Command::StreamClosed { stream: StreamId::new("s") });
    let (console, _publish) = second.console(&later);
    let completed =
        async || console.tasks(TaskScope::Completed, ListQuery::default()).await.unwrap();
    let page = until(async || Some(completed().await).filter(|page| page.total == 1)).await;
    let row = &page.rows[0];
    assert_eq!((row.id.as_str(), row.is_earlier), ("nginx.1", true));
    assert_eq!((row.host.as_deref(), row.stopped_ms), (Some("node0"), Some(1_795_356_090_000)));
    assert_eq!(row.resources.cpus.to_string(), "0.2");
    let active = console.tasks(TaskScope::Active, ListQuery::default()).await.unwrap();
    assert_eq!((active.total, active.rows[0].is_earlier), (1, false));
    // The classic endpoints know what the master remembers, as in the original.
    let classic =
        master_core::view::tasks(&later.snapshot(), &master_core::view::TaskQuery::default());
    let classic = serde_json::to_value(&classic).unwrap();
    let states: Vec<_> =
        classic["tasks"].as_array().unwrap().iter().map(|task| &task["state"]).collect();
    assert_eq!(states, ["TASK_RUNNING"]);
    second.stop().await;
}

#[tokio::test]
async fn an_end_that_two_masters_see_is_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let first = Process::start(folder.path());
    let mut master = master_of(Epoch(7));
    let (_console, publish) = first.console(&master);
    end_nginx(&mut master);
    publish.send_replace(Some(Arc::new(master.snapshot())));
    recorded(&first, 1).await;
    first.stop().await;
    // The acknowledgement never reached the agent, which reports the end again.
    let second = Process::start(folder.path());
    let mut later = master_of(Epoch(8));
    let (console, publish) = second.console(&later);
    end_nginx(&mut later);
    publish.send_replace(Some(Arc::new(later.snapshot())));
    let page = until(async || {
        let page = console.tasks(TaskScope::Completed, ListQuery::default()).await.unwrap();
        (!page.rows.is_empty()).then_some(page)
    })
    .await;
    assert_eq!((page.total, page.rows[0].is_earlier), (1, false));
    let now = Clock.wall().as_millis();
    let mark = store::TaskRecord {
        epoch: 9,
        task_id: "mark".to_owned(),
        ended_ms: now,
        recorded_ms: now,
        ..Default::default()
    };
    second.history.record(store::Record::Task(Box::new(mark)));
    let rows = recorded(&second, 2).await;
    assert_eq!((&rows[0]["task_id"], &rows[1]["task_id"]), (&"mark".into(), &"nginx.1".into()));
    second.stop().await;
}

#[tokio::test]
async fn a_framework_that_is_removed_leaves_its_tasks_in_history() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let mut master = master_of(Epoch(7));
    let (_console, publish) = process.console(&master);
    let framework = model::FrameworkId::from("m-0000");
    apply(&mut master, Command::Teardown { request: RequestId(1), framework });
    publish.send_replace(Some(Arc::new(master.snapshot())));
    let rows = recorded(&process, 1).await;
    assert_eq!(
        (&rows[0]["state"], &rows[0]["reason"]),
        (&"TASK_KILLED".into(), &"REASON_FRAMEWORK_REMOVED".into())
    );
    process.stop().await;
}

#[tokio::test]
async fn a_console_says_why_history_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&folder.path().join("missing"));
    let mut master = master_of(Epoch(7));
    let (console, publish) = process.console(&master);
    end_nginx(&mut master);
    publish.send_replace(Some(Arc::new(master.snapshot())));
    let problem = until(async || console.overview().await.unwrap().history_problem).await;
    assert!(problem.contains("unable to open database file"), "{problem}");
    // Everything else goes on.
    let page = console.tasks(TaskScope::Completed, ListQuery::default()).await.unwrap();
    assert_eq!((page.total, page.rows[0].is_earlier), (1, false));
    let (status, body) =
        get(&cluster_routes(process.history.clone()), "/ekiden/v1/history/tasks").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["message"], "the history cannot be read at the moment");
    process.stop().await;
}

#[tokio::test]
async fn lists_are_paged_and_filtered_and_refuse_what_they_do_not_take() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    for sequence in 0..5 {
        let record = store::TaskRecord {
            epoch: 1,
            sequence,
            task_id: format!("t{sequence}"),
            state: if sequence == 2 { "TASK_FAILED" } else { "TASK_FINISHED" }.to_owned(),
            recorded_ms: Clock.wall().as_millis(),
            ..Default::default()
        };
        process.history.record(store::Record::Task(Box::new(record)));
    }
    recorded(&process, 5).await;
    let router = cluster_routes(process.history.clone());
    let ids = |page: &Value| -> Vec<String> {
        let rows = page["rows"].as_array().unwrap().iter();
        rows.map(|row| row["task_id"].as_str().unwrap().to_owned()).collect()
    };
    let (_, first) = get(&router, "/ekiden/v1/history/tasks?limit=3").await;
    assert_eq!(ids(&first), ["t4", "t3", "t2"]);
    let cursor = first["next"].as_str().unwrap();
    let (_, second) =
        get(&router, &format!("/ekiden/v1/history/tasks?limit=3&cursor={cursor}")).await;
    assert_eq!(
        (ids(&second), &second["next"]),
        (vec!["t1".to_owned(), "t0".to_owned()], &Value::Null)
    );
    let (_, failed) = get(&router, "/ekiden/v1/history/tasks?state=TASK_FAILED").await;
    assert_eq!(ids(&failed), ["t2"]);
    for (query, message) in [
        ("limit=x", "'x' is not a value of 'limit'"),
        ("cursor=x", "`x` is no cursor of this list"),
        ("since_ms=today", "'today' is not a value of 'since_ms'"),
        ("staet=TASK_FAILED", "there is no parameter 'staet' here"),
    ] {
        let (status, body) = get(&router, &format!("/ekiden/v1/history/tasks?{query}")).await;
        assert_eq!((status, body["message"].as_str().unwrap()), (StatusCode::BAD_REQUEST, message));
    }
    process.stop().await;
}
