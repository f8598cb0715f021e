//! `/state` and `/state-summary`.

use std::collections::{BTreeMap, BTreeSet};

use model::{TaskState, Timestamp};
use wire::mesos::v0;

use crate::frameworks::Framework;
use crate::snapshot::Snapshot;
use crate::tasks::Task;
use crate::view::agents::{recovered_slaves, slave};
use crate::view::frameworks::{capabilities, framework, holdings};
use crate::view::seconds;

/// What `/state` says of the process beside its leadership.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Which build answers.
    pub version: v0::Version,
    /// When the process started.
    pub started_at: Timestamp,
    /// The cluster's name.
    pub cluster: Option<String>,
    /// Every flag's value as a text.
    pub flags: BTreeMap<String, String>,
}

/// The answer of `/state`.
pub fn state(snapshot: &Snapshot, facts: &Facts) -> v0::MasterState {
    let master = &snapshot.config.master;
    let pid = master.pid.clone().unwrap_or_default();
    let hostname = master.hostname.clone().unwrap_or_default();
    let (connected, disconnected) = snapshot.agent_counts();
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    v0::MasterState {
        version: facts.version.clone(),
        start_time: seconds(facts.started_at),
        elected_time: Some(seconds(snapshot.elected_at)),
        id: master.id.clone(),
        pid: pid.clone(),
        hostname: hostname.clone(),
        capabilities: ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"].map(str::to_owned).to_vec(),
        activated_slaves: count(connected),
        deactivated_slaves: count(disconnected),
        unreachable_slaves: count(snapshot.unreachable_agents.len()),
        domain: None,
        leader: Some(pid.clone()),
        leader_info: Some(v0::LeaderInfo {
            id: master.id.clone(),
            pid,
            port: u16::try_from(master.port).unwrap_or_default(),
            hostname,
            domain: None,
        }),
        cluster: facts.cluster.clone(),
        log_dir: facts.flags.get("log_dir").cloned(),
        external_log_file: None,
        flags: facts.flags.clone(),
        slaves: snapshot.agents.values().map(|agent| slave(agent)).collect(),
        recovered_slaves: recovered_slaves(snapshot),
        frameworks: snapshot.frameworks.values().map(|one| framework(one, snapshot)).collect(),
        completed_frameworks: snapshot
            .completed_frameworks
            .iter()
            .map(|one| framework(one, snapshot))
            .collect(),
        orphan_tasks: Vec::new(),
        unregistered_frameworks: Vec::new(),
    }
}

/// The answer of `/state-summary`.
pub fn state_summary(snapshot: &Snapshot, facts: &Facts) -> v0::StateSummary {
    let mut by_agent: BTreeMap<&str, (v0::TaskCounts, BTreeSet<&str>)> = BTreeMap::new();
    for framework in snapshot.frameworks.values() {
        for task in all_tasks(framework) {
            let (counts, frameworks) = by_agent.entry(task.agent.as_str()).or_default();
            count_task(counts, task.state);
            frameworks.insert(framework.id.as_str());
        }
    }
    let slaves = snapshot.agents.values().map(|agent| {
        let (counts, frameworks) = by_agent.remove(agent.id.as_str()).unwrap_or_default();
        let framework_ids = frameworks.into_iter().map(str::to_owned).collect();
        v0::SummarySlave { slave: slave(agent), counts, framework_ids }
    });
    v0::StateSummary {
        hostname: snapshot.config.master.hostname.clone().unwrap_or_default(),
        cluster: facts.cluster.clone(),
        slaves: slaves.collect(),
        frameworks: snapshot.frameworks.values().map(|one| summary_of(one, snapshot)).collect(),
    }
}

fn all_tasks(framework: &Framework) -> impl Iterator<Item = &Task> {
    let active = framework.tasks.values().chain(framework.unreachable_tasks.values());
    active.chain(&framework.completed_tasks).map(AsRef::as_ref)
}

fn summary_of(framework: &Framework, snapshot: &Snapshot) -> v0::SummaryFramework {
    let (used, offered) = holdings(framework, snapshot);
    let mut counts = v0::TaskCounts::default();
    let mut agents = BTreeSet::new();
    for task in all_tasks(framework) {
        count_task(&mut counts, task.state);
        agents.insert(task.agent.as_str());
    }
    v0::SummaryFramework {
        id: framework.id.to_string(),
        name: framework.info.name.clone(),
        pid: None,
        used_resources: used.summary(),
        offered_resources: offered.summary(),
        capabilities: capabilities(framework),
        hostname: framework.info.hostname.clone().unwrap_or_default(),
        webui_url: framework.info.webui_url.clone().unwrap_or_default(),
        active: framework.is_connected(),
        connected: framework.is_connected(),
        recovered: framework.is_recovered(),
        counts,
        slave_ids: agents.into_iter().map(str::to_owned).collect(),
    }
}

fn count_task(counts: &mut v0::TaskCounts, state: TaskState) {
    let counter = match state {
        TaskState::Staging => &mut counts.task_staging,
        TaskState::Starting => &mut counts.task_starting,
        TaskState::Running => &mut counts.task_running,
        TaskState::Killing => &mut counts.task_killing,
        TaskState::Finished => &mut counts.task_finished,
        TaskState::Killed => &mut counts.task_killed,
        TaskState::Failed => &mut counts.task_failed,
        TaskState::Lost => &mut counts.task_lost,
        TaskState::Error => &mut counts.task_error,
        TaskState::Unreachable => &mut counts.task_unreachable,
        // Compat: the original's summary has no counters for these.
        TaskState::Dropped | TaskState::Gone | TaskState::GoneByOperator | TaskState::Unknown => {
            return;
        }
    };
    *counter += 1;
}
