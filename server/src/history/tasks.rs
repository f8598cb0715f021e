//! Records tasks that end, from the leading master's states, and reads back those of earlier leaderships.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use master_core::{Framework, Snapshot, Task};
use model::{Epoch, FrameworkId, Timestamp};
use store::{History, PageQuery, Record, TaskFilter, TaskRecord};
use tokio::sync::watch;
use tracing::{debug, warn};
use wire::console::TaskRow;
use wire::mesos::v1::task_status::Reason;

use crate::clock::Clock;
use crate::console::cluster::{Published, amount_of, task_row};

/// Tasks of earlier leaderships that the console shows: as many as a master remembers of one framework.
const EARLIER: u32 = 1_000;
/// How long the file may take to open before a leadership goes on without what is in it.
const OPENING: Duration = Duration::from_secs(5);

/// Tasks that ended before the present master was elected, newest first.
pub(crate) type Earlier = watch::Receiver<Arc<Vec<TaskRow>>>;

/// Records tasks of `published` as they end, for as long as the master publishes; `earlier` gets what
/// leaderships before the present one recorded.
pub(crate) async fn follow(
    mut published: Published,
    history: History,
    earlier: watch::Sender<Arc<Vec<TaskRow>>>,
    clock: Clock,
) {
    let mut seen = Seen::default();
    loop {
        let snapshot = published.borrow_and_update().clone();
        if let Some(snapshot) = snapshot {
            let epoch = snapshot.config.epoch;
            if seen.epoch != Some(epoch) {
                seen = Seen { epoch: Some(epoch), ..Seen::default() };
                earlier.send_replace(Arc::new(read_earlier(&history, epoch).await));
            }
            for record in seen.ended(&snapshot, clock.wall()) {
                history.record(record);
            }
            history.missed(std::mem::take(&mut seen.missed));
        }
        if published.changed().await.is_err() {
            return;
        }
    }
}

async fn read_earlier(history: &History, epoch: Epoch) -> Vec<TaskRow> {
    if tokio::time::timeout(OPENING, history.opened()).await.is_err() {
        warn!("the history does not open; the tasks of earlier masters are not shown");
        return Vec::new();
    }
    let filter = TaskFilter { before_epoch: Some(number(epoch)), ..TaskFilter::default() };
    let page = PageQuery { limit: Some(EARLIER), cursor: None };
    match history.tasks(&filter, &page).await {
        Ok(page) => page.rows.into_iter().map(row).collect(),
        Err(error) => {
            warn!("the tasks of earlier masters are not shown: {:#}", anyhow::Error::from(error));
            Vec::new()
        }
    }
}

/// An epoch as a column holds it; none comes near the end of the range.
fn number(epoch: Epoch) -> i64 {
    i64::try_from(epoch.0).unwrap_or(i64::MAX)
}

/// What of one leadership's states has been recorded.
#[derive(Debug, Default)]
struct Seen {
    epoch: Option<Epoch>,
    sequence: i64,
    last: Option<Arc<Snapshot>>,
    /// The newest recorded task of each framework.
    newest: BTreeMap<FrameworkId, Arc<Task>>,
    /// How often a framework had forgotten tasks before this saw them; at least one each time.
    missed: u64,
}

impl Seen {
    /// The tasks that ended since the state before.
    fn ended(&mut self, snapshot: &Arc<Snapshot>, now: Timestamp) -> Vec<Record> {
        let last = self.last.replace(Arc::clone(snapshot));
        let is_same = last.as_ref().is_some_and(|last| {
            last.frameworks.ptr_eq(&snapshot.frameworks)
                && last.completed_frameworks.ptr_eq(&snapshot.completed_frameworks)
        });
        if is_same {
            return Vec::new();
        }
        let known = |framework: &Framework| {
            let last = last.as_ref()?;
            let ended = || last.completed_frameworks.iter().rev();
            let is_it = |known: &&Arc<Framework>| known.id == framework.id;
            last.frameworks.get(&framework.id).or_else(|| ended().find(is_it)).cloned()
        };
        let mut records = Vec::new();
        for framework in snapshot.frameworks.values().chain(&snapshot.completed_frameworks) {
            if known(framework).is_some_and(|known| Arc::ptr_eq(&known, framework)) {
                continue;
            }
            for task in self.newly_completed(framework, snapshot) {
                records.push(self.record(snapshot, framework, &task, now));
            }
        }
        self.forget(snapshot);
        records
    }

