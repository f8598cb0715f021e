//! Offers as the core matches them.

use std::sync::Arc;

use model::{AgentId, Attributes, OfferId, Resources, Role};

/// Resources of one agent proposed for one role.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Its id.
    pub id: OfferId,
    /// The agent.
    pub agent: AgentId,
    /// The agent's hostname.
    pub host: Arc<str>,
    /// What is proposed.
    pub resources: Resources,
    /// What the agent says of its machine.
    pub attributes: Arc<Attributes>,
    /// The role they are allocated to.
    pub role: Role,
}
