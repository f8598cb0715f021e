//! `GET /ekiden/v1/agent-link`: a connection becomes an agent's link.
//!
//! An agent on another machine must prove that it knows the cluster's secret, and so must an agent that wants the same of us.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tracing::{debug, warn};

use super::super::{Shared, links};
use super::answer;
use crate::cluster_secret::{ClusterSecret, Nonce, Nonces, PROOF_BYTES, Proof, Side};

/// How long an agent may take to prove itself.
const PROOF_WITHIN: Duration = Duration::from_secs(10);

/// Upgrades the connection, if this process leads and the agent may connect.
pub(super) async fn open(State(shared): State<Arc<Shared>>, mut request: Request) -> Response {
    shared.settled().await;
    let Some(leading) = shared.leading() else {
        return answer::not_leading(&shared, wire::link::PATH);
    };
    if !asks_for_link(request.headers()) {
        let wanted = format!("Expecting 'Upgrade: {}'", wire::link::PROTOCOL);
        let mut response = answer::text(StatusCode::UPGRADE_REQUIRED, wanted);
        say_protocol(response.headers_mut());
        return response;
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    let challenge = match challenge(shared.config.cluster_secret.as_ref(), peer, request.headers())
    {
        Ok(challenge) => challenge,
        Err(reason) => {
            warn!("refused the link of an agent at {peer:?}: {reason}");
            return answer::text(StatusCode::FORBIDDEN, reason);
        }
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    say_protocol(response.headers_mut());
    if let Some(challenge) = &challenge {
        challenge.say(response.headers_mut());
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let tracker = leading.tracker.clone();
    tracker.spawn(async move {
        let mut connection = match upgrade.await {
            Ok(connection) => TokioIo::new(connection),
            Err(error) => {
                debug!("an agent's connection ended before it was a link: {error}");
                return;
            }
        };
        if let Some(challenge) = challenge
            && !challenge.is_met(&mut connection).await
        {
            warn!("an agent at {peer:?} did not prove that it knows the cluster's secret");
            return;
        }
        links::serve(leading, connection).await;
    });
    response
}

/// What an agent must still answer before its first frame.
struct Challenge {
    secret: Arc<ClusterSecret>,
    nonces: Nonces,
}

impl Challenge {
    fn say(&self, headers: &mut HeaderMap) {
        let proof = self.secret.prove(Side::Master, self.nonces);
        for (name, value) in [
            (wire::link::NONCE, self.nonces.master.to_string()),
            (wire::link::PROOF, proof.to_string()),
        ] {
            let value = HeaderValue::from_str(&value).expect("hexadecimal digits fit a header");
            headers.insert(name, value);
        }
    }

    async fn is_met(&self, connection: &mut (impl AsyncRead + Unpin)) -> bool {
        let mut proof = [0; PROOF_BYTES];
        let read = tokio::time::timeout(PROOF_WITHIN, connection.read_exact(&mut proof)).await;
        matches!(read, Ok(Ok(_))) && self.secret.accepts(Side::Agent, self.nonces, Proof(proof))
    }
}

/// Decides whether the agent must prove itself, or why it may not connect at all.
fn challenge(
    secret: Option<&Arc<ClusterSecret>>,
    peer: Option<SocketAddr>,
    headers: &HeaderMap,
) -> Result<Option<Challenge>, &'static str> {
    let Some(nonce) = headers.get(wire::link::NONCE) else {
        return if peer.is_some_and(|peer| peer.ip().is_loopback()) {
            Ok(None)
        } else {
            Err(
                "an agent on another machine must know the cluster's secret; start it with --cluster_secret_file",
            )
        };
    };
    let secret = secret.ok_or(
        "this master has no cluster secret to prove; start it with the agents' --cluster_secret_file",
    )?;
    let agent = nonce
        .to_str()
        .ok()
        .and_then(Nonce::from_hex)
        .ok_or("the agent's nonce is not 32 hexadecimal digits")?;
    let nonces = Nonces { agent, master: Nonce::random() };
    Ok(Some(Challenge { secret: Arc::clone(secret), nonces }))
}

fn asks_for_link(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(wire::link::PROTOCOL.as_bytes()))
}

fn say_protocol(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(wire::link::PROTOCOL));
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: &str = "127.0.0.11:40000";
    const FAR: &str = "192.0.2.7:40000";
    const NONCE: &str = "00112233445566778899aabbccddeeff";

    fn secret() -> Arc<ClusterSecret> {
        let folder = tempfile::tempdir().unwrap();
        Arc::new(ClusterSecret::read_or_make(&folder.path().join("secret")).unwrap())
    }

    fn ask(
        secret: Option<&Arc<ClusterSecret>>,
        peer: &str,
        nonce: Option<&str>,
    ) -> Result<Option<Challenge>, &'static str> {
        let mut headers = HeaderMap::new();
        if let Some(nonce) = nonce {
            headers.insert(wire::link::NONCE, nonce.parse().unwrap());
        }
        challenge(secret, peer.parse().ok(), &headers)
    }

    #[test]
    fn only_a_neighbour_on_loopback_connects_without_the_secret() {
        let secret = secret();
        assert!(matches!(ask(None, NEAR, None), Ok(None)));
        assert!(matches!(ask(Some(&secret), NEAR, None), Ok(None)));
        assert!(ask(Some(&secret), FAR, None).is_err());
        assert!(ask(None, FAR, None).is_err());
        assert!(ask(Some(&secret), "unknown", None).is_err());
    }

    #[test]
    fn an_agent_that_wants_proof_of_a_master_without_secret_is_refused() {
        assert!(ask(None, NEAR, Some(NONCE)).is_err());
        assert!(ask(Some(&secret()), FAR, Some("short")).is_err());
    }

    #[tokio::test]
    async fn the_right_proof_is_met_and_a_wrong_or_cut_one_is_not() {
        let secret = secret();
        let challenge = ask(Some(&secret), FAR, Some(NONCE)).unwrap().unwrap();
        let proof = secret.prove(Side::Agent, challenge.nonces).0;
        assert!(challenge.is_met(&mut proof.as_slice()).await);
        assert!(!challenge.is_met(&mut &proof[..31]).await);
        let of_the_master = secret.prove(Side::Master, challenge.nonces).0;
        assert!(!challenge.is_met(&mut of_the_master.as_slice()).await);
    }
}
