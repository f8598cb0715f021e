//! Stands between agents and the Docker engine, and makes trouble when it is asked to.
//!
//! It passes bytes on a Unix socket of its own. It can fall silent (`stall`), break every connection and take none (`cut`), and hold one
//! call back, before the engine gets it or after the engine has answered, so that a test can end the agent at exactly that moment.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// The engine's own socket.
const ENGINE: &str = "/var/run/docker.sock";

/// How long a held call may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the proxy does with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    Stalled,
    Cut,
}

/// Where a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// The engine does not know of it yet.
    BeforeTheEngine,
    /// The engine has done it; the agent does not know.
    AfterTheEngine,
}

#[derive(Debug)]
struct Rule {
    /// The beginning of the request line, such as `POST `.
    method: String,
    /// A part of its path.
    path: String,
    place: Where,
    reached: oneshot::Sender<String>,
    hang_up: oneshot::Receiver<()>,
    release: oneshot::Receiver<()>,
}

type Rules = Arc<Mutex<Vec<Rule>>>;

/// The proxy; dropping it breaks all connections.
#[derive(Debug)]
pub struct EngineProxy {
    socket: PathBuf,
    mode: watch::Sender<Mode>,
    rules: Rules,
    accepting: JoinHandle<()>,
    _folder: TempDir,
}

/// A call that is, or will be, held back.
#[derive(Debug)]
pub struct Held {
    what: String,
    reached: oneshot::Receiver<String>,
    hang_up: Option<oneshot::Sender<()>>,
    release: oneshot::Sender<()>,
}

impl Held {
    /// Waits until the call is there; its request line.
    pub async fn reached(&mut self) -> Result<String> {
        let line = tokio::time::timeout(PATIENCE, &mut self.reached).await;
        line.with_context(|| format!("no {} came", self.what))?.context("the proxy has ended")
    }

    /// Gives the agent up its call before the engine has got it: the agent learns that no answer will come, the call stays held.
    pub fn hang_up(&mut self) {
        if let Some(hang_up) = self.hang_up.take() {
            // The proxy may have ended before.
            let _ = hang_up.send(());
        }
    }

    /// Lets the call go on, even when whoever made it has died; dropping it instead loses the call.
    pub fn release(self) {
        // The proxy may have ended before.
        let _ = self.release.send(());
    }
}

impl EngineProxy {
    /// Starts a proxy on a socket of its own.
    pub fn start() -> Result<Self> {
        let folder = TempDir::with_prefix("ekiden-engine-")?;
        let socket = folder.path().join("docker.sock");
        let listener = UnixListener::bind(&socket)?;
        let (mode, watched) = watch::channel(Mode::Open);
        let rules = Rules::default();
        let accepting = tokio::spawn(accept(listener, watched, Arc::clone(&rules)));
        Ok(Self { socket, mode, rules, accepting, _folder: folder })
    }

    /// Where agents find the engine.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// No byte passes any more; connections stay and new ones are accepted.
    pub fn stall(&self) {
        self.mode.send_replace(Mode::Stalled);
    }

    /// Every connection breaks, and new ones break at once.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Bytes pass again.
    pub fn resume(&self) {
        self.mode.send_replace(Mode::Open);
    }

    /// Holds the next call back whose line begins with `method` and whose path contains `path`.
    pub fn hold(&self, method: &str, path: &str, place: Where) -> Held {
        let (reached, has_come) = oneshot::channel();
        let (go_on, release) = oneshot::channel();
        let (break_off, hang_up) = oneshot::channel();
        let (method, path) = (method.to_owned(), path.to_owned());
        let what = format!("`{method} …{path}…`");
        let rule = Rule { method, path, place, reached, hang_up, release };
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
        Held { what, reached: has_come, hang_up: Some(break_off), release: go_on }
    }
}

impl Drop for EngineProxy {
    fn drop(&mut self) {
        self.mode.send_replace(Mode::Cut);
        self.accepting.abort();
    }
}

async fn accept(listener: UnixListener, mode: watch::Receiver<Mode>, rules: Rules) {
    while let Ok((agent, _)) = listener.accept().await {
        let (mode, rules) = (mode.clone(), Arc::clone(&rules));
        tokio::spawn(async move {
            // A broken connection is what a proxy of this kind is for.
            let _ = connection(agent, mode, rules).await;
        });
    }
}

