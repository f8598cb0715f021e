//! The program's file replaced by another build under a running cluster, and an agent that is then ended and started from it: what runs
//! runs on, under executors of the earlier build.

use std::{collections::BTreeSet, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use end2end::{
    builds::{EARLIER_EXECUTOR, Installed},
    cluster::Cluster,
    commands,
    curl::{delete, send},
    waiting::until,
};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::Instant,
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);
/// What the stubborn command is left to end by itself, which it does not.
const GRACE: Duration = Duration::from_secs(2);

/// Counts aloud, and takes its time to say goodbye.
const COUNTS_SLOWLY_OUT: &str = "echo started >> marker; trap 'sleep 1; echo bye; exit 0' TERM; \
                                 i=0; while true; do i=$((i+1)); echo line $i; sleep 0.1; done";
/// Ends when the test says so; the one that takes its place waits in a sandbox of its own.
const ENDS: &str =
    "echo started >> marker; until mv go gone 2> /dev/null; do sleep 0.1; done; exit 7";
const STUBBORN: &str = "echo started >> marker; trap '' TERM; while true; do sleep 0.1; done";

/// Posts an app of one command.
async fn post_command(cluster: &Cluster, id: &str, line: &str, more: &Value) -> Result<String> {
    let mut app = json!({
        "id": format!("/{id}"), "cpus": 0.01, "mem": 16, "cmd": line,
        "backoffSeconds": 1, "maxLaunchDelaySeconds": 2,
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        app[name] = value.clone();
    }
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    running_task(cluster, id).await
}

/// The words of a process's command line.
fn words_of(pid: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// The file that the agent's process runs.
fn agents_file(cluster: &Cluster) -> Result<String> {
    let nodes = cluster.nodes()?;
    let agent = nodes.into_iter().find(|pid| words_of(*pid).get(1).is_some_and(|it| it == "agent"));
    file_of(agent.context("no agent runs")?)
}

/// The file that a process runs, as the system tells it.
fn file_of(pid: u32) -> Result<String> {
    Ok(fs::read_link(format!("/proc/{pid}/exe"))?.display().to_string())
}

/// The executors that look after commands, without those that only ask beside one.
fn executors(cluster: &Cluster) -> BTreeSet<u32> {
    let looks_after = |pid: &u32| words_of(*pid).get(1).is_some_and(|order| order == "run");
    commands::executors(cluster.data()).into_iter().filter(looks_after).collect()
}

/// The executors' programs that the agent keeps.
fn programs(cluster: &Cluster) -> Result<Vec<String>> {
    let entries = fs::read_dir(cluster.data().join("agent-1/meta/commands/programs"))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

/// Marathon's events, from its start to its end.
struct Events {
    folder: TempDir,
    _curl: Child,
}

impl Events {
    async fn of(cluster: &Cluster) -> Result<Self> {
        let folder = TempDir::new()?;
        let file = fs::File::create(folder.path().join("events"))?;
        let curl = Command::new("curl")
            .args(["--silent", "--no-buffer", "--noproxy", "*", "-H", "Accept: text/event-stream"])
            .arg(cluster.marathon("/v2/events"))
            .stdin(Stdio::null())
            .stdout(file)
            .kill_on_drop(true)
            .spawn()?;
        let events = Self { folder, _curl: curl };
        until("events are told", PATIENCE, async || {
            ensure!(events.text()?.contains("event_stream_attached"), "nothing is told yet");
            Ok(())
        })
        .await?;
        Ok(events)
    }

    fn text(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("events"))?)
    }

    /// The states that were told of a task, in order.
    fn states(&self, task: &str) -> Result<Vec<String>> {
        let text = self.text()?;
        let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let events = events.filter_map(|event| serde_json::from_str::<Value>(event).ok());
        let of_task = events
            .filter(|event| event["eventType"] == "status_update_event" && event["taskId"] == task);
        Ok(of_task.map(|it| it["taskStatus"].as_str().unwrap_or_default().to_owned()).collect())
    }
}

/// Counts on by five lines, without a gap.
async fn counts_on(cluster: &Cluster, id: &str) -> Result<()> {
    let sandbox = sandboxes(cluster, "agent-1", id).remove(0);
    let before = counted_lines(&sandbox)?;
    until(&format!("`{id}` counts on"), PATIENCE, async || {
        let now = counted_lines(&sandbox)?;
        ensure!(now >= before + 5, "{now} lines, {before} before");
        Ok(())
    })
    .await
}

/// The app's task has ended in that state and was told so once.
async fn is_told(cluster: &Cluster, events: &Events, task: &str, state: &str) -> Result<()> {
    until("the end is told", PATIENCE, async || {
        let found = master_state_of(cluster, task).await?;
        ensure!(found == state, "{found}");
        let ends: Vec<_> = events.states(task)?.into_iter().filter(|it| !is_alive(it)).collect();
        ensure!(ends == [state], "{task}: {ends:?}");
        Ok(())
    })
    .await
}

fn is_alive(state: &str) -> bool {
    matches!(state, "TASK_STAGING" | "TASK_STARTING" | "TASK_RUNNING" | "TASK_KILLING")
}

/// How the process of the earlier build ends.
#[derive(Clone, Copy)]
enum End {
    /// By SIGTERM.
    Told,
    /// By SIGKILL.
    Killed,
}

async fn an_agent_is_upgraded(end: End) -> Result<()> {
    let installed = Installed::earlier()?;
    let volume = TempDir::with_prefix("ekiden-upgrade-")?;
    let volume_name = volume.path().file_name().context("a name")?.to_string_lossy().into_owned();
    let mut cluster = Cluster::prepare(1, &[])?;
    cluster.start_from(installed.path());
    cluster.run().await?;
    let events = Events::of(&cluster).await?;
    ensure!(agents_file(&cluster)? == installed.path().display().to_string(), "another file runs");
    ensure!(programs(&cluster)? == [EARLIER_EXECUTOR], "{:?}", programs(&cluster)?);

    let more = json!({
        "taskKillGracePeriodSeconds": 30,
        "healthChecks": [{"protocol": "COMMAND", "command": {"value": "echo asked >> asked"},
            "intervalSeconds": 1, "gracePeriodSeconds": 60}],
        "container": {"type": "MESOS", "volumes":
            [{"containerPath": "out", "hostPath": volume.path(), "mode": "RW"}]},
    });
    let counts = post_command(&cluster, "counts", COUNTS_SLOWLY_OUT, &more).await?;
    let more = json!({"taskKillGracePeriodSeconds": GRACE.as_secs()});
    let stubborn = post_command(&cluster, "stubborn", STUBBORN, &more).await?;
    post(&cluster, "boxed").await?;
    let boxed = running_task(&cluster, "boxed").await?;
    let kept = executors(&cluster);
    let ends = post_command(&cluster, "ends", ENDS, &json!({})).await?;
    let of_ends: BTreeSet<u32> = executors(&cluster).difference(&kept).copied().collect();
    ensure!(kept.len() == 2 && of_ends.len() == 1, "{kept:?}, {of_ends:?}");

    // The earlier build works on from a file that has no name any more.
    installed.upgrade()?;
    ensure!(agents_file(&cluster)?.ends_with(" (deleted)"), "{}", agents_file(&cluster)?);
    let late = post_command(&cluster, "late", COUNTS_SLOWLY_OUT, &json!({})).await?;
    post(&cluster, "late-boxed").await?;
    let late_boxed = running_task(&cluster, "late-boxed").await?;
    let kept: BTreeSet<u32> = executors(&cluster).difference(&of_ends).copied().collect();
    ensure!(kept.len() == 3, "{kept:?}");
    for pid in &kept {
        ensure!(file_of(*pid)?.ends_with(EARLIER_EXECUTOR), "{}", file_of(*pid)?);
    }
    let boxes = ["boxed", "late-boxed"];
    let mut before = Vec::new();
    for id in boxes {
        before.push(containers(&cluster, id).await?.remove(0));
    }

    match end {
        End::Told => cluster.order("stop", "agent-1").await?,
        End::Killed => cluster.kill_process("agent-1").await?,
    };
    fs::write(sandboxes(&cluster, "agent-1", "ends").remove(0).join("go"), "")?;
    until("the command has ended unwatched", PATIENCE, async || {
        let now = executors(&cluster);
        ensure!(now == kept, "{now:?} instead of {kept:?}");
        Ok(())
    })
    .await?;
    for id in ["counts", "late"] {
        counts_on(&cluster, id).await.context("without an agent")?;
    }

    cluster.order("start", "agent-1").await?;
    until_active(&cluster, 1).await?;
    ensure!(agents_file(&cluster)? == installed.path().display().to_string(), "another file runs");
    is_told(&cluster, &events, &ends, "TASK_FAILED").await?;
    let failure = cluster.app("ends").await?["lastTaskFailure"].take();
    let words = failure["message"].as_str().unwrap_or_default();
    ensure!(failure["taskId"] == ends.as_str() && words.contains("status 7"), "{failure}");
    for (id, task) in [
        ("counts", &counts),
        ("stubborn", &stubborn),
        ("late", &late),
        ("boxed", &boxed),
        ("late-boxed", &late_boxed),
    ] {
        ensure!(running_task(&cluster, id).await? == *task, "`{id}` was replaced");
        let starts = starts(&cluster, "agent-1", id);
        ensure!(starts == 1, "`{id}` was started {starts} times");
    }
    for id in ["counts", "late", "boxed", "late-boxed"] {
        counts_on(&cluster, id).await.context("under the later build")?;
    }
    for (id, container) in boxes.iter().zip(&before) {
        let now = containers(&cluster, id).await?.remove(0);
        let same = ["/Id", "/State/StartedAt"].iter().all(|it| now.at(it) == container.at(it));
        ensure!(same && now.state() == "running", "`{id}` has another container");
    }

    // What is begun from here on has an executor of the later build, whose file is the only one left.
    running_task(&cluster, "ends").await?;
    let all = executors(&cluster);
    let new: Vec<u32> = all.difference(&kept).copied().collect();
    ensure!(new.len() == 1 && all.is_superset(&kept), "{all:?}, before {kept:?}");
    let [program] = programs(&cluster)?.try_into().map_err(|all| anyhow::anyhow!("{all:?}"))?;
    ensure!(program != EARLIER_EXECUTOR, "the later build has the earlier one's executor");
    ensure!(file_of(new[0])?.ends_with(&program), "{}", file_of(new[0])?);
    for pid in &kept {
        let file = file_of(*pid)?;
        ensure!(file.ends_with(&format!("{EARLIER_EXECUTOR} (deleted)")), "{file}");
    }
    // The later build's program asks beside the earlier one's command.
    let asked = sandboxes(&cluster, "agent-1", "counts").remove(0).join("asked");
    let questions = || fs::read_to_string(&asked).unwrap_or_default().lines().count();
    let so_far = questions();
    until("the command is asked again", PATIENCE, async || {
        ensure!(questions() > so_far + 1, "{} questions", questions());
        Ok(())
    })
    .await?;
    let app = cluster.app("counts").await?;
    ensure!(app["tasksHealthy"] == 1, "{app}");

    everything_ends(&cluster, &events, [&counts, &stubborn, &late, &boxed, &late_boxed]).await?;
    ensure!(
        events.states(&ends)?.iter().filter(|state| !is_alive(state)).count() == 1,
        "told twice"
    );
    until("nothing is mounted", PATIENCE, async || {
        let mounts = commands::mounts_of(&volume_name);
        ensure!(mounts.is_empty(), "{mounts:?}");
        Ok(())
    })
    .await
}

/// Ends all apps, each with the grace that it has, and finds nothing behind.
async fn everything_ends(cluster: &Cluster, events: &Events, tasks: [&String; 5]) -> Result<()> {
    let [counts, stubborn, late, boxed, late_boxed] = tasks;
    let asked_at = Instant::now();
    delete(&cluster.marathon("/v2/apps/stubborn")).await?.expect(200)?;
    cluster.idle().await?;
    let took = asked_at.elapsed();
    ensure!(took >= GRACE, "it was killed after {} ms", took.as_millis());
    is_told(cluster, events, stubborn, "TASK_KILLED").await?;
    for (id, task) in
        [("counts", counts), ("late", late), ("boxed", boxed), ("late-boxed", late_boxed)]
    {
        delete(&cluster.marathon(&format!("/v2/apps/{id}"))).await?.expect(200)?;
        cluster.idle().await?;
        is_told(cluster, events, task, "TASK_KILLED").await?;
        let sandbox = sandboxes(cluster, "agent-1", id).remove(0);
        let text = fs::read_to_string(sandbox.join("stdout"))?;
        ensure!(text.ends_with("bye\n"), "`{id}` could not say goodbye");
        counted_lines(&sandbox).with_context(|| format!("`{id}`"))?;
        for container in containers(cluster, id).await? {
            ensure!(
                container.state() == "exited",
                "a container of `{id}` is {}",
                container.state()
            );
            ensure!(engine_log(&container).await? == text, "the sandbox and the engine differ");
        }
    }
    delete(&cluster.marathon("/v2/apps/ends")).await?.expect(200)?;
    cluster.idle().await?;
    commands::nothing_is_left(cluster.data()).await?;
    let folder = cluster.data().display().to_string();
    let sockets = fs::read_to_string("/proc/net/unix")?;
    let strange = sockets.lines().find(|it| it.contains(&folder) && !it.ends_with("control.sock"));
    ensure!(strange.is_none(), "{strange:?}");
    Ok(())
}

#[tokio::test]
async fn an_agent_told_to_end_after_its_file_was_replaced_goes_on_as_the_next_build() -> Result<()>
{
    an_agent_is_upgraded(End::Told).await
}

#[tokio::test]
async fn an_agent_killed_after_its_file_was_replaced_goes_on_as_the_next_build() -> Result<()> {
    an_agent_is_upgraded(End::Killed).await
}
