//! Health and readiness checks: what turns bad is replaced, upgrades wait for what is good, and the console shows it while one looks.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use end2end::{
    browser::{Browser, Reader, hook, row},
    cluster::Cluster,
    containers::docker,
    curl::{get, send},
    waiting::until,
};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

/// nginx on the bridge with one health check.
fn nginx(id: &str, check: Value) -> Value {
    json!({"id": id, "cpus": 0.1, "mem": 32, "healthChecks": [check],
        "container": {"type": "DOCKER", "docker": {"image": "docker.io/nginx", "network": "BRIDGE",
            "portMappings": [{"containerPort": 80, "hostPort": 0, "name": "http-api"}]}}})
}

/// A check that looks every second.
fn check(protocol: &str, more: Value) -> Value {
    let mut check = json!({"protocol": protocol, "intervalSeconds": 1, "timeoutSeconds": 5, "delaySeconds": 0,
        "gracePeriodSeconds": 30, "maxConsecutiveFailures": 2});
    if let (Value::Object(check), Value::Object(more)) = (&mut check, more) {
        check.extend(more);
    }
    check
}

/// Waits until so many tasks of the app are healthy and none is not, and no deployment runs.
async fn healthy(cluster: &Cluster, id: &str, count: u64) -> Result<Value> {
    until(&format!("{count} of `{id}` are healthy"), LIMIT, async || {
        let app = cluster.app(id).await?;
        ensure!(app["tasksHealthy"] == count && app["tasksUnhealthy"] == 0, "{app}");
        ensure!(app["deployments"] == json!([]), "{app}");
        Ok(app)
    })
    .await
}

/// Runs a command in the container of a task.
async fn within(cluster: &Cluster, task: &Value, line: &str) -> Result<()> {
    let task = task["id"].as_str().context("a task without an id")?;
    let all = cluster.running("docker.io/nginx").await?;
    let container = all
        .iter()
        .find(|container| container.label("ekiden.task") == task)
        .with_context(|| format!("no container of `{task}`"))?;
    docker(&["exec", container.name(), "/bin/sh", "-c", line]).await?;
    Ok(())
}

const BREAK: &str = "mv /usr/share/nginx/html /usr/share/nginx/away";

/// What turns bad is killed, told of and replaced by another task.
async fn is_replaced(cluster: &Cluster, id: &str) -> Result<Value> {
    let task = cluster.app(id).await?["tasks"][0].clone();
    within(cluster, &task, BREAK).await?;
    until(&format!("the bad task of `{id}` is replaced"), LIMIT, async || {
        let app = cluster.app(id).await?;
        ensure!(app["tasks"][0]["id"] != task["id"], "{app}");
        ensure!(app["tasksHealthy"] == 1, "{app}");
        Ok(app)
    })
    .await
}

#[tokio::test]
async fn an_instance_that_turns_bad_is_replaced_and_an_upgrade_waits_for_health() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    let app = nginx("/web", check("HTTP", json!({"path": "/"})));
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    let app = healthy(&cluster, "web", 1).await?;
    let result = &app["tasks"][0]["healthCheckResults"][0];
    ensure!(result["alive"] == true && result["consecutiveFailures"] == 0, "{app}");
    ensure!(result["firstSuccess"].is_string() && result["lastSuccess"].is_string(), "{app}");

    let app = is_replaced(&cluster, "web").await?;
    let failure = &app["lastTaskFailure"];
    let message = failure["message"].as_str().unwrap_or_default();
    ensure!(failure["state"] == "TASK_KILLED", "{failure}");
    ensure!(
        message.starts_with("Task was killed since health check failed. Reason: "),
        "{failure}"
    );

    // The new version is not healthy before somebody makes its page; until then the old one serves.
    let old = app["tasks"][0]["id"].clone();
    let next = check("HTTP", json!({"path": "/next.html", "gracePeriodSeconds": 600}));
    let update = json!({"healthChecks": [next]});
    send("PUT", &cluster.marathon("/v2/apps/web"), &update).await?.expect(200)?;
    let app = until("both versions run, the new one is not healthy", LIMIT, async || {
        let app = cluster.app("web").await?;
        ensure!(app["tasksRunning"] == 2 && app["tasksUnhealthy"] == 1, "{app}");
        Ok(app)
    })
    .await?;
    ensure!(app["deployments"][0]["id"].is_string(), "{app}");
    let tasks = app["tasks"].as_array().context("no tasks")?;
    ensure!(tasks.iter().any(|task| task["id"] == old), "the old task is gone: {app}");
    let new = tasks.iter().find(|task| task["id"] != old).context("no new task")?;
    within(&cluster, new, "echo next > /usr/share/nginx/html/next.html").await?;
    let app = healthy(&cluster, "web", 1).await?;
    ensure!(app["tasks"][0]["id"] == new["id"], "{app}");
    Ok(())
}

