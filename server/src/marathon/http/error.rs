//! Errors as the original answers them (marathon.md §2.3).

use axum::Json;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use marathon_core::effect;
use marathon_core::run_spec;
use wire::marathon::{DeploymentRef, ErrorBody, ErrorDetails};

use crate::marathon::AskError;

/// A request that is answered with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    body: ErrorBody,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, body: ErrorBody { message: message.into(), ..ErrorBody::default() } }
    }

    /// 400.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 422.
    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// 404 raised while something is changed.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 404 answered by a resource that is read: with an empty list of details.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        let mut error = Self::not_found(message);
        error.body.details = Some(ErrorDetails::Violations(Vec::new()));
        error
    }

    /// An app that is read does not exist.
    pub(super) fn missing_app(id: impl std::fmt::Display) -> Self {
        Self::missing(format!("App '{id}' does not exist"))
    }

    /// A task that is named does not exist.
    pub(super) fn missing_task(id: &str) -> Self {
        Self::missing(format!("Task '{id}' does not exist"))
    }

    /// The reason phrase as message, as for 405 and 415.
    pub(super) fn plain(status: StatusCode) -> Self {
        Self::new(status, status.canonical_reason().unwrap_or("Error"))
    }

    /// 405.
    pub(super) fn method_not_allowed() -> Self {
        Self::plain(StatusCode::METHOD_NOT_ALLOWED)
    }

    /// 501: the original has it, we do not yet.
    pub(super) fn not_built(method: &Method, uri: &Uri) -> Self {
        let message = format!("{method} {} is not supported yet", uri.path());
        Self::new(StatusCode::NOT_IMPLEMENTED, message)
    }

    /// 404 for a path that the original does not have either.
    pub(super) fn unknown_uri(uri: &Uri) -> Self {
        Self::not_found(format!("URI not found: {}", uri.path()))
    }

    /// 503 while no Marathon leads.
    pub(super) fn not_leading() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Could not determine the current leader")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

impl From<run_spec::Refusal> for ApiError {
    fn from(refusal: run_spec::Refusal) -> Self {
        let status =
            StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
        Self { status, body: refusal.body() }
    }
}

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NotLeading => Self::not_leading(),
            AskError::LeadershipLost | AskError::NoRoom(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            }
        }
    }
}

impl From<effect::Refusal> for ApiError {
    fn from(refusal: effect::Refusal) -> Self {
        use effect::Refusal as R;
        let message = refusal.to_string();
        match refusal {
            R::AppExists(_) | R::Outdated(_) => Self::new(StatusCode::CONFLICT, message),
            R::AppUnknown(_) | R::NotQueued(_) => Self::not_found(message),
            R::TaskUnknown(_) | R::DeploymentUnknown(_) => Self::missing(message),
            R::Locked(deployments) => {
                let mut error = Self::new(StatusCode::CONFLICT, message);
                let reference =
                    |id: marathon_core::DeploymentId| DeploymentRef { id: id.to_string() };
                error.body.deployments = Some(deployments.into_iter().map(reference).collect());
                error
            }
            R::TooManyDeployments(_) => Self::new(StatusCode::FORBIDDEN, message),
            R::ServicePortsExhausted { .. } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
            }
            R::GroupExists(_)
            | R::BelowApp(_)
            | R::CyclicDependencies
            | R::TooLarge { .. }
            | R::TooManyKills { .. } => run_spec::Refusal::rule("/", message).into(),
        }
    }
}
