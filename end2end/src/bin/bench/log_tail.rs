//! From a task's write of a line until readers of the application console have it: browser's requests, its pauses included.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use end2end::cluster::Cluster;
use end2end::curl;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::Row;
use crate::journeys::authority;

const READERS: usize = 20;
/// Lines that each reader waits for.
const LINES: usize = 300;
/// The clock of the task's machine in nanoseconds, ten times a second.
const COMMAND: &str = "while true; do date +%s%N; sleep 0.1; done";
/// What the page does, see `app/src/pages/sandbox/follow.rs`: the longest answer, and the pauses after something and after nothing.
const QUESTION: &str = "length=32768&wait=2";
const PACE: Duration = Duration::from_millis(50);
const IDLE: Duration = Duration::from_millis(100);

/// Many readers of one log that is being written.
pub(crate) async fn latency() -> Result<Vec<Row>> {
    let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
    let app = json!({"id": "bench", "cmd": COMMAND, "cpus": 0.1, "mem": 16});
    curl::send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    let app = cluster.settled("bench", 1).await?;
    let task = &app["tasks"][0];
    let text = |name: &str| task[name].as_str().context("the task is incomplete");
    let (id, agent, host) = (text("id")?, text("slaveId")?, text("host")?);
    let state = curl::get(&format!("http://{host}:5051/state")).await?.expect(200)?;
    let framework = state["frameworks"][0]["id"].as_str().context("no framework")?;
    let path = format!("/frameworks/{framework}/executors/{id}/runs/latest/stdout");
    let file = format!("/ui/api/v1/agents/{agent}/files/read?path={path}");

    let authority = authority(&cluster)?;
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(read(authority.clone(), file.clone()));
    }
    let mut samples = Vec::new();
    while let Some(reader) = readers.join_next().await {
        samples.extend(reader??);
    }
    samples.sort_by(f64::total_cmp);
    let at = |hundredths: usize| samples[(samples.len() - 1) * hundredths / 100];
    Ok(vec![Row {
        what: format!("a task's line until {READERS} readers of its log have it, p99"),
        ours: format!(
            "{:.1} ms (median {:.1}, most {:.1}; {} lines)",
            at(99),
            at(50),
            at(100),
            samples.len()
        ),
        floor: "goal 200 ms".to_owned(),
    }])
}

/// Follows the file as a page does; milliseconds from each line's own time until it was here.
async fn read(authority: String, file: String) -> Result<Vec<f64>> {
    let mut connection = Connection::open(&authority).await?;
    let part = connection.get(&format!("{file}&offset=-1")).await?;
    let mut end = part["size"].as_u64().context("no size")?;
    let (mut line, mut samples) = (String::new(), Vec::new());
    // It may begin inside a line.
    let mut is_whole = false;
    while samples.len() < LINES {
        let part = connection.get(&format!("{file}&offset={end}&{QUESTION}")).await?;
        let now = UNIX_EPOCH.elapsed()?.as_secs_f64();
        let data = part["data"].as_str().context("no data")?;
        end += data.len() as u64;
        for piece in data.split_inclusive('\n') {
            line.push_str(piece);
            if line.ends_with('\n') {
                if is_whole {
                    let written: f64 = line.trim().parse().with_context(|| line.clone())?;
                    samples.push((now - written / 1e9) * 1e3);
                }
                is_whole = true;
                line.clear();
            }
        }
        tokio::time::sleep(if data.is_empty() { IDLE } else { PACE }).await;
    }
    Ok(samples)
}

/// One connection that is kept, as a browser's.
struct Connection {
    stream: BufReader<TcpStream>,
    authority: String,
}

impl Connection {
    async fn open(authority: &str) -> Result<Self> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), authority: authority.to_owned() })
    }

    async fn get(&mut self, path: &str) -> Result<Value> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.authority);
        self.stream.write_all(request.as_bytes()).await?;
        let status = self.line().await?;
        let mut length = None;
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse::<usize>()?);
            }
        }
        let mut body = vec![0; length.context("the answer has no length")?];
        self.stream.read_exact(&mut body).await?;
        let body = String::from_utf8(body)?;
        ensure!(status.contains(" 200 "), "{path}: {status}: {body}");
        Ok(serde_json::from_str(&body)?)
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        ensure!(!line.is_empty(), "the connection was closed");
        Ok(line.trim_end().to_owned())
    }
}
