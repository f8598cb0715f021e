//! Docker tasks through Marathon, read back from the engine: volumes, environment, options, failures.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end2end::{
    cluster::Cluster,
    containers::{Container, docker},
    curl::{delete, get, send},
    fixture,
    waiting::until,
};
use serde_json::{Value, json};

pub(super) const IMAGE: &str = "docker.io/busybox";

/// Posts an app and waits until it runs; its one task and its container.
async fn run(cluster: &Cluster, app: &Value) -> Result<(Value, Container)> {
    send("POST", &cluster.marathon("/v2/apps"), app).await?.expect(201)?;
    running(cluster, app["id"].as_str().context("the app has no id")?).await
}

/// Waits until an app runs; its one task and its container.
pub(super) async fn running(cluster: &Cluster, id: &str) -> Result<(Value, Container)> {
    let mut settled = cluster.settled(id.trim_start_matches('/'), 1).await?;
    let task = settled["tasks"][0].take();
    let name = task["id"].as_str().context("the task has no id")?.to_owned();
    let all = cluster.containers().await?;
    let container = all.into_iter().find(|container| container.label("ekiden.task") == name);
    Ok((task, container.with_context(|| format!("no container for task `{name}`"))?))
}

/// An app that sleeps, with the members of `more` besides.
pub(super) fn sleeper(id: &str, more: &Value) -> Value {
    let mut app = json!({
        "id": id, "cmd": "sleep 600", "cpus": 0.1, "mem": 32, "instances": 1,
        "container": {"type": "DOCKER", "docker": {"image": IMAGE}},
    });
    if let (Some(app), Some(more)) = (app.as_object_mut(), more.as_object()) {
        app.extend(more.clone());
    }
    app
}

#[tokio::test]
async fn the_guides_volume_app_serves_a_file_of_its_agents_folder() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    cluster.post(&fixture("guide/nginx-volume.json")).await?.expect(201)?;
    let app = cluster.settled("nginx", 1).await?;
    let task = &app["tasks"][0];
    // The engine has made the folder; what the test leaves there goes again.
    let page = format!("/opt/web/www/ekiden-{}.html", std::process::id());
    std::fs::write(&page, "from the host").with_context(|| format!("could not write {page}"))?;
    let name = page.rsplit('/').next().unwrap_or_default();
    let host = task["host"].as_str().context("the task has no host")?;
    let url = format!("http://{host}:{}/{name}", task["ports"][0]);
    let served = until("the page is served", Duration::from_secs(30), async || {
        let page = get(&url).await?;
        ensure!(page.status == 200, "status {}", page.status);
        Ok(page.body)
    })
    .await;
    let _ = std::fs::remove_file(&page);
    ensure!(served? == "from the host", "the folder is another");
    Ok(())
}

