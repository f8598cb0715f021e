//! The sandbox files hold the container's output, whole and once.

use std::path::Path;
use std::time::Duration;

use containerizer::{Containerizer, Docker, DockerConfig, OutputLimit};

use crate::engine::Bench;

#[tokio::test]
async fn both_streams_are_copied_to_their_last_byte() {
    let bench = Bench::new();
    let spec = bench.shell(
        "writes",
        "for i in $(seq 1 5000); do echo line $i; done; echo oops >&2; echo -n end",
    );
    bench.docker.create(&spec).await.unwrap();
    bench.docker.start(&spec.name).await.unwrap();
    bench.docker.copy_output(&spec.name, bench.sandbox.path()).await.unwrap();
    let expected: String = (1..=5_000).map(|i| format!("line {i}\n")).collect::<String>() + "end";
    assert_eq!(bench.file("stdout"), expected);
    assert_eq!(bench.file("stderr"), "oops\n");
}

#[tokio::test]
async fn a_copy_cut_off_goes_on_without_repeating_or_losing_a_byte() {
    let bench = Bench::new();
    let script = "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo out $i; echo err $i >&2; [ $((i % 20)) = 0 ] && sleep 0.1; done";
    let spec = bench.shell("interrupted", script);
    bench.docker.create(&spec).await.unwrap();
    bench.docker.start(&spec.name).await.unwrap();
    // The agent "restarts" several times while the container writes.
    for _ in 0..5 {
        let copy = bench.docker.copy_output(&spec.name, bench.sandbox.path());
        let _cut = tokio::time::timeout(Duration::from_millis(250), copy).await;
    }
    bench.docker.copy_output(&spec.name, bench.sandbox.path()).await.unwrap();
    bench.docker.copy_output(&spec.name, bench.sandbox.path()).await.unwrap();
    let lines = |word: &str| (1..=400).map(|i| format!("{word} {i}\n")).collect::<String>();
    assert_eq!(bench.file("stdout"), lines("out"));
    assert_eq!(bench.file("stderr"), lines("err"));
}

#[tokio::test]
async fn output_is_divided_by_size_and_stays_whole_over_restarts() {
    let mut bench = Bench::new();
    let script = "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo out $i; [ $((i % 20)) = 0 ] && sleep 0.1; done";
    let limit = OutputLimit { max_bytes: 500, kept: 20 };
    let config = DockerConfig {
        retry_pause: Duration::from_millis(100),
        stdout_limit: Some(limit),
        ..DockerConfig::default()
    };
    bench.docker = Docker::new(config);
    let spec = bench.shell("divided", script);
    bench.docker.create(&spec).await.unwrap();
    bench.docker.start(&spec.name).await.unwrap();
    // The agent "restarts" several times while the container writes.
    for _ in 0..5 {
        let copy = bench.docker.copy_output(&spec.name, bench.sandbox.path());
        let _cut = tokio::time::timeout(Duration::from_millis(250), copy).await;
    }
    bench.docker.copy_output(&spec.name, bench.sandbox.path()).await.unwrap();
    bench.docker.copy_output(&spec.name, bench.sandbox.path()).await.unwrap();
    let older = (1..=20).rev().map(|number| bench.file(&format!("stdout.{number}")));
    let parts: Vec<String> = older.chain([bench.file("stdout")]).collect();
    let expected: String = (1..=400).map(|i| format!("out {i}\n")).collect();
    assert_eq!(parts.concat(), expected);
    assert!(parts.iter().all(|part| part.len() <= 500), "{:?}", parts.iter().map(String::len));
    assert!(parts.iter().filter(|part| !part.is_empty()).count() > 5);
}

#[tokio::test]
async fn a_sandbox_that_cannot_be_written_is_an_error() {
    let bench = Bench::new();
    let spec = bench.shell("lost", "echo hello");
    bench.docker.create(&spec).await.unwrap();
    bench.docker.start(&spec.name).await.unwrap();
    let error =
        bench.docker.copy_output(&spec.name, Path::new("/no/such/sandbox")).await.unwrap_err();
    assert!(error.to_string().contains("/no/such/sandbox/stdout"), "{error}");
}
