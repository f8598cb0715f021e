//! Sends changes to the core and answers with what became of them.

use axum::Json;
use axum::extract::ConnectInfo;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Extensions, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use marathon_core::command::{AppChange, Caller, ChangeApps, Command};
use marathon_core::effect::{Deploying, Refusal, Reply};
use marathon_core::render;
use model::AppId;
use std::net::SocketAddr;

use super::Api;
use super::error::ApiError;

/// A change that the core took, or what it says against it.
pub(super) enum Outcome {
    /// The deployment has begun.
    Deploying(Deploying),
    /// The app was changed by somebody else since it was read: read again.
    Outdated,
}

impl Api {
    /// Makes one deployment of the changes.
    pub(super) async fn change(
        &self,
        changes: Vec<AppChange>,
        force: bool,
        caller: Option<Caller>,
    ) -> Result<Outcome, ApiError> {
        let command =
            move |request| Command::ChangeApps(ChangeApps { request, changes, force, caller });
        match self.backend.ask(Box::new(command)).await? {
            Reply::Deploying(deploying) => Ok(Outcome::Deploying(deploying)),
            Reply::Refused(Refusal::Outdated(_)) => Ok(Outcome::Outdated),
            Reply::Refused(refusal) => Err(refusal.into()),
            Reply::Killing { .. } | Reply::Done => Err(unexpected()),
        }
    }

    /// The same for changes that cannot become outdated.
    pub(super) async fn deploy(
        &self,
        change: AppChange,
        force: bool,
        caller: Option<Caller>,
    ) -> Result<Deploying, ApiError> {
        let id = change.app().clone();
        match self.change(vec![change], force, caller).await? {
            Outcome::Deploying(deploying) => Ok(deploying),
            Outcome::Outdated => Err(Refusal::Outdated(id).into()),
        }
    }
}

/// The core answered what the command cannot lead to.
pub(super) fn unexpected() -> ApiError {
    ApiError::plain(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The answer of a request that started a deployment.
pub(super) fn deployment_result(deploying: &Deploying) -> Response {
    let mut response = Json(render::deployment_result(deploying)).into_response();
    add_deployment_id(response.headers_mut(), deploying);
    response
}

/// Adds the header that names the deployment.
pub(super) fn add_deployment_id(headers: &mut HeaderMap, deploying: &Deploying) {
    if let Ok(id) = HeaderValue::try_from(deploying.id.to_string()) {
        headers.insert("marathon-deployment-id", id);
    }
}

/// Adds where the new app is found.
///
/// Compat: the id resolved against the server's root, not against `/v2/apps` (marathon.md §4.3).
pub(super) fn add_location(headers: &mut HeaderMap, base: &str, app: &AppId) {
    if let Ok(location) = HeaderValue::try_from(format!("http://{base}{app}")) {
        headers.insert(header::LOCATION, location);
    }
}

/// `host:port` as the client called us.
pub(super) fn base(headers: &HeaderMap, api: &Api) -> String {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    host.map_or_else(|| api.backend.config().address(), ToOwned::to_owned)
}

/// Who asks.
pub(super) fn caller(extensions: &Extensions, uri: &Uri) -> Caller {
    Caller { ip: remote_ip(extensions), uri: uri.path().to_owned() }
}

/// The client's address, as far as the listener told it.
pub(super) fn remote_ip(extensions: &Extensions) -> String {
    let remote = extensions.get::<ConnectInfo<SocketAddr>>();
    remote.map(|ConnectInfo(address)| address.ip().to_string()).unwrap_or_default()
}