    /// Forgets frameworks that the master has forgotten, once there are any.
    fn forget(&mut self, snapshot: &Snapshot) {
        let (running, completed) = (&snapshot.frameworks, &snapshot.completed_frameworks);
        if self.newest.len() > running.len() + completed.len() {
            let is_completed =
                |id: &FrameworkId| completed.iter().any(|framework| framework.id == *id);
            self.newest.retain(|id, _| running.contains_key(id) || is_completed(id));
        }
    }

    /// The completed tasks of `framework` after the newest that was recorded, oldest first.
    fn newly_completed(&mut self, framework: &Framework, snapshot: &Snapshot) -> Vec<Arc<Task>> {
        let newest = self.newest.get(&framework.id);
        let is_new = |task: &&Arc<Task>| newest.is_none_or(|newest| !Arc::ptr_eq(newest, task));
        let mut tasks: Vec<_> =
            framework.completed_tasks.iter().rev().take_while(is_new).cloned().collect();
        let limit = snapshot.config.max_completed_tasks;
        if newest.is_some()
            && tasks.len() == framework.completed_tasks.len()
            && tasks.len() >= limit
        {
            debug!(framework.id = %framework.id, "more tasks ended at once than the master remembers");
            self.missed += 1;
        }
        tasks.reverse();
        if let Some(last) = tasks.last() {
            self.newest.insert(framework.id.clone(), Arc::clone(last));
        }
        tasks
    }

    fn record(
        &mut self,
        snapshot: &Snapshot,
        framework: &Framework,
        task: &Task,
        now: Timestamp,
    ) -> Record {
        let row = task_row(snapshot, task);
        let last = task.statuses.last();
        let reason = last.and_then(|status| Reason::try_from(status.reason?).ok());
        let sequence = self.sequence;
        self.sequence += 1;
        Record::Task(Box::new(TaskRecord {
            epoch: number(snapshot.config.epoch),
            sequence,
            framework_id: row.framework_id,
            framework: framework.info.name.clone(),
            task_id: row.id,
            name: row.name,
            role: row.role,
            agent_id: row.agent_id,
            host: row.host,
            executor_id: row.executor_id,
            container: row.container,
            state: row.state,
            reason: reason.map(|reason| reason.as_str_name().to_owned()),
            message: last.and_then(|status| status.message.clone()),
            started_ms: row.started_ms.and_then(|ms| i64::try_from(ms).ok()),
            ended_ms: row
                .stopped_ms
                .and_then(|ms| i64::try_from(ms).ok())
                .unwrap_or(now.as_millis()),
            resources: task.resources.to_string(),
            recorded_ms: now.as_millis(),
        }))
    }
}

/// A recorded task as the console shows it. Whether its agent is still there only the present state says.
fn row(task: TaskRecord) -> TaskRow {
    TaskRow {
        framework_id: task.framework_id,
        id: task.task_id,
        name: task.name,
        role: task.role,
        state: task.state,
        healthy: None,
        started_ms: task.started_ms.and_then(|ms| u64::try_from(ms).ok()),
        stopped_ms: u64::try_from(task.ended_ms).ok(),
        agent_id: task.agent_id,
        host: None,
        executor_id: task.executor_id,
        resources: amount_of(&task.resources),
        container: task.container,
        news: None,
        is_earlier: true,
    }
}
