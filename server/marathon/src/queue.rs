//! What waits for launch, and what became of the offers seen meanwhile (marathon.md §4.8).

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;
use model::{AgentId, AppId, Instant, Timestamp};

use crate::offer::Offer;

/// Why an offer cannot host an app, in the order of the funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RejectReason {
    /// No resources of a role that the app accepts.
    UnfulfilledRole,
    /// A placement constraint says no.
    UnfulfilledConstraint,
    /// Reserved for a resident app's instance that is not there.
    NoCorrespondingReservationFound,
    /// The agent is being drained.
    AgentMaintenance,
    /// Too few CPU shares.
    InsufficientCpus,
    /// Too little memory.
    InsufficientMemory,
    /// Too little disk.
    InsufficientDisk,
    /// Too few GPUs.
    InsufficientGpus,
    /// A fixed port is taken, or too few are left.
    InsufficientPorts,
    /// A scarce resource the app does not need.
    DeclinedScarceResources,
}

impl RejectReason {
    /// All reasons in the order of the funnel.
    pub const ALL: [Self; 10] = [
        Self::UnfulfilledRole,
        Self::UnfulfilledConstraint,
        Self::NoCorrespondingReservationFound,
        Self::AgentMaintenance,
        Self::InsufficientCpus,
        Self::InsufficientMemory,
        Self::InsufficientDisk,
        Self::InsufficientGpus,
        Self::InsufficientPorts,
        Self::DeclinedScarceResources,
    ];

    /// The name in `/v2/queue`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnfulfilledRole => "UnfulfilledRole",
            Self::UnfulfilledConstraint => "UnfulfilledConstraint",
            Self::NoCorrespondingReservationFound => "NoCorrespondingReservationFound",
            Self::AgentMaintenance => "AgentMaintenance",
            Self::InsufficientCpus => "InsufficientCpus",
            Self::InsufficientMemory => "InsufficientMemory",
            Self::InsufficientDisk => "InsufficientDisk",
            Self::InsufficientGpus => "InsufficientGpus",
            Self::InsufficientPorts => "InsufficientPorts",
            Self::DeclinedScarceResources => "DeclinedScarceResources",
        }
    }
}

/// An offer that did not fit.
#[derive(Debug, Clone, PartialEq)]
pub struct UnusedOffer {
    /// The offer.
    pub offer: Arc<Offer>,
    /// Everything that spoke against it, first the reason it counts under.
    pub reasons: Vec<RejectReason>,
    /// When it was looked at.
    pub timestamp: Timestamp,
}

/// What became of the offers that an app saw since this process leads.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OfferStatistics {
    /// Offers looked at, matched ones included.
    pub processed: u64,
    /// Offers that did not match.
    pub unused: u64,
    /// When an offer last did not match.
    pub last_unused_at: Option<Timestamp>,
    /// When an offer last matched.
    pub last_used_at: Option<Timestamp>,
    /// Declines by first reason.
    pub declined: BTreeMap<RejectReason, u64>,
    /// The newest offer of each agent that did not match.
    pub last_unused: OrdMap<AgentId, Arc<UnusedOffer>>,
}

/// One stage of a funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectStep {
    /// The reason.
    pub reason: RejectReason,
    /// Offers that failed here first.
    pub declined: u64,
    /// Offers that reached this stage.
    pub processed: u64,
}

impl OfferStatistics {
    /// Counts an offer that was used.
    pub(crate) fn matched(&mut self, agent: &AgentId, wall: Timestamp) {
        self.processed += 1;
        self.last_used_at = Some(wall);
        self.last_unused.remove(agent);
    }

    /// Counts an offer that was not used; `reasons` is not empty.
    pub(crate) fn rejected(&mut self, unused: UnusedOffer) {
        self.processed += 1;
        self.unused += 1;
        self.last_unused_at = Some(unused.timestamp);
        if let Some(first) = unused.reasons.first() {
            *self.declined.entry(*first).or_default() += 1;
        }
        self.last_unused.insert(unused.offer.agent.clone(), Arc::new(unused));
    }

    /// The funnel over the newest unmatched offer of each agent.
    pub fn last_offers(&self) -> Vec<RejectStep> {
        let mut declined = BTreeMap::new();
        for unused in self.last_unused.values() {
            if let Some(first) = unused.reasons.first() {
                *declined.entry(*first).or_default() += 1;
            }
        }
        funnel(self.last_unused.len() as u64, &declined)
    }

    /// The funnel over all offers looked at.
    pub fn launch_attempts(&self) -> Vec<RejectStep> {
        funnel(self.processed, &self.declined)
    }
}

fn funnel(mut processed: u64, declined: &BTreeMap<RejectReason, u64>) -> Vec<RejectStep> {
    RejectReason::ALL
        .into_iter()
        .map(|reason| {
            let step = RejectStep {
                reason,
                declined: declined.get(&reason).copied().unwrap_or(0),
                processed,
            };
            processed = processed.saturating_sub(step.declined);
            step
        })
        .collect()
}

/// An app with instances that wait for launch or have not told a status yet.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueEntry {
    /// The app.
    pub app: AppId,
    /// How many instances wait or are provisioned.
    pub count: u32,
    /// When the oldest of them was first seen waiting.
    pub since: Timestamp,
    /// When the back-off ends or ended; `None` without one.
    pub delayed_until: Option<Instant>,
    /// What became of the offers seen.
    pub offers: Arc<OfferStatistics>,
}

impl QueueEntry {
    /// Whole seconds of back-off left at `now`.
    pub fn seconds_left(&self, now: Instant) -> u64 {
        self.delayed_until.map_or(0, |until| until.duration_since(now).as_secs())
    }

    /// Whether no delay is known, or it ended a second ago or earlier.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.delayed_until.is_none_or(|until| now.duration_since(until).as_secs() >= 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_funnel_counts_each_offer_under_its_first_reason() {
        let mut declined = BTreeMap::new();
        declined.insert(RejectReason::UnfulfilledConstraint, 12);
        declined.insert(RejectReason::InsufficientPorts, 1);
        let steps = funnel(15, &declined);
        assert_eq!(steps.len(), 10);
        let seen = |reason| {
            let step = steps.iter().find(|step| step.reason == reason).unwrap();
            (step.declined, step.processed)
        };
        assert_eq!(seen(RejectReason::UnfulfilledRole), (0, 15));
        assert_eq!(seen(RejectReason::UnfulfilledConstraint), (12, 15));
        assert_eq!(seen(RejectReason::InsufficientPorts), (1, 3));
        assert_eq!(seen(RejectReason::DeclinedScarceResources), (0, 2));
    }

    #[test]
    fn a_delay_is_overdue_one_second_after_its_end() {
        let entry = QueueEntry {
            app: AppId::parse("/a").unwrap(),
            count: 1,
            since: Timestamp::from_millis(0),
            delayed_until: Some(Instant::from_secs(10)),
            offers: Arc::default(),
        };
        assert_eq!(entry.seconds_left(Instant::from_millis(7_500)), 2);
        assert!(!entry.is_overdue(Instant::from_millis(10_999)));
        assert!(entry.is_overdue(Instant::from_secs(11)));
        assert_eq!(entry.seconds_left(Instant::from_secs(11)), 0);
    }
}
