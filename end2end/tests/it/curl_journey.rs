//! The guide's journey with `curl`: post, look, fetch, read the log, scale, destroy.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end2end::{
    cluster::Cluster,
    curl::{delete, get, send},
    fixture, shape,
    waiting::until,
};
use serde_json::{Value, json};

#[tokio::test]
async fn the_guides_nginx_runs_serves_scales_and_ends_by_curl() -> Result<()> {
    let cluster = Cluster::start(2).await?;

    let created = cluster.post(&fixture("guide/nginx.json")).await?;
    let golden = std::fs::read_to_string(fixture("golden/created-nginx.json"))?;
    shape::compare(&golden, &created.expect(201)?)?;
    let location = created.headers.get("location").context("no Location header")?;
    ensure!(
        *location == cluster.marathon("/v2/apps/nginx") || *location == cluster.marathon("/nginx"),
        "{location}"
    );
    let deployment = created.json()?["deployments"][0]["id"].clone();
    ensure!(
        created.headers.get("marathon-deployment-id").map(String::as_str) == deployment.as_str(),
        "{deployment}"
    );

    let app = cluster.settled("nginx", 1).await?;
    let task = app["tasks"][0].clone();
    the_container_is_the_guides(&cluster, &task).await?;
    let page = the_page_is_served(&task).await?;
    ensure!(page.contains("Welcome to nginx!"), "{page}");
    the_master_shows_the_task(&cluster, &task).await?;
    the_log_is_read_at_the_agent(&task).await?;

    cluster.post(&fixture("guide/tomcat.json")).await?.expect(201)?;
    cluster.settled("tomcat", 1).await?;
    let scaled = send("PUT", &cluster.marathon("/v2/apps/tomcat"), &json!({"instances": 2}))
        .await?
        .expect(200)?;
    ensure!(scaled["deploymentId"].is_string() && scaled["version"].is_string(), "{scaled}");
    let tomcat = cluster.settled("tomcat", 2).await?;
    let tasks = tomcat["tasks"].as_array().context("no tasks")?;
    ensure!(tasks[0]["host"] != tasks[1]["host"], "hostname UNIQUE was not kept: {tasks:?}");
    ensure!(cluster.running("docker.io/tomcat").await?.len() == 2, "the engine disagrees");
    for task in tasks {
        let page = the_page_is_served(task).await?;
        ensure!(page.contains("Tomcat"), "{page}");
    }

    delete(&cluster.marathon("/v2/apps/nginx")).await?.expect(200)?;
    cluster.idle().await?;
    let gone = get(&cluster.marathon("/v2/apps/nginx")).await?.expect(404)?;
    ensure!(gone["message"] == "App '/nginx' does not exist", "{gone}");
    let left = cluster.containers().await?;
    let nginx = left
        .iter()
        .find(|container| container.image() == "docker.io/nginx")
        .context("the container was removed")?;
    ensure!(nginx.state() == "exited", "{}", nginx.state());
    ensure!(
        cluster.running("docker.io/tomcat").await?.len() == 2,
        "destroying nginx touched tomcat"
    );
    Ok(())
}

async fn the_container_is_the_guides(cluster: &Cluster, task: &Value) -> Result<()> {
    let running = cluster.running("docker.io/nginx").await?;
    ensure!(running.len() == 1, "{} containers run", running.len());
    ensure!(running[0].name().starts_with("mesos-"), "{}", running[0].name());
    let (address, port) = running[0].published("80/tcp").context("80/tcp is not published")?;
    ensure!(
        task["ports"] == json!([port]),
        "the engine publishes {port}, the task has {}",
        task["ports"]
    );
    ensure!((31000..=32000).contains(&port), "{port}");
    ensure!(task["host"] == address, "published on {address}, the task is on {}", task["host"]);
    Ok(())
}

/// Fetches the page through the task's host port, as a reader would.
async fn the_page_is_served(task: &Value) -> Result<String> {
    let host = task["host"].as_str().context("the task has no host")?;
    let url = format!("http://{host}:{}/", task["ports"][0]);
    until(&format!("{url} answers"), Duration::from_secs(30), async || {
        let page = get(&url).await?;
        ensure!(page.status == 200, "status {}", page.status);
        Ok(page.body)
    })
    .await
}

async fn the_master_shows_the_task(cluster: &Cluster, task: &Value) -> Result<()> {
    let tasks = get(&cluster.master("/tasks")).await?.expect(200)?;
    let shown = tasks["tasks"]
        .as_array()
        .and_then(|tasks| tasks.iter().find(|shown| shown["id"] == task["id"]));
    let shown = shown.with_context(|| format!("{} is not in {tasks}", task["id"]))?;
    ensure!(shown["state"] == "TASK_RUNNING" && shown["slave_id"] == task["slaveId"], "{shown}");
    let state = get(&cluster.master("/state")).await?.expect(200)?;
    let framework = &state["frameworks"][0];
    ensure!(framework["name"] == "marathon" && framework["active"] == true, "{framework}");
    Ok(())
}

async fn the_log_is_read_at_the_agent(task: &Value) -> Result<()> {
    let host = task["host"].as_str().context("the task has no host")?;
    let state = get(&format!("http://{host}:5051/state")).await?.expect(200)?;
    let executors = state["frameworks"][0]["executors"].as_array().context("no executors")?;
    let executor = executors
        .iter()
        .find(|executor| executor["id"] == task["id"])
        .context("the task has no executor")?;
    let folder = executor["directory"].as_str().context("no directory")?;
    let files =
        get(&format!("http://{host}:5051/files/browse?path={folder}")).await?.expect(200)?;
    for name in ["stdout", "stderr"] {
        let path = format!("{folder}/{name}");
        ensure!(
            files.as_array().is_some_and(|files| files.iter().any(|file| file["path"] == path)),
            "no {path} in {files}"
        );
    }
    // nginx writes each request to its stdout.
    let url = format!("http://{host}:5051/files/read?path={folder}/stdout&offset=0");
    until("the request is in stdout", Duration::from_secs(60), async || {
        let read = get(&url).await?.expect(200)?;
        ensure!(
            read["data"].as_str().is_some_and(|data| data.contains("GET / HTTP/1.1")),
            "{read}"
        );
        Ok(())
    })
    .await?;
    let download = get(&format!("http://{host}:5051/files/download?path={folder}/stdout")).await?;
    ensure!(
        download.status == 200 && download.body.contains("GET / HTTP/1.1"),
        "{}",
        download.body
    );
    Ok(())
}
