//! The links to agents: one upgraded connection each, frames both ways.
//!
//! The reader waits when the core's inbox is full, so a flood from one agent slows that agent down. The
//! writer's queue is bounded; an agent that does not read loses its link.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use coordination::Lease;
use master_core::{Command, LinkId};
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tracing::{debug, warn};
use wire::link::{AgentFrame, Disjointed, Joiner, MAX_FRAME, MasterFrame};
use wire::recordio;

use super::leading::Leading;
use super::streams::Sent;

/// Frames that wait for a slow agent.
const QUEUE: usize = 8_192;
/// How long an agent may take to say who it is.
const INTRODUCTION: Duration = Duration::from_secs(30);

/// The open links of one leadership.
#[derive(Debug, Default)]
pub(crate) struct Links {
    open: Mutex<BTreeMap<LinkId, mpsc::Sender<Box<MasterFrame>>>>,
    /// How many were opened. Numbers begin at 1, since 0 means "no link" on the wire.
    opened: AtomicU64,
}

impl Links {
    fn open(&self) -> (LinkId, mpsc::Receiver<Box<MasterFrame>>) {
        let id = LinkId(self.opened.fetch_add(1, Ordering::Relaxed) + 1);
        let (sender, receiver) = mpsc::channel(QUEUE);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        (id, receiver)
    }

    /// Queues a frame.
    pub(crate) fn send(&self, id: LinkId, frame: Box<MasterFrame>) -> Sent {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = open.get(&id) else { return Sent::NotOpen };
        if sender.try_send(frame).is_ok() {
            return Sent::Queued;
        }
        open.remove(&id);
        Sent::Overrun
    }

    /// Ends a link after what is queued.
    pub(crate) fn close(&self, id: LinkId) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// Why a link ended; for the log.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
    #[error("the agent sent something that is no frame")]
    Framing(#[from] recordio::Malformed),
    #[error("the agent sent a damaged frame")]
    Frame(#[from] prost::DecodeError),
    #[error("the agent sent frames that do not belong together")]
    Parts(#[from] Disjointed),
    #[error("the agent did not say who it is")]
    Silent,
}

/// Serves one connection until either side ends it or the leadership is over.
pub(crate) async fn serve<C>(leading: Arc<Leading>, connection: C)
where
    C: AsyncRead + AsyncWrite + Send + Unpin,
{
    let (link, frames) = leading.links.open();
    let (reader, writer) = tokio::io::split(connection);
    let ended = tokio::select! {
        () = leading.over.cancelled() => Ok(()),
        ended = write(leading.handle.lease(), writer, frames) => ended,
        ended = read(&leading, link, reader) => ended,
    };
    if let Err(error) = ended {
        warn!(link = link.0, "agent link {} ended: {:#}", link.0, anyhow::Error::from(error));
    } else {
        debug!(link = link.0, "agent link {} ended", link.0);
    }
    leading.links.close(link);
    // When the leadership is over there is nobody to tell.
    let _ = leading.send(Command::LinkClosed { link }).await;
}

async fn read(
    leading: &Leading,
    link: LinkId,
    mut reader: impl AsyncRead + Unpin,
) -> Result<(), LinkError> {
    let mut decoder = recordio::Decoder::new(MAX_FRAME);
    let mut joiner = Joiner::default();
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    let mut is_introduced = false;
    loop {
        while let Some(frame) = decoder.next_frame()? {
            is_introduced = true;
            let Some(frame) = joiner.take(AgentFrame::decode(frame)?)? else { continue };
            let frame = Box::new(frame);
            if leading.send(Command::AgentFrame { link, frame }).await.is_err() {
                return Ok(());
            }
        }
        buffer.clear();
        let read = if is_introduced {
            reader.read_buf(&mut buffer).await?
        } else {
            let first = tokio::time::timeout(INTRODUCTION, reader.read_buf(&mut buffer));
            first.await.map_err(|_| LinkError::Silent)??
        };
        if read == 0 {
            return Ok(());
        }
        decoder.feed(&buffer);
    }
}

async fn write(
    lease: &Lease,
    mut writer: impl AsyncWrite + Unpin,
    mut frames: mpsc::Receiver<Box<MasterFrame>>,
) -> Result<(), LinkError> {
    let mut waiting = Vec::new();
    let mut buffer = BytesMut::new();
    while frames.recv_many(&mut waiting, 256).await > 0 {
        for frame in waiting.drain(..) {
            recordio::encode_into(&frame.encode_to_vec(), &mut buffer);
        }
        // What was released before may be sent only while the leader holds its lease.
        lease.held().await;
        writer.write_all_buf(&mut buffer).await?;
        writer.flush().await?;
    }
    writer.shutdown().await?;
    Ok(())
}
