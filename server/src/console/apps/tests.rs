//! Whole requests against the application console, over the real core.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use marathon_core::command::{AppChange, ChangeApps, StatusUpdate};
use marathon_core::effect::{Call, Effect};
use marathon_core::health::CheckResult;
use marathon_core::offer::Offer;
use marathon_core::run_spec::{RunSpec, read};
use marathon_core::{Command, Settings, Snapshot, Start};
use model::{
    AgentId, FrameworkId, Instant, OfferId, RequestId, Resources, Role, TaskId, TaskState,
    Timestamp,
};
use wire::console::{AppDetail, AppList, AppStatus, DeploymentList};

use super::{AppsConsole, Marathon, MasterFiles};
use crate::console::tests::{assert_has, config, get};
use crate::console::{ChangeFeed, apps_router};

const NGINX: &[u8] = include_bytes!("../../../marathon/tests/fixtures/nginx.json");
const TOMCAT: &[u8] = include_bytes!("../../../marathon/tests/fixtures/tomcat.json");

/// A leading Marathon without driver and master.
struct Core(Mutex<(marathon_core::Marathon, Instant)>);

impl Core {
    fn new() -> Arc<Self> {
        let core = marathon_core::Marathon::new(Start {
            settings: Settings::default(),
            seed: 7,
            now: Instant::ZERO,
            wall: Timestamp::from_millis(1_795_356_000_000),
        });
        let core = Arc::new(Self(Mutex::new((core, Instant::ZERO))));
        core.apply(Command::Subscribed {
            framework: FrameworkId::new("F-0000"),
            master: "127.0.0.1:5050".to_owned(),
        });
        core
    }

    fn apply(&self, command: Command) -> Vec<Effect> {
        let mut state = self.0.lock().unwrap();
        state.1 = state.1 + std::time::Duration::from_secs(2);
        let now = state.1;
        state.0.apply(now, command)
    }

    fn create(&self, definition: &[u8], instances: u32) {
        let spec = RunSpec::parse(read(definition).unwrap()).unwrap().with_instances(instances);
        self.apply(Command::ChangeApps(ChangeApps {
            request: RequestId(1),
            changes: vec![AppChange::Create(spec)],
            force: false,
            caller: None,
        }));
    }

    /// Offers one agent and lets everything launched there run.
    fn run_on(&self, agent: &str) -> Vec<TaskId> {
        let effects = self.apply(Command::Offers(vec![Offer {
            id: OfferId::new(format!("O-{agent}")),
            agent: AgentId::new(agent),
            host: format!("host-{agent}").into(),
            resources: Resources::parse("cpus:4;mem:4096;disk:1000;ports:[31000-32000]").unwrap(),
            attributes: Arc::default(),
            role: Role::any(),
        }]));
        let launches = effects.into_iter().filter_map(|effect| match effect {
            Effect::Call(Call::Accept { launches, .. }) => Some(launches),
            _ => None,
        });
        let tasks: Vec<TaskId> = launches
            .flatten()
            .filter_map(|launch| Some(launch.instance.task.as_ref()?.id.clone()))
            .collect();
        for task in &tasks {
            self.tell(agent, task, None);
        }
        tasks
    }

    /// Tells that a task runs, and what its check has found.
    fn tell(&self, agent: &str, task: &TaskId, check: Option<CheckResult>) {
        self.apply(Command::StatusUpdate(StatusUpdate {
            task: task.clone(),
            agent: Some(AgentId::new(agent)),
            state: TaskState::Running,
            reason: check.map(|_| "REASON_TASK_CHECK_STATUS_UPDATED".to_owned()),
            message: None,
            uuid: None,
            healthy: None,
            check,
            addresses: Vec::new(),
            unreachable_since: None,
        }));
    }

    fn router(self: &Arc<Self>) -> Router {
        let console = AppsConsole::new(
            Arc::clone(self) as Arc<dyn Marathon>,
            MasterFiles::new(Arc::new(|| None)),
        );
        apps_router(Arc::new(console), ChangeFeed::new().1, config())
    }
}

