//! A web server that sends files well and badly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(super) const FILE: &str = "what the file says\n";

/// The server; it ends with the test's runtime.
pub(super) struct Web {
    address: String,
    requests: Arc<AtomicUsize>,
}

impl Web {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(answer(stream));
            }
        });
        Self { address, requests }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn answer(mut stream: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split([' ', '?']).nth(1).unwrap();
    // A client that gives up in the middle is what some tests are about.
    let _ = match path {
        "/moved" => send(&mut stream, "302 Found\r\nlocation: /file.txt", "").await,
        "/endless" => endless(&mut stream).await,
        "/silent" => wait_for_end(&mut stream).await,
        "/stalls" => {
            let start = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc";
            let sent = stream.write_all(start.as_bytes()).await;
            let _ = wait_for_end(&mut stream).await;
            sent
        }
        "/half" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc").await,
        "/none" => send(&mut stream, "404 Not Found", "").await,
        _ => send(&mut stream, "200 OK", FILE).await,
    };
}

async fn send(stream: &mut TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await
}

async fn endless(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await?;
    loop {
        stream.write_all(&[b'x'; 8_192]).await?;
    }
}

async fn wait_for_end(stream: &mut TcpStream) -> std::io::Result<()> {
    while stream.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}
