//! The event stream `/ui/api/v1/events` (server-sent events).
//!
//! An event says *that* something of a topic changed, never what: the page then asks for its rows again, with its own filter
//! and order. So a lost event costs nothing but time, and one stream serves every page.

use serde::{Deserialize, Serialize};

/// What an event can be about; its text is the `event:` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// Applications and groups.
    App,
    /// Deployments.
    Deployment,
    /// The launch queue.
    Queue,
    /// Tasks and instances.
    Task,
    /// Agents and their resources.
    Agent,
    /// Frameworks, their offers and resources.
    Framework,
    /// Counters and series.
    Metrics,
    /// The leading master or Marathon.
    Leader,
}

impl Topic {
    /// Every topic, in the order of the reference.
    pub const ALL: [Self; 8] = [
        Self::App,
        Self::Deployment,
        Self::Queue,
        Self::Task,
        Self::Agent,
        Self::Framework,
        Self::Metrics,
        Self::Leader,
    ];

    /// The text of the `event:` line.
    pub fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Deployment => "deployment",
            Self::Queue => "queue",
            Self::Task => "task",
            Self::Agent => "agent",
            Self::Framework => "framework",
            Self::Metrics => "metrics",
            Self::Leader => "leader",
        }
    }
}

/// `event:` of the message that asks the page to read everything again, after a gap.
pub const RESYNC: &str = "resync";
/// `event:` of the message that only shows that the stream lives.
pub const HEARTBEAT: &str = "heartbeat";

/// The `data:` of every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Grows with every change; also the `id:` line.
    pub revision: u64,
}
