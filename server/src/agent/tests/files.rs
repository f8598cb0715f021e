//! The endpoints of the agent, as clients call them.

use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use tempfile::TempDir;
use wire::mesos::v1::TaskState;

use super::master::{Master, docker_task};
use super::{Engine, Running, config};

/// An agent with a sandbox that holds `stdout`, and that sandbox's path.
async fn with_sandbox(folder: &TempDir, stdout: &[u8]) -> (Running, String) {
    let master = Master::listen().await;
    let agent = Running::start(config(folder, &master, Engine::NoOp)).await;
    let (mut connection, _) = master.admit().await;
    connection.run(docker_task("web.1", "image", "true", 31_000)).await;
    connection.update_to(TaskState::TaskRunning).await;
    let state = agent.json("/state.json").await;
    let directory =
        state["frameworks"][0]["executors"][0]["directory"].as_str().unwrap().to_owned();
    std::fs::write(format!("{directory}/stdout"), stdout).unwrap();
    (agent, directory)
}

#[tokio::test]
async fn a_sandbox_is_browsed_under_the_directory_of_the_state() {
    let folder = TempDir::new().unwrap();
    let (agent, directory) = with_sandbox(&folder, b"hello").await;
    let entries = agent.json(&format!("/files/browse?path={directory}")).await;
    assert_eq!(entries[0]["path"], format!("{directory}/stderr"));
    assert_eq!(entries[1]["path"], format!("{directory}/stdout"));
    assert_eq!(entries[1]["size"], 5);
    assert_eq!(entries[1]["mode"], "-rw-r--r--");
    let latest = "/frameworks/F-0000/executors/web.1/runs/latest";
    let entries = agent.json(&format!("/files/browse.json?path={latest}")).await;
    assert_eq!(entries[1]["path"], format!("{latest}/stdout"));
    agent.stop().await;
}

#[tokio::test]
async fn a_file_is_read_piece_by_piece() {
    let folder = TempDir::new().unwrap();
    let (agent, directory) = with_sandbox(&folder, &[b'x'; 70_000]).await;
    let read =
        async |rest: &str| agent.json(&format!("/files/read?path={directory}/stdout{rest}")).await;
    assert_eq!(read("&offset=-1").await, serde_json::json!({"offset": 70_000, "data": ""}));
    assert_eq!(read("").await["offset"], 70_000);
    assert_eq!(read("&offset=3&length=5").await, serde_json::json!({"offset": 3, "data": "xxxxx"}));
    assert_eq!(read("&offset=0").await["data"].as_str().unwrap().len(), 65_536);
    assert_eq!(read("&offset=0&length=-1").await["data"].as_str().unwrap().len(), 65_536);
    assert_eq!(read("&offset=90000").await, serde_json::json!({"offset": 90_000, "data": ""}));
    agent.stop().await;
}

#[tokio::test]
async fn errors_have_the_originals_codes_and_texts() {
    let folder = TempDir::new().unwrap();
    let (agent, directory) = with_sandbox(&folder, &[0xff, b'a']).await;
    let text = async |path: String| agent.text(&path).await;
    let bad = StatusCode::BAD_REQUEST;
    assert_eq!(
        text("/files/read".to_owned()).await,
        (bad, "Expecting 'path=value' in query.".to_owned())
    );
    assert_eq!(text("/files/browse?path=".to_owned()).await.0, bad);
    assert_eq!(
        text(format!("/files/read?path={directory}")).await,
        (bad, "Cannot read a directory.".to_owned())
    );
    assert_eq!(
        text(format!("/files/download?path={directory}")).await,
        (bad, "Cannot download a directory.".to_owned())
    );
    assert_eq!(text(format!("/files/read?path={directory}/stdout&offset=-2")).await.0, bad);
    assert_eq!(text(format!("/files/read?path={directory}/stdout&offset=x")).await.0, bad);
    assert_eq!(
        text(format!("/files/read?path={directory}/nothing")).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(text("/files/read?path=/etc/passwd".to_owned()).await.0, StatusCode::NOT_FOUND);
    let binary = agent.json(&format!("/files/read?path={directory}/stdout&offset=0")).await;
    assert_eq!(binary["data"], "\u{fffd}a");
    let (status, body) = text("/monitor/statistics".to_owned()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body.starts_with('{'), "{body}");
    agent.stop().await;
}

#[tokio::test]
async fn a_download_is_the_files_bytes_whole_or_in_part() {
    let folder = TempDir::new().unwrap();
    let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let (agent, directory) = with_sandbox(&folder, &content).await;
    let path = format!("/files/download?path={directory}/stdout");
    let response = agent.get(&path).await;
    assert_eq!(response.headers()[header::CONTENT_DISPOSITION], "attachment; filename=stdout");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/octet-stream");
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "300000");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), content);
    let request = Request::get(&path).header(header::RANGE, "bytes=10-19");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(agent.router.clone(), request).await.unwrap();
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes 10-19/300000");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), content[10..20]);
    agent.stop().await;
}

