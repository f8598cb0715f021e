//! Why a definition is refused, with the original's messages and paths.

use std::fmt;

use wire::marathon::{ErrorBody, ErrorDetails, Violation};

/// Why a definition is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No body where JSON is needed.
    #[error("no content to read")]
    Empty,
    /// The body is no JSON.
    #[error("malformed JSON: {0}")]
    Syntax(String),
    /// Members of the wrong type, or outside of what the API's schema allows.
    #[error("the JSON does not fit the schema: {0}")]
    Schema(Violations),
    /// The definition contradicts itself, or asks for what is not there.
    #[error("the definition is not valid: {0}")]
    Invalid(Violations),
}

impl Refusal {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Empty | Self::Syntax(_) => 400,
            Self::Schema(_) | Self::Invalid(_) => 422,
        }
    }

    /// The error body.
    pub fn body(&self) -> ErrorBody {
        let (message, details) = match self {
            Self::Empty => (
                "Please specify data in JSON format",
                ErrorDetails::Text("No content to map due to end-of-input".to_owned()),
            ),
            Self::Syntax(text) => ("Invalid JSON", ErrorDetails::Text(text.clone())),
            Self::Schema(violations) => {
                ("Invalid JSON", ErrorDetails::Violations(violations.0.clone()))
            }
            Self::Invalid(violations) => {
                ("Object is not valid", ErrorDetails::Violations(violations.0.clone()))
            }
        };
        ErrorBody { message: message.to_owned(), details: Some(details), deployments: None }
    }

    /// A definition that breaks one rule.
    pub fn rule(path: impl Into<String>, error: impl Into<String>) -> Self {
        let mut violations = Violations::default();
        violations.add(path, error);
        Self::Invalid(violations)
    }
}

/// Everything that is wrong in one phase of validation: one entry per path, in the order found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Adds one message at `path`: `/cpus`, `/constraints(0)`, or `/` for the whole.
    pub fn add(&mut self, path: impl Into<String>, error: impl Into<String>) {
        let (path, error) = (path.into(), error.into());
        match self.0.iter_mut().find(|violation| violation.path == path) {
            Some(known) => known.errors.push(error),
            None => self.0.push(Violation { path, errors: vec![error] }),
        }
    }

    /// Adds `error` at `path` where `is_broken`.
    pub fn check(&mut self, is_broken: bool, path: impl Into<String>, error: impl Into<String>) {
        if is_broken {
            self.add(path, error);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries.
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }

    pub(super) fn or_schema(self) -> Result<(), Refusal> {
        if self.is_empty() { Ok(()) } else { Err(Refusal::Schema(self)) }
    }

    pub(super) fn or_invalid(self) -> Result<(), Refusal> {
        if self.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self)) }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}: {}", violation.path, violation.errors.join("; "))?;
        }
        Ok(())
    }
}
