//! Checks before a local cluster starts, each with one clear sentence, and the wait until it answers.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::node::Plan;
use crate::flags::LocalFlags;
use crate::listen;

const POLL: Duration = Duration::from_millis(50);
const MAX_BODY: usize = 1 << 20;

/// Fails when a node's socket is taken.
pub(super) async fn ports_are_free(plans: &[Plan]) -> anyhow::Result<()> {
    for plan in plans {
        for socket in plan.sockets() {
            listen::bind(socket).await.with_context(|| format!("{} cannot start", plan.name))?;
        }
    }
    Ok(())
}

/// Returns when both consoles answer and every agent has registered.
pub(super) async fn ready(flags: LocalFlags) {
    let master = flags.net.host(1);
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let get = |url: String| {
        let client = client.clone();
        async move {
            let answer = client.get(url.parse().ok()?).await.ok()?;
            let success = answer.status().is_success();
            let body = Limited::new(answer.into_body(), MAX_BODY).collect().await.ok()?.to_bytes();
            success.then_some(body)
        }
    };
    loop {
        let marathon = get(format!("http://{master}:8080/ping")).await;
        let metrics = get(format!("http://{master}:5050/metrics/snapshot")).await;
        let agents = metrics
            .and_then(|body| serde_json::from_slice::<serde_json::Value>(&body).ok())
            .and_then(|metrics| metrics.get("master/slaves_active")?.as_f64());
        if marathon.is_some() && agents.is_some_and(|agents| agents >= f64::from(flags.agents)) {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
}
