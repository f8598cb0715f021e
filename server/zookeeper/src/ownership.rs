//! Which nodes of the client tree belong to the platform (design D1a).
//!
//! Tools of the originals read them to find the leaders; whoever could write them could depose a leader or
//! keep one from standing. So they refuse clients whether they exist yet or not.

/// Subtrees that belong to the platform, their roots included.
const SUBTREES: [&str; 2] = ["/mesos", "/marathon/leader-curator"];
/// Nodes that belong to the platform while others may create children under them.
const NODES: [&str; 1] = ["/marathon"];

/// Whether clients may not create, set or delete the node at `path`.
///
/// `path` may be the beginning of a sequential name.
pub fn belongs_to_platform(path: &str) -> bool {
    let is_under = |root: &&str| {
        path.strip_prefix(*root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    SUBTREES.iter().any(is_under) || NODES.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_election_nodes_and_their_folders_belong_to_the_platform() {
        for path in [
            "/mesos",
            "/mesos/json.info_",
            "/mesos/json.info_0000000000",
            "/mesos/log_replicas/0000000000",
            "/marathon",
            "/marathon/leader-curator",
            "/marathon/leader-curator/_c_x-latch-0000000000",
        ] {
            assert!(belongs_to_platform(path), "{path}");
        }
        for path in ["/", "/mesos-dns", "/mesosphere/x", "/marathon/state", "/marathon2", "/app"] {
            assert!(!belongs_to_platform(path), "{path}");
        }
    }
}
