//! Requests that read.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::{Cluster, get, nginx, raw, send};

#[tokio::test]
async fn lists_are_filtered() {
    let (_cluster, api) = Cluster::leading();
    for (id, cmd, tier) in [("/web/a", "run A", "web"), ("/db/b", "run B", "db")] {
        let app = json!({"id": id, "cmd": cmd, "labels": {"tier": tier}, "container": {"docker": {"image": "a"}}});
        assert_eq!(send(&api, "POST", "/v2/apps", Some(app)).await.status, 201);
    }
    let ids = async |query: &str| {
        let body = get(&api, &format!("/v2/apps?{query}")).await.json();
        let ids = body["apps"].as_array().unwrap().iter();
        ids.map(|app| app["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("").await, ["/db/b", "/web/a"]);
    assert_eq!(ids("id=WEB").await, ["/web/a"]);
    assert_eq!(ids("cmd=run%20b").await, ["/db/b"]);
    assert_eq!(ids("label=tier==web").await, ["/web/a"]);
    assert!(ids("label=tier!=web&id=a").await.is_empty());
    let bad = get(&api, "/v2/apps?label=tier%20in%20web").await;
    assert_eq!(bad.status, 422);
    assert!(bad.error().1.starts_with("Can not parse label selector"));
    assert_eq!(get(&api, "/v2/apps/*").await.json()["*"].as_array().unwrap().len(), 2);
    assert_eq!(get(&api, "/v2/apps/web/*").await.json()["*"][0]["id"], "/web/a");
    assert_eq!(get(&api, "/v2/apps/none/*").await.status, 404);
}

#[tokio::test]
async fn tasks_are_listed_as_json_and_as_text() {
    let (cluster, api) = Cluster::leading();
    send(&api, "POST", "/v2/apps", Some(nginx())).await;
    let task = cluster.run_on("S1").remove(0);
    let listed = get(&api, "/v2/tasks").await.json();
    assert_eq!(listed["tasks"][0]["id"], task.as_str());
    assert_eq!(listed["tasks"][0]["servicePorts"], json!([10_000]));
    let port = listed["tasks"][0]["ports"][0].as_u64().unwrap();
    assert!((31_000..=32_000).contains(&port));
    assert_eq!(get(&api, "/v2/tasks?status=staging").await.json(), json!({"tasks": []}));
    assert_eq!(
        get(&api, "/v2/apps/nginx/tasks").await.json()["tasks"][0]["servicePorts"],
        json!([])
    );
    let text = Request::get("/v2/tasks").header("accept", "text/plain").body(Body::empty());
    let text = raw(&api, text.unwrap()).await;
    assert_eq!(text.header("content-type"), "text/plain");
    assert_eq!(text.text, format!("nginx\t10000\thost-S1:{port}\t\n"));
    let app = get(&api, "/v2/apps/nginx").await.json();
    assert_eq!((&app["app"]["tasksRunning"], &app["app"]["deployments"]), (&json!(1), &json!([])));
}

#[tokio::test]
async fn info_leader_and_ping_tell_who_we_are() {
    let (_cluster, api) = Cluster::leading();
    let info = get(&api, "/v2/info").await.json();
    assert_eq!((&info["version"], &info["elected"]), (&json!("1.11.24"), &json!(true)));
    assert_eq!(info["frameworkId"], "f-0000");
    assert_eq!(info["marathon_config"]["mesos_leader_ui_url"], "http://10.0.0.1:5050/");
    assert_eq!(get(&api, "/v2/leader").await.json(), json!({"leader": "10.0.0.1:8080"}));
    let pong = get(&api, "/ping").await;
    assert_eq!((pong.text.as_str(), pong.header("content-type")), ("pong", "text/plain"));
    let json = Request::get("/ping").header("accept", "application/json").body(Body::empty());
    assert_eq!(raw(&api, json.unwrap()).await.text, "\"pong\"");
    let metrics = get(&api, "/metrics").await.json();
    assert_eq!(metrics["gauges"]["marathon.apps.active.gauge"]["value"], 0);
}

#[tokio::test]
async fn no_path_answers_html() {
    let (_cluster, api) = Cluster::leading();
    for (method, path, status, message) in [
        ("GET", "/v2/nope", 404, "URI not found: /v2/nope"),
        ("GET", "/nope", 404, "URI not found: /nope"),
        ("GET", "/v2/groups", 501, "GET /v2/groups is not supported yet"),
        ("POST", "/v2/pods", 501, "POST /v2/pods is not supported yet"),
        ("DELETE", "/v2/leader", 501, "DELETE /v2/leader is not supported yet"),
        ("DELETE", "/v2/apps", 405, "Method Not Allowed"),
        ("POST", "/v2/apps/nginx", 405, "Method Not Allowed"),
        ("GET", "/v2/events", 405, "Method Not Allowed"),
        ("GET", "/v2/apps/Bad_Id", 404, "App '/Bad_Id' does not exist"),
        ("GET", "/v2/apps?embed=x&label=%20", 422, ""),
        (
            "GET",
            "/v2/apps/x/versions/yesterday",
            422,
            "Invalid timestamp provided 'yesterday'. Expecting ISO-8601 datetime string.",
        ),
    ] {
        let answer = send(&api, method, path, None).await;
        assert_eq!(answer.header("content-type"), "application/json", "{method} {path}");
        let (found, text) = answer.error();
        assert_eq!(found, status, "{method} {path}: {text}");
        assert!(message.is_empty() || text == message, "{method} {path}: {text}");
    }
}

#[tokio::test]
async fn a_standby_answers_that_it_does_not_know_the_leader() {
    let api = Cluster::standby();
    for (method, path) in
        [("GET", "/v2/apps"), ("POST", "/v2/apps/a/restart"), ("GET", "/v2/tasks")]
    {
        let answer = send(&api, method, path, None).await;
        assert_eq!(answer.error(), (503, "Could not determine the current leader".to_owned()));
    }
    assert_eq!(get(&api, "/ping").await.status, 200);
    assert_eq!(get(&api, "/v2/info").await.json()["elected"], false);
    assert_eq!(get(&api, "/v2/leader").await.error(), (404, "There is no leader".to_owned()));
}

#[tokio::test]
async fn answers_can_be_indented_and_carry_the_originals_headers() {
    let (_cluster, api) = Cluster::leading();
    let answer = get(&api, "/v2/apps?pretty").await;
    assert_eq!(answer.text, "{\n  \"apps\": []\n}");
    assert_eq!(answer.header("cache-control"), "no-cache, no-store, must-revalidate");
    assert_eq!(answer.header("x-frame-options"), "DENY");
    let foreign = Request::get("/v2/apps").header("host", "evil.example").body(Body::empty());
    assert_eq!(raw(&api, foreign.unwrap()).await.status, 403);
    assert_eq!(get(&api, "/v2/apps?pretty=false").await.text, "{\"apps\":[]}");
}
