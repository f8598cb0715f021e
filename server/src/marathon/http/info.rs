//! What this Marathon is: version, options, leader, liveness.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use wire::marathon::{Info, LeaderResponse};

use super::error::ApiError;
use super::{Api, negotiate};
use crate::marathon::MarathonConfig;

/// Version of Marathon whose API this is; clients compare it (design D12).
const MARATHON_VERSION: &str = "1.11.24";

/// `/v2/info`.
pub(super) async fn info(State(api): State<Api>, method: Method) -> Result<Response, ApiError> {
    if !matches!(method, Method::GET | Method::HEAD) {
        return Err(ApiError::method_not_allowed());
    }
    let snapshot = api.backend.snapshot();
    let config = api.backend.config();
    let master = snapshot.as_ref().and_then(|snapshot| snapshot.master.clone());
    let framework = snapshot.as_ref().and_then(|snapshot| snapshot.framework.as_ref());
    let info = Info {
        name: "marathon".to_owned(),
        version: MARATHON_VERSION.to_owned(),
        buildref: concat!("ekiden-", env!("CARGO_PKG_VERSION")).to_owned(),
        elected: snapshot.is_some(),
        leader: api.backend.leader(),
        framework_id: framework.map(ToString::to_string),
        marathon_config: marathon_config(config, master.as_deref()),
        zookeeper_config: zookeeper_config(config),
        http_config: json!({"http_port": config.http_port, "https_port": null}),
    };
    Ok(Json(info).into_response())
}

/// Options in the original's names; those without effect here have the original's defaults.
fn marathon_config(config: &MarathonConfig, master: Option<&str>) -> Value {
    let core = &config.core;
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    json!({
        "access_control_allow_origin": null,
        "checkpoint": true,
        "decline_offer_duration": millis(core.decline_offer_duration),
        "default_network_name": core.default_network_name,
        "env_vars_prefix": Some(&*core.env_vars_prefix).filter(|prefix| !prefix.is_empty()),
        "executor": "//cmd",
        "failover_timeout": config.failover_timeout.as_secs(),
        "features": [],
        "framework_name": config.framework_name,
        "ha": true,
        "hostname": config.hostname,
        "launch_token": 100,
        "launch_token_refresh_interval": 30_000,
        "leader_proxy_connection_timeout_ms": 5_000,
        "leader_proxy_read_timeout_ms": 10_000,
        "local_port_max": core.service_ports.end(),
        "local_port_min": core.service_ports.start(),
        "master": without_credentials(&config.master),
        "max_instances_per_offer": core.max_instances_per_offer,
        "mesos_bridge_name": "mesos-bridge",
        "mesos_heartbeat_failure_threshold": 5,
        "mesos_heartbeat_interval": 15_000,
        "mesos_leader_ui_url": master.map(|master| format!("http://{master}/")),
        "mesos_role": "*",
        "mesos_user": config.mesos_user,
        "new_group_enforce_role": "Off",
        "min_revive_offers_interval": millis(core.min_revive_interval),
        "offer_matching_timeout": 3_000,
        "on_elected_prepare_timeout": 180_000,
        "reconciliation_initial_delay": millis(core.reconciliation_initial_delay),
        "reconciliation_interval": millis(core.reconciliation_interval),
        "scale_apps_initial_delay": 15_000,
        "scale_apps_interval": 300_000,
        "store_cache": true,
        "task_launch_confirm_timeout": millis(core.launch_confirm_timeout),
        "task_launch_timeout": millis(core.launch_timeout),
        "task_lost_expunge_initial_delay": 300_000,
        "task_lost_expunge_interval": 30_000,
        "task_reservation_timeout": 20_000,
        "webui_url": config.webui_url,
        "maintenance_mode": true,
    })
}

fn zookeeper_config(config: &MarathonConfig) -> Value {
    json!({
        "zk": without_credentials(&config.zk),
        "zk_compression": true,
        "zk_compression_threshold": 65_536,
        "zk_connection_timeout": 10_000,
        "zk_max_node_size": 1_024_000,
        "zk_max_versions": 50,
        "zk_session_timeout": 10_000,
        "zk_timeout": 10_000,
    })
}

/// `zk://user:pass@host/path` without `user:pass@`.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let hosts = rest.split_once('@').map_or(rest, |(_, hosts)| hosts);
            format!("{scheme}://{hosts}")
        }
        None => url.to_owned(),
    }
}

/// `/v2/leader`.
pub(super) async fn leader(
    State(api): State<Api>,
    method: Method,
    uri: Uri,
) -> Result<Response, ApiError> {
    match method {
        Method::GET | Method::HEAD => {
            let leader = api.backend.leader();
            let leader = leader.ok_or_else(|| ApiError::missing("There is no leader"))?;
            Ok(Json(LeaderResponse { leader }).into_response())
        }
        Method::DELETE => Err(ApiError::not_built(&method, &uri)),
        _ => Err(ApiError::method_not_allowed()),
    }
}

/// `/ping`.
pub(super) async fn ping(request: Request) -> Result<Response, ApiError> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(ApiError::method_not_allowed());
    }
    let headers = request.headers();
    let kind = if negotiate::accepts_all(headers) || negotiate::names(headers, "text/plain") {
        "text/plain"
    } else if negotiate::names(headers, "application/json") {
        return Ok(Json("pong").into_response());
    } else if negotiate::names(headers, "text/html") {
        "text/html"
    } else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    Ok(([(header::CONTENT_TYPE, kind)], "pong").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_in_force_are_shown_and_unset_ones_are_null() {
        let mut config = MarathonConfig::new("10.0.0.1", 8_080);
        let shown =
            |config: &MarathonConfig, name: &str| marathon_config(config, None)[name].clone();
        assert_eq!(shown(&config, "env_vars_prefix"), Value::Null);
        assert_eq!(shown(&config, "default_network_name"), Value::Null);
        config.core.env_vars_prefix = "EKIDEN_".into();
        config.core.default_network_name = Some("blue".to_owned());
        assert_eq!(shown(&config, "env_vars_prefix"), "EKIDEN_");
        assert_eq!(shown(&config, "default_network_name"), "blue");
    }

    #[test]
    fn credentials_are_not_shown() {
        assert_eq!(without_credentials("zk://u:p@h1:2181,h2:2181/m"), "zk://h1:2181,h2:2181/m");
        assert_eq!(without_credentials("zk://h1:2181/m"), "zk://h1:2181/m");
    }
}
