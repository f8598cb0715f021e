//! Commands without a container: the guide's shell task, agents that die under it, and many at once.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use end2end::{
    cluster::Cluster,
    commands,
    curl::{delete, get, send},
    fixture,
    guides_file::GuidesFile,
    waiting::until,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How many commands run at once in the test of many.
const MANY: u64 = 200;

fn lines(file: &Path) -> usize {
    fs::read_to_string(file).map_or(0, |text| text.lines().count())
}

/// The guide's app with another file and a shorter sleep.
fn guide_app(file: &Path) -> Result<Value> {
    let mut app: Value = serde_json::from_str(&fs::read_to_string(fixture("guide/basic-0.json"))?)?;
    let command = app["cmd"].as_str().context("no cmd")?;
    ensure!(command.contains("/mnt/test") && command.contains("sleep 5"), "{command}");
    app["cmd"] = json!(
        command.replace("/mnt/test", &file.display().to_string()).replace("sleep 5", "sleep 0.2")
    );
    Ok(app)
}

async fn writes_on(file: &Path) -> Result<()> {
    let before = lines(file);
    until("the command writes", Duration::from_secs(30), async || {
        let now = lines(file);
        ensure!(now > before, "{now} lines as before");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_shell_task_is_found_after_its_agent_was_killed_and_nothing_is_left_at_zero() -> Result<()>
{
    let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
    let folder = TempDir::new()?;
    let file = folder.path().join("test");
    send("POST", &cluster.marathon("/v2/apps"), &guide_app(&file)?).await?.expect(201)?;
    let app = cluster.settled("basic-0", 1).await?;
    let task = app["tasks"][0]["id"].clone();
    writes_on(&file).await?;
    ensure!(fs::read_to_string(&file)?.starts_with("Hello hello\n"), "another text");

    let before = commands::executors(cluster.data());
    ensure!(before.len() == 1, "{before:?}");
    cluster.kill_process("agent-1").await?;
    writes_on(&file).await?;
    cluster.order("start", "agent-1").await?;
    until("the agent is back", Duration::from_secs(30), async || {
        let slaves = get(&cluster.master("/slaves")).await?.expect(200)?;
        ensure!(slaves["slaves"][0]["active"] == true, "{slaves}");
        Ok(())
    })
    .await?;
    writes_on(&file).await?;
    let app = cluster.settled("basic-0", 1).await?;
    ensure!(app["tasks"][0]["id"] == task, "another task: {}", app["tasks"]);
    ensure!(commands::executors(cluster.data()) == before, "another executor");

    let url = cluster.marathon("/v2/apps/basic-0");
    send("PUT", &url, &json!({"instances": 0})).await?.expect(200)?;
    cluster.settled("basic-0", 0).await?;
    commands::nothing_is_left(cluster.data()).await
}

#[tokio::test]
async fn the_guides_shell_task_works_as_it_is_written() -> Result<()> {
    let file = GuidesFile::take().await?;
    let cluster = Cluster::start_with(1, &["--containerizers=docker,mesos"]).await?;
    cluster.post(&fixture("guide/basic-0.json")).await?.expect(201)?;
    let app = cluster.settled("basic-0", 1).await?;
    ensure!(app["container"].is_null(), "{app}");
    writes_on(file.path()).await?;
    writes_on(file.path()).await?;
    delete(&cluster.marathon("/v2/apps/basic-0")).await?.expect(200)?;
    cluster.idle().await?;
    commands::nothing_is_left(cluster.data()).await
}

#[tokio::test]
async fn arguments_user_and_ports_reach_a_command() -> Result<()> {
    let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
    let app = json!({"id": "/args", "args": ["/bin/sh", "-c", "echo \"$0 $1 $PORT0 $HOST\"; sleep 1000", "zero", "one $HOME"],
        "cpus": 0.01, "mem": 16});
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    let app = cluster.settled("args", 1).await?;
    let task = &app["tasks"][0];
    let wanted = format!("zero one $HOME {} {}\n", task["ports"][0], cluster.agent_host(1));
    let sandbox = sandbox(&cluster, task["id"].as_str().context("no task id")?)?;
    until("the output", Duration::from_secs(30), async || {
        let text = fs::read_to_string(sandbox.join("stdout"))?;
        ensure!(text == wanted, "{text} instead of {wanted}");
        Ok(())
    })
    .await?;
    delete(&cluster.marathon("/v2/apps/args")).await?.expect(200)?;
    cluster.idle().await?;
    commands::nothing_is_left(cluster.data()).await
}

fn sandbox(cluster: &Cluster, task: &str) -> Result<PathBuf> {
    let frameworks = cluster.data().join("agent-1/slaves/latest/frameworks");
    let mut found = fs::read_dir(&frameworks)
        .with_context(|| format!("no {}", frameworks.display()))?
        .flatten()
        .map(|entry| entry.path().join("executors").join(task).join("runs/latest"));
    found.find(|path| path.exists()).with_context(|| format!("no sandbox of `{task}`"))
}

#[tokio::test]
async fn many_commands_are_found_after_their_agent_was_killed_and_leave_nothing() -> Result<()> {
    let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
    let app = json!({"id": "/many", "cmd": "echo started >> started; exec sleep 1000", "cpus": 0.001,
        "mem": 10, "instances": MANY, "portDefinitions": []});
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    cluster.settled("many", MANY).await?;
    let before = commands::executors(cluster.data());
    ensure!(before.len() as u64 == MANY, "{} executors", before.len());

    cluster.kill_process("agent-1").await?;
    cluster.order("start", "agent-1").await?;
    until("the agent is back", Duration::from_secs(30), async || {
        let slaves = get(&cluster.master("/slaves")).await?.expect(200)?;
        ensure!(slaves["slaves"][0]["active"] == true, "{slaves}");
        Ok(())
    })
    .await?;
    let app = cluster.settled("many", MANY).await?;
    ensure!(commands::executors(cluster.data()) == before, "other executors");
    for task in app["tasks"].as_array().context("no tasks")? {
        let id = task["id"].as_str().context("no task id")?;
        let starts = lines(&sandbox(&cluster, id)?.join("started"));
        ensure!(starts == 1, "`{id}` was started {starts} times");
    }

    delete(&cluster.marathon("/v2/apps/many")).await?.expect(200)?;
    cluster.idle().await?;
    commands::nothing_is_left(cluster.data()).await
}

#[tokio::test]
async fn an_agents_machine_that_dies_takes_its_commands_with_it() -> Result<()> {
    let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
    let app = json!({"id": "/dies", "cmd": "exec sleep 1000", "cpus": 0.01, "mem": 10});
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    cluster.settled("dies", 1).await?;
    let said = cluster.order("kill", "agent-1").await?;
    ensure!(said.contains("1 command"), "{said}");
    ensure!(commands::running(cluster.data()).is_empty(), "a command outlived its machine");
    cluster.order("start", "agent-1").await?;
    cluster.settled("dies", 1).await?;
    delete(&cluster.marathon("/v2/apps/dies")).await?.expect(200)?;
    cluster.idle().await?;
    commands::nothing_is_left(cluster.data()).await
}

#[tokio::test]
async fn a_command_with_volumes_reads_and_writes_the_hosts_folders_and_leaves_no_mount()
-> Result<()> {
    let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
    let folder = TempDir::with_prefix("ekiden-volumes-")?;
    let (given, taken) = (folder.path().join("given"), folder.path().join("taken"));
    for folder in [&given, &taken] {
        fs::create_dir(folder)?;
    }
    fs::write(given.join("text"), "from the host")?;
    let line = "cat in/text > out/text; (echo no > in/new) 2> out/refused; touch out/done; exec sleep 1000";
    let app = json!({"id": "/volumes", "cmd": line, "cpus": 0.01, "mem": 16,
        "container": {"type": "MESOS", "volumes": [
            {"containerPath": "in", "hostPath": given, "mode": "RO"},
            {"containerPath": "out", "hostPath": taken, "mode": "RW"}]}});
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    let settled = cluster.settled("volumes", 1).await?;
    ensure!(settled["container"] == app["container"], "{settled}");
    until("the command has written", Duration::from_secs(30), async || {
        ensure!(taken.join("done").exists(), "it has not");
        Ok(())
    })
    .await?;
    ensure!(fs::read_to_string(taken.join("text"))? == "from the host", "another text");
    let refused = fs::read_to_string(taken.join("refused"))?;
    ensure!(refused.contains("Read-only file system"), "{refused:?}");
    ensure!(!given.join("new").exists(), "it has written into a read-only folder");
    let name = folder.path().file_name().context("a folder without a name")?.to_string_lossy();
    ensure!(commands::mounts_of(&name).len() >= 2, "nothing is mounted while it runs");

    delete(&cluster.marathon("/v2/apps/volumes")).await?.expect(200)?;
    cluster.idle().await?;
    commands::nothing_is_left(cluster.data()).await?;
    until("nothing is mounted", Duration::from_secs(30), async || {
        let mounts = commands::mounts_of(&name);
        ensure!(mounts.is_empty(), "{mounts:?}");
        Ok(())
    })
    .await?;
    ensure!(fs::read_to_string(given.join("text"))? == "from the host", "the host's file changed");
    ensure!(taken.join("done").exists(), "what was written is gone");
    Ok(())
}
