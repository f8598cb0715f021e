//! The coordination node as its users see it, each test in a folder of its own.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod election;
mod kill;
mod large;
mod lease;
mod pause;
mod restart;
mod session;
mod snapshot;
mod written;

use coordination::{Config, Node, NodeId};
use model::Timestamp;

/// Small segments make new folders cheap.
pub(crate) const SEGMENT_BYTES: u64 = 8 << 20;

/// Starts node 1 in `folder`.
pub(crate) async fn node(folder: &std::path::Path) -> Node {
    Node::start(config(folder)).await.unwrap()
}

/// A node in a folder of its own.
pub(crate) async fn standing_node() -> (tempfile::TempDir, Node) {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    (folder, node)
}

pub(crate) fn config(folder: &std::path::Path) -> Config {
    let wall_clock = || Timestamp::from_millis(1_440_620_619_463);
    Config { segment_bytes: SEGMENT_BYTES, ..Config::new(NodeId(1), folder, wall_clock) }
}
