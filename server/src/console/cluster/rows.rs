//! Rows and facts of the cluster console, from one snapshot of the master. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use master_core::{Agent, Framework, Snapshot, Task, UnreachableAgent};
use model::{AgentId, Resources, Scalar, TaskState, Timestamp};
use wire::console::{
    AgentCounts, AgentDetail, AgentRow, AgentState, Amount, ClusterResources, FrameworkRow,
    Overview, TaskCounts, TaskRow, TaskScope,
};
use wire::mesos::v1::{AgentInfo, Attribute};

use super::ProcessFacts;

/// How many ended tasks an agent's page shows.
const COMPLETED_SHOWN: usize = 50;

/// `host:port`, with brackets where the host is an IPv6 address.
pub(super) fn host_and_port(host: &str, port: i32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn ms(time: Timestamp) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(0)
}

/// The amounts of resources in text form; nothing where the text is none.
pub(crate) fn amount_of(text: &str) -> Amount {
    Resources::parse(text).map(|resources| amount(&resources)).unwrap_or_default()
}

fn amount(resources: &Resources) -> Amount {
    Amount {
        cpus: resources.cpus().to_f64(),
        gpus: resources.gpus().to_f64(),
        mem: resources.mem().to_f64(),
        disk: resources.disk().to_f64(),
    }
}

/// The sum of the four scalars; ranges differ by agent and have no sum.
fn sum<'a>(all: impl Iterator<Item = &'a Resources>) -> Amount {
    // Added as thousandths, not as floats, so that 0.1 + 0.2 is 0.3.
    let add = |sum: Scalar, more: Scalar| sum.checked_add(more).unwrap_or(sum);
    let none = [Scalar::ZERO; 4];
    let [cpus, gpus, mem, disk] = all.fold(none, |[cpus, gpus, mem, disk], more| {
        [
            add(cpus, more.cpus()),
            add(gpus, more.gpus()),
            add(mem, more.mem()),
            add(disk, more.disk()),
        ]
    });
    Amount { cpus: cpus.to_f64(), gpus: gpus.to_f64(), mem: mem.to_f64(), disk: disk.to_f64() }
}

/// The leading master's `host:port`, as its clients reach it.
fn leader(snapshot: &Snapshot) -> String {
    let master = &snapshot.config.master;
    let named = master.hostname.clone().filter(|name| !name.is_empty());
    let host =
        named.unwrap_or_else(|| std::net::Ipv4Addr::from(master.ip.to_ne_bytes()).to_string());
    host_and_port(&host, i32::try_from(master.port).unwrap_or(5050))
}

/// The facts beside the tables.
pub(super) fn overview(snapshot: &Snapshot, facts: &ProcessFacts) -> Overview {
    let total = sum(snapshot.agents.values().map(|agent| &agent.total));
    let allocated = sum(snapshot.agents.values().map(|agent| &agent.used));
    let offered = sum(snapshot.agents.values().map(|agent| &agent.offered));
    let (disk_full, log_problem) = crate::console::told(facts.storage.no_room());
    Overview {
        cluster: facts.cluster.clone(),
        master_id: snapshot.config.master.id.clone(),
        leader: Some(leader(snapshot)),
        server: facts.server.clone(),
        version: facts.version.clone(),
        built_ms: facts.built_ms,
        built_by: facts.built_by.clone(),
        started_ms: facts.started_ms,
        elected_ms: Some(ms(snapshot.elected_at)),
        agents: agent_counts(snapshot),
        tasks: task_counts(snapshot),
        resources: ClusterResources {
            total,
            allocated,
            offered,
            idle: total.minus(allocated).minus(offered),
        },
        open_without_credentials: facts.open_without_credentials,
        history_problem: None,
        disk_full,
        log_problem,
    }
}

fn agent_counts(snapshot: &Snapshot) -> AgentCounts {
    let activated = snapshot.agents.values().filter(|agent| agent.is_connected()).count() as u64;
    AgentCounts {
        activated,
        deactivated: snapshot.agents.len() as u64 - activated,
        unreachable: snapshot.unreachable_agents.len() as u64,
    }
}

