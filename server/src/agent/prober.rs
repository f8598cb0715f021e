//! Puts the agent's questions to its tasks: commands in the container, HTTP and TCP in the task's network.
//!
//! A connection in a network of the task's own is made by a thread that enters the namespace and ends with it; where
//! this process may not enter, the container's address is asked instead. What keeps a question from being put at all
//! (an engine that does not answer) says nothing about the task.
//!
//! Every question is answered once, however it ends: the core puts no check's next one before. So at most one of each
//! check waits or is out, and its time runs from its turn. A turn is for the work at the beginning; who is silent for
//! longer than that gives it back and is waited for without one, so that silent tasks do not keep others waiting.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent_core::Command;
use agent_core::check::{Outcome, Probe, Question};
use containerizer::{Inside, TaskNetwork};
use futures_util::FutureExt as _;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::probe::{HttpAnswer, HttpQuestion};

/// Connections that are begun at once; the others wait.
const CONNECTIONS_AT_ONCE: usize = 256;
/// Commands that are begun at once: each is a process, and some calls of the engine.
const COMMANDS_AT_ONCE: usize = 64;
/// How long a question keeps its turn.
const TURN: Duration = Duration::from_secs(2);
/// Redirects that are followed, as many as curl does.
const REDIRECTS: usize = 50;
/// How long a connection may take where the check sets no limit.
const CONNECT: Duration = Duration::from_secs(60);

/// Who asks the tasks of this agent.
#[derive(Clone)]
pub(super) struct Prober {
    inside: Arc<dyn Inside>,
    inbox: mpsc::Sender<Command>,
    connections: Arc<Semaphore>,
    commands: Arc<Semaphore>,
    /// How long a question keeps its turn.
    turn: Duration,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Prober {
    pub(super) fn new(
        inside: Arc<dyn Inside>,
        inbox: mpsc::Sender<Command>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let connections = Arc::new(Semaphore::new(CONNECTIONS_AT_ONCE));
        let commands = Arc::new(Semaphore::new(COMMANDS_AT_ONCE));
        Self { inside, inbox, connections, commands, turn: TURN, tracker, stop }
    }

    /// Asks and reports; a stop of the process cuts it off, and the next process asks again.
    pub(super) fn ask(&self, probe: Probe) {
        let this = self.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = this.stop.cancelled() => {}
                () = this.work(&probe) => {}
            }
        });
    }

    async fn work(&self, probe: &Probe) {
        let turns = match &probe.question {
            Question::Command { .. } => &self.commands,
            Question::Http { .. } | Question::Tcp { .. } => &self.connections,
        };
        let Ok(turn) = turns.acquire().await else { return };
        // A fault of ours must not be the end of the check.
        let asked = AssertUnwindSafe(answer(&*self.inside, probe)).catch_unwind();
        let mut asked = std::pin::pin!(asked);
        let soon = tokio::time::timeout(self.turn, &mut asked).await;
        drop(turn);
        let answered = match soon {
            Ok(answered) => answered,
            Err(_elapsed) => asked.await,
        };
        let broken = |_| Outcome::NotAsked("the question broke off".to_owned());
        let outcome = answered.unwrap_or_else(broken);
        let (task, kind, number) = (probe.task.clone(), probe.kind, probe.number);
        if self.inbox.send(Command::Probed { task, kind, number, outcome }).await.is_err() {
            debug!("the agent has stopped before it heard of a check");
        }
    }
}

/// Asks, and does not wait for the answer longer than the check allows.
async fn answer(inside: &dyn Inside, probe: &Probe) -> Outcome {
    let (port, is_v6) = match &probe.question {
        Question::Command { line, environment } => {
            let code = async {
                match inside.run(&probe.name, line, environment).await {
                    Ok(code) => Outcome::Exited(i32::try_from(code).unwrap_or(i32::MAX)),
                    Err(error) => not_asked(&error),
                }
            };
            return within(probe.timeout, code).await;
        }
        Question::Http { port, is_v6, .. } | Question::Tcp { port, is_v6 } => (*port, *is_v6),
    };
    // Its time begins to run after that: an engine that is slow to tell does not make the task slow.
    match inside.network(&probe.name).await {
        Ok(network) => within(probe.timeout, answer_in(&network, port, is_v6, probe)).await,
        Err(error) => not_asked(&error),
    }
}

