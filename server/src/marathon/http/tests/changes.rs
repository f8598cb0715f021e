//! Requests that change something.

use axum::body::Body;
use axum::http::Request;
use coordination::NoRoom;
use serde_json::{Value, json};

use super::{Cluster, get, nginx, raw, send};

/// The id of the deployment that an answer names in header and body.
fn deployment(answer: &super::Answer) -> String {
    let id = answer.header("marathon-deployment-id").to_owned();
    assert_eq!(id.len(), 36, "{answer:?}");
    assert_eq!(answer.json()["deploymentId"], id);
    id
}

#[tokio::test]
async fn a_created_app_is_answered_as_the_original_does() {
    let (_cluster, api) = Cluster::leading();
    let answer = send(&api, "POST", "/v2/apps", Some(nginx())).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let id = answer.header("marathon-deployment-id").to_owned();
    assert_eq!(answer.header("location"), "http://10.0.0.1:8080/nginx");
    assert_eq!(answer.header("x-marathon-leader"), "http://10.0.0.1:8080");
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.json();
    assert_eq!(
        body,
        json!({
            "id": "/nginx", "backoffFactor": 1.15, "backoffSeconds": 1,
            "constraints": [["hostname", "UNIQUE"]],
            "container": {
                "type": "DOCKER",
                "docker": {"forcePullImage": false, "image": "docker.io/nginx", "parameters": [], "privileged": false},
                "volumes": [],
                "portMappings": [{"containerPort": 80, "hostPort": 0, "labels": {}, "protocol": "tcp", "servicePort": 0}],
            },
            "cpus": 0.2, "disk": 0.0, "executor": "", "instances": 1, "labels": {},
            "maxLaunchDelaySeconds": 300, "mem": 32.0, "gpus": 0,
            "networks": [{"mode": "container/bridge"}], "requirePorts": false,
            "upgradeStrategy": {"maximumOverCapacity": 1.0, "minimumHealthCapacity": 1.0},
            "version": body["version"], "killSelection": "YOUNGEST_FIRST",
            "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}, "role": "*",
            "tasksStaged": 0, "tasksRunning": 0, "tasksHealthy": 0, "tasksUnhealthy": 0,
            "deployments": [{"id": id}],
        })
    );
    let stored = get(&api, "/v2/apps/nginx").await.json();
    assert_eq!(stored["app"]["container"]["portMappings"][0]["servicePort"], 10_000);
    assert_eq!(stored["app"]["versionInfo"]["lastScalingAt"], body["version"]);
}

#[tokio::test]
async fn an_id_can_be_taken_only_once() {
    let (_cluster, api) = Cluster::leading();
    send(&api, "POST", "/v2/apps", Some(nginx())).await;
    let second = send(&api, "POST", "/v2/apps", Some(nginx())).await;
    assert_eq!(second.error(), (409, "An app with id [/nginx] already exists.".to_owned()));
}

#[tokio::test]
async fn refused_definitions_say_where_and_why() {
    let (_cluster, api) = Cluster::leading();
    let refused = send(&api, "POST", "/v2/apps", Some(json!({"id": 1}))).await;
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.json(),
        json!({"message": "Invalid JSON", "details": [{"path": "/id", "errors": ["error.expected.jsstring"]}]})
    );
    let negative = json!({"id": "/a", "mem": -1, "container": {"docker": {"image": "a"}}});
    let refused = send(&api, "PUT", "/v2/apps/a", Some(negative)).await;
    assert_eq!(refused.json()["details"][0], json!({"path": "/mem", "errors": ["error.min"]}));
    let pattern = send(&api, "PUT", "/v2/apps/Foo_Bar", Some(json!({}))).await;
    assert_eq!(pattern.json()["details"][0]["path"], "/id");
    for (body, message) in
        [("{\"id\":", "Invalid JSON"), ("", "Please specify data in JSON format")]
    {
        let request = Request::post("/v2/apps")
            .header("content-type", "application/json; charset=utf-8")
            .body(Body::from(body));
        let answer = raw(&api, request.unwrap()).await;
        assert_eq!(answer.error(), (400, message.to_owned()));
        assert!(answer.json()["details"].is_string());
    }
}

