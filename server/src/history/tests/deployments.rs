//! Versions and deployments of a whole Marathon with its records on disk; it has no master, so nothing runs.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use coordination::{Config, Node, NodeId};
use serde_json::json;

use super::*;
use crate::marathon::{self, MarathonConfig};

/// Marathon of one process, and its history.
struct Platform {
    process: Process,
    node: Node,
    router: Router,
}

impl Platform {
    async fn start(folder: &Path) -> Self {
        let process = Process::start(folder);
        let mut config = Config::new(NodeId(1), folder, || Clock.wall());
        config.segment_bytes = 1 << 20;
        let node = Node::start(config).await.unwrap();
        let (stop, ours) = (process.stop.clone(), apps_routes(process.history.clone()));
        let config = MarathonConfig::new("127.0.0.1", 8080);
        let service =
            marathon::start(node.session(), config, Clock, &process.tracker, stop.clone(), ours);
        let follow = follow_changes(service.handle.clone(), process.history.clone(), Clock);
        process.tracker.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = follow => {}
            }
        });
        Self { process, node, router: service.router }
    }

    async fn stop(self) {
        self.process.stop().await;
        self.node.shutdown().await;
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:8080")
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([10, 9, 8, 7], 4_000))));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// The rows of a list, once they are as wanted.
    async fn rows(&self, list: &str, is_wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        until(async || {
            let (status, page) = get(&self.router, &format!("/ekiden/v1/history/{list}")).await;
            let rows = page["rows"].as_array().cloned().unwrap_or_default();
            (status == StatusCode::OK && is_wanted(&rows)).then_some(rows)
        })
        .await
    }
}

fn web(instances: u32) -> Value {
    json!({"id": "/web", "cpus": 0.1, "mem": 16, "instances": instances,
        "container": {"type": "DOCKER", "docker": {"image": "nginx", "network": "BRIDGE"}}})
}

fn outcomes(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["outcome"].as_str().unwrap()).collect()
}

/// Creates /web without instances, asks for one, which nobody can run, and gives that up.
async fn change(platform: &Platform) {
    let (status, body) = platform.send("POST", "/v2/apps", web(0)).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    platform.rows("deployments", |rows| outcomes(rows) == ["succeeded"]).await;
    let (status, body) = platform.send("PUT", "/v2/apps/web", json!({"instances": 1})).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let deployment = body["deploymentId"].as_str().unwrap();
    platform.rows("deployments", |rows| outcomes(rows) == ["running", "succeeded"]).await;
    let path = format!("/v2/deployments/{deployment}?force=true");
    assert_eq!(platform.send("DELETE", &path, Value::Null).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_change_is_kept_with_who_asked_for_it_and_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let platform = Platform::start(folder.path()).await;
    change(&platform).await;
    let ended = |rows: &[Value]| outcomes(rows) == ["failed", "succeeded"];
    let deployments = platform.rows("deployments", ended).await;
    let [cancelled, created] = deployments.as_slice() else { panic!("{deployments:?}") };
    assert_eq!(cancelled["reason"], "The upgrade has been cancelled");
    assert_eq!(cancelled["affected_apps"], json!(["/web"]));
    assert_eq!(cancelled["steps"][0]["actions"][0]["action"], "ScaleApplication");
    assert_eq!(
        (&cancelled["client_ip"], &cancelled["uri"]),
        (&"10.9.8.7".into(), &"/v2/apps/web".into())
    );
    assert_eq!((&created["reason"], &created["uri"]), (&Value::Null, &"/v2/apps".into()));
    assert!(created["ended_ms"].as_u64() >= created["started_ms"].as_u64());
    let versions = platform.rows("versions?app_id=/web", |rows| rows.len() == 2).await;
    assert_eq!(versions[0]["definition"]["instances"], 1);
    assert_eq!(versions[1]["definition"]["instances"], 0);
    assert_eq!(versions[0]["version"], cancelled["version"]);
    assert_eq!(
        (&versions[1]["client_ip"], &versions[1]["uri"]),
        (&"10.9.8.7".into(), &"/v2/apps".into())
    );
    assert!(platform.rows("versions?app_id=/other", |_| true).await.is_empty());
    assert_eq!(
        platform.rows("deployments?outcome=failed", |_| true).await,
        std::slice::from_ref(cancelled)
    );
    platform.stop().await;

    let again = Platform::start(folder.path()).await;
    again.send("PUT", "/v2/apps/web", json!({"instances": 0})).await;
    let later = again.rows("deployments", |rows| rows.len() > 2).await;
    assert_eq!(later[1..], deployments, "nothing is doubled and nothing has changed");
    assert_eq!(again.rows("versions", |rows| rows.len() > 2).await[1..], versions);
    again.stop().await;
}

#[tokio::test]
async fn losing_the_file_loses_no_app_and_what_the_tree_keeps_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let platform = Platform::start(folder.path()).await;
    change(&platform).await;
    platform.rows("deployments", |rows| outcomes(rows) == ["failed", "succeeded"]).await;
    let versions = platform.rows("versions", |rows| rows.len() == 2).await;
    platform.stop().await;
    std::fs::remove_file(folder.path().join(FILE)).unwrap();

    let again = Platform::start(folder.path()).await;
    let kept = again.rows("versions", |rows| rows.len() == 2).await;
    let number = |rows: &[Value]| rows.iter().map(|row| row["version"].clone()).collect::<Vec<_>>();
    assert_eq!(number(&kept), number(&versions));
    assert_eq!(kept[0]["definition"], versions[0]["definition"]);
    let (status, app) = again.send("GET", "/v2/apps/web", Value::Null).await;
    assert_eq!((status, &app["app"]["instances"]), (StatusCode::OK, &json!(1)));
    again.stop().await;
}

#[tokio::test]
async fn a_file_ruined_while_running_breaks_nothing_but_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let platform = Platform::start(folder.path()).await;
    platform.send("POST", "/v2/apps", web(0)).await;
    platform.rows("versions", |rows| rows.len() == 1).await;
    std::fs::write(&path, vec![0xA5; 64 << 10]).unwrap();
    for instances in 0..8 {
        let change = json!({"instances": 0, "labels": {"turn": instances.to_string()}});
        let (status, body) = platform.send("PUT", "/v2/apps/web", change).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    let (status, app) = platform.send("GET", "/v2/apps/web", Value::Null).await;
    assert_eq!((status, &app["app"]["labels"]["turn"]), (StatusCode::OK, &json!("7")));
    platform.stop().await;
    // Whatever became of the file, the next process has a history that works.
    let again = Platform::start(folder.path()).await;
    again.send("PUT", "/v2/apps/web", json!({"labels": {"turn": "8"}})).await;
    let is_newest =
        |rows: &[Value]| rows.first().is_some_and(|row| row["definition"]["labels"]["turn"] == "8");
    again.rows("versions", is_newest).await;
    again.stop().await;
}

#[tokio::test]
async fn foreign_names_are_refused_as_everywhere_on_this_port() {
    let folder = tempfile::tempdir().unwrap();
    let platform = Platform::start(folder.path()).await;
    let request = Request::get("/ekiden/v1/history/versions").header("host", "evil.example");
    let response = platform.router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.unwrap().status(), StatusCode::FORBIDDEN);
    platform.stop().await;
}