fn task_counts(snapshot: &Snapshot) -> TaskCounts {
    let ended = &snapshot.counters;
    let unreachable = snapshot
        .frameworks
        .values()
        .map(|framework| framework.unreachable_tasks.len() as u64)
        .sum();
    let counts = TaskCounts {
        unreachable,
        finished: ended.tasks_finished,
        killed: ended.tasks_killed,
        failed: ended.tasks_failed,
        lost: ended.tasks_lost,
        error: ended.tasks_error,
        dropped: ended.tasks_dropped,
        gone: ended.tasks_gone + ended.tasks_gone_by_operator,
        ..TaskCounts::default()
    };
    snapshot.tasks().fold(counts, |counts, task| with_living(counts, task.state))
}

fn with_living(mut counts: TaskCounts, state: TaskState) -> TaskCounts {
    match state {
        TaskState::Staging => counts.staging += 1,
        TaskState::Starting => counts.starting += 1,
        TaskState::Running => counts.running += 1,
        TaskState::Killing => counts.killing += 1,
        _ => {}
    }
    counts
}

fn with_ended(mut counts: TaskCounts, state: TaskState) -> TaskCounts {
    match state {
        TaskState::Finished => counts.finished += 1,
        TaskState::Killed => counts.killed += 1,
        TaskState::Failed => counts.failed += 1,
        TaskState::Lost => counts.lost += 1,
        TaskState::Error => counts.error += 1,
        TaskState::Dropped => counts.dropped += 1,
        TaskState::Gone | TaskState::GoneByOperator => counts.gone += 1,
        _ => {}
    }
    counts
}

/// Tasks of one kind, of all frameworks. A task that has ended counts as completed even while its framework has not
/// acknowledged that yet.
pub(super) fn tasks(snapshot: &Snapshot, scope: TaskScope) -> Vec<TaskRow> {
    let row = |task: &Arc<Task>| task_row(snapshot, task);
    let ending = || snapshot.tasks().filter(|task| task.state.is_terminal());
    match scope {
        TaskScope::Active => {
            snapshot.tasks().filter(|task| !task.state.is_terminal()).map(row).collect()
        }
        TaskScope::Unreachable => snapshot
            .frameworks
            .values()
            .flat_map(|framework| framework.unreachable_tasks.values())
            .map(row)
            .collect(),
        TaskScope::Completed => {
            let frameworks = snapshot.frameworks.values().chain(&snapshot.completed_frameworks);
            ending()
                .chain(frameworks.flat_map(|framework| &framework.completed_tasks))
                .map(row)
                .collect()
        }
    }
}

/// A task as the tables show it.
pub(crate) fn task_row(snapshot: &Snapshot, task: &Task) -> TaskRow {
    let at = |seconds: Option<f64>| seconds.and_then(milliseconds);
    let first = task.statuses.first();
    let last = task.statuses.last();
    let is_living =
        |state: i32| TaskState::from_number(state).is_some_and(|state| !state.is_terminal());
    let executor = task.description.executor_id.as_ref().map(|executor| executor.value.clone());
    let container = last.and_then(|status| status.container_status.as_ref()?.container_id.as_ref());
    TaskRow {
        framework_id: task.framework.to_string(),
        id: task.id.to_string(),
        name: task.name().to_owned(),
        role: task.role.to_string(),
        state: task.state.name().to_owned(),
        healthy: last.and_then(|status| status.healthy),
        started_ms: first
            .filter(|status| is_living(status.state))
            .and_then(|status| at(status.timestamp)),
        stopped_ms: last
            .filter(|_| task.state.is_terminal())
            .and_then(|status| at(status.timestamp)),
        agent_id: task.agent.to_string(),
        host: snapshot.agents.get(&task.agent).map(|agent| agent.hostname().to_owned()),
        executor_id: executor.filter(|id| !id.is_empty()).unwrap_or_else(|| task.id.to_string()),
        resources: amount(&task.resources),
        container: container.map(|container| format!("mesos-{}", container.value)),
        news: news(task),
        is_earlier: false,
    }
}

/// What the executor says of a task that is being staged, such as how far a pull has come.
fn news(task: &Task) -> Option<String> {
    let last = task.statuses.last().filter(|_| task.state == TaskState::Staging)?;
    last.message.clone().filter(|text| last.reason.is_none() && !text.is_empty())
}

