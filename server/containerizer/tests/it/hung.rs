//! Commands in a container for whose answer nobody waits any more: they end, and nothing else does.

use std::time::Duration;

use containerizer::{Containerizer, Inside};

use crate::engine::{Bench, docker};

/// Runs a shell line in the container, and stops waiting for it once `until` is over.
async fn ask_until(bench: &Bench, name: &str, script: &str, until: impl Future<Output = ()>) {
    let line = ["/bin/busybox", "sh", "-c", script].map(str::to_owned);
    tokio::select! {
        answer = bench.docker.run(name, &line, &[]) => panic!("it has answered: {answer:?}"),
        () = until => {}
    }
}

/// The programs that run in the container, as the system shows them.
fn programs(name: &str) -> Vec<String> {
    let listed = docker(&["top", name, "-o", "pid,args"]);
    let mut programs: Vec<String> = listed
        .lines()
        .skip(1)
        .filter_map(|line| Some(line.trim().split_once(' ')?.1.trim().to_owned()))
        .collect();
    programs.sort();
    programs
}

async fn are(name: &str, wanted: &[&str]) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while programs(name) != wanted {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(waited.await.is_ok(), "{:?} instead of {wanted:?}", programs(name));
}

async fn exists(bench: &Bench, file: &str) {
    let path = bench.sandbox.path().join(file);
    while !path.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_command_in_a_container_ends_with_the_wait_for_it() {
    let bench = Bench::new();
    let spec = bench.shell("asked", "exec sleep 1000");
    bench.docker.create(&spec).await.unwrap();
    bench.docker.start(&spec.name).await.unwrap();
    are(&spec.name, &["sleep 1000"]).await;
    // A task may have programs of its own that look like the question's.
    let beside = bench.shell("other", "exec sleep 888");
    bench.docker.create(&beside).await.unwrap();
    bench.docker.start(&beside.name).await.unwrap();

    let script =
        "/bin/busybox setsid sleep 777 & /bin/busybox touch /mnt/mesos/sandbox/up; sleep 888; echo";
    ask_until(&bench, &spec.name, script, exists(&bench, "up")).await;
    are(&spec.name, &["sleep 1000"]).await;
    are(&beside.name, &["sleep 888"]).await;

    let line = ["/bin/busybox", "sh", "-c", "exit 3"].map(str::to_owned);
    assert_eq!(bench.docker.run(&spec.name, &line, &[]).await.unwrap(), 3);
}

#[tokio::test]
async fn a_command_that_is_given_up_while_it_is_started_ends_too() {
    let bench = Bench::new();
    let spec = bench.shell("hurried", "exec sleep 1000");
    bench.docker.create(&spec).await.unwrap();
    bench.docker.start(&spec.name).await.unwrap();
    for milliseconds in [5, 20, 40, 60, 80, 100, 150] {
        let until = tokio::time::sleep(Duration::from_millis(milliseconds));
        ask_until(&bench, &spec.name, "sleep 888; echo", until).await;
    }
    // Those that had been begun may still come.
    tokio::time::sleep(Duration::from_secs(2)).await;
    are(&spec.name, &["sleep 1000"]).await;
}
