//! Applications and deployments, as `/ui/api/v1/{apps,app,deployments}` of port 8080 give them.

use serde::{Deserialize, Serialize};

use super::list::{ListQuery, Page, StateCount, escape, query_pairs};
use crate::marathon::{App, QueueItem, TaskFailure};

/// At a glance: what an application is doing. The first that fits, from the top of Marathon's list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppStatus {
    /// Instances run.
    Running,
    /// A deployment changes it.
    Deploying,
    /// Scaled to nothing.
    Suspended,
    /// Instances ended badly; the next launch waits for the back-off.
    Delayed,
    /// No offer fits.
    Waiting,
    /// Nothing runs and nothing is planned.
    #[default]
    Unscheduled,
}

impl AppStatus {
    /// Every status, in the order of the filter.
    pub const ALL: [Self; 6] = [
        Self::Running,
        Self::Deploying,
        Self::Suspended,
        Self::Delayed,
        Self::Waiting,
        Self::Unscheduled,
    ];

    /// The word in addresses and `data-status`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Deploying => "deploying",
            Self::Suspended => "suspended",
            Self::Delayed => "delayed",
            Self::Waiting => "waiting",
            Self::Unscheduled => "unscheduled",
        }
    }

    /// Reads [`Self::name`], and the number of the original's `filterStatus[]`.
    pub fn from_name(name: &str) -> Option<Self> {
        let numbered = name.parse::<usize>().ok().and_then(|number| Self::ALL.get(number).copied());
        Self::ALL.into_iter().find(|status| status.name() == name).or(numbered)
    }
}

/// What the health checks of an application say, as its filter sees it; one application can have all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppHealth {
    /// Some instance is healthy.
    Healthy,
    /// Some instance is not.
    Unhealthy,
    /// Some running instance tells nothing.
    Unknown,
}

impl AppHealth {
    /// All three, in the order of the filter.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Unhealthy, Self::Unknown];

    /// The word in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }

    /// Reads [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|health| health.name() == name)
    }
}

/// Which applications are wanted. Options of one filter are OR-ed, filters are AND-ed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppsQuery {
    /// Text, order (`name`, `-cpu`) and page.
    pub list: ListQuery,
    /// Any of these; empty: every status.
    pub status: Vec<AppStatus>,
    /// Any of these; empty: every health.
    pub health: Vec<AppHealth>,
}

impl AppsQuery {
    /// Reads the question from a query string, in our form and in the original's.
    pub fn from_query(query: &str) -> Self {
        let mut asked = Self { list: ListQuery::from_query(query, ""), ..Self::default() };
        for (key, value) in query_pairs(query) {
            match key.as_str() {
                "status" | "filterStatus[]" | "filterStatus" => {
                    asked.status.extend(value.split(',').filter_map(AppStatus::from_name));
                }
                "health" | "filterHealth[]" | "filterHealth" => {
                    asked.health.extend(value.split(',').filter_map(AppHealth::from_name));
                }
                "filterText" => asked.list.q = value,
                _ => {}
            }
        }
        asked.status.sort_unstable();
        asked.status.dedup();
        asked.health.sort_unstable();
        asked.health.dedup();
        asked
    }

    /// The question as a query string without `?`; the empty question is "".
    pub fn to_query(&self) -> String {
        let join = |names: Vec<&str>| escape(&names.join(",")).replace("%2C", ",");
        let mut parts = Vec::new();
        if !self.status.is_empty() {
            let names = self.status.iter().map(|status| status.name()).collect();
            parts.push(format!("status={}", join(names)));
        }
        if !self.health.is_empty() {
            let names = self.health.iter().map(|health| health.name()).collect();
            parts.push(format!("health={}", join(names)));
        }
        let list = self.list.to_query("");
        if !list.is_empty() {
            parts.push(list);
        }
        parts.join("&")
    }

    /// Whether anything narrows the list.
    pub fn is_filtered(&self) -> bool {
        !self.list.q.is_empty() || !self.status.is_empty() || !self.health.is_empty()
    }

    /// The column and direction that `sort` names: `-cpu` is descending, nothing is `name`.
    pub fn order(&self) -> (&str, bool) {
        match self.list.sort.strip_prefix('-') {
            Some(column) => (column, true),
            None if self.list.sort.is_empty() => ("name", false),
            None => (&self.list.sort, false),
        }
    }

    /// The same question with one status put in or taken out, back on page 1.
    #[must_use]
    pub fn toggled_status(&self, status: AppStatus) -> Self {
        Self { status: toggled(&self.status, status), list: self.list.at_page(0), ..self.clone() }
    }

    /// The same question for one status alone, or for all of them, back on page 1.
    #[must_use]
    pub fn only_status(&self, status: Option<AppStatus>) -> Self {
        Self { status: status.into_iter().collect(), list: self.list.at_page(0), ..self.clone() }
    }

    /// The same question with one health put in or taken out, back on page 1.
    #[must_use]
    pub fn toggled_health(&self, health: AppHealth) -> Self {
        Self { health: toggled(&self.health, health), list: self.list.at_page(0), ..self.clone() }
    }