#[tokio::test]
async fn a_containers_environment_is_the_list_and_nothing_else() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    let app = json!({
        "id": "/web/shop", "cmd": "sleep 600", "cpus": 0.1, "mem": 32.5, "disk": 1, "instances": 1,
        "env": {"OWN": "value", "MARATHON_APP_ID": "overridden"},
        "labels": {"tier.one": "front", "long": "x".repeat(512)},
        "container": {
            "docker": {"image": IMAGE, "parameters": [{"key": "env", "value": "GIVEN=by parameter"}]},
            "portMappings": [
                {"containerPort": 80, "hostPort": 0, "name": "http-api"}, {"containerPort": 0},
            ],
        },
        "networks": [{"mode": "container/bridge"}],
    });
    let (task, container) = run(&cluster, &app).await?;
    let definition = cluster.app("web/shop").await?;
    let port = |index: usize| task["ports"][index].to_string();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (first, second) = (port(0), port(1));
    let by_second = format!("PORT_{second}");
    let expected: BTreeMap<&str, String> = [
        ("MESOS_TASK_ID", text(&task["id"])),
        ("MARATHON_APP_ID", "overridden".to_owned()),
        ("MARATHON_APP_VERSION", text(&definition["version"])),
        ("MARATHON_APP_DOCKER_IMAGE", IMAGE.to_owned()),
        ("MARATHON_APP_RESOURCE_CPUS", "0.1".to_owned()),
        ("MARATHON_APP_RESOURCE_MEM", "32.5".to_owned()),
        ("MARATHON_APP_RESOURCE_DISK", "1.0".to_owned()),
        ("MARATHON_APP_RESOURCE_GPUS", "0".to_owned()),
        ("MARATHON_APP_ENFORCE_GROUP_ROLE", "FALSE".to_owned()),
        ("MARATHON_APP_LABELS", "TIER_ONE".to_owned()),
        ("MARATHON_APP_LABEL_TIER_ONE", "front".to_owned()),
        ("HOST", text(&task["host"])),
        ("PORT", first.clone()),
        ("PORT0", first.clone()),
        ("PORT1", second.clone()),
        ("PORTS", format!("{first},{second}")),
        ("PORT_80", first.clone()),
        ("PORT_HTTP-API", first.clone()),
        (by_second.as_str(), second.clone()),
        ("OWN", "value".to_owned()),
        ("GIVEN", "by parameter".to_owned()),
        ("MESOS_SANDBOX", "/mnt/mesos/sandbox".to_owned()),
        ("MESOS_CONTAINER_NAME", container.name().to_owned()),
        ("MESOS_ALLOCATION_ROLE", "*".to_owned()),
    ]
    .into();
    let image: Value = serde_json::from_str(&docker(&["inspect", IMAGE]).await?)?;
    let of_image = image[0]["Config"]["Env"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_image: Vec<&str> =
        of_image.iter().filter_map(|variable| variable.as_str()?.split('=').next()).collect();
    let mut found = container.environment();
    found.retain(|name, _| !of_image.contains(name));
    let found: BTreeMap<&str, String> =
        found.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    ensure!(found == expected, "\nfound    {found:?}\nexpected {expected:?}");
    Ok(())
}

/// The last failure of an app that cannot stay up.
async fn failure(cluster: &Cluster, app: &Value) -> Result<Value> {
    send("POST", &cluster.marathon("/v2/apps"), app).await?.expect(201)?;
    let id = app["id"].as_str().unwrap_or_default().to_owned();
    until("a task has failed", Duration::from_secs(60), async || {
        let mut app = cluster.app(id.trim_start_matches('/')).await?;
        ensure!(app["lastTaskFailure"].is_object(), "no failure yet");
        Ok(app["lastTaskFailure"].take())
    })
    .await
}

