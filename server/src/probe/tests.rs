pub(crate) mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};

use super::*;

/// A server on loopback that answers everything with the status that is set.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) port: u16,
    status: Arc<AtomicU16>,
}

impl Served {
    /// Begins to answer.
    pub(crate) async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let status = Arc::new(AtomicU16::new(status));
        let shown = Arc::clone(&status);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let status = shown.load(Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut request = [0; 1_024];
                    let read = stream.read(&mut request).await.unwrap();
                    let request = String::from_utf8_lossy(&request[..read]).into_owned();
                    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                    let answer = format!(
                        "HTTP/1.1 {status} X\r\nContent-Type: text/plain; charset=utf-8\r\nLocation: /there\r\nContent-Length: {}\r\n\r\n{path}",
                        path.len()
                    );
                    stream.write_all(answer.as_bytes()).await.unwrap();
                });
            }
        });
        Self { port, status }
    }

    /// What it answers from now on.
    pub(crate) fn set(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}

/// A port where every connection is refused as long as this lives: nobody listens there, and nobody else can, for it
/// is bound.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) port: u16,
    _socket: TcpSocket,
}

impl Closed {
    /// One on loopback.
    pub(crate) fn on_loopback() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into()).unwrap()
    }

    /// That one; an error when somebody has it.
    pub(crate) fn at(address: SocketAddr) -> std::io::Result<Self> {
        let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
        socket.bind(address)?;
        Ok(Self { port: socket.local_addr()?.port(), _socket: socket })
    }
}

async fn ask(port: u16, path: &str, body_limit: usize) -> Result<HttpAnswer, Error> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    HttpQuestion { is_tls: false, host: "127.0.0.1", port, path, body_limit }.ask(stream).await
}

#[tokio::test]
async fn an_answer_is_read_with_its_status_and_as_much_body_as_is_wanted() {
    let server = Served::start(503).await;
    let answer = ask(server.port, "/ready?full", 6).await.unwrap();
    assert_eq!((answer.status, answer.reason.as_str()), (503, "Service Unavailable"));
    assert_eq!((answer.content_type.as_str(), answer.body.as_str()), ("text/plain", "/ready"));
    server.set(302);
    let answer = ask(server.port, "/", 0).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (302, ""));
    assert_eq!(answer.location.as_deref(), Some("/there"));
}

/// A server that sends these answers, one after the other and each when the one before has arrived; its port.
pub(crate) async fn piecemeal(pieces: &'static [&'static str]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let _ = stream.read(&mut [0; 1_024]).await.unwrap();
            for piece in pieces {
                stream.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    port
}

/// Informational answers before the one that counts.
pub(crate) const INFORMED: [&str; 3] = [
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nwell",
];

#[tokio::test]
async fn informational_answers_are_passed_over_and_are_no_answer_alone() {
    let port = piecemeal(&INFORMED).await;
    let answer = ask(port, "/", 10).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "well"));
    // Then the connection ends.
    for pieces in [&INFORMED[..1], &INFORMED[..2]] {
        let pieces: &'static [&'static str] = pieces.to_vec().leak();
        let port = piecemeal(pieces).await;
        assert!(matches!(ask(port, "/", 10).await, Err(Error::Http(_))), "{pieces:?}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = tokio::spawn(async move { drop(listener.accept().await) });
    assert!(matches!(ask(port, "/", 0).await, Err(Error::Http(_))));
    silent.await.unwrap();
}

#[tokio::test]
async fn a_server_without_tls_fails_an_https_question() {
    let server = Served::start(200).await;
    let stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let question = HttpQuestion {
        is_tls: true,
        host: "127.0.0.1",
        port: server.port,
        path: "/",
        body_limit: 0,
    };
    assert!(matches!(question.ask(stream).await, Err(Error::Tls(_))));
}