#[tokio::test]
async fn a_body_must_be_json_by_its_content_type() {
    let (_cluster, api) = Cluster::leading();
    let post = |headers: &[(&str, &str)]| {
        let mut request = Request::post("/v2/apps").header("host", "10.0.0.1:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        raw(&api, request.body(Body::from(nginx().to_string())).unwrap())
    };
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(post(&form).await.error(), (415, "Unsupported Media Type".to_owned()));
    let own_page = ("origin", "http://10.0.0.1:8080");
    assert_eq!(post(&[own_page]).await.status, 415);
    assert_eq!(post(&[("origin", "http://evil.example"), form[0]]).await.status, 403);
    assert_eq!(post(&[("content-type", "text/plain")]).await.status, 415);
    assert_eq!(post(&[]).await.status, 201, "no content type and no browser");
    let huge = Request::post("/v2/apps")
        .header("content-type", "application/json")
        .body(Body::from(" ".repeat(5 << 20)));
    assert_eq!(raw(&api, huge.unwrap()).await.status, 413);
}

#[tokio::test]
async fn scaling_starts_a_deployment_and_locks_the_app() {
    let (cluster, api) = Cluster::leading();
    send(&api, "POST", "/v2/apps", Some(nginx())).await;
    assert_eq!(cluster.run_on("S1").len(), 1);
    assert_eq!(get(&api, "/v2/deployments").await.json(), json!([]), "the first one is done");
    let scaled = send(&api, "PUT", "/v2/apps/nginx", Some(json!({"instances": 2}))).await;
    assert_eq!(scaled.status, 200);
    let id = deployment(&scaled);
    let running = get(&api, "/v2/deployments").await.json();
    assert_eq!((&running[0]["id"], &running[0]["totalSteps"]), (&json!(id), &json!(1)));
    let locked = send(&api, "PUT", "/v2/apps/nginx", Some(json!({"instances": 3}))).await;
    assert_eq!(locked.status, 409);
    assert_eq!(locked.json()["deployments"], json!([{"id": id}]));
    let forced =
        send(&api, "PUT", "/v2/apps/nginx?force=true", Some(json!({"instances": 1}))).await;
    assert_eq!(forced.status, 200, "{}", forced.text);
}

#[tokio::test]
async fn a_waiting_app_is_in_the_queue_with_its_reasons() {
    let (cluster, api) = Cluster::leading();
    let app = json!({"instances": 2});
    let body =
        nginx().as_object().unwrap().clone().into_iter().chain(app.as_object().unwrap().clone());
    send(&api, "POST", "/v2/apps", Some(Value::Object(body.collect()))).await;
    assert_eq!(cluster.run_on("S1").len(), 1, "UNIQUE allows one per host");
    assert!(cluster.run_on("S1").is_empty());
    let queue = get(&api, "/v2/queue?embed=lastUnusedOffers").await.json();
    let item = &queue["queue"][0];
    assert_eq!((&item["count"], &item["app"]["id"]), (&json!(1), &json!("/nginx")));
    assert_eq!(item["lastUnusedOffers"][0]["reason"], json!(["UnfulfilledConstraint"]));
    assert_eq!(cluster.run_on("S2").len(), 1);
    assert_eq!(get(&api, "/v2/queue").await.json(), json!({"queue": []}));
    let delay = send(&api, "DELETE", "/v2/queue//nginx/delay", None).await;
    assert_eq!(delay.error(), (404, "Application /nginx not found in tasks queue.".to_owned()));
}

#[tokio::test]
async fn full_definitions_and_versions_can_be_put() {
    let (cluster, api) = Cluster::leading();
    let created = send(&api, "PUT", "/v2/apps/web/nginx", Some(nginx())).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert_eq!(created.header("location"), "http://10.0.0.1:8080/web/nginx");
    cluster.run_on("S1");
    let first = get(&api, "/v2/apps//web/nginx").await.json()["app"].clone();
    let unchanged =
        send(&api, "PUT", "/v2/apps/web/nginx?partialUpdate=false", Some(nginx())).await;
    deployment(&unchanged);
    assert_eq!(get(&api, "/v2/apps/web/nginx").await.json()["app"]["version"], first["version"]);
    let labelled =
        send(&api, "PUT", "/v2/apps/web/nginx", Some(json!({"labels": {"a": "b"}}))).await;
    deployment(&labelled);
    let versions = get(&api, "/v2/apps/web/nginx/versions").await.json();
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2);
    assert_eq!(versions["versions"][1], first["version"]);
    let path = format!("/v2/apps/web/nginx/versions/{}", first["version"].as_str().unwrap());
    assert_eq!(get(&api, &path).await.json()["labels"], json!({}));
    let both = json!({"version": first["version"], "instances": 2});
    let refused = send(&api, "PUT", "/v2/apps/web/nginx", Some(both)).await;
    assert_eq!(
        refused.json()["details"][0]["errors"],
        json!(["The 'version' field may only be combined with the 'id' field."])
    );
    let back = json!({"version": first["version"]});
    let rolled = send(&api, "PUT", "/v2/apps/web/nginx?force=true", Some(back)).await;
    assert_eq!(rolled.status, 200, "{}", rolled.text);
    assert_eq!(get(&api, "/v2/apps/web/nginx").await.json()["app"]["labels"], json!({}));
}

