//! The agent's end of the link: connect, upgrade, read and write frames, and come back when it breaks.
//!
//! One connection at a time, each with a number; frames for an older one are dropped. What is sent and what a frame means is the
//! state machine's business. A link that worked is opened again at once; attempts that fail wait 100 ms, doubling to 2 s, with jitter.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use agent_core::{Command, ConnectionId};
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use prost::Message;
use rand::RngExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};
use wire::link::{AgentFrame, MAX_FRAME, MasterFrame, NONCE, PATH, PROOF, PROTOCOL, split};
use wire::recordio;

use crate::cluster_secret::{ClusterSecret, Nonce, Nonces, Proof, Side};

/// Orders that wait for the link's task, and frames that wait for a master that is slow to read; with more the connection is given up,
/// and the re-registration tells everything.
///
/// On a new link there is one for every task that has something to tell, all at once.
const QUEUE: usize = 262_144;

/// Bytes that are made ready to be written; the frames behind them share what the agent holds anyway.
const READY: usize = 1 << 20;

/// How long a master may read nothing of what waits for it.
const STALL: Duration = Duration::from_secs(10);

/// How long the master may take to accept a connection and upgrade it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);

/// An order to the link.
enum Order {
    Send(ConnectionId, Box<AgentFrame>),
    Close(ConnectionId, Option<Duration>),
}

/// Why a connection did not come about, or broke.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("no answer within {} s", CONNECT_TIMEOUT.as_secs())]
    TimedOut,
    #[error("it answered {status}: {body}")]
    NotUpgraded { status: StatusCode, body: String },
    #[error(
        "it is on another machine: start this agent with --cluster_secret_file, a copy of the master's"
    )]
    NeedsSecret,
    #[error("it did not prove that it knows the cluster's secret")]
    Unproven,
    #[error("{0}")]
    Frame(#[from] recordio::Malformed),
    #[error("a frame is no message: {0}")]
    Message(#[from] prost::DecodeError),
    #[error("it closed the connection")]
    Closed,
    #[error("it does not take frames as fast as they are sent")]
    Overrun,
}

/// Where the master is and how it is told from others.
pub(super) struct Master {
    /// `HOST:PORT`.
    pub(super) address: String,
    /// What both ends prove to each other; without it only a master on loopback is taken.
    pub(super) secret: Option<Arc<ClusterSecret>>,
}

/// The way to the link's task.
pub(super) struct Link {
    orders: mpsc::Sender<Order>,
    /// An order found no room: the connection has a gap and must not go on.
    overrun: Arc<Notify>,
}

impl Link {
    /// Starts the link's task; it runs until `stop`.
    pub(super) fn spawn(
        master: Master,
        inbox: mpsc::Sender<Command>,
        tracker: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let (orders, waiting) = mpsc::channel(QUEUE);
        let overrun = Arc::new(Notify::new());
        let mut client = Client {
            master,
            inbox,
            orders: waiting,
            overrun: Arc::clone(&overrun),
            tracker: tracker.clone(),
            last: 0,
            failures: 0,
        };
        tracker.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = client.run() => {}
            }
        });
        Self { orders, overrun }
    }

    /// Sends a frame, if the connection still stands.
    pub(super) fn send(&self, connection: ConnectionId, frame: Box<AgentFrame>) {
        if self.orders.try_send(Order::Send(connection, frame)).is_err() {
            self.overrun.notify_one();
        }
    }

    /// Closes a connection; the next one is not opened before `retry_after`.
    pub(super) fn close(&self, connection: ConnectionId, retry_after: Option<Duration>) {
        if self.orders.try_send(Order::Close(connection, retry_after)).is_err() {
            self.overrun.notify_one();
        }
    }
}

struct Client {
    master: Master,
    inbox: mpsc::Sender<Command>,
    orders: mpsc::Receiver<Order>,
    overrun: Arc<Notify>,
    tracker: TaskTracker,
    /// Number of the newest connection.
    last: u64,
    /// Attempts in a row that came to nothing.
    failures: u32,
}

impl Client {
    async fn run(&mut self) {
        loop {
            let retry_after = match self.connect().await {
                Ok(stream) => match self.hold(stream).await {
                    Some(retry_after) => retry_after,
                    None => return, // The driver has ended.
                },
                Err(error) => {
                    if self.failures == 0 {
                        let master = &self.master.address;
                        warn!("the master at {master} cannot be reached; trying again: {error}");
                    }
                    self.failures = self.failures.saturating_add(1);
                    None
                }
            };
            tokio::time::sleep(retry_after.unwrap_or_else(|| pause(self.failures))).await;
        }
    }

