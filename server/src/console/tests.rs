//! Whole requests against the consoles, on the sample cluster.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::samples::{NOW, SampleCluster, stdout};
use super::{ChangeFeed, ConsoleConfig, cluster_router};

pub(super) fn config() -> ConsoleConfig {
    ConsoleConfig {
        cluster_port: 5050,
        apps_port: 8080,
        deadline: Duration::from_millis(50),
        wall_ms: Arc::new(|| NOW),
        stop: CancellationToken::new(),
    }
}

fn cluster() -> Router {
    cluster_router(Arc::new(SampleCluster::default()), ChangeFeed::new().1, config())
}

pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

pub(super) async fn get(router: Router, path: &str, headers: &[(&str, &str)]) -> Answered {
    let mut request = Request::builder().uri(path).header("host", "127.0.0.1:5050");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answered {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

pub(super) fn assert_has(page: &Answered, parts: &[&str]) {
    for part in parts {
        assert!(page.body.contains(part), "the page lacks {part:?}:\n{}", page.body);
    }
}

#[tokio::test]
async fn a_file_is_searched_from_an_offset_either_way() {
    let found = async |query: &str| {
        let path = format!("/ui/api/v1/agents/S1/files/search?path=%2Fsandbox%2Fstdout&{query}");
        get(cluster(), &path, &[]).await
    };
    let text = stdout();
    let first = text.find("日志").unwrap();
    let answer = found("text=%E6%97%A5%E5%BF%97").await;
    let wanted = format!("{{\"found\":{first},\"next\":null,\"size\":{}}}", text.len());
    assert_eq!((answer.status, answer.body), (StatusCode::OK, wanted));
    let last = text.rfind("GET").unwrap();
    let answer = found(&format!("text=GET&offset={}&back=true", text.len())).await;
    assert_has(&answer, &[&format!("\"found\":{last},")]);
    for wrong in ["text=x&offset=-1", "text=x&offset=many", "text=x&back=up"] {
        assert_eq!(found(wrong).await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn the_home_page_is_complete_without_javascript() {
    let page = get(cluster(), "/", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_has(
        &page,
        &[
            "<!DOCTYPE html>",
            "lang=\"en\"",
            "data-theme=\"system\"",
            "data-testid=\"table-active-tasks\"",
            "data-testid=\"table-completed-tasks\"",
            "No unreachable tasks.",
            "nginx.instance-f1a121be…",
            "182.48.115.239",
            "6.8 of 12 allocated",
            "3 days ago",
            "href=\"//127.0.0.1:8080/ui/apps\"",
        ],
    );
    assert_eq!(page.body.matches("data-testid=\"row\"").count(), 9);
    assert_eq!(
        page.body.matches("from history").count(),
        1,
        "one task ended under an earlier master"
    );
}

/// What a page is made of is looked for before it is made, on whichever thread; its title is written last.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pages_that_are_made_at_once_all_have_their_title() {
    let site = cluster();
    let pages = (0..400).map(|_| tokio::spawn(get(site.clone(), "/", &[])));
    for page in pages.collect::<Vec<_>>() {
        let page = page.await.unwrap();
        assert_eq!(page.status, StatusCode::OK);
        assert_has(&page, &["<title>prod · Ekiden</title>"]);
    }
}

#[tokio::test]
async fn language_and_theme_come_from_the_request() {
    let page =
        get(cluster(), "/", &[("accept-language", "zh-CN,zh;q=0.9"), ("cookie", "theme=dark")])
            .await;
    assert_has(
        &page,
        &["lang=\"zh-CN\"", "data-theme=\"dark\"", "活动任务", "已完成任务", "3 天前"],
    );
    let page = get(cluster(), "/", &[("accept-language", "zh-CN"), ("cookie", "lang=en")]).await;
    assert_has(&page, &["lang=\"en\"", "Active Tasks"]);
}

#[tokio::test]
async fn filter_and_order_are_in_the_address() {
    let page = get(cluster(), "/?q=tomcat&c-q=basic-1", &[]).await;
    assert_eq!(page.body.matches("data-testid=\"row\"").count(), 3);
    assert_has(&page, &["value=\"tomcat\"", "basic-1.instance-c1f07e22…"]);
}

#[tokio::test]
async fn agents_and_frameworks_have_their_pages() {
    assert_has(
        &get(cluster(), "/ui/agents", &[]).await,
        &["data-testid=\"table-agents\"", "…232ffa42fe4f-S2", "rack:b"],
    );
    assert_has(
        &get(cluster(), "/ui/agents/6bc17bcc-433c-425e-b85e-232ffa42fe4f-S2", &[]).await,
        &["182.48.115.239", "nginx.instance-f1a121be…", "31000-32000"],
    );
    assert_has(
        &get(cluster(), "/ui/frameworks", &[]).await,
        &["marathon", "href=\"http://182.48.115.236:8080\"", "No inactive frameworks."],
    );
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    assert_eq!(get(cluster(), "/ui/nowhere", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(cluster(), "/ui/agents/S77", &[]).await.status, StatusCode::NOT_FOUND);
    let api = get(cluster(), "/ui/api/v1/nowhere", &[]).await;
    assert_eq!(
        (api.status, api.headers["content-type"].to_str().unwrap()),
        (StatusCode::NOT_FOUND, "application/json")
    );
    assert_eq!(get(cluster(), "/ui/api/v1/agents/S77", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_page_without_data_in_time_is_sent_with_a_notice() {
    let slow =
        cluster_router(Arc::new(SampleCluster { is_slow: true }), ChangeFeed::new().1, config());
    let page = get(slow, "/", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_has(&page, &["The data did not come in time."]);
}

#[tokio::test]
async fn pages_forbid_what_they_do_not_need() {
    let page = get(cluster(), "/", &[]).await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("frame-ancestors 'none'") && !policy.contains("script-src 'unsafe-inline'"),
        "{policy}"
    );
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    assert!(page.body.matches("<script").count() >= 2, "the data for hydration is there");
    // A preload link may carry the nonce too, so the tags are looked at one by one.
    let mut tags = page.body.split("<script").skip(1).filter_map(|rest| rest.split('>').next());
    let carried = format!("nonce=\"{nonce}\"");
    assert!(tags.all(|tag| tag.contains(&carried)), "every script carries the nonce");
}

#[tokio::test]
async fn a_tasks_sandbox_is_looked_up() {
    let base = "/ui/agents/6bc17bcc-433c-425e-b85e-232ffa42fe4f-S2/frameworks/F/executors/E";
    let found = get(cluster(), &format!("{base}/tasks/T/browse"), &[]).await;
    assert_eq!(found.status, StatusCode::SEE_OTHER);
    assert_eq!(
        found.headers["location"],
        "/ui/agents/6bc17bcc-433c-425e-b85e-232ffa42fe4f-S2/browse?path=%2Fsandbox"
    );
}

#[tokio::test]
async fn a_preference_is_kept_in_a_cookie() {
    let kept = get(cluster(), "/ui/preferences?lang=zh&back=%2Fui%2Fagents%3Fq%3Da", &[]).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER);
    assert_eq!(kept.headers["location"], "/ui/agents?q=a");
    assert!(kept.headers["set-cookie"].to_str().unwrap().starts_with("lang=zh-CN;"));
    assert_eq!(get(cluster(), "/ui/preferences", &[]).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_api_gives_the_same_data_as_json() {
    let home = get(cluster(), "/ui/api/v1/home?q=nginx", &[]).await;
    let home: wire::console::Home = serde_json::from_str(&home.body).unwrap();
    assert_eq!((home.active.matching, home.active.total), (3, 6));
    let wrong = get(cluster(), "/ui/api/v1/tasks?scope=all", &[]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn style_is_served_with_a_hashed_name() {
    let page = get(cluster(), "/", &[]).await;
    let start = page.body.find("/ui/assets/main-").unwrap();
    let href = page.body[start..].split('"').next().unwrap().to_owned();
    let style = get(cluster(), &href, &[]).await;
    assert!(style.body.contains("--sash"));
    assert!(style.headers["cache-control"].to_str().unwrap().contains("immutable"));
}

#[tokio::test]
async fn a_sandbox_shows_its_files_and_the_end_of_the_open_one() {
    let path = "/ui/agents/6bc17bcc-433c-425e-b85e-232ffa42fe4f-S2/browse?path=%2Fsandbox";
    let folder = get(cluster(), path, &[]).await;
    assert_has(
        &folder,
        &["data-testid=\"table-files\"", "data-key=\"/sandbox/stdout\"", "files/download?path="],
    );
    let open = get(cluster(), &format!("{path}&file=stdout"), &[]).await;
    assert_has(&open, &["data-testid=\"log-view\"", "中文日志：容器已启动 &lt;b&gt;", "class=\"e"]);
    let download = "/ui/api/v1/agents/6bc17bcc-433c-425e-b85e-232ffa42fe4f-S2/files/download?path=%2Fsandbox%2Fstdout";
    assert_eq!(get(cluster(), download, &[]).await.body, stdout());
}