#[tokio::test]
async fn several_apps_change_in_one_deployment() {
    let (_cluster, api) = Cluster::leading();
    let app = |id: &str| json!({"id": id, "container": {"docker": {"image": "a"}}});
    let all = send(&api, "PUT", "/v2/apps", Some(json!([app("/a"), app("/b")]))).await;
    deployment(&all);
    assert_eq!(get(&api, "/v2/apps").await.json()["apps"].as_array().unwrap().len(), 2);
    let nameless = send(&api, "PUT", "/v2/apps", Some(json!([{"instances": 1}]))).await;
    assert_eq!(
        nameless.error(),
        (422, "requirement failed: App Update must have app id set".to_owned())
    );
    let unknown = send(&api, "PATCH", "/v2/apps/c", Some(json!({"instances": 1}))).await;
    assert_eq!(unknown.error(), (404, "App '/c' does not exist".to_owned()));
}

#[tokio::test]
async fn restart_and_destroy_start_deployments() {
    let (cluster, api) = Cluster::leading();
    send(&api, "POST", "/v2/apps", Some(nginx())).await;
    let old = cluster.run_on("S1");
    let restart = send(&api, "POST", "/v2/apps/nginx/restart", None).await;
    assert_eq!(restart.status, 200, "{}", restart.text);
    deployment(&restart);
    let new = cluster.run_on("S2");
    assert_eq!(cluster.killed(), old);
    cluster.report(&old[0], "S1", model::TaskState::Killed);
    let destroyed = send(&api, "DELETE", "/v2/apps/nginx", None).await;
    assert_eq!(destroyed.status, 200);
    deployment(&destroyed);
    let gone = get(&api, "/v2/apps/nginx").await;
    assert_eq!(gone.json(), json!({"message": "App '/nginx' does not exist", "details": []}));
    assert!(cluster.killed().contains(&new[0]));
    for (method, path) in [("DELETE", "/v2/apps/nope"), ("POST", "/v2/apps/nope/restart")] {
        let missing = send(&api, method, path, None).await;
        assert_eq!(missing.json(), json!({"message": "App '/nope' does not exist"}), "{method}");
        assert_eq!(missing.status, 404);
    }
}