/// The tasks of `earlier` leaderships that no row of `present` shows: an end that had not been acknowledged when
/// the master changed is reported again.
pub(super) fn earlier(
    snapshot: &Snapshot,
    earlier: &[TaskRow],
    present: &[TaskRow],
) -> Vec<TaskRow> {
    let key = |row: &TaskRow| (row.key(), row.stopped_ms);
    let present: BTreeSet<_> = present.iter().map(key).collect();
    let unknown = earlier.iter().filter(|row| !present.contains(&key(row)));
    let host = |row: &TaskRow| {
        let agent = snapshot.agents.get(&AgentId::from(row.agent_id.as_str()))?;
        Some(agent.hostname().to_owned())
    };
    unknown.map(|row| TaskRow { host: host(row), ..row.clone() }).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a time after 1970"
)]
fn milliseconds(seconds: f64) -> Option<u64> {
    let ms = seconds * 1000.0;
    (ms.is_finite() && ms >= 0.0).then_some(ms.round() as u64)
}

/// Agents that are registered, then those that were given up.
pub(super) fn agents(snapshot: &Snapshot) -> Vec<AgentRow> {
    let registered = snapshot.agents.values().map(|agent| agent_row(agent));
    let unreachable = snapshot.unreachable_agents.values().map(|agent| unreachable_row(agent));
    registered.chain(unreachable).collect()
}

fn agent_row(agent: &Agent) -> AgentRow {
    AgentRow {
        id: agent.id.to_string(),
        host: agent.hostname().to_owned(),
        address: host_and_port(agent.ip(), agent.port()),
        state: if agent.is_connected() { AgentState::Active } else { AgentState::Deactivated },
        attributes: attributes(agent.info()),
        total: amount(&agent.total),
        allocated: amount(&agent.used),
        offered: amount(&agent.offered),
        tasks: agent.tasks.len() as u64,
        registered_ms: Some(ms(agent.registered_at)),
        reregistered_ms: agent.reregistered_at.map(ms),
        unreachable_ms: agent.disconnected_at.map(ms),
    }
}

fn unreachable_row(agent: &UnreachableAgent) -> AgentRow {
    let description = &agent.record.description;
    let host = &description.info.hostname;
    let ip = description.address.ip.as_deref().unwrap_or(host);
    AgentRow {
        id: agent.record.id.to_string(),
        host: host.clone(),
        address: host_and_port(ip, description.address.port),
        state: AgentState::Unreachable,
        attributes: attributes(&description.info),
        registered_ms: Some(ms(agent.record.admitted_at)),
        unreachable_ms: Some(ms(agent.since)),
        ..AgentRow::default()
    }
}

fn attributes(info: &AgentInfo) -> Vec<String> {
    info.attributes
        .iter()
        .map(|attribute| format!("{}:{}", attribute.name, value(attribute)))
        .collect()
}

fn value(attribute: &Attribute) -> String {
    if let Some(text) = &attribute.text {
        return text.value.clone();
    }
    if let Some(scalar) = &attribute.scalar {
        return scalar.value.to_string();
    }
    let ranges = attribute.ranges.iter().flat_map(|ranges| &ranges.range);
    let ranges: Vec<_> = ranges.map(|range| format!("{}-{}", range.begin, range.end)).collect();
    format!("[{}]", ranges.join(", "))
}