    /// The same question ordered by `column`: ascending at the first click, turned by the next, back on page 1.
    #[must_use]
    pub fn sorted_by(&self, column: &str) -> Self {
        let sort = match self.order() {
            (current, false) if current == column => format!("-{column}"),
            _ => column.to_owned(),
        };
        Self { list: ListQuery { sort, page: 0, ..self.list.clone() }, ..self.clone() }
    }
}

fn toggled<T: Copy + Ord>(set: &[T], value: T) -> Vec<T> {
    let mut next: Vec<T> = set.iter().copied().filter(|known| *known != value).collect();
    if next.len() == set.len() {
        next.push(value);
        next.sort_unstable();
    }
    next
}

/// Instances by what is known of them; the parts of the health bar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The wanted number.
    pub wanted: u32,
    /// Running.
    pub running: u32,
    /// Staged: accepted, not started.
    pub staged: u32,
    /// Running, and every check passes.
    pub healthy: u32,
    /// A check fails.
    pub unhealthy: u32,
}

impl Tally {
    /// Running without a word from a check.
    pub fn unknown(self) -> u32 {
        self.running.saturating_sub(self.healthy).saturating_sub(self.unhealthy)
    }

    fn known(self) -> u32 {
        self.healthy + self.unhealthy + self.unknown() + self.staged
    }

    /// More than wanted.
    pub fn over(self) -> u32 {
        self.known().saturating_sub(self.wanted)
    }

    /// Wanted and not there.
    pub fn unscheduled(self) -> u32 {
        self.wanted.saturating_sub(self.known())
    }

    /// Whether the filter finds it under `health`.
    pub fn has(self, health: AppHealth) -> bool {
        match health {
            AppHealth::Healthy => self.healthy > 0,
            AppHealth::Unhealthy => self.unhealthy > 0,
            AppHealth::Unknown => self.unknown() > 0,
        }
    }
}

/// Where an instance can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The agent's host name.
    pub host: String,
    /// The host port.
    pub port: u16,
}

/// One application in the list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AppRow {
    /// Absolute path id, `/prod/nginx`.
    pub id: String,
    /// The container's image.
    pub image: Option<String>,
    /// The shell command.
    pub cmd: Option<String>,
    /// `key:value`, or the key alone; sorted.
    pub labels: Vec<String>,
    /// CPUs of all wanted instances.
    pub cpus: f64,
    /// MiB of all wanted instances.
    pub mem: f64,
    /// At a glance.
    pub status: AppStatus,
    /// Seconds until the next launch, while delayed.
    pub delay_seconds: Option<u64>,
    /// The running step of its deployment and how many there are, while deploying.
    pub step: Option<(u32, u32)>,
    /// Instances.
    pub tally: Tally,
    /// The first address of the first running instances, at most [`AppRow::ENDPOINTS`].
    pub endpoints: Vec<Endpoint>,
    /// How many addresses there are.
    pub endpoint_count: u32,
    /// When its definition was last changed.
    pub version: String,
}

impl AppRow {
    /// The most addresses that a row carries.
    pub const ENDPOINTS: usize = 4;

    /// The last part of the id.
    pub fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(&self.id)
    }
}

/// Sums over all applications, before any filter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct AppTotals {
    /// Applications.
    pub apps: u64,
    /// Groups that have applications in them, the root apart.
    pub groups: u64,
    /// CPUs of all wanted instances.
    pub cpus: f64,
    /// MiB of all wanted instances.
    pub mem: f64,
    /// Running instances.
    pub running: u64,
    /// Wanted instances.
    pub wanted: u64,
    /// Running deployments.
    pub deployments: u64,
}

/// `GET /ui/api/v1/apps`: one page of applications.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AppList {
    /// The rows; `states` counts by status, over the rows that the text finds.
    pub page: Page<AppRow>,
    /// Applications by health, over the rows that the text finds.
    pub health: Vec<StateCount>,
    /// Sums.
    pub totals: AppTotals,
    /// Whether Marathon is registered with a Mesos master.
    pub is_connected: bool,
    /// The disk has no room for the log: changes are refused, reads go on.
    #[serde(default)]
    pub disk_full: bool,
    /// Why the log cannot grow for another reason, with the same effect.
    #[serde(default)]
    pub log_problem: Option<String>,
}

/// One instance of an application.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceRow {
    /// Task id, `nginx.instance-<uuid>._app.1`.
    pub task: String,
    /// Agent's host name.
    pub host: String,
    /// Agent.
    pub agent: String,
    /// Host ports in the order of declaration.
    pub ports: Vec<u16>,
    /// `TASK_RUNNING` and so on.
    pub state: String,
    /// What orchestration knows: `Running`, `Killing`, `Unreachable` …
    pub condition: String,
    /// What the checks say; none without one.
    pub healthy: Option<bool>,
    /// What the app's plain `check` last found; none before its first result, or without one.
    #[serde(default)]
    pub check: Option<CheckRow>,
    /// Version of the definition it runs.
    pub version: String,
    /// The same, in milliseconds since the Unix epoch.
    pub version_ms: u64,
    /// When its offer was accepted.
    pub staged_ms: u64,
    /// When it first ran.
    pub started_ms: Option<u64>,
    /// How far its launch has come, in the agent's words, while it has not begun to run.
    #[serde(default)]
    pub news: Option<String>,
}

