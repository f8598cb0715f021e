//! Records versions of apps and deployments, from the leading Marathon's states and events.
//!
//! States tell the versions, events tell who asked and how deployments end. Both may come in any order and
//! more than once: what belongs together has the same position, the version of the root group.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use imbl::OrdMap;
use marathon_core::run_spec::VersionedRunSpec;
use marathon_core::{Snapshot, render};
use model::{AppId, Timestamp};
use store::{Caller, DeploymentRecord, History, Outcome, Record, VersionRecord};
use tracing::{error, warn};
use wire::marathon::{DeploymentPlan, Event};

use crate::clock::Clock;
use crate::marathon::Handle;

/// How long the file may take to open before a leadership goes on without what is in it.
const OPENING: Duration = Duration::from_secs(5);
/// Callers that are remembered until their deployment begins, which is in the same batch.
const CALLERS: usize = 64;

type Versions = OrdMap<AppId, OrdMap<Timestamp, Arc<VersionedRunSpec>>>;

/// Records what `marathon` changes, in each of its leaderships.
pub(crate) async fn follow(marathon: Handle, history: History, clock: Clock) {
    let mut leading = marathon.leading();
    let mut events = marathon.follow_events();
    loop {
        // Only the states are kept of the handle: a driver whose handles are all gone ends.
        let states = leading.borrow_and_update().as_ref().map(|core| core.subscribe());
        let Some(mut states) = states else {
            if leading.changed().await.is_err() {
                return;
            }
            continue;
        };
        let first = Arc::clone(&states.borrow_and_update());
        let mut changes = Changes::default();
        let mut backlog = changes.resume(&first, newest(&history).await);
        history.record(resumed(&first, clock.wall()));
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => record(&history, changes.event(&event, clock.wall())),
                    // Behind, or the leadership is over: what was missed the states tell.
                    None => {
                        events = marathon.follow_events();
                        let now = Arc::clone(&states.borrow());
                        record(&history, vec![resumed(&now, clock.wall())]);
                    }
                },
                changed = states.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let state = Arc::clone(&states.borrow_and_update());
                    record(&history, changes.state(&state, clock.wall()));
                }
                changed = leading.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    break;
                }
                // What an earlier leadership did not record, when there is nothing else to do.
                () = history.has_room(), if !backlog.is_empty() => {
                    if let Some(definition) = backlog.pop_front() {
                        record(&history, vec![version(&definition, Caller::default(), clock.wall())]);
                    }
                }
            }
        }
    }
}

fn record(history: &History, records: Vec<Record>) {
    for record in records {
        history.record(record);
    }
}

/// The newest version that is stored; `None` when that cannot be known or there is none.
async fn newest(history: &History) -> Option<i64> {
    if tokio::time::timeout(OPENING, history.opened()).await.is_err() {
        return None;
    }
    history.newest_version().await.unwrap_or_else(|error| {
        warn!("the history cannot be read: {:#}", anyhow::Error::from(error));
        None
    })
}

/// What of one leadership has been recorded.
#[derive(Debug, Default)]
struct Changes {
    versions: Versions,
    callers: BTreeMap<Timestamp, Caller>,
}

impl Changes {
    /// Begins a leadership: returns the stored definitions that are newer than `newest`, oldest first.
    fn resume(&mut self, state: &Snapshot, newest: Option<i64>) -> VecDeque<Arc<VersionedRunSpec>> {
        self.versions = state.versions.clone();
        let is_new = |definition: &&Arc<VersionedRunSpec>| {
            newest.is_none_or(|newest| definition.version.as_millis() > newest)
        };
        let mut backlog: Vec<_> =
            state.versions.values().flat_map(OrdMap::values).filter(is_new).cloned().collect();
        backlog.sort_by_key(|definition| definition.version);
        backlog.into()
    }

    /// The definitions that were not in the state before.
    fn state(&mut self, state: &Snapshot, now: Timestamp) -> Vec<Record> {
        if self.versions.ptr_eq(&state.versions) {
            return Vec::new();
        }
        let mut records = Vec::new();
        for (app, versions) in &state.versions {
            let known = self.versions.get(app);
            if known.is_some_and(|known| known.ptr_eq(versions)) {
                continue;
            }
            let is_new = |at: &Timestamp| known.is_none_or(|known| !known.contains_key(at));
            for (_, definition) in versions.iter().filter(|(at, _)| is_new(at)) {
                records.push(version(definition, Caller::default(), now));
            }
        }
        self.versions = state.versions.clone();
        records
    }

    /// What an event adds.
    fn event(&mut self, event: &Event, now: Timestamp) -> Vec<Record> {
        let at = |text: &str| Timestamp::parse(text).ok();
        match event {
            Event::ApiPost(post) => {
                let caller =
                    Caller { client_ip: Some(post.client_ip.clone()), uri: Some(post.uri.clone()) };
                let definition = &post.app_definition;
                let Some(made) = definition.version.as_deref().and_then(at) else {
                    return Vec::new();
                };
                self.callers.insert(made, caller.clone());
                while self.callers.len() > CALLERS {
                    self.callers.pop_first();
                }
                vec![Record::Version(Box::new(VersionRecord {
                    version_ms: made.as_millis(),
                    app_id: definition.id.clone(),
                    definition: json(definition),
                    caller,
                    recorded_ms: now.as_millis(),
                }))]
            }
            Event::DeploymentInfo(info) => {
                self.deployment(&info.plan, Outcome::Running, None, None, now).into_iter().collect()
            }
            Event::DeploymentSuccess(done) => {
                let ended = at(&done.timestamp);
                let record = self.deployment(&done.plan, Outcome::Succeeded, None, ended, now);
                record.into_iter().collect()
            }
            Event::DeploymentFailed(failed) => {
                let (reason, ended) = (Some(failed.reason.clone()), at(&failed.timestamp));
                let record = self.deployment(&failed.plan, Outcome::Failed, reason, ended, now);
                record.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn deployment(
        &self,
        plan: &DeploymentPlan,
        outcome: Outcome,
        reason: Option<String>,
        ended: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Record> {
        let made = Timestamp::parse(&plan.version).ok()?;
        let apps: BTreeSet<&str> = plan
            .steps
            .iter()
            .flat_map(|step| &step.actions)
            .map(|action| action.app.as_str())
            .collect();
        Some(Record::Deployment(Box::new(DeploymentRecord {
            version_ms: made.as_millis(),
            deployment_id: plan.id.clone(),
            apps: json(&apps),
            steps: json(&plan.steps),
            outcome,
            reason,
            ended_ms: ended.map(Timestamp::as_millis),
            caller: self.callers.get(&made).cloned().unwrap_or_default(),
            recorded_ms: now.as_millis(),
        })))
    }
}

/// Says which deployments run, so that others are over.
fn resumed(state: &Snapshot, now: Timestamp) -> Record {
    let running = state.deployments.keys().map(ToString::to_string).collect();
    Record::Resumed { running, at_ms: now.as_millis() }
}

fn version(definition: &VersionedRunSpec, caller: Caller, now: Timestamp) -> Record {
    Record::Version(Box::new(VersionRecord {
        version_ms: definition.version.as_millis(),
        app_id: definition.spec.id().to_string(),
        definition: json(&render::app(definition)),
        caller,
        recorded_ms: now.as_millis(),
    }))
}

/// What we serialise are our own shapes, which have string keys only.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| {
        error!("cannot write a record of history: {error}");
        "null".to_owned()
    })
}
