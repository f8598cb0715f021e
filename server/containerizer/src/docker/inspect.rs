//! What the engine says about one container, verbatim and understood.
//!
//! The description goes to the framework as it came (`TaskStatus.data`), so it is fetched without passing through types that drop what
//! they do not know; only the few fields needed here are read from it.

use std::collections::BTreeMap;

use agent_core::container::{Exit, Inspection};
use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use model::Timestamp;
use serde::Deserialize;
use tokio::net::UnixStream;

use super::{Docker, chain};
use crate::Error;

/// The fields of a container's description that matter here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    state: DescribedState,
    #[serde(default)]
    config: DescribedConfig,
    #[serde(default)]
    host_config: DescribedHost,
    #[serde(default)]
    network_settings: DescribedNetworks,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribedState {
    #[serde(default)]
    status: String,
    #[serde(default)]
    pid: u32,
    #[serde(default)]
    exit_code: i64,
    #[serde(default, rename = "OOMKilled")]
    out_of_memory: bool,
    #[serde(default)]
    finished_at: String,
}

impl DescribedState {
    /// When it ended; the year 1 stands for never.
    fn end(&self) -> Option<Timestamp> {
        let has_ended = matches!(self.status.as_str(), "exited" | "dead" | "removing");
        let end = Timestamp::parse(&self.finished_at).ok().filter(|_| has_ended);
        end.filter(|end| end.as_millis() > 0)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribedConfig {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribedHost {
    #[serde(default)]
    network_mode: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribedNetworks {
    #[serde(default)]
    networks: Option<BTreeMap<String, DescribedEndpoint>>,
}

#[derive(Debug, Default, Deserialize)]
struct DescribedEndpoint {
    #[serde(default, rename = "IPAddress")]
    ip_address: String,
    #[serde(default, rename = "GlobalIPv6Address")]
    ipv6_address: String,
}

impl Docker {
    pub(super) async fn inspect_container(&self, name: &str) -> Result<Inspection, Error> {
        let (json, described) = self.describe(name).await?;
        let addresses = described
            .network_settings
            .networks
            .unwrap_or_default()
            .into_values()
            .flat_map(|endpoint| [endpoint.ip_address, endpoint.ipv6_address])
            .filter(|address| !address.is_empty())
            .collect();
        Ok(Inspection { json: format!("[{}]", json.trim()), addresses })
    }

    pub(super) async fn labels(&self, name: &str) -> Result<BTreeMap<String, String>, Error> {
        let (_, described) = self.describe(name).await?;
        Ok(described.config.labels.unwrap_or_default())
    }

    /// The first process of a running container that has a network of its own.
    pub(super) async fn process(&self, name: &str) -> Result<Option<u32>, Error> {
        let (_, described) = self.describe(name).await?;
        let is_own = described.host_config.network_mode != "host" && described.state.pid != 0;
        Ok(is_own.then_some(described.state.pid))
    }

    /// Whether the container runs or has run.
    pub(super) async fn has_begun(&self, name: &str) -> Result<bool, Error> {
        let (_, Described { state, .. }) = self.describe(name).await?;
        Ok(state.status != "created")
    }

    /// How the container ended, `None` while it has not.
    pub(super) async fn exit(&self, name: &str) -> Result<Option<Exit>, Error> {
        let (_, Described { state, .. }) = self.describe(name).await?;
        Ok(match state.status.as_str() {
            "exited" | "dead" | "removing" => {
                Some(Exit::Exited { status: state.exit_code, out_of_memory: state.out_of_memory })
            }
            _ => None,
        })
    }

    /// When the container ended, `None` while it has not.
    pub(super) async fn end(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        let (_, Described { state, .. }) = self.describe(name).await?;
        Ok(state.end())
    }

    async fn describe(&self, name: &str) -> Result<(String, Described), Error> {
        let operation = format!("inspect container `{name}`");
        let limit = self.config.call_timeout;
        let answer =
            tokio::time::timeout(limit, self.get(&format!("/containers/{name}/json"), &operation))
                .await;
        let (status, body) = answer.map_err(|_| self.timed_out(&operation, limit))??;
        if status == http::StatusCode::NOT_FOUND {
            return Err(Error::UnknownContainer { name: name.to_owned() });
        }
        if !status.is_success() {
            let message = serde_json::from_slice::<Refusal>(&body).map_or_else(
                |_| String::from_utf8_lossy(&body).into_owned(),
                |refusal| refusal.message,
            );
            return Err(Error::Refused { operation, status: status.as_u16(), message });
        }
        let malformed =
            |message: String| Error::Malformed { operation: operation.clone(), message };
        let text = String::from_utf8(body.into()).map_err(|error| malformed(error.to_string()))?;
        let described =
            serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        Ok((text, described))
    }

    /// One GET on the engine's socket, the body as it came.
    async fn get(&self, path: &str, operation: &str) -> Result<(http::StatusCode, Bytes), Error> {
        let broken = |error: &dyn std::error::Error| Error::Unreachable {
            endpoint: self.endpoint(),
            operation: operation.to_owned(),
            reason: chain(error),
        };
        let stream =
            UnixStream::connect(&self.config.socket).await.map_err(|error| broken(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        let request = http::Request::get(path)
            .header(header::HOST, "docker")
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|error| Error::Malformed {
                operation: operation.to_owned(),
                message: error.to_string(),
            })?;
        // The connection is driven here, beside the exchange: there is no task to outlive the call.
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>((status, body))
        };
        tokio::pin!(exchange);
        tokio::pin!(connection);
        let answer = tokio::select! {
            biased;
            answer = &mut exchange => answer,
            _ended = &mut connection => exchange.await,
        };
        answer.map_err(|error| broken(&error))
    }
}

/// The engine's error body.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_container_is_read_where_it_has_one() {
        let end = |status: &str, finished_at: &str| {
            let text = format!(r#"{{"Status":"{status}","FinishedAt":"{finished_at}"}}"#);
            serde_json::from_str::<DescribedState>(&text).unwrap().end()
        };
        let time = "2026-11-29T05:45:00.123456789Z";
        assert_eq!(end("exited", time).unwrap().to_string(), "2026-11-29T05:45:00.123Z");
        // Of a container that runs again it is the end before.
        assert_eq!(end("running", time), None);
        assert_eq!(end("exited", "0001-01-01T00:00:00Z"), None);
        assert_eq!(end("exited", ""), None);
    }

    #[test]
    fn a_description_with_unknown_fields_is_understood() {
        let text = r#"{"Id":"b35f","New":1,"State":{"Status":"exited","ExitCode":137,"OOMKilled":true,"X":null},
            "Config":{"Labels":null},"NetworkSettings":{"Networks":{"bridge":{"IPAddress":"172.17.0.2","GlobalIPv6Address":""}}}}"#;
        let described: Described = serde_json::from_str(text).unwrap();
        assert_eq!(described.state.exit_code, 137);
        assert!(described.state.out_of_memory);
        assert_eq!(described.network_settings.networks.unwrap()["bridge"].ip_address, "172.17.0.2");
    }
}
