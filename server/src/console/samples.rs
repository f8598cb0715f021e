//! A small cluster for tests: three agents, the guide's nginx and tomcat.

use app::backend::Answer;
use app::{ClusterBackend, ConsoleError, FilesBackend};
use axum::response::IntoResponse;
use wire::console::{
    AgentCounts, AgentDetail, AgentRow, AgentState, Amount, ClusterResources, FileEntry, FilePart,
    Found, FrameworkRow, Frameworks, Home, ListQuery, Overview, Page, PartQuery, SandboxPath,
    SearchQuery, TaskCounts, TaskRow, TaskScope,
};

use super::files::{Asked, Download};
use super::lists::page_of;

/// 2026-11-22T14:02:11Z
pub(crate) const NOW: u64 = 1_795_356_131_000;
const MASTER: &str = "6bc17bcc-433c-425e-b85e-232ffa42fe4f";

/// The sample cluster.
#[derive(Debug, Default)]
pub(crate) struct SampleCluster {
    /// Answers nothing before the page's deadline.
    pub(crate) is_slow: bool,
}

fn ready<'a, T: Send + 'a>(answer: Result<T, ConsoleError>) -> Answer<'a, T> {
    // As the real ones, it is not there at the first look.
    Box::pin(async move {
        tokio::task::yield_now().await;
        answer
    })
}

fn amount(cpus: f64, mem: f64, disk: f64) -> Amount {
    Amount { cpus, gpus: 0.0, mem, disk }
}

fn task(
    name: &str,
    suffix: &str,
    agent: u32,
    state: &str,
    healthy: Option<bool>,
    minutes: u64,
) -> TaskRow {
    let id = format!("{name}.instance-{suffix}-2e6d-11ed-9b0c-0242c0a80a03._app.1");
    TaskRow {
        framework_id: format!("{MASTER}-0000"),
        executor_id: id.clone(),
        id,
        name: name.to_owned(),
        role: "*".to_owned(),
        state: state.to_owned(),
        healthy,
        started_ms: Some(NOW - minutes * 60_000),
        stopped_ms: None,
        agent_id: format!("{MASTER}-S{agent}"),
        host: Some(format!("182.48.115.{}", 237 + agent)),
        resources: amount(0.2, 32.0, 0.0),
        container: None,
        news: None,
        is_earlier: false,
    }
}

fn active() -> Vec<TaskRow> {
    vec![
        task("nginx", "f1a121be", 2, "TASK_RUNNING", Some(true), 64),
        task("nginx", "f1a0d39c", 1, "TASK_RUNNING", Some(true), 64),
        task("tomcat", "9ab0c2d1", 1, "TASK_RUNNING", Some(true), 130),
        task("nginx-www", "5f0e77ab", 2, "TASK_RUNNING", Some(false), 22),
        TaskRow { started_ms: None, ..task("tomcat", "9d4a1c07", 0, "TASK_STAGING", None, 0) },
        task("basic-0", "e6d2f318", 2, "TASK_RUNNING", None, 200),
    ]
}

fn completed() -> Vec<TaskRow> {
    let ended =
        |row: TaskRow, minutes: u64| TaskRow { stopped_ms: Some(NOW - minutes * 60_000), ..row };
    vec![
        ended(task("basic-1", "c1f07e22", 1, "TASK_FAILED", None, 2), 1),
        ended(task("tomcat", "88de51a0", 0, "TASK_KILLED", None, 130), 120),
        TaskRow {
            is_earlier: true,
            ..ended(task("basic-0", "d0b4417f", 2, "TASK_FINISHED", None, 1500), 1440)
        },
    ]
}

fn agents() -> Vec<AgentRow> {
    (0..3)
        .map(|at| AgentRow {
            id: format!("{MASTER}-S{at}"),
            host: format!("182.48.115.{}", 237 + at),
            address: format!("182.48.115.{}:5051", 237 + at),
            state: AgentState::Active,
            attributes: vec![format!("rack:{}", if at < 2 { "a" } else { "b" })],
            total: amount(4.0, 6963.0, 45363.0),
            allocated: amount(1.7 + f64::from(at), 234.0 + 60.0 * f64::from(at), 0.0),
            offered: Amount::default(),
            tasks: 2,
            registered_ms: Some(NOW - 3 * 86_400_000),
            reregistered_ms: (at == 1).then_some(NOW - 2 * 86_400_000),
            unreachable_ms: None,
        })
        .collect()
}

fn marathon() -> FrameworkRow {
    FrameworkRow {
        id: format!("{MASTER}-0000"),
        host: "182.48.115.236".to_owned(),
        webui_url: Some("http://182.48.115.236:8080".to_owned()),
        user: "root".to_owned(),
        name: "marathon".to_owned(),
        roles: vec!["*".to_owned()],
        active: true,
        tasks: 6,
        used: amount(6.8, 916.0, 0.0),
        max_share: 0.567,
        registered_ms: Some(NOW - 3 * 86_400_000),
        ..FrameworkRow::default()
    }
}

fn facts() -> Overview {
    let (total, allocated) = (amount(12.0, 20889.6, 136_089.0), amount(6.8, 916.0, 0.0));
    Overview {
        cluster: Some("prod".to_owned()),
        master_id: MASTER.to_owned(),
        leader: Some("182.48.115.236:5050".to_owned()),
        server: "182.48.115.236:5050".to_owned(),
        version: "1.11.0".to_owned(),
        built_ms: Some(NOW - 14 * 86_400_000),
        built_by: Some("ci".to_owned()),
        started_ms: NOW - 3 * 86_400_000,
        elected_ms: Some(NOW - 3 * 86_400_000),
        agents: AgentCounts { activated: 3, ..AgentCounts::default() },
        tasks: TaskCounts {
            staging: 1,
            running: 5,
            finished: 2,
            killed: 9,
            failed: 3,
            ..TaskCounts::default()
        },
        resources: ClusterResources {
            total,
            allocated,
            offered: Amount::default(),
            idle: total.minus(allocated),
        },
        open_without_credentials: false,
        history_problem: None,
        disk_full: false,
        log_problem: None,
    }
}

