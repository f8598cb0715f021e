//! Elections on the client tree, as `server/coordination` holds them: the lowest number leads.

use std::sync::Arc;

use bytes::Bytes;
use model::Epoch;
use zookeeper_core::{CreateMode, Operation, SessionId, StateMachine, name};

use crate::store::Role;

/// The node that leads an election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) path: Arc<str>,
    pub(crate) epoch: Epoch,
    /// The index of the node that leads.
    pub(crate) node: usize,
    pub(crate) session: Option<SessionId>,
}

const fn folders(role: Role) -> &'static [&'static str] {
    match role {
        Role::Mesos => &["/mesos"],
        Role::Marathon => &["/marathon", "/marathon/leader-curator"],
    }
}

fn prefix(role: Role) -> &'static str {
    match role {
        Role::Mesos => "/mesos/json.info_",
        Role::Marathon => "/marathon/leader-curator/latch-",
    }
}

/// The operations by which `node` becomes a candidate; the last one makes its election node.
pub(crate) fn candidacy(state: &StateMachine, role: Role, node: usize) -> Vec<Operation> {
    let missing = folders(role).iter().filter(|path| state.client().get(path).is_none());
    let mut operations: Vec<_> = missing
        .map(|path| Operation::Create {
            path: (*path).into(),
            data: Bytes::new(),
            mode: CreateMode::Persistent,
        })
        .collect();
    operations.push(Operation::Create {
        path: prefix(role).into(),
        data: Bytes::from(node.to_string()),
        mode: CreateMode::EphemeralSequential,
    });
    operations
}

/// Who leads.
pub(crate) fn leader(state: &StateMachine, role: Role) -> Option<Leader> {
    let folder = *folders(role).last()?;
    let children = &state.client().get(folder)?.children;
    let start = name(prefix(role));
    let number = |child: &Arc<str>| child.strip_prefix(start)?.parse::<u32>().ok();
    let lowest = children
        .iter()
        .filter_map(|child| Some((number(child)?, child)))
        .min_by_key(|(number, _)| *number)?
        .1;
    let path: Arc<str> = format!("{folder}/{lowest}").into();
    let node = state.client().get(&path)?;
    Some(Leader {
        path,
        epoch: Epoch(node.czxid.as_u64()),
        node: std::str::from_utf8(&node.data).ok()?.parse().ok()?,
        session: node.ephemeral_owner,
    })
}
