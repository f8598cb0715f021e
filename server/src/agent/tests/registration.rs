//! Who the agent is, over connections and restarts.

use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;
use wire::link::{Refused, agent_frame, master_frame, refused};
use wire::mesos::v1::TaskState;

use super::master::{Master, docker_task, run_task};
use super::{Engine, Policy, Running, config};

#[tokio::test]
async fn an_agent_registers_once_and_comes_back_under_its_id() {
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let agent = Running::start(config(&folder, &master, Engine::NoOp)).await;
    let (connection, register) = master.admit().await;
    assert_eq!(register.agent.info.hostname, "node1");
    assert_eq!(register.agent.address.ip.as_deref(), Some("127.0.0.91"));
    assert_eq!(register.agent.info.resources.len(), 4);

    drop(connection); // A cut link.
    let (mut connection, told) = master.take_back(2).await;
    assert_eq!(told.agent_id.value, "S0");
    connection.run(docker_task("web.1", "image", "true", 31_000)).await;
    connection.update_to(TaskState::TaskRunning).await;
    let state = agent.json("/slave(1)/state").await;
    assert_eq!(state["id"], "S0");
    assert_eq!(state["pid"], "slave(1)@127.0.0.91:5051");
    assert_eq!(state["master_hostname"], "master1");
    assert_eq!(state["attributes"]["rack"], "r1");
    assert_eq!(state["frameworks"][0]["executors"][0]["tasks"][0]["state"], "TASK_RUNNING");
    assert_eq!(state["frameworks"][0]["executors"][0]["resources"]["mem"], 64.0);
    let metrics = agent.json("/metrics/snapshot").await;
    assert_eq!(metrics["slave/registered"], 1.0);
    assert_eq!(metrics["slave/tasks_running"], 1.0);
    assert_eq!(metrics["slave/mem_used"], 32.0);
    agent.stop().await;

    let agent = Running::start(config(&folder, &master, Engine::NoOp)).await;
    let (_connection, told) = master.take_back(3).await;
    assert_eq!(told.agent_id.value, "S0");
    assert_eq!(told.tasks.len(), 1);
    agent.stop().await;
}

#[tokio::test]
async fn an_agent_with_other_resources_keeps_its_id_unless_the_policy_forbids_it() {
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let with = |resources: &str, reconfiguration| super::AgentConfig {
        resources: model::Resources::parse(resources).unwrap(),
        reconfiguration,
        ..config(&folder, &master, Engine::NoOp)
    };
    let (first, more) = ("cpus:4;mem:1024;disk:1000", "cpus:8;mem:1024;disk:1000");
    let agent = Running::start(with(first, Policy::Equal)).await;
    let (mut connection, _) = master.admit().await;
    connection.settle().await;
    agent.stop().await;

    for (resources, policy) in [(more, Policy::Equal), ("cpus:1;mem:1024", Policy::Additive)] {
        let (tracker, stop) = (super::TaskTracker::new(), super::CancellationToken::new());
        let started = super::super::start(with(resources, policy), super::Clock, tracker, stop);
        let refusal = started.await.err().unwrap().to_string();
        assert!(refusal.contains("agent `S0` offered `cpus:4; "), "{refusal}");
        assert!(refusal.contains("does not allow"), "{refusal}");
    }

    // What was taken once is what the next start is compared with.
    for (number, resources, policy) in [
        (2, first, Policy::Equal),
        (3, more, Policy::Additive),
        (4, more, Policy::Equal),
        (5, first, Policy::Any),
    ] {
        let agent = Running::start(with(resources, policy)).await;
        let (mut connection, told) = master.take_back(number).await;
        assert_eq!(told.agent_id.value, "S0");
        let offered = model::v1::resources_from_v1(&told.agent.info.resources).unwrap();
        assert!(offered.contains(&model::Resources::parse(resources).unwrap()));
        connection.settle().await;
        agent.stop().await;
    }
}

#[tokio::test]
async fn removing_the_latest_link_makes_a_new_agent() {
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let agent = Running::start(config(&folder, &master, Engine::NoOp)).await;
    let (connection, first) = master.admit().await;
    while agent.json("/state").await["id"] != "S0" {
        tokio::task::yield_now().await;
    }
    agent.stop().await;
    drop(connection);
    std::fs::remove_file(folder.path().join("work/meta/slaves/latest")).unwrap();
    let agent = Running::start(config(&folder, &master, Engine::NoOp)).await;
    let (_connection, second) = master.admit().await;
    assert_ne!(first.nonce, second.nonce);
    agent.stop().await;
}

