//! Checks of commands without a container: asked beside them by their agent, or from outside by Marathon, and what turns bad is replaced.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use end2end::{
    cluster::Cluster,
    commands,
    curl::{delete, get, send},
    network::Network,
    waiting::until,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(90);

/// A web server of a few lines that serves the files of its sandbox on its port.
const SERVER: &str = "echo fine > good; exec busybox httpd -f -p $HOST:$PORT0 -h .";

/// The same on loopback, where an agent asks a command in the host's network.
fn local_server() -> String {
    SERVER.replace("$HOST:", "127.0.0.1:")
}

/// A port on loopback that no other test's cluster has.
fn local_port(cluster: &Cluster, number: u16) -> Value {
    let port = 31_000 + 4 * u16::from(cluster.network().start()[2] - Network::FIRST) + number;
    json!({"portDefinitions": [{"port": port}], "requirePorts": true})
}

/// A check that looks every second.
fn check(protocol: &str, more: Value) -> Value {
    let check = json!({"protocol": protocol, "intervalSeconds": 1, "timeoutSeconds": 5, "delaySeconds": 0,
        "gracePeriodSeconds": 60, "maxConsecutiveFailures": 2});
    with(check, more)
}

fn app(id: &str, line: &str, check: Value) -> Value {
    json!({"id": id, "cmd": line, "cpus": 0.05, "mem": 32, "healthChecks": [check],
        "env": {"KEEP": "this"}, "portDefinitions": [{"port": 0}], "backoffSeconds": 1})
}

/// The app with these members besides, or instead.
fn with(mut app: Value, more: Value) -> Value {
    if let (Value::Object(app), Value::Object(more)) = (&mut app, more) {
        app.extend(more);
    }
    app
}

/// Waits until a task other than `before` runs and is healthy.
async fn healthy(cluster: &Cluster, id: &str, before: &Value) -> Result<Value> {
    until(&format!("another `{id}` is healthy"), LIMIT, async || {
        let app = cluster.app(id).await?;
        ensure!(app["tasksHealthy"] == 1 && app["tasksUnhealthy"] == 0, "{app}");
        ensure!(app["tasks"][0]["id"] != *before, "{app}");
        ensure!(app["deployments"] == json!([]), "{app}");
        Ok(app)
    })
    .await
}

fn sandbox(cluster: &Cluster, task: &str) -> Result<std::path::PathBuf> {
    let frameworks = cluster.data().join("agent-1/slaves/latest/frameworks");
    let mut found = std::fs::read_dir(&frameworks)
        .with_context(|| format!("no {}", frameworks.display()))?
        .flatten()
        .map(|entry| entry.path().join("executors").join(task).join("runs/latest"));
    found.find(|path| path.exists()).with_context(|| format!("no sandbox of `{task}`"))
}

#[tokio::test]
async fn a_command_that_turns_bad_is_replaced_whoever_asks_it() -> Result<()> {
    let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
    let inside = "test -e good && test \"$KEEP\" = this && test \"$PWD\" = \"$MESOS_SANDBOX\"";
    let apps = [
        app("/command", SERVER, check("COMMAND", json!({"command": {"value": inside}}))),
        with(
            app("/mesos-http", &local_server(), check("MESOS_HTTP", json!({"path": "/good"}))),
            local_port(&cluster, 0),
        ),
        app("/http", SERVER, check("HTTP", json!({"path": "/good"}))),
    ];
    for app in &apps {
        send("POST", &cluster.marathon("/v2/apps"), app).await?.expect(201)?;
    }
    for id in ["command", "mesos-http", "http"] {
        let app = healthy(&cluster, id, &Value::Null).await?;
        let task = &app["tasks"][0];
        ensure!(task["healthCheckResults"][0]["alive"] == true, "{task}");
        let name = task["id"].as_str().context("no task id")?;
        std::fs::remove_file(sandbox(&cluster, name)?.join("good"))?;
        let after = healthy(&cluster, id, &task["id"]).await?;
        // What Mesos ends is no failure to Marathon; what it ends itself is one.
        let failure = &after["lastTaskFailure"];
        let wanted = if id == "http" { &task["id"] } else { &Value::Null };
        ensure!(failure["taskId"] == *wanted, "{id}: {failure}");
    }
    for id in ["command", "mesos-http", "http"] {
        delete(&cluster.marathon(&format!("/v2/apps/{id}"))).await?.expect(200)?;
    }
    cluster.idle().await?;
    commands::nothing_is_left(cluster.data()).await
}

