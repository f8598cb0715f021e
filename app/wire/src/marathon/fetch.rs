//! What is fetched into a sandbox: `fetch` of an app.

use serde::{Deserialize, Serialize};

/// One element of `fetch` as posted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostedFetch {
    /// Where from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Whether an archive is unpacked, default `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extract: Option<bool>,
    /// Whether the file becomes executable, default `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<bool>,
    /// Whether the agent's cache is used, default `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<bool>,
    /// Name in the sandbox; `outputFile` in 1.4.
    #[serde(alias = "outputFile", skip_serializing_if = "Option::is_none")]
    pub dest_path: Option<String>,
}

/// One element of `fetch` as answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Fetch {
    /// Where from.
    pub uri: String,
    /// Whether an archive is unpacked.
    pub extract: bool,
    /// Whether the file becomes executable.
    pub executable: bool,
    /// Whether the agent's cache is used.
    pub cache: bool,
    /// Name in the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dest_path: Option<String>,
}
