//! Engines that are silent, break off or talk nonsense, played by the test.
#![expect(clippy::unwrap_used, reason = "an engine that cannot be played ends its test")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_core::container::{Exit, Network};
use containerizer::{Containerizer, Docker, DockerConfig, Error, Pull};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// How long an answer may take that is to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a played engine does with a request.
enum Answer {
    /// Says this, and hangs up.
    Say(String),
    /// Says this, and nothing more.
    Begin(String),
    /// Hangs up.
    BreakOff,
    /// Nothing.
    Silence,
}

/// An engine whose answers depend on the request's first line and on how many came before.
struct Played {
    socket: PathBuf,
    _folder: TempDir,
    serving: tokio::task::JoinHandle<()>,
}

impl Played {
    fn start(mut answer: impl FnMut(&str, usize) -> Answer + Send + 'static) -> Self {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let serving = tokio::spawn(async move {
            let mut kept = Vec::new();
            for number in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let line = first_line(&mut stream).await;
                match answer(&line, number) {
                    Answer::Say(text) => stream.write_all(text.as_bytes()).await.unwrap(),
                    Answer::Begin(text) => {
                        stream.write_all(text.as_bytes()).await.unwrap();
                        kept.push(stream);
                    }
                    Answer::BreakOff => {}
                    Answer::Silence => kept.push(stream),
                }
            }
        });
        Self { socket, _folder: folder, serving }
    }

    fn docker(&self) -> Docker {
        self.docker_within(PATIENCE, PATIENCE)
    }

    fn docker_within(&self, call_timeout: Duration, pull_stall_timeout: Duration) -> Docker {
        Docker::new(DockerConfig {
            socket: self.socket.clone(),
            call_timeout,
            pull_stall_timeout,
            retry_pause: Duration::from_millis(50),
            ..DockerConfig::default()
        })
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn first_line(stream: &mut UnixStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(head).unwrap().lines().next().unwrap_or_default().to_owned()
}

fn json(status: &str, body: &str) -> Answer {
    Answer::Say(format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))
}

fn spec() -> agent_core::container::ContainerSpec {
    agent_core::container::ContainerSpec {
        name: "mesos-S0.x".to_owned(),
        image: "busybox".to_owned(),
        force_pull: false,
        entrypoint: None,
        arguments: Vec::new(),
        environment: Vec::new(),
        labels: [].into(),
        network: Network::None,
        ports: Vec::new(),
        hostname: None,
        cpu_shares: 2,
        cpu_quota: None,
        memory_bytes: 32 << 20,
        memory_reservation_bytes: None,
        privileged: false,
        volumes: Vec::new(),
        options: Default::default(),
        sandbox_owner: None,
        sandbox: "/tmp".to_owned(),
        sandbox_mount: "/mnt/mesos/sandbox".to_owned(),
    }
}

#[tokio::test]
async fn every_call_gives_a_silent_engine_up_in_time_and_names_what_it_asked() {
    let engine = Played::start(|_, _| Answer::Silence);
    let soon = Duration::from_secs(1);
    let docker = engine.docker_within(soon, soon);
    let spec = spec();
    let errors = [
        docker.probe().await.err(),
        docker.pull(&Pull::quiet("busybox", false, Path::new("/none"))).await.err(),
        docker.create(&spec).await.err(),
        docker.start("mesos-S0.x").await.err(),
        docker.inspect("mesos-S0.x").await.err(),
        docker.stop("mesos-S0.x", Duration::ZERO).await.err(),
        docker.remove("mesos-S0.x").await.err(),
        docker.containers("label", "value").await.err(),
    ];
    for error in errors {
        let error = error.expect("a silent engine has done nothing");
        assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
        assert!(error.is_retryable());
        assert!(error.to_string().contains("did not answer within 1 s ("), "{error}");
    }
}

#[tokio::test]
async fn a_pull_without_progress_is_given_up_and_says_so() {
    let engine = Played::start(|line, _| {
        if line.starts_with("GET") {
            return json("404 Not Found", r#"{"message":"No such image: busybox:latest"}"#);
        }
        let progress = "{\"status\":\"Pulling from library/busybox\"}\r\n";
        Answer::Begin(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{progress}\r\n",
            progress.len()
        ))
    });
    // Within that time the pull must also begin.
    let docker = engine.docker_within(PATIENCE, Duration::from_secs(3));
    let error = docker.pull(&Pull::quiet("busybox", false, Path::new("/none"))).await.unwrap_err();
    assert_eq!(error.to_string(), "failed to pull image `busybox`: no progress for 3 s");
}

#[tokio::test]
async fn a_pull_tells_how_far_it_is_and_fails_in_the_registrys_words() {
    let engine = Played::start(|line, _| {
        if line.starts_with("GET") {
            return json("404 Not Found", r#"{"message":"No such image: busybox:latest"}"#);
        }
        assert_eq!(line, "POST /images/create?fromImage=busybox&tag=latest HTTP/1.1");
        let lines = [
            r#"{"status":"Pulling fs layer","progressDetail":{},"id":"a"}"#,
            r#"{"status":"Downloading","progressDetail":{"current":1048576,"total":2097152},"id":"a"}"#,
            r#"{"errorDetail":{"message":"unauthorized"},"error":"unauthorized: no access"}"#,
        ];
        json("200 OK", &lines.join("\r\n"))
    });
    let told = std::sync::Mutex::new(Vec::new());
    let progress = |text| told.lock().unwrap().push(text);
    let order = Pull { progress: &progress, ..Pull::quiet("busybox", false, Path::new("/none")) };
    let error = engine.docker().pull(&order).await.unwrap_err();
    assert_eq!(error.to_string(), "failed to pull image `busybox`: unauthorized: no access");
    let last = told.lock().unwrap().last().cloned();
    let expected = "Pulling image `busybox`: 0 of 1 layers, 1.0 MiB of 2.0 MiB downloaded";
    assert_eq!(last.as_deref(), Some(expected));
}

#[tokio::test]
async fn waiting_outlives_an_engine_that_breaks_off_and_talks_nonsense() {
    let engine = Played::start(|line, number| match number {
        0..4 => Answer::BreakOff,
        4 => json("500 Internal Server Error", r#"{"message":"the daemon is shutting down"}"#),
        5 => json("200 OK", "[1, 2"),
        6 if line.contains("/json") => json("200 OK", r#"{"State":{"Status":"running"}}"#),
        _ if line.contains("/json") => {
            json("200 OK", r#"{"State":{"Status":"exited","ExitCode":5}}"#)
        }
        _ => Answer::BreakOff,
    });
    let exit = tokio::time::timeout(PATIENCE, engine.docker().wait("mesos-S0.x")).await;
    assert_eq!(exit.unwrap(), Exit::Exited { status: 5, out_of_memory: false });
}

#[tokio::test]
async fn a_refusal_is_told_in_the_engines_words() {
    let engine = Played::start(|_, _| {
        json("500 Internal Server Error", r#"{"message":"no space left on device"}"#)
    });
    let error = engine.docker().create(&spec()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the Docker engine refused to create container `mesos-S0.x`: no space left on device"
    );
}
