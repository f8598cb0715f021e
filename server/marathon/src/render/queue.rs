//! What waits for launch, and why.

use model::{AttributeValue, Instant, Quantity, Ranges};
use serde_json::{Value, json};
use wire::marathon::{
    LaunchQueue, OffersSummary, QueueDelay, QueueItem, RejectStep, UnusedOffer, UnusedOfferDetails,
};

use crate::offer::Offer;
use crate::queue::{self, QueueEntry};
use crate::snapshot::{App, Snapshot};

/// `GET /v2/queue` at `now`; with the unused offers themselves if `with_offers`.
pub fn launch_queue(snapshot: &Snapshot, now: Instant, with_offers: bool) -> LaunchQueue {
    let entries = snapshot.queue.iter().filter_map(|(id, entry)| {
        let app = snapshot.apps.get(id)?;
        Some(queue_item(entry, app, now, with_offers))
    });
    LaunchQueue { queue: entries.collect() }
}

/// What waits of one app.
pub fn queue_item(entry: &QueueEntry, app: &App, now: Instant, with_offers: bool) -> QueueItem {
    let offers = &entry.offers;
    QueueItem {
        count: entry.count,
        role: app.definition.spec.role().to_string(),
        delay: QueueDelay {
            time_left_seconds: entry.seconds_left(now),
            overdue: entry.is_overdue(now),
        },
        since: entry.since.to_rfc3339_millis(),
        processed_offers_summary: OffersSummary {
            processed_offers_count: offers.processed,
            unused_offers_count: offers.unused,
            last_unused_offer_at: offers.last_unused_at.map(|time| time.to_rfc3339_millis()),
            last_used_offer_at: offers.last_used_at.map(|time| time.to_rfc3339_millis()),
            reject_summary_last_offers: offers.last_offers().iter().map(reject_step).collect(),
            reject_summary_launch_attempt: offers
                .launch_attempts()
                .iter()
                .map(reject_step)
                .collect(),
        },
        last_unused_offers: with_offers
            .then(|| offers.last_unused.values().map(|unused| unused_offer(unused)).collect()),
        app: super::app(&app.definition),
    }
}

fn reject_step(step: &queue::RejectStep) -> RejectStep {
    RejectStep {
        reason: step.reason.name().to_owned(),
        declined: step.declined,
        processed: step.processed,
    }
}

fn unused_offer(unused: &queue::UnusedOffer) -> UnusedOffer {
    let offer = &unused.offer;
    UnusedOffer {
        offer: UnusedOfferDetails {
            id: offer.id.to_string(),
            hostname: offer.host.to_string(),
            agent_id: offer.agent.to_string(),
            resources: resources(offer),
            attributes: offer
                .attributes
                .iter()
                .map(|(name, value)| attribute(name, value))
                .collect(),
        },
        reason: unused.reasons.iter().map(|reason| reason.name().to_owned()).collect(),
        timestamp: unused.timestamp.to_rfc3339_millis(),
    }
}

fn resources(offer: &Offer) -> Vec<Value> {
    let role = offer.role.as_str();
    let resource = |(name, quantity): (&str, &Quantity)| match quantity {
        Quantity::Scalar(amount) => {
            json!({"name": name, "role": role, "scalar": amount.to_f64(), "ranges": [], "set": []})
        }
        Quantity::Ranges(numbers) => {
            json!({"name": name, "role": role, "ranges": ranges(numbers), "set": []})
        }
        Quantity::Set(names) => {
            json!({"name": name, "role": role, "ranges": [], "set": names})
        }
    };
    offer.resources.iter().map(resource).collect()
}

fn attribute(name: &str, value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Scalar(amount) => {
            json!({"name": name, "scalar": amount.to_f64(), "ranges": [], "set": []})
        }
        AttributeValue::Ranges(numbers) => {
            json!({"name": name, "ranges": ranges(numbers), "set": []})
        }
        AttributeValue::Text(text) => {
            json!({"name": name, "text": text, "ranges": [], "set": []})
        }
    }
}

fn ranges(numbers: &Ranges) -> Vec<Value> {
    numbers.pairs().map(|(begin, end)| json!({"begin": begin, "end": end})).collect()
}