async fn within(limit: Option<Duration>, answered: impl Future<Output = Outcome>) -> Outcome {
    let Some(limit) = limit else { return answered.await };
    tokio::time::timeout(limit, answered).await.unwrap_or_else(|_elapsed| {
        Outcome::Failed(format!("no answer within {} s", limit.as_secs_f64()))
    })
}

/// What a server in that network answers.
async fn answer_in(network: &TaskNetwork, port: u16, is_v6: bool, probe: &Probe) -> Outcome {
    let limit = probe.timeout.unwrap_or(CONNECT);
    let connected = connect(network, port, is_v6, limit).await;
    let stream = match connected {
        Ok(stream) => stream,
        Err(error) => return Outcome::Failed(format!("no connection to port {port}: {error}")),
    };
    let Question::Http { is_tls, path, .. } = &probe.question else { return Outcome::Connected };
    let host = loopback(is_v6).to_string();
    let question = HttpQuestion { is_tls: *is_tls, host: &host, port, path, body_limit: 0 };
    match question.ask(stream).await {
        Ok(answer) => follow(answer, *is_tls, port, is_v6, network, limit).await,
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// An engine that is silent or has lost the container does not make the task sick.
fn not_asked(error: &containerizer::Error) -> Outcome {
    match error {
        containerizer::Error::Refused { .. } | containerizer::Error::Beside { .. } => {
            Outcome::Failed(error.to_string())
        }
        other => Outcome::NotAsked(other.to_string()),
    }
}

/// Goes where redirects within the task point; one to somewhere else is good by itself.
///
/// Compat: the original's curl follows to anywhere; whether another host serves says nothing about this task.
async fn follow(
    mut answer: HttpAnswer,
    is_tls: bool,
    port: u16,
    is_v6: bool,
    network: &TaskNetwork,
    limit: Duration,
) -> Outcome {
    let host = loopback(is_v6).to_string();
    for _ in 0..REDIRECTS {
        let next = answer.location.as_deref().filter(|_| (300..400).contains(&answer.status));
        let Some(path) = next.filter(|next| next.starts_with('/') && !next.starts_with("//"))
        else {
            return Outcome::Answered(answer.status);
        };
        let stream = match connect(network, port, is_v6, limit).await {
            Ok(stream) => stream,
            Err(error) => return Outcome::Failed(format!("no connection to port {port}: {error}")),
        };
        let question = HttpQuestion { is_tls, host: &host, port, path, body_limit: 0 };
        answer = match question.ask(stream).await {
            Ok(answer) => answer,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
    }
    Outcome::Failed(format!("more than {REDIRECTS} redirects"))
}

fn loopback(is_v6: bool) -> IpAddr {
    if is_v6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() }
}

/// Connects to loopback in the task's network.
async fn connect(
    network: &TaskNetwork,
    port: u16,
    is_v6: bool,
    limit: Duration,
) -> io::Result<TcpStream> {
    let address = SocketAddr::new(loopback(is_v6), port);
    let Some(namespace) = network.namespace.clone() else {
        return TcpStream::connect(address).await;
    };
    let (told, connected) = oneshot::channel();
    std::thread::Builder::new().name("enter-network".to_owned()).spawn(move || {
        // Nobody waits for it any more when the check's time is over.
        let _ = told.send(connect_within(&namespace, address, limit));
    })?;
    let connected = connected.await.map_err(io::Error::other)?;
    match connected {
        Err(Entering::Refused(error)) => {
            debug!("the network of a task cannot be entered, its address is asked: {error}");
            let is_usable = |address: &IpAddr| address.is_ipv6() == is_v6;
            let addresses = network.addresses.iter().filter_map(|address| address.parse().ok());
            let address = addresses.into_iter().find(is_usable).ok_or(error)?;
            TcpStream::connect((address, port)).await
        }
        Err(Entering::Unconnected(error)) => Err(error),
        Ok(stream) => {
            stream.set_nonblocking(true)?;
            TcpStream::from_std(stream)
        }
    }
}

/// Why there is no connection.
enum Entering {
    /// The namespace could not be entered.
    Refused(io::Error),
    /// Nobody answers there.
    Unconnected(io::Error),
}

/// Moves this thread into the namespace for good and connects there.
fn connect_within(
    namespace: &Path,
    address: SocketAddr,
    limit: Duration,
) -> Result<std::net::TcpStream, Entering> {
    let namespace = std::fs::File::open(namespace).map_err(Entering::Refused)?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|error| Entering::Refused(error.into()))?;
    std::net::TcpStream::connect_timeout(&address, limit).map_err(Entering::Unconnected)
}

#[cfg(test)]
mod tests;