/// Asks for a range; status, `Content-Range` and body.
async fn part(agent: &Running, path: &str, range: &str) -> (StatusCode, String, Vec<u8>) {
    let request = Request::get(path).header(header::RANGE, range);
    let request = request.body(axum::body::Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(agent.router.clone(), request).await.unwrap();
    let told = response.headers().get(header::CONTENT_RANGE);
    let told = told.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let status = response.status();
    (status, told, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn a_reader_at_the_end_of_a_file_is_answered_when_it_grows() {
    let folder = TempDir::new().unwrap();
    let (agent, directory) = with_sandbox(&folder, b"one\n").await;
    let path = format!("/files/download?path={directory}/stdout");
    let (outside, empty) = (StatusCode::RANGE_NOT_SATISFIABLE, Vec::new());
    let now = part(&agent, &path, "bytes=4-").await;
    assert_eq!(now, (outside, "bytes */4".to_owned(), empty.clone()));

    let waiting = format!("{path}&wait=5");
    let append = async {
        tokio::task::yield_now().await;
        let file = std::fs::File::options().append(true).open(format!("{directory}/stdout"));
        std::io::Write::write_all(&mut file.unwrap(), b"two\n").unwrap();
    };
    let (later, ()) = tokio::join!(part(&agent, &waiting, "bytes=4-"), append);
    assert_eq!(later, (StatusCode::PARTIAL_CONTENT, "bytes 4-7/8".to_owned(), b"two\n".to_vec()));

    // Begun anew under the same name, as the division of a large log does, but in one step: at no moment is the name
    // free or its file empty.
    let divide = async {
        tokio::task::yield_now().await;
        let name = format!("{directory}/stdout");
        let new = format!("{name}.new");
        std::fs::write(&new, b"new").unwrap();
        std::fs::hard_link(&name, format!("{name}.1")).unwrap();
        std::fs::rename(&new, &name).unwrap();
    };
    let (divided, ()) = tokio::join!(part(&agent, &waiting, "bytes=8-"), divide);
    assert_eq!(divided, (outside, "bytes */3".to_owned(), empty.clone()));
    // And who comes too late is not made to wait.
    let late =
        tokio::time::timeout(std::time::Duration::from_secs(4), part(&agent, &waiting, "bytes=8-"));
    assert_eq!(late.await.unwrap(), (outside, "bytes */3".to_owned(), empty));
    agent.stop().await;
}

#[tokio::test]
async fn the_classic_console_is_called_back() {
    let folder = TempDir::new().unwrap();
    let (agent, _) = with_sandbox(&folder, b"").await;
    let response = agent.get("/version?jsonp=angular.callbacks._0").await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/javascript");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"angular.callbacks._0({\"version\":\"1.11.0\""), "{body:?}");
    assert_eq!(agent.text("/health").await, (StatusCode::OK, String::new()));
    assert_eq!(agent.json("/flags").await["flags"]["port"], "5051");
    agent.stop().await;
}

#[tokio::test]
async fn foreign_pages_get_no_scripts_and_foreign_names_nothing() {
    let folder = TempDir::new().unwrap();
    let (agent, _) = with_sandbox(&folder, b"").await;
    let status = async |path: &str, name: header::HeaderName, value: &str| {
        let request =
            Request::get(path).header(name, value).body(axum::body::Body::empty()).unwrap();
        tower::ServiceExt::oneshot(agent.router.clone(), request).await.unwrap().status()
    };
    let script = "/state?jsonp=f";
    assert_eq!(
        status(script, header::REFERER, "http://evil.example/x").await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(status(script, header::REFERER, "http://master1:5050/").await, StatusCode::OK);
    assert_eq!(status(script, header::REFERER, "http://127.0.0.1:8080/").await, StatusCode::OK);
    assert_eq!(status("/state", header::HOST, "evil.example:5051").await, StatusCode::FORBIDDEN);
    assert_eq!(status("/state", header::HOST, "node1:5051").await, StatusCode::OK);
    agent.stop().await;
}
