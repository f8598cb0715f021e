//! Elections as recipes on the client tree, readable for tools of the originals.
//!
//! A candidate owns an ephemeral sequential node; the owner of the lowest number leads. Nothing else decides.
//! Sources: apache/mesos: src/master/contender/zookeeper.cpp; apache/curator: curator-recipes, LeaderLatch.

use std::sync::Arc;

use bytes::Bytes;
use model::Epoch;
use zookeeper_core::{SessionId, StateMachine, name};

/// What can be led.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Election {
    /// The Mesos master: `/mesos/json.info_%010d` with the `MasterInfo` as JSON.
    Mesos,
    /// Marathon: `/marathon/leader-curator/_c_<uuid>-latch-%010d` with its host and port.
    Marathon,
}

/// The node that leads an election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) node: Arc<str>,
    pub(crate) session: Option<SessionId>,
    pub(crate) epoch: Epoch,
    pub(crate) content: Bytes,
}

impl Election {
    pub(crate) const ALL: [Self; 2] = [Self::Mesos, Self::Marathon];

    /// Where the candidates' nodes stand; the parents of it come first.
    pub(crate) const fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Mesos => &["/mesos"],
            Self::Marathon => &["/marathon", "/marathon/leader-curator"],
        }
    }

    /// The path of a candidate's node without its number. `unique` tells latches of one process apart.
    pub(crate) fn candidate(self, unique: u128) -> String {
        match self {
            Self::Mesos => "/mesos/json.info_".to_owned(),
            Self::Marathon => {
                let hex = format!("{unique:032x}");
                let uuid =
                    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
                format!("/marathon/leader-curator/_c_{uuid}-latch-")
            }
        }
    }

    /// The number of a candidate's node; `None` for nodes that are no candidates.
    fn number(self, name: &str) -> Option<u32> {
        let number = match self {
            Self::Mesos => name.strip_prefix("json.info_")?,
            Self::Marathon => name.rsplit_once("latch-")?.1,
        };
        number.parse().ok()
    }

    /// Who leads in `state`.
    pub(crate) fn leader(self, state: &StateMachine) -> Option<Leader> {
        let folder = *self.folders().last()?;
        let children = &state.client().get(folder)?.children;
        let lowest = children
            .iter()
            .filter_map(|child| Some((self.number(name(child))?, child)))
            .min_by_key(|(number, _)| *number)?
            .1;
        let path: Arc<str> = format!("{folder}/{lowest}").into();
        let node = state.client().get(&path)?;
        Some(Leader {
            node: path,
            session: node.ephemeral_owner,
            epoch: Epoch(node.czxid.as_u64()),
            content: node.data.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_candidates_have_a_number() {
        assert_eq!(Election::Mesos.number("json.info_0000000012"), Some(12));
        assert_eq!(Election::Mesos.number("log_replicas"), None);
        let latch = "_c_0f9d3c5e-0000-0000-0000-000000000000-latch-0000000003";
        assert_eq!(Election::Marathon.number(latch), Some(3));
    }

    #[test]
    fn a_latch_is_named_as_curator_names_it() {
        assert_eq!(
            Election::Marathon.candidate(0x0f9d_3c5e_1234_4321_8888_0123_4567_89ab),
            "/marathon/leader-curator/_c_0f9d3c5e-1234-4321-8888-0123456789ab-latch-"
        );
    }
}
