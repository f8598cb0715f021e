//! The agent's own disk full: while it runs, and when it starts.

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use wire::link::{Ping, UpdateFramework, master_frame};
use wire::mesos::v1::task_status::Reason;
use wire::mesos::v1::{self, TaskState};

use super::master::{Connection, Master, docker_task, framework_id};
use super::small_disk::SmallDisk;
use super::{AgentConfig, Engine, Running, config};

/// The configuration of an agent whose work directory lies on the disk.
fn on(disk: &SmallDisk, master: &Master) -> AgentConfig {
    let anywhere = TempDir::new().unwrap();
    AgentConfig { work_dir: disk.path().join("work"), ..config(&anywhere, master, Engine::NoOp) }
}

async fn run(connection: &mut Connection, task: &str) {
    connection.run(docker_task(task, "image", "true", 31_000)).await;
}

/// A new task is refused, in words that say why.
async fn refuses(connection: &mut Connection, task: &str) {
    run(connection, task).await;
    let refused = connection.update_to(TaskState::TaskFailed).await;
    assert_eq!(refused.reason, Some(Reason::ContainerLaunchFailed as i32));
    let words = refused.message.unwrap();
    assert!(words.contains("the disk of agent S0 is full"), "{words}");
}

#[tokio::test]
async fn an_agent_on_a_full_disk_keeps_what_runs_and_takes_tasks_again_by_itself() {
    let disk = SmallDisk::of_mebibytes(24);
    let master = Master::listen().await;
    let agent = Running::start(on(&disk, &master)).await;
    let (mut connection, _) = master.admit().await;
    for task in ["web.1", "web.2"] {
        run(&mut connection, task).await;
        connection.update_to(TaskState::TaskRunning).await;
    }

    disk.fill();
    refuses(&mut connection, "web.3").await;
    connection.kill("web.1").await;
    connection.update_to(TaskState::TaskKilled).await;
    connection.settle().await;

    disk.free();
    run(&mut connection, "web.4").await;
    connection.update_to(TaskState::TaskRunning).await;
    let states = agent.json("/state").await;
    assert_eq!(states["frameworks"][0]["executors"].as_array().unwrap().len(), 2);
    agent.stop().await;
}

/// Lets a folder look as if nobody had touched it for a long time.
fn make_old(sandbox: &Path) {
    let long_ago = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    for path in [sandbox.join("stdout"), sandbox.join("stderr"), sandbox.to_owned()] {
        File::open(path).unwrap().set_times(long_ago).unwrap();
    }
}

#[tokio::test]
async fn a_start_on_a_full_disk_removes_old_sandboxes_first() {
    let disk = SmallDisk::of_mebibytes(24);
    let master = Master::listen().await;
    let agent = Running::start(on(&disk, &master)).await;
    let (mut connection, _) = master.admit().await;
    run(&mut connection, "old.1").await;
    connection.update_to(TaskState::TaskRunning).await;
    connection.kill("old.1").await;
    connection.update_to(TaskState::TaskKilled).await;
    connection.settle().await;
    agent.stop().await;
    drop(connection);
    let runs = disk.path().join("work/slaves/S0/frameworks/F-0000/executors/old.1/runs");
    // Of an earlier task, which the agent has forgotten.
    let sandbox = fs::canonicalize(&runs).unwrap().join("of-an-earlier-task");
    crate::agent::work_dir::make_sandbox(&sandbox).unwrap();
    fs::write(sandbox.join("data"), vec![1; 9 << 20]).unwrap();
    make_old(&sandbox);
    disk.fill();

    let agent = Running::start(on(&disk, &master)).await;
    assert!(!sandbox.exists(), "it was in the way");
    let (mut connection, told) = master.take_back(2).await;
    assert_eq!(told.agent_id.value, "S0");
    run(&mut connection, "web.1").await;
    connection.update_to(TaskState::TaskRunning).await;
    agent.stop().await;
}

#[tokio::test]
async fn a_start_on_a_full_disk_where_nothing_can_go_continues_the_journal() {
    let disk = SmallDisk::of_mebibytes(24);
    let master = Master::listen().await;
    let agent = Running::start(on(&disk, &master)).await;
    let (mut connection, _) = master.admit().await;
    run(&mut connection, "web.1").await;
    connection.update_to(TaskState::TaskRunning).await;
    connection.settle().await;
    agent.stop().await;
    drop(connection);
    disk.fill();

    for link in [2, 3] {
        let agent = Running::start(on(&disk, &master)).await;
        let (mut connection, told) = master.take_back(link).await;
        let held: Vec<_> = told.tasks.iter().map(|held| &held.task.task_id.value).collect();
        if link == 2 {
            assert_eq!(held, ["web.1"]);
            // The pretended engine has forgotten it.
            connection.update_to(TaskState::TaskFailed).await;
        } else {
            assert!(held.is_empty(), "its end was told: {held:?}");
        }
        refuses(&mut connection, "web.2").await;
        connection.settle().await;
        agent.stop().await;
    }

    disk.free();
    let agent = Running::start(on(&disk, &master)).await;
    let (mut connection, told) = master.take_back(4).await;
    assert!(told.tasks.is_empty(), "{told:?}");
    run(&mut connection, "web.3").await;
    connection.update_to(TaskState::TaskRunning).await;
    agent.stop().await;
}

#[tokio::test]
async fn an_agent_that_cannot_even_write_about_its_tasks_stands_still_until_it_can() {
    let disk = SmallDisk::of_mebibytes(24);
    let master = Master::listen().await;
    let agent = Running::start(on(&disk, &master)).await;
    let (mut connection, _) = master.admit().await;
    run(&mut connection, "web.1").await;
    connection.update_to(TaskState::TaskRunning).await;
    connection.settle().await;
    disk.fill();
    // Each is worth a record of a mebibyte.
    for name in ["a", "b", "c", "d", "e", "f"] {
        let framework = v1::FrameworkInfo {
            id: Some(framework_id()),
            name: name.repeat(1 << 20),
            ..v1::FrameworkInfo::default()
        };
        connection.say(master_frame::Body::UpdateFramework(UpdateFramework { framework })).await;
    }
    connection.say(master_frame::Body::Ping(Ping { sequence: 7 })).await;
    let answer = tokio::time::timeout(Duration::from_secs(3), connection.next()).await;
    assert!(answer.is_err(), "it goes on without its journal: {answer:?}");
    assert!(!agent.stop.is_cancelled(), "it has given up");

    disk.free();
    let answer = connection.next().await;
    assert!(matches!(answer, wire::link::agent_frame::Body::Pong(_)), "{answer:?}");
    agent.stop().await;
    drop(connection);
    let agent = Running::start(on(&disk, &master)).await;
    let (_connection, told) = master.take_back(2).await;
    assert_eq!(told.tasks.len(), 1);
    assert!(told.frameworks[0].name.starts_with("fff"), "the last record is lost");
    agent.stop().await;
}
