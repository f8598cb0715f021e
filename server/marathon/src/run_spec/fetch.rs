//! What an app's instances find in their sandbox before they start.

/// One file or archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Where from: a URL, or a path on the agent's machine.
    pub uri: String,
    /// Whether an archive is unpacked.
    pub extract: bool,
    /// Whether the file becomes executable.
    pub executable: bool,
    /// Whether the agent's cache is used.
    pub cache: bool,
    /// Name in the sandbox; the last part of the URI when absent.
    pub dest_path: Option<String>,
}
