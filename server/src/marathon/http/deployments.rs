//! Running deployments: list, cancel.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use marathon_core::effect::Reply;
use marathon_core::{Command, DeploymentId, render};

use super::Api;
use super::change::{deployment_result, unexpected};
use super::error::ApiError;
use super::query::Query;

/// `/v2/deployments`.
pub(super) async fn collection(
    State(api): State<Api>,
    method: Method,
) -> Result<Response, ApiError> {
    if !matches!(method, Method::GET | Method::HEAD) {
        return Err(ApiError::method_not_allowed());
    }
    let snapshot = api.snapshot().await?;
    Ok(Json(render::deployments(&snapshot)).into_response())
}

/// `/v2/deployments/{id}`: without force rolls back by a new deployment, with it stops where it stands.
pub(super) async fn member(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    if request.method() != Method::DELETE {
        return Err(ApiError::method_not_allowed());
    }
    let force = Query::of(request.uri()).bool("force", false)?;
    api.snapshot().await?;
    let deployment = DeploymentId::new(id);
    let command = move |request| Command::CancelDeployment { request, deployment, force };
    match api.backend.ask(Box::new(command)).await? {
        Reply::Deploying(deploying) => Ok(deployment_result(&deploying)),
        Reply::Done => Ok(StatusCode::ACCEPTED.into_response()),
        Reply::Refused(refusal) => Err(refusal.into()),
        Reply::Killing { .. } => Err(unexpected()),
    }
}
