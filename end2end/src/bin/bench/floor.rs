//! The floors: what the disk and the Docker engine take by themselves.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::time::Instant;

use crate::client;

const SOCKET: &str = "/var/run/docker.sock";

/// Milliseconds that appending 512 bytes and fdatasync take in `folder`: the median of 101.
pub(crate) fn fdatasync(folder: &Path) -> Result<f64> {
    let path = folder.join("floor");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let mut samples = Vec::new();
    for _ in 0..101 {
        let start = Instant::now();
        file.write_all(&[7; 512])?;
        file.sync_data()?;
        samples.push(start.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(path)?;
    samples.sort_by(f64::total_cmp);
    Ok(samples[50])
}

async fn engine(method: &str, path: &str, body: &str, wanted: &[u16]) -> Result<Value> {
    let stream = UnixStream::connect(SOCKET).await.context("no Docker engine answers")?;
    let (status, answer) = client::exchange(stream, "docker", method, path, body).await?;
    ensure!(wanted.contains(&status), "{method} {path} answers {status}: {answer}");
    Ok(serde_json::from_str(answer.trim()).unwrap_or(Value::Null))
}

/// Seconds until the engine has started `count` containers of `image`, `parallel` at a time; they are removed again.
pub(crate) async fn docker_starts(
    image: &str,
    command: &str,
    count: usize,
    parallel: usize,
) -> Result<f64> {
    let start = Instant::now();
    let ids: Vec<String> = stream::iter(0..count)
        .map(|n| async move {
            // The same wishes that an app of the benchmark has.
            let body = json!({
                "Image": image, "Cmd": ["/bin/sh", "-c", command], "Labels": {"ekiden.bench": "floor"},
                "ExposedPorts": {"80/tcp": {}},
                "HostConfig": {
                    "Memory": 16 << 20, "CpuShares": 2,
                    "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.99", "HostPort": (20_000 + n).to_string()}]},
                    "Binds": ["/tmp:/mnt/mesos/sandbox"],
                },
            });
            let made = engine("POST", "/v1.41/containers/create", &body.to_string(), &[201]).await?;
            let id = made["Id"].as_str().context("the engine names no container")?.to_owned();
            engine("POST", &format!("/v1.41/containers/{id}/start"), "", &[204]).await?;
            Ok::<_, anyhow::Error>(id)
        })
        .buffer_unordered(parallel)
        .try_collect()
        .await?;
    let took = start.elapsed().as_secs_f64();
    for id in ids {
        engine("DELETE", &format!("/v1.41/containers/{id}?force=1&v=1"), "", &[204]).await?;
    }
    Ok(took)
}
