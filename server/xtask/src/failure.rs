//! The one error of this tool: a sentence for the person who typed the command.

use std::{fmt, io, path::Path};

/// What every step returns.
pub type Result<T> = std::result::Result<T, Failure>;

/// Why a command stopped: what was wanted, what was found and, where there is one, the cure.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure told by `sentence`.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// A file operation that the system refused: `could not <action> <path>: <reason>`.
    pub fn file(action: &str, path: &Path, source: &io::Error) -> Self {
        Self(format!("could not {action} {}: {source}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}