fn file(name: &str, mode: &str, size: u64) -> FileEntry {
    FileEntry {
        path: format!("/sandbox/{name}"),
        mode: mode.to_owned(),
        nlink: 1,
        uid: "root".to_owned(),
        gid: "root".to_owned(),
        size,
        mtime: 1_795_356_000.0,
    }
}

/// What the sample's stdout holds: 40 lines, one of them Chinese and one an error.
pub(crate) fn stdout() -> String {
    let line = |at: u32| {
        match at {
        7 => "2026/11/22 14:01:41 [error] 7#7: *218 open() \"/usr/share/nginx/html/favicon.ico\" failed".to_owned(),
        8 => "中文日志：容器已启动 <b>".to_owned(),
        _ => format!("182.48.115.233 - - [22/Nov/2026:14:01:{at:02} +0000] \"GET / HTTP/1.1\" 200 612"),
    }
    };
    (1..=40).map(|at| line(at) + "\n").collect()
}

impl FilesBackend for SampleCluster {
    fn browse(&self, _agent: String, path: String) -> Answer<'_, Vec<FileEntry>> {
        ready(if path == "/sandbox" {
            let size = stdout().len() as u64;
            Ok(vec![
                file("conf", "drwxr-xr-x", 4096),
                file("stderr", "-rw-r--r--", 0),
                file("stdout", "-rw-r--r--", size),
            ])
        } else {
            Err(ConsoleError::NotFound { what: format!("`{path}`") })
        })
    }

    fn read(&self, query: PartQuery) -> Answer<'_, FilePart> {
        let text = if query.path.ends_with("stdout") { stdout() } else { String::new() };
        let length = usize::try_from(query.length).unwrap_or(usize::MAX).min(text.len());
        let start = usize::try_from(query.offset).unwrap_or(text.len() - length).min(text.len());
        let bytes = &text.as_bytes()[start..text.len().min(start + length)];
        ready(Ok(FilePart::of(start as u64, bytes, text.len() as u64)))
    }

    fn search(&self, query: SearchQuery) -> Answer<'_, Found> {
        let text = stdout();
        let offset = usize::try_from(query.offset).unwrap_or(text.len()).min(text.len());
        let found = if query.is_back {
            text[..offset].rfind(&query.text)
        } else {
            text[offset..].find(&query.text).map(|at| offset + at)
        };
        let found = found.map(|at| at as u64);
        ready(Ok(Found { found, next: None, size: text.len() as u64 }))
    }

    fn sandbox(
        &self,
        agent: String,
        _framework: String,
        _executor: String,
    ) -> Answer<'_, SandboxPath> {
        ready(if agents().iter().any(|row| row.id == agent) {
            Ok(SandboxPath { path: "/sandbox".to_owned() })
        } else {
            Err(ConsoleError::NotFound { what: format!("agent `{agent}`") })
        })
    }
}

impl ClusterBackend for SampleCluster {
    fn overview(&self) -> Answer<'_, Overview> {
        ready(Ok(facts()))
    }

    fn home(
        &self,
        active_query: ListQuery,
        unreachable: ListQuery,
        completed_query: ListQuery,
    ) -> Answer<'_, Home> {
        if self.is_slow {
            return Box::pin(std::future::pending());
        }
        ready(Ok(Home {
            overview: facts(),
            active: page_of(active(), &active_query),
            unreachable: page_of(Vec::new(), &unreachable),
            completed: page_of(completed(), &completed_query),
        }))
    }

    fn tasks(&self, scope: TaskScope, query: ListQuery) -> Answer<'_, Page<TaskRow>> {
        let rows = match scope {
            TaskScope::Active => active(),
            TaskScope::Unreachable => Vec::new(),
            TaskScope::Completed => completed(),
        };
        ready(Ok(page_of(rows, &query)))
    }

    fn agents(&self, query: ListQuery) -> Answer<'_, Page<AgentRow>> {
        ready(Ok(page_of(agents(), &query)))
    }

    fn agent(&self, id: String) -> Answer<'_, AgentDetail> {
        let found = agents().into_iter().find(|row| row.id == id);
        ready(found.ok_or_else(|| ConsoleError::NotFound { what: format!("agent `{id}`") }).map(
            |agent| AgentDetail {
                version: "1.11.0".to_owned(),
                master: Some("182.48.115.236:5050".to_owned()),
                cluster: Some("prod".to_owned()),
                ports: "31000-32000".to_owned(),
                tasks: active().into_iter().filter(|task| task.agent_id == agent.id).collect(),
                completed:
                    completed().into_iter().filter(|task| task.agent_id == agent.id).collect(),
                counts: TaskCounts { running: 2, ..TaskCounts::default() },
                frameworks: vec![marathon()],
                agent,
            },
        ))
    }

    fn frameworks(&self, query: ListQuery) -> Answer<'_, Frameworks> {
        ready(Ok(Frameworks { active: page_of(vec![marathon()], &query), ..Frameworks::default() }))
    }
}

impl Download for SampleCluster {
    fn download(&self, _asked: Asked) -> Answer<'_, axum::response::Response> {
        ready(Ok(stdout().into_response()))
    }
}