#[tokio::test]
async fn the_agent_checks_beside_its_tasks_and_ends_those_that_turn_bad() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    let file = json!({"value": "test -d /usr/share/nginx/html"});
    for (id, check) in [
        ("/http", check("MESOS_HTTP", json!({"path": "/"}))),
        ("/command", check("COMMAND", json!({"command": file}))),
        ("/tcp", check("MESOS_TCP", json!({}))),
    ] {
        send("POST", &cluster.marathon("/v2/apps"), &nginx(id, check)).await?.expect(201)?;
    }
    for id in ["http", "command", "tcp"] {
        healthy(&cluster, id, 1).await?;
    }
    let tasks = get(&cluster.master("/tasks")).await?.expect(200)?;
    let tasks = tasks["tasks"].as_array().context("no tasks")?.clone();
    ensure!(tasks.len() == 3, "{tasks:?}");
    for task in &tasks {
        let last = task["statuses"].as_array().and_then(|statuses| statuses.last());
        ensure!(last.is_some_and(|last| last["healthy"] == true), "{task}");
    }
    for id in ["http", "command"] {
        is_replaced(&cluster, id).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_upgrade_waits_until_the_new_instance_says_that_it_is_ready() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    let mut app = nginx("/web", check("TCP", json!({})));
    app["readinessChecks"] = json!([{"path": "/ready.html", "intervalSeconds": 2, "timeoutSeconds": 1,
        "preserveLastResponse": true}]);
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    let deployment = until("the check has been asked", LIMIT, async || {
        let running = get(&cluster.marathon("/v2/deployments")).await?.expect(200)?;
        let results = &running[0]["currentActions"][0]["readinessCheckResults"];
        ensure!(results[0]["ready"] == false, "{running}");
        ensure!(results[0]["lastResponse"]["status"] == 404, "{running}");
        Ok(running)
    })
    .await?;
    let app = cluster.app("web").await?;
    ensure!(app["deployments"][0]["id"] == deployment[0]["id"], "{app}");
    within(&cluster, &app["tasks"][0], "echo ready > /usr/share/nginx/html/ready.html").await?;
    healthy(&cluster, "web", 1).await?;
    Ok(())
}

/// A command that serves its sandbox, asked for a file by a health check and a plain check. However often it fails, it is kept.
fn kept() -> Value {
    let health = json!({"path": "/good", "maxConsecutiveFailures": 0, "gracePeriodSeconds": 0});
    json!({"id": "/kept", "cpus": 0.1, "mem": 32, "portDefinitions": [{"port": 0}],
        "cmd": "echo fine > good; exec busybox httpd -f -p $HOST:$PORT0 -h .",
        "healthChecks": [check("HTTP", health)],
        "check": {"exec": {"command": {"shell": "test -e good || exit 3"}}, "intervalSeconds": 1, "timeoutSeconds": 5,
            "delaySeconds": 0}})
}

#[tokio::test]
async fn the_console_shows_health_going_and_coming_back() -> Result<()> {
    let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
    send("POST", &cluster.marathon("/v2/apps"), &kept()).await?.expect(201)?;
    let task = healthy(&cluster, "kept", 1).await?["tasks"][0].clone();
    let host = task["host"].as_str().context("no host")?;
    let state = get(&format!("http://{host}:5051/state")).await?.expect(200)?;
    let folder = &state["frameworks"][0]["executors"][0]["directory"];
    let good = PathBuf::from(folder.as_str().context("no directory")?).join("good");
    Browser::read("health", Reader::ENGLISH, async |browser| {
        browser.go(&cluster.marathon("/ui/apps")).await?;
        let bar = format!("{} {}", row("/kept"), hook("health-bar"));
        // The words for those who do not see the bar, and the part of it that the others see.
        let shows = async |word: &str, part: &str| {
            browser.attribute(&bar, "aria-label", &format!("1 {word}"), LIMIT).await?;
            browser.find(&format!("{bar} i.{part}:only-child")).await
        };
        shows("Healthy", "ok").await?;
        browser.mark().await?;
        fs::remove_file(&good)?;
        shows("Unhealthy", "bad").await?;
        fs::write(&good, "fine")?;
        shows("Healthy", "ok").await?;
        browser.still_marked().await?;

        browser.go(&cluster.marathon("/ui/apps/kept")).await?;
        let cell = format!("{} {}", hook("table-instances"), hook("cell-health"));
        let says = async |word: &str, code: u8| {
            let found = format!("Check: exit code {code}");
            let is_so = |text: &str| text.starts_with(word) && text.contains(&found);
            browser.text(&cell, is_so).await
        };
        says("Healthy", 0).await?;
        browser.mark().await?;
        fs::remove_file(&good)?;
        says("Unhealthy", 3).await?;
        fs::write(&good, "fine")?;
        says("Healthy", 0).await?;
        browser.still_marked().await?;
        let app = cluster.app("kept").await?;
        ensure!(app["tasks"][0]["id"] == task["id"], "it was replaced: {app}");
        Ok(())
    })
    .await
}