#[tokio::test]
async fn a_work_directory_belongs_to_one_process() {
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let agent = Running::start(config(&folder, &master, Engine::NoOp)).await;
    let (tracker, stop) = (agent.tracker.clone(), agent.stop.clone());
    let second =
        super::super::start(config(&folder, &master, Engine::NoOp), super::Clock, tracker, stop)
            .await;
    assert!(second.err().unwrap().to_string().contains("used by another agent process"));
    agent.stop().await;
}

#[tokio::test]
async fn an_agent_without_docker_refuses_tasks_clearly() {
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let agent = Running::start(config(&folder, &master, Engine::None)).await;
    let (mut connection, _) = master.admit().await;
    connection.run(docker_task("web.1", "image", "true", 31_000)).await;
    let status = connection.update().await;
    assert_eq!(status.state, TaskState::TaskError as i32);
    assert!(status.message.unwrap().contains("without the docker containerizer"));
    agent.stop().await;
}

#[tokio::test]
async fn an_engine_that_is_not_there_fails_the_task_in_plain_words() {
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let mut config = config(&folder, &master, Engine::Docker);
    config.docker_socket = "/no/such/docker.sock".into();
    let agent = Running::start(config).await;
    let (mut connection, _) = master.admit().await;
    connection.run(docker_task("web.1", "image", "true", 31_000)).await;
    let status = connection.update_to(TaskState::TaskFailed).await;
    assert!(
        status.message.unwrap().contains("no Docker engine answers at unix:///no/such/docker.sock")
    );
    agent.stop().await;
}

#[tokio::test]
async fn a_master_that_asks_for_patience_is_left_alone_for_so_long() {
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let agent = Running::start(config(&folder, &master, Engine::NoOp)).await;
    let mut connection = master.accept(1).await;
    connection.next().await;
    let refusal = Refused {
        reason: Some(refused::Reason::Busy as i32),
        message: "many agents are coming back".to_owned(),
        retry_after_ms: Some(900),
    };
    let refused = Instant::now();
    connection.say(master_frame::Body::Refused(refusal)).await;
    master.admit().await;
    assert!(refused.elapsed() >= Duration::from_millis(900), "{:?}", refused.elapsed());
    agent.stop().await;
}

#[tokio::test]
async fn a_master_that_reads_nothing_is_left() {
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let agent = Running::start(config(&folder, &master, Engine::NoOp)).await;
    let (mut connection, _) = master.admit().await;
    // The answer to each of these repeats the id, which is too long to be one.
    let mut task = docker_task("web.1", "image", "true", 31_000);
    task.task_id.value = "/".repeat(1 << 20);
    for _ in 0..24 {
        if connection.try_say(run_task(task.clone())).await.is_err() {
            break; // It has left already.
        }
    }
    let (_second, told) = master.take_back(2).await;
    assert_eq!(told.agent_id.value, "S0");
    agent.stop().await;
}

#[tokio::test]
async fn a_journal_of_an_older_version_is_taken_over() {
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let meta = folder.path().join("work/meta");
    std::fs::create_dir_all(meta.join("slaves")).unwrap();
    std::os::unix::fs::symlink("S5", meta.join("slaves/latest")).unwrap();
    let old = include_bytes!("../journal/format/first-form.journal");
    std::fs::write(meta.join("journal"), old).unwrap();
    let agent = Running::start(config(&folder, &master, Engine::NoOp)).await;
    let mut connection = master.accept(1).await;
    let agent_frame::Body::Reregister(told) = connection.next().await else {
        panic!("no re-registration")
    };
    assert_eq!(told.agent_id.value, "S5");
    let tasks: Vec<_> = told.tasks.iter().map(|held| held.task.task_id.value.as_str()).collect();
    assert_eq!(tasks, ["job.1", "web.1"]);
    agent.stop().await;
}

#[tokio::test]
async fn a_damaged_journal_keeps_the_agent_from_starting_and_is_left_as_it_is() {
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let agent = Running::start(config(&folder, &master, Engine::NoOp)).await;
    let (mut connection, _) = master.admit().await;
    connection.run(docker_task("web.1", "image", "true", 31_000)).await;
    connection.update_to(TaskState::TaskRunning).await;
    agent.stop().await;
    let journal = folder.path().join("work/meta/journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    std::fs::write(&journal, &bytes).unwrap();
    let (tracker, stop) = (super::TaskTracker::new(), super::CancellationToken::new());
    let config = config(&folder, &master, Engine::NoOp);
    let started = super::super::start(config, super::Clock, tracker, stop).await;
    let refusal = started.err().unwrap().to_string();
    assert!(refusal.contains(&journal.display().to_string()), "{refusal}");
    assert!(refusal.contains("damaged at byte"), "{refusal}");
    assert_eq!(std::fs::read(&journal).unwrap(), bytes);
}