async fn connection(
    agent: UnixStream,
    mut mode: watch::Receiver<Mode>,
    rules: Rules,
) -> Result<()> {
    ensure!(*mode.borrow() != Mode::Cut, "cut");
    let (mut from_agent, mut to_agent) = agent.into_split();
    let mut request = tokio::select! {
        request = head(&mut from_agent) => request?,
        _ = mode.wait_for(|mode| *mode == Mode::Cut) => return Ok(()),
    };
    let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
    let rule = matching(&rules, &line);
    if let Some(Rule { place: Where::BeforeTheEngine, reached, hang_up, release, .. }) = rule {
        let _ = reached.send(line);
        let broken_off = async {
            match hang_up.await {
                Ok(()) => to_agent.shutdown().await,
                Err(_never) => Ok(()),
            }
        };
        let held = hold(&mut from_agent, &mut request, release);
        let (broken_off, held) = tokio::join!(broken_off, held);
        broken_off.map_err(anyhow::Error::from).and(held)?;
        return exchange(request, from_agent, to_agent, mode, None).await;
    }
    let answer_rule = rule.map(|rule| (line, rule));
    exchange(request, from_agent, to_agent, mode, answer_rule).await
}

/// Reads what the agent still says until the call is released; the agent may die meanwhile.
async fn hold(
    from_agent: &mut OwnedReadHalf,
    request: &mut Vec<u8>,
    release: oneshot::Receiver<()>,
) -> Result<()> {
    tokio::pin!(release);
    loop {
        tokio::select! {
            released = &mut release => return Ok(released?),
            read = from_agent.read_buf(request) => if read? == 0 {
                return Ok(release.await?);
            },
        }
    }
}

/// Passes a request on, and everything after it in both directions.
async fn exchange(
    request: Vec<u8>,
    from_agent: OwnedReadHalf,
    mut to_agent: OwnedWriteHalf,
    mode: watch::Receiver<Mode>,
    rule: Option<(String, Rule)>,
) -> Result<()> {
    let (mut from_engine, mut to_engine) = UnixStream::connect(ENGINE).await?.into_split();
    open(&mode).await?;
    to_engine.write_all(&request).await?;
    let upwards = async {
        let passed = pass(from_agent, &mut to_engine, mode.clone()).await;
        // An agent that has gone must not take back what it asked for: the engine ends what it has begun.
        match passed {
            Ok(()) => std::future::pending().await,
            Err(error) => Err::<(), _>(error),
        }
    };
    let downwards = async {
        if let Some((line, rule)) = rule {
            let mut first = vec![0; 64 << 10];
            let read = from_engine.read(&mut first).await?;
            let _ = rule.reached.send(line);
            rule.release.await?;
            to_agent.write_all(&first[..read]).await?;
        }
        pass(from_engine, &mut to_agent, mode.clone()).await
    };
    tokio::select! {
        ended = upwards => ended,
        ended = downwards => ended,
    }
}

/// Copies until the end, as the mode has it.
async fn pass(
    mut from: OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
) -> Result<()> {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let read = tokio::select! {
            read = from.read(&mut bytes) => read?,
            _ = mode.wait_for(|mode| *mode == Mode::Cut) => anyhow::bail!("cut"),
        };
        open(&mode).await?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..read]).await?;
    }
}

/// Waits out a stall.
async fn open(mode: &watch::Receiver<Mode>) -> Result<()> {
    let mut mode = mode.clone();
    let mode = *mode.wait_for(|mode| *mode != Mode::Stalled).await?;
    ensure!(mode == Mode::Open, "cut");
    Ok(())
}

/// Reads up to the end of a request's head, and what has come with it.
async fn head(from: &mut OwnedReadHalf) -> Result<Vec<u8>> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        ensure!(from.read_buf(&mut request).await? > 0, "the agent has hung up");
    }
    Ok(request)
}

fn matching(rules: &Rules, line: &str) -> Option<Rule> {
    let mut rules = rules.lock().unwrap_or_else(PoisonError::into_inner);
    let found = rules
        .iter()
        .position(|rule| line.starts_with(&rule.method) && line.contains(&rule.path))?;
    Some(rules.remove(found))
}