impl Marathon for Core {
    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        Some(Arc::new(self.0.lock().unwrap().0.snapshot()))
    }

    fn now(&self) -> Instant {
        self.0.lock().unwrap().1
    }
}

/// nginx wants two instances on different hosts and has one; tomcat runs.
fn waiting_and_running() -> Arc<Core> {
    let core = Core::new();
    core.create(NGINX, 2);
    core.create(TOMCAT, 1);
    core.run_on("S0");
    core
}

fn json<T: serde::de::DeserializeOwned>(body: &str) -> T {
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

#[tokio::test]
async fn the_application_console_answers_on_its_own_paths() {
    let router = || Core::new().router();
    let root = get(router(), "/", &[]).await;
    let target = root.headers["location"].to_str().unwrap();
    assert_eq!((root.status, target), (StatusCode::SEE_OTHER, "/ui/"));
    assert_has(
        &get(router(), "/ui/apps", &[]).await,
        &[
            "No Applications Created",
            "href=\"//127.0.0.1:5050/\"",
            "data-testid=\"btn-create-app\"",
        ],
    );
}

#[tokio::test]
async fn the_list_says_what_every_application_does() {
    let core = waiting_and_running();
    let page = get(core.router(), "/ui/apps", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_has(
        &page,
        &[
            "data-key=\"/nginx\"",
            "data-key=\"/tomcat\"",
            "data-status=\"waiting\"",
            "data-status=\"running\"",
            "1 of 2",
            "1 of 1",
            "host-S0:31",
            "2 applications",
            "Why is it waiting?",
        ],
    );
}

#[tokio::test]
async fn filters_are_in_the_address() {
    let core = waiting_and_running();
    let only = async |query: &str| {
        let answer = get(core.router(), &format!("/ui/api/v1/apps?{query}"), &[]).await;
        let list: AppList = json(&answer.body);
        list.page.rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(only("").await, ["/nginx", "/tomcat"]);
    assert_eq!(only("sort=-name").await, ["/tomcat", "/nginx"]);
    assert_eq!(only("status=waiting").await, ["/nginx"]);
    assert_eq!(only("q=TOM").await, ["/tomcat"]);
    assert_eq!(only("health=healthy").await, Vec::<String>::new());
    let page = get(core.router(), "/ui/apps?status=suspended", &[]).await;
    assert_has(&page, &["No Applications Found", "Show all Applications"]);
}

#[tokio::test]
async fn chinese_readers_read_chinese() {
    let core = waiting_and_running();
    let page = get(core.router(), "/ui/apps", &[("accept-language", "zh-CN")]).await;
    assert_has(&page, &["lang=\"zh-CN\"", "创建应用", "等待资源", "运行中", "1 / 2"]);
    assert!(!page.body.contains("Applications"), "English is left");
    let page = get(core.router(), "/ui/apps/nginx", &[("accept-language", "zh-CN")]).await;
    assert_has(&page, &["实例", "已启动", "重启"]);
}

#[tokio::test]
async fn an_application_shows_instances_definition_and_reasons() {
    let core = waiting_and_running();
    let page = get(core.router(), "/ui/apps/nginx", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_has(
        &page,
        &[
            "data-testid=\"table-instances\"",
            "data-testid=\"btn-scale\"",
            "data-testid=\"btn-gear\"",
            "data-testid=\"cell-stdout\"",
            "/download/stdout",
            "(1 of 2 instances)",
        ],
    );
    let tab = get(core.router(), "/ui/apps/nginx/-/configuration", &[]).await;
    assert_has(&tab, &["hostname:UNIQUE", "docker.io/nginx", "There is no older version."]);
    let tab = get(core.router(), "/ui/apps/nginx/-/debug", &[]).await;
    assert_has(
        &tab,
        &[
            "data-testid=\"explain\"",
            "1 of 2 instances run.",
            "This app does not have failed tasks",
        ],
    );
    let detail = get(core.router(), "/ui/api/v1/app?id=%2Fnginx", &[]).await;
    let detail: Option<AppDetail> = json(&detail.body);
    let detail = detail.unwrap();
    assert_eq!(detail.row.status, AppStatus::Waiting);
    assert_eq!((detail.instances.len(), detail.versions.len()), (1, 1));
    assert_eq!(detail.queue.unwrap().count, 1);
}

#[tokio::test]
async fn what_a_plain_check_has_found_stands_beside_the_health() {
    const CHECKED: &[u8] = br#"{"id": "checked", "cmd": "sleep 1", "cpus": 0.1, "mem": 16,
        "check": {"exec": {"command": {"shell": "false"}}}}"#;
    let core = Core::new();
    core.create(CHECKED, 1);
    let task = core.run_on("S0").remove(0);
    let page = async |language| {
        get(core.router(), "/ui/apps/checked", &[("accept-language", language)]).await
    };
    assert!(!page("en").await.body.contains("data-testid=\"check\""), "nothing was found yet");
    for (found, english, chinese) in [
        (CheckResult::Command { exit_code: Some(3) }, "Check: exit code 3", "检查：退出码 3"),
        (CheckResult::Http { status: Some(503) }, "Check: HTTP status 503", "检查：HTTP 状态 503"),
        (CheckResult::Tcp { succeeded: Some(true) }, "Check: TCP succeeded", "检查：TCP 成功"),
        (CheckResult::Tcp { succeeded: Some(false) }, "Check: TCP failed", "检查：TCP 失败"),
        (CheckResult::Http { status: None }, "Check: no answer", "检查：无应答"),
    ] {
        core.tell("S0", &task, Some(found));
        assert_has(&page("en").await, &["data-testid=\"check\"", english]);
        assert_has(&page("zh-CN").await, &[chinese]);
    }
}

#[tokio::test]
async fn an_application_that_does_not_exist_is_not_found() {
    let core = Core::new();
    let page = get(core.router(), "/ui/apps/nowhere", &[]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert_has(&page, &["This application does not exist"]);
    assert_eq!(get(core.router(), "/ui/api/v1/app?id=%2Fnowhere", &[]).await.body, "null");
    let log = get(core.router(), "/ui/tasks/nobody/download/stdout", &[]).await;
    assert_eq!(log.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn dialogs_are_pages_with_a_command_where_no_script_runs() {
    let core = waiting_and_running();
    let page = get(core.router(), "/ui/apps/nginx?modal=scale", &[]).await;
    assert_has(
        &page,
        &[
            "data-testid=\"dialog\"",
            "data-testid=\"dialog-input\"",
            "curl -X PUT http://127.0.0.1:5050/v2/apps/nginx",
        ],
    );
    let page = get(core.router(), "/ui/apps?modal=destroy&app=%2Fnginx", &[]).await;
    assert_has(&page, &["Type nginx to confirm", "curl -X DELETE"]);
    let page = get(core.router(), "/ui/apps?modal=new-app&template=json", &[]).await;
    assert_has(&page, &["data-testid=\"json-editor\"", "data-testid=\"btn-submit-app\""]);
}

#[tokio::test]
async fn running_deployments_show_their_legs() {
    let core = Core::new();
    core.create(NGINX, 2);
    let page = get(core.router(), "/ui/deployments", &[]).await;
    assert_has(
        &page,
        &["data-testid=\"table-deployments\"", "ScaleApplication", "class=\"legs\"", "/nginx"],
    );
    let list = get(core.router(), "/ui/api/v1/deployments", &[]).await;
    let list: DeploymentList = json(&list.body);
    assert_eq!(list.rows[0].apps, ["/nginx"]);
    assert_eq!(list.rows[0].steps.last().unwrap()[0].instances.1, 2);
    let none = get(Core::new().router(), "/ui/deployments", &[]).await;
    assert_has(&none, &["No Deployments"]);
}
