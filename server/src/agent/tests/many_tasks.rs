//! An agent with so many tasks that what it has to tell fits into no frame, and its updates into no queue.

use std::collections::BTreeSet;

use tempfile::TempDir;
use wire::link::agent_frame;
use wire::mesos::v1::{self, TaskState};

use super::master::{Connection, Master, docker_task};
use super::{Engine, Running, config};

/// More than the link's queue takes, and than one frame holds.
const TASKS: usize = 9_000;

/// Reads updates, acknowledging none, until so many tasks have told one.
async fn hear(connection: &mut Connection, heard: &mut BTreeSet<String>, tasks: usize) {
    while heard.len() < tasks {
        if let agent_frame::Body::UpdateStatus(update) = connection.next().await {
            assert_eq!(update.status.state, TaskState::TaskStarting as i32, "the head is first");
            heard.insert(update.status.task_id.value);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nine_thousand_tasks_with_long_definitions_are_told_on_a_new_link() {
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let agent = Running::start(config(&folder, &master, Engine::NoOp)).await;
    let (mut connection, _) = master.admit().await;
    let long = v1::Label { key: "text".to_owned(), value: Some("x".repeat(1 << 10)) };
    let mut heard = BTreeSet::new();
    for number in 0..TASKS {
        let mut task = docker_task(&format!("t.{number}"), "image", "true", 31_000);
        task.labels = Some(v1::Labels { labels: vec![long.clone()] });
        connection.run(task).await;
        // Not too far behind: a master that reads nothing is left.
        hear(&mut connection, &mut heard, number.saturating_sub(500)).await;
    }
    hear(&mut connection, &mut heard, TASKS).await;
    drop(connection);
    let (mut connection, told) = master.take_back(2).await;
    assert_eq!(told.tasks.len(), TASKS);
    assert!(told.tasks.iter().all(|held| held.task.labels.is_some()));
    hear(&mut connection, &mut BTreeSet::new(), TASKS).await;
    agent.stop().await;
}