/// One agent's page; none when the master does not know it.
pub(super) fn agent(snapshot: &Snapshot, facts: &ProcessFacts, id: &str) -> Option<AgentDetail> {
    let id = AgentId::from(id);
    if let Some(lost) = snapshot.unreachable_agents.get(&id) {
        return Some(AgentDetail {
            agent: unreachable_row(lost),
            version: lost.record.description.version.clone(),
            cluster: facts.cluster.clone(),
            master: Some(leader(snapshot)),
            ..AgentDetail::default()
        });
    }
    let agent = snapshot.agents.get(&id)?;
    let is_here = |task: &&Arc<Task>| task.agent == id;
    let living: Vec<&Task> = snapshot
        .tasks()
        .filter(is_here)
        .filter(|task| !task.state.is_terminal())
        .map(AsRef::as_ref)
        .collect();
    let ended: Vec<&Task> = snapshot
        .frameworks
        .values()
        .chain(&snapshot.completed_frameworks)
        .flat_map(|framework| &framework.completed_tasks)
        .filter(is_here)
        .map(AsRef::as_ref)
        .collect();
    let counts =
        living.iter().fold(TaskCounts::default(), |counts, task| with_living(counts, task.state));
    let counts = ended.iter().fold(counts, |counts, task| with_ended(counts, task.state));
    let total = sum(snapshot.agents.values().map(|agent| &agent.total));
    let hosts_tasks =
        |framework: &&Arc<Framework>| living.iter().any(|task| task.framework == framework.id);
    Some(AgentDetail {
        agent: agent_row(agent),
        version: agent.description.version.clone(),
        master: Some(leader(snapshot)),
        cluster: facts.cluster.clone(),
        ports: ports(&agent.total),
        frameworks: snapshot
            .frameworks
            .values()
            .filter(hosts_tasks)
            .map(|framework| framework_row(framework, total, |task| task.agent == id))
            .collect(),
        tasks: living.into_iter().map(|task| task_row(snapshot, task)).collect(),
        completed: ended
            .into_iter()
            .rev()
            .take(COMPLETED_SHOWN)
            .map(|task| task_row(snapshot, task))
            .collect(),
        counts,
    })
}

fn ports(resources: &Resources) -> String {
    let ports = resources.ports();
    let ranges: Vec<_> = ports.pairs().map(|(first, last)| format!("{first}-{last}")).collect();
    if ranges.is_empty() { "-".to_owned() } else { ranges.join(", ") }
}

/// Frameworks that have not ended.
pub(super) fn frameworks(snapshot: &Snapshot) -> Vec<FrameworkRow> {
    let total = sum(snapshot.agents.values().map(|agent| &agent.total));
    let row = |framework: &Arc<Framework>| {
        let offers = snapshot.offers.values().filter(|offer| offer.framework == framework.id);
        let offered = sum(offers.map(|offer| &offer.resources));
        FrameworkRow { offered, ..framework_row(framework, total, |_| true) }
    };
    snapshot.frameworks.values().map(row).collect()
}

/// Frameworks that have ended.
pub(super) fn completed_frameworks(snapshot: &Snapshot) -> Vec<FrameworkRow> {
    let ended = snapshot.completed_frameworks.iter();
    ended.map(|framework| framework_row(framework, Amount::default(), |_| true)).collect()
}

/// A framework's row, counting the tasks that `counts` picks.
fn framework_row(
    framework: &Framework,
    total: Amount,
    counts: impl Fn(&Task) -> bool,
) -> FrameworkRow {
    let tasks =
        || framework.tasks.values().filter(|task| !task.state.is_terminal() && counts(task));
    let used = sum(tasks().map(|task| &task.resources));
    let info = &framework.info;
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    FrameworkRow {
        id: framework.id.to_string(),
        host: info.hostname.clone().unwrap_or_default(),
        webui_url: filled(&info.webui_url),
        user: info.user.clone(),
        name: info.name.clone(),
        roles: framework.roles().iter().map(ToString::to_string).collect(),
        principal: filled(&info.principal),
        active: framework.is_connected(),
        tasks: tasks().count() as u64,
        used,
        offered: Amount::default(),
        max_share: max_share(used, total),
        registered_ms: Some(ms(framework.registered_at)),
        reregistered_ms: framework.reregistered_at.map(ms),
        unregistered_ms: framework.unregistered_at.map(ms),
    }
}

/// The largest part of any resource, 0 to 1.
fn max_share(used: Amount, total: Amount) -> f64 {
    let pairs = [
        (used.cpus, total.cpus),
        (used.gpus, total.gpus),
        (used.mem, total.mem),
        (used.disk, total.disk),
    ];
    let shares =
        pairs.into_iter().filter(|(_, whole)| *whole > 0.0).map(|(part, whole)| part / whole);
    shares.fold(0.0, f64::max)
}
