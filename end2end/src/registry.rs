//! A registry of images on loopback, and a gate in front of it that can hold an image's layer back in the middle.
//!
//! The registry is Debian's `docker-registry`, with its data in a folder of its own. Engines take a registry on loopback without
//! certificates. Images are pushed to the registry itself and pulled through the gate.

use std::{
    fs,
    net::Ipv4Addr,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, Command},
    sync::watch,
    task::JoinHandle,
};

use crate::{containers::docker, curl, waiting::until};

/// How long the registry may take to answer.
const START: Duration = Duration::from_secs(30);

/// The size of each image's layer, random so that no two images share one.
const LAYER: usize = 4 << 20;

/// So much of a layer passes a closed gate; manifests and configurations are shorter.
const PASSES: usize = 256 << 10;

/// A registry with its gate; dropping it ends both and removes the images that it made from the engine.
#[derive(Debug)]
pub struct Registry {
    port: u16,
    gate: u16,
    is_closed: watch::Sender<bool>,
    held: watch::Receiver<usize>,
    images: Vec<String>,
    accepting: JoinHandle<()>,
    folder: TempDir,
    _process: Child,
}

impl Registry {
    /// Starts an empty registry that asks nobody who they are, with its gate open.
    pub async fn start() -> Result<Self> {
        let folder = TempDir::with_prefix("ekiden-registry-")?;
        let port = free_port()?;
        let config = folder.path().join("config.yml");
        let data = folder.path().join("data");
        fs::write(
            &config,
            format!(
                "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
                data.display()
            ),
        )?;
        let log = fs::File::create(folder.path().join("log"))?;
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("could not start `docker-registry`, of Debian's package of that name")?;
        until("the registry answers", START, async || {
            let reply = curl::get(&format!("http://127.0.0.1:{port}/v2/")).await?;
            ensure!(reply.status == 200, "it answers {}", reply.status);
            Ok(())
        })
        .await
        .with_context(|| fs::read_to_string(folder.path().join("log")).unwrap_or_default())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let gate = listener.local_addr()?.port();
        let (is_closed, watched) = watch::channel(false);
        let (holds, held) = watch::channel(0);
        let accepting = tokio::spawn(accept(listener, port, watched, Arc::new(holds)));
        let images = Vec::new();
        Ok(Self { port, gate, is_closed, held, images, accepting, folder, _process: process })
    }

    /// What an image is called through the gate, whether it is there or not.
    pub fn image(&self, name: &str) -> String {
        format!("127.0.0.1:{}/{name}", self.gate)
    }

    /// Makes an image of busybox and a layer like no other, pushes it, and takes it away from the engine; its name through the gate.
    pub async fn push(&mut self, name: &str) -> Result<String> {
        let mut random = vec![0; LAYER];
        tokio::fs::File::open("/dev/urandom").await?.read_exact(&mut random).await?;
        let layer = self.folder.path().join("random");
        fs::write(&layer, random)?;
        let direct = format!("127.0.0.1:{}/{name}", self.port);
        let container = docker(&["create", "docker.io/busybox", "sh"]).await?;
        let container = container.trim();
        let copied =
            docker(&["cp", &layer.display().to_string(), &format!("{container}:/random")]).await;
        let made = match copied {
            Ok(_) => docker(&["commit", container, &direct]).await,
            failed => failed,
        };
        docker(&["rm", container]).await?;
        made?;
        docker(&["push", &direct]).await?;
        docker(&["rmi", &direct]).await?;
        self.images.push(self.image(name));
        Ok(self.image(name))
    }

    /// From here on layers stop in the middle, until the gate is opened.
    pub fn close(&self) {
        self.is_closed.send_replace(true);
    }

    /// Lets everything through, also what is held.
    pub fn open(&self) {
        self.is_closed.send_replace(false);
    }

    /// Waits until so many layers have been stopped since the start.
    pub async fn has_stopped(&self, layers: usize) -> Result<()> {
        let mut held = self.held.clone();
        let stopped = held.wait_for(|held| *held >= layers);
        tokio::time::timeout(START, stopped)
            .await
            .with_context(|| format!("no layer was asked for, or fewer than {layers}"))??;
        Ok(())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.accepting.abort();
        for image in &self.images {
            // It may never have been pulled.
            let _ = std::process::Command::new("docker")
                .args(["rmi", "--force", image])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

async fn accept(
    listener: TcpListener,
    registry: u16,
    is_closed: watch::Receiver<bool>,
    held: Arc<watch::Sender<usize>>,
) {
    while let Ok((engine, _)) = listener.accept().await {
        let (is_closed, held) = (is_closed.clone(), Arc::clone(&held));
        tokio::spawn(async move {
            // An engine that gives up a pull breaks its connections.
            let _ = connection(engine, registry, is_closed, held).await;
        });
    }
}

async fn connection(
    engine: TcpStream,
    registry: u16,
    is_closed: watch::Receiver<bool>,
    held: Arc<watch::Sender<usize>>,
) -> Result<()> {
    let registry = TcpStream::connect((Ipv4Addr::LOCALHOST, registry)).await?;
    let (from_engine, to_engine) = engine.into_split();
    let (from_registry, to_registry) = registry.into_split();
    // A connection carries one request after the other; what comes down belongs to the last one that went up.
    let request = Arc::new(Request::default());
    tokio::select! {
        up = upwards(from_engine, to_registry, Arc::clone(&request)) => up,
        down = downwards(from_registry, to_engine, request, is_closed, held) => down,
    }
}

#[derive(Debug, Default)]
struct Request {
    is_blob: AtomicBool,
    answered: AtomicUsize,
}

async fn upwards(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    request: Arc<Request>,
) -> Result<()> {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        if bytes[..read].starts_with(b"GET ") {
            let line = bytes[..read].split(|byte| *byte == b'\r').next().unwrap_or_default();
            let is_blob = line.windows(7).any(|part| part == b"/blobs/");
            request.is_blob.store(is_blob, Ordering::SeqCst);
            request.answered.store(0, Ordering::SeqCst);
        }
        to.write_all(&bytes[..read]).await?;
    }
}

async fn downwards(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    request: Arc<Request>,
    mut is_closed: watch::Receiver<bool>,
    held: Arc<watch::Sender<usize>>,
) -> Result<()> {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        let answered = request.answered.fetch_add(read, Ordering::SeqCst) + read;
        let is_layer = request.is_blob.load(Ordering::SeqCst) && answered > PASSES;
        if is_layer && *is_closed.borrow() {
            held.send_modify(|held| *held += 1);
            is_closed.wait_for(|is_closed| !is_closed).await?;
        }
        to.write_all(&bytes[..read]).await?;
    }
}