#[tokio::test]
async fn tasks_are_killed_scaled_down_or_named() {
    let (cluster, api) = Cluster::leading();
    send(&api, "POST", "/v2/apps", Some(nginx())).await;
    let task = cluster.run_on("S1").remove(0);
    let killed = send(&api, "DELETE", &format!("/v2/apps/nginx/tasks/{task}"), None).await;
    assert_eq!(killed.json()["task"]["id"], task.as_str(), "{}", killed.text);
    assert_eq!(cluster.killed(), std::slice::from_ref(&task));
    let unknown = send(&api, "DELETE", "/v2/apps/nginx/tasks/x", None).await;
    assert_eq!(unknown.error(), (404, "Task 'x' does not exist".to_owned()));
    let both = send(&api, "DELETE", "/v2/apps/nginx/tasks?scale=true&wipe=true", None).await;
    assert_eq!(both.error(), (400, "You cannot use scale and wipe at the same time.".to_owned()));
    cluster.report(&task, "S1", model::TaskState::Killed);
    let task = cluster.run_on("S1").remove(0);
    let elsewhere = send(&api, "DELETE", "/v2/apps/nginx/tasks?host=other", None).await;
    assert_eq!(elsewhere.json(), json!({"tasks": []}));
    let scaled =
        send(&api, "POST", "/v2/tasks/delete?scale=true", Some(json!({"ids": [task.as_str()]})))
            .await;
    deployment(&scaled);
    assert_eq!(get(&api, "/v2/apps/nginx").await.json()["app"]["instances"], 0);
    let malformed = send(&api, "POST", "/v2/tasks/delete", Some(json!({"ids": ["x"]}))).await;
    assert_eq!(
        malformed.error(),
        (
            400,
            "Invalid task id 'x'. [taskId x no valid identifier (of class java.lang.String)]"
                .to_owned()
        )
    );
}

#[tokio::test]
async fn a_deployment_is_rolled_back_or_stopped() {
    let (cluster, api) = Cluster::leading();
    send(&api, "POST", "/v2/apps", Some(nginx())).await;
    cluster.run_on("S1");
    let scaled = send(&api, "PUT", "/v2/apps/nginx", Some(json!({"instances": 5}))).await;
    let rolled =
        send(&api, "DELETE", &format!("/v2/deployments/{}", deployment(&scaled)), None).await;
    assert_eq!(rolled.status, 200, "{}", rolled.text);
    assert_ne!(deployment(&rolled), deployment(&scaled));
    assert_eq!(get(&api, "/v2/apps/nginx").await.json()["app"]["instances"], 1);
    let scaled =
        send(&api, "PUT", "/v2/apps/nginx?force=true", Some(json!({"instances": 5}))).await;
    let path = format!("/v2/deployments/{}?force=true", deployment(&scaled));
    let stopped = send(&api, "DELETE", &path, None).await;
    assert_eq!((stopped.status.as_u16(), stopped.text.as_str()), (202, ""));
    let missing = send(&api, "DELETE", "/v2/deployments/nope", None).await;
    assert_eq!(
        missing.json(),
        json!({"message": "DeploymentPlan nope does not exist", "details": []})
    );
}

#[tokio::test]
async fn on_a_full_disk_changes_answer_503_with_the_reason_and_reads_go_on() {
    let (cluster, api) = Cluster::leading();
    assert_eq!(send(&api, "POST", "/v2/apps", Some(nginx())).await.status, 201);
    let why = "cannot create `/data/log/0000000002.segment`: Too many open files";
    for (no_room, reason) in [
        (NoRoom::Failed(why.into()), format!("the log cannot grow: {why}")),
        (NoRoom::DiskFull, "the disk is full: the log cannot grow".to_owned()),
    ] {
        *cluster.no_room.lock().unwrap() = Some(no_room);
        let refused = (503, reason);
        let scaled = Some(json!({"instances": 3}));
        for (method, path, body) in [
            ("PUT", "/v2/apps/nginx?force=true", scaled),
            ("DELETE", "/v2/apps/nginx", None),
            ("POST", "/v2/apps/nginx/restart", None),
        ] {
            assert_eq!(send(&api, method, path, body).await.error(), refused, "{method} {path}");
        }
    }
    assert_eq!(get(&api, "/v2/apps/nginx").await.json()["app"]["instances"], 1);
    *cluster.no_room.lock().unwrap() = None;
    let deleted = send(&api, "DELETE", "/v2/apps/nginx?force=true", None).await;
    assert_eq!(deleted.status, 200, "{}", deleted.text);
}
