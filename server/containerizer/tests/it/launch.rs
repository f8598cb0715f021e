//! Launching, publishing, stopping, and what fails.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_core::container::{Exit, Protocol, PublishedPort};
use containerizer::{Containerizer, Docker, DockerConfig, Error, Pull};

use crate::engine::{Bench, docker};

#[tokio::test]
async fn a_container_runs_to_its_end_and_stays_in_the_engine() {
    let bench = Bench::new();
    let spec = bench
        .shell("ends", "echo \"$GREETING from $MESOS_SANDBOX\" > /mnt/mesos/sandbox/note; exit 3");
    let spec = agent_core::container::ContainerSpec {
        environment: vec![
            ("GREETING".to_owned(), "hello world".to_owned()),
            ("MESOS_SANDBOX".to_owned(), "/mnt/mesos/sandbox".to_owned()),
        ],
        ..spec
    };
    bench.docker.pull(&Pull::quiet(&bench.image, false, Path::new("/none"))).await.unwrap();
    bench.docker.create(&spec).await.unwrap();
    bench.docker.create(&spec).await.expect("made twice is made");
    bench.docker.start(&spec.name).await.unwrap();
    assert_eq!(
        bench.docker.wait(&spec.name).await,
        Exit::Exited { status: 3, out_of_memory: false }
    );
    assert_eq!(bench.file("note"), "hello world from /mnt/mesos/sandbox\n");
    let status = docker(&[
        "ps",
        "-a",
        "--filter",
        &format!("name={}", spec.name),
        "--format",
        "{{.Status}}",
    ]);
    assert!(status.starts_with("Exited (3)"), "{status}");
}

#[tokio::test]
async fn a_port_is_published_on_the_agents_address_only() {
    let bench = Bench::new();
    std::fs::write(bench.sandbox.path().join("index.html"), "It works").unwrap();
    let mut spec = bench.shell("serves", "httpd -f -p 80 -h /mnt/mesos/sandbox");
    let host_port = 31_500 + u16::try_from(std::process::id() % 400).unwrap();
    spec.ports = vec![PublishedPort {
        host_ip: "127.0.0.77".to_owned(),
        host_port,
        container_port: 80,
        protocol: Protocol::Tcp,
    }];
    bench.docker.create(&spec).await.unwrap();
    bench.docker.start(&spec.name).await.unwrap();

    let inspection = bench.docker.inspect(&spec.name).await.unwrap();
    assert!(
        inspection.json.starts_with("[{") && inspection.json.contains("\"HostPort\""),
        "{}",
        inspection.json
    );
    assert_eq!(inspection.addresses.len(), 1, "{:?}", inspection.addresses);
    let page = loop {
        if let Some(page) = fetch("127.0.0.77", host_port).filter(|page| !page.is_empty()) {
            break page;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(page.ends_with("It works"), "{page}");
    assert!(TcpStream::connect(("127.0.0.78", host_port)).is_err(), "not on other addresses");

    let ended = tokio::spawn({
        let (docker, name) = (bench.docker.clone(), spec.name.clone());
        async move { docker.wait(&name).await }
    });
    bench.docker.stop(&spec.name, Duration::from_secs(1)).await.unwrap();
    bench.docker.stop(&spec.name, Duration::from_secs(1)).await.expect("stopped twice is stopped");
    assert!(matches!(ended.await.unwrap(), Exit::Exited { .. }));
}

fn fetch(address: &str, port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((address, port)).ok()?;
    stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    Some(page)
}

#[tokio::test]
async fn a_port_already_taken_is_told_in_the_engines_words() {
    let bench = Bench::new();
    let held = std::net::TcpListener::bind("127.0.0.79:0").unwrap();
    let mut spec = bench.shell("clashes", "sleep 60");
    spec.ports = vec![PublishedPort {
        host_ip: "127.0.0.79".to_owned(),
        host_port: held.local_addr().unwrap().port(),
        container_port: 80,
        protocol: Protocol::Tcp,
    }];
    bench.docker.create(&spec).await.unwrap();
    let error = bench.docker.start(&spec.name).await.unwrap_err();
    assert!(error.to_string().contains("address already in use"), "{error}");
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_fails_in_the_engines_words() {
    let bench = Bench::new();
    let error = bench
        .docker
        .pull(&Pull::quiet("127.0.0.1:1/no-such/image", false, Path::new("/none")))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Pull { image, .. } if image == "127.0.0.1:1/no-such/image"),
        "{error:?}"
    );
    assert!(error.to_string().contains("connection refused"), "{error}");

    let error =
        bench.docker.pull(&Pull::quiet("Not A Name", false, Path::new("/none"))).await.unwrap_err();
    assert!(matches!(error, Error::Pull { .. } | Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn without_an_engine_the_error_names_the_socket() {
    let config =
        DockerConfig { socket: PathBuf::from("/no/such/docker.sock"), ..DockerConfig::default() };
    let error = Docker::new(config).probe().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }));
    assert!(error.to_string().contains("unix:///no/such/docker.sock"), "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn an_engine_that_never_answers_is_given_up() {
    let folder = tempfile::TempDir::new().unwrap();
    let socket = folder.path().join("docker.sock");
    let _silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let config =
        DockerConfig { socket, call_timeout: Duration::from_secs(1), ..DockerConfig::default() };
    let docker = Docker::new(config);
    assert!(matches!(docker.probe().await.unwrap_err(), Error::TimedOut { .. }));
    assert!(matches!(docker.inspect("x").await.unwrap_err(), Error::TimedOut { .. }));
}

#[tokio::test]
async fn the_engine_tells_its_version() {
    let info = Bench::new().docker.probe().await.unwrap();
    assert!(!info.version.is_empty() && info.api_version.starts_with('1'), "{info:?}");
}
