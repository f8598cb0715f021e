//! `GET /v2/queue`: what waits for launch, and why offers were not used.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::app::App;

/// `GET /v2/queue`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LaunchQueue {
    /// One entry per app that has instances waiting for launch.
    pub queue: Vec<QueueItem>,
}

/// Instances of one app that wait for launch; members in the original's order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueItem {
    /// How many instances wait or are provisioned.
    pub count: u32,
    /// Mesos role.
    pub role: String,
    /// Back-off.
    pub delay: QueueDelay,
    /// When the oldest of them was first seen waiting.
    pub since: String,
    /// Offers looked at so far.
    pub processed_offers_summary: OffersSummary,
    /// Offers that did not fit; only with `embed=lastUnusedOffers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_unused_offers: Option<Vec<UnusedOffer>>,
    /// The app, without runtime fields.
    pub app: App,
}

/// Back-off of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueDelay {
    /// Whole seconds left, never below 0.
    pub time_left_seconds: u64,
    /// No delay known, or it ended a second ago or more.
    pub overdue: bool,
}

/// Why offers were not used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OffersSummary {
    /// Offers looked at, matched ones included.
    pub processed_offers_count: u64,
    /// Offers that did not match.
    pub unused_offers_count: u64,
    /// When an offer last did not match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_unused_offer_at: Option<String>,
    /// When an offer last matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_offer_at: Option<String>,
    /// Funnel over the newest unmatched offer of each agent, all ten reasons in order.
    pub reject_summary_last_offers: Vec<RejectStep>,
    /// Funnel over all offers looked at, all ten reasons in order.
    pub reject_summary_launch_attempt: Vec<RejectStep>,
}

/// One stage of a funnel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectStep {
    /// `UnfulfilledRole`, `UnfulfilledConstraint` and so on.
    pub reason: String,
    /// Offers that failed here first.
    pub declined: u64,
    /// Offers that reached this stage.
    pub processed: u64,
}

/// An offer that did not fit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnusedOffer {
    /// The offer.
    pub offer: UnusedOfferDetails,
    /// Why it did not fit.
    pub reason: Vec<String>,
    /// When it was looked at.
    pub timestamp: String,
}

/// What an unused offer had.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UnusedOfferDetails {
    /// Offer id.
    pub id: String,
    /// Agent's hostname.
    pub hostname: String,
    /// Agent.
    pub agent_id: String,
    /// `{"name","role","scalar","ranges":[{"begin","end"}],"set":[]}` each.
    pub resources: Vec<Value>,
    /// `{"name","text","scalar","ranges","set"}` each.
    pub attributes: Vec<Value>,
}
