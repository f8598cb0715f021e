//! Old sandboxes are removed while the agent runs: by their age since the end of their task, sooner when the disk fills up.

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use wire::mesos::v1::TaskState;

use super::master::{Connection, Master, docker_task};
use super::small_disk::SmallDisk;
use super::{AgentConfig, Engine, Retention, Running, config};

const PATIENCE: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3_600);

/// The configuration with frequent looks and that delay.
fn swept(config: AgentConfig, delay: Duration) -> AgentConfig {
    let watch_interval = Duration::from_millis(50);
    AgentConfig { retention: Retention { delay, disk_headroom: 0.1, watch_interval }, ..config }
}

/// Runs a task; its sandbox.
async fn run(agent: &Running, connection: &mut Connection, task: &str) -> PathBuf {
    connection.run(docker_task(task, "image", "true", 31_000)).await;
    connection.update_to(TaskState::TaskRunning).await;
    let state = agent.json("/state").await;
    let mut executors = state["frameworks"][0]["executors"].as_array().unwrap().iter();
    let executor = executors.find(|executor| executor["id"] == task).unwrap();
    PathBuf::from(executor["directory"].as_str().unwrap())
}

async fn end(connection: &mut Connection, task: &str) {
    connection.kill(task).await;
    connection.update_to(TaskState::TaskKilled).await;
    connection.settle().await;
}

/// Lets a sandbox look as if its task had been silent for so long.
fn make_old(sandbox: &Path, age: Duration) {
    let then = SystemTime::UNIX_EPOCH.elapsed().unwrap() - age;
    let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + then);
    for path in [sandbox.join("stdout"), sandbox.join("stderr"), sandbox.to_owned()] {
        File::open(path).unwrap().set_times(times).unwrap();
    }
}

async fn goes(folder: &Path) {
    let gone = tokio::time::timeout(PATIENCE, async {
        while folder.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(gone.await.is_ok(), "`{}` is still there", folder.display());
}

#[tokio::test]
async fn a_sandbox_is_kept_for_its_time_after_the_end_of_a_task_that_was_long_silent() {
    let folder = TempDir::new().unwrap();
    let master = Master::listen().await;
    let agent =
        Running::start(swept(config(&folder, &master, Engine::NoOp), Duration::from_secs(600)))
            .await;
    let (mut connection, _) = master.admit().await;
    let silent = run(&agent, &mut connection, "silent.1").await;
    let lives = run(&agent, &mut connection, "lives.1").await;
    for sandbox in [&silent, &lives] {
        make_old(sandbox, HOUR);
    }
    end(&mut connection, "silent.1").await;
    // A look that removes this one has seen the others.
    let old = silent.with_file_name("ended-an-hour-ago");
    super::super::work_dir::make_sandbox(&old).unwrap();
    make_old(&old, HOUR);
    goes(&old).await;
    assert!(silent.exists(), "it ended just now");
    assert!(lives.exists(), "its task runs");
    // The time of its folder changes nothing about that.
    make_old(&silent, HOUR);
    super::super::work_dir::make_sandbox(&old).unwrap();
    make_old(&old, HOUR);
    goes(&old).await;
    assert!(silent.exists(), "it ended just now");
    agent.stop().await;
    // Nor does it keep a sandbox; the next process knows as well when the task has ended.
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(4_070_908_800);
    File::open(&silent).unwrap().set_times(FileTimes::new().set_modified(far)).unwrap();
    let impatient = swept(config(&folder, &master, Engine::NoOp), Duration::from_secs(1));
    let agent = Running::start(impatient).await;
    goes(&silent).await;
    // The folders above it go after it, as they are empty.
    goes(silent.parent().unwrap().parent().unwrap()).await;
    agent.stop().await;
}

#[tokio::test]
async fn a_disk_that_fills_up_takes_the_sandboxes_of_ended_tasks_before_their_time() {
    let disk = SmallDisk::of_mebibytes(64);
    let anywhere = TempDir::new().unwrap();
    let master = Master::listen().await;
    let plain = config(&anywhere, &master, Engine::NoOp);
    let on_disk = AgentConfig { work_dir: disk.path().join("work"), ..plain };
    let agent = Running::start(swept(on_disk, HOUR * 24 * 7)).await;
    let (mut connection, _) = master.admit().await;
    let lives = run(&agent, &mut connection, "lives.1").await;
    // Of a task that the agent has forgotten. Two hours of a week: too young while most of the disk is free.
    let ended = lives.with_file_name("ended-two-hours-ago");
    super::super::work_dir::make_sandbox(&ended).unwrap();
    make_old(&ended, HOUR * 2);
    make_old(&lives, HOUR * 2);
    let marker = ended.with_file_name("older-than-a-week");
    super::super::work_dir::make_sandbox(&marker).unwrap();
    make_old(&marker, HOUR * 24 * 8);
    goes(&marker).await;
    assert!(ended.exists(), "there is room");
    // Nine tenths are in use, and the headroom is the last tenth.
    fs::write(disk.path().join("filling"), vec![1; 55 << 20]).unwrap();
    goes(&ended).await;
    assert!(lives.exists(), "its task runs");
    agent.stop().await;
}
