//! How a process ends: what asks for it, and in which order things stop.
//!
//! One [`CancellationToken`] per process says "stop accepting, close streams, drain". Every task runs
//! under one [`TaskTracker`]; when the deadline passes, what is left is named in the log and dropped.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// How long open requests may go on after the order to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Returns when SIGTERM or SIGINT arrives, or, if `follow_stdin`, when standard input closes.
///
/// `ekiden local` holds the other end of that pipe: its end, however violent, is the end of its nodes.
pub(crate) async fn requested(follow_stdin: bool) -> std::io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
        () = stdin_closed(), if follow_stdin => "the end of its parent",
    })
}

async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 64];
    while matches!(stdin.read(&mut ignored).await, Ok(n) if n > 0) {}
}

/// Waits for all tracked tasks after `stop` was given, at most [`DRAIN`].
pub(crate) async fn drain(stop: &CancellationToken, tracker: &TaskTracker) {
    stop.cancel();
    tracker.close();
    match tokio::time::timeout(DRAIN, tracker.wait()).await {
        Ok(()) => info!("all tasks have ended"),
        Err(_) => warn!(tasks = tracker.len(), "{} tasks did not end in time", tracker.len()),
    }
}
