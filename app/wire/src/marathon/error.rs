//! Error bodies.

use serde::{Deserialize, Serialize};

use super::app::DeploymentRef;

/// Body of every error answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What is wrong.
    pub message: String,
    /// The parser's text, or violations by path; an empty list where a resource is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<ErrorDetails>,
    /// The deployments that hold the lock, with 409.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployments: Option<Vec<DeploymentRef>>,
}

/// `details` of an error body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ErrorDetails {
    /// Text of the JSON parser.
    Text(String),
    /// Violations, one entry per path.
    Violations(Vec<Violation>),
}

/// All that is wrong at one path.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    /// `/`, `/container/docker/image`, `/constraints(0)`.
    pub path: String,
    /// Messages or keys of messages (`error.min`).
    pub errors: Vec<String>,
}
