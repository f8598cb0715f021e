//! Serves a router on a socket.
//!
//! A client that is slow to send its request head is dropped after [`HEAD_TIMEOUT`]; connections over
//! [`MAX_CONNECTIONS`] wait in the kernel's queue. Upgrades (the agent link) are supported. On `stop`
//! no new connection is taken, idle ones close, requests under way may finish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{debug, warn};

const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_CONNECTIONS: usize = 16_384;
/// Wait after a failed accept (out of file descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", cause(source))]
pub(crate) struct BindError {
    address: SocketAddr,
    source: std::io::Error,
}

fn cause(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "another program already listens there; stop it or choose another port".to_owned()
        }
        std::io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address".to_owned()
        }
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// Binds `address`.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { address, source })
}

/// Serves `router` on `listener` until `stop`.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    tracker: TaskTracker,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => return,
            permit = Arc::clone(&room).acquire_owned() => permit,
        };
        let Ok(permit) = permit else { return };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer, router.clone(), stop.clone());
                tracker.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                warn!(%error, "could not accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "could not set TCP_NODELAY: {error}");
    }
    let service = router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    // Without half-closed connections a client that goes away ends its event stream at once, not at
    // the next heartbeat.
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).half_close(false);
    let connection = builder
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "connection of {peer} ended: {error}");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn answer(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn requests_are_answered_until_the_stop() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route(
            "/",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }),
        );
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let server = tokio::spawn(serve(listener, router, tracker.clone(), stop.clone()));
        assert!(answer(address).await.ends_with("127.0.0.1"));
        stop.cancel();
        server.await.unwrap();
        tracker.close();
        tracker.wait().await;
        assert!(TcpStream::connect(address).await.is_err());
    }

    /// Tells when it is dropped, as the body of an answer that nobody reads any more.
    struct Dropped(Option<tokio::sync::oneshot::Sender<()>>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.take().map(|sender| sender.send(()));
        }
    }

    #[tokio::test]
    async fn a_client_that_goes_away_ends_its_stream_at_once() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, dropped) = tokio::sync::oneshot::channel();
        let body = Arc::new(std::sync::Mutex::new(Some(Dropped(Some(sender)))));
        let router = Router::new().route(
            "/",
            get(move || async move {
                let guard = body.lock().unwrap().take();
                axum::body::Body::from_stream(futures_util::stream::unfold(
                    (guard, true),
                    |(guard, is_first)| async move {
                        if !is_first {
                            std::future::pending::<()>().await;
                        }
                        Some((Ok::<_, std::convert::Infallible>("first"), (guard, false)))
                    },
                ))
            }),
        );
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, router, TaskTracker::new(), stop.clone()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut buffer = [0; 1_024];
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        drop(stream);
        tokio::time::timeout(Duration::from_secs(10), dropped).await.unwrap().unwrap();
        stop.cancel();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_busy_port_is_said_with_the_cure() {
        let holder = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let error = bind(holder.local_addr().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("another program already listens there"), "{error}");
    }
}