    /// Keeps one connection until it ends; says how long the master wants to be left alone, and nothing when the driver has ended.
    async fn hold(&mut self, stream: TokioIo<Upgraded>) -> Option<Option<Duration>> {
        self.last += 1;
        let connection = ConnectionId(self.last);
        debug!("connected to the master at {}", self.master.address);
        self.inbox.send(Command::LinkOpened(connection)).await.ok()?;
        let (frames, outcome) = self.talk(connection, stream).await;
        self.inbox.send(Command::LinkClosed(connection)).await.ok()?;
        // A refusal is one frame: only a link that carried more has worked, and is opened again at once.
        self.failures = if frames > 1 { 0 } else { self.failures.saturating_add(1) };
        match outcome {
            Ok(retry_after) => Some(retry_after),
            Err(error) => {
                info!("the link to the master at {} broke: {error}", self.master.address);
                Some(None)
            }
        }
    }

    async fn connect(&self) -> Result<TokioIo<Upgraded>, Error> {
        tokio::time::timeout(CONNECT_TIMEOUT, self.upgrade()).await.map_err(|_| Error::TimedOut)?
    }

    async fn upgrade(&self) -> Result<TokioIo<Upgraded>, Error> {
        let stream = TcpStream::connect(&self.master.address).await?;
        stream.set_nodelay(true)?;
        let nonce = match &self.master.secret {
            None if !stream.peer_addr()?.ip().is_loopback() => return Err(Error::NeedsSecret),
            None => None,
            Some(secret) => Some((secret, Nonce::random())),
        };
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // The connection lives in a task of hyper's making only until the upgrade hands it over, or fails.
        let driven = self.tracker.spawn(connection.with_upgrades());
        let mut request = http::Request::get(PATH)
            .header(header::HOST, &self.master.address)
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, PROTOCOL);
        if let Some((_, nonce)) = nonce {
            request = request.header(NONCE, nonce.to_string());
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))?;
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            driven.abort();
            return Err(Error::NotUpgraded {
                status,
                body: String::from_utf8_lossy(&body).trim().to_owned(),
            });
        }
        let proof = nonce
            .map(|(secret, nonce)| answer(secret, nonce, response.headers()).ok_or(Error::Unproven))
            .transpose()?;
        let mut stream = TokioIo::new(hyper::upgrade::on(response).await?);
        if let Some(Proof(proof)) = proof {
            stream.write_all(&proof).await?;
        }
        Ok(stream)
    }

    /// Exchanges frames until the connection ends, or the agent closes it; says how many came in.
    async fn talk(
        &mut self,
        connection: ConnectionId,
        stream: TokioIo<Upgraded>,
    ) -> (u64, Result<Option<Duration>, Error>) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut decoder = recordio::Decoder::new(MAX_FRAME);
        let mut incoming = BytesMut::with_capacity(64 << 10);
        let mut outgoing = Outgoing::new(connection);
        let mut orders = Vec::new();
        let mut heard = 0;
        loop {
            outgoing.make_ready();
            tokio::select! {
                () = self.overrun.notified() => return (heard, Err(Error::Overrun)),
                read = reader.read_buf(&mut incoming) => {
                    match read {
                        Ok(0) => return (heard, Err(Error::Closed)),
                        Ok(_) => {}
                        Err(error) => return (heard, Err(error.into())),
                    }
                    decoder.feed(&incoming);
                    incoming.clear();
                    match self.deliver(connection, &mut decoder).await {
                        Ok(frames) => heard += frames,
                        Err(error) => return (heard, Err(error)),
                    }
                }
                // Never waited for alone: the order to close comes even when the master reads nothing.
                written = writer.write_buf(&mut outgoing.ready), if outgoing.ready.has_remaining() => {
                    if let Err(error) = written {
                        return (heard, Err(error.into()));
                    }
                    outgoing.deadline = Instant::now() + STALL;
                }
                () = tokio::time::sleep_until(outgoing.deadline), if outgoing.ready.has_remaining() => {
                    return (heard, Err(Error::Overrun));
                }
                taken = self.orders.recv_many(&mut orders, 256) => {
                    if taken == 0 {
                        return (heard, Ok(None));
                    }
                    if let Some(retry_after) = outgoing.take(&mut orders) {
                        return (heard, Ok(retry_after));
                    }
                    if outgoing.waiting.len() > QUEUE {
                        return (heard, Err(Error::Overrun));
                    }
                }
            }
        }
    }

    async fn deliver(
        &self,
        connection: ConnectionId,
        decoder: &mut recordio::Decoder,
    ) -> Result<u64, Error> {
        let mut frames = 0;
        while let Some(bytes) = decoder.next_frame()? {
            let frame = MasterFrame::decode(bytes)?;
            frames += 1;
            if self.inbox.send(Command::FrameArrived(connection, Box::new(frame))).await.is_err() {
                return Err(Error::Closed);
            }
        }
        Ok(frames)
    }
}

