//! The gate in front of a registry: it passes bytes, slowly when it is told to, or stops layers in the middle, and counts who asks for an
//! image.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// So much of a layer passes a closed gate; manifests and configurations are shorter.
const PASSES: usize = 256 << 10;

/// How the bytes of layers pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Free,
    /// At most so many bytes a second on each connection.
    Slow(usize),
    Closed,
}

/// The gate; dropping it ends it.
#[derive(Debug)]
pub(super) struct Gate {
    port: u16,
    pace: watch::Sender<Pace>,
    held: watch::Receiver<usize>,
    manifests: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Gate {
    /// Opens a gate before the port `registry`, everything free.
    pub(super) async fn open(registry: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (pace, watched) = watch::channel(Pace::Free);
        let (holds, held) = watch::channel(0);
        let manifests = Arc::default();
        let counted = Arc::clone(&manifests);
        let accepting = tokio::spawn(accept(listener, registry, watched, Arc::new(holds), counted));
        Ok(Self { port, pace, held, manifests, accepting })
    }

    /// How often a manifest was asked for since the start.
    pub(super) fn manifests(&self) -> usize {
        self.manifests.load(Ordering::SeqCst)
    }

    /// Where it listens on loopback.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// From here on layers pass so, also those that are under way.
    pub(super) fn set(&self, pace: Pace) {
        self.pace.send_replace(pace);
    }

    /// Waits until so many layers have been stopped since the start.
    pub(super) async fn has_stopped(&self, layers: usize, patience: Duration) -> Result<()> {
        let mut held = self.held.clone();
        let stopped = held.wait_for(|held| *held >= layers);
        tokio::time::timeout(patience, stopped)
            .await
            .with_context(|| format!("no layer was asked for, or fewer than {layers}"))??;
        Ok(())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    registry: u16,
    pace: watch::Receiver<Pace>,
    held: Arc<watch::Sender<usize>>,
    manifests: Arc<AtomicUsize>,
) {
    while let Ok((engine, _)) = listener.accept().await {
        let (pace, held) = (pace.clone(), Arc::clone(&held));
        let request = Arc::new(Request { manifests: Arc::clone(&manifests), ..Request::default() });
        tokio::spawn(async move {
            // An engine that gives up a pull breaks its connections.
            let _ = connection(engine, registry, request, pace, held).await;
        });
    }
}

async fn connection(
    engine: TcpStream,
    registry: u16,
    request: Arc<Request>,
    pace: watch::Receiver<Pace>,
    held: Arc<watch::Sender<usize>>,
) -> Result<()> {
    let registry = TcpStream::connect((Ipv4Addr::LOCALHOST, registry)).await?;
    let (from_engine, to_engine) = engine.into_split();
    let (from_registry, to_registry) = registry.into_split();
    tokio::select! {
        up = upwards(from_engine, to_registry, Arc::clone(&request)) => up,
        down = downwards(from_registry, to_engine, request, pace, held) => down,
    }
}

/// A connection carries one request after the other; what comes down belongs to the last one that went up.
#[derive(Debug, Default)]
struct Request {
    is_blob: AtomicBool,
    answered: AtomicUsize,
    manifests: Arc<AtomicUsize>,
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
        if bytes[..read].starts_with(b"GET ") || bytes[..read].starts_with(b"HEAD ") {
            let line = bytes[..read].split(|byte| *byte == b'\r').next().unwrap_or_default();
            let line = String::from_utf8_lossy(line);
            if line.contains("/manifests/") {
                request.manifests.fetch_add(1, Ordering::SeqCst);
            }
            let is_blob = line.contains("/blobs/");
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
    mut pace: watch::Receiver<Pace>,
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
        if is_layer {
            pass(read, &mut pace, &held).await?;
        }
        to.write_all(&bytes[..read]).await?;
    }
}

/// Returns when so many bytes of a layer may go on.
async fn pass(
    bytes: usize,
    pace: &mut watch::Receiver<Pace>,
    held: &watch::Sender<usize>,
) -> Result<()> {
    let now = *pace.borrow_and_update();
    match now {
        Pace::Free => {}
        Pace::Closed => {
            held.send_modify(|held| *held += 1);
            pace.wait_for(|pace| *pace != Pace::Closed).await?;
        }
        Pace::Slow(rate) => {
            let micros = u64::try_from(bytes * 1_000_000 / rate.max(1))?;
            // Another pace ends the pause.
            let _ = tokio::time::timeout(Duration::from_micros(micros), pace.changed()).await;
        }
    }
    Ok(())
}