#[tokio::test]
async fn failures_say_what_was_wrong() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    let with = |docker: Value| json!({"container": {"docker": docker}});
    let parameter =
        |key: &str| with(json!({"image": IMAGE, "parameters": [{"key": key, "value": "always"}]}));
    let greedy = "x=0123456789; while true; do x=$x$x; done";
    for (app, state, message) in [
        (
            sleeper("/unknown-option", &parameter("nonsense")),
            "TASK_FAILED",
            "unknown flag: --nonsense",
        ),
        (
            sleeper("/refused-option", &parameter("restart")),
            "TASK_ERROR",
            "the framework starts tasks again",
        ),
        (
            sleeper("/no-image", &with(json!({"image": "127.0.0.1:1/nothing"}))),
            "TASK_FAILED",
            "failed to pull image `127.0.0.1:1/nothing`",
        ),
        (
            sleeper("/no-network", &json!({"networks": [{"name": "no-such-network"}]})),
            "TASK_FAILED",
            "no-such-network",
        ),
        (
            sleeper(
                "/greedy",
                &json!({"cmd": greedy, "container": {"docker": {"image": IMAGE,
                "parameters": [{"key": "memory-swap", "value": "32m"}]}}}),
            ),
            "TASK_FAILED",
            "Container exited with status 137: it needed more memory than its limit",
        ),
    ] {
        let failure = failure(&cluster, &app).await?;
        let text = failure["message"].as_str().unwrap_or_default();
        ensure!(text.contains(message) && failure["state"] == state, "{}: {failure}", app["id"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_task_has_its_grace_period_and_its_container_goes_after_the_delay() -> Result<()> {
    let mut cluster = Cluster::prepare(1, &[])?;
    cluster.set("MESOS_DOCKER_REMOVE_DELAY", "20secs");
    cluster.run().await?;
    let stubborn = json!({"cmd": "trap 'echo asked' TERM; while true; do sleep 0.2; done",
        "taskKillGracePeriodSeconds": 2});
    let (_, container) = run(&cluster, &sleeper("/stubborn", &stubborn)).await?;
    delete(&cluster.marathon("/v2/apps/stubborn")).await?.expect(200)?;
    let find = async || {
        let all = cluster.containers().await?;
        Ok::<_, anyhow::Error>(all.into_iter().find(|one| one.name() == container.name()))
    };
    let ended = until("the container has ended", Duration::from_secs(30), async || {
        let found = find().await?.context("it was removed at once")?;
        ensure!(found.state() == "exited", "{}", found.state());
        Ok(found)
    })
    .await?;
    ensure!(*ended.at("/State/ExitCode") == 137, "{}", ended.at("/State/ExitCode"));
    let log = docker(&["logs", container.name()]).await?;
    ensure!(log.trim() == "asked", "asked once, with time to answer: {log:?}");
    until("the container is removed", Duration::from_secs(90), async || {
        ensure!(find().await?.is_none(), "it is there");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_agents_flags_divide_the_output_of_its_containers() -> Result<()> {
    let mut cluster = Cluster::prepare(1, &[])?;
    cluster.set("MESOS_CONTAINER_LOGGER_MAX_STDOUT_SIZE", "4KB");
    cluster.set("MESOS_CONTAINER_LOGGER_ROTATE", "2");
    cluster.run().await?;
    // 140 lines of 100 bytes to each stream.
    let line = "i=100; while [ $i -lt 240 ]; do i=$((i+1)); printf '%099d\\n' $i; printf '%099d\\n' $i >&2; done; exec sleep 600";
    let (task, _) = run(&cluster, &sleeper("/divided", &json!({"cmd": line}))).await?;
    let agent = format!("http://{}:5051", cluster.agent_host(1));
    let state = get(&format!("{agent}/state")).await?.expect(200)?;
    let executor = &state["frameworks"][0]["executors"][0];
    ensure!(executor["id"] == task["id"], "{executor}");
    let sandbox = executor["directory"].as_str().context("no sandbox")?;
    let read = |name: &str| std::fs::read_to_string(format!("{sandbox}/{name}"));
    let last = format!("{:099}\n", 240);
    until("everything is copied", Duration::from_secs(30), async || {
        let ends = ["stdout", "stderr"].map(|name| read(name).unwrap_or_default().ends_with(&last));
        ensure!(ends == [true, true], "{ends:?}");
        Ok(())
    })
    .await?;
    // 40 lines fill a file, and the oldest is gone.
    let lengths =
        ["stdout.2", "stdout.1", "stdout", "stderr"].map(|name| read(name).map(|it| it.len()).ok());
    ensure!(lengths == [Some(4_000), Some(4_000), Some(2_000), Some(14_000)], "{lengths:?}");
    ensure!(read("stdout.3").is_err() && read("stderr.1").is_err(), "more files than are wanted");
    let flags = get(&format!("{agent}/flags")).await?.expect(200)?;
    let shown = &flags["flags"];
    ensure!(shown["container_logger_max_stdout_size"] == "4KB", "{shown}");
    ensure!(shown["container_logger_rotate"] == "2", "{shown}");
    Ok(())
}
