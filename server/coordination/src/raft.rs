//! Everything that speaks openraft besides the log: its types, the state machine, the transport, the timing.

mod network;
mod state;

use std::fmt;

use bytes::Bytes;
use openraft::{Config, SnapshotPolicy};
use serde::{Deserialize, Serialize};
use zookeeper_core::{Entry, NEWEST_FORMAT, Outcome};

pub(crate) use network::NoPeers;
pub(crate) use state::{Image, Published, StateStore};

openraft::declare_raft_types!(
    /// The types that raft is built with here.
    pub(crate) TypeConfig:
        D = Proposal,
        R = Applied,
        NodeId = u64,
        Node = openraft::BasicNode,
);

/// The raft node of this process.
pub(crate) type Raft = openraft::Raft<TypeConfig, StateStore>;

/// The newest format of entries that this program applies.
pub(crate) const ENTRY_FORMAT: u16 = NEWEST_FORMAT;

/// An encoded [`Entry`] and its format, which is read before the body is touched.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Proposal {
    pub(crate) format: u16,
    pub(crate) body: Bytes,
}

/// What applying a proposal gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Applied(pub(crate) Option<Outcome>);

impl Proposal {
    pub(crate) fn new(entry: &Entry) -> Result<Self, postcard::Error> {
        Ok(Self { format: entry.command.format(), body: postcard::to_stdvec(entry)?.into() })
    }

    /// The entry, or the sentence with which the node stops.
    pub(crate) fn entry(&self) -> Result<Entry, String> {
        if self.format > ENTRY_FORMAT {
            return Err(format!(
                "the log holds an entry of format {}, this program knows formats up to {ENTRY_FORMAT}: \
                 start the newer program that wrote it",
                self.format
            ));
        }
        postcard::from_bytes(&self.body)
            .map_err(|error| format!("a log entry does not parse: {error}"))
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proposal of format {} with {} bytes", self.format, self.body.len())
    }
}

/// Raft's timing and policies, all set explicitly.
///
/// A follower stands after its leader lease (the upper election time-out) plus a time between both bounds.
/// A restarted leader must be elected again: its state may be older than what it had acknowledged.
pub(crate) fn config(cluster_name: String) -> Config {
    Config {
        cluster_name,
        heartbeat_interval: 80,
        election_timeout_min: 200,
        election_timeout_max: 400,
        install_snapshot_timeout: 120_000,
        backoff: "50ms 100ms 200ms ..500ms".to_owned(),
        // Snapshots and purges are ordered by us (design D13).
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        enable_pre_vote: Some(true),
        enable_leader_restore: Some(false),
        allow_log_reversion: Some(false),
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timing_is_accepted_by_raft() {
        let config = config("ekiden".into()).validate().unwrap();
        assert_eq!(config.enable_leader_restore, Some(false));
        assert_eq!(config.snapshot_policy, SnapshotPolicy::Never);
    }

    #[test]
    fn an_entry_of_a_newer_format_is_refused_in_words() {
        let proposal = Proposal { format: ENTRY_FORMAT + 1, body: Bytes::from_static(b"?") };
        let sentence = proposal.entry().unwrap_err();
        assert!(sentence.contains(&format!("format {}", ENTRY_FORMAT + 1)), "{sentence}");
    }
}