/// This agent's proof, once the master's stands in its answer.
fn answer(secret: &ClusterSecret, agent: Nonce, headers: &HeaderMap) -> Option<Proof> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let nonces = Nonces { agent, master: Nonce::from_hex(text(NONCE)?)? };
    let proof = Proof::from_hex(text(PROOF)?)?;
    secret.accepts(Side::Master, nonces, proof).then(|| secret.prove(Side::Agent, nonces))
}

/// What is still to be written to one connection.
struct Outgoing {
    connection: ConnectionId,
    waiting: VecDeque<AgentFrame>,
    ready: BytesMut,
    /// When the master must have read some of what is ready.
    deadline: Instant,
}

impl Outgoing {
    fn new(connection: ConnectionId) -> Self {
        let deadline = Instant::now() + STALL;
        Self { connection, waiting: VecDeque::new(), ready: BytesMut::new(), deadline }
    }

    /// Puts the frames of this connection in line; an order to close it ends the line.
    fn take(&mut self, orders: &mut Vec<Order>) -> Option<Option<Duration>> {
        let mut closing = None;
        for order in orders.drain(..) {
            match order {
                Order::Send(of, frame) if of == self.connection && closing.is_none() => {
                    self.waiting.extend(split(*frame));
                }
                Order::Close(of, retry_after) if of == self.connection => {
                    closing = closing.or(Some(retry_after))
                }
                Order::Send(..) | Order::Close(..) => {}
            }
        }
        closing
    }

    /// Makes bytes of so many frames as are soon to be written.
    fn make_ready(&mut self) {
        if !self.ready.has_remaining() {
            self.deadline = Instant::now() + STALL;
        }
        while self.ready.len() < READY
            && let Some(frame) = self.waiting.pop_front()
        {
            recordio::encode_into(&frame.encode_to_vec(), &mut self.ready);
        }
    }
}

/// The wait after so many failures in a row: none after none, then doubling, somewhere in its upper half.
fn pause(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        _ => {
            let full = FIRST_RETRY.saturating_mul(1 << (failures - 1).min(10)).min(LAST_RETRY);
            full.mul_f64(rand::rng().random_range(0.5..=1.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_two_seconds_and_start_at_nothing() {
        assert_eq!(pause(0), Duration::ZERO);
        assert!(pause(1) >= Duration::from_millis(50) && pause(1) <= FIRST_RETRY);
        assert!(pause(40) >= LAST_RETRY / 2 && pause(40) <= LAST_RETRY);
    }

    #[test]
    fn a_master_without_the_secret_gets_no_proof_in_return() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name| ClusterSecret::read_or_make(&folder.path().join(name)).unwrap();
        let (secret, other) = (read("ours"), read("theirs"));
        let nonces = Nonces { agent: Nonce::random(), master: Nonce::random() };
        let heard = |proof: Proof| {
            let mut headers = HeaderMap::new();
            headers.insert(NONCE, nonces.master.to_string().parse().unwrap());
            headers.insert(PROOF, proof.to_string().parse().unwrap());
            answer(&secret, nonces.agent, &headers)
        };
        let ours = heard(secret.prove(Side::Master, nonces)).unwrap();
        assert!(secret.accepts(Side::Agent, nonces, ours));
        assert!(heard(other.prove(Side::Master, nonces)).is_none());
        assert!(heard(secret.prove(Side::Agent, nonces)).is_none());
        assert!(answer(&secret, nonces.agent, &HeaderMap::new()).is_none());
    }

    #[test]
    fn frames_of_an_older_connection_are_dropped() {
        let (old, new) = (ConnectionId(1), ConnectionId(2));
        let frame = AgentFrame { epoch: 3, link: 4, body: None };
        let mut orders = vec![
            Order::Send(old, Box::new(frame.clone())),
            Order::Close(old, None),
            Order::Send(new, Box::new(frame.clone())),
            Order::Close(new, Some(LAST_RETRY)),
            Order::Send(new, Box::new(frame.clone())),
        ];
        let mut outgoing = Outgoing::new(new);
        assert_eq!(outgoing.take(&mut orders), Some(Some(LAST_RETRY)));
        outgoing.make_ready();
        assert_eq!(outgoing.ready.freeze(), recordio::encode(&frame.encode_to_vec()));
    }
}
