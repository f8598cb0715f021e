//! Why instances wait, and what would help: read from the launch queue's answer, nothing is guessed.

use wire::marathon::{QueueItem, RejectStep, UnusedOfferDetails};

/// What keeps the next instance from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// Earlier attempts failed; seconds until the next.
    BackOff(u64),
    /// Nothing was offered since.
    NoOffer,
    /// No agent's last offer came past this requirement.
    Stage(String),
    /// The agents' offers failed at different requirements.
    Mixed,
}

/// Something that one can do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Help {
    /// Be content with the instances that run.
    ScaleTo(u32),
    /// One instance asks for more than any offer had.
    AskForLess {
        /// `cpus`, `mem` or `disk`.
        resource: &'static str,
        /// How much it asks for.
        asks: f64,
        /// The most that an offer had.
        most: f64,
    },
    /// Let the agents choose the host port.
    AnyPort,
    /// Loosen these constraints.
    Constraint(Vec<String>),
    /// More agents, more room.
    AddAgent,
    /// See why the last attempt failed.
    LastFailure,
}

/// The first stage of the funnel at which no offer is left.
pub(super) fn blocking(steps: &[RejectStep]) -> Option<&RejectStep> {
    steps.iter().find(|step| step.processed > 0 && step.declined == step.processed)
}

/// What keeps the next instance of this entry.
pub(super) fn cause(item: &QueueItem) -> Cause {
    let offers = &item.processed_offers_summary;
    if !item.delay.overdue {
        return Cause::BackOff(item.delay.time_left_seconds);
    }
    match blocking(&offers.reject_summary_last_offers) {
        Some(step) => Cause::Stage(step.reason.clone()),
        None if offers.reject_summary_last_offers.iter().any(|step| step.declined > 0) => {
            Cause::Mixed
        }
        None => Cause::NoOffer,
    }
}

/// Constraints as one writes them: `hostname:UNIQUE`.
pub(super) fn constraints(item: &QueueItem) -> Vec<String> {
    let all = item.app.constraints.iter().map(|words| words.join(":"));
    all.map(|text| text.trim_end_matches(':').to_owned()).collect()
}

/// How much of a scalar resource an offer had, over all roles.
pub(super) fn offered(offer: &UnusedOfferDetails, resource: &str) -> f64 {
    let named = offer.resources.iter().filter(|entry| entry["name"] == resource);
    named.filter_map(|entry| entry["scalar"].as_f64()).sum()
}

/// What one can do about it, the least first.
pub(super) fn helps(item: &QueueItem, running: u32) -> Vec<Help> {
    let reason = match cause(item) {
        Cause::BackOff(_) => return vec![Help::LastFailure],
        Cause::NoOffer | Cause::Mixed => return vec![Help::AddAgent],
        Cause::Stage(reason) => reason,
    };
    let less = |resource: &'static str, asks: f64| {
        let offers = item.last_unused_offers.iter().flatten();
        let most = offers.map(|unused| offered(&unused.offer, resource)).fold(0.0, f64::max);
        (most < asks).then_some(Help::AskForLess { resource, asks, most })
    };
    let own = match reason.as_str() {
        "InsufficientCpus" => less("cpus", item.app.cpus),
        "InsufficientMemory" => less("mem", item.app.mem),
        "InsufficientDisk" => less("disk", item.app.disk),
        "InsufficientPorts" => Some(Help::AnyPort),
        "UnfulfilledConstraint" => Some(Help::Constraint(constraints(item))),
        _ => None,
    };
    // Suspending is no help with waiting.
    let fewer = (running > 0).then_some(Help::ScaleTo(running));
    fewer.into_iter().chain(own).chain([Help::AddAgent]).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wire::marathon::UnusedOffer;

    use super::*;

    fn step(reason: &str, declined: u64, processed: u64) -> RejectStep {
        RejectStep { reason: reason.to_owned(), declined, processed }
    }

    fn item(steps: Vec<RejectStep>) -> QueueItem {
        let mut item = QueueItem::default();
        item.delay.overdue = true;
        item.processed_offers_summary.reject_summary_last_offers = steps;
        item
    }

    #[test]
    fn the_stage_that_nothing_passes_is_the_reason() {
        let steps = [
            step("UnfulfilledRole", 0, 3),
            step("UnfulfilledConstraint", 3, 3),
            step("InsufficientCpus", 0, 0),
        ];
        assert_eq!(blocking(&steps).unwrap().reason, "UnfulfilledConstraint");
        assert_eq!(blocking(&[step("UnfulfilledRole", 1, 3)]), None);
        assert_eq!(blocking(&[step("UnfulfilledRole", 0, 0)]), None);
    }

    #[test]
    fn back_off_comes_before_offers() {
        let mut waiting = item(vec![step("InsufficientCpus", 2, 2)]);
        assert_eq!(cause(&waiting), Cause::Stage("InsufficientCpus".to_owned()));
        waiting.delay.overdue = false;
        waiting.delay.time_left_seconds = 7;
        assert_eq!(cause(&waiting), Cause::BackOff(7));
        assert_eq!(helps(&waiting, 1), [Help::LastFailure]);
        assert_eq!(cause(&item(Vec::new())), Cause::NoOffer);
        let mixed = [step("UnfulfilledConstraint", 1, 2), step("InsufficientPorts", 0, 1)];
        assert_eq!(cause(&item(mixed.to_vec())), Cause::Mixed);
    }

    #[test]
    fn too_large_an_instance_is_told_what_the_largest_offer_had() {
        let mut waiting = item(vec![step("InsufficientCpus", 2, 2)]);
        waiting.app.cpus = 64.0;
        let offer = |cpus: f64| UnusedOffer {
            offer: UnusedOfferDetails {
                resources: vec![
                    json!({"name": "cpus", "role": "*", "scalar": cpus}),
                    json!({"name": "cpus", "role": "web", "scalar": 0.5}),
                    json!({"name": "ports", "ranges": []}),
                ],
                ..UnusedOfferDetails::default()
            },
            ..UnusedOffer::default()
        };
        waiting.last_unused_offers = Some(vec![offer(1.0), offer(2.0)]);
        assert_eq!(
            helps(&waiting, 0),
            [Help::AskForLess { resource: "cpus", asks: 64.0, most: 2.5 }, Help::AddAgent]
        );
        assert_eq!(helps(&waiting, 3)[0], Help::ScaleTo(3));
    }

    #[test]
    fn a_constraint_is_named() {
        let mut waiting = item(vec![step("UnfulfilledConstraint", 2, 2)]);
        waiting.app.constraints =
            vec![vec!["hostname".to_owned(), "UNIQUE".to_owned(), String::new()]];
        assert_eq!(
            helps(&waiting, 0),
            [Help::Constraint(vec!["hostname:UNIQUE".to_owned()]), Help::AddAgent]
        );
    }
}