#[tokio::test]
async fn a_check_that_hangs_counts_as_failed_and_leaves_nothing_behind() -> Result<()> {
    let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
    let folder = TempDir::new()?;
    let hung = folder.path().join("hung");
    let line = format!("setsid sleep 98765 & echo $! >> {}; sleep 98765", hung.display());
    let patient = json!({"command": {"value": line}, "timeoutSeconds": 1, "gracePeriodSeconds": 0});
    let app = app("/hangs", "exec sleep 1000", check("COMMAND", patient));
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    let first = until("a task runs", LIMIT, async || {
        let app = cluster.app("hangs").await?;
        ensure!(app["tasksRunning"] == 1, "{app}");
        Ok(app["tasks"][0]["id"].clone())
    })
    .await?;
    until("it is given up", LIMIT, async || {
        let app = cluster.app("hangs").await?;
        ensure!(app["tasks"][0]["id"].is_string() && app["tasks"][0]["id"] != first, "{app}");
        Ok(())
    })
    .await?;
    send("PUT", &cluster.marathon("/v2/apps/hangs?force=true"), &json!({"instances": 0}))
        .await?
        .expect(200)?;
    cluster.idle().await?;
    commands::nothing_is_left(cluster.data()).await?;
    for pid in std::fs::read_to_string(&hung)?.lines() {
        // Its number may be another's by now.
        let words = std::fs::read_to_string(Path::new("/proc").join(pid).join("cmdline"));
        let is_it = words.is_ok_and(|words| words.contains("98765"));
        ensure!(!is_it, "process {pid} of a check lives on");
    }
    Ok(())
}

#[tokio::test]
async fn a_commands_tcp_check_reaches_the_hosts_network() -> Result<()> {
    let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
    let app = app("/tcp", &local_server(), check("MESOS_TCP", json!({})));
    let app = with(app, local_port(&cluster, 0));
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    healthy(&cluster, "tcp", &Value::Null).await?;
    let tasks = get(&cluster.master("/tasks")).await?.expect(200)?;
    let last = tasks["tasks"][0]["statuses"].as_array().and_then(|statuses| statuses.last());
    ensure!(last.is_some_and(|last| last["healthy"] == true), "{tasks}");
    Ok(())
}

/// The `check` of an app says what it finds and judges nothing: the task that answers badly stays.
#[tokio::test]
async fn what_a_plain_check_finds_is_shown_with_its_task() -> Result<()> {
    let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
    let times = json!({"intervalSeconds": 1, "timeoutSeconds": 5, "delaySeconds": 0});
    let cases = [
        (
            "plain-http",
            json!({"http": {"path": "/good"}}),
            json!({"http": {"statusCode": 200}}),
            json!({"http": {"statusCode": 404}}),
        ),
        (
            "plain-exec",
            json!({"exec": {"command": {"shell": "test -e good || exit 7"}}}),
            json!({"command": {"exitCode": 0}}),
            json!({"command": {"exitCode": 7}}),
        ),
        (
            "plain-argv",
            json!({"exec": {"command": {"argv": ["test", "-e", "good"]}}}),
            json!({"command": {"exitCode": 0}}),
            json!({"command": {"exitCode": 1}}),
        ),
    ];
    for (id, asks, good, bad) in &cases {
        let check = with(times.clone(), asks.clone());
        let app = json!({"id": id, "cmd": local_server(), "cpus": 0.05, "mem": 32, "check": check});
        let app = with(app, local_port(&cluster, 0));
        send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
        let finds = async |wanted: &Value| {
            until(&format!("`{id}` finds {wanted}"), LIMIT, async || {
                let app = cluster.app(id).await?;
                ensure!(app["tasks"][0]["checkResult"] == *wanted, "{app}");
                ensure!(app["tasksHealthy"] == 0 && app["tasksUnhealthy"] == 0, "{app}");
                Ok(app["tasks"][0]["id"].clone())
            })
            .await
        };
        let task = finds(good).await?;
        let name = task.as_str().context("no task id")?;
        std::fs::remove_file(sandbox(&cluster, name)?.join("good"))?;
        ensure!(finds(bad).await? == task, "`{id}` was replaced");
        delete(&cluster.marathon(&format!("/v2/apps/{id}"))).await?.expect(200)?;
    }
    cluster.idle().await?;
    commands::nothing_is_left(cluster.data()).await
}
