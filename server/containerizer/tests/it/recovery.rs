//! A new process finds the containers of the old one.

use std::time::Duration;

use agent_core::container::{Exit, FoundState};
use containerizer::{Containerizer, Docker, DockerConfig};

use crate::engine::{Bench, LABEL};

#[tokio::test]
async fn an_agent_finds_its_own_containers_again_and_no_others() {
    let (bench, other) = (Bench::new(), Bench::new());
    let runs = bench.shell("runs", "sleep 60");
    let ended = bench.shell("ended", "exit 7");
    let made = bench.shell("made", "sleep 60");
    let foreign = other.shell("foreign", "sleep 60");
    for spec in [&runs, &ended, &made, &foreign] {
        bench.docker.create(spec).await.unwrap();
    }
    bench.docker.start(&runs.name).await.unwrap();
    bench.docker.start(&ended.name).await.unwrap();
    bench.docker.wait(&ended.name).await;

    let restarted = Docker::new(DockerConfig::default());
    let mut found = restarted.containers(LABEL, &bench.id).await.unwrap();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let states: Vec<_> =
        found.iter().map(|container| (container.name.as_str(), container.state)).collect();
    assert_eq!(
        states,
        [
            (ended.name.as_str(), FoundState::Exited),
            (made.name.as_str(), FoundState::Created),
            (runs.name.as_str(), FoundState::Running),
        ]
    );
    assert_eq!(found[0].labels["ekiden.task"], "ended");
    assert_eq!(restarted.wait(&ended.name).await, Exit::Exited { status: 7, out_of_memory: false });
}

#[tokio::test]
async fn a_container_that_has_run_is_not_started_again() {
    let bench = Bench::new();
    let spec = bench.shell("once", "echo run >> /mnt/mesos/sandbox/runs");
    bench.docker.create(&spec).await.unwrap();
    for _ in 0..3 {
        bench.docker.start(&spec.name).await.unwrap();
        bench.docker.wait(&spec.name).await;
    }
    assert_eq!(bench.file("runs"), "run\n");
}

#[tokio::test]
async fn a_container_removed_by_hand_has_vanished() {
    let bench = Bench::new();
    let spec = bench.shell("removed", "sleep 60");
    bench.docker.create(&spec).await.unwrap();
    bench.docker.start(&spec.name).await.unwrap();
    bench.docker.remove(&spec.name).await.unwrap();
    bench.docker.remove(&spec.name).await.expect("removed twice is removed");
    let exit =
        tokio::time::timeout(Duration::from_secs(20), bench.docker.wait(&spec.name)).await.unwrap();
    assert_eq!(exit, Exit::Vanished);
    bench.docker.stop(&spec.name, Duration::ZERO).await.expect("nothing left to stop");
}

#[tokio::test]
async fn a_killed_container_has_no_last_words() {
    let bench = Bench::new();
    let spec = bench.shell("killed", "trap 'exit 0' TERM; while true; do sleep 1; done");
    bench.docker.create(&spec).await.unwrap();
    bench.docker.start(&spec.name).await.unwrap();
    bench.docker.kill(&spec.name).await.unwrap();
    let exit = bench.docker.wait(&spec.name).await;
    assert_eq!(exit, Exit::Exited { status: 137, out_of_memory: false });
    bench.docker.kill(&spec.name).await.expect("killed twice is killed");
    bench.docker.kill("mesos-no-such").await.expect("nothing to kill");
}

#[tokio::test]
async fn running_out_of_memory_is_told() {
    let bench = Bench::new();
    let mut spec = bench.shell("hungry", "x=0123456789abcdef; while true; do x=$x$x; done");
    spec.memory_bytes = 8 << 20;
    bench.docker.create(&spec).await.unwrap();
    bench.docker.start(&spec.name).await.unwrap();
    assert_eq!(
        bench.docker.wait(&spec.name).await,
        Exit::Exited { status: 137, out_of_memory: true }
    );
}

#[tokio::test]
async fn the_containers_of_an_agent_have_a_cgroup_of_their_own() {
    let bench = Bench::new();
    let cgroup = format!("agent-{}", bench.id);
    let docker =
        Docker::new(DockerConfig { cgroup: Some(cgroup.clone()), ..DockerConfig::default() });
    let spec = bench.shell("in-a-cgroup", "cat /proc/self/cgroup > /mnt/mesos/sandbox/cgroup");
    docker.create(&spec).await.unwrap();
    docker.start(&spec.name).await.unwrap();
    assert_eq!(docker.wait(&spec.name).await, Exit::Exited { status: 0, out_of_memory: false });
    let described = docker.inspect(&spec.name).await.unwrap().json;
    assert!(
        described.contains(&format!("/ekiden/{cgroup}")) || described.contains("ekiden-agent"),
        "{described}"
    );
}