/// What a plain `check` found, which decides nothing; none inside where there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckRow {
    /// A command's exit code.
    Command(Option<i32>),
    /// The status of an HTTP answer.
    Http(Option<u32>),
    /// Whether a TCP connection was accepted.
    Tcp(Option<bool>),
}

/// One version of a definition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VersionRow {
    /// Its time as Marathon writes it.
    pub version: String,
    /// The same, in milliseconds since the Unix epoch.
    pub version_ms: u64,
    /// The definition, without runtime fields.
    pub definition: App,
}

/// `GET /ui/api/v1/app?id=`: everything about one application.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AppDetail {
    /// As in the list.
    pub row: AppRow,
    /// Its instances that have a task, by id.
    pub instances: Vec<InstanceRow>,
    /// Its versions, newest first; the first is the current one. At most [`AppDetail::VERSIONS`].
    pub versions: Vec<VersionRow>,
    /// Time of the last scaling, in milliseconds since the Unix epoch.
    pub last_scaling_ms: u64,
    /// Time of the last change that replaced instances.
    pub last_config_change_ms: u64,
    /// What waits for launch, and why; none when nothing does.
    pub queue: Option<QueueItem>,
    /// Since when it waits, in milliseconds since the Unix epoch.
    pub waiting_since_ms: Option<u64>,
    /// The last failure of a task.
    pub last_failure: Option<TaskFailure>,
    /// The deployment that changes it.
    pub deployment: Option<DeploymentRow>,
    /// Marathon's framework id, which sandbox links need.
    pub framework: Option<String>,
}

impl AppDetail {
    /// The most versions that a page carries.
    pub const VERSIONS: usize = 20;
}

/// One action of a deployment's step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRow {
    /// `ScaleApplication` and so on.
    pub action: String,
    /// The application.
    pub app: String,
    /// Its instances at present, when it exists.
    pub tally: Option<Tally>,
    /// The number of instances before and afterwards.
    pub instances: (u32, u32),
}

/// A running deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRow {
    /// Its id, a uuid.
    pub id: String,
    /// The applications that it changes, sorted.
    pub apps: Vec<String>,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// Its steps; their actions run side by side.
    pub steps: Vec<Vec<ActionRow>>,
    /// The running step counted from 1; 0 before the first.
    pub current_step: u32,
    /// The applications among its own that wait for an offer or for the end of a back-off.
    pub stuck: Vec<String>,
}

/// `GET /ui/api/v1/deployments`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentList {
    /// Running deployments, the oldest first.
    pub rows: Vec<DeploymentRow>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_survives_its_text_form() {
        let query = "status=running,waiting&health=unhealthy&q=web&sort=-cpu&page=2";
        let asked = AppsQuery::from_query(query);
        assert_eq!(asked.status, [AppStatus::Running, AppStatus::Waiting]);
        assert_eq!(asked.order(), ("cpu", true));
        assert_eq!(AppsQuery::from_query(&asked.to_query()), asked);
        assert_eq!(AppsQuery::default().to_query(), "");
    }

    #[test]
    fn the_originals_filters_are_understood() {
        let asked = AppsQuery::from_query(
            "filterText=ngi&filterStatus%5B%5D=0&filterStatus%5B%5D=4&filterHealth%5B%5D=healthy",
        );
        assert_eq!(asked.list.q, "ngi");
        assert_eq!(asked.status, [AppStatus::Running, AppStatus::Waiting]);
        assert_eq!(asked.health, [AppHealth::Healthy]);
    }

    #[test]
    fn a_filter_is_put_in_and_taken_out_again() {
        let asked = AppsQuery::from_query("page=3");
        let narrowed = asked.toggled_status(AppStatus::Waiting);
        assert_eq!(narrowed.to_query(), "status=waiting");
        assert_eq!(narrowed.toggled_status(AppStatus::Waiting).to_query(), "");
        assert_eq!(narrowed.only_status(Some(AppStatus::Running)).to_query(), "status=running");
        assert_eq!(narrowed.only_status(None).to_query(), "");
    }

    #[test]
    fn a_column_orders_upwards_first() {
        let asked = AppsQuery::default().sorted_by("cpu");
        assert_eq!(asked.order(), ("cpu", false));
        assert_eq!(asked.sorted_by("cpu").order(), ("cpu", true));
        assert_eq!(AppsQuery::default().sorted_by("name").order(), ("name", true));
    }

    #[test]
    fn what_no_check_speaks_of_is_unknown() {
        let tally = Tally { wanted: 4, running: 3, staged: 0, healthy: 1, unhealthy: 1 };
        assert_eq!((tally.unknown(), tally.over(), tally.unscheduled()), (1, 0, 1));
        let more = Tally { wanted: 1, running: 2, staged: 1, healthy: 0, unhealthy: 0 };
        assert_eq!((more.unknown(), more.over(), more.unscheduled()), (2, 2, 0));
    }
}
