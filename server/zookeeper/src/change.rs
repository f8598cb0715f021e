//! What an entry changed, for those who watch.

use std::sync::Arc;

/// One of the two trees of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// The tree that ZooKeeper clients see.
    Client,
    /// The platform's records.
    Platform,
}

/// What happened to a node or a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there before.
    Created,
    /// Its value was replaced.
    Set,
    /// It is gone.
    Deleted,
}

/// One change of a node or a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub namespace: Namespace,
    /// What.
    pub path: Arc<str>,
    /// How.
    pub kind: ChangeKind,
}

impl Change {
    /// Whether the change is at `prefix` or below it; `/` covers everything, `/master` not `/master2`.
    pub fn is_under(&self, prefix: &str) -> bool {
        let prefix = prefix.trim_end_matches('/');
        let rest = self.path.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}
