//! The control socket of a local cluster: one line in (`kill agent-1`), one line out (`ok` or `failed`, and what there is to say).
//!
//! It lies in the data folder, so only who may write there can give orders.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

const SOCKET: &str = "control.sock";
const MAX_LINE: u64 = 256;
const DONE: &str = "ok";
const FAILED: &str = "failed";

/// What can be asked of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// SIGKILL, and the containers with it.
    Kill,
    /// SIGKILL to the process alone.
    KillProcess,
    /// SIGTERM.
    Stop,
    /// Run it again.
    Start,
}

impl Order {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Kill, "kill"),
        (Self::KillProcess, "kill-process"),
        (Self::Stop, "stop"),
        (Self::Start, "start"),
    ];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(order, _)| *order == self).map_or("", |(_, word)| word)
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(order, _)| *order)
    }
}

/// One order that waits for its answer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) order: Order,
    pub(super) node: String,
    reply: oneshot::Sender<Result<String, String>>,
}

impl Request {
    /// Answers whoever gave the order; one that has gone is not missed.
    pub(super) fn answer(self, outcome: Result<String, String>) {
        let _ = self.reply.send(outcome);
    }
}

/// Listens in the data folder. Orders come one at a time; a full channel makes the giver wait.
pub(super) fn listen(data: &Path) -> anyhow::Result<mpsc::Receiver<Request>> {
    let path = data.join(SOCKET);
    // The folder's lock is held by us: a socket that is still there was left by a dead cluster.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", path.display()));
        }
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path)
        .with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let (sender, orders) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Err(error) = answer(stream, &sender).await {
                tracing::debug!(%error, "an order was not answered: {error}");
            }
        }
    });
    Ok(orders)
}

async fn answer(stream: UnixStream, orders: &mpsc::Sender<Request>) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    (&mut stream).take(MAX_LINE).read_line(&mut line).await?;
    let outcome = match line
        .trim()
        .split_once(' ')
        .and_then(|(word, node)| Order::from_word(word).map(|order| (order, node.to_owned())))
    {
        Some((order, node)) => {
            let (reply, answer) = oneshot::channel();
            orders.send(Request { order, node, reply }).await?;
            answer.await?
        }
        None => Err(format!("`{}` is no order", line.trim())),
    };
    let (word, text) = match &outcome {
        Ok(text) => (DONE, text),
        Err(text) => (FAILED, text),
    };
    stream.get_mut().write_all(format!("{word} {text}\n").as_bytes()).await?;
    Ok(())
}

/// Gives an order to the cluster that runs in `data` and returns its answer.
pub(super) async fn send(data: &Path, order: Order, node: &str) -> anyhow::Result<String> {
    let path = data.join(SOCKET);
    let mut stream = UnixStream::connect(&path)
        .await
        .with_context(|| format!("no local cluster runs in {}", data.display()))?;
    stream.write_all(format!("{} {node}\n", order.word()).as_bytes()).await?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).await?;
    match answer.trim_end().split_once(' ') {
        Some((DONE, text)) => Ok(text.to_owned()),
        Some((FAILED, text)) => anyhow::bail!("{text}"),
        Some(_) | None => anyhow::bail!("the cluster ended before it had carried out the order"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_order_reaches_the_cluster_and_its_answer_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut orders = listen(folder.path()).unwrap();
        let giver = tokio::spawn({
            let data = folder.path().to_owned();
            async move { send(&data, Order::KillProcess, "agent-1").await }
        });
        let request = orders.recv().await.unwrap();
        assert_eq!((request.order, request.node.as_str()), (Order::KillProcess, "agent-1"));
        request.answer(Ok("all done".to_owned()));
        assert_eq!(giver.await.unwrap().unwrap(), "all done");
    }

    #[tokio::test]
    async fn an_order_that_fails_is_an_error_for_its_giver() {
        let folder = tempfile::tempdir().unwrap();
        let mut orders = listen(folder.path()).unwrap();
        let giver = tokio::spawn({
            let data = folder.path().to_owned();
            async move { send(&data, Order::Kill, "agent-9").await }
        });
        let request = orders.recv().await.unwrap();
        request.answer(Err("this cluster has no node `agent-9`".to_owned()));
        let error = giver.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "this cluster has no node `agent-9`");
    }

    #[tokio::test]
    async fn without_a_cluster_the_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = send(folder.path(), Order::Stop, "master-1").await.unwrap_err();
        assert!(error.to_string().contains("no local cluster runs in"), "{error}");
    }
}
